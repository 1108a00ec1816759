"""Extraction against the hand-made labels, by their own rules of scoring."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.compiler.dependencies import RUNTIMES, measure

LABELS = Path(__file__).resolve().parents[3] / "labels" / "dependencies"


@pytest.mark.parametrize("left_out", [frozenset(), RUNTIMES], ids=["all", "without-runtimes"])
def test_what_is_extracted_is_what_people_found(public_data: Path, left_out: frozenset[str]) -> None:
    figures = measure(LABELS, public_data, left_out)

    assert figures.skills >= 35, figures.skipped
    assert figures.precision >= 0.95, figures.wrong
    assert figures.recall >= 0.90, figures.missed
