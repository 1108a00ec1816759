"""Boost at a gateway that stands alone: many conversations, and neither their files nor their grades.

The guard is looked at by the step itself, where the files are. That a step held there is no evidence for its
candidate, as nobody says whether the task was done; that it failed is evidence against it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from skvm.errors import SkvmError
from skvm.harness.hooks import Hook, HookContext, HookRun
from skvm.runtime.boost.conversation import answers_in, is_fresh
from skvm.runtime.boost.evidence import EVENT_KIND
from skvm.runtime.boost.hook import BoostRun, Mode
from skvm.runtime.boost.model import BoostEvent

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

    from skvm.runtime.boost.library import Library

__all__ = ["BoostAlone", "Served"]

OPEN_STEPS = 64
"""Steps that may be under way at once; the oldest is forgotten for another."""


@dataclass(frozen=True, slots=True)
class Served:
    """A skill that whoever speaks at the door works by.

    Args:
        skill_id: Its id.
        skill_digest: As it is delivered.
        model: Full id of the model that answers.
        harness: Name of the harness its evidence is from.
    """

    skill_id: str
    skill_digest: str
    model: str
    harness: str


@dataclass(slots=True)
class BoostAlone(Hook):
    """The hook of a door that is everybody's.

    Args:
        library: Candidates and where they stand.
        served: Whose candidates may answer; the first that can does.
        mode: Only ``on`` does anything: without files there is nothing to run beside the model.
        tell: Told of everything that goes wrong, once each time it is something else.
        failure: What went wrong last, if something did.
    """

    library: Library
    served: Sequence[Served]
    mode: Mode = "on"
    tell: Callable[[str], None] | None = None
    failure: str = ""
    _open: list[BoostRun] = field(default_factory=list)

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        """Answer the prompt a conversation begins with, or go on after its step."""
        if self.mode != "on":
            return None
        answers = answers_in(context.messages)
        for run in self._open:
            if run.ticket is not None and run.ticket in answers:
                self._open.remove(run)
                return await self._ask(run, context)
        if context.command_turn is None or not is_fresh(context.messages):
            return None
        for served in self.served:
            run = self._run(served)
            if (answer := await self._ask(run, context)) is not None:
                self._open = [*self._open, run][-OPEN_STEPS:]
                return answer
        return None

    def _run(self, served: Served) -> BoostRun:
        run = HookRun(
            run_id=f"gateway-{secrets.token_hex(6)}",
            task_digest="",
            model=served.model,
            harness=served.harness,
            work_dir=Path(),
            skill_id=served.skill_id,
            skill_digest=served.skill_digest,
        )
        return BoostRun(self.library, run, served.skill_id, served.skill_digest, self.mode, shadow_every=0)

    async def _ask(self, run: BoostRun, context: HookContext) -> ModelResponse | None:
        known = len(run.events)
        answer = await run.before_model(context)
        try:
            events = [_ungraded(event) for event in run.events[known:]]
            if events:
                await self.library.journal.append_all([(EVENT_KIND, event) for event in events])
        except SkvmError as error:
            # Who asked is answered all the same.
            self._fail(str(error))
        if run.failure:
            self._fail(run.failure)
        return answer

    def _fail(self, said: str) -> None:
        if said != self.failure and self.tell is not None:
            self.tell(said)
        self.failure = said


def _ungraded(event: BoostEvent) -> BoostEvent:
    """What held is no evidence where nobody grades."""
    if event.is_good is not True:
        return event
    return event.model_copy(update={"is_good": None, "reason": "nobody graded it"})
