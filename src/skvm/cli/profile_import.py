"""Importing profiles, told file by file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.text import Text

from skvm.cli.console import err, out, print_json
from skvm.errors import FindingsError, InfrastructureError

if TYPE_CHECKING:
    from pathlib import Path

    from skvm.target.importing import Imported
    from skvm.target.store import ProfileStore

__all__ = ["import_and_report"]

_STYLES = {"imported": "green", "history": "cyan", "skipped": "yellow", "broken": "bold red"}


def import_and_report(store: ProfileStore, source: Path, *, force: bool, as_json: bool) -> None:
    """Import, and say what became of each file.

    Raises:
        FindingsError: A file was broken; the others are imported.
        UsageError: There is nothing to import.
        InfrastructureError: The store cannot be written; what was told is done.
    """
    from skvm.target.importing import Action, import_profiles

    done: list[Imported] = []
    failure: InfrastructureError | None = None
    try:
        for each in import_profiles(source, store, force=force):
            done.append(each)
            if not as_json:
                _tell(each)
    except InfrastructureError as error:
        failure = error
    counts = Counter(each.action for each in done)
    if as_json:
        summary = {action.value: counts[action] for action in Action}
        print_json({"root": str(store.root), "summary": summary, "files": [_json(each) for each in done]})
    elif done:
        parts = [f"{counts[action]} {action.value}" for action in Action if counts[action]]
        out.print(f"{', '.join(parts)}; profiles lie in {store.root}", markup=False)
    if failure is not None:
        raise failure
    if counts[Action.BROKEN]:
        broken = counts[Action.BROKEN]
        raise FindingsError(
            f"{broken} file{' is' if broken == 1 else 's are'} broken",
            help="the others were taken; mend these and import them again",
        )


def _tell(each: Imported) -> None:
    from skvm.profiler.standing import printable_text
    from skvm.target.importing import Action

    reason = printable_text(each.reason)
    head = (f"{each.action.value}: ", _STYLES[each.action.value])
    if each.action is Action.BROKEN:
        err.print(Text.assemble(head, reason))
        return
    target = f"{each.model} in {each.harness}, " if each.model else ""
    lines = Text.assemble(head, f"{printable_text(str(each.source))}\n  ", target, reason)
    if each.kept is not None:
        lines.append(f"; the old one is now {each.kept.name}")
    out.print(lines)


def _json(each: Imported) -> dict[str, Any]:
    return {
        "source": str(each.source),
        "action": each.action.value,
        "reason": each.reason,
        "model": each.model,
        "harness": each.harness,
        "path": each.path and str(each.path),
        "kept": each.kept and str(each.kept),
        "line": each.line,
        "field": each.field,
    }
