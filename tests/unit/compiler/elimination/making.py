"""A long skill in parts, and the targets it is compiled for."""

from __future__ import annotations

from pathlib import Path

import anyio

from skvm.compiler.contract import CompileOptions, PassContext
from skvm.compiler.pipeline import PipelineResult, resolve_passes, run_passes
from skvm.skill.ir import Skill
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.profile import Profile
from tests.unit.compiler.making import make_skill

HEAD = "# Reports\n\nMake a monthly report of the shop.\n\n"
STEPS = """## Workflow

1. Open the ledger.
2. Write the report.
3. Send it to the owner.

"""
PROSE = (
    "The ledger grew out of a paper book that the first owner of the shop had on a shelf behind the till, "
    "and the order of its columns still follows the order in which that owner put figures down by hand. "
)


def listing(language: str = "python", lines: int = 30) -> str:
    body = "\n".join(
        f"total_{number} = ledger.sum_of(column={number}, month=month)" for number in range(lines)
    )
    return f"```{language}\n{body}\n```\n"


def table(rows: int = 20, *, columns: tuple[str, str] = ("Column", "Meaning")) -> str:
    body = "".join(f"| c{number} | figure {number} of the month |\n" for number in range(rows))
    return f"| {columns[0]} | {columns[1]} |\n|---|---|\n{body}"


def background(paragraphs: int = 3) -> str:
    return "## Background\n\n" + "\n".join(f"{PROSE * 2}\n" for _ in range(paragraphs)) + "\n"


def filler(paragraphs: int = 24) -> str:
    """Prose at the heart of the skill, so that it is long enough to be looked at."""
    return "## Rules\n\n" + "\n".join(f"{PROSE}({number})\n" for number in range(paragraphs)) + "\n"


def long_skill(folder: Path, *parts: str, **files: str) -> Skill:
    return make_skill(folder, HEAD + STEPS + filler() + "".join(parts), **files)


def target(default: str | None = "L3", **levels: str) -> Profile:
    held = {} if default is None else dict.fromkeys(PRIMITIVES.names(), Level(default))
    held |= {key.replace("_", "."): Level(level) for key, level in levels.items()}
    return Profile(
        model="made/strong", harness="shell-agent", profiled_at="2026-01-01T00:00:00Z", capabilities=held
    )


def compiled(skill: Skill, profile: Profile | None = None, *, eliminate: bool = True) -> PipelineResult:
    chosen = profile or target()
    context = PassContext(chosen.model, chosen.harness, chosen, options=CompileOptions(eliminate=eliminate))
    return anyio.run(run_passes, skill, resolve_passes(["1"]), context)
