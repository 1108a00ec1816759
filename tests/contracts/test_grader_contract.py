"""What holds for every registered grader."""

import pytest

from skvm.diagnostics import Severity
from skvm.evaluate.contract import GRADERS
from skvm.task.model import Criterion, Task

NAMES = GRADERS.names()
ODD = (None, "", 0, -1.5, True, [], {}, ["x"], {"x": 1}, "\0", "../..", "x" * 10_000)


def test_the_first_graders_are_there():
    assert {"script", "file-check"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_criterion_without_options_is_an_error_and_no_exception(name):
    found = GRADERS.get(name)().check(Criterion(method=name), Task(id="t", prompt="p"))
    assert found
    assert {each.severity for each in found} == {Severity.ERROR}
    assert all(each.message and each.path == "t" for each in found)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:12])
def test_no_option_makes_a_check_crash(name, odd):
    keys = (
        "command",
        "path",
        "glob",
        "mode",
        "expected",
        "expectedExitCode",
        "expectedOutput",
        "timeoutMs",
        "payload",
        "rubric",
        "maxScore",
    )
    for mode in (odd, "exact", "contains", "regex", "json-schema"):
        options = {**dict.fromkeys(keys, odd), "mode": mode}
        GRADERS.get(name)().check(Criterion(method=name, options=options), Task(id="t", prompt="p"))


@pytest.mark.parametrize("name", NAMES)
def test_a_grader_is_called_after_its_file(name):
    assert type(GRADERS.get(name)()).__module__.rsplit(".", 1)[1] == name.replace("-", "_")
