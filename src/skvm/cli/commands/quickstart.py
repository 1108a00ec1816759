"""``skvm quickstart``: the whole way on this machine, with nothing canned."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skvm.compiler.driver import CompileResult
    from skvm.evaluate.bench import Bench, RunSpec
    from skvm.evidence.record import RunRecord
    from skvm.profiler.measure import Measurement
    from skvm.settings import Settings
    from skvm.skill.ir import Skill
    from skvm.task.model import Task

SKILL = "expense-report"
CONTROL = "original"
MAX_OUTPUT_TOKENS = 1024
"""A small model that runs on and on would eat the ten minutes this may take."""


@click.command(
    "quickstart",
    cls=SkvmCommand,
    help="Doctor, pull, profile, compile, run and compare: the whole way on this machine.",
)
@click.option("--model", default="local/qwen2.5-coder-1.5b", show_default=True, help="Full model id.")
@click.option("--adapter", default="shell-agent", show_default=True, help="Harness.")
@click.option("--skill", "skill_path", type=click.Path(path_type=Path), help="Another skill folder.")
@click.option("--tasks", "tasks_path", type=click.Path(path_type=Path), help="Folder of that skill's tasks.")
@click.option(
    "--repetitions", type=click.IntRange(1, 100), default=1, show_default=True, help="Runs of a task."
)
@click.option(
    "--instances",
    type=click.IntRange(1, 100),
    help="Ask so many probes on every level instead of as many as decide it.",
)
@click.option("--concurrency", type=click.IntRange(1, 16), default=2, show_default=True, help="Runs at once.")
@click.option("--sandbox", default="auto", show_default=True, help="auto, or the name of a back end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Translate the command line."""
    import anyio

    from skvm.errors import UsageError
    from skvm.skill.frontend import load_skill

    examples = _examples()
    skill_path = options["skill_path"] or examples / "skills" / SKILL
    if options["skill_path"] and not options["tasks_path"]:
        raise UsageError("--skill needs --tasks", help="name the folder that holds the skill's task folders")
    tasks = _load_tasks(options["tasks_path"] or examples / "tasks")
    anyio.run(_run, settings_of(ctx), load_skill(skill_path), tasks, options)


def _examples() -> Path:
    """The examples: inside an installed package, or at the top of a checkout."""
    import skvm
    from skvm.errors import InfrastructureError

    package = Path(skvm.__file__).resolve().parent
    for folder in (package / "examples", package.parent.parent / "examples"):
        if (folder / "skills" / SKILL).is_dir():
            return folder
    raise InfrastructureError(
        "the examples are not installed", help="run this in a checkout, or give --skill and --tasks"
    )


def _load_tasks(folder: Path) -> tuple[Task, ...]:
    from skvm.errors import UsageError
    from skvm.task.loader import load_task

    tasks = tuple(load_task(path.parent) for path in sorted(folder.glob("*/task.json")))
    if not tasks:
        raise UsageError(f"{folder}: no task.json in any folder below it")
    return tasks


async def _run(settings: Settings, skill: Skill, tasks: Sequence[Task], options: dict[str, Any]) -> None:
    from skvm.cli.comparison import comparison_json, comparison_table, task_table
    from skvm.cli.console import out, print_json
    from skvm.evaluate.run import open_bench
    from skvm.runtime.plan.outfit.hook import with_plan_command
    from skvm.runtime.plan.touching import with_touching

    started, quiet = time.monotonic(), options["as_json"]
    say = _Steps(total=5, quiet=quiet)
    say.step("doctor: what this machine can do")
    await _doctor(options["sandbox"], quiet=quiet)
    say.step(f"model: {options['model']}")
    await _pull(settings, options["model"], quiet=quiet)
    async with open_bench(settings, sandbox=options["sandbox"]) as opened:
        bench = with_touching(with_plan_command(replace(opened, max_output_tokens=MAX_OUTPUT_TOKENS)))
        say.step("profile: what this target can do, as far as the skill needs it")
        measured = await _profile(settings, skill, bench, options)
        say.step(f"compile: {skill.id} for this target")
        compiled = await _compile(settings, skill, measured, options)
        say.step("run: no skill, the original, the variant")
        runs = await _compare(skill, compiled, tasks, bench, options)
    paths = {
        "profile": str(measured.path),
        "variant": str(compiled.variant),
        "journal": str(settings.journal_path),
    }
    if quiet:
        comparison = comparison_json(runs, control=CONTROL)
        print_json(
            {
                "schema": 1,
                "model": options["model"],
                "harness": options["adapter"],
                "skill": skill.id,
                "comparison": comparison,
                "durationS": round(time.monotonic() - started, 1),
                "paths": paths,
            }
        )
        return
    out.print()
    out.print(task_table(runs))
    out.print(comparison_table(runs, control=CONTROL))
    out.print(
        f"{len(tasks)} tasks, each run {options['repetitions']}× in every condition; "
        f"{(time.monotonic() - started) / 60:.1f} min in all. "
        "One skill shows the way, not the effect in general."
    )
    for name, path in paths.items():
        out.print(f"{name + ':':<9} {path}", markup=False)
    out.print(
        "skvm logs lists the runs; skvm aot-compile --explain shows why each edit was made.", style="dim"
    )


class _Steps:
    """Numbered headings."""

    def __init__(self, *, total: int, quiet: bool) -> None:
        self.number, self.total, self.quiet = 0, total, quiet

    def step(self, title: str) -> None:
        """Say what comes next."""
        from skvm.cli.console import out

        self.number += 1
        if not self.quiet:
            out.print(f"\n{self.number}/{self.total} {title}", style="bold", markup=False)


async def _doctor(sandbox: str, *, quiet: bool) -> None:
    import anyio.to_thread
    from rich.markup import escape

    from skvm.cli.console import out
    from skvm.harness.confine import choose_sandbox, probe_sandboxes

    chosen = await anyio.to_thread.run_sync(choose_sandbox, sandbox)
    if quiet:
        return
    for report in await probe_sandboxes():
        mark = "[green]works[/green]" if report.works else "[red]does not work[/red]"
        used = " (used)" if report.name == chosen.name else ""
        out.print(f"sandbox {report.name}: {mark}{used}: {escape(report.reason)}")


async def _pull(settings: Settings, model: str, *, quiet: bool) -> None:
    provider, _, name = model.partition("/")
    if provider != "local":
        return
    from skvm.cli.console import out
    from skvm.cli.pulling import pull_with_progress
    from skvm.llm.catalog import find_entry
    from skvm.llm.local import check_engine

    entry = find_entry(name)
    check_engine(entry)
    pulled = await pull_with_progress(settings, entry, quiet=quiet)
    if not quiet:
        out.print(f"weights: {pulled.path}", markup=False)


async def _profile(settings: Settings, skill: Skill, bench: Bench, options: dict[str, Any]) -> Measurement:
    from skvm.cli.console import out
    from skvm.cli.profile_view import print_profile
    from skvm.cli.profiling import measure_with_progress, spent
    from skvm.compiler.requirements import primitives_for
    from skvm.profiler.ladder import FixedDesign, SequentialDesign
    from skvm.profiler.plan import Request
    from skvm.target.contract import PRIMITIVES
    from skvm.target.store import ProfileStore

    needed = primitives_for(skill)
    request = Request(
        model=options["model"],
        harness=options["adapter"],
        primitives=[PRIMITIVES.get(name) for name in needed],
        design=FixedDesign(options["instances"]) if options["instances"] else SequentialDesign(),
        concurrency=options["concurrency"],
    )
    measured = await measure_with_progress(
        request, bench, ProfileStore.of(settings), quiet=options["as_json"]
    )
    if not options["as_json"]:
        print_profile(measured.profile, only=needed)
        out.print(spent(measured))
    return measured


async def _compile(
    settings: Settings, skill: Skill, measured: Measurement, options: dict[str, Any]
) -> CompileResult:
    from skvm.cli.compile_report import print_result
    from skvm.compiler.driver import compile_skill

    compiled = await compile_skill(
        skill, model=options["model"], harness=options["adapter"], profile=measured.profile, settings=settings
    )
    if not options["as_json"]:
        print_result(compiled, measured.profile, explain=False)
    return compiled


async def _compare(
    skill: Skill, compiled: CompileResult, tasks: Sequence[Task], bench: Bench, options: dict[str, Any]
) -> dict[str, list[RunRecord]]:
    """Run every task in every condition, conditions interleaved so that drift hits all alike."""
    from skvm.cli.console import err, progress
    from skvm.evaluate.bench import RunSpec
    from skvm.evaluate.schedule import run_many

    conditions = {"no-skill": None, CONTROL: skill, "aot-compiled": compiled.skill}
    specs: list[RunSpec] = [
        RunSpec(
            task=task,
            model_id=options["model"],
            harness=options["adapter"],
            skill=delivered,
            condition=condition,
            repetition=repetition,
            seed=repetition,
        )
        for repetition in range(options["repetitions"])
        for task in tasks
        for condition, delivered in conditions.items()
    ]
    is_shown = err.is_terminal and not options["as_json"]
    finished = 0
    with progress(quiet=options["as_json"]) as bars:
        bar = bars.add_task("running", total=len(specs), note="")

        def tell(_: int, record: RunRecord) -> None:
            nonlocal finished
            finished += 1
            score = record.outcome.value if record.score is None else f"{record.score:.2f}"
            note = f"{record.task_id} {record.condition}: {score}"
            bars.update(bar, advance=1, note=note)
            if not is_shown and not options["as_json"]:
                err.print(f"{finished}/{len(specs)} {note}, {record.duration_ms / 1000:.0f} s")

        records = await run_many(specs, bench, concurrency=options["concurrency"], on_done=tell)
    return {name: [record for record in records if record.condition == name] for name in conditions}
