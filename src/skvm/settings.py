"""Settings: where things lie and which providers there are, resolved once a command.

Precedence: command-line flag, environment variable, ``skvm.config.json`` in the cache root, the same in
the current folder, default. The key of a route is read from its environment variable only at the moment
a provider client is made, and lives nowhere else.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from skvm.diagnostics import Diagnostic, Severity, rule
from skvm.errors import ConfigError

__all__ = ["AdapterSettings", "Route", "RouteKind", "Settings", "load_settings"]

RouteKind = Literal["openrouter", "anthropic", "openai-compatible", "local"]
_KINDS = ("openrouter", "anthropic", "openai-compatible", "local")

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
class Settings:
    """Where things lie and which providers there are.

    Args:
        cache_dir: Root of everything we keep (``~/.skvm``).
        profiles_dir: Profiles.
        logs_dir: Logs and the journal.
        proposals_dir: Variants, boost state, proposals.
        data_dir: The task and skill dataset.
        tmp_dir: Where work directories are made.
        routes: Provider routes, first match wins.
        adapters: What the configuration says of harnesses, by name.
        auto_probe: Whether an endpoint may be probed for what it can do.
        diagnostics: What was wrong with the configuration file.
    """

    cache_dir: Path
    profiles_dir: Path
    logs_dir: Path
    proposals_dir: Path
    data_dir: Path
    tmp_dir: Path
    routes: tuple[Route, ...] = ()
    adapters: Mapping[str, AdapterSettings] = field(default_factory=dict)
    auto_probe: bool = True
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def models_dir(self) -> Path:
        """Weights of embedded models."""
        return self.cache_dir / "models"

    @property
    def journal_path(self) -> Path:
        """The evidence journal."""
        return self.logs_dir / "journal.sqlite"

    @property
    def blobs_dir(self) -> Path:
        """Content-addressed blobs."""
        return self.logs_dir / "blobs"


def load_settings(
    *,
    cache_dir: str | None = None,
    data_dir: str | None = None,
    tmp_dir: str | None = None,
    auto_probe: bool | None = None,
    env: Mapping[str, str] | None = None,
) -> Settings:
    """Resolve the settings of one command.

    Raises:
        ConfigError: The configuration file is not JSON, or a value in it is malformed.
    """
    env = os.environ if env is None else env
    cache = Path(cache_dir or env.get("SKVM_CACHE") or Path.home() / ".skvm").expanduser().absolute()
    config, path = _read_config((cache / "skvm.config.json", Path("skvm.config.json")))
    routes, diagnostics = _routes(config, path)
    adapters, misspelt = _adapters(config, path)
    paths = config.get("paths") or {}
    tmp = paths.get("tmpDir") if isinstance(paths, dict) else 0
    if not isinstance(tmp, str | None) or "\0" in (tmp or ""):
        raise ConfigError(f"{path}: SKV402 paths must be an object whose tmpDir is a string")

    def folder(variable: str, default: Path) -> Path:
        return Path(env.get(variable) or default).expanduser().absolute()

    local_data = Path("skvm-data")
    return Settings(
        cache_dir=cache,
        profiles_dir=folder("SKVM_PROFILES_DIR", cache / "profiles"),
        logs_dir=folder("SKVM_LOGS_DIR", cache / "log"),
        proposals_dir=folder("SKVM_PROPOSALS_DIR", cache / "proposals"),
        data_dir=Path(data_dir).expanduser().absolute()
        if data_dir
        else folder("SKVM_DATA_DIR", local_data if local_data.is_dir() else cache / "data"),
        tmp_dir=Path(tmp_dir).expanduser().absolute()
        if tmp_dir
        else folder("SKVM_TMP_DIR", Path(tmp or tempfile.gettempdir())),
        routes=routes,
        adapters=adapters,
        auto_probe=env.get("SKVM_AUTO_PROBE") != "0" if auto_probe is None else auto_probe,
        diagnostics=(*diagnostics, *misspelt),
    )


def _read_config(candidates: tuple[Path, ...]) -> tuple[dict[str, Any], Path]:
    for path in candidates:
        try:
            _check_regular(path)
            loaded = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(
                f"{path}: cannot be read: {error}", help="mend the file or move it away"
            ) from error
        if not isinstance(loaded, dict):
            raise ConfigError(f"{path}: SKV402 must hold a JSON object")
        return loaded, path
    return {}, candidates[0]


def _check_regular(path: Path) -> None:
    # A pipe would be waited for without end.
    if path.exists() and not path.is_file():
        raise OSError("not a regular file")


def _routes(config: dict[str, Any], path: Path) -> tuple[tuple[Route, ...], tuple[Diagnostic, ...]]:
    providers = config.get("providers") or {}
    listed = providers.get("routes", []) if isinstance(providers, dict) else None
    if not isinstance(listed, list):
        raise ConfigError(f"{path}: SKV402 providers.routes must be a list")
    known = {"match", "kind", "apiKey", "apiKeyEnv", "baseUrl", "discoveredAt", "discoveredFrom"}
    routes: list[Route] = []
    found: list[Diagnostic] = []
    for index, item in enumerate(listed):
        where = f"providers.routes[{index}]"
        if not isinstance(item, dict) or not isinstance(item.get("match"), str):
            raise ConfigError(f"{path}: SKV402 {where} must be an object with a 'match'")
        if item.get("kind") not in _KINDS:
            raise ConfigError(f"{path}: SKV402 {where}.kind must be one of {', '.join(_KINDS)}")
        if item["kind"] == "openai-compatible" and not item.get("baseUrl"):
            raise ConfigError(f"{path}: SKV402 {where}.baseUrl is required for openai-compatible")
        for key in ("apiKey", "apiKeyEnv", "baseUrl"):
            if not isinstance(item.get(key), str | None):
                raise ConfigError(f"{path}: SKV402 {where}.{key} must be a string")
        found += [SKV401.at(f"{where}.{key} is not read", path=path) for key in sorted(set(item) - known)]
        routes.append(
            Route(
                match=item["match"],
                kind=item["kind"],
                api_key=item.get("apiKey") or None,
                api_key_env=item.get("apiKeyEnv") or None,
                base_url=item.get("baseUrl") or None,
            )
        )
    return tuple(routes), tuple(found)


def _adapters(
    config: dict[str, Any], path: Path
) -> tuple[dict[str, AdapterSettings], tuple[Diagnostic, ...]]:
    listed = config.get("adapters") or {}
    if not isinstance(listed, dict):
        raise ConfigError(f"{path}: SKV402 adapters must be an object")
    known = {"repoPath", "nativeAgent", "nativeSourceAgent", "extraCliArgs"}
    adapters: dict[str, AdapterSettings] = {}
    found: list[Diagnostic] = []
    for name, value in sorted(listed.items()):
        where = f"adapters.{name}"
        item = {"repoPath": value} if isinstance(value, str) else value
        if not isinstance(item, dict):
            raise ConfigError(f"{path}: SKV402 {where} must be a path or an object")
        for key in ("repoPath", "nativeAgent", "nativeSourceAgent"):
            if not isinstance(item.get(key), str | None) or "\0" in (item.get(key) or ""):
                raise ConfigError(f"{path}: SKV402 {where}.{key} must be a string")
        extra = item.get("extraCliArgs") or []
        if not isinstance(extra, list) or not all(
            isinstance(each, str) and "\0" not in each for each in extra
        ):
            raise ConfigError(f"{path}: SKV402 {where}.extraCliArgs must be a list of strings")
        found += [SKV401.at(f"{where}.{key} is not read", path=path) for key in sorted(set(item) - known)]
        place = item.get("repoPath") or None
        adapters[name] = AdapterSettings(
            # What the file says is meant from where the file lies.
            path=(path.absolute().parent / Path(place).expanduser()) if place else None,
            native_agent=item.get("nativeAgent") or None,
            native_source_agent=item.get("nativeSourceAgent") or None,
            extra_args=tuple(extra),
        )
    return adapters, tuple(found)
