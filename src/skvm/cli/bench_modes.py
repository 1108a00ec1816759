"""What ``skvm bench`` does instead of a new session: import, judge, merge, list, compare, a custom plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.evidence.sessions import SessionEntry
    from skvm.settings import Settings

__all__ = ["MODES"]

_PLAN_SAYS = {
    "models": "--model",
    "adapters": "--adapter",
    "tasks": "--tasks",
    "source": "--source",
    "skills": "--skill",
    "conditions": "--conditions",
}
"""What a plan file says itself, by option."""
_STATES = {"completed": "green", "failed": "bold red", "running": "cyan"}


def _import(settings: Settings, options: dict[str, Any]) -> int:
    from skvm.cli.importing import import_and_print
    from skvm.errors import UsageError

    if not options["path"]:
        raise UsageError("--import needs --path", help="where the tasks lie: --import=pinchbench --path=DIR")
    return import_and_print(settings, options["importing"], Path(options["path"]).expanduser(), options)


def _custom(settings: Settings, options: dict[str, Any]) -> int:
    """Run a plan file as one session; each of its targets gets a report of its own."""
    from skvm.bench.custom_plan import load_custom_plan
    from skvm.bench.plan import BenchPlan
    from skvm.bench.planning import plan_tasks
    from skvm.bench.selection import tasks_of
    from skvm.cli.bench_run import session_time
    from skvm.cli.bench_session import run_session_of, shared_fields
    from skvm.errors import UsageError
    from skvm.task.loader import load_task

    if options["resume"]:
        raise UsageError("--custom and --resume exclude each other", help="--resume=ID alone goes on")
    if said := [flag for name, flag in _PLAN_SAYS.items() if name in options["given"]]:
        raise UsageError(f"--custom and {said[0]} exclude each other", help="say it in the plan")
    custom = load_custom_plan(Path(options["custom"]).expanduser(), data_dir=settings.data_dir)
    judge = options["judge_model"] or custom.judge_model
    selected = tasks_of(
        settings, [str(path) for path in custom.tasks], has_judge=judge is not None, needs_skill=False
    )
    if not selected.tasks:
        why = "; ".join(f"{each.task_id}: {each.reason}" for each in selected.skipped[:3])
        raise UsageError(f"no task of {custom.path} can run here ({why})", help="skvm data check lists all")
    here = {task.id for task in selected.tasks}
    ids = {path: task.id for path in custom.tasks if (task := load_task(path)).id in here}
    given = {**options, "judge_model": judge, "concurrency": custom.concurrency or options["concurrency"]}
    plan = BenchPlan(
        session_id="",
        created_at=session_time(),
        tasks=plan_tasks(selected.tasks),
        skipped=selected.skipped,
        targets=tuple(custom.by_target),
        conditions=custom.conditions(ids),
        **shared_fields(given),
    )
    return run_session_of(settings, plan, options)


def _judge(settings: Settings, options: dict[str, Any]) -> int:
    """Judge a manifest; what has a score already is not asked about again."""
    import anyio

    from skvm.errors import UsageError

    if not options["manifest"]:
        raise UsageError("--judge needs --manifest", help="<session>/deferred-evals/manifest.jsonl")
    if not options["judge_model"]:
        raise UsageError("--judge needs --judge-model")
    return anyio.run(_judge_manifest, settings, Path(options["manifest"]).expanduser(), options)


async def _judge_manifest(settings: Settings, manifest: Path, options: dict[str, Any]) -> int:
    from skvm.bench.deferred import judge_manifest, results_path
    from skvm.cli.console import err, print_json, progress
    from skvm.evaluate.judging import judge_of
    from skvm.evaluate.run import open_bench
    from skvm.llm.contract import SpendLimit

    results = results_path(manifest)
    limit = SpendLimit(options["max_usd"], options["max_tokens"])
    async with open_bench(settings, sandbox="none", limit=limit if limit != SpendLimit() else None) as bench:
        judge = judge_of(bench, options["judge_model"], allow_self=options["judge_itself"])
        with progress(quiet=options["as_json"]) as bars:
            bar = bars.add_task("judging", total=None, note="")
            tally = await judge_manifest(
                manifest,
                judge,
                results,
                # A judge's calls are short; the documented default is four at once.
                concurrency=max(4, options["concurrency"]),
                on_done=lambda so_far: bars.update(bar, completed=so_far.judged + len(so_far.failed)),
            )
    if options["as_json"]:
        print_json({"judged": tally.judged, "failed": tally.failed, "results": str(results)})
    else:
        err.print(f"{tally.judged} judged, {len(tally.failed)} failed: {results}", markup=False)
        for id, why in sorted(tally.failed.items()):
            err.print(f"  {id}: {why}", style="yellow", markup=False)
    return 1 if tally.failed else 0


def _merge(settings: Settings, options: dict[str, Any]) -> int:
    """Take judgements into the journal, and make the session's reports anew."""
    import anyio

    from skvm.bench.deferred import manifest_path, merge_results, results_path
    from skvm.cli.bench_outcome import report_again
    from skvm.cli.console import err
    from skvm.errors import UsageError
    from skvm.evidence.journal import Journal
    from skvm.evidence.redact import Redactor

    if not options["report"]:
        raise UsageError("--merge-judge needs --report", help="the session's report.json")
    folder = Path(options["report"]).expanduser().absolute().parent
    manifest = Path(options["manifest"]).expanduser() if options["manifest"] else manifest_path(folder)

    async def merge() -> Any:
        async with Journal(settings.journal_path, redactor=Redactor.of(settings)) as journal:
            return await merge_results(journal, manifest, results_path(manifest))

    merged = anyio.run(merge)
    for id, why in sorted(merged.refused.items()):
        err.print(f"{id}: not taken: {why}", style="yellow", markup=False)
    said = f"{merged.appended} judgements taken, {merged.standing} stood already, {merged.open} still open"
    err.print(said, markup=False)
    return report_again(settings, folder, options)


def _list(settings: Settings, options: dict[str, Any]) -> int:
    """List bench sessions, newest first."""
    from rich.table import Table
    from rich.text import Text

    from skvm.cli.console import err, out, print_json
    from skvm.evidence.sessions import read_sessions

    found = [entry for entry in read_sessions(settings.logs_dir) if entry.type == "bench"][::-1]
    if options["as_json"]:
        print_json([entry.model_dump(by_alias=True, exclude_none=True) for entry in found])
        return 0
    if not found:
        err.print("no bench was ever started here", markup=False)
        return 0
    if not out.is_terminal:
        out.width = 240  # a pipe has no width to fit into
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("session", "state", "models", "harness", "conditions"):
        table.add_column(title, no_wrap=True, overflow="ellipsis", min_width=10)
    for entry in found:
        table.add_row(
            Text(entry.id),
            Text(_state(entry), _STATES[entry.status]),
            Text(", ".join(entry.models or ())),
            Text(entry.harness or ""),
            Text(", ".join(entry.conditions or ())),
        )
    out.print(table)
    return 0


def _state(entry: SessionEntry) -> str:
    has_report = (Path(entry.log_dir) / "report.json").is_file()
    return entry.status if entry.status != "completed" or has_report else "completed, no report"


def _compare(settings: Settings, options: dict[str, Any]) -> int:
    from skvm.cli.bench_compare import compare_and_print

    return compare_and_print(settings, options)


MODES: dict[str, Callable[[Settings, dict[str, Any]], int]] = {
    "importing": _import,
    "custom": _custom,
    "judge": _judge,
    "merge_judge": _merge,
    "list_sessions": _list,
    "compare": _compare,
}
"""By the option that asks for it."""
