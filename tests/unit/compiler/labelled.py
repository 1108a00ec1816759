"""The skills whose needs were labelled by hand, see ``tests/labels/requirements/README.md``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from skvm.diagnostics import Span
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.profile import Profile

LABELS = Path(__file__).parents[2] / "labels" / "requirements"


@dataclass(frozen=True)
class Labelled:
    """A test skill and what a person says it needs."""

    skill: Skill
    primitive_id: str
    level: Level
    span: Span
    others: dict[str, Level]
    is_mechanical: bool
    lowered_to: Level | None  # L0: nothing of the primitive any more; None: there is no move


def labelled_skills() -> list[Labelled]:
    """All of them, in order of folder."""
    found = []
    for path in sorted(LABELS.glob("*/labels.json")):
        label = json.loads(path.read_text(encoding="utf-8"))
        skill = load_skill(path.parent)
        words = label["span"].encode()
        assert skill.source.count(words) == 1, path
        start = skill.source.index(words)
        lowered = label["lowered_to"]
        found.append(
            Labelled(
                skill,
                label["primitive"],
                Level(label["level"]),
                Span(start, start + len(words)),
                {name: Level(level) for name, level in label["others"].items()},
                label["mechanical"],
                None if lowered is None else Level("L0" if lowered == "none" else lowered),
            )
        )
    return found


def target_for(label: Labelled) -> Profile:
    """A target that holds everything but the level the place needs."""
    held = dict.fromkeys(PRIMITIVES.names(), Level.L3)
    held[label.primitive_id] = Level(f"L{label.level.rank - 1}")
    return Profile(model="sim/labelled", harness="sim", profiled_at="2026-01-02T03:04:05Z", capabilities=held)
