"""Real skills against every profile: no crash, nothing that must be kept is lost, every proof holds.

A tenth of them here; all of them in ``benchmarks/compiler/corpus.py``, by the same reading.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import anyio
import pytest
from benchmarks.compiler import corpus

from skvm.compiler.builds.proof_checking import check_variant
from skvm.compiler.contract import PASSES
from skvm.compiler.driver import compile_skill
from skvm.settings import load_settings
from skvm.skill.frontend import load_skill

EVERY = 12


def test_nothing_is_lost(
    public_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKVM_BENCH_EVERY", str(EVERY))
    figures = anyio.run(lambda: corpus.run_all(public_data, count=True))
    assert not figures.lost, figures.lost[:5]
    counts: Counter[str] = figures.counts
    assert counts["compiles"] >= len(corpus.skill_files(public_data))
    assert counts["edits"]
    assert counts["code blocks"]
    assert counts["normative sentences"]
    with capsys.disabled():
        print(f"\n{dict(sorted(counts.items()))}")  # noqa: T201 - the figures


def test_every_proof_holds(public_data: Path, tmp_path: Path) -> None:
    profiles = corpus.profiles(public_data)
    passes = PASSES.names()
    files = sorted(public_data.rglob("SKILL.md"))[::80]

    async def run() -> None:
        for index, file in enumerate(files):
            for name in ("all-L0", "all-L1", "all-L3"):
                profile = profiles[name]
                skill = load_skill(file.parent)
                result = await compile_skill(
                    skill,
                    model=profile.model,
                    harness=profile.harness,
                    profile=profile,
                    settings=load_settings(cache_dir=str(tmp_path / str(index)), env={}),
                    passes=passes,
                )
                assert result.variant is not None
                verdict = check_variant(result.variant, skill=skill, profile=profile)
                assert not verdict.findings, (file, name, verdict.findings[0].message)
                assert not verdict.notes

    anyio.run(run)
