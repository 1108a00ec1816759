"""The pytest runner: what it reports, and whose fault it is when a suite cannot run."""

import json

import anyio
import pytest
from tests.confinement import make_ground

from skvm.evaluate.grading import Seal, errors_of, grade, ungradable
from skvm.evaluate.junit import packages, pytest_runner
from skvm.evaluate.junit.packages import lacking_packages
from skvm.evaluate.junit.payload import TestFile
from skvm.harness.confine import choose_sandbox
from skvm.harness.trajectory import Trajectory
from skvm.task.loader import load_task
from skvm.task.model import Criterion, Task

TRAJECTORY = Trajectory(harness="h", model="m", prompt="p")


def suite(*patterns, **more):
    parts = [{"id": each, "weight": 1 / len(patterns), "testPattern": each} for each in patterns]
    payload = {"testFile": "test_x.py", "criteria": parts, **more}
    return Criterion(method="custom", id="j", options={"evaluatorId": "junit-grade", "payload": payload})


@pytest.fixture(autouse=True)
def _well_known(monkeypatch):
    monkeypatch.setattr(packages, "_WELL_KNOWN", frozenset({"no_such_known"}))


@pytest.fixture(scope="module")
def sandbox():
    return choose_sandbox("auto")


@pytest.fixture
def judge(sandbox):
    with make_ground() as ground:

        def judged(task, **left):
            for name, text in left.items():
                (ground.work / name).write_text(text)
            ground.outside.chmod(0o711)
            assert errors_of(task) == []
            seal = Seal(sandbox, ground.outside, ground.work)
            return anyio.run(grade, task, TRAJECTORY, seal).results[0]

        yield judged


def task_of(tests, *patterns, prompt="write mine.py"):
    return Task(id="t", prompt=prompt, criteria=(suite(*patterns),), fixtures={"test_x.py": tests})


def test_every_way_a_test_can_end(judge):
    tests = """
import unittest, pytest
class TestA:
    @pytest.mark.parametrize("n", [1, 2, 3, 4])
    def test_n(self, n): assert n > 1, "too\\nsmall"
def test_skipped(): pytest.skip("why not")
@pytest.mark.xfail
def test_expected(): assert False
@pytest.fixture
def broken(): raise OSError("broken")
def test_set_up(broken): pass
@pytest.fixture
def left(): yield; raise OSError("left")
def test_torn_down(left): pass
class Case(unittest.TestCase):
    def test_unit(self): self.assertTrue(True)
def test_files(tmp_path, monkeypatch, capsys): (tmp_path / "x").write_text("x"); print("x" * 100_000)
"""
    names = ("TestA > test_n", "skipped", "expected", "set_up", "torn_down", "Case > test_unit", "files")
    result = judge(task_of(tests, *names))
    assert [each.score for each in result.checkpoints] == [0.75, 0, 0, 0, 0, 1, 1]
    reasons = {each.name: each.reason for each in result.checkpoints}
    assert "test_n[1]: AssertionError: too" in reasons["TestA > test_n"]
    assert "why not" in reasons["skipped"]
    assert "broken" in reasons["set_up"]
    assert "left" in reasons["torn_down"]


def test_a_folder_of_graders_brings_its_helpers_and_fixtures(judge, tmp_path):
    folder = tmp_path / "t"
    (folder / "graders/data").mkdir(parents=True)
    (folder / "graders/helper.py").write_text("RIGHT = 41\n")
    (folder / "graders/data/more.txt").write_text("more")
    (folder / "graders/conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef right():\n import helper\n return helper.RIGHT\n"
    )
    (folder / "graders/test_x.py").write_text(
        "from pathlib import Path\nimport helper\n"
        "def test_right(right): assert int(Path('answer').read_text()) == right == helper.RIGHT\n"
        "def test_data(): assert (Path(__file__).parent / 'data/more.txt').read_text() == 'more'\n"
    )
    payload = suite("right", "data").options["payload"]
    evals = [{"method": "custom", "evaluatorId": "junit-grade", "payload": payload}]
    (folder / "task.json").write_text(json.dumps({"id": "t", "prompt": "p", "eval": evals}))
    task = load_task(folder)
    assert judge(task, answer="41", **{"helper.py": "RIGHT = 42\n"}).score == 1.0
    assert judge(task, answer="42").score == 0.5


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ("try:\n import no_such_known\nfinally:\n def test_x(): pass", "no_such_known"),
        ("undefined\ndef test_x(): pass", "NameError"),
        ("def helper(): pass", "pytest ended with 5"),
        ("import os\nos._exit(0)\ndef test_x(): pass", "gave no result"),
    ],
)
def test_a_suite_that_cannot_run_for_anybody_gives_no_score(judge, tests, said):
    result = judge(task_of(tests, "test_x"), **{"mine.py": ""})
    assert (result.score, said in result.infra_error) == (None, True), result


@pytest.mark.parametrize(
    ("tests", "left"),
    [
        ("import mine\ndef test_x(): pass", {}),
        ("import mine\ndef test_x(): pass", {"mine.py": "undefined"}),
        ("import mine\ndef test_x(): pass", {"mine.py": "import no_such_package"}),
        ("from mine import f\ndef test_x(): pass", {"mine.py": ""}),
        ("DATA = open('mine.json').read()\ndef test_x(): pass", {}),
        ("import json\nDATA = json.load(open('mine.json'))\ndef test_x(): pass", {"mine.json": "{"}),
    ],
)
def test_a_suite_that_lacks_work_scores_zero(judge, tests, left):
    result = judge(task_of(tests, "test_x"), **left)
    assert (result.score, result.infra_error) == (0.0, None), result


def test_without_its_packages_it_is_missing_with_the_way_out(monkeypatch):
    task = task_of("import mine\ndef test_x(): pass", "test_x")
    assert ungradable(task) == {}
    monkeypatch.setattr(pytest_runner, "_PACKAGES", ("pytest", "no_such_module"))
    assert ungradable(task) == {
        "j": "needs pytest, of which no_such_module cannot be imported (pip install 'skvm[bench]')"
    }


@pytest.mark.parametrize(
    ("imports", "lacks"),
    [
        ("import json, os.path\nfrom collections import abc", []),
        ("import mine\nfrom mine.part import x", []),
        ("import mine_too", ["mine_too"]),
        ("import other", []),
        ("import helper, pytest, _pytest.main", []),
        ("import no_such_a\nfrom no_such_b.c import d", ["no_such_a", "no_such_b"]),
        ("import no_such_known", ["no_such_known"]),
        ("def test_x():\n import no_such_a\ntry:\n import no_such_b\nexcept ImportError: pass", []),
        ("from . import x", []),
    ],
)
def test_a_package_that_is_not_here_is_told_before_anything_runs(tmp_path, imports, lacks):
    (tmp_path / "helper.py").write_text("")
    task = Task(id="t", prompt="write `mine.py`; use no_such_known", fixtures={"lib/other.py": ""})
    assert lacking_packages(TestFile("test_x.py", imports.encode(), tmp_path), task) == lacks
