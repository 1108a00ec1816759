"""One place of a skill that says a dependency is needed, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "CALLED",
    "DECLARED",
    "GUESSED",
    "IMPORTED",
    "NAMED",
    "Claim",
    "Place",
]

DECLARED = 0.95
"""A requirements file, an install command, the frontmatter: the skill itself says so."""
IMPORTED = 0.9
"""An import whose distribution is known."""
CALLED = 0.85
"""A command or a host that is called and known."""
NAMED = 0.75
"""A list of requirements, or what a known tool works on."""
GUESSED = 0.5
"""An import or a command nobody knows by name: shown, never installed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where words stand.

    Args:
        path: File relative to the skill folder.
        line: From 1.
        is_optional: Whether the words around say that it may be absent.
    """

    path: str
    line: int
    is_optional: bool = False

    def below(self, lines: int) -> Place:
        """The place some lines below."""
        return Place(self.path, self.line + lines, self.is_optional)


@dataclass(frozen=True, slots=True)
class Claim:
    """That a skill needs something.

    Args:
        type: ``pip``, ``npm``, ``system`` or ``service``.
        name: Distribution, package, command or service.
        place: Where it says so.
        confidence: In [0, 1]; one of the constants of this module.
        source: ``python-import``, ``shell-command``, ``comment`` or ``inferred``.
        spec: Extras and versions as written.
        modules: What it is imported by.
        commands: Commands it brings.
        hosts: Hosts of a service.
        is_optional: Whether it may be absent.
        is_elsewhere: Whether the skill gets it from an address or an index of its own.
    """

    type: str
    name: str
    place: Place
    confidence: float
    source: str
    spec: str | None = None
    modules: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    is_optional: bool = field(default=False)
    is_elsewhere: bool = field(default=False)
