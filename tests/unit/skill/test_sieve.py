"""An expression behind a sieve matches what it matches without one."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import skvm.compiler
from skvm.skill.any_word import EDGE
from skvm.skill.attacks import ATTACKS
from skvm.skill.dangers import CHECKS
from skvm.skill.sieve import Sieved, needed_words, sieved


def _words(pattern: str, flags: int = 0) -> list[list[set[str]]]:
    return [[set(words) for words in way] for way in needed_words(re.compile(pattern, flags))]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("bugs?", [[{"bug", "bugs"}]]),
        (r"\bif\b", [[{f"{EDGE}if{EDGE}"}]]),
        (r"find\s+the\s+bug", [[{"find"}, {"the"}, {"bug"}]]),
        (r"(?:find|spot)\s+bugs", [[{"bugs"}, {"find", "spot"}]]),
        (r"ab|\w+cd", [[{"ab", "cd"}]]),
        (r"ab|ce\s+fg", [[{"ab"}], [{"ce"}, {"fg"}]]),
        (r"(?:ab)+\d", [[{"ab"}]]),
        (r"(?:ab)*cd", [[{"cd"}]]),
        (r"[ab]cd", [[{"acd", "bcd"}]]),
        ("脚本?", [[{"脚", "脚本"}]]),
        (r"(?P<q>['\"])ab(?P=q)", [[{"'ab", '"ab'}]]),
        (r"(?:ab)?", []),
        (r"ab|\d", []),
        (r"(?i:ab)", []),
        (r"a", []),
    ],
)
def test_words_of_a_match(pattern: str, words: list[list[set[str]]]) -> None:
    assert _words(pattern) == words


def _all_sieved() -> list[Sieved]:
    found = {id(check.pattern): check.pattern for check in (*CHECKS, *ATTACKS)}
    for module in pkgutil.walk_packages(skvm.compiler.__path__, "skvm.compiler."):
        if module.name.split(".")[2] in {"dependencies", "effects", "needs", "reading", "study"}:
            values = vars(importlib.import_module(module.name)).values()
            found |= {id(value): value for value in values if isinstance(value, Sieved)}
    return list(found.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_match_is_kept_back(data: st.DataObject) -> None:
    expression = data.draw(st.sampled_from(_all_sieved()))
    text = "~" + data.draw(st.from_regex(expression.compiled)) + "~"
    found = expression.compiled.search(text)
    assert found is None or (expression.may_match(text) and expression.search(text) is not None)


def test_what_holds_no_word_is_not_tried() -> None:
    expression = sieved(r"(?:find|spot)\s+the\s+bugs?", re.IGNORECASE)
    assert not expression.may_match("Find the error.")
    assert expression.may_match("Bugs: the list to spot them")
    assert expression.search("Bugs: the list to spot them") is None
    assert [found.start() for found in expression.finditer("find the bug, Spot the bugs")] == [0, 14]
    assert expression.match("find the bug") is not None
    assert expression.match("to find the bug") is None
    assert list(expression.finditer("nothing")) == []
