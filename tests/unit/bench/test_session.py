import anyio
import pytest
from tests.unit.bench.sessions import (
    Agent,
    Watch,
    plan_of,
    run_plan,
    settings_in,
    write_skill,
    write_tasks,
)

from skvm.bench.history import attempts_of, counted, find_plan, newest_unfinished
from skvm.bench.limits import Limits
from skvm.bench.plan import Target
from skvm.errors import InfrastructureError, UsageError
from skvm.evidence.journal import Journal
from skvm.evidence.record import Outcome
from skvm.harness.fake import FakeHarness, registered_fake


def run(function, *args, **kwargs):
    async def main():
        return await function(*args, **kwargs)

    return anyio.run(main)


def ask(folder, question):
    async def main():
        async with Journal(settings_in(folder).journal_path, read_only=True) as journal:
            return await question(journal)

    return anyio.run(main)


def test_every_cell_runs_once_and_conditions_stand_side_by_side(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", 3, write_skill(tmp_path / "skills"))
    plan, watch = plan_of(tasks, repetitions=2), Watch()
    with registered_fake(FakeHarness({"a": "x"})):
        done, is_stopped, _ = run(run_plan, plan, tmp_path, watch=watch)
    assert len(done) == 3 * 2 * 2
    assert not is_stopped
    order = [(each.repetition, each.task_id, each.condition) for each in watch.ended]
    blocks = [order[index : index + 2] for index in range(0, 12, 2)]
    assert all(first[:2] == second[:2] for first, second in blocks), "a block's conditions are neighbours"
    firsts = [block[0][2] for block in blocks]
    assert firsts.count("no-skill") == firsts.count("original") == 3, "neither always goes first"
    seeds = {(each.repetition, each.seed) for each in watch.ended}
    assert seeds == {(0, 0), (1, 1)}, "the conditions of a repetition share a seed"


def test_a_task_without_a_skill_runs_bare_only(tmp_path):
    plan = plan_of(write_tasks(tmp_path / "tasks", 2))
    with registered_fake():
        done, _, _ = run(run_plan, plan, tmp_path)
    assert {each.condition for each in done.values()} == {"no-skill"}


def test_resuming_repeats_nothing_that_counts_and_redoes_outside_faults(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", 4)
    plan = plan_of(tasks, conditions=("no-skill",))
    broken = {"do 1", "do 3"}

    async def act(context):
        if context.prompt in broken:
            raise InfrastructureError("the provider is away")
        if context.prompt == "do 2":
            raise RuntimeError("the harness fell over")
        await context.cell.write("a", b"x")

    with registered_fake(Agent(act)):
        done, _, record = run(run_plan, plan, tmp_path)
        by_task = {each.task_id: each.outcome for each in done.values()}
        assert by_task["t01"] is by_task["t03"] is Outcome.INFRA_FAILED
        assert by_task["t02"] is Outcome.HARNESS_FAILED
        assert ask(tmp_path, newest_unfinished) == "s1"
        before = len(ask(tmp_path, lambda journal: attempts_of(journal, "s1")))
        broken.clear()
        watch = Watch()
        done, _, _ = run(run_plan, plan, tmp_path, record=record, watch=watch)
    assert len(watch.begun) == 2, "only the two the provider failed"
    assert {each.task_id for each in done.values() if each.outcome is Outcome.SCORED} == {"t00", "t01", "t03"}
    attempts = ask(tmp_path, lambda journal: attempts_of(journal, "s1"))
    assert len(attempts) == before + 2
    assert {key: each.run_id for key, each in counted(attempts).items()} == {
        key: each.run_id for key, each in done.items()
    }
    with pytest.raises(UsageError, match="no unfinished"):
        ask(tmp_path, newest_unfinished)


def test_a_plan_comes_back_whole_from_its_id(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", 1, write_skill(tmp_path / "skills"))
    plan = plan_of(tasks, repetitions=3, limits={"fake": 2}, concurrency=5, timeout_s=7.5, max_usd=1.25)
    with registered_fake(FakeHarness({"a": "x"})):
        _, _, record = run(run_plan, plan, tmp_path)
    assert ask(tmp_path, lambda journal: find_plan(journal, "s1")) == (record, plan)
    with pytest.raises(UsageError, match="no bench session 's2'"):
        ask(tmp_path, lambda journal: find_plan(journal, "s2"))


def test_a_session_runs_in_one_process_at_a_time(tmp_path):
    plan = plan_of(write_tasks(tmp_path / "tasks", 1), conditions=("no-skill",))

    async def act(context):
        with pytest.raises(InfrastructureError, match="another process runs bench session"):
            await run_plan(plan, tmp_path)
        await context.cell.write("a", b"x")

    with registered_fake(Agent(act)):
        done, _, _ = run(run_plan, plan, tmp_path)
    assert [each.score for each in done.values()] == [1.0]


def test_a_target_that_keeps_failing_ends_the_session_with_what_there_is(tmp_path):
    plan = plan_of(write_tasks(tmp_path / "tasks", 9), conditions=("no-skill",))

    async def act(context):
        raise InfrastructureError("the provider is away")

    with registered_fake(Agent(act)), pytest.raises(InfrastructureError, match="5 runs on fake/m in fake"):
        run(run_plan, plan, tmp_path)
    attempts = ask(tmp_path, lambda journal: attempts_of(journal, "s1"))
    assert len({each.cell for each in attempts}) == 5


def test_nothing_of_one_run_is_seen_by_the_next(tmp_path):
    plan = plan_of(write_tasks(tmp_path / "tasks", 3), conditions=("no-skill",), repetitions=2)
    seen = []

    async def act(context):
        seen.append([entry.name for entry in await context.cell.list(".")])
        await context.cell.write(f"left-{len(seen)}", b"x")

    with registered_fake(Agent(act)):
        run(run_plan, plan, tmp_path)
    assert seen == [[]] * 6
    assert not list((tmp_path / "tmp").glob("skvm-*")), "and nothing is left lying about"


def test_what_is_varied_makes_another_cell(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", 1)
    plan = plan_of(tasks, conditions=("no-skill",))
    changes = [
        {},
        {"seed": 5},
        {"timeout_s": 3.0},
        {"max_steps": 2},
        {"temperature": 0.5},
        {"sandbox": "none"},
        {"judge_model": "fake/j"},
        {"max_output_tokens": 9},
        {"targets": (Target(model="fake/other", harness="fake"),)},
    ]
    with registered_fake(FakeHarness({"a": "x"})):
        keys = [
            *(next(iter(run(run_plan, plan.model_copy(update=each), tmp_path)[0])) for each in changes),
        ]
        (tasks[0] / "fixtures").mkdir()
        (tasks[0] / "fixtures" / "b").write_text("more")
        keys.append(next(iter(run(run_plan, plan, tmp_path)[0])))
    assert len(set(keys)) == len(changes) + 1


def test_the_bound_a_built_in_harness_has_by_itself_makes_no_other_cell(tmp_path):
    plan = plan_of(write_tasks(tmp_path / "tasks", 1), conditions=("no-skill",))
    with registered_fake(FakeHarness({"a": "x"})):
        bounds = (None, 2048, 2049)
        unsaid, said, more = (
            next(iter(run(run_plan, plan.model_copy(update={"max_output_tokens": each}), tmp_path)[0]))
            for each in bounds
        )
    assert unsaid == said != more


def test_runs_at_once_stay_within_every_level(tmp_path):
    plan = plan_of(write_tasks(tmp_path / "tasks", 12), conditions=("no-skill",), concurrency=6)
    now, most, full = 0, 0, anyio.Event()

    async def act(context):
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == expected:
            full.set()
        # Nobody leaves before the place is as full as it may be.
        await full.wait()
        await anyio.sleep(0.01)
        now -= 1

    for named, expected in (({}, 6), ({"fake": 2}, 2)):
        now, most, full = 0, 0, anyio.Event()
        folder = tmp_path / str(expected)
        with registered_fake(Agent(act)):
            run(run_plan, plan.model_copy(update={"limits": named}), folder)
        assert most == expected


def test_a_throttled_provider_gets_half_and_wins_it_back_run_by_run():
    limits, target = Limits(8), Target(model="p/m", harness="h")
    limits.throttled("p", 10.0)
    limits.throttled("p", 10.4)
    assert limits.places("p") == 4, "one moment's answers are one request for less"
    limits.throttled("p", 12.0)
    assert limits.places("p") == 2
    other = Target(model="q/m", harness="h")
    for _ in range(2):
        limits.take(target)
    assert not limits.admits(target)
    assert limits.admits(other), "another provider is not meant"
    for expected in (2, 3, 3, 3, 4):
        limits.give_back(target)
        limits.take(target)
        assert limits.places("p") == expected
    for _ in range(99):
        limits.give_back(target)
        limits.take(target)
    assert limits.places("p") == 8, "and never more than at the start"


def test_a_cancelled_session_says_what_was_under_way(tmp_path):
    plan = plan_of(write_tasks(tmp_path / "tasks", 3), conditions=("no-skill",))

    async def act(context):
        if context.prompt == "do 1":
            await anyio.sleep_forever()
        await context.cell.write("a", b"x")

    async def interrupted():
        with anyio.move_on_after(1.0):
            await run_plan(plan, tmp_path)

    with registered_fake(Agent(act)):
        anyio.run(interrupted)
        attempts = ask(tmp_path, lambda journal: attempts_of(journal, "s1"))
    assert {each.task_id: each.outcome for each in attempts} == {
        "t00": Outcome.SCORED,
        "t01": Outcome.CANCELLED,
    }
