"""What is looked at in settings: the rows ``skvm doctor`` and ``skvm config doctor`` share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from skvm.errors import ConfigError
    from skvm.settings import AdapterSettings, Route, Settings

__all__ = [
    "Check",
    "Status",
    "check_adapters",
    "check_dataset",
    "check_file",
    "check_folders",
    "check_routes",
    "default_variable",
    "native_readiness",
    "print_checks",
    "size_words",
]

Status = Literal["ok", "info", "warning", "failed"]

_STYLES = {"ok": "green", "info": "dim", "warning": "yellow", "failed": "bold red"}
_MARKS = {"ok": "✓", "info": "·", "warning": "!", "failed": "✗"}
_CACHE_SPACE, _TMP_SPACE = 2 << 30, 1 << 30


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Args:
        group: What it belongs to.
        name: What was looked at.
        status: ``failed`` where something needed does not work, ``warning`` where something is lacking,
            ``info`` where it is a fact only.
        detail: What was found.
        help: The way out.
    """

    group: str
    name: str
    status: Status
    detail: str
    help: str | None = None


def check_file(settings: Settings, fault: ConfigError | None) -> Iterator[Check]:
    """The file itself, and what is odd in it.

    Args:
        settings: As they are without what could not be read.
        fault: Why it could not be read, if it could not.
    """
    from skvm.diagnostics import Severity

    path = settings.config_path
    if fault is not None:
        yield Check("configuration", "file", "failed", fault.message, fault.help)
        return
    if path is None or not path.exists():
        yield Check(
            "configuration", "file", "info", f"{path}: not there, so all is default", "skvm config init"
        )
        return
    yield Check("configuration", "file", "ok", f"{path}: understood")
    for found in settings.diagnostics:
        status: Status = "info" if found.severity is Severity.NOTE else "warning"
        yield Check("configuration", found.code, status, found.message, found.help)


def check_routes(settings: Settings) -> Iterator[Check]:
    """Credential and address of each; names of variables only: a key never reaches the screen."""
    import importlib.util

    from skvm.llm.route import known_routes, matches

    can_call = False
    before: list[Route] = []
    for route, source in known_routes(settings):
        if route.kind == "local":
            continue
        check = _check_route(route, is_ours=source == "route", source=source)
        hidden = [each.match for each in before if matches(each.match, route.match)]
        if hidden and check.status == "ok" and source == "route":
            check = Check(
                check.group,
                check.name,
                "warning",
                f"{check.detail}; never asked, {hidden[0]} comes first",
                "put the narrower pattern first in providers.routes",
            )
        can_call |= check.status == "ok" or (check.status == "warning" and bool(hidden))
        before.append(route)
        yield check
    if not can_call and importlib.util.find_spec("xllamacpp") is None:
        yield Check(
            "providers",
            "any model",
            "failed",
            "no provider has a key, and no embedded model can run",
            "pip install 'skvm[local]', or set the key of a provider",
        )


def _check_route(route: Route, *, is_ours: bool, source: str) -> Check:
    from skvm.cli.config_document import tidy_url
    from skvm.errors import UsageError

    where: str = route.kind
    if route.base_url:
        try:
            # What a person may type short must stand in the file whole.
            whole = route.base_url if "://" in route.base_url else ":"
            where = f"{route.kind} at {tidy_url(whole)}"
        except UsageError as error:
            # The address itself may hold a password, so it is not shown.
            help = "write it whole, for example http://127.0.0.1:8000/v1"
            detail = "base URL is no address" if "password" not in error.message else error.message
            return Check("providers", route.match, "failed" if is_ours else "warning", detail, help)
    credential = route.credential()
    if route.api_key:
        key, has_key = "key in the file", True
    elif variable := route.api_key_env or default_variable(route):
        credential = credential or os.environ.get(variable)
        has_key = bool(credential)
        key = f"{variable} is {'set' if has_key else 'not set'}"
    else:
        key, has_key = "needs no key", True
    if credential and not (credential.strip().isascii() and credential.strip().isprintable()):
        return Check(
            "providers",
            route.match,
            "failed" if is_ours else "warning",
            f"{where}; the key holds characters no key can have",
            "copy it again; it should be one line of plain letters, digits and signs",
        )
    lacks = not has_key and is_ours
    return Check(
        "providers",
        route.match,
        "ok" if has_key else "warning" if lacks else "info",
        f"{where}; {key} ({source})",
        f"set {route.api_key_env or default_variable(route)}" if lacks else None,
    )


def default_variable(route: Route) -> str | None:
    """The variable a route's key is read from where it names none."""
    return {"openrouter": "OPENROUTER_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}.get(route.kind)


def check_adapters(settings: Settings) -> Iterator[Check]:
    """What the file says of harnesses: whether it is there, and whether ``native`` has something to copy."""
    import difflib

    from skvm.harness.contract import HARNESSES
    from skvm.harness.programs.catalogue import PROGRAMS

    programs = {entry.name: entry for entry in PROGRAMS}
    for name in sorted(settings.adapters):
        if name not in programs and name not in HARNESSES.names():
            close = difflib.get_close_matches(name, [*programs, *HARNESSES.names()], n=1)
            help = f"did you mean {close[0]}?" if close else "`skvm harness list` lists those there are"
            yield Check("adapters", name, "warning", "no harness of this name; nothing reads it", help)
    for name, entry in programs.items():
        if entry.kind == "harness" and (said := settings.adapters.get(name)) is not None:
            yield _check_program(name, said, settings)
    if settings.adapter_mode == "native" or settings.adapters:
        yield from _check_native(settings)


def _check_program(name: str, said: AdapterSettings, settings: Settings) -> Check:
    from skvm.errors import ConfigError
    from skvm.harness.programs.catalogue import find_entry
    from skvm.harness.programs.find import find_program

    try:
        found = find_program(find_entry(name), settings)
    except ConfigError as error:
        return Check("adapters", name, "failed", error.message, error.help)
    more = f"; extra arguments: {len(said.extra_args)}" if said.extra_args else ""
    if found is None:
        return Check("adapters", name, "warning", f"not installed{more}", f"skvm harness install {name}")
    if found.lacks:
        lacking = " ".join(found.lacks)
        return Check("adapters", name, "warning", f"needs {lacking}{more}", f"skvm harness install {lacking}")
    return Check("adapters", name, "ok", f"{found.executable} ({found.origin}){more}")


def _check_native(settings: Settings) -> Iterator[Check]:
    """Which harnesses find a configuration of the user's own."""
    ready: list[str] = []
    bare: list[str] = []
    for name, has_files in native_readiness(settings).items():
        (ready if has_files else bare).append(name)
    is_default = settings.adapter_mode == "native"
    detail = f"default mode {settings.adapter_mode}; yours found for: {', '.join(ready) or 'none'}"
    lacking = f"native needs a configuration of yours; none for: {', '.join(bare)}"
    yield Check(
        "adapters",
        "native",
        "warning" if is_default and bare else "info",
        detail,
        lacking if is_default and bare else None,
    )


def native_readiness(settings: Settings) -> Mapping[str, bool]:
    """Harness that can run with its user's own configuration → whether there is one."""
    from skvm.errors import SkvmError
    from skvm.harness.contract import HARNESSES
    from skvm.settings import AdapterSettings

    found: dict[str, bool] = {}
    home = Path.home()
    for name in HARNESSES.names():
        try:
            adapter = HARNESSES.get(name)()
        except SkvmError:
            continue
        native_of = getattr(adapter, "native_of", None)
        if native_of is None or "native" not in getattr(adapter, "modes", ()):
            continue
        wanted = native_of(home, settings.adapters.get(name, AdapterSettings()))
        found[name] = any((home / each).exists() for each in wanted)
    return found


def check_folders(settings: Settings) -> Iterator[Check]:
    """Whether the cache and the temporary folder can be written, and how much room there is."""
    for name, folder, needed in (
        ("cache", settings.cache_dir, _CACHE_SPACE),
        ("temporary", settings.tmp_dir, _TMP_SPACE),
    ):
        yield _check_folder(name, folder, needed)


def _check_folder(name: str, folder: Path, needed: int) -> Check:
    import shutil
    import tempfile

    existing = folder
    # Looking must not make anything, so a folder to come is judged by where it will be.
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as error:
        flag = "--skvm-cache" if name == "cache" else "--tmp-dir"
        detail = f"{folder}: cannot be written: {error.strerror}"
        return Check("folders", name, "failed", detail, f"name another with {flag}")
    is_low = free < needed
    return Check(
        "folders",
        name,
        "warning" if is_low else "ok",
        f"{folder}{'' if existing == folder else ' (not made yet)'}, {size_words(free)} free",
        f"free some space (`skvm cache gc`): {size_words(needed)} are wanted" if is_low else None,
    )


def check_dataset(settings: Settings) -> Iterator[Check]:
    """Whether there are tasks a bench could take."""
    tasks = settings.data_dir / "tasks"
    try:
        count = sum(1 for each in tasks.iterdir() if (each / "task.json").is_file())
    except OSError:
        count = 0
    yield Check(
        "dataset",
        "tasks",
        "ok" if count else "info",
        f"{settings.data_dir}: {count} tasks" if count else f"{settings.data_dir}: none",
        None if count else "skvm data get fetches the public ones",
    )


def size_words(count: int) -> str:
    """Bytes, in MB or GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def print_checks(checks: tuple[Check, ...], *, whole: str, broken: str) -> None:
    """The table.

    Args:
        checks: In order of reading.
        whole: What is said if nothing failed.
        broken: What follows the number of rows that failed.
    """
    from rich.table import Table
    from rich.text import Text

    from skvm.cli.console import out, visible

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            table.add_row("", Text(group, style="bold"), "")
        detail = Text(visible(check.detail))
        if check.help:
            detail.append(f"\n→ {visible(check.help)}", style="cyan")
        name = Text(f"  {visible(check.name)}")
        table.add_row(Text(_MARKS[check.status], style=_STYLES[check.status]), name, detail)
    out.print(table)
    if failed := sum(check.status == "failed" for check in checks):
        out.print(Text(f"{failed} failed: {broken}", style="bold red"))
    else:
        out.print(Text(whole, style="bold green"))
