"""The configuration file as a document that is edited: what we do not touch stays as it was."""

from __future__ import annotations

import contextlib
import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from skvm.errors import ConfigError, InfrastructureError, UsageError
from skvm.files import replace_file

__all__ = ["BACKUPS", "Document", "suggest_prefix", "tidy_url"]

BACKUPS = 5
"""So many old files are kept."""

_PORTS = {
    1234: "lmstudio",
    1337: "jan",
    4000: "litellm",
    5001: "koboldcpp",
    8000: "vllm",
    8080: "llamacpp",
    11434: "ollama",
    30000: "sglang",
}
_DULL_LABELS = {"api", "www", "inference", "gateway", "llm", "ai", "v1"}
# Built in, so a route of that name would take their models away.
_TAKEN = {"local", "openrouter", "anthropic", "openai"}


@dataclass(slots=True)
class Document:
    """One configuration file, open for changes.

    Args:
        path: The file.
        values: What it holds, as JSON; changed in place.
        before: Its bytes when it was read; ``None`` if it was not there.
    """

    path: Path
    values: dict[str, Any]
    before: bytes | None
    _initial: str = field(default="", repr=False)

    @classmethod
    def open(cls, path: Path) -> Document:
        """Read a file.

        Raises:
            ConfigError: It cannot be read, or parts we would change have another shape than they should.
        """
        from skvm.settings_file import read_config

        values = read_config(path)
        before = path.read_bytes() if path.exists() else None
        made = cls(path, values, before, json.dumps(values))
        providers, adapters = values.get("providers"), values.get("adapters")
        for name, value, wanted in (
            ("providers", providers, dict),
            ("providers.routes", providers.get("routes") if isinstance(providers, dict) else None, list),
            ("adapters", adapters, dict),
            ("defaults", values.get("defaults"), dict),
        ):
            if value is not None and not isinstance(value, wanted):
                noun = "a list" if wanted is list else "an object"
                raise ConfigError(f"{path}: SKV402 {name} must be {noun}", help="mend the file first")
        return made

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to write."""
        return json.dumps(self.values) != self._initial

    @property
    def routes(self) -> list[dict[str, Any]]:
        """Its routes; what is no object among them is left where it is and out of here."""
        listed = (self.values.get("providers") or {}).get("routes") or []
        return [item for item in listed if isinstance(item, dict)]

    def put_route(self, route: dict[str, Any], *, instead: dict[str, Any] | None = None) -> None:
        """Add a route, or change one in place; keys of it that we do not know stay.

        A new one goes before those whose pattern would take its models first.
        """
        listed = self._list()
        for item in listed:
            if instead is not None and item is instead:
                for key in ("match", "kind", "apiKey", "apiKeyEnv", "baseUrl"):
                    instead.pop(key, None)
                instead.update(route)
                return
        listed.insert(_place_of(route, listed), route)

    def remove_route(self, route: dict[str, Any]) -> None:
        """Remove a route."""
        listed = self._list()
        listed[:] = [item for item in listed if item is not route]

    def mode(self) -> str:
        """Whose configuration harnesses run with by default."""
        return str((self.values.get("defaults") or {}).get("adapterConfigMode") or "managed")

    def set_mode(self, mode: str) -> None:
        """Set it."""
        if mode != self.mode():
            self.values["defaults"] = {**(self.values.get("defaults") or {}), "adapterConfigMode": mode}

    def adapter(self, name: str) -> dict[str, Any]:
        """What it says of a harness, as an object."""
        found = (self.values.get("adapters") or {}).get(name)
        if isinstance(found, str):
            return {"repoPath": found}
        return dict(found) if isinstance(found, dict) else {}

    def set_adapter(self, name: str, changes: dict[str, Any]) -> None:
        """Change keys of a harness; an empty value removes the key, and the last one the harness."""
        merged = {**self.adapter(name), **changes}
        kept = {key: value for key, value in merged.items() if value not in (None, "", [])}
        if kept == self.adapter(name):
            return
        adapters = dict(self.values.get("adapters") or {})
        if kept:
            adapters[name] = kept
        else:
            adapters.pop(name, None)
        self.values["adapters"] = adapters

    def legacy(self) -> tuple[str, ...]:
        """Keys that had to be migrated."""
        item = self.values.get("headlessAgent")
        return tuple(
            key for key in ("modelPrefix", "providerOverride") if isinstance(item, dict) and key in item
        )

    def drop_legacy(self) -> None:
        """Remove them."""
        item = dict(self.values["headlessAgent"])
        for key in self.legacy():
            del item[key]
        self.values["headlessAgent"] = item
        if not item:
            del self.values["headlessAgent"]

    def write(self) -> Path | None:
        """Check the document and write it (0600); the old file is kept beside it. Gives the backup's path.

        Raises:
            ConfigError: What was made of it could not be read back; nothing is written.
            UsageError: Somebody changed the file meanwhile; nothing is written.
            InfrastructureError: The disk refuses; the old file is as it was.
        """
        # A link stays one: people keep such files in a folder of their own.
        place = self.path.resolve() if self.path.is_symlink() else self.path
        self._check()
        data = json.dumps(self.values, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            now = place.read_bytes() if place.exists() else None
            if now != self.before:
                raise UsageError(
                    f"{self.path} was changed by another process meanwhile; nothing was written",
                    help="start again: what it says now is then kept",
                )
            backup = self._back_up()
            replace_file(place, data)
            _prune(self.path)
        except OSError as error:
            raise InfrastructureError(
                f"{self.path}: cannot be written: {error.strerror or error}",
                help="free some space, or name another cache root with --skvm-cache",
            ) from error
        self.before = data
        self._initial = json.dumps(self.values)
        return backup

    def _list(self) -> list[Any]:
        providers = self.values.get("providers")
        if not isinstance(providers, dict):
            providers = self.values["providers"] = {}
        listed = providers.get("routes")
        if not isinstance(listed, list):
            listed = providers["routes"] = []
        return listed

    def _check(self) -> None:
        from skvm.settings_file import parse_config

        try:
            parse_config(self.path, self.values)
        except ConfigError as error:
            raise ConfigError(f"nothing was written: {error.message}", help=error.help) from error

    def _back_up(self) -> Path | None:
        if self.before is None:
            return None
        millis = time.time_ns() // 1_000_000
        while (backup := self.path.with_name(f"{self.path.name}.bak.{millis}")).exists():
            millis += 1
        replace_file(backup, self.before)
        return backup


def _prune(path: Path) -> None:
    # Ours are named by milliseconds; a shorter number is somebody's own copy.
    pattern = re.compile(re.escape(path.name) + r"\.bak\.(\d{13,})")
    found = [
        (int(match[1]), each) for each in path.parent.iterdir() if (match := pattern.fullmatch(each.name))
    ]
    for _, old in sorted(found)[:-BACKUPS]:
        # Another process may prune at the same time.
        with contextlib.suppress(FileNotFoundError):
            old.unlink()


def _place_of(route: dict[str, Any], listed: list[Any]) -> int:
    from skvm.llm.route import matches

    for index, item in enumerate(listed):
        other = item.get("match") if isinstance(item, dict) else None
        if isinstance(other, str) and other != route["match"] and matches(other, route["match"]):
            return index
    return len(listed)


def tidy_url(text: str) -> str:
    """A base URL as we keep it.

    Raises:
        UsageError: It is no address, or it holds a password.
    """
    text = text.strip()
    if "://" not in text and text:
        text = ("http://" if re.match(r"(localhost|127\.|\[::1\])", text) else "https://") + text
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not text.isprintable() or " " in text:
        raise UsageError(
            f"not an address: {text[:80]!r}", help="write it whole, for example http://127.0.0.1:8000/v1"
        )
    if parts.username or parts.password:
        raise UsageError("an address must not hold a password", help="give it as the key of the route")
    path = re.sub(r"/(chat/completions|completions|models|responses)/?$", "", parts.path).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def suggest_prefix(url: str, taken: set[str]) -> str:
    """A short prefix for the models of an endpoint: from a well-known port of this machine, or from the host.

    Args:
        url: A tidy base URL.
        taken: Prefixes that routes have already.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_here = host == "localhost" or host.startswith("127.") or host == "::1"
    known = _PORTS.get(parts.port or 0) if is_here or re.fullmatch(r"[\d.]+|.*:.*", host) else None
    labels = [label for label in host.split(".")[:-1] if label not in _DULL_LABELS] or host.split(".")[:1]
    is_number = re.fullmatch(r"[\d.]+|.*:.*", host) is not None
    name = known or ("server" if is_here or is_number else labels[-1])
    name = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "server"
    found, number = name, 2
    while found in taken | _TAKEN:
        found, number = f"{name}{number}", number + 1
    return found
