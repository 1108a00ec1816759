"""Every rule counts, and a refusal or a hedge keeps none of those that go against habit."""

from __future__ import annotations

import pytest

from skvm.target.contract import Answer, Level, Probe
from skvm.target.primitives.follow_constraint import FOLLOW_CONSTRAINT
from skvm.target.writing_rules import RULES, broken, fault_of, words_of
from tests.unit.target import works

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def passes(level: Level, probe: Probe, text: str) -> bool:
    return (await works.graded(FOLLOW_CONSTRAINT, level, probe, Answer(text))).passed


async def test_ignoring_any_one_rule_fails() -> None:
    kinds = set()
    for seed in range(60):
        probe = FOLLOW_CONSTRAINT.probe(Level.L2, seed)
        rules, lines = probe.secret["rules"], probe.reference.response.split("\n")
        assert 3 <= len(rules) <= 5
        assert fault_of(rules, lines) is None
        for rule in rules:
            kinds.add(rule["kind"])
            changed = broken(rule, lines)
            assert fault_of([rule], changed) is not None
            assert not await passes(Level.L2, probe, "\n".join(changed))
    assert kinds == set(RULES)


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        ({"kind": "starts", "word": "red kettle"}, "Red kettle, come!", "Kettle red, come!"),
        ({"kind": "ends", "word": "old lamp"}, "See the old lamp.", "The old lamp is here."),
        ({"kind": "times", "word": "lamp", "count": 2}, "Lamp on LAMP.", "Lamps on a lamp."),
        ({"kind": "without", "letter": "e"}, "A big lamp.", "A big lamp, EH?"),
        ({"kind": "words", "count": 4}, "It's a well-known lamp.", "It is a lamp here."),
        ({"kind": "number", "number": 42, "line": 1}, "I saw 42 lamps.", "I saw 142 lamps."),
        ({"kind": "small"}, "a lamp.", "A lamp."),
        ({"kind": "capitals"}, "A LAMP, 42!", "A LAMp."),
        ({"kind": "closes", "mark": ";"}, "a lamp;", "a lamp.;."),
    ],
)
def test_rules_are_exact(rule: dict[str, object], right: str, wrong: str) -> None:
    assert fault_of([rule], [right]) is None
    assert fault_of([rule], [wrong]) is not None


def test_words_are_counted_as_people_do() -> None:
    assert words_of("It's 42, a well-known - lamp.") == ["It's", "42", "a", "well-known", "lamp"]


async def test_a_refusal_or_a_hedge_is_not_a_contrary_answer() -> None:
    for seed in range(40):
        probe = FOLLOW_CONSTRAINT.probe(Level.L3, seed)
        right = probe.reference.response
        assert await passes(Level.L3, probe, right)
        for text in (
            f"{right}\nIn reality this is false.",
            f"Note: this is not true.\n{right}",
            right.replace("1: ", "1: perhaps ", 1),
            right.replace("\n", " (not really)\n", 1),
            "I cannot state what is not true.",
            "\n".join("I cannot state what is not true." for _ in right.split("\n")),
        ):
            assert not await passes(Level.L3, probe, text)


async def test_habit_answers_are_wrong_everywhere() -> None:
    starts = set()
    for seed in range(60):
        probe = FOLLOW_CONSTRAINT.probe(Level.L3, seed)
        starts.add(probe.prompt[:20])
        assert not await passes(Level.L3, probe, probe.wrong[0].response)
    assert len(starts) == 5
