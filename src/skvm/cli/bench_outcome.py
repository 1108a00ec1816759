"""What a bench session leaves: its reports on disk, its table on the terminal, the verdict of a gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.bench.gate import Gate, GateResult
    from skvm.bench.history import Ended
    from skvm.bench.plan import BenchPlan, Preparation
    from skvm.bench.report.model import Report
    from skvm.bench.report.session import SessionReport, Sub
    from skvm.cli.bench_run import Ending
    from skvm.evidence.record import RunRecord
    from skvm.settings import Settings

__all__ = ["EXPORTS", "Reported", "gate_of", "report_again", "report_ending", "report_forecast"]


@dataclass(frozen=True, slots=True)
class Left:
    """What a session left.

    Args:
        plan: What was asked for.
        folder: Where its reports go.
        attempts: Every finished attempt, judgements applied.
        accounts: What preparing it took.
        ended: How it ended; ``None`` where cells are open.
    """

    plan: BenchPlan
    folder: Path
    attempts: Sequence[RunRecord]
    accounts: Sequence[Preparation]
    ended: Ended | None


@dataclass(frozen=True, slots=True)
class Reported:
    """Reports that are on the disk.

    Args:
        exit_code: 1 where the gate does not hold, or a run or a judgement has no score, else 0.
        show: Prints them.
    """

    exit_code: int
    show: Callable[[], None]


def report_forecast(ending: Ending, options: dict[str, Any]) -> int:
    """Print what a session would take."""
    from skvm.cli.bench_run import forecast_json, forecast_line
    from skvm.cli.console import out, print_json, visible

    plan = ending.plan
    if options["as_json"]:
        accounts = [_plain(account) for account in ending.accounts]
        expected = forecast_json(ending.forecast)
        print_json({"plan": _plain(plan), "preparations": accounts, "forecast": expected})
        return 0
    out.print(f"{_size(plan)}: {forecast_line(ending.forecast)}", markup=False)
    for skipped in plan.skipped:
        out.print(visible(f"  {skipped.task_id}: skipped: {skipped.reason}"), style="dim", markup=False)
    return 0


def _size(plan: BenchPlan) -> str:
    """``4 tasks × 2 conditions × 1 target × 1-3 repetitions``."""
    repeated = sorted({each.repetitions or plan.repetitions for each in plan.conditions})
    often = f"{repeated[0]:,}" if len(repeated) == 1 else f"{repeated[0]:,}-{repeated[-1]:,}"
    counted = (("task", plan.tasks), ("condition", plan.condition_names), ("target", plan.targets))
    parts = [f"{len(each):,} {name}{'s' * (len(each) != 1)}" for name, each in counted]
    return " × ".join([*parts, f"{often} repetition{'s' * (repeated[-1] != 1)}"])


def report_ending(
    settings: Settings, ending: Ending, folder: Path, gate: Gate | None, options: dict[str, Any]
) -> Reported:
    """Write what a session came to."""
    left = Left(ending.plan, folder, ending.attempts, ending.accounts, ending.ended)
    return _report(settings, left, gate, options)


def report_again(settings: Settings, folder: Path, options: dict[str, Any]) -> int:
    """Make the reports of a past session anew from the journal.

    Raises:
        UsageError: The folder is no session's.
    """
    import anyio

    from skvm.bench.history import attempts_of, ending_of, find_plan, preparations_of
    from skvm.evidence.journal import Journal

    async def read() -> Left:
        async with Journal(settings.journal_path, read_only=True) as journal:
            record, plan = await find_plan(journal, folder.name)
            attempts = await attempts_of(journal, plan.session_id)
            accounts = await preparations_of(journal, record)
            return Left(plan, folder, attempts, accounts, await ending_of(journal, record))

    left = anyio.run(read)
    reported = _report(settings, left, gate_of(left.plan, options), options)
    reported.show()
    return reported.exit_code


def gate_of(plan: BenchPlan, options: dict[str, Any]) -> Gate | None:
    """The gate asked for, its names looked up before anything is run.

    Raises:
        UsageError: It is none, or names what is no condition of the plan.
    """
    from skvm.bench.gate import parse_gate

    return parse_gate(options["gate"], plan.condition_names) if options["gate"] else None


def _report(settings: Settings, left: Left, gate: Gate | None, options: dict[str, Any]) -> Reported:
    from skvm.bench.history import counted, counts
    from skvm.bench.opening import kept_in
    from skvm.bench.report.model import Stopped
    from skvm.bench.report.session import build_session
    from skvm.bench.report.write import write_session
    from skvm.bench.triggers import CONDITION, report_triggers, trigger_report
    from skvm.cli.bench_run import say_how_to_go_on
    from skvm.evaluate.bench import load_trajectory
    from skvm.evidence.blobs import BlobStore
    from skvm.evidence.record import Outcome

    plan, ended = left.plan, left.ended
    runs = [run for run in left.attempts if run.condition != CONDITION]
    fired = [run for run in left.attempts if run.condition == CONDITION]
    blobs = BlobStore(settings.blobs_dir)
    parent, subs = build_session(
        plan,
        runs,
        preparations=left.accounts,
        triggers=report_triggers(trigger_report(fired, plan.triggers)) if plan.triggers else (),
        stopped=Stopped(rule="sure", sentence=ended.stopped, runs=len(runs), planned=ended.planned)
        if ended is not None and ended.stopped is not None
        else None,
    )
    written = write_session(
        left.folder,
        parent,
        subs,
        left.attempts,
        load=lambda run: load_trajectory(blobs, run),
        with_trajectories=options["with_trajectories"],
    )
    exported = [EXPORTS[name](left.folder, runs, subs, blobs) for name in options["exports"]]
    if plan.keep_work_dirs:
        exported.append(kept_in(left.folder))
    result = _gated(plan, runs, gate)
    standing = counted(left.attempts).values()
    is_whole = ended is not None and all(map(counts, standing))
    is_judged = not any(criterion.is_pending for run in standing for criterion in run.criteria)
    # A harness that fell over did so by itself: its run stands, without a score.
    is_scored = not any(run.outcome is Outcome.HARNESS_FAILED for run in standing)
    # What was asked for by name and could not be made ready is a finding; what stood in a default is not.
    is_served = not options["conditions"] or all(each.problem is None for each in left.accounts)
    is_served = is_served and not (options["tasks"] and plan.skipped)
    is_fine = is_whole and is_judged and is_scored and is_served

    def show() -> None:
        _show(parent, subs, [*written, *exported], result, options)
        if not (is_whole and is_judged):
            say_how_to_go_on(plan.session_id)

    return Reported(0 if is_fine and (result is None or result.is_passed) else 1, show)


def _gated(plan: BenchPlan, runs: Sequence[RunRecord], gate: Gate | None) -> GateResult | None:
    from skvm.bench.gate import evaluate_gate, gate_decisions
    from skvm.bench.history import counted

    if gate is None:
        return None
    standing = tuple(counted(runs).values())
    return evaluate_gate(gate, gate_decisions(gate, standing, plan))


def _show(
    parent: SessionReport | None,
    subs: Sequence[Sub],
    files: Sequence[Path],
    result: GateResult | None,
    options: dict[str, Any],
) -> None:
    from skvm.cli.bench_report import print_report, print_session
    from skvm.cli.console import err, print_json

    if options["as_json"]:
        whole = parent if parent is not None else subs[0].report
        gate = {"status": result.status, "sentences": list(result.sentences)} if result else None
        print_json({**_plain(whole), "files": [str(path) for path in files], "gate": gate})
        return
    reports = [sub.report for sub in subs]
    if parent is not None:
        print_session(parent, reports, files)
    else:
        print_report(reports[0], files)
    if result is not None:
        err.print(result.sentence, style="green" if result.is_passed else "bold red", markup=False)


def _plain(record: Any) -> dict[str, Any]:
    found: dict[str, Any] = record.model_dump(mode="json", by_alias=True)
    return found


def _csv(folder: Path, runs: Sequence[RunRecord], subs: Sequence[Sub], blobs: Any) -> Path:
    from skvm.bench.report.exports.csv_table import to_csv
    from skvm.bench.report.write import write_file

    write_file(folder / "runs.csv", to_csv(runs))
    return folder / "runs.csv"


def _junit(folder: Path, runs: Sequence[RunRecord], subs: Sequence[Sub], blobs: Any) -> Path:
    from skvm.bench.report.exports.junit_xml import to_junit_xml
    from skvm.bench.report.write import write_file

    reports: list[Report] = [sub.report for sub in subs]
    write_file(folder / "junit.xml", to_junit_xml(reports))
    return folder / "junit.xml"


def _atif(folder: Path, runs: Sequence[RunRecord], subs: Sequence[Sub], blobs: Any) -> Path:
    from skvm.bench.report.exports.atif_files import write_atif_files
    from skvm.evaluate.bench import load_trajectory

    write_atif_files(folder / "atif", runs, lambda run: load_trajectory(blobs, run))
    return folder / "atif"


EXPORTS: dict[str, Callable[[Path, Sequence[RunRecord], Sequence[Sub], Any], Path]] = {
    "csv": _csv,
    "junit": _junit,
    "atif": _atif,
}
"""What ``--export`` can name."""
