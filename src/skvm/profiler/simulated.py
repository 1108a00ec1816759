"""The simulated processor: a target whose truth is known, because it is dialled in.

``sim/<file>`` in the harness ``sim`` answers every probe rightly with the probability the file names, and
wrongly otherwise. It proves the profiler; it is no model, answers nothing but probes, and every record it
makes bears its name.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlencode

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skvm.errors import InfrastructureError, UsageError
from skvm.harness.contract import Facility, RunContext
from skvm.harness.site import SITE_ORIGIN
from skvm.harness.trajectory import ToolKind, Trajectory
from skvm.target.contract import PRIMITIVES, Answer, Level, Primitive, Probe
from skvm.target.trials import trajectory_of

__all__ = ["SIMULATED_HARNESS", "Dials", "SimulatedProcessor", "is_simulated", "read_dials"]

SIMULATED_HARNESS = "sim"
PREFIX = "sim/"
Chance = Annotated[float, Field(ge=0, le=1)]
_WRONG = Answer("I do not know.")


class Dials(BaseModel):
    """What a simulated processor can do.

    Args:
        default: Success probability of every level that is not named.
        primitives: Success probabilities by primitive and level.
        seed: Makes the same dials fail on other probes.
        fault_rate: Probability that an attempt ends in a fault of the provider instead.
        latency_s: Seconds an answer takes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: Literal[1] = Field(default=1, alias="schema")
    default: Chance = 0.0
    primitives: dict[str, dict[Literal["L1", "L2", "L3"], Chance]] = Field(default_factory=dict)
    seed: int = 0
    fault_rate: Chance = 0.0
    latency_s: Annotated[float, Field(ge=0, le=3600)] = 0.0

    def chance(self, primitive_id: str, level: Level) -> float:
        """Success probability at a level."""
        named = self.primitives.get(primitive_id, {})
        return next((chance for name, chance in named.items() if name == level.value), self.default)


def is_simulated(model: str) -> bool:
    """Whether a model id names a simulated processor."""
    return model.startswith(PREFIX)


def read_dials(model: str, harness: str) -> Dials | None:
    """The dials of a target, ``None`` for a real one.

    Raises:
        UsageError: Only one half of the pair is simulated, the file is missing or broken, or it names a
            primitive that does not exist.
    """
    if is_simulated(model) != (harness == SIMULATED_HARNESS):
        half = f"the model {model}" if is_simulated(model) else f"the harness {harness}"
        raise UsageError(
            f"{half} is simulated, but not its counterpart",
            help=f"a simulated processor is --model {PREFIX}<file> with --adapter {SIMULATED_HARNESS}",
        )
    if not is_simulated(model):
        return None
    path = Path(model.removeprefix(PREFIX))
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", help="sim/<file> names a JSON file of dials") from error
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {error}") from error
    try:
        dials = Dials.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise UsageError(f"{path}: {place}: {first['msg']}", help="a chance is between 0 and 1") from error
    for name in dials.primitives:
        PRIMITIVES.get(name)  # an unknown one is an error with a suggestion
    return dials


@dataclass(frozen=True, slots=True)
class SimulatedProcessor:
    """A harness and a model in one, facing one probe.

    Args:
        dials: What it can do.
        primitive: Of the probe.
        level: Of the probe.
        seed: Of the probe.
        probe: What it is asked.
        attempt: Which attempt at this probe, from 0; a fault may pass.
    """

    name: ClassVar[str] = SIMULATED_HARNESS

    dials: Dials
    primitive: Primitive
    level: Level
    seed: int
    probe: Probe
    attempt: int = 0
    facilities: frozenset[Facility] = field(default=frozenset(Facility))

    async def run(self, context: RunContext) -> Trajectory:
        """Answer, as the dials have it."""
        if self.dials.latency_s:
            await anyio.sleep(self.dials.latency_s)
        if self._draw(f"fault {self.attempt}") < self.dials.fault_rate:
            raise InfrastructureError(f"{context.model_id}: a simulated fault")
        answer = self._answer()
        await self._fetch(context, answer)
        for path, text in answer.files.items():
            await context.cell.write(path, text.encode())
        done = trajectory_of(self.probe, answer)
        return done.model_copy(update={"harness": self.name, "model": context.model_id})

    async def _fetch(self, context: RunContext, answer: Answer) -> None:
        """Ask the probe's site what the answer asks it: its oracle looks at the requests it really got."""
        if context.site_origin is None:
            return
        for act in (act for acts in answer.turns for act in acts if act.kind is ToolKind.FETCH):
            headers = dict(act.arguments.get("headers") or {})
            form = act.arguments.get("form")
            if form is not None:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            await context.cell.fetch(
                str(act.arguments["url"]).replace(SITE_ORIGIN, context.site_origin),
                method=str(act.arguments.get("method", "GET")),
                headers=headers,
                body=None if form is None else urlencode(form).encode(),
            )

    @property
    def succeeds(self) -> bool:
        """Whether the dials have it answer this probe rightly."""
        return self._draw("answer") < self.dials.chance(self.primitive.id, self.level)

    def _answer(self) -> Answer:
        if self.succeeds:
            return self.probe.reference
        return self.probe.wrong[0] if self.probe.wrong else _WRONG

    def _draw(self, what: str) -> float:
        """A number in [0, 1) that depends on the dials and the probe alone, not on when it is asked."""
        key = f"{self.dials.seed}/{self.primitive.id}/{self.level}/{self.seed}/{what}"
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
