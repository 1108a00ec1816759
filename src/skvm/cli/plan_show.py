"""``skvm plan show``: the steps of a plan, what waits for what, and what may go at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from skvm.cli.command import SkvmCommand, settings_of

if TYPE_CHECKING:
    from skvm.cli.plan_show_view import PlanView
    from skvm.compiler.plans.plan import Plan
    from skvm.runtime.plan.model import Target
    from skvm.settings import Settings

__all__ = ["command"]


@click.command("show", cls=SkvmCommand)
@click.argument("plan", metavar="PLAN")
@click.option("--model", metavar="ID", help="As it would run with this model; else with commands alone.")
@click.option("--adapter", default="bare-agent", show_default=True, help="Harness of the model's steps.")
@click.option("--mermaid", "form", flag_value="mermaid", help="Print the graph as Mermaid.")
@click.option("--json", "form", flag_value="json", help="Print one JSON document.")
@click.pass_context
def command(ctx: click.Context, plan: str, model: str | None, adapter: str, form: str | None) -> None:
    """Show the steps of a plan, what waits for what, and what may go at once.

    PLAN is a plan.json, a variant that has one, or a skill's folder, of which a plan is then made. Of each
    group it is shown how it would run next, and why. --verbose shows all of a large plan.
    """
    from skvm.cli.console import print_json
    from skvm.errors import UsageError
    from skvm.runtime.plan.model import Target
    from skvm.runtime.plan.running.source import read_source

    try:
        source = read_source(Path(plan).expanduser())
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"{plan!r} cannot be looked up: {error}") from error
    view = _view(settings_of(ctx), source.plan, Target(model, adapter) if model else Target())
    if form == "mermaid":
        from skvm.cli.plan_show_mermaid import mermaid

        click.echo(mermaid(view), nl=False)
    elif form == "json":
        from skvm.cli.plan_show_report import as_document

        print_json(as_document(view))
    else:
        from skvm.cli.plan_show_report import print_view

        print_view(view, is_whole=bool(ctx.meta.get("skvm.flags", {}).get("verbose")))


def _view(settings: Settings, plan: Plan, target: Target) -> PlanView:
    import anyio

    from skvm.cli.plan_show_view import view_of
    from skvm.evidence.journal import Journal
    from skvm.runtime.plan.deciding.history import GroupHistory, history_of

    async def history() -> GroupHistory:
        async with Journal(settings.journal_path, read_only=True) as journal:
            return await history_of(journal, plan.skill_digest, target)

    found = anyio.run(history) if settings.journal_path.exists() else GroupHistory()
    return view_of(found.forecast(plan), target, found.decisions(plan))
