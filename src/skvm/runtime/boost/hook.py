"""Boost as a hook: watches runs, answers a step in the model's place, and records what came of it.

One ``BoostRun`` acts in one run. Its prompt is looked at once, before the model is asked for the first time:
a promoted candidate answers with a command in the harness's own tool. Before the next turn the verdict
stands in the conversation; after it the model goes on, or the run is closed where the candidate is terminal.
Whatever goes wrong here, the model is asked: a hook that fails never fails a run.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import anyio
import anyio.to_thread

from skvm.errors import SkvmError
from skvm.harness.hooks import Hook, HookContext, HookRun
from skvm.runtime.boost.choosing import Ready, choose, is_sampled
from skvm.runtime.boost.conversation import answers_in, closing_of, is_fresh, told_last
from skvm.runtime.boost.evidence import EVENT_KIND, WATCH_KIND
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import BoostEvent, Candidate, Event, WatchRecord
from skvm.runtime.boost.outfit import Verdict, verdict_of
from skvm.runtime.boost.shadowing import Shadowed, Watched, shadow_events
from skvm.runtime.boost.standing import gated
from skvm.runtime.boost.watching import MAX_BYTES, MAX_FILES, StateKeeper

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

    from skvm.evidence.record import Record, RunRecord
    from skvm.harness.trajectory import Trajectory
    from skvm.runtime.boost.library import Library, Shelf

__all__ = ["SHADOW_EVERY", "Boost", "BoostRun", "Mode"]

Mode = Literal["off", "shadow", "on"]
"""``off``: nothing is done. ``shadow``: candidates run beside the model. ``on``: promoted ones answer too."""
SHADOW_EVERY = 10
"""Of so many runs that a promoted candidate could answer, it is run beside the model in one."""
TICKET_BYTES = 8
_UNKEPT = (
    f"boost learns nothing from this run: its work directory holds more than {MAX_FILES} files or"
    f" {MAX_BYTES >> 20} MB, or something that cannot be kept"
)
_NOBODYS = re.compile(
    r"(?:call|folder)\b|input: .* (?:is absent$|it has no column\b)|code: exit code 64(?:$|:)"
)
"""Reasons no candidate is to blame for: it was stopped, the folder is too large or changed meanwhile, the
prompt names a file or a column that is not there, or (64) a value that would be read as an option."""


@dataclass(frozen=True, slots=True)
class Boost(Hook):
    """The hook of all runs.

    Args:
        library: Candidates and where they stand.
        mode: What it may do.
        shadow_every: See ``SHADOW_EVERY``; 0 for never.
        learns: Whether runs make and prove candidates; what goes wrong in them is recorded in any case.
    """

    library: Library
    mode: Mode = "on"
    shadow_every: int = SHADOW_EVERY
    learns: bool = True

    def of_run(self, run: HookRun) -> Hook:
        """A hook of its own for every run of a skill; a run without one is none of its business."""
        if self.mode == "off" or run.skill_id is None or run.skill_digest is None:
            return Hook()
        return BoostRun(
            self.library, run, run.skill_id, run.skill_digest, self.mode, self.shadow_every, self.learns
        )


@dataclass(frozen=True, slots=True)
class _Open:
    """A step that was asked for and has not come back."""

    ready: Ready
    ticket: str
    turn: int
    match_ms: float
    asked_s: float


@dataclass(slots=True)
class BoostRun(Hook):
    """What acts in one run.

    Args:
        library: Candidates and where they stand.
        run: The run.
        skill_id: Its skill.
        skill_digest: As it is delivered.
        mode: What it may do.
        shadow_every: See ``SHADOW_EVERY``.
        learns: Whether it makes and proves candidates.
        events: What happened so far.
        failure: Why it gave up, if it did.
    """

    library: Library
    run: HookRun
    skill_id: str
    skill_digest: str
    mode: Mode
    shadow_every: int
    learns: bool = True
    events: list[BoostEvent] = field(default_factory=list)
    failure: str = ""
    _keeper: StateKeeper = field(init=False, repr=False)
    _shelf: Shelf | None = None
    _states: dict[int, dict[str, str] | None] = field(default_factory=dict)
    _last: dict[str, str] | None = None
    _turns: int | None = None
    _trajectory: Trajectory | None = None
    _is_asked: bool = False
    _open: _Open | None = None
    _boosted: list[int] = field(default_factory=list)
    _beside: list[tuple[Ready, int]] = field(default_factory=list)
    _lock: anyio.Lock = field(default_factory=anyio.Lock, repr=False)

    def __post_init__(self) -> None:
        self._keeper = StateKeeper(self.run.work_dir, self.library.blobs)

    @property
    def ticket(self) -> str | None:
        """That of the step that was asked for and has not come back."""
        return None if self._open is None else self._open.ticket

    def shown_folders(self) -> Sequence[Path]:
        """Where steps are laid out."""
        try:
            return (self.library.folder(self.skill_id),)
        except OSError as error:
            self._give_up(error)
            return ()

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        """Answer, if this prompt is a promoted candidate's; close the run after a terminal step."""
        if self.failure:
            return None
        try:
            # Requests of a program may come at the same time; the agent's own do not.
            async with self._lock:
                return await self._before(context)
        except Exception as error:  # noqa: BLE001 - remembered; the model is asked as if nobody were here
            self._give_up(error)
            return None

    def _give_up(self, error: Exception) -> None:
        self.failure = self.failure or " ".join(f"{type(error).__name__}: {error}".split())

    def notes(self) -> Sequence[str]:
        """That it gave up, if it did, and the run went on without it; or why it learns nothing."""
        if self.failure:
            return (f"boost gave up in this run: {self.failure}",)
        is_unkept = any(state is None for state in self._states.values())
        return (_UNKEPT,) if is_unkept and self.learns else ()

    async def _before(self, context: HookContext) -> ModelResponse | None:
        if context.is_local:
            self._states[context.turn] = await anyio.to_thread.run_sync(self._keeper.keep)
        if self._open is not None:
            return self._settle(self._open, context)
        if self._is_asked or context.command_turn is None:
            return None
        self._is_asked = True
        return await self._answer(context) if is_fresh(context.messages) else None

    async def _answer(self, context: HookContext) -> ModelResponse | None:
        run = self.run
        shelf = self._shelf = await self.library.shelf(
            self.skill_id, self.skill_digest, run.model, run.harness
        )
        promoted = shelf.promoted
        matcher = Matcher((*promoted, *shelf.watched, *shelf.resting))
        started = perf_counter()
        folder = context.work_dir if context.is_local else None
        look = partial(choose, matcher, promoted, context.prompt, folder)
        choice = await anyio.to_thread.run_sync(look)
        for drifted in choice.drifted:
            self._note(
                drifted.candidate, Event.DRIFTED, is_good=False, reason=drifted.reason, turn=context.turn
            )
        answer = choice.answer
        if answer is not None and self._may_answer(shelf, answer.candidate):
            return self._asked_for(answer, shelf, context, started)
        self._beside = [(ready, context.turn) for ready in choice.ready]
        return None

    def _may_answer(self, shelf: Shelf, candidate: Candidate) -> bool:
        # Asked now, not when the run began: a run beside this one may have found it wrong since.
        is_on = self.mode == "on" and shelf.is_promoted(candidate)
        return is_on and not is_sampled(self.run.run_id, candidate, self.shadow_every)

    def _asked_for(
        self, ready: Ready, shelf: Shelf, context: HookContext, started: float
    ) -> ModelResponse | None:
        if context.command_turn is None:
            return None
        ticket = secrets.token_hex(TICKET_BYTES)
        response = context.command_turn(shelf.outfit.command_line(ready.candidate, ticket, ready.params))
        now = perf_counter()
        self._open = _Open(ready, ticket, context.turn, (now - started) * 1000, now)
        self._boosted.append(context.turn)
        return response

    def _settle(self, step: _Open, context: HookContext) -> ModelResponse | None:
        """Read what came of the step; close the run where that is all there is to say."""
        told = told_last(context.messages)
        verdict = verdict_of(told, step.ticket)
        if verdict is None and (not told.strip() or step.ticket not in answers_in(context.messages)):
            return None  # another conversation of the same program
        closing = (
            None if verdict is None or not verdict.is_done else closing_of(step.ready.candidate, verdict)
        )
        # The run goes on and nothing came of the step: it was refused, or stopped. So will the next one be.
        self._end_step(step, verdict, told, is_closed=closing is not None, is_cut=False)
        if closing is None:
            return None
        from pydantic_ai.messages import ModelResponse, TextPart

        self._boosted.append(context.turn)
        return ModelResponse([TextPart(closing)], finish_reason="stop")

    def _end_step(
        self, step: _Open, verdict: Verdict | None, told: str = "", *, is_closed: bool = False, is_cut: bool
    ) -> None:
        """Record what came of a step; ``is_cut``: the run ended in the middle of it."""
        self._open = None
        is_good, reason = _judged(verdict, told, is_cut=is_cut)
        self._note(
            step.ready.candidate,
            Event.ANSWERED,
            is_good=is_good,
            reason=reason,
            turn=step.turn,
            params=step.ready.params,
            match_ms=step.match_ms,
            step_ms=(perf_counter() - step.asked_s) * 1000,
            is_terminal=is_closed,
        )

    def _note(self, candidate: Candidate, event: Event, **more: Any) -> None:
        made = BoostEvent(
            event=event,
            skill_id=self.skill_id,
            skill_digest=self.skill_digest,
            model=self.run.model,
            harness=self.run.harness,
            purpose_id=candidate.purpose_id,
            template_digest=candidate.digest,
            run_id=self.run.run_id,
            at=datetime.now(UTC),
            **more,
        )
        self.events.append(made)
        self.library.note([made])

    async def after_run(self, trajectory: Trajectory) -> None:
        """Keep what the run left; a step the harness never came back from is read off the trajectory."""
        self._trajectory, self._turns = trajectory, len(trajectory.turns)
        try:
            if not self.failure:
                self._last = await anyio.to_thread.run_sync(self._keeper.keep)
        except SkvmError as error:
            self._give_up(error)
        if (step := self._open) is not None:
            told = "\n".join(seen.text for turn in trajectory.turns for seen in turn.observations)
            self._end_step(step, verdict_of(told, step.ticket), told, is_cut=True)

    async def after_record(self, record: RunRecord) -> Sequence[tuple[str, Record]]:
        """What happened in this run, and what lay in its work directory."""
        if (step := self._open) is not None:
            self._end_step(step, None, is_cut=True)
        events = [gated(event, record, self.library.bounds) for event in self.events]
        self.library.note(events)
        return [(WATCH_KIND, self._watch()), *((EVENT_KIND, event) for event in events)]

    async def reflect(self, record: RunRecord) -> Sequence[tuple[str, Record]]:
        """Run candidates beside what the model did, and learn what can be learnt from it."""
        from skvm.runtime.boost.learning import learn

        watch, told = self._watch(), len(self.events)
        learnt: list[BoostEvent] = []
        try:
            await self._run_beside(record, watch)
            if self.learns and record.outcome.is_graded:
                learnt = await learn(self.library, record, watch, skill=self.run.skill)
        except Exception as error:  # noqa: BLE001 - told as a note; what is known of this run is recorded
            self._give_up(error)
        events = [gated(event, record, self.library.bounds) for event in self.events[told:]]
        self.library.note(events)
        return [(EVENT_KIND, event) for event in (*events, *learnt)]

    async def _run_beside(self, record: RunRecord, watch: WatchRecord) -> None:
        if self._shelf is not None:
            beside = [Shadowed(ready, turn) for ready, turn in self._beside]
            run = Watched(record, watch, self._trajectory)
            self.events += await shadow_events(self.library, self._shelf, beside, run)

    def _watch(self) -> WatchRecord:
        return WatchRecord(
            run_id=self.run.run_id,
            skill_id=self.skill_id,
            skill_digest=self.skill_digest,
            model=self.run.model,
            harness=self.run.harness,
            states=self._all_states(),
            boosted_turns=tuple(self._boosted),
            failure=self.failure,
        )

    def _all_states(self) -> tuple[dict[str, str] | None, ...]:
        """A state before each turn and one after the last.

        A program may take turns no hook is asked about; which state belongs to which is then unknown, but for
        the first and the last.
        """
        turns = len(self._states) if self._turns is None else self._turns
        # The last turn may have been begun and not taken.
        if set(range(turns)) <= set(self._states) <= set(range(turns + 1)):
            return (*(self._states[turn] for turn in range(turns)), self._last)
        return (self._states.get(0), *[None] * max(0, turns - 1), self._last)


def _judged(verdict: Verdict | None, told: str, *, is_cut: bool) -> tuple[bool | None, str]:
    """Whether a step that was answered held, and why not; ``None`` where nobody is to blame for it."""
    if verdict is None:
        words = " ".join(told.split())
        return None if is_cut else False, f"no verdict: {words[:200]}" if words else "no verdict"
    if verdict.is_done:
        return True, ""
    return None if _NOBODYS.match(verdict.reason) else False, verdict.reason
