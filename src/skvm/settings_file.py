"""``skvm.config.json``: found, read, checked key by key.

A value of the wrong type stops a command (SKV402); a key nobody reads is told (SKV401) and left alone. What
the file says of paths is meant from where the file lies.
"""

from __future__ import annotations

import difflib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from skvm.diagnostics import Diagnostic, Severity, rule
from skvm.errors import ConfigError

__all__ = [
    "CONFIG_NAME",
    "MAX_CONFIG_BYTES",
    "AdapterMode",
    "AdapterSettings",
    "ConfigFile",
    "Route",
    "RouteKind",
    "find_config",
    "parse_config",
    "read_config",
]

CONFIG_NAME = "skvm.config.json"
MAX_CONFIG_BYTES = 1 << 20
RouteKind = Literal["openrouter", "anthropic", "openai-compatible", "local"]
AdapterMode = Literal["managed", "native"]
_KINDS = ("openrouter", "anthropic", "openai-compatible", "local")
_MODES = ("managed", "native")

_TOP = ("adapters", "defaults", "headlessAgent", "paths", "providers")
_ROUTE = ("apiKey", "apiKeyEnv", "baseUrl", "discoveredAt", "discoveredFrom", "kind", "match")
_ADAPTER = ("extraCliArgs", "nativeAgent", "nativeSourceAgent", "repoPath")
_HEADLESS = ("driver", "opencodePath")
_LEGACY = ("modelPrefix", "providerOverride")

SKV401 = rule(
    "SKV401",
    "unknown setting",
    "A key of skvm.config.json that nothing reads. It is ignored; most often it is misspelt.",
)
SKV402 = rule(
    "SKV402",
    "malformed setting",
    "A value of skvm.config.json has the wrong type or is out of range. Commands refuse to start until then.",
    Severity.ERROR,
)
SKV404 = rule(
    "SKV404",
    "setting of an older system",
    "headlessAgent.providerOverride and headlessAgent.modelPrefix said which provider the optimizer's agent"
    " takes. Routes say that now, for everything that calls a model. Commands refuse to start until the two"
    " keys are gone: to ignore them could send a private skill to a provider it was not meant for. Add a"
    " route to providers.routes whose match is the old prefix and '/*', then remove the keys.",
    Severity.ERROR,
)
SKV405 = rule(
    "SKV405",
    "key that others can read",
    "skvm.config.json holds a key, and its permissions let other users of this machine read the file. Run"
    " chmod 600 on it, or name the key's environment variable (apiKeyEnv) in the place of the key.",
)
SKV406 = rule(
    "SKV406",
    "setting without effect",
    "A key the existing system reads and this one has no use for. It stays in the file and does nothing:"
    " headlessAgent.driver and headlessAgent.opencodePath chose the program that edits skills, and skvm edits"
    " them itself.",
    Severity.NOTE,
)


@dataclass(frozen=True, slots=True)
class Route:
    """Which provider serves which model ids.

    Args:
        match: Glob over whole model ids (literal text and ``*``).
        kind: Wire dialect and client.
        api_key: The key itself, if the file holds it; never shown.
        api_key_env: Environment variable that holds it.
        base_url: Endpoint; required for ``openai-compatible``.
    """

    match: str
    kind: RouteKind
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str | None = None
    base_url: str | None = None

    def credential(self) -> str | None:
        """The key: the literal one, else the variable's value, else ``None``."""
        return self.api_key or (os.environ.get(self.api_key_env) or None if self.api_key_env else None)


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """What the configuration says of one harness.

    Args:
        path: Its executable, or a checkout that holds one; ``None`` finds it as usual.
        native_agent: Which of the user's own agents ``native`` takes, for harnesses that have several.
        native_source_agent: Which one its models and identity are copied from.
        extra_args: Put after the arguments we start it with.
    """

    path: Path | None = None
    native_agent: str | None = None
    native_source_agent: str | None = None
    extra_args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What one file says.

    Args:
        path: The file.
        exists: Whether it is there; else everything is at its default.
        tmp_dir: ``paths.tmpDir``, from where the file lies.
        adapter_mode: ``defaults.adapterConfigMode``.
        routes: ``providers.routes``.
        adapters: By name.
        diagnostics: What is odd about it, though it can be used.
    """

    path: Path
    exists: bool = False
    tmp_dir: Path | None = None
    adapter_mode: AdapterMode | None = None
    routes: tuple[Route, ...] = ()
    adapters: Mapping[str, AdapterSettings] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()


def find_config(cache_dir: Path) -> Path:
    """The file in force: that of the cache root, else that of the current folder, else where it would be."""
    own, local = cache_dir / CONFIG_NAME, Path(CONFIG_NAME).absolute()
    return own if os.path.lexists(own) or not os.path.lexists(local) else local


def read_config(path: Path) -> dict[str, Any]:
    """The object in a file; an absent file is an empty one.

    Raises:
        ConfigError: It is not a regular file, larger than 1 MB, or holds no JSON object.
    """
    try:
        text = _read_regular(path)
        loaded = json.loads(text) if text is not None else {}
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", help="mend the file or move it away") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: SKV402 must hold a JSON object")
    return loaded


def _read_regular(path: Path) -> str | None:
    try:
        # A pipe would be waited for without end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MAX_CONFIG_BYTES + 1)
    if len(data) > MAX_CONFIG_BYTES:
        raise OSError(f"larger than {MAX_CONFIG_BYTES >> 20} MB")
    return data.decode("utf-8-sig")


def parse_config(path: Path, values: dict[str, Any] | None = None) -> ConfigFile:
    """Read and check a file.

    Args:
        path: The file, which need not exist.
        values: What it is to hold; read from it if left out.

    Raises:
        ConfigError: It cannot be read, a value is malformed, or it holds keys that had to be migrated.
    """
    values = read_config(path) if values is None else values
    reader = _Reader(path, [])
    reader.known("", values, _TOP)
    reader.headless(values)
    paths = reader.object(values, "paths")
    # The message is older than this reader, and people search for it.
    tmp = paths.get("tmpDir")
    if not _is_text(tmp):
        raise reader.fault("paths must be an object whose tmpDir is a string")
    reader.known("paths.", paths, ("tmpDir",))
    defaults = reader.object(values, "defaults")
    reader.known("defaults.", defaults, ("adapterConfigMode",))
    mode = defaults.get("adapterConfigMode")
    if mode is not None and mode not in _MODES:
        raise reader.fault(f"defaults.adapterConfigMode must be one of {', '.join(_MODES)}")
    routes = reader.routes(values)
    adapters = reader.adapters(values)
    reader.permissions(routes)
    return ConfigFile(
        path,
        os.path.lexists(path),
        path.absolute().parent / Path(tmp).expanduser() if tmp else None,
        mode,
        routes,
        adapters,
        tuple(reader.found),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str | None) and "\0" not in (value or "")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Checks values and collects findings of one file."""

    path: Path
    found: list[Diagnostic]

    def fault(self, message: str, *, code: str = "SKV402", help: str | None = None) -> ConfigError:
        return ConfigError(f"{self.path}: {code} {message}", help=help)

    def object(self, values: Mapping[str, Any], key: str) -> dict[str, Any]:
        value = values.get(key)
        value = {} if value is None else value
        if not isinstance(value, dict):
            needs = " whose tmpDir is a string" if key == "paths" else ""
            raise self.fault(f"{key} must be an object{needs}")
        return value

    def known(self, where: str, item: Mapping[str, Any], known: Iterable[str]) -> None:
        """Tell of keys nobody reads; a key that begins with an underscore or a dollar sign is a remark."""
        for key in sorted(set(item) - set(known)):
            if key.startswith(("_", "$")):
                continue
            self.found.append(
                SKV401.at(f"{where}{key} is not read", path=self.path, help=_suggestion(key, known))
            )

    def headless(self, values: Mapping[str, Any]) -> None:
        item = self.object(values, "headlessAgent")
        if legacy := [key for key in _LEGACY if key in item]:
            named = " and ".join(f"headlessAgent.{key}" for key in legacy)
            raise self.fault(
                f"{named}: routes say which provider serves a model",
                code="SKV404",
                help="add a route for those models to providers.routes and remove the key",
            )
        self.known("headlessAgent.", item, _HEADLESS)
        self.found.extend(
            SKV406.at(f"headlessAgent.{key} has no effect: skvm edits skills itself", path=self.path)
            for key in _HEADLESS
            if key in item
        )

    def routes(self, values: Mapping[str, Any]) -> tuple[Route, ...]:
        providers = values.get("providers") or {}
        listed = providers.get("routes", []) if isinstance(providers, dict) else None
        if not isinstance(listed, list):
            raise self.fault("providers.routes must be a list")
        self.known("providers.", providers, ("routes",))
        return tuple(self.route(item, f"providers.routes[{index}]") for index, item in enumerate(listed))

    def route(self, item: Any, where: str) -> Route:
        if not isinstance(item, dict) or not isinstance(item.get("match"), str):
            raise self.fault(f"{where} must be an object with a 'match'")
        if item.get("kind") not in _KINDS:
            raise self.fault(f"{where}.kind must be one of {', '.join(_KINDS)}")
        for key in ("apiKey", "apiKeyEnv", "baseUrl"):
            if not _is_text(item.get(key)):
                raise self.fault(f"{where}.{key} must be a string")
        if item["kind"] == "openai-compatible" and not item.get("baseUrl"):
            raise self.fault(f"{where}.baseUrl is required for openai-compatible")
        self.known(f"{where}.", item, _ROUTE)
        return Route(
            match=item["match"],
            kind=item["kind"],
            api_key=item.get("apiKey") or None,
            api_key_env=item.get("apiKeyEnv") or None,
            base_url=item.get("baseUrl") or None,
        )

    def adapters(self, values: Mapping[str, Any]) -> dict[str, AdapterSettings]:
        listed = self.object(values, "adapters")
        return {name: self.adapter(value, f"adapters.{name}") for name, value in sorted(listed.items())}

    def adapter(self, value: Any, where: str) -> AdapterSettings:
        item = {"repoPath": value} if isinstance(value, str) else value
        if not isinstance(item, dict):
            raise self.fault(f"{where} must be a path or an object")
        for key in ("repoPath", "nativeAgent", "nativeSourceAgent"):
            if not _is_text(item.get(key)):
                raise self.fault(f"{where}.{key} must be a string")
        extra = item.get("extraCliArgs") or []
        if not isinstance(extra, list) or not all(isinstance(each, str) and _is_text(each) for each in extra):
            raise self.fault(f"{where}.extraCliArgs must be a list of strings")
        self.known(f"{where}.", item, _ADAPTER)
        place = item.get("repoPath") or None
        return AdapterSettings(
            path=(self.path.absolute().parent / Path(place).expanduser()) if place else None,
            native_agent=item.get("nativeAgent") or None,
            native_source_agent=item.get("nativeSourceAgent") or None,
            extra_args=tuple(extra),
        )

    def permissions(self, routes: tuple[Route, ...]) -> None:
        if not any(route.api_key for route in routes) or not self.path.exists():
            return
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode & 0o077:
            self.found.append(
                SKV405.at(
                    f"holds a key, and others may read it ({mode:04o})",
                    path=self.path,
                    help=f"chmod 600 {self.path}",
                )
            )


def _suggestion(key: str, known: Iterable[str]) -> str | None:
    by_fold = {each.casefold().replace("_", "").replace("-", ""): each for each in known}
    folded = key.casefold().replace("_", "").replace("-", "")
    close = difflib.get_close_matches(folded, by_fold, n=1, cutoff=0.6)
    return f"did you mean {by_fold[close[0]]}?" if close else None
