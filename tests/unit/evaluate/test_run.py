import json
from functools import partial

import anyio
import pytest
from tests.unit.evaluate.conftest import Agent, FakePort

from skvm.errors import ConfigError, InfrastructureError, UsageError
from skvm.evaluate.bench import load_trajectory
from skvm.evaluate.run import RunSpec, run_once
from skvm.evidence.record import CriterionResult, Outcome, RunRecord
from skvm.harness.fake import FakeHarness, registered_fake
from skvm.llm.contract import BudgetExceededError, CallScope, DeadlineExceededError, ProviderError
from skvm.skill.frontend import load_skill
from skvm.task.loader import load_task
from skvm.task.model import Criterion, Task

HI = Criterion(method="file-check", id="hi", options={"path": "a.txt", "mode": "contains", "expected": "hi"})
BYE = Criterion(
    method="file-check", id="bye", options={"path": "a.txt", "mode": "contains", "expected": "bye"}
)


def task(*criteria, **more):
    return Task(id="t", prompt="Do it", criteria=criteria, **more)


def once(bench, spec):
    """Run a spec; gives the record, the trajectory and what the journal holds."""

    async def main():
        async with bench() as opened:
            record = await run_once(spec, opened)
            entries = await opened.journal.query()
            return record, load_trajectory(opened.blobs, record), entries, await opened.journal.unfinished()

    return anyio.run(main)


def test_a_run_is_graded_and_recorded(bench, settings):
    spec = RunSpec(
        task(HI, BYE), "fake/m", harness=FakeHarness({"a.txt": "hi"}, final_text="there"), repetition=2
    )
    record, trajectory, entries, left = once(bench, spec)
    assert (record.outcome, record.score) == (Outcome.SCORED, 0.5)
    assert [(result.id, result.score) for result in record.criteria] == [("hi", 1.0), ("bye", 0.0)]
    assert (record.condition, record.repetition, record.model, record.sandbox) == (
        "no-skill",
        2,
        "fake/m",
        "fake",
    )
    assert record.usage.input_tokens == 7
    assert trajectory.final_text == "there"
    assert [entry.kind for entry in entries] == ["run_started", "run_finished"]
    assert RunRecord.model_validate(dict(entries[1].body)) == record
    assert entries[1].parent == entries[0].id
    assert left == ()
    assert list(settings.tmp_dir.iterdir()) == [], "nothing is left behind"


def test_harnesses_are_found_by_name(bench):
    with registered_fake(FakeHarness({"a.txt": "hi"})) as name:
        record = once(bench, RunSpec(task(HI), "fake/m", harness=name))[0]
    assert (record.harness, record.score) == ("fake", 1.0)
    with pytest.raises(UsageError, match="unknown harness"):
        once(bench, RunSpec(task(HI), "fake/m", harness="no-such"))


async def stop(outcome, context):
    await context.cell.write("a.txt", b"hi")
    return {"outcome": outcome}


async def fail(error, context):
    await context.cell.write("a.txt", b"hi")
    raise error


@pytest.mark.parametrize("outcome", [Outcome.TIMED_OUT, Outcome.STEP_LIMIT])
def test_a_deadline_and_a_step_limit_are_graded_as_left(bench, outcome):
    record = once(bench, RunSpec(task(HI), "m", harness=Agent(partial(stop, outcome))))[0]
    assert (record.outcome, record.score) == (outcome, 1.0)


@pytest.mark.parametrize(
    ("error", "outcome", "score"),
    [
        (ProviderError("the provider is down", status=503), Outcome.INFRA_FAILED, None),
        (InfrastructureError("the cell died"), Outcome.INFRA_FAILED, None),
        (ExceptionGroup("g", [ProviderError("the provider is down")]), Outcome.INFRA_FAILED, None),
        (DeadlineExceededError(), Outcome.TIMED_OUT, 1.0),
        (KeyError("a bug"), Outcome.HARNESS_FAILED, None),
    ],
)
def test_whose_fault_it_was_decides(bench, error, outcome, score):
    record, _, _, left = once(bench, RunSpec(task(HI), "m", harness=Agent(partial(fail, error))))
    assert (record.outcome, record.score) == (outcome, score)
    assert record.detail
    assert left == ()


@pytest.mark.parametrize("error", [BudgetExceededError("too dear"), ConfigError("no key")])
def test_errors_the_next_run_would_meet_too_are_recorded_and_passed_on(bench, error):
    async def main():
        async with bench() as opened:
            with pytest.raises(type(error)):
                await run_once(RunSpec(task(HI), "m", harness=Agent(partial(fail, error))), opened)
            return await opened.journal.query("run_finished")

    assert anyio.run(main)[0].body["outcome"] == "infra_failed"


def test_a_cancelled_run_is_recorded_and_passed_on(bench, settings):
    async def hang(context):
        await context.cell.write("a.txt", b"hi")
        await anyio.sleep_forever()

    async def main():
        async with bench() as opened:
            with anyio.move_on_after(0.2) as scope:
                await run_once(RunSpec(task(HI), "m", harness=Agent(hang)), opened)
            return scope.cancelled_caught, await opened.journal.query("run_finished")

    cancelled, ended = anyio.run(main)
    assert cancelled
    assert (ended[0].body["outcome"], ended[0].body["score"]) == ("cancelled", None)
    assert list(settings.tmp_dir.iterdir()) == []


def test_a_harness_that_ignores_its_deadline_is_stopped(bench, monkeypatch):
    monkeypatch.setattr("skvm.evaluate.run.GRACE_S", 0.1)

    async def hang(context):
        await context.cell.write("a.txt", b"hi")
        await anyio.sleep_forever()

    record = once(bench, RunSpec(task(HI), "m", harness=Agent(hang), timeout_s=0.1))[0]
    assert (record.outcome, record.score) == (Outcome.TIMED_OUT, 1.0)


def test_words_that_no_encoding_takes_are_recorded_mended(bench):
    async def say(context):
        return {"final_text": "a\ud800b", "detail": "c\udfffd"}

    async def go():
        async with bench() as opened:
            record = await run_once(RunSpec(task(HI), "m", harness=Agent(say)), opened)
            (entry,) = await opened.journal.query("run_finished")
            return entry.body, load_trajectory(opened.blobs, record)

    body, trajectory = anyio.run(go)
    assert body["detail"] == "c?d"
    assert trajectory.final_text == "a?b"


def test_a_task_without_criteria_is_scored_without_a_score(bench):
    record = once(bench, RunSpec(task(), "m", harness=FakeHarness()))[0]
    assert (record.outcome, record.score, record.criteria) == (Outcome.SCORED, None, ())


def test_what_nothing_can_grade_is_listed_and_left_out_of_the_score(bench):
    judge = Criterion(method="llm-judge", weight=0.9, options={"rubric": "nice"})
    record = once(bench, RunSpec(task(HI, judge), "m", harness=FakeHarness({"a.txt": "hi"})))[0]
    assert (record.outcome, record.score) == (Outcome.SCORED, 1.0)
    assert record.criteria[1].score is None
    assert "llm-judge" in record.criteria[1].infra_error
    assert any("1 of 2" in note for note in record.notes)
    record = once(bench, RunSpec(task(judge), "m", harness=FakeHarness()))[0]
    assert (record.outcome, record.score) == (Outcome.GRADER_FAILED, None)


def test_a_grader_that_failed_on_this_run_takes_its_score(bench):
    broken = Criterion(method="script", id="b", options={"command": """echo '{"infraError": "no tool"}'"""})
    record = once(bench, RunSpec(task(HI, broken), "m", harness=FakeHarness({"a.txt": "hi"})))[0]
    assert (record.outcome, record.score) == (Outcome.GRADER_FAILED, None)
    assert "no tool" in record.detail
    assert record.criteria[0].score == 1.0


def test_malformed_criteria_are_refused_before_anything_is_spent(bench):
    async def main():
        port = FakePort()
        async with bench(port=port) as opened:
            bad = task(Criterion(method="script", options={}))
            with pytest.raises(UsageError, match="command"):
                await run_once(RunSpec(bad, "m", harness=FakeHarness()), opened)
            return port.scopes, await opened.journal.query()

    assert anyio.run(main) == ([], ())


def test_an_oracle_grades_instead_of_the_criteria(bench):
    async def oracle(evidence):
        passed = await evidence.cell.read("a.txt") == b"hi"
        return [CriterionResult(id="o", method="oracle", score=float(passed))]

    async def broken(evidence):
        raise ValueError("no idea")

    agent = FakeHarness({"a.txt": "hi"})
    record = once(bench, RunSpec(task(BYE), "m", harness=agent, oracle=oracle))[0]
    assert (record.score, record.criteria[0].method) == (1.0, "oracle")
    record = once(bench, RunSpec(task(), "m", harness=agent, oracle=broken))[0]
    assert (record.outcome, record.detail) == (
        Outcome.GRADER_FAILED,
        "the oracle failed: ValueError: no idea",
    )


def test_the_work_directory_is_laid_out_in_order(bench, tmp_path):
    folder, skill = tmp_path / "t", tmp_path / "skill"
    for path, text in {
        folder / "task.json": json.dumps(
            {
                "id": "t",
                "prompt": "p",
                "fixtures": {"inline.txt": "inline", "sub/deep.txt": "x"},
                "eval": [
                    {"method": "custom", "evaluatorId": "of-others", "payload": {"testFile": "t.test.ts"}}
                ],
            }
        ),
        folder / "fixtures" / "data.txt": "fixture",
        folder / "fixtures" / "inline.txt": "under",
        folder / "fixtures" / "t.test.ts": "the expected values",
        folder
        / "fixtures"
        / "_setup.sh": "cat data.txt > from_setup.txt; ls > seen.txt; echo oops >&2; exit 3",
        folder / "graders" / "check.py": "hidden",
        folder / "grade.py": "hidden",
        skill / "SKILL.md": "---\nname: s\ndescription: d\n---\n# S\n",
        skill / "data.txt": "clash",
        skill / "inline.txt": "clash",
        skill / "scripts" / "run.sh": "#!/bin/sh\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (skill / "scripts" / "run.sh").chmod(0o755)
    seen = {}

    async def look(context):
        for path in sorted(context.work_dir.rglob("*")):
            if path.is_file():
                seen[path.relative_to(context.work_dir).as_posix()] = path.read_text()
        seen["mode"] = (context.work_dir / "scripts" / "run.sh").stat().st_mode & 0o777
        seen["delivery"] = context.skill
        seen["scope"] = context.session.scope

    spec = RunSpec(load_task(folder), "m", harness=Agent(look), skill=load_skill(skill), condition="mine")
    record = once(bench, spec)[0]
    assert record.skill_digest.startswith("sha256:")
    assert (seen.pop("mode"), seen.pop("scope")) == (0o755, CallScope("t", "mine", 0))
    delivery = seen.pop("delivery")
    assert (delivery.name, delivery.description, delivery.content.strip()) == ("s", "d", "# S")
    assert seen == {
        "_setup.sh": (folder / "fixtures" / "_setup.sh").read_text(),
        "data.txt": "fixture",
        "from_setup.txt": "fixture",
        "inline.txt": "inline",
        "scripts/run.sh": "#!/bin/sh\n",
        "seen.txt": "_setup.sh\ndata.txt\nfrom_setup.txt\ninline.txt\nseen.txt\n",
        "sub/deep.txt": "x",
    }
    assert any("data.txt was left out" in note for note in record.notes)
    assert any("inline.txt was left out" in note for note in record.notes)
    assert any("_setup.sh ended with exit code 3: oops" in note for note in record.notes)


def test_the_work_directory_is_kept_on_request(bench, tmp_path):
    record = once(bench, RunSpec(task(HI), "m", harness=FakeHarness({"a.txt": "hi"}), keep_work_dir=True))[0]
    assert (type(tmp_path)(record.work_dir) / "a.txt").read_text() == "hi"
    mine = tmp_path / "mine"
    record = once(bench, RunSpec(task(HI), "m", harness=FakeHarness({"a.txt": "hi"}), work_dir=mine))[0]
    assert record.work_dir == str(mine)
    assert (mine / "a.txt").is_file()


def test_a_setup_link_does_not_lead_our_own_writing_out(bench, tmp_path):
    folder, outside = tmp_path / "t", tmp_path / "outside"
    outside.mkdir()
    (folder / "fixtures").mkdir(parents=True)
    (folder / "fixtures" / "_setup.sh").write_text(f"ln -s {outside} sub")
    (folder / "task.json").write_text(json.dumps({"id": "t", "prompt": "p", "fixtures": {"sub/a.txt": "x"}}))
    record = once(bench, RunSpec(load_task(folder), "m", harness=FakeHarness()))[0]
    assert record.outcome is Outcome.INFRA_FAILED
    assert list(outside.iterdir()) == []
