"""The order of pages. A guide nobody has put in order stands behind the others, so none can be forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

__all__ = ["navigation"]

TUTORIAL = ("tutorial/quickstart.md", "tutorial/first-skill.md")
USING = (
    "install",
    "configuration",
    "compile",
    "import-tasks",
    "bench",
    "ci-gate",
    "optimizer",
    "optimize-from-logs",
    "boost",
    "plans",
    "harnesses",
    "cluster",
    "certify",
    "agents",
)
EXTENDING = ("add-a-harness", "add-a-pass", "add-a-primitive", "add-a-grader", "add-a-provider")
REFERENCE = (
    "reference/environment.md",
    "reference/files.md",
    "reference/diagnostics.md",
    "reference/primitives.md",
    "reference/glossary.md",
)
EXPLANATION = (
    "architecture",
    "statistics",
    "optimizer-decisions",
    "boost",
    "plans",
    "security",
    "supply-chain",
    "api",
)


def navigation(pages: Iterable[str]) -> list[Any]:
    """The navigation of these pages, by their path below ``docs/``."""
    there = set(pages)
    return [
        {"Start": ["index.md"]},
        {"Tutorial": _known(TUTORIAL, there)},
        {
            "Guides": [
                {"Using": _ordered("guides", USING, there, without=EXTENDING)},
                {"Extending": _known([f"guides/{name}.md" for name in EXTENDING], there)},
            ]
        },
        {
            "Reference": [
                {"Commands": _below("reference/commands", there)},
                *_known(REFERENCE, there),
                {"Records": _below("reference/records", there)},
            ]
        },
        {
            "Explanation": [
                *_ordered("explanation", EXPLANATION, there),
                {"Decisions": _below("adr", there)},
                {"Figures": [*_below("results", there), *_below("benchmarks", there)]},
                *_known(("changelog.md",), there),
            ]
        },
    ]


def _known(wanted: Iterable[str], there: set[str]) -> list[str]:
    return [path for path in wanted if path in there]


def _below(folder: str, there: set[str]) -> list[str]:
    """All pages below a folder, its own page first."""
    return sorted(
        (path for path in there if path.startswith(f"{folder}/")),
        key=lambda path: (PurePosixPath(path).stem.lower() not in {"index", "readme"}, path),
    )


def _ordered(folder: str, names: Iterable[str], there: set[str], without: Iterable[str] = ()) -> list[str]:
    first = _known([f"{folder}/{name}.md" for name in names], there)
    left_out = {f"{folder}/{name}.md" for name in without}
    rest = [path for path in _below(folder, there) if path not in first and path not in left_out]
    return first + rest
