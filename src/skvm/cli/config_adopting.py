"""Taking over another system's configuration: routes and harnesses we do not have, keys only if asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skvm.cache.adopting import Adopted
from skvm.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from skvm.cli.config_document import Document
    from skvm.settings import Settings

__all__ = ["adopt_config"]


def adopt_config(source: Path, settings: Settings, *, with_keys: bool, is_dry: bool) -> Iterator[Adopted]:
    """Take over ``skvm.config.json`` of another cache root; what ours says stays.

    Args:
        source: The cache root.
        settings: Say which file is ours.
        with_keys: Whether keys are copied with their routes.
        is_dry: Only look.
    """
    from skvm.cli.config_document import Document
    from skvm.settings_file import CONFIG_NAME, parse_config, read_config

    path = source / CONFIG_NAME
    if not path.exists() and not path.is_symlink():
        return
    try:
        values = read_config(path)
        headless = values.pop("headlessAgent", None)
        parse_config(path, values)
    except ConfigError as error:
        yield Adopted("configuration", CONFIG_NAME, "refused", error.message)
        return
    document = Document.open(settings.config_path or settings.cache_dir / CONFIG_NAME)
    done = [*_routes(values, document, with_keys=with_keys), *_adapters(values, document, path.parent)]
    if headless is not None:
        done.append(Adopted("configuration", "headlessAgent", "skipped", "has no use here: routes say it"))
    if (values.get("paths") or {}).get("tmpDir"):
        done.append(Adopted("configuration", "paths", "skipped", "temporary folders are this machine's own"))
    mode = (values.get("defaults") or {}).get("adapterConfigMode")
    if mode and "adapterConfigMode" not in (document.values.get("defaults") or {}) and mode != "managed":
        document.set_mode(mode)
        done.append(Adopted("configuration", "defaults.adapterConfigMode", "adopted", mode))
    if document.is_changed and not is_dry:
        document.write()
    yield from done


def _routes(values: dict[str, Any], document: Document, *, with_keys: bool) -> Iterator[Adopted]:
    from skvm.cli.config_document import tidy_url

    ours = {route.get("match") for route in document.routes}
    for route in (values.get("providers") or {}).get("routes") or []:
        name = f"route {route['match']}"
        if route["match"] in ours:
            yield Adopted("configuration", name, "skipped", "ours has one that matches the same")
            continue
        made = {key: route[key] for key in ("match", "kind", "apiKeyEnv", "baseUrl") if route.get(key)}
        try:
            if made.get("baseUrl"):
                made["baseUrl"] = tidy_url(made["baseUrl"])
        except UsageError as error:
            yield Adopted("configuration", name, "refused", error.message.partition(":")[0])
            continue
        told = route["kind"]
        if route.get("apiKey") and with_keys:
            made["apiKey"] = route["apiKey"]
            told += ", with its key"
        elif route.get("apiKey") and not made.get("apiKeyEnv"):
            made["apiKeyEnv"] = _variable(route)
            told += f", without its key: set {made['apiKeyEnv']}, or use --with-keys"
        document.put_route(made)
        ours.add(route["match"])
        yield Adopted("configuration", name, "adopted", told)


def _variable(route: dict[str, Any]) -> str:
    if route["kind"] in ("openrouter", "anthropic"):
        return f"{route['kind'].upper()}_API_KEY"
    stem = re.sub(r"\W+", "_", route["match"].partition("/")[0], flags=re.ASCII).strip("_").upper() or "MY"
    return f"{'K' if stem[0].isdigit() else ''}{stem}_API_KEY"


def _adapters(values: dict[str, Any], document: Document, folder: Path) -> Iterator[Adopted]:
    ours = set(document.values.get("adapters") or {})
    for name, said in sorted((values.get("adapters") or {}).items()):
        if name in ours:
            yield Adopted("configuration", f"adapter {name}", "skipped", "ours says something of it already")
            continue
        item = {"repoPath": said} if isinstance(said, str) else dict(said)
        if item.get("repoPath"):
            # What a file says is meant from where it lies, and ours lies elsewhere.
            item["repoPath"] = str(folder.absolute() / Path(item["repoPath"]).expanduser())
        known = ("repoPath", "nativeAgent", "nativeSourceAgent", "extraCliArgs")
        document.set_adapter(name, {key: item[key] for key in known if item.get(key)})
        yield Adopted("configuration", f"adapter {name}", "adopted", item.get("repoPath") or "its settings")
