"""``gen.regex``: how a pattern is read, and that trying it ends."""

from __future__ import annotations

import pytest

from skvm.target.contract import PRIMITIVES, Answer, Level
from skvm.target.patterns import Case, expanded_size, read_pattern, try_pattern
from tests.unit.target import works

REGEX = PRIMITIVES.get("gen.regex")
PATTERN = r"^ab\.[0-9]{2}(?:/c*)?$"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    "answer",
    [
        PATTERN,
        f"Pattern: {PATTERN}",
        f"**Pattern:** `{PATTERN}`",
        f"**Pattern: {PATTERN}**",
        f"Pattern: `{PATTERN}` (anchored)",
        f'Pattern: r"{PATTERN}"',
        f"Pattern: /{PATTERN}/",
        f"```\n{PATTERN}\n```",
        f"Here it is:\n```python\nimport re\npattern = r'{PATTERN}'\n```\nIt is anchored.",
        f"```regex\nPattern: {PATTERN}\n```",
        f"`{PATTERN}`",
        f"You can use `{PATTERN}` for this.",
        f"Pattern:\n{PATTERN}",
        f're.compile(r"{PATTERN}")',
        f"Pattern: wrong\nNo, better:\nPattern: {PATTERN}",
    ],
)
def test_a_pattern_is_read_in_any_coat(answer: str) -> None:
    assert read_pattern(answer) == PATTERN


def test_two_patterns_without_a_label_are_no_answer() -> None:
    assert read_pattern("Either `a+` or `b+`, as you like.") is None


@pytest.mark.parametrize("pattern", ["((a{99}){99}){99}", "(?:(?:x|y){999}){999}", "a{70000}"])
def test_a_pattern_that_is_huge_when_written_out_is_never_compiled(pattern: str) -> None:
    assert "too large" in try_pattern(pattern, "search", [Case("a", ["a"])])


def test_sizes_of_repeats_multiply_where_nested_and_add_where_in_a_row() -> None:
    assert expanded_size("(?:ab){10}") < expanded_size("(?:(?:ab){10}){10}")
    assert expanded_size("[0-9]{40}-[0-9]{40}-[a-f]{40}") < 200
    assert expanded_size(r"\{3}[{9}]") < 10


def test_a_pattern_that_backtracks_without_end_is_stopped() -> None:
    assert "too long" in try_pattern("(?:a|aa)+$", "fullmatch", [Case("a" * 80 + "x", None)])


def test_groups_are_compared() -> None:
    cases = [Case("a1", ["a", "1"])]
    assert try_pattern("([a-z])([0-9])", "search", cases, groups=(1, 2)) == ""
    assert "expected" in try_pattern("([a-z][0-9])()", "search", cases, groups=(1, 2))
    assert "0 groups" in try_pattern("[a-z][0-9]", "search", cases, groups=(1, 2))


@pytest.mark.anyio
async def test_a_password_rule_never_contradicts_itself_and_needs_every_part() -> None:
    probes = [REGEX.probe(Level.L3, seed) for seed in range(60)]
    passwords = [probe for probe in probes if "passwords" in probe.prompt]
    assert passwords
    for probe in passwords:
        spec = probe.secret["spec"]
        assert spec["low"] >= len(spec["needs"]) + len(spec["banned"])
        whole = f"[A-Za-z0-9{spec['symbols']}]{{{spec['low']},{spec['high']}}}"
        verdict = await works.graded(REGEX, Level.L3, probe, Answer(f"Pattern: {whole}"))
        assert not verdict.passed
