"""``python-grade``: what a grader may give, what it is given, and whose fault it is when it fails."""

import json
import math

import anyio
import pytest
from tests.confinement import make_ground

from skvm.evaluate.grading import Seal, errors_of, grade
from skvm.evaluate.transcript import transcript_of
from skvm.harness.confine import choose_sandbox
from skvm.harness.trajectory import Observation, ToolCall, ToolKind, Trajectory, Turn
from skvm.task.loader import load_task
from skvm.task.model import Criterion, Task

TRAJECTORY = Trajectory(
    harness="h",
    model="m",
    prompt="do it",
    turns=(
        Turn(
            index=0,
            text="I look",
            tool_calls=(ToolCall(id="1", name="read_file", kind=ToolKind.READ, arguments={"path": "a"}),),
            observations=(Observation(tool_call_id="1", text="hello \udcff"),),
        ),
        Turn(index=1, text="done"),
    ),
    final_text="done",
)


def criterion(source, **more):
    return Criterion(
        method="custom", id="c", options={"evaluatorId": "python-grade", "payload": source, **more}
    )


@pytest.fixture(scope="module")
def sandbox():
    return choose_sandbox("auto")


@pytest.fixture
def judge(sandbox):
    with make_ground() as ground:

        def judged(made, trajectory=TRAJECTORY, **left):
            task = made if isinstance(made, Task) else Task(id="t", prompt="p", criteria=(criterion(made),))
            for name, text in left.items():
                (ground.work / name).write_text(text)
            assert errors_of(task) == []
            ground.work.parent.chmod(0o711)
            return anyio.run(grade, task, trajectory, Seal(sandbox, ground.outside, ground.work)).results[0]

        yield judged


def gives(value):
    return f"nan = float('nan')\ndef grade(transcript, workspace_path):\n    return {value!r}\n"


def test_a_list_of_records_is_a_weighted_mean(judge):
    records = [
        {"id": "a", "score": 1, "weight": 0.7, "description": "first"},
        {"id": "b", "score": 0.25, "weight": 0.3005, "details": "a quarter"},
    ]
    result = judge(gives(records))
    assert math.isclose(result.score, (0.7 + 0.25 * 0.3005) / 1.0005)
    assert [(each.name, each.score, each.weight, each.reason) for each in result.checkpoints] == [
        ("a", 1.0, 0.7, "first"), ("b", 0.25, 0.3005, "a quarter"),
    ]  # fmt: skip
    assert result.details == "b: a quarter"
    assert (result.id, result.method, result.infra_error) == ("c", "custom", None)


def test_a_dict_of_scores_weighs_all_the_same(judge):
    result = judge(gives({"a": 1.0, "b": 0, "c": 0.5, "d": True}))
    assert result.score == 0.625
    assert [each.weight for each in result.checkpoints] == [0.25] * 4


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "NoneType"),
        ([], "no record"),
        ({}, "no record"),
        (3, "int"),
        ([3], "int"),
        ([{"score": 1, "weight": 1}], "no id"),
        ([{"id": "a", "weight": 1}], "no score"),
        ([{"id": "a", "score": 1}], "no weight"),
        ([{"id": "a", "score": 1, "weight": 0.5}], "sum 0.5"),
        ([{"id": "a", "score": 1, "weight": 0.5}] * 2, "one id"),
        ([{"id": "a", "score": 1.5, "weight": 1}], "score 1.5"),
        ([{"id": "a", "score": math.nan, "weight": 1}], "score nan"),
        ([{"id": "a", "score": "1", "weight": 1}], "not a number"),
        ({"a": "good"}, "not a number"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_a_grader_that_breaks_its_contract_whatever_it_sees_gives_no_score(judge, value, said):
    result = judge(gives(value))
    assert result.score is None
    assert said in result.infra_error


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_module_here\ndef grade(t, w): return {'a': 1}", "no_such_module_here"),
        (
            "def grade(t, w):\n    return {'a': 1 / 0}",
            "Error: division by zero (grade.py, line 2)",
        ),
        ("def grade(t, w):\n    raise SystemExit(0)", "SystemExit"),
        ("import os\ndef grade(t, w):\n    os._exit(0)", "gave no result"),
        ("open('hidden.json')\ndef grade(t, w): return {'a': 1}", "hidden.json"),
        ("grade = 3", "int"),
        ("def grade(t, w): return {'a': float(open('/no/such/expected').read())}", "/no/such/expected"),
        ("import subprocess\ndef grade(t, w): return {'a': subprocess.call(['no-such-program'])}", "no-such"),
    ],
)
def test_a_broken_grader_gives_no_score(judge, source, said):
    result = judge(source)
    assert (result.score, said in result.infra_error) == (None, True), result


READS = "import json\ndef grade(t, w):\n    return {'a': json.load(open('answer.json'))['score']}\n"
LOOKS = """
import json, os
def grade(t, w):
    return {'a': json.load(open('answer.json'))['score'] if os.path.exists('answer.json') else 0}
"""


def test_a_grader_that_works_is_not_escaped_by_a_file_it_cannot_read(judge):
    assert judge(LOOKS, **{"answer.json": '{"score": 1}'}).score == 1.0
    for left in ("{", "[]", "{}", '{"score": "x"}', '{"score": 7}', '{"score": NaN}', "[" * 100_000):
        result = judge(LOOKS, **{"answer.json": left})
        assert (result.score, result.infra_error) == (0.0, None), left
        assert "cannot grade what was left" in result.details


@pytest.mark.parametrize("name", ["answer.json", "./sub/../answer.json", "{w}/answer.json"])
def test_an_agent_that_did_nothing_has_earned_a_zero_from_a_careless_grader(judge, name):
    result = judge(READS.replace("'answer.json'", f"f'{name}'"))
    assert (result.score, result.infra_error) == (0.0, None)
    assert "FileNotFoundError" in result.details


def test_a_grader_that_does_not_end_scores_zero(judge):
    task = Task(
        id="t", prompt="p", criteria=(criterion("def grade(t, w):\n    while 1: pass", timeoutMs=500),)
    )
    result = judge(task)
    assert (result.score, result.infra_error) == (0.0, None)
    assert "0.5 s" in result.details


def test_it_is_given_the_transcript_and_the_work_directory(judge):
    source = """
import os
def grade(transcript, workspace_path):
    said = [item["message"]["role"] for item in transcript if item["type"] == "message"]
    parts = [part for item in transcript for part in item["message"]["content"]]
    calls = [part for part in parts if part.get("type") == "toolCall"]
    print("{}")
    return {
        "roles": said == ["user", "assistant", "toolResult", "assistant"],
        "call": calls == [{"type": "toolCall", "id": "1", "name": "read_file", "params": {"path": "a"}}],
        "result": transcript[2]["message"]["content"][0]["output"].startswith("hello"),
        "work": os.path.samefile(workspace_path, ".") and os.listdir(workspace_path) == ["left.txt"],
    }
"""
    result = judge(source, **{"left.txt": "x"})
    assert [(each.name, each.score) for each in result.checkpoints] == [
        ("roles", 1.0), ("call", 1.0), ("result", 1.0), ("work", 1.0),
    ]  # fmt: skip


def test_last_words_beside_the_turns_are_part_of_the_transcript():
    turns = [item["message"]["content"][0].get("text") for item in transcript_of(TRAJECTORY)]
    assert turns == ["do it", "I look", None, "done"]
    other = TRAJECTORY.model_copy(update={"final_text": "the end"})
    assert transcript_of(other)[-1] == {
        "type": "message", "message": {"role": "assistant", "content": [{"type": "text", "text": "the end"}]},
    }  # fmt: skip


def test_its_source_lies_beside_the_task_and_its_setup_has_run_for_the_second_look(judge, tmp_path):
    folder = tmp_path / "t"
    (folder / "fixtures").mkdir(parents=True)
    (folder / "fixtures/_setup.sh").write_text("echo '{\"score\": 0}' > answer.json\n")
    (folder / "grade.py").write_text(READS)
    plain = {"id": "t", "prompt": "p", "eval": [{"method": "custom", "evaluatorId": "python-grade"}]}
    (folder / "task.json").write_text(json.dumps(plain))
    task = load_task(folder)
    assert judge(task, **{"answer.json": '{"score": 0.5}'}).score == 0.5
    # Without the setup, the second look would find no file, and that never counts against the grader.
    (folder / "grade.py").write_text(READS.replace("['score']", "['other']"))
    result = judge(task, **{"answer.json": "{}"})
    assert (result.score, "KeyError" in result.infra_error) == (None, True)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("def grade(", "compile"),
        ("x = 1", "no function"),
        ("  ", "source"),
        (None, "no folder"),
        ("\0", "compile"),
    ],
)
def test_what_is_no_grader_is_an_error_before_anything_runs(payload, said):
    found = errors_of(Task(id="t", prompt="p", criteria=(criterion(payload),)))
    assert [each.code for each in found] == ["SKV312"]
    assert said in found[0].message
