"""Every public skill against every public profile: no crash, nothing that must be kept is lost."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import anyio
import pytest

from skvm.compiler.contract import PassContext
from skvm.compiler.gaps import find_gaps
from skvm.compiler.pipeline import resolve_passes, run_passes
from skvm.compiler.reading.norms import normative_sentences
from skvm.compiler.reading.prose import Prose
from skvm.compiler.requirements import analyse
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.target.contract import Level
from skvm.target.profile import Profile
from skvm.target.store import read_profile
from tests.unit.compiler.making import make_profile


def _profiles(public_data: Path) -> list[Profile]:
    files = sorted(public_data.glob("skvm-data/profiles*/**/*.json"))
    found = [read_profile(path) for path in files if path.name != "failure-reports.json"]
    return [*found, make_profile("L1"), make_profile("L0", tool_exec="L1")]


def _distinct(skill: Skill, profiles: list[Profile]) -> list[Profile]:
    """One profile for every set of gaps: targets that lack the same of a skill compile it the same."""
    needed = analyse(skill).requirements
    by_gaps = {
        (find_gaps(needed, profile), profile.level_of("tool.exec")): profile for profile in reversed(profiles)
    }
    return list(by_gaps.values())


def _loses(before: Skill, after: Skill, released: set[str]) -> list[str]:
    codes = Counter(after.text(fence.content).strip() for fence in after.fences)
    lost = list((Counter(before.text(fence.content).strip() for fence in before.fences) - codes).elements())
    words = "\0".join(" ".join(after.text(block.span).split()) for block in Prose(after).blocks)
    return lost + [text for text in normative_sentences(Prose(before)) if text not in words and text not in released]


def test_every_skill_against_every_profile(public_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profiles = _profiles(public_data)
    skills = [load_skill(path.parent) for path in sorted(public_data.rglob("SKILL.md"))]
    passes = resolve_passes(["1"])
    figures: Counter[str] = Counter()
    durations: list[float] = []

    async def compile_all() -> None:
        for skill in skills:
            for profile in _distinct(skill, profiles):
                began = time.perf_counter()
                context = PassContext(profile.model, profile.harness, profile)
                result = await run_passes(skill, passes, context)
                durations.append((time.perf_counter() - began) * 1000)
                edits = result.steps[0].edits
                released = {" ".join(text.split()) for edit in edits for text in edit.releases}
                assert not _loses(skill, result.skill, released) if edits else result.skill == skill
                figures["compiles"] += 1
                figures["edits"] += len(edits)
                figures["rolled back"] += len(result.steps[0].dropped)
                figures["changed"] += bool(edits)

    anyio.run(compile_all)
    durations.sort()
    assert figures["compiles"] >= len(skills)
    assert figures["edits"]
    with capsys.disabled():
        print(  # noqa: T201 - the figures
            f"\n{len(skills)} skills × {len(profiles)} profiles, each set of gaps once: "
            f"{dict(figures)}, "
            f"{durations[len(durations) // 2]:.1f} ms a compile at the median, nothing lost"
        )


def test_an_all_l3_target_changes_nothing(public_data: Path) -> None:
    profile = make_profile(str(Level.L3))
    for path in sorted(public_data.rglob("SKILL.md"))[::10]:
        skill = load_skill(path.parent)
        context = PassContext(profile.model, profile.harness, profile)
        assert anyio.run(run_passes, skill, resolve_passes(["1"]), context).skill == skill
