"""How much may run at once: on this machine, in a harness, at a provider.

A run takes one place at every level it touches. The places at a provider adapt: an answer that asks for
less (429) halves them at once, and every full round of runs without one gives one back, up to where they
started. Waiting happens before a run begins, so no agent's clock stands for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skvm.bench.plan import Target
from skvm.runtime.plan.resources.places import Places

__all__ = ["Limits", "provider_of"]


@dataclass(slots=True)
class Limits:
    """All levels.

    Args:
        machine: Runs at once on this machine, ≥ 1.
        named: At most so many of a harness or at a provider, by its name.
    """

    machine: int
    named: Mapping[str, int] = field(default_factory=dict)
    _levels: dict[tuple[str, str], Places] = field(default_factory=dict)

    def admits(self, target: Target) -> bool:
        """Whether a run on a target may start now."""
        return all(level.is_free for level in self._of(target))

    def take(self, target: Target) -> None:
        """A run starts."""
        for level in self._of(target):
            level.taken += 1

    def give_back(self, target: Target) -> None:
        """A run ended."""
        for level in self._of(target):
            level.give_back()

    def throttled(self, provider: str, at_s: float) -> None:
        """A provider asked for less at a time on any steady clock."""
        self._level("provider", provider).halve(at_s)

    def places(self, provider: str) -> int:
        """How many runs a provider takes at once now."""
        return self._level("provider", provider).now

    def _of(self, target: Target) -> tuple[Places, ...]:
        return (
            self._level("machine", ""),
            self._level("harness", target.harness),
            self._level("provider", provider_of(target.model)),
        )

    def _level(self, kind: str, name: str) -> Places:
        if (kind, name) not in self._levels:
            most = self.named.get(name, self.machine) if kind != "machine" else self.machine
            self._levels[kind, name] = Places(max(1, min(self.machine, most)))
        return self._levels[kind, name]


def provider_of(model_id: str) -> str:
    """The provider of a full model id."""
    return model_id.partition("/")[0]
