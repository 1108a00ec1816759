"""What a plan makes itself: as found by comparing every name with every other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skvm.compiler.effects.resources import touches_same
from skvm.runtime.plan.checking.made import Made

NAMES = st.sampled_from(
    ["a", "a/", "a/b", "a/b/", "a/b/c.txt", "b", "c.txt", "d/c.txt", "*.txt", "a/*", "?/b", "a/*/c.txt",
     "e.d", "e.d/f"]
)  # fmt: skip


@given(st.lists(NAMES, max_size=4), NAMES)
def test_nothing_that_may_be_the_same_is_missed(names: list[str], name: str) -> None:
    expected = any(touches_same(name, other) for other in names)
    found = Made.of(names).has(name)
    assert found or not expected
    # Beyond that it only knows directories whatever they are called.
    if found and not expected:
        plain = name.rstrip("/")
        others = [other.rstrip("/") for other in names]
        assert any(f"{plain}/".startswith(f"{other}/") or other.startswith(f"{plain}/") for other in others)
