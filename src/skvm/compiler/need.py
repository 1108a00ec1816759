"""The contract of requirement detectors: from a skill's words to levels, by stated rules, without a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from skvm.compiler.reading.bundle import Bundle
from skvm.compiler.reading.names import Names
from skvm.compiler.reading.prose import Prose
from skvm.diagnostics import Span
from skvm.registry import Registry
from skvm.target.contract import Level

__all__ = ["DETECTORS", "Detector", "Need", "Reading"]


@dataclass(frozen=True, slots=True)
class Need:
    """A place that needs a primitive.

    Args:
        level: At least this level, L1–L3.
        span: The words of ``SKILL.md`` that say so.
        path: The bundle file those words are about, where its content decides the level.
    """

    level: Level
    span: Span
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A skill as detectors and ladders read it: its prose, the names it uses, the scripts of its bundle."""

    prose: Prose
    names: Names

    @property
    def bundle(self) -> Bundle:
        """The scripts of the skill's bundle, read when asked for."""
        return Bundle(self.prose.skill)


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds what a skill needs of one primitive.

    Args:
        rules: What makes a place need L1, L2 or L3, in words; the counterpart of ``LevelSpec.claim``.
        find: Applies them.
    """

    rules: Mapping[Level, str]
    find: Callable[[Reading], Iterable[Need]]


DETECTORS: Registry[Detector] = Registry(
    "requirement detector", package="skvm.compiler.needs", group="skvm.needs"
)
