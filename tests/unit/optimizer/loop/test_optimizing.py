"""A session from its request to its proposal: what it finds, what it leaves behind, how it goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from skvm.errors import InfrastructureError, UsageError
from skvm.evidence.sessions import read_sessions
from skvm.harness.contract import HARNESSES
from skvm.harness.trajectory import Trajectory
from skvm.optimizer.loop.baseline import read_baseline
from skvm.optimizer.loop.history import unfinished_sessions
from skvm.optimizer.loop.optimizing import optimize
from skvm.optimizer.loop.running import Cell
from skvm.optimizer.model import Verdict
from skvm.optimizer.policy.events import Pair
from skvm.optimizer.proposals.lock import LOCK_NAME, LockHeldError, OptimizeLock
from tests.unit.optimizer.loop.sessions import (
    Seen,
    Target,
    agents,
    bench_in,
    better,
    go,
    go_on,
    past_of,
    request_in,
    settings_in,
    skill_in,
    store_in,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_a_failing_skill_is_mended_and_recommended(tmp_path):
    seen = Seen([])
    with agents():
        proposal = await go(tmp_path, request_in(tmp_path), seen)
    meta, history = proposal.meta, proposal.history
    assert (meta.verdict, meta.status, meta.best_round) == (Verdict.RECOMMENDED, "pending", 1)
    assert proposal.run_status.phase == "done"
    assert "Odds: 0.95" in (proposal.round_dir(1) / "SKILL.md").read_text()
    assert "Odds: 0.3" in (proposal.round_dir(0) / "SKILL.md").read_text()
    assert "Odds: 0.3" in (tmp_path / "skills/writer/SKILL.md").read_text(), "nobody accepted anything yet"
    first, second = history.rounds
    assert (first.is_baseline, second.is_baseline) == (True, False)
    assert second.e_value >= 1 / meta.alpha
    assert second.difference == pytest.approx(
        sum(event.difference for event in await pairs_of(tmp_path, proposal)) / second.pairs
    )
    assert [(each.round, each.outcome) for each in history.entries] == [(1, "recommended")]
    assert meta.runs_used == first.target_agent.runs + second.target_agent.runs
    assert seen.kinds[0] == "opened"
    assert seen.kinds[-1] == "finished"
    assert not (proposal.dir.parent / LOCK_NAME).exists()


async def pairs_of(folder, proposal):
    past, _ = await past_of(folder, proposal)
    return [each for each in past.events if isinstance(each, Pair)]


async def test_an_edit_of_nothing_is_no_gain(tmp_path):
    with agents(lambda text: text):
        proposal = await go(tmp_path, request_in(tmp_path))
    assert (proposal.meta.verdict, proposal.meta.best_round) == (Verdict.NO_GAIN, 0)
    assert proposal.round_numbers() == (0,)
    assert {each.outcome for each in proposal.history.entries} == {"refused"}
    assert proposal.why_not_servable() is not None


async def test_an_edit_that_changes_nothing_that_matters_is_not_recommended(tmp_path):
    """Words that change no odds: whatever it came to, nobody is told that it is better."""
    with agents(lambda text: text + "\nBe careful.\n"):
        proposal = await go(tmp_path, request_in(tmp_path, budget_runs=60))
    assert proposal.meta.verdict in {Verdict.NO_GAIN, Verdict.UNDECIDED}
    assert proposal.meta.best_round == 0


async def test_an_edit_that_loses_what_must_be_is_refused_with_the_reason(tmp_path):
    with agents(lambda text: better(text).replace("You MUST write", "You can write")):
        proposal = await go(tmp_path, request_in(tmp_path))
    assert proposal.meta.verdict is Verdict.NO_GAIN
    assert all("MUST" in each.outcome_reason for each in proposal.history.entries)


async def test_a_skill_that_works_already_costs_no_edit(tmp_path):
    skill = "---\nname: writer\ndescription: Writes.\n---\n\nWrite to `a`. Odds: 1.0\n"
    request = request_in(tmp_path, skill=skill_in(tmp_path, skill))
    with agents():
        proposal = await go(tmp_path, request)
    assert proposal.meta.verdict is Verdict.NO_GAIN
    assert "nothing to mend" in proposal.meta.best_round_reason
    assert proposal.history.entries == ()


async def test_too_few_tasks_make_it_fitted_at_most(tmp_path):
    request = request_in(tmp_path)
    with agents():
        proposal = await go(tmp_path, request.model_copy(update={"test_tasks": ()}))
    assert proposal.meta.verdict is Verdict.FITTED
    assert "nothing is known of others" in proposal.meta.best_round_reason


async def test_the_editor_is_shown_train_tasks_only(tmp_path):
    shown = []

    def look(text):
        return better(text)

    with agents(look):
        proposal = await go(tmp_path, request_in(tmp_path))
    past, _ = await past_of(tmp_path, proposal)
    held_out = {ref.id for ref in (*past.tasks.selection, *past.tasks.confirm)}
    for folder in proposal.dir.glob("round-*-optimizer"):
        for file in folder.rglob("*"):
            if file.is_file():
                shown.append(file.read_text(errors="replace"))
    assert shown
    assert not [name for name in held_out for text in shown if name in text]
    assert {path.parent.name for path in proposal.dir.glob("round-*-evidence/*/*")} == {"train"}


async def test_every_pair_is_the_same_task_and_seed_on_both_sides(tmp_path):
    with agents():
        proposal = await go(tmp_path, request_in(tmp_path, concurrency=3))
    _, runs = await past_of(tmp_path, proposal)
    sides = {}
    for run in runs:
        cell = Cell.parse(run.cell)
        if cell is not None and cell.role == "pair":
            sides.setdefault((cell.round, cell.index), {})[cell.side] = run
    assert sides
    for index, pair in sides.items():
        one, other = pair["original"], pair["treated"]
        assert (one.task_digest, one.seed) == (other.task_digest, other.seed), index
        assert one.skill_digest != other.skill_digest
    assert len({pair["original"].run_id for pair in sides.values()}) == len(sides)


async def test_an_exception_leaves_a_failed_proposal_with_its_reason(tmp_path):
    def burst(text):
        raise InfrastructureError("the editor's provider burnt down")

    with agents(burst), pytest.raises(InfrastructureError, match="burnt down"):
        await go(tmp_path, request_in(tmp_path))
    (proposal,) = store_in(tmp_path).list()
    assert (proposal.meta.verdict, proposal.meta.status) == (Verdict.FAILED, "pending")
    assert "burnt down" in proposal.meta.error
    assert (proposal.phase, proposal.run_status.error) == ("failed", proposal.meta.error)
    assert proposal.why_not_servable() is not None
    assert proposal.history.rounds[0].train_total == 4, "what was measured is kept"
    assert not (proposal.dir.parent / LOCK_NAME).exists()
    (entry,) = read_sessions(settings_in(tmp_path).logs_dir)
    assert (entry.type, entry.status) == ("jit-optimize", "failed")

    with agents():
        again = await go_on(tmp_path, str(proposal.id))
    assert (again.meta.verdict, again.meta.error) == (Verdict.RECOMMENDED, None)
    assert again.phase == "done"
    await nothing_was_run_twice(tmp_path, again)


async def nothing_was_run_twice(folder, proposal):
    _, runs = await past_of(folder, proposal)
    cells = [run.cell for run in runs if run.cell and run.outcome.is_graded]
    assert len(cells) == len(set(cells))


async def test_a_bug_of_ours_leaves_a_failed_proposal_too(tmp_path):
    def watch(update):
        if update.event is not None and update.event.kind == "pair":
            raise ZeroDivisionError("a bug")

    with agents(), pytest.raises(ZeroDivisionError):
        await go(tmp_path, request_in(tmp_path), watch)
    (proposal,) = store_in(tmp_path).list()
    assert proposal.meta.verdict is Verdict.FAILED
    assert "ZeroDivisionError" in proposal.meta.error


async def test_a_cancelled_session_says_so_and_goes_on(tmp_path):
    with agents():
        with anyio.CancelScope() as scope:

            def watch(update):
                if update.event is not None and update.event.kind == "pair":
                    scope.cancel()

            await go(tmp_path, request_in(tmp_path), watch)
        (proposal,) = store_in(tmp_path).list()
        assert proposal.meta.verdict is Verdict.CANCELLED
        assert (proposal.phase, proposal.standing) == ("failed", "cancelled")
        again = await go_on(tmp_path, str(proposal.id))
        whole = await go(tmp_path / "whole", request_in(tmp_path / "whole"))
    assert again.meta.verdict is Verdict.RECOMMENDED
    await nothing_was_run_twice(tmp_path, again)
    assert decisions(again) == decisions(whole)


def decisions(proposal):
    """Everything that was decided or measured, without times and names."""
    rounds = [
        each.model_dump(exclude={"target_agent", "eval_judge", "optimizer", "seconds_per_run"})
        for each in proposal.history.rounds
    ]
    entries = [each.model_dump(exclude={"timestamp"}) for each in proposal.history.entries]
    meta = proposal.meta
    return (meta.verdict, meta.best_round, meta.best_round_reason, meta.runs_used, rounds, entries)


async def test_the_same_request_makes_the_same_decisions(tmp_path):
    made = []
    for name in ("one", "two"):
        with agents():
            made.append(await go(tmp_path / name, request_in(tmp_path / name)))
    assert decisions(made[0]) == decisions(made[1])


async def test_runs_at_once_change_no_pair(tmp_path):
    made = []
    for name, at_once in (("one", 1), ("many", 4)):
        with agents():
            proposal = await go(tmp_path / name, request_in(tmp_path / name, concurrency=at_once))
        made.append(
            [
                (each.index, each.task_id, each.difference)
                for each in await pairs_of(tmp_path / name, proposal)
            ]
        )
    few, many = sorted(made, key=len)
    assert many[: len(few)] == few


async def test_only_one_session_works_on_a_skill_and_target(tmp_path):
    request = request_in(tmp_path)
    folder = store_in(tmp_path).skill_dir(harness="target", target_model="fake/m", skill="writer")
    with agents(), OptimizeLock(folder), pytest.raises(LockHeldError):
        await go(tmp_path, request)
    assert store_in(tmp_path).list() == (), "nothing was left behind"


async def test_a_budget_is_kept(tmp_path):
    with agents(lambda text: better(text, 0.45)):
        proposal = await go(tmp_path, request_in(tmp_path, budget_runs=40, rounds=1))
    assert proposal.meta.runs_used <= 40
    _, runs = await past_of(tmp_path, proposal)
    assert len([run for run in runs if Cell.parse(run.cell)]) == proposal.meta.runs_used
    assert proposal.meta.verdict in {Verdict.UNDECIDED, Verdict.NO_GAIN}


async def test_an_undecided_session_goes_on_with_a_larger_budget(tmp_path):
    with agents(lambda text: better(text, 0.7)):
        short = await go(tmp_path, request_in(tmp_path, budget_runs=34, rounds=1))
        assert short.meta.verdict is Verdict.UNDECIDED
        request = request_in(tmp_path, budget_runs=120, rounds=1)
        again = await go_on(tmp_path, str(short.id), request=request)
    assert again.meta.verdict is Verdict.RECOMMENDED
    assert again.meta.budget_runs == 120
    await nothing_was_run_twice(tmp_path, again)


async def test_a_finished_session_does_not_go_on(tmp_path):
    with agents():
        proposal = await go(tmp_path, request_in(tmp_path))
        with pytest.raises(UsageError, match="it is over"):
            await go_on(tmp_path, str(proposal.id))


async def test_a_task_that_changed_does_not_go_on(tmp_path):
    with agents(lambda text: better(text, 0.7)):
        short = await go(tmp_path, request_in(tmp_path, budget_runs=34, rounds=1))
        task = tmp_path / "tasks/t00/task.json"
        task.write_text(json.dumps({**json.loads(task.read_text()), "prompt": "do something else"}))
        with pytest.raises(UsageError, match=r"'t00'.*has changed"):
            await go_on(tmp_path, str(short.id), request=request_in(tmp_path, rounds=1))
    (proposal,) = store_in(tmp_path).list()
    assert proposal.meta.verdict is Verdict.FAILED


async def test_the_original_may_change_meanwhile(tmp_path):
    """A session works on its own copy: what somebody does to the deployed skill is accept's matter."""
    request = request_in(tmp_path)

    def watch(update):
        Path(request.skill, "SKILL.md").write_text("---\nname: writer\ndescription: d\n---\n\nOdds: 0.0\n")

    with agents():
        proposal = await go(tmp_path, request, watch)
        whole = await go(tmp_path / "whole", request_in(tmp_path / "whole"))
    assert decisions(proposal) == decisions(whole)


async def test_a_baseline_is_measured_beside_the_budget(tmp_path):
    with agents():
        proposal = await go(tmp_path, request_in(tmp_path, baseline=True))
        plain = await go(tmp_path / "plain", request_in(tmp_path / "plain"))
    found = read_baseline(proposal)
    assert (found["no-skill"]["score"], found["no-skill"]["runs"]) == (0.0, 12)
    assert found["original"]["runs"] == 12
    assert 0 < found["original"]["score"] < 1
    assert decisions(proposal) == decisions(plain), "it decides nothing and is no part of the budget"
    assert read_baseline(plain) is None
    for torn in ('{"no-skill"', "[]", '{"no-skill": 1, "original": 2}', "null"):
        (proposal.dir / "baseline.json").write_text(torn)
        assert read_baseline(proposal) is None


async def test_auto_apply_deploys_what_is_recommended_and_nothing_else(tmp_path):
    with agents():
        proposal = await go(tmp_path, request_in(tmp_path, auto_apply=True))
    assert "Odds: 0.95" in (tmp_path / "skills/writer/SKILL.md").read_text()
    assert (proposal.meta.status, proposal.meta.accepted_round) == ("accepted", 1)

    other, seen = tmp_path / "other", Seen([])
    request = request_in(other, auto_apply=True)
    with agents():
        fitted = await go(other, request.model_copy(update={"test_tasks": ()}), seen)
    assert (fitted.meta.verdict, fitted.meta.status) == (Verdict.FITTED, "pending")
    assert "Odds: 0.3" in (other / "skills/writer/SKILL.md").read_text()
    assert "not-applied" in seen.kinds


async def test_auto_apply_over_a_change_of_somebody_else_leaves_the_proposal(tmp_path):
    request, seen = request_in(tmp_path, auto_apply=True), Seen([])

    def watch(update):
        seen(update)
        text = "---\nname: writer\ndescription: Writes.\n---\n\n# Writer\n\nMine. Odds: 0.1\n"
        Path(request.skill, "SKILL.md").write_text(text)

    with agents():
        proposal = await go(tmp_path, request, watch)
    assert (proposal.meta.verdict, proposal.meta.status) == (Verdict.RECOMMENDED, "pending")
    assert "Mine." in (tmp_path / "skills/writer/SKILL.md").read_text()
    assert seen.kinds[-1] == "not-applied"


async def test_rounds_that_are_not_kept_go(tmp_path):
    calls = []

    def first_worse(text):
        calls.append(1)
        return better(text, 0.0 if len(calls) == 1 else 0.95)

    with agents(first_worse):
        proposal = await go(tmp_path, request_in(tmp_path, keep_all_rounds=False))
    assert proposal.meta.best_round == 2
    assert proposal.round_numbers() == (0, 2)
    assert [(each.round, each.outcome) for each in proposal.history.entries] == [
        (1, "dropped"),
        (2, "recommended"),
    ]


async def test_edits_branch_from_the_original_where_a_round_lost(tmp_path):
    seen = []

    def watch_text(text):
        seen.append(text)
        return better(text, 0.0)

    with agents(watch_text):
        await go(tmp_path, request_in(tmp_path))
    assert len(seen) > 1
    assert all("Odds: 0.3" in text for text in seen)


async def test_a_session_that_waits_is_found(tmp_path):
    with agents():
        with anyio.CancelScope() as scope:
            await go(tmp_path, request_in(tmp_path), lambda update: scope.cancel() if update.event else None)
        (proposal,) = store_in(tmp_path).list()
        async with bench_in(tmp_path) as bench:
            (waiting,) = await unfinished_sessions(bench.journal)
        assert waiting.proposal_id == str(proposal.id)
        await go_on(tmp_path, str(proposal.id))
        async with bench_in(tmp_path) as bench:
            assert await unfinished_sessions(bench.journal) == ()


async def test_a_session_that_was_over_but_not_written_down_is_written_down(tmp_path):
    """Killed between its last event and its proposal."""
    with agents():
        proposal = await go(tmp_path, request_in(tmp_path))
        wanted = decisions(proposal)
        proposal.update_meta(verdict=None, best_round=0, finished_at=None)
        (proposal.dir / "history.json").unlink()
        again = await go_on(tmp_path, str(proposal.id))
    assert decisions(again) == wanted


async def test_a_spend_ceiling_ends_in_a_verdict(tmp_path):
    from skvm.llm.contract import BudgetExceededError

    with agents():
        async with bench_in(tmp_path) as bench:
            port = bench.port
            calls = []

            class Stingy:
                def session(self, scope, *, deadline_s=None):
                    calls.append(scope)
                    if len(calls) > 30:
                        raise BudgetExceededError("the next call may cost 3 tokens; nothing is left")
                    return port.session(scope, deadline_s=deadline_s)

            proposal = await optimize(request_in(tmp_path), replace(bench, port=Stingy()), store_in(tmp_path))
    assert proposal.meta.verdict is Verdict.UNDECIDED
    assert "spend ceiling" in proposal.meta.best_round_reason


async def test_a_journal_that_breaks_leaves_the_first_error_and_a_finished_proposal(tmp_path):
    with agents():
        async with bench_in(tmp_path) as bench:
            journal, broken = bench.journal, []

            class Breaking:
                def __getattr__(self, name):
                    if broken and name in {"append_all", "query"}:
                        raise InfrastructureError("the disk is full")
                    return getattr(journal, name)

            def watch(update):
                if update.event is not None and update.event.kind == "pair":
                    broken.append(1)
                    raise InfrastructureError("the provider burnt down")

            with pytest.raises(InfrastructureError, match="burnt down"):
                await optimize(
                    request_in(tmp_path),
                    replace(bench, journal=Breaking()),
                    store_in(tmp_path),
                    on_event=watch,
                )
    (proposal,) = store_in(tmp_path).list()
    assert proposal.phase == "failed"
    assert not (proposal.dir.parent / LOCK_NAME).exists()


async def test_a_journal_that_takes_nothing_leaves_no_proposal(tmp_path):
    with agents():
        async with bench_in(tmp_path) as bench:

            class Full:
                async def append(self, *_):
                    raise InfrastructureError("the disk is full")

            with pytest.raises(InfrastructureError, match="full"):
                await optimize(request_in(tmp_path), replace(bench, journal=Full()), store_in(tmp_path))
    assert store_in(tmp_path).list() == ()


async def test_where_no_run_works_the_session_is_blocked_not_lost(tmp_path):
    with agents(), HARNESSES.temporarily("broken", Broken):
        proposal = await go(tmp_path, request_in(tmp_path, harness="broken"))
    meta = proposal.meta
    assert (meta.verdict, meta.status, meta.best_round) == (Verdict.BLOCKED, "infra-blocked", 0)
    assert "infrastructure failed" in meta.blocked_reason
    assert meta.blocked_reason.endswith("the last run said: RuntimeError: it fell over")
    assert proposal.history.entries == (), "no editor was asked"
    first = proposal.history.rounds[0]
    assert (first.train_score, first.train_total) == (None, 0)
    assert (first.target_agent.runs, first.target_agent.clean_runs) == (meta.runs_used, 0)


class Broken(Target):
    async def run(self, context):
        raise RuntimeError("it fell over")


async def test_an_editor_that_says_it_is_blocked_ends_the_session(tmp_path):
    with agents(), HARNESSES.temporarily("blocked", Blocked):
        proposal = await go(tmp_path, request_in(tmp_path, editor_harness="blocked"))
    meta = proposal.meta
    assert (meta.verdict, meta.status) == (Verdict.BLOCKED, "infra-blocked")
    assert meta.blocked_reason == "no file could be written"
    (entry,) = proposal.history.entries
    assert (entry.infra_blocked, entry.blocked_evidence_ids) == (True, ("0", "1"))
    assert meta.blocked_evidence_ids == ("0", "1")


class Blocked(Target):
    async def run(self, context):
        said = {
            "infraBlocked": True,
            "blockedEvidenceIds": ["0", "1"],
            "blockedReason": "no file could be written",
        }
        await context.cell.write(".optimize/submission.json", json.dumps(said).encode())
        return Trajectory(harness="blocked", model=context.model_id, prompt=context.prompt, final_text="done")


async def test_an_editor_that_falls_over_twice_stops_the_session_and_it_goes_on(tmp_path):
    with agents(), HARNESSES.temporarily("broken", Broken), pytest.raises(InfrastructureError, match="twice"):
        await go(tmp_path, request_in(tmp_path, editor_harness="broken"))
    (proposal,) = store_in(tmp_path).list()
    assert proposal.meta.verdict is Verdict.FAILED
    assert "it fell over" in proposal.meta.error
    with agents():
        request = request_in(tmp_path, editor_harness="editor")
        again = await go_on(tmp_path, str(proposal.id), request=request)
    assert again.meta.verdict is Verdict.RECOMMENDED


async def test_what_was_found_out_is_not_taken_back_by_an_interruption(tmp_path):
    with agents(), anyio.CancelScope() as scope:

        def watch(update):
            if update.kind == "finished" or (update.event is not None and update.event.kind == "finished"):
                scope.cancel()

        await go(tmp_path, request_in(tmp_path, auto_apply=True), watch)
    (proposal,) = store_in(tmp_path).list()
    assert scope.cancel_called
    assert (proposal.meta.verdict, proposal.meta.status) == (Verdict.RECOMMENDED, "accepted")
    assert proposal.phase == "done"
