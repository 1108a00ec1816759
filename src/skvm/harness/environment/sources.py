"""Where installers find packages: the machine's ordinary configuration, without its secrets."""

from __future__ import annotations

import configparser
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

__all__ = ["Sources", "read_sources"]

_PIP_KEYS = (
    "index-url",
    "extra-index-url",
    "trusted-host",
    "find-links",
    "no-index",
    "cert",
    "proxy",
    "timeout",
)
_VARIABLES = (
    *(f"PIP_{key.upper().replace('-', '_')}" for key in _PIP_KEYS),
    *(f"UV_{key}" for key in ("DEFAULT_INDEX", "INDEX", "INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS")),
    *(f"UV_{key}" for key in ("NO_INDEX", "INSECURE_HOST", "NATIVE_TLS")),
    *(f"{key}_PROXY" for key in ("HTTP", "HTTPS", "NO", "ALL")),
    *(f"{key}_proxy" for key in ("http", "https", "no", "all")),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE"),
    *("npm_config_registry", "NPM_CONFIG_REGISTRY"),
)
_NPM_KEYS = re.compile(r"(?:@[\w.~-]+:)?registry|(?:https-)?proxy|noproxy|no-proxy|cafile|strict-ssl")
_URL = re.compile(r"[a-z+]+://[^\s]+", re.IGNORECASE)
_BARE_USER = re.compile(r"(?<![^\s,])[^\s/@,]+:[^\s/@,]*@(?=[\w.\[-]+(?:[:/]|$))")
"""``user:password@`` of a proxy without a scheme."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What an installer in a cell is told.

    Args:
        env: Variables for pip and uv, and what all of them honour.
        npmrc: Text of a configuration file for npm.
        paths: Local files and folders they name, which the cell must see.
        dropped: Settings whose credentials were left out, by name.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    npmrc: str = ""
    paths: tuple[Path, ...] = ()
    dropped: tuple[str, ...] = ()


def read_sources(env: Mapping[str, str] | None = None) -> Sources:
    """Read the configuration of this machine and this user.

    Args:
        env: Instead of our own environment.
    """
    env = os.environ if env is None else env
    found = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in _pip_settings(env)}
    found |= dict(_uv_settings(env))
    found |= {name: env[name] for name in _VARIABLES if env.get(name)}
    if not found.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} and "PIP_INDEX_URL" in found:
        found["UV_DEFAULT_INDEX"] = found["PIP_INDEX_URL"]
    for ours, theirs in (("UV_FIND_LINKS", "PIP_FIND_LINKS"), ("UV_NO_INDEX", "PIP_NO_INDEX")):
        if theirs in found:
            found.setdefault(ours, found[theirs])
    npm = dict(_npm_settings(env))
    dropped = sorted(name for name, value in {**found, **npm}.items() if _without_secrets(value) != value)
    found = {name: _without_secrets(value) for name, value in found.items()}
    npm = {name: _without_secrets(value) for name, value in npm.items()}
    return Sources(
        env={name: found[name] for name in sorted(found)},
        npmrc="".join(f"{name}={npm[name]}\n" for name in sorted(npm)),
        paths=tuple(_local_paths([*found.values(), *npm.values()], _home(env))),
        dropped=tuple(dropped),
    )


def _home(env: Mapping[str, str]) -> Path:
    return Path(env.get("HOME") or Path.home())


def _without_secrets(value: str) -> str:
    """Addresses without user, password and query; everything else as it is."""

    def bare(found: re.Match[str]) -> str:
        try:
            parts = urlsplit(found[0])
        except ValueError:
            # No address: whatever it is, it may hold a password.
            return ""
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))

    return _BARE_USER.sub("", _URL.sub(bare, value))


def _local_paths(values: list[str], home: Path) -> Iterator[Path]:
    for value in values:
        for word in value.split():
            path = Path(word.removeprefix("file://"))
            if not path.is_absolute() or not path.exists():
                continue
            # The pages of an index on disk name files that lie beside it.
            is_index = word.startswith("file://") and path.name == "simple"
            for shown in (path.parent, path) if is_index else (path,):
                # What holds the whole home folder would show all its secrets.
                if not home.resolve().is_relative_to(shown.resolve()):
                    yield shown
                    break


def _pip_settings(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    home = _home(env)
    config_home = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    files += [home / ".pip" / "pip.conf", config_home / "pip" / "pip.conf", Path(sys.prefix, "pip.conf")]
    named = env.get("PIP_CONFIG_FILE")
    files = [] if named == os.devnull else [*files, *([Path(named)] if named else [])]
    for file in files:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        for section in ("global", "install"):
            for key in _PIP_KEYS if parser.has_section(section) else ():
                if parser.has_option(section, key):
                    yield key, " ".join(parser.get(section, key).split())


def _uv_settings(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    home = _home(env)
    user = Path(env.get("XDG_CONFIG_HOME") or home / ".config", "uv", "uv.toml")
    named = env.get("UV_CONFIG_FILE")
    for file in (Path("/etc/uv/uv.toml"), user, *([Path(named)] if named else [])):
        try:
            data = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        pip = data.get("pip")
        for table in (data, pip if isinstance(pip, dict) else {}):
            if isinstance(table.get("index-url"), str):
                yield "UV_DEFAULT_INDEX", table["index-url"]
        listed = data.get("index")
        for index in listed if isinstance(listed, list) else ():
            if isinstance(index, dict) and index.get("default") is True and isinstance(index.get("url"), str):
                yield "UV_DEFAULT_INDEX", index["url"]


def _npm_settings(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    user = env.get("npm_config_userconfig") or env.get("NPM_CONFIG_USERCONFIG")
    home = _home(env)
    for file in (
        Path("/etc/npmrc"),
        Path("/usr/etc/npmrc"),
        Path("/usr/local/etc/npmrc"),
        Path(user or home / ".npmrc"),
    ):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            key, equals, value = (part.strip() for part in line.partition("="))
            if equals and _NPM_KEYS.fullmatch(key):
                yield key, re.sub(r"\$\{(\w+)\}", lambda found: env.get(found[1], ""), value.strip("\"'"))
