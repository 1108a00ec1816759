"""Let the runs of a bench follow the plans of their skills."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from skvm.evaluate.bench import Bench, RunSpec
from skvm.evidence.redact import Redactor
from skvm.harness.contract import HARNESSES, SkillMode
from skvm.llm.local import usable_processors
from skvm.runtime.plan.driving.drivable import Drivable, drivable_plan
from skvm.runtime.plan.driving.planned import Arm, Planned, Surroundings
from skvm.runtime.plan.resources import Commons
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill

__all__ = ["Mode", "Plans", "following"]

Mode = Literal["off", "auto", "serial", "parallel"]
"""Whether plans are followed, and how their groups run."""
DRIVEN = frozenset({"bare-agent", "shell-agent"})
"""Harnesses whose conversations we can open and close ourselves."""


@dataclass(frozen=True, slots=True)
class Plans:
    """Makes runs follow plans.

    Args:
        arm: How their groups run.
        around: What they share.
    """

    arm: Arm
    around: Surroundings
    _found: dict[str, Drivable] = field(default_factory=dict)

    def drive(self, spec: RunSpec) -> tuple[RunSpec, str]:
        """The same run, following its skill's plan where it can; and why it cannot, else ``""``. Blocks."""
        if spec.skill is None or not isinstance(spec.harness, str):
            return spec, ""
        if spec.skill_mode is not SkillMode.INJECT:
            return spec, "the model is to find the skill itself"
        if spec.harness not in DRIVEN:
            return spec, f"{spec.harness} follows a plan itself, with `skvm plan run`"
        found = self._plan(spec.skill)
        if found.plan is None:
            return spec, found.reason
        planned = Planned(HARNESSES.get(spec.harness)(), spec.harness, found.plan, self.arm, self.around)
        return replace(spec, harness=planned), ""

    def _plan(self, skill: Skill) -> Drivable:
        """Looked up once for every text and bundle there is."""
        digest = skill_digest(skill)
        if digest not in self._found:
            self._found[digest] = drivable_plan(skill)
        return self._found[digest]


@asynccontextmanager
async def following(bench: Bench, mode: Mode, *, jobs: int | None = None) -> AsyncIterator[Bench]:
    """The same bench, whose runs follow the plans of their skills; leaving closes what plans share.

    Args:
        bench: Open.
        mode: Whether they do, and how.
        jobs: Commands at once at most; as many as processors may be used if ``None``.
    """
    if mode == "off":
        yield bench
        return
    at_once = jobs or usable_processors()
    state_dir = bench.settings.cache_dir / "plans"
    async with Commons(jobs=at_once, state_dir=state_dir) as commons, _heeding(commons, bench):
        around = Surroundings(
            journal=bench.journal,
            tmp_dir=bench.settings.tmp_dir,
            share=commons.share,
            jobs=at_once,
            clean=Redactor.of(bench.settings).text,
        )
        yield replace(bench, follow=Plans(mode, around).drive)


@asynccontextmanager
async def _heeding(commons: Commons, bench: Bench) -> AsyncIterator[None]:
    """Give way where a provider asks for it; only the real port tells."""
    from skvm.llm.port import ModelPort

    if isinstance(bench.port, ModelPort):
        with commons.heeding(bench.port):
            yield
    else:
        yield
