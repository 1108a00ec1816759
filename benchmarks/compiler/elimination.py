"""What elimination saves: every real skill over 2,000 tokens, for a target that holds L3 of everything.

``python -m benchmarks.compiler.elimination`` compiles the skills of ``SKVM_TEST_DATA`` (``../shared/data``)
with pass 1, counts the tokens an agent is given at once before and after, and with every moved file loaded,
and looks by the reading of ``kept.py`` for what was lost. Tokens are counted with the default model's
vocabulary where its weights are here, else estimated. The second figure is for tables as rules: every table
with a word of command or condition stays. ``SKVM_BENCH_EVERY=10`` takes every tenth skill; the histogram
is drawn into ``elimination.png`` when all are taken.
"""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import anyio

from benchmarks.compiler.corpus import corpus, skill_files
from benchmarks.compiler.kept import compare
from skvm.compiler.contract import PassContext
from skvm.compiler.elimination.tokens import ESTIMATE, estimate_tokens
from skvm.compiler.pipeline import PipelineResult, resolve_passes, run_passes
from skvm.compiler.reading.norms import is_normative, plain
from skvm.llm.catalog import default_entry
from skvm.llm.vocabulary import vocabulary_for
from skvm.settings import load_settings
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill, Table
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.profile import Profile

LEAST_TOKENS = 2000
ALL_L3 = Profile(
    model="made/L3",
    harness="shell-agent",
    profiled_at="2026-01-01T00:00:00Z",
    capabilities=dict.fromkeys(PRIMITIVES.names(), Level.L3),
)


@dataclass
class Figures:
    """What all skills gave."""

    saved: list[float] = field(default_factory=list)
    loaded: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)


def counter() -> tuple[str, Callable[[str], int]]:
    """How tokens are counted, and its name."""
    entry = default_entry()
    vocabulary = vocabulary_for(entry.model_id, load_settings())
    if vocabulary is None:
        return ESTIMATE, lambda text: estimate_tokens(text.encode())
    return entry.id, vocabulary.count


async def run_all(files: list[Path], count: Callable[[str], int]) -> Figures:
    figures = Figures()
    passes = resolve_passes(["1"])
    context = PassContext(ALL_L3.model, ALL_L3.harness, ALL_L3)
    for file in files:
        skill = load_skill(file.parent)
        before = count(skill.text())
        if before > LEAST_TOKENS:
            result = await run_passes(skill, passes, context)
            _add(figures, skill, result, before, count)
    return figures


def _add(
    figures: Figures, skill: Skill, result: PipelineResult, before: int, count: Callable[[str], int]
) -> None:
    step = result.steps[0]
    files = {path: data.decode() for path, data in step.files.items()}
    after = count(result.skill.text())
    figures.saved.append(1 - after / before)
    figures.loaded.append((after + sum(count(text) for text in files.values())) / before)
    named = [text for edit in step.edits for text in edit.releases]
    kept = compare(skill.text(), result.skill.text(), files.values(), named)
    moved = "\n".join(plain(line) for text in files.values() for line in text.splitlines())
    rows = [text for edit in step.edits if edit.moved for text in edit.releases]
    figures.lost += [f"{skill.id}: {text[:90]}" for text in (*kept.lost_code, *kept.lost_rules)]
    figures.lost += [f"{skill.id}: {row[:90]}" for row in rows if row not in moved]
    figures.counts.update(
        {
            "changed": bool(step.edits),
            "files": len(files),
            "moves": sum(edit.rule == "move out" for edit in step.edits),
            "repetitions": sum(edit.rule == "drop repetition" for edit in step.edits),
            "rolled back": len(step.dropped),
            "code blocks": kept.code,
            "code blocks moved": kept.moved_code,
            "rules": kept.rules,
            "rows moved with their table": len(rows),
        }
    )


def strictly(_table: Table, text: str) -> bool:
    return is_normative(text)


def show(title: str, figures: Figures) -> None:
    low, middle, high = statistics.quantiles(figures.saved, n=4)
    counts = figures.counts
    print(f"{title}: {len(figures.saved)} skills, {counts['changed'] / len(figures.saved):.0%} changed")
    print(f"  fewer tokens at once: median {middle:.1%}, quartiles {low:.1%} and {high:.1%}")
    print(f"  with every file loaded: {statistics.median(figures.loaded):.3f} of before at the median")
    print(
        f"  {counts['files'] / len(figures.saved):.1f} files a skill, {counts['moves']} passages moved, ",
        end="",
    )
    print(f"{counts['repetitions']} repetitions dropped, {counts['rolled back']} edits rolled back")
    print(f"  {counts['rules']} rules, {counts['code blocks']} code blocks ", end="")
    print(f"({counts['code blocks moved']} moved), {counts['rows moved with their table']} worded rows moved")
    print(f"  lost: {len(figures.lost)}")
    for text in figures.lost[:10]:
        print(f"    {text}")


def draw(figures: Figures, path: Path) -> None:
    import altair as alt

    values = [{"saved": value} for value in figures.saved]
    middle = statistics.median(figures.saved)
    bars = (
        alt.Chart(alt.Data(values=values), width=480, height=180)
        .mark_bar()
        .encode(
            x=alt.X(
                "saved:Q",
                bin=alt.Bin(step=0.05),
                title="share of tokens that are no longer given at once",
                axis=alt.Axis(format="%"),
            ),
            y=alt.Y("count():Q", title="skills over 2,000 tokens"),
        )
    )
    rule = alt.Chart(alt.Data(values=[{"median": middle}])).mark_rule(color="firebrick").encode(x="median:Q")
    (bars + rule).save(path, scale_factor=2)


def main() -> None:
    files = skill_files(corpus())
    name, count = counter()
    print(f"tokens: {name}")
    figures = anyio.run(run_all, files, count)
    show("tables are data", figures)
    with patch("skvm.compiler.elimination.pieces.is_table_of_rules", strictly):
        show("tables are rules", anyio.run(run_all, files, count))
    if os.environ.get("SKVM_BENCH_EVERY", "1") == "1":
        draw(figures, Path(__file__).parent / "elimination.png")


if __name__ == "__main__":
    main()
