"""How much may be written a turn, by harness."""

from __future__ import annotations

import pytest

from skvm.harness.contract import output_bound


@pytest.mark.parametrize(
    ("harness", "bound"),
    [
        ("bare-agent", 2048),
        ("shell-agent", 2048),
        ("claude-code", None),
        ("codex", None),
        ("pi", None),
        ("acp:some-agent --acp", None),
        ("gone-since", None),
    ],
)
def test_a_built_in_harness_has_a_bound_of_its_own_and_a_program_none_of_ours(
    harness: str, bound: int | None
) -> None:
    assert output_bound(harness, None) == bound
    assert output_bound(harness, 9) == 9
