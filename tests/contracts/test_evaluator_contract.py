"""What holds for every registered evaluator of the method ``custom``."""

import pytest

from skvm.diagnostics import Severity
from skvm.evaluate.contract import GRADERS, Demanding
from skvm.evaluate.custom import EVALUATORS
from skvm.task.model import Criterion, Task

NAMES = EVALUATORS.names()
TASK = Task(id="t", prompt="p")
ODD = (
    None,
    "",
    0,
    -1.5,
    True,
    [],
    {},
    ["x"],
    {"x": 1},
    "\0",
    "../..",
    "x" * 10_000,
    float("nan"),
    "def grade(",
)


def custom(**options):
    return Criterion(method="custom", options=options)


def test_the_first_evaluators_are_there():
    assert {"python-grade", "junit-grade"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_criterion_without_payload_is_an_error_and_no_exception(name):
    found = GRADERS.get("custom")().check(custom(evaluatorId=name), TASK)
    assert found
    assert {(each.code, each.severity, each.path) for each in found} == {("SKV312", Severity.ERROR, "t")}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:12])
def test_no_payload_makes_a_check_crash(name, odd):
    made = EVALUATORS.get(name)()
    criteria = [odd, {"id": odd}, {"id": "a", "weight": odd}, {"id": "a", "weight": 1, "testPattern": odd}]
    payloads = [
        odd,
        *({"testFile": "t.py", "runner": odd, "timeoutMs": odd, "criteria": c} for c in criteria),
    ]
    payloads += [{"testFile": odd, "criteria": [each]} for each in criteria]
    for payload in payloads:
        criterion = custom(evaluatorId=name, payload=payload, timeoutMs=odd)
        assert made.check(criterion, TASK)
        assert made.missing(criterion, TASK) is None or "needs" in made.missing(criterion, TASK)


@pytest.mark.parametrize("name", NAMES)
def test_an_evaluator_is_called_after_its_file(name):
    assert type(EVALUATORS.get(name)()).__module__.rsplit(".", 1)[1] == name.replace("-", "_")


def test_an_evaluator_that_is_not_here_is_missing_and_no_error():
    made = GRADERS.get("custom")()
    assert isinstance(made, Demanding)
    assert made.check(custom(evaluatorId="of-others"), TASK) == []
    assert "of-others" in made.missing(custom(evaluatorId="of-others"), TASK)


@pytest.mark.parametrize("odd", [odd for odd in ODD if not isinstance(odd, str) or not odd.strip()], ids=repr)
def test_an_id_that_is_no_name_is_an_error(odd):
    assert [each.code for each in GRADERS.get("custom")().check(custom(evaluatorId=odd), TASK)] == ["SKV312"]
