"""The soak, small: what ``make soak`` does with ten thousand runs."""

from __future__ import annotations

from benchmarks.soak.bench import soak


def test_a_hundred_runs_under_fire_leave_everything_as_it_was() -> None:
    found = soak(100, 0.05, seed=3, sandbox="auto", block=33)
    assert found.runs >= 100
    assert [bar for bar in found.bars if not bar.holds] == []
    assert "faults" in found.facts["model calls"]
