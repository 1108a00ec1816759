"""After a run: its states, what candidates would have done beside it, and that a failure loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skvm.errors import InfrastructureError
from skvm.evidence.record import Outcome, RunRecord
from skvm.harness.contract import HARNESSES, RunContext
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.hooks import HookContext, HookRun, Hooks
from skvm.harness.trajectory import Trajectory, Turn
from skvm.runtime.boost import learning, shadowing
from skvm.runtime.boost.choosing import is_sampled
from skvm.runtime.boost.hook import Boost, BoostRun
from skvm.runtime.boost.model import BoostEvent, Event, WatchRecord
from skvm.runtime.boost.proving.proof import Proof
from skvm.runtime.boost.watching import MAX_FILES, StateKeeper
from tests.unit.runtime.boost.hitting.samples import PROMPT, SALES, FakeLibrary, candidate

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ACT = '{"name": "execute_command", "arguments": {"command": "echo 1 > new.txt"}}'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "sales.csv").write_bytes(SALES)
    return folder


@pytest.fixture
def shadows(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was run beside a run; each is said to agree."""
    seen: list[dict[str, Any]] = []

    async def shadow(one: Any, params: Any, before: Any, after: Any, **more: Any) -> Proof:
        seen.append({"params": params, "before": dict(before), "after": dict(after), **more})
        return Proof(True, "", 7.0)

    monkeypatch.setattr(shadowing, "shadow", shadow)
    return seen


@pytest.fixture(autouse=True)
def lessons(monkeypatch: pytest.MonkeyPatch) -> list[WatchRecord]:
    """What there was to learn from; nothing is learnt."""
    seen: list[WatchRecord] = []

    async def learn(library: Any, record: RunRecord, watch: WatchRecord, **_: Any) -> list[BoostEvent]:
        seen.append(watch)
        return []

    monkeypatch.setattr(learning, "learn", learn)
    return seen


def a_run(tmp_path: Path, work: Path, **options: Any) -> BoostRun:
    known = {key: options.pop(key) for key in ("promoted", "watched") if key in options}
    library = FakeLibrary(tmp_path / "library", **known)
    library.sandbox, library.settings = None, SimpleNamespace(tmp_dir=tmp_path)  # type: ignore[attr-defined]
    boost = Boost(cast("Any", library), **{"shadow_every": 0, **options})
    run = HookRun("run-1", "sha256:t", "any/m", "bare-agent", work, "totals", "sha256:s")
    return cast("BoostRun", boost.of_run(run))


async def go(work: Path, hook: BoostRun, *answers: str, **options: Any) -> Trajectory:
    context = RunContext(
        prompt=PROMPT,
        model_id="any/m",
        session=ScriptedSession(answers),
        cell=FakeCell(work),
        work_dir=work,
        hooks=Hooks((hook,)),
        **options,
    )
    return await HARNESSES.get("bare-agent")().run(context)


def a_record(score: float | None = 1.0, outcome: Outcome = Outcome.SCORED) -> RunRecord:
    return RunRecord(
        run_id="run-1",
        task_id="t",
        task_digest="sha256:t",
        condition="c",
        model="any/m",
        harness="bare-agent",
        skill_id="totals",
        skill_digest="sha256:s",
        outcome=outcome,
        score=score,
        started_at=NOW,
        finished_at=NOW,
    )


async def recorded(hook: BoostRun, record: RunRecord) -> list[tuple[str, Any]]:
    return [*await hook.after_record(record), *await hook.reflect(record)]


def parted(said: Sequence[tuple[str, Any]]) -> tuple[WatchRecord, list[BoostEvent]]:
    assert [kind for kind, _ in said] == ["boost_watch", *["boost"] * (len(said) - 1)]
    return said[0][1], [each for _, each in said[1:]]


async def test_a_state_is_kept_before_every_turn_and_after_the_last(work: Path, tmp_path: Path) -> None:
    hook = a_run(tmp_path, work)
    await go(work, hook, ACT, "Done.")
    watch, events = parted(await recorded(hook, a_record()))
    assert [sorted(state or ()) for state in watch.states] == [
        ["sales.csv"],
        ["new.txt", "sales.csv"],
        ["new.txt", "sales.csv"],
    ]
    assert hook.library.blobs.get((watch.states[0] or {})["sales.csv"]) == SALES
    assert (watch.run_id, watch.skill_id, watch.boosted_turns, watch.failure) == ("run-1", "totals", (), "")
    assert events == []


async def test_a_turn_that_was_begun_and_not_taken_has_no_state_of_its_own(
    work: Path, tmp_path: Path
) -> None:
    hook = a_run(tmp_path, work)
    await go(work, hook, ACT, "Done.")
    await hook.before_model(HookContext(PROMPT, work, 2, ()))
    watch, _ = parted(await recorded(hook, a_record()))
    assert len(watch.states) == 3


async def test_turns_nobody_asked_a_hook_about_leave_only_the_ends(work: Path, tmp_path: Path) -> None:
    hook = a_run(tmp_path, work)
    for turn in range(2):
        await hook.before_model(HookContext(PROMPT, work, turn, ()))
    told = Trajectory(harness="h", model="m", prompt=PROMPT, turns=tuple(Turn(index=i) for i in range(4)))
    await hook.after_run(told)
    watch, _ = parted(await recorded(hook, a_record()))
    assert [state is None for state in watch.states] == [False, True, True, True, False]


async def test_candidates_are_run_beside_the_model_where_they_did_not_answer(
    work: Path, tmp_path: Path, shadows: list[dict[str, Any]]
) -> None:
    for options in (
        {"watched": (candidate(),)},
        {"promoted": (candidate(),), "mode": "shadow"},
        {"promoted": (candidate(),), "shadow_every": 1},
    ):
        shadows.clear()
        hook = a_run(tmp_path, work, **options)
        await go(work, hook, ACT, "Done.")
        _, (event,) = parted(await recorded(hook, a_record()))
        assert (event.event, event.is_good, event.step_ms) == (Event.SHADOWED, True, 7.0)
        assert (event.run_id, event.turn, event.template_digest) == ("run-1", 0, candidate().digest)
        (seen,) = shadows
        assert seen["before"] == {"sales.csv": SALES}
        assert seen["after"] == {"sales.csv": SALES, "new.txt": b"1\n"}
        assert seen["params"]["source"] == "sales.csv"
        (work / "new.txt").unlink()


@pytest.mark.parametrize(
    ("score", "outcome"), [(0.2, Outcome.SCORED), (None, Outcome.SCORED), (None, Outcome.INFRA_FAILED)]
)
async def test_nothing_is_run_beside_a_run_that_did_not_do_its_task(
    score: float | None, outcome: Outcome, work: Path, tmp_path: Path, shadows: list[dict[str, Any]]
) -> None:
    hook = a_run(tmp_path, work, watched=(candidate(),))
    await go(work, hook, ACT, "Done.")
    _, events = parted(await recorded(hook, a_record(score, outcome)))
    assert (events, shadows) == ([], [])


async def test_nothing_is_run_beside_a_run_that_was_answered(
    work: Path, tmp_path: Path, shadows: list[dict[str, Any]]
) -> None:
    hook = a_run(tmp_path, work, promoted=(candidate(),), watched=(candidate(purpose_id="other"),))
    await go(work, hook, "Done.")
    watch, events = parted(await recorded(hook, a_record()))
    assert [event.event for event in events] == [Event.ANSWERED]
    assert shadows == []
    assert watch.boosted_turns == (0,)


async def test_an_answer_is_good_only_in_a_run_that_scored(work: Path, tmp_path: Path) -> None:
    for score, is_good in ((1.0, True), (0.0, None)):
        hook = a_run(tmp_path, work, promoted=(candidate(),))
        await go(work, hook, "Done.")
        _, (event,) = parted(await recorded(hook, a_record(score)))
        assert event.is_good is is_good


async def test_a_run_that_ends_in_the_middle_of_a_step_has_no_verdict(work: Path, tmp_path: Path) -> None:
    hook = a_run(tmp_path, work, promoted=(candidate(),))
    made = HookContext(
        PROMPT,
        work,
        0,
        (cast("Any", SimpleNamespace(kind="request", parts=())),),
        lambda _: cast("Any", "turn"),
    )
    assert await hook.before_model(made) == "turn"
    watch, (event,) = parted(await recorded(hook, a_record(None, Outcome.HARNESS_FAILED)))
    assert (event.event, event.is_good, event.reason) == (Event.ANSWERED, None, "no verdict")
    assert watch.states[-1] is None


@pytest.mark.parametrize("error", [InfrastructureError("no cell"), KeyError("of ours")])
async def test_a_lesson_that_fails_loses_nothing_else(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def learn(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(learning, "learn", learn)
    hook = a_run(tmp_path, work, promoted=(candidate(),))
    await go(work, hook, "Done.")
    _, events = parted(await recorded(hook, a_record()))
    assert [event.event for event in events] == [Event.ANSWERED]
    assert f"{type(error).__name__}: {error}" in hook.notes()[0]


async def test_a_work_directory_that_is_too_large_is_told_of(work: Path, tmp_path: Path) -> None:
    for number in range(MAX_FILES):
        (work / f"{number}.txt").touch()
    hook = a_run(tmp_path, work)
    await go(work, hook, "Done.")
    (note,) = hook.notes()
    assert note.startswith("boost learns nothing from this run: its work directory holds more than 200 files")


async def test_files_that_cannot_be_kept_fail_no_run(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = a_run(tmp_path, work)

    def keep(_: Any) -> Any:
        raise InfrastructureError("the disk is full")

    monkeypatch.setattr(StateKeeper, "keep", keep)
    await hook.after_run(Trajectory(harness="h", model="m", prompt=PROMPT, outcome=Outcome.SCORED))
    assert list(hook.notes()) == ["boost gave up in this run: InfrastructureError: the disk is full"]


async def test_runs_that_are_not_graded_teach_nothing(
    work: Path, tmp_path: Path, lessons: list[WatchRecord]
) -> None:
    hook = a_run(tmp_path, work)
    await go(work, hook, "Done.")
    await recorded(hook, a_record(None, Outcome.HARNESS_FAILED))
    assert lessons == []
    await recorded(hook, a_record())
    assert len(lessons) == 1
    still = a_run(tmp_path, work, learns=False)
    await go(work, still, "Done.")
    await recorded(still, a_record())
    assert len(lessons) == 1


def test_one_run_in_so_many_is_sampled() -> None:
    sampled = [is_sampled(f"run-{number}", candidate(), 10) for number in range(2_000)]
    assert sampled == [is_sampled(f"run-{number}", candidate(), 10) for number in range(2_000)]
    assert 140 < sum(sampled) < 260
    assert not any(is_sampled(f"run-{number}", candidate(), 0) for number in range(50))
    assert all(is_sampled(f"run-{number}", candidate(), 1) for number in range(50))
