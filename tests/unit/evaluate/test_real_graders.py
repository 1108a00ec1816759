"""The graders of the public tasks: each loads, and each that can run here judges what an agent left."""

import json

import anyio
import pytest
from tests.confinement import make_ground

from skvm.bench.importing import import_from
from skvm.evaluate.grading import Seal, errors_of, grade, ungradable
from skvm.evaluate.junit.payload import find_test_file, read_payload
from skvm.evaluate.workspace import lay_fixtures, lay_inline, sealed_fixtures
from skvm.harness.confine import choose_sandbox
from skvm.harness.sandbox import Policy
from skvm.harness.trajectory import Trajectory
from skvm.task.loader import load_task

UNTOUCHED = {"git_task_02": 0.25}
"""What untouched fixtures score where it is not 0."""


@pytest.fixture(scope="module")
def tasks(public_data):
    found = [load_task(file.parent) for file in sorted(public_data.glob("skvm-data/tasks/*/task.json"))]
    assert found
    return found


def custom_of(task):
    return [criterion for criterion in task.criteria if criterion.method == "custom"]


def by_evaluator(tasks, evaluator_id):
    found = [task for task in tasks if evaluator_id in [c.options["evaluatorId"] for c in custom_of(task)]]
    assert found
    return found


def test_every_task_is_sound_or_says_what_it_lacks(tasks):
    for task in tasks:
        assert errors_of(task) == []
        for criterion in custom_of(task):
            why = ungradable(task).get(criterion.id, "")
            assert not why or why.startswith("needs bun"), (task.id, why)


def test_no_test_file_is_laid_out_for_an_agent(tasks, tmp_path):
    for task in by_evaluator(tasks, "junit-grade"):
        (payload, found) = read_payload(custom_of(task)[0])
        assert found == []
        work = tmp_path / task.id
        work.mkdir()
        lay_fixtures(task, work)
        assert sealed_fixtures(task) == {payload.test_file}
        assert find_test_file(payload, task).source
        assert not (work / payload.test_file).exists()


def test_every_python_grader_judges_fixtures_nothing_and_rubbish(tasks):
    sandbox = choose_sandbox("auto")
    trajectory = Trajectory(harness="h", model="m", prompt="p")

    async def main(task, ground):
        seal = Seal(sandbox, ground.outside, ground.work)
        ground.outside.chmod(0o711)
        scores = {"nothing": await score(task, seal)}
        lay_fixtures(task, ground.work)
        if (ground.work / "_setup.sh").is_file():
            async with sandbox.open(Policy(ground.work)) as cell:
                assert (await cell.execute(["bash", "_setup.sh"], timeout_s=60)).exit_code == 0
        scores["fixtures"] = await score(task, seal)
        for name in mentioned(task):
            (ground.work / name).write_bytes(b'[1, {"\xff\x00": [[[[' + b"\n;,BEGIN:VCALENDAR" * 50)
        scores["rubbish"] = await score(task, seal)
        return scores

    async def score(task, seal):
        only = task.model_copy(update={"criteria": tuple(custom_of(task))})
        verdicts = await grade(only, trajectory, seal)
        assert verdicts.fault is None, (task.id, verdicts)
        return verdicts.results[0].score

    for task in by_evaluator(tasks, "python-grade"):
        with make_ground() as ground:
            scores = anyio.run(main, task, ground)
        assert scores["fixtures"] == UNTOUCHED.get(task.id, 0.0), (task.id, json.dumps(scores))
        assert scores["nothing"] <= scores["fixtures"], (task.id, scores)
        assert 0 <= scores["rubbish"] <= 1


def test_graders_that_give_a_dict_judge_their_fixtures(public_data):
    trajectory = Trajectory(harness="h", model="m", prompt="p")
    sandbox = choose_sandbox("auto")
    with make_ground() as ground:
        ground.outside.chmod(0o711)
        import_from("pinchbench", public_data / "pinchbench", ground.outside / "tasks")
        imported = [load_task(file.parent) for file in sorted(ground.outside.glob("tasks/*/task.json"))]
        for task in by_evaluator([task for task in imported if custom_of(task)], "python-grade"):
            work = ground.work / task.id
            work.mkdir()
            lay_fixtures(task, work)
            lay_inline(task, work)
            only = task.model_copy(update={"criteria": tuple(custom_of(task))})
            verdicts = anyio.run(grade, only, trajectory, Seal(sandbox, ground.outside, work))
            assert verdicts.fault is None, (task.id, verdicts)
            assert verdicts.results[0].score < 0.5
            assert len(verdicts.results[0].checkpoints) > 1


def mentioned(task):
    """Files the prompt asks for, as far as a glance tells."""
    words = {word.strip("`'\"*.,:;()[]") for word in task.prompt.split()}
    endings = (".json", ".txt", ".ics", ".md", ".csv")
    return sorted(word for word in words if word.endswith(endings) and "/" not in word and len(word) > 5)
