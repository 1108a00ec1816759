"""Settings: where things lie and which providers there are, resolved once a command.

Precedence: command-line flag, environment variable, ``skvm.config.json`` in the cache root (without one,
that of the current folder), default. Which of them it was is told with every value. The key of a route is
read from its environment variable only at the moment a provider client is made, and lives nowhere else.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skvm.diagnostics import Diagnostic
from skvm.settings_file import (
    AdapterMode,
    AdapterSettings,
    Route,
    RouteKind,
    find_config,
    parse_config,
)

__all__ = ["VARIABLES", "AdapterSettings", "Route", "RouteKind", "Settings", "load_settings"]

VARIABLES: Mapping[str, str] = {
    "cache_dir": "SKVM_CACHE",
    "profiles_dir": "SKVM_PROFILES_DIR",
    "logs_dir": "SKVM_LOGS_DIR",
    "proposals_dir": "SKVM_PROPOSALS_DIR",
    "data_dir": "SKVM_DATA_DIR",
    "tmp_dir": "SKVM_TMP_DIR",
    "auto_probe": "SKVM_AUTO_PROBE",
}
"""Setting → environment variable that sets it."""


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
        adapter_mode: Whose configuration harnesses run with that can run with their user's own.
        config_path: The configuration file, which need not exist.
        origins: Where each value is from, by its name here: ``--flag``, ``NAME`` of a variable, the path of
            the file, or ``default``.
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
    adapter_mode: AdapterMode = "managed"
    config_path: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
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
    with_file: bool = True,
) -> Settings:
    """Resolve the settings of one command.

    Args:
        cache_dir: ``--skvm-cache``.
        data_dir: ``--skvm-data-dir``.
        tmp_dir: ``--tmp-dir``.
        auto_probe: ``False`` for ``--no-auto-probe``.
        env: The environment; that of the process if left out.
        with_file: Whether the configuration file is read; without it, it counts as empty.

    Raises:
        ConfigError: The configuration file cannot be read, or a value in it is malformed.
    """
    env = os.environ if env is None else env
    origins: dict[str, str] = {}

    def folder(name: str, default: Path, flag: tuple[str, str | None] = ("", None)) -> Path:
        variable = VARIABLES[name]
        if flag[1]:
            origins[name], found = flag[0], Path(flag[1])
        elif env.get(variable):
            origins[name], found = variable, Path(env[variable])
        else:
            origins.setdefault(name, "default")
            found = default
        return found.expanduser().absolute()

    cache = folder("cache_dir", Path.home() / ".skvm", ("--skvm-cache", cache_dir))
    path = find_config(cache)
    config = parse_config(path, None if with_file else {})
    if config.tmp_dir is not None:
        origins["tmp_dir"] = str(config.path)
    local_data = Path("skvm-data")
    probes = env.get("SKVM_AUTO_PROBE") != "0" if auto_probe is None else auto_probe
    origins["auto_probe"] = _probe_origin(env, is_flag=auto_probe is not None)
    origins["adapter_mode"] = str(config.path) if config.adapter_mode else "default"
    return Settings(
        cache_dir=cache,
        profiles_dir=folder("profiles_dir", cache / "profiles"),
        logs_dir=folder("logs_dir", cache / "log"),
        proposals_dir=folder("proposals_dir", cache / "proposals"),
        data_dir=folder(
            "data_dir",
            local_data if local_data.is_dir() else cache / "data",
            ("--skvm-data-dir", data_dir),
        ),
        tmp_dir=folder("tmp_dir", config.tmp_dir or Path(tempfile.gettempdir()), ("--tmp-dir", tmp_dir)),
        routes=config.routes,
        adapters=config.adapters,
        auto_probe=probes,
        adapter_mode=config.adapter_mode or "managed",
        config_path=config.path,
        origins=origins,
        diagnostics=config.diagnostics,
    )


def _probe_origin(env: Mapping[str, str], *, is_flag: bool) -> str:
    if is_flag:
        return "--no-auto-probe"
    return "SKVM_AUTO_PROBE" if env.get("SKVM_AUTO_PROBE") else "default"
