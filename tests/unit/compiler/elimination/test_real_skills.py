"""A fifth of the real skills; all of them in ``benchmarks/compiler/elimination.py``."""

from __future__ import annotations

import statistics
from pathlib import Path

import anyio
import pytest
from benchmarks.compiler.elimination import run_all

from skvm.compiler.elimination.tokens import estimate_tokens


def test_rules_and_code_stay(public_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(public_data.rglob("SKILL.md"))[::5]
    figures = anyio.run(run_all, files, lambda text: estimate_tokens(text.encode()))
    assert not figures.lost
    assert not figures.counts["rolled back"]
    assert figures.counts["rules"]
    saved = statistics.median(figures.saved)
    assert saved >= 0.25
    with capsys.disabled():
        print(f"\n{len(figures.saved)} long skills, {saved:.1%} fewer tokens at the median")  # noqa: T201
