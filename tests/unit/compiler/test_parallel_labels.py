"""The planner's groups against hand-made labels: one that has a dependence in it is never accepted."""

from __future__ import annotations

import pytest
from benchmarks.compiler.parallelism import DATA, labelled


@pytest.mark.skipif(not DATA.is_dir(), reason="SKVM_TEST_DATA names no folder of skills")
def test_no_accepted_group_has_a_dependence() -> None:
    scores = labelled()
    assert len(scores) == 40
    assert {score.name: score.errors for score in scores if score.errors} == {}
    # Chances missed are allowed; taking none at all would make the test above empty.
    assert sum(score.found for score in scores) >= 9
