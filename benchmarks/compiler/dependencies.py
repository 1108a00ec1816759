"""Dependency extraction against the hand-made labels: ``python -m benchmarks.compiler.dependencies``.

Scored as ``tests/labels/dependencies/README.md`` says: with and without the two runtimes, services apart too,
and the time one skill takes over all skills of the public data.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skvm.compiler.dependencies.extract import extract_manifest
from skvm.errors import SkvmError
from skvm.harness.environment.manifest import Dependency, normal_name
from skvm.skill.frontend import find_skill_files, load_skill
from skvm.skill.ir import Skill

REPO = Path(__file__).resolve().parents[2]
LABELS = REPO / "tests" / "labels" / "dependencies"
RUNTIMES = frozenset({"python3", "node"})


@dataclass
class Figures:
    """Counts over all labelled skills."""

    skills: int = 0
    hits: int = 0
    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.hits / max(1, self.hits + len(self.wrong))

    @property
    def recall(self) -> float:
        return self.hits / max(1, self.hits + len(self.missed))


def measure(
    labels: Path, data: Path, left_out: Collection[str] = (), types: Collection[str] | None = None
) -> Figures:
    """Score every label whose skill is there with the labelled bytes."""
    figures = Figures()
    for path in sorted(labels.glob("*.json")):
        label = json.loads(path.read_text(encoding="utf-8"))
        file = data / label["skill"] / "SKILL.md"
        digest = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" if file.is_file() else "absent"
        if digest != label["digest"]:
            figures.skipped.append(f"{path.stem}: {digest}")
            continue
        figures.skills += 1
        entries = extract_manifest(load_skill(file.parent)).entries
        _score(figures, path.stem, label, entries, left_out, types)
    return figures


def _score(
    figures: Figures,
    stem: str,
    label: Mapping[str, Any],
    entries: Sequence[Dependency],
    left_out: Collection[str],
    types: Collection[str] | None,
) -> None:
    wanted = [
        item
        for item in label["dependencies"]
        if item["name"] not in left_out and (types is None or item["type"] in types)
    ]
    hit: set[int] = set()
    others: list[Dependency] = []
    for entry in entries:
        if entry.name in left_out or (types is not None and entry.type.value not in types):
            continue
        found = next((at for at, item in enumerate(wanted) if _fits(entry, item)), None)
        if found is None:
            others.append(entry)
        else:
            hit.add(found)
    figures.hits += len(hit)
    figures.missed += [
        f"{stem} {item['type']}:{item['name']}" for at, item in enumerate(wanted) if at not in hit
    ]
    figures.wrong += [
        f"{stem} {entry.type}:{entry.name} ({entry.evidence})"
        for entry in others
        if not any(entry.name.lower() in _names(wanted[at]) for at in hit) and not _is_neutral(entry, label)
    ]


def _fits(entry: Dependency, item: Mapping[str, Any]) -> bool:
    names = {normal_name(name, item["type"]) for name in (item["name"], *item.get("also", ()))}
    return entry.type.value == item["type"] and normal_name(entry.name, entry.type) in names


def _names(item: Mapping[str, Any]) -> set[str]:
    return {name.lower() for name in (item["name"], *item.get("also", ()))}


def _is_neutral(entry: Dependency, label: Mapping[str, Any]) -> bool:
    for item in label.get("neutral", ()):
        if entry.name.lower() == item.get("name", "").lower():
            return True
        if item.get("source") and (entry.evidence or "").startswith(f"{item['source']}:"):
            return True
    return False


def _skills(data: Path) -> list[Skill]:
    found = []
    for file in find_skill_files(data):
        try:
            found.append(load_skill(file))
        except SkvmError as error:
            print(f"left out: {error.message}")
    return found


def main() -> None:
    data = Path(os.environ.get("SKVM_TEST_DATA") or REPO.parent / "shared" / "data")
    if not data.is_dir():
        print(f"public data absent: {data} (set SKVM_TEST_DATA)")
        return
    print(f"{'':24}{'hits':>6}{'wrong':>7}{'missed':>8}{'precision':>11}{'recall':>8}")
    rows: tuple[tuple[str, frozenset[str], frozenset[str] | None], ...] = (
        ("all", frozenset(), None),
        ("without python3, node", RUNTIMES, None),
        ("packages", frozenset(), frozenset({"pip", "npm"})),
        ("system", frozenset(), frozenset({"system"})),
        ("services", frozenset(), frozenset({"service"})),
    )
    for name, left_out, types in rows:
        figures = measure(LABELS, data, left_out, types)
        print(
            f"{name:24}{figures.hits:6}{len(figures.wrong):7}{len(figures.missed):8}"
            f"{figures.precision:11.3f}{figures.recall:8.3f}"
        )
    print("wrong:", *measure(LABELS, data).wrong, sep="\n  ")
    print("missed:", *measure(LABELS, data).missed, sep="\n  ")
    times_ms = []
    for skill in _skills(data):
        started = time.perf_counter()
        extract_manifest(skill)
        times_ms.append((time.perf_counter() - started) * 1000)
    cuts = statistics.quantiles(times_ms, n=20)
    print(
        f"{len(times_ms)} skills, ms each: median {statistics.median(times_ms):.2f}, 95th percentile "
        f"{cuts[18]:.2f}"
    )


if __name__ == "__main__":
    main()
