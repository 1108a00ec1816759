"""``skvm plan check``: what is wrong with a plan."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand

if TYPE_CHECKING:
    from skvm.diagnostics import Diagnostic
    from skvm.runtime.plan.checking import Checked

__all__ = ["command"]

_SCHEMA = 1
_SHOWN_PER_CODE = 8


@click.command("check", cls=SkvmCommand)
@click.argument("plan", metavar="PLAN")
@click.option("--workdir", metavar="DIR", help="Also look for its inputs and programs, as if run here.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(ctx: click.Context, plan: str, workdir: str | None, strict: bool, as_json: bool) -> int:
    """Say what is wrong with a plan.

    PLAN is a plan.json, written by skvm or by hand, a variant that has one, or a skill's folder. Exit code: 1
    if there is an error, or with --strict a warning.
    """
    from skvm.cli.console import print_json
    from skvm.diagnostics import Severity

    checked = _checked(Path(plan), _folder(workdir))
    if as_json:
        print_json(_document(plan, checked))
    else:
        _print(checked, is_whole=bool(ctx.meta.get("skvm.flags", {}).get("verbose")))
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return 1 if any(found.severity in bad for found in checked.diagnostics) else 0


def _folder(name: str | None) -> Path | None:
    from skvm.errors import UsageError

    if name is None:
        return None
    try:
        if Path(name).is_dir():
            return Path(name).resolve()
    except (OSError, ValueError):
        pass
    raise UsageError(f"{name!r}: no such folder", help="name the folder the plan would run in")


def _checked(path: Path, work_dir: Path | None) -> Checked:
    import json

    from skvm.errors import UsageError
    from skvm.runtime.plan.checking import Surroundings, check_plan
    from skvm.runtime.plan.running.source import PLAN_NAME, plan_bytes, read_source

    try:
        file = path / PLAN_NAME if path.is_dir() and (path / PLAN_NAME).is_file() else path
        is_made = file.is_dir() or file.name == "SKILL.md"
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(path)!r} cannot be looked up: {error}") from error
    if is_made:
        source = read_source(path)
        data = json.dumps(source.plan.record()).encode()
        return check_plan(data, around=Surroundings(source.folder, work_dir))
    return check_plan(plan_bytes(file), name=str(file), around=Surroundings(file.absolute().parent, work_dir))


def _print(checked: Checked, *, is_whole: bool) -> None:
    from skvm.cli.console import out, print_diagnostics
    from skvm.diagnostics import Severity

    counts: Counter[str] = Counter()
    kept: list[Diagnostic] = []
    for found in checked.diagnostics:
        counts[found.code] += 1
        if is_whole or counts[found.code] <= _SHOWN_PER_CODE:
            kept.append(found)
    print_diagnostics(kept)
    for code, count in counts.items():
        if not is_whole and count > _SHOWN_PER_CODE:
            out.print(f"{count - _SHOWN_PER_CODE} more {code}: --verbose shows them", style="dim")
    plan = checked.plan
    parts = []
    if plan is not None:
        parts = [_amount(len(plan.steps), "step"), _amount(len(plan.groups), "group")]
    severities = Counter(found.severity for found in checked.diagnostics)
    parts += [_amount(severities[each], each.value) for each in Severity if severities[each]]
    out.print(", ".join(parts) if severities else f"{', '.join(parts)}: nothing wrong")


def _amount(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _document(path: str, checked: Checked) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "path": path,
        "isPlan": checked.plan is not None,
        "hasErrors": checked.has_errors,
        "diagnostics": [
            {
                "code": found.code,
                "severity": found.severity.value,
                "message": found.message,
                "path": found.path,
                "span": [found.span.start, found.span.end] if found.span is not None else None,
                "line": found.line,
                "column": found.column,
                "help": found.help,
            }
            for found in checked.diagnostics
        ],
    }
