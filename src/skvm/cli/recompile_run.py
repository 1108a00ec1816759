"""What ``skvm recompile`` does: one look, or one after another, and what came of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from skvm.compiler.counsel import RecordedCounsel
    from skvm.evaluate.bench import Bench
    from skvm.evidence.record import RunRecord
    from skvm.optimizer.adapting.recompile import RecompileRequest, Report
    from skvm.settings import Settings

__all__ = ["moment_of_flag", "recompile_skill", "target_of"]


def recompile_skill(settings: Settings, path: str, options: dict[str, Any]) -> None:
    """Carry the command out.

    Raises:
        UsageError: A flag makes no sense, the skill is none, or it has no variant or profile.
    """
    import anyio

    from skvm.cli.command import check_adapter_config
    from skvm.cli.commands.aot_compile import load
    from skvm.errors import UsageError
    from skvm.evidence.sessions import recorded_session
    from skvm.optimizer.adapting.recompile import RecompileRequest
    from skvm.profiler.simulated import is_simulated

    model, harness = target_of(options["target"], options["model"], options["harness"])
    check_adapter_config([harness], options["adapter_config"])
    if options["is_watching"] and options["dry_run"]:
        raise UsageError("--watch and --dry-run exclude each other")
    request = RecompileRequest(
        skill=load(path),
        model=model,
        harness=harness,
        tasks=_tasks(settings, options["tasks"]),
        since=moment_of_flag(options["since"]),
        dry_run=options["dry_run"],
        auto_apply=options["auto_apply"],
        budget_runs=options["budget_runs"],
        simulated=is_simulated(model),
        logs=_logs(settings, options["logs"]),
    )
    about: dict[str, Any] = {"models": [model], "harness": [harness], "skill": [request.skill.id]}
    with recorded_session(settings.logs_dir, "recompile", **about):
        anyio.run(_run, settings, request, path, options)


def target_of(target: str | None, model: str | None, harness: str | None) -> tuple[str, str]:
    """The model and harness some flags name.

    Raises:
        UsageError: They name none, or two different ones.
    """
    from skvm.errors import UsageError
    from skvm.harness.contract import HARNESSES

    named, _, inside = (target or "").partition("@")
    if target is not None and not named:
        raise UsageError(f"--target={target} names no model", help="write MODEL or MODEL@HARNESS")
    if named and model and named != model:
        raise UsageError(f"--target={target} and --model={model} name two models", help="give one of them")
    if inside and harness and inside != harness:
        raise UsageError(f"--target={target} and --adapter={harness} name two harnesses", help="give one")
    found = named or model
    if not found:
        raise UsageError("no target given", help="for example --target=local/qwen2.5-coder-1.5b@shell-agent")
    chosen = inside or harness or "bare-agent"
    HARNESSES.get(chosen)
    return found, chosen


def moment_of_flag(text: str | None) -> datetime | None:
    """The moment ``--since`` names: a date, or so many days (``7d``), hours (``12h``) or minutes ago.

    Raises:
        UsageError: It names none.
    """
    import re
    from datetime import UTC, datetime, timedelta

    from skvm.errors import UsageError

    if text is None:
        return None
    ago = re.fullmatch(r"(\d{1,6})([dhm])", text.strip())
    try:
        if ago is not None:
            unit = {"d": "days", "h": "hours", "m": "minutes"}[ago[2]]
            return datetime.now(UTC) - timedelta(**{unit: int(ago[1])})
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--since={text} is no moment", help="for example 2026-01-31, or 7d") from error
    return moment if moment.tzinfo else moment.astimezone()


def _tasks(settings: Settings, names: tuple[str, ...]) -> Any:
    from skvm.cli.acceptance_runs import given_tasks

    return tuple(found.task for found in given_tasks(settings, names))


def _logs(settings: Settings, names: tuple[str, ...]) -> Any:
    """What logs tell; what cannot be read of them is told."""
    from pathlib import Path

    from skvm.cli.console import err, print_diagnostics
    from skvm.evidence.redact import Redactor
    from skvm.optimizer.logs.reading import read_log

    found: list[Any] = []
    for name in names:
        reading = read_log(Path(name).expanduser(), redactor=Redactor.of(settings))
        print_diagnostics(reading.diagnostics, console=err)
        found += reading.evidence
    return tuple(found)


async def _run(settings: Settings, request: RecompileRequest, path: str, options: dict[str, Any]) -> None:
    from skvm.compiler.counsel import open_counsel
    from skvm.evaluate.bench import open_bench
    from skvm.evaluate.judging import judge_of
    from skvm.llm.contract import SpendLimit
    from skvm.llm.port import ModelPort
    from skvm.optimizer.adapting.at_hand import tasks_at_hand
    from skvm.runtime.plan.outfit.hook import with_plan_command

    limit = SpendLimit(max_usd=options["max_usd"], max_tokens=options["max_tokens"])
    asked = options["compiler_model"] or "none"
    mode: Any = options["adapter_config"] or "managed"
    async with open_bench(settings, sandbox=options["sandbox"], limit=limit, config_mode=mode) as opened:
        judge = judge_of(opened, options["judge_model"]) if options["judge_model"] else None
        bench = with_plan_command(replace(opened, judge=judge))
        port = bench.port if isinstance(bench.port, ModelPort) else None
        if not request.tasks:
            found = await tasks_at_hand(bench.journal, request.skill, settings.data_dir)
            request = replace(request, tasks=found)
        async with open_counsel(settings, asked, port=port) as counsel:
            look = _Look(request, bench, counsel, path, options["as_json"])
            if options["is_watching"]:
                await look.again_and_again(options["every_s"])
            else:
                look.show(await look.once())


class _Look:
    """One look, and how it is shown."""

    def __init__(
        self,
        request: RecompileRequest,
        bench: Bench,
        counsel: RecordedCounsel | None,
        path: str,
        as_json: bool,
    ) -> None:
        self.request, self.bench, self.counsel = request, bench, counsel
        self.path, self.as_json, self.is_watching = path, as_json, False

    async def once(self) -> Report:
        """Look, recompile, measure, propose."""
        from skvm.cli.console import err, visible
        from skvm.optimizer.adapting.recompile import recompile
        from skvm.optimizer.proposals.store import ProposalStore

        def say(line: str) -> None:
            err.print(visible(line), markup=False)

        def on_run(record: RunRecord) -> None:
            score = "–" if record.score is None else f"{record.score:.2f}"
            say(f"  {record.condition} {record.task_id}: {score}")

        return await recompile(
            self.request,
            self.bench,
            ProposalStore(self.bench.settings),
            on_event=say,
            on_run=on_run,
            counsel=self.counsel.begin() if self.counsel is not None else None,
        )

    async def again_and_again(self, every_s: float) -> None:
        """Look whenever runs were finished, until interrupted."""
        from skvm.cli.commands.aot_compile import load
        from skvm.cli.console import err, visible
        from skvm.optimizer.adapting.watching import watch

        self.is_watching = True

        async def look() -> Report:
            # The skill may have been edited, or a proposal accepted, since the last look.
            self.request = replace(self.request, skill=load(self.path))
            return await self.once()

        def on_busy(message: str) -> None:
            err.print(visible(message), style="yellow", markup=False)

        await watch(self.bench.journal, look, every_s=every_s, on_report=self.show, on_busy=on_busy)

    def show(self, report: Report) -> None:
        """Print what came of a look."""
        from skvm.cli.recompile_report import print_report, report_json

        if not self.as_json:
            print_report(report)
            return
        from skvm.cli.console import print_json

        if self.is_watching:
            import json

            import click

            click.echo(json.dumps(report_json(report), default=str))
        else:
            print_json(report_json(report))
