"""``skvm config show``: every value in force, and where it is from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.settings import Settings

__all__ = ["print_settings", "settings_json"]

_NAMES = {
    "cache_dir": "cacheDir",
    "profiles_dir": "profilesDir",
    "logs_dir": "logsDir",
    "proposals_dir": "proposalsDir",
    "data_dir": "dataDir",
    "tmp_dir": "tmpDir",
    "auto_probe": "autoProbe",
    "adapter_mode": "adapterConfigMode",
}


def settings_json(settings: Settings) -> dict[str, Any]:
    """Everything, as one JSON object; no key and no part of one."""
    from skvm.llm.route import known_routes

    return {
        "schema": 2,
        "file": {
            "path": str(settings.config_path),
            "exists": settings.config_path is not None and settings.config_path.exists(),
        },
        "values": {
            shown: {
                "value": value if isinstance(value := getattr(settings, name), bool) else str(value),
                "source": settings.origins.get(name, "default"),
            }
            for name, shown in _NAMES.items()
        },
        "routes": [
            {
                "match": route.match,
                "kind": route.kind,
                "baseUrl": _without_password(route.base_url),
                "key": _key_state(route.api_key, route.api_key_env, has_key=bool(route.credential())),
                "source": str(settings.config_path) if source == "route" else "built-in",
            }
            for route, source in known_routes(settings)
        ],
        "adapters": {
            name: {
                "path": str(each.path) if each.path else None,
                "nativeAgent": each.native_agent,
                "nativeSourceAgent": each.native_source_agent,
                "extraArgs": [_masked(word, settings) for word in each.extra_args],
                "source": str(settings.config_path),
            }
            for name, each in settings.adapters.items()
        },
        "diagnostics": [
            {"code": each.code, "severity": each.severity.value, "message": each.message, "help": each.help}
            for each in settings.diagnostics
        ],
    }


def print_settings(settings: Settings) -> None:
    """The same for people."""
    from skvm.cli.console import out, visible

    found = settings_json(settings)
    absent = "" if found["file"]["exists"] else " (not there)"
    out.print(f"{'file':<18} {visible(found['file']['path'])}{absent}", markup=False)
    for name, each in found["values"].items():
        words = {True: "on", False: "off"}.get(each["value"], each["value"])
        out.print(f"{name:<18} {visible(words)}  ({visible(each['source'])})", markup=False)
    out.print("routes")
    for route in found["routes"]:
        place = f"  {route['baseUrl']}" if route["baseUrl"] else ""
        line = f"  {route['match']:<24} {route['kind']:<18} key: {route['key']}{place}  ({route['source']})"
        out.print(visible(line), markup=False)
    if found["adapters"]:
        out.print("adapters")
    for name, each in found["adapters"].items():
        words = [f"{key}: {value}" for key, value in each.items() if value and key != "source"]
        out.print(visible(f"  {name:<24} {', '.join(words)}  ({each['source']})"), markup=False)


def _key_state(literal: str | None, variable: str | None, *, has_key: bool) -> str:
    if literal:
        return "in the file"
    if variable:
        return f"{variable} ({'set' if has_key else 'not set'})"
    return "none"


def _without_password(url: str | None) -> str | None:
    """An address without what stands before its host's ``@``."""
    if url is None or "@" not in url:
        return url
    scheme, slashes, rest = url.rpartition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{slashes}***@{place.rpartition('@')[2]}{slash}{path}"


def _masked(word: str, settings: Settings) -> str:
    from skvm.evidence.redact import Redactor

    return str(Redactor.of(settings).json(word))
