"""``skvm import-cache``: take over what an existing system kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, settings_of

if TYPE_CHECKING:
    from skvm.cache.adopting import Adopted

__all__ = ["command"]

_STYLES = {"adopted": "green", "skipped": "dim", "refused": "bold red"}


@click.command("import-cache", cls=SkvmCommand)
@click.argument("folder", metavar="DIR")
@click.option("--dry-run", is_flag=True, help="Only say what would be adopted.")
@click.option("--force", is_flag=True, help="Replace what is there; the old is kept beside it.")
@click.option("--with-keys", is_flag=True, help="Copy keys of routes, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, /, folder: str, **options: Any) -> int:
    """Adopt profiles, proposals, templates, variants and routes of an existing cache.

    DIR is its cache root, usually ~/.skvm. Each thing is checked first, and nothing of ours is overwritten.
    Nothing in DIR is changed or run; adopting twice changes nothing.

    Exit status 1 if something was refused.
    """
    from skvm.cache.adopting import adopt
    from skvm.cli.config_adopting import adopt_config
    from skvm.cli.console import print_json
    from skvm.errors import SkvmError, UsageError

    settings = settings_of(ctx)
    is_dry, as_json = options["dry_run"], options["as_json"]
    source = Path(folder).expanduser()
    done: list[Adopted] = []
    failure: SkvmError | None = None
    try:
        for each in adopt(source, settings, is_dry=is_dry, force=options["force"]):
            done.append(each)
            if not as_json:
                _tell(each)
        for each in adopt_config(source, settings, with_keys=options["with_keys"], is_dry=is_dry):
            done.append(each)
            if not as_json:
                _tell(each)
    except SkvmError as error:
        failure = error
    if as_json and done:
        print_json(
            {"schema": 1, "dryRun": is_dry, "summary": _counts(done), "items": [_json(e) for e in done]}
        )
    elif done:
        _summary(done, is_dry=is_dry)
    if failure is not None:
        raise failure
    if not done:
        raise UsageError(
            f"{source}: nothing to adopt", help="a cache root holds profiles/, proposals/ or skvm.config.json"
        )
    return 1 if any(each.action == "refused" for each in done) else 0


def _counts(done: list[Adopted]) -> dict[str, int]:
    counts = Counter(each.action for each in done)
    return {action: counts[action] for action in ("adopted", "skipped", "refused")}


def _tell(each: Adopted) -> None:
    from rich.text import Text

    from skvm.cli.console import out, visible

    out.print(
        Text.assemble(
            (f"{each.action:<8}", _STYLES[each.action]),
            f" {each.kind} {visible(each.name)}: {visible(each.reason)}",
        )
    )


def _summary(done: list[Adopted], *, is_dry: bool) -> None:
    from skvm.cli.console import out

    counts = ", ".join(f"{count} {action}" for action, count in _counts(done).items())
    out.print(f"{counts}{' (nothing was written)' if is_dry else ''}", markup=False)


def _json(each: Adopted) -> dict[str, Any]:
    return {"kind": each.kind, "name": each.name, "action": each.action, "reason": each.reason}
