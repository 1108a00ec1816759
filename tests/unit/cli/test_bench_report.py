"""What ``skvm bench`` prints of reports, and ``--compare`` from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from skvm.bench.history import STARTED
from skvm.bench.plan import BenchPlan, Skip, Target
from skvm.bench.report.build import build_report
from skvm.bench.report.session import build_session
from skvm.cli.bench_report import print_report, print_session
from skvm.cli.main import run as run_cli
from skvm.evidence.blobs import BlobStore
from skvm.evidence.journal import Journal
from skvm.evidence.record import Outcome
from skvm.harness.trajectory import Trajectory
from skvm.settings import Settings, load_settings
from tests.unit.bench.report.factories import TARGET, failed, make_plan, make_runs
from tests.unit.bench.report.test_written import evil_session


def test_a_report_is_printed_with_what_it_stands_on(capsys: pytest.CaptureFixture[str]) -> None:
    plan = make_plan(12, skipped=(Skip(task_id="gpu", reason="needs a GPU"),))
    runs = make_runs(plan, lambda task, *_: failed(Outcome.INFRA_FAILED) if task == "task-001" else {})
    print_report(build_report(plan, runs), [Path("/tmp/r/report.html")])
    said = capsys.readouterr().out
    assert "fake/small in bare-agent" in said
    assert "22 of 24" in said
    assert "no-skill against original: no difference found: " in said
    assert (
        "left out: original: 2 infra_failed (infrastructure failed; resuming the session repeats it)" in said
    )
    assert "skipped: 1 tasks" in said
    assert said.rstrip().endswith("/tmp/r/report.html")


def test_nothing_a_stranger_wrote_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    report, _ = evil_session()
    print_report(report)
    said = capsys.readouterr().out
    assert "alert(1)" in said
    assert not any(unseen in said for unseen in ("\x1b", "\x00", "\u202e"))


def test_targets_are_ranked_and_the_one_without_a_score_stands_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = make_plan(2, targets=(TARGET, Target(model="dead/m", harness="bare-agent")))
    runs = [
        run.model_copy(update=failed(Outcome.INFRA_FAILED)) if run.model == "dead/m" else run
        for run in make_runs(plan)
    ]
    parent, subs = build_session(plan, runs)
    assert parent is not None
    print_session(parent, [sub.report for sub in subs])
    ranking = capsys.readouterr().out.rstrip().splitlines()[-3:]
    assert [line.split()[:2] for line in ranking] == [
        ["rank", "target"],
        ["1", "fake/small"],
        ["–", "dead/m"],
    ]


@pytest.fixture
def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A cache with two sessions in its journal, trajectories and all."""
    monkeypatch.setenv("SKVM_CACHE", str(tmp_path / "cache"))
    settings = load_settings()
    blobs = BlobStore(settings.blobs_dir)

    async def hold(journal: Journal, plan: BenchPlan, score: float) -> None:
        await journal.append(STARTED, plan)
        finished = []
        for number, run in enumerate(make_runs(plan)):
            system = f'<skill name="csv">\nStay with {plan.session_id}.\n</skill>'
            told = Trajectory(harness="h", model="m", prompt="p", system=system).model_dump_json(
                by_alias=True
            )
            changes = {
                "run_id": f"{plan.session_id}-{number}",
                "session_id": plan.session_id,
                "score": score,
                "trajectory_digest": blobs.put(told.encode()),
            }
            finished.append(("run_finished", run.model_copy(update=changes)))
        await journal.append_all(finished)

    async def main() -> None:
        async with Journal(settings.journal_path) as journal:
            await hold(journal, make_plan(7, session_id="first", repetitions=1), 0.25)
            await hold(journal, make_plan(7, session_id="second", repetitions=1), 0.75)

    anyio.run(main)
    return settings


@pytest.mark.usefixtures("past")
def test_past_sessions_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--model=fake/small", "--lhs=original@first", "--rhs=original", "--skill-path=csv"]
    assert run_cli(["bench", "--compare", *wanted, f"--output-dir={tmp_path / 'out'}"]) == 0
    said = capsys.readouterr().out
    assert "original against original: better: +0.500" in said
    stem = "bare-agent--fake--small--original-vs-original"
    names = [f"{stem}.{end}" for end in ("report.json", "report.md", "skill-diff.md")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert all(name in said for name in names)
    plain = json.loads((tmp_path / "out" / names[0]).read_bytes())
    assert (plain["lhs"]["sessionId"], plain["rhs"]["sessionId"]) == ("first", "second")
    assert "-Stay with first.\n+Stay with second.\n" in (tmp_path / "out" / names[2]).read_text()


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model=fake/small", "--lhs=original"], "--compare needs --rhs"),
        (["--lhs=original", "--rhs=original"], "one --model and one --adapter"),
        (["--model=fake/small", "--lhs=original", "--rhs=jit-boost"], "there are no runs of jit-boost"),
    ],
)
def test_a_comparison_that_cannot_be_made_says_why(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["bench", "--compare", *arguments]) == 2
    assert said in capsys.readouterr().err
