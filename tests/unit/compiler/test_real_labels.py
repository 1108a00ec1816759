"""The analyser against skills labelled by hand: what must be found, and what must not."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from skvm.compiler.contract import Requirement
from skvm.compiler.need import DETECTORS
from skvm.compiler.requirements import analyse
from skvm.skill.frontend import load_skill
from skvm.target.contract import PRIMITIVES, Level

REPO = Path(__file__).parents[3]
LABELS = REPO / "tests" / "labels" / "requirements"
NEAR_LINES = 3
"""How far from the labelled line a place may begin or end."""
HELD = {
    "follow.constraint",
    "follow.delegation",
    "follow.format",
    "follow.procedure",
    "follow.style",
    "gen.code.html",
    "gen.code.javascript",
    "gen.code.python",
    "gen.code.shell",
    "gen.code.sql",
    "gen.regex",
    "gen.text.long",
    "gen.text.prose",
    "gen.text.structured",
    "reason.analysis",
    "reason.arithmetic",
    "reason.logic",
    "reason.planning",
    "reason.spatial",
    "tool.browser",
    "tool.call.batch",
    "tool.call.format",
    "tool.exec",
    "tool.file.read",
    "tool.file.write",
    "tool.web",
}
"""Primitives without a violation; whoever brings another one there adds it."""


@dataclass(frozen=True)
class Labelled:
    """One skill with what it needs at least, by primitive, and what it does not need."""

    name: str
    needs: dict[str, tuple[Level, int]]
    unneeded: frozenset[str]
    found: tuple[tuple[Requirement, int, int], ...]  # with the first and last line
    split: str = ""


@cache
def labelled(root: Path | None, file: str = "real.json") -> tuple[list[Labelled], list[str]]:
    """The skills whose digest matches, and a line for each of the others."""
    kept: list[Labelled] = []
    skipped: list[str] = []
    for entry in json.loads((LABELS / file).read_text(encoding="utf-8")):
        above = REPO if entry["skill"].startswith("examples/") else root
        path = (above or REPO) / entry["skill"]
        if above is None or not path.is_file():
            skipped.append(f"{entry['skill']}: not there")
            continue
        if f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" != entry["digest"]:
            skipped.append(f"{entry['skill']}: another text than the labelled one")
            continue
        skill = load_skill(path.parent)
        found = tuple(
            (
                needed,
                skill.source.count(b"\n", 0, needed.span.start) + 1,
                skill.source.count(b"\n", 0, max(needed.span.start, needed.span.end - 1)) + 1,
            )
            for needed in analyse(skill).requirements
        )
        needs = {name: (Level(label["level"]), label["line"]) for name, label in entry["needs"].items()}
        kept.append(Labelled(entry["skill"], needs, frozenset(entry["not"]), found, entry.get("split", "")))
    return kept, skipped


def missed(label: Labelled, primitive_id: str) -> bool:
    """Whether a labelled need is not found at its level or above near its line."""
    level, line = label.needs[primitive_id]
    return not any(
        needed.primitive_id == primitive_id
        and needed.level.rank >= level.rank
        and first - NEAR_LINES <= line <= last + NEAR_LINES
        for needed, first, last in label.found
    )


def wrongly_found(label: Labelled, primitive_id: str) -> bool:
    """Whether a place is said to need what the skill surely does not need."""
    return primitive_id in label.unneeded and any(
        needed.primitive_id == primitive_id for needed, _, _ in label.found
    )


def violations(primitive_id: str, labels: list[Labelled]) -> list[str]:
    """What stands against the labels of one primitive."""
    lost = [
        f"{label.name}:{label.needs[primitive_id][1]} needs {label.needs[primitive_id][0]}"
        for label in labels
        if primitive_id in label.needs and missed(label, primitive_id)
    ]
    return lost + [f"{label.name} does not need it" for label in labels if wrongly_found(label, primitive_id)]


def test_held_primitives_are_known() -> None:
    assert not HELD - (set(PRIMITIVES.names()) & set(DETECTORS.names()))


@pytest.mark.parametrize("primitive_id", sorted(HELD))
def test_a_held_primitive_agrees_with_every_label(primitive_id: str, public_data: Path) -> None:
    assert violations(primitive_id, labelled(public_data)[0]) == []


def test_recall_and_false_positives_are_told(public_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, skipped = labelled(public_data)
    if not labels:
        pytest.skip(f"no labelled skill is there: {skipped[0]}")
    needed = Counter(name for label in labels for name in label.needs)
    lost = Counter(name for label in labels for name in label.needs if missed(label, name))
    denied = Counter(name for label in labels for name in label.unneeded)
    wrong = Counter(name for label in labels for name in label.unneeded if wrongly_found(label, name))
    lines = [f"{len(labels)} labelled public skills, {len(skipped)} skipped", *skipped]
    lines += [
        f"{name:<22} found {needed[name] - lost[name]:>2} of {needed[name]:>2}, "
        f"wrongly {wrong[name]:>2} of {denied[name]:>2}"
        for name in sorted(needed | denied)
    ]
    lines.append(
        f"recall {1 - lost.total() / needed.total():.2f} ({needed.total()} labels), "
        f"false positives {wrong.total() / denied.total():.3f} ({denied.total()} labels)"
    )
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert len(labels) + len(skipped) == 45
    assert needed.total() > 100


def recall(labels: list[Labelled]) -> float:
    """The share of labelled needs that are found."""
    needed = [(label, name) for label in labels for name in label.needs]
    return 1 - sum(missed(label, name) for label, name in needed) / len(needed)


@pytest.mark.parametrize(("split", "least"), [("tune", 0.95), ("held", 0.74)])
def test_plain_prose_is_read(
    split: str, least: float, public_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = [label for label in labelled(public_data, "real2.json")[0] if label.split == split]
    if len(labels) < 15:
        pytest.skip("labelled skills are absent or another text")
    wrong = [(label.name, name) for label in labels for name in label.unneeded if wrongly_found(label, name)]
    with capsys.disabled():
        sys.stdout.write(f"\n{split}: recall {recall(labels):.3f}, {len(wrong)} wrongly found\n")
    assert recall(labels) >= least
    assert wrong == []


def test_the_more_examples_are_read_without_public_data() -> None:
    labels, _ = labelled(None, "real2.json")
    assert len(labels) == 6
    assert recall([label for label in labels if label.split == "tune"]) == 1
    assert not [name for label in labels for name in label.unneeded if wrongly_found(label, name)]
