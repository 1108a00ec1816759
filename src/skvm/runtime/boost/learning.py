"""After a run: what can be learnt from it?

Where a candidate does the run already, nothing is compiled; evidence that is still wanting on this target is
looked for. Otherwise the runs of the skill are compiled, what answers this run's prompt is tried out, and
what stands the trial is stored. What does not is recorded, so that it is not tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from pydantic import ValidationError

from skvm.errors import InfrastructureError
from skvm.harness.trajectory import Trajectory
from skvm.runtime.boost.compiling.candidates import compile_candidates
from skvm.runtime.boost.foreign.binding import bound
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import BoostEvent, Candidate, Event, WatchRecord
from skvm.runtime.boost.proving.proof import Proof
from skvm.runtime.boost.proving.replay import Start, start_of
from skvm.runtime.boost.standing import Key, Status
from skvm.runtime.boost.trials import Trial, try_out
from skvm.runtime.boost.watching import WatchedRun, load_watched
from skvm.runtime.boost.widening import widened

if TYPE_CHECKING:
    from skvm.evidence.record import RunRecord
    from skvm.runtime.boost.library import Library, Shelf
    from skvm.skill.ir import Skill

__all__ = ["MAX_RUNS", "TIMEOUT_S", "Learnt", "learn", "study"]

MAX_RUNS = 20
"""Runs that are looked at, the newest."""
TIMEOUT_S = 180.0
"""For everything that is done after one run; what is not stored by then is left for the next."""
_MAX_TRIED = 3
"""Candidates that are tried after one run."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of a run.

    Args:
        events: To be recorded.
        stored: Candidates that are new or changed.
        findings: Why others are none, one line each.
        compile_ms: Time spent on compiling.
        prove_ms: Time spent on trying out.
    """

    events: tuple[BoostEvent, ...] = ()
    stored: tuple[Candidate, ...] = ()
    findings: tuple[str, ...] = ()
    compile_ms: float = 0.0
    prove_ms: float = 0.0


async def learn(
    library: Library, record: RunRecord, watch: WatchRecord, *, skill: Skill | None = None
) -> list[BoostEvent]:
    """Learn what can be learnt from a run; gives what is to be recorded. See ``study``."""
    return list((await study(library, record, watch, skill=skill)).events)


async def study(
    library: Library, record: RunRecord, watch: WatchRecord, *, skill: Skill | None = None
) -> Learnt:
    """Learn what can be learnt from a run.

    Args:
        library: Candidates and where they stand.
        record: The run, graded.
        watch: What lay in its work directory.
        skill: The skill, for what its own scripts and fences hold.

    Raises:
        InfrastructureError: A file or the journal cannot be used, or no cell can be opened.
    """
    if record.skill_id is None or record.skill_digest is None:
        return Learnt()
    run = await anyio.to_thread.run_sync(_watched, library, record, watch)
    if run is None or not run.is_success or run.boosted_turns:
        return Learnt()
    lesson = _Lesson(library, run, record.skill_id, record.skill_digest, skill)
    with anyio.move_on_after(TIMEOUT_S):
        async with library.lessons(record.skill_id):
            await lesson.take()
    return Learnt(
        tuple(lesson.events),
        tuple(lesson.stored),
        tuple(lesson.findings),
        lesson.compile_ms,
        lesson.prove_ms,
    )


def _watched(library: Library, record: RunRecord, watch: WatchRecord) -> WatchedRun | None:
    """The run itself; its watch record is not in the journal yet."""
    if record.trajectory_digest is None:
        return None
    try:
        trajectory = Trajectory.model_validate_json(library.blobs.get(record.trajectory_digest))
    except (InfrastructureError, ValidationError):
        # Gone or damaged: the run is as good as unwatched.
        return None
    return WatchedRun(record, trajectory, watch.states, library.blobs, watch.boosted_turns)


@dataclass(slots=True)
class _Lesson:
    """What is done after one run.

    Args:
        library: Candidates and where they stand.
        run: The run.
        skill_id: Its skill.
        skill_digest: As it was delivered.
        skill: The skill itself, if it is known.
    """

    library: Library
    run: WatchedRun
    skill_id: str
    skill_digest: str
    skill: Skill | None
    runs: tuple[WatchedRun, ...] = ()
    events: list[BoostEvent] = field(default_factory=list)
    stored: list[Candidate] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    compile_ms: float = 0.0
    prove_ms: float = 0.0

    async def take(self) -> None:
        record = self.run.record
        shelf = await self.library.shelf(self.skill_id, self.skill_digest, record.model, record.harness)
        covering = [each for each in shelf.candidates if _is_for(each, self.run)]
        if any(not each.is_enabled for each in covering):
            return  # a person said no to what this prompt is answered with
        serving = [each for each in covering if await self._serves(each)]
        wanting = [each for each in serving if shelf.standing(each).status is Status.WATCHED]
        if serving and not wanting:
            return
        self.runs = await self._all_runs()
        if serving:
            for candidate in wanting[:_MAX_TRIED]:
                await self._complete(candidate, shelf)
        else:
            await self._compile(shelf, covering)
        if self.events:
            self.library.adopt(self.events)
            await self.library.write_state(self.skill_id)

    async def _serves(self, candidate: Candidate) -> bool:
        """Whether a candidate would have begun this run; its guard may refuse the files."""
        start = await anyio.to_thread.run_sync(start_of, candidate, self.run, self.library.settings.tmp_dir)
        return isinstance(start, Start)

    async def _all_runs(self) -> tuple[WatchedRun, ...]:
        earlier = await load_watched(
            self.library.journal,
            self.library.blobs,
            skill_id=self.skill_id,
            skill_digest=self.skill_digest,
            limit=MAX_RUNS,
        )
        mine = self.run.record.run_id
        others = [
            run for run in earlier if run.record.run_id != mine and not self.library.is_forgotten(run.record)
        ]
        return tuple(run for run in (*others, self.run) if run.is_success and not run.boosted_turns)

    async def _complete(self, candidate: Candidate, shelf: Shelf) -> None:
        """Look for the evidence a stored candidate still lacks on this target.

        This run itself is left out: if it could be compared, the hook has done so.
        """
        standing, key = shelf.standing(candidate), shelf.key(candidate)
        counted = self.library.counted_runs(key)
        lacking = [run for run in self.runs[:-1] if run.record.run_id not in counted and _is_on(run, key)]
        # Counting this run, which the hook has compared.
        missing = self._fuzz_from() - standing.good
        if standing.is_fuzzed is None and self.library.is_fuzzed_elsewhere(key):
            self._record(key, Event.FUZZED, Proof(True, "passed on another target"))
        elif standing.is_fuzzed is None:
            trial = await self._try(candidate, lacking, fuzz_from=missing)
            self._record_trial(candidate, trial)
            if trial.fuzzed is not None and trial.fuzzed.is_good is False:
                # It would stand in the way of better ones.
                store = self.library.store(self.skill_id)
                await anyio.to_thread.run_sync(store.remove, candidate.purpose_id)
            return
        if lacking:
            self._record_trial(candidate, await self._try(candidate, lacking, fuzz_from=None))

    def _fuzz_from(self) -> int:
        """Good runs from which on fuzzing decides on a promotion: the next one may be the last it takes."""
        return self.library.bounds.good_runs - 1

    async def _compile(self, shelf: Shelf, covering: Sequence[Candidate]) -> None:
        """Compile, try out, store; runs that no old candidate is right for are tried alone, too."""
        if await self._store_first(shelf, covering, self.runs) or not covering:
            return
        fresh = [run for run in self.runs if not await self._any_begins(covering, run)]
        if len(fresh) < len(self.runs):
            await self._store_first(shelf, covering, fresh)

    async def _any_begins(self, candidates: Sequence[Candidate], run: WatchedRun) -> bool:
        tmp_dir = self.library.settings.tmp_dir
        for candidate in candidates:
            if isinstance(await anyio.to_thread.run_sync(start_of, candidate, run, tmp_dir), Start):
                return True
        return False

    async def _store_first(
        self, shelf: Shelf, covering: Sequence[Candidate], runs: Sequence[WatchedRun]
    ) -> bool:
        """Store the first candidate of these runs that stands its trial; whether there is one."""
        began = perf_counter()
        compiled = await anyio.to_thread.run_sync(partial(compile_candidates, runs, skill=self.skill))
        self.compile_ms += (perf_counter() - began) * 1000
        self.findings += compiled.findings
        await anyio.to_thread.run_sync(self._keep_unbound, shelf, compiled.candidates)
        theirs = [await anyio.to_thread.run_sync(bound, each, self.run, runs) for each in shelf.foreign]
        made = (*filter(None, theirs), *compiled.candidates)
        mine = [each for each in made if _is_for(each, self.run)]
        for candidate in _with_widened(mine, shelf, self.run)[:_MAX_TRIED]:
            if self._was_refused(candidate, shelf):
                continue
            trial = await self._try(candidate, runs, serves=self.run, fuzz_from=self._fuzz_from())
            if trial.refusal:
                self.findings.append(f"{candidate.purpose_id}: {trial.refusal}")
                self._record_trial(candidate, trial)
                continue
            await self._store(candidate, trial, shelf, covering)
            return True
        return False

    def _keep_unbound(self, shelf: Shelf, compiled: Sequence[Candidate]) -> None:
        """Keep what the skill's own scripts and fences offer, and drop what runs stand for by now; blocks."""
        store = self.library.store(self.skill_id)
        offered = {each.purpose_id: each for each in compiled if not each.skeletons}
        for old in shelf.candidates:
            is_offer = old.origin.kind == "skill" and not old.skeletons and old.is_enabled
            if is_offer and old.purpose_id not in offered:
                store.remove(old.purpose_id)
        if offered:
            self.stored += store.save(list(offered.values()))

    def _was_refused(self, candidate: Candidate, shelf: Shelf) -> bool:
        standing = shelf.standing(candidate)
        return standing.is_fuzzed is False or standing.bad > standing.good

    async def _try(
        self,
        candidate: Candidate,
        runs: Sequence[WatchedRun],
        *,
        serves: WatchedRun | None = None,
        fuzz_from: int | None,
    ) -> Trial:
        began = perf_counter()
        try:
            return await try_out(
                candidate,
                runs,
                known=self.runs,
                serves=serves,
                fuzz_from=fuzz_from,
                sandbox=self.library.sandbox,
                tmp_dir=self.library.settings.tmp_dir,
            )
        finally:
            self.prove_ms += (perf_counter() - began) * 1000

    async def _store(
        self, candidate: Candidate, trial: Trial, shelf: Shelf, covering: Sequence[Candidate]
    ) -> None:
        candidate = _named(candidate, shelf)
        store = self.library.store(self.skill_id)
        for old in shelf.candidates:
            if await self._goes(old, candidate, shelf, covering):
                await anyio.to_thread.run_sync(store.remove, old.purpose_id)
        changed = await anyio.to_thread.run_sync(store.save, [candidate])
        self.stored += changed
        if changed:
            for key in self._targets(candidate, trial):
                self._record(key, Event.COMPILED, Proof(None, candidate.origin.note))
        self._record_trial(candidate, trial)

    async def _goes(
        self, old: Candidate, new: Candidate, shelf: Shelf, covering: Sequence[Candidate]
    ) -> bool:
        """Whether an old candidate makes room: otherwise two would say of one prompt that it is theirs."""
        if old.purpose_id == new.purpose_id or shelf.is_promoted(old) or not old.is_enabled:
            return False
        if old in covering:
            return True
        made_from = [run for run in self.runs if run.record.run_id in old.origin.run_ids]
        for run in made_from:
            if not await self._any_begins([new], run):
                return False
        return bool(made_from)

    def _targets(self, candidate: Candidate, trial: Trial) -> list[Key]:
        """Every target there is evidence of, and this one."""
        runs = [self.run, *(run for run, _ in trial.replays)]
        return sorted({self._key(candidate, run) for run in runs})

    def _key(self, candidate: Candidate, run: WatchedRun) -> Key:
        record = run.record
        return Key(
            self.skill_id,
            self.skill_digest,
            record.model,
            record.harness,
            candidate.purpose_id,
            candidate.digest,
        )

    def _record_trial(self, candidate: Candidate, trial: Trial) -> None:
        if trial.fuzzed is not None and trial.fuzzed.is_good is not None:
            for key in self._targets(candidate, trial):
                self._record(key, Event.FUZZED, trial.fuzzed)
        for run, proof in trial.replays:
            self._record(self._key(candidate, run), Event.REPLAYED, proof, run_id=run.record.run_id)

    def _record(self, key: Key, event: Event, proof: Proof, **more: Any) -> None:
        self.events.append(
            BoostEvent(
                event=event,
                skill_id=key.skill_id,
                skill_digest=key.skill_digest,
                model=key.model,
                harness=key.harness,
                purpose_id=key.purpose_id,
                template_digest=key.digest,
                is_good=proof.is_good,
                reason=proof.reason,
                step_ms=proof.step_ms,
                at=datetime.now(UTC),
                **more,
            )
        )


def _is_for(candidate: Candidate, run: WatchedRun) -> bool:
    # A matcher passes over what is turned off; here it matters that a person turned it off.
    lit = candidate if candidate.is_enabled else candidate.model_copy(update={"is_enabled": True})
    return bool(Matcher([lit]).match(run.prompt))


def _is_on(run: WatchedRun, key: Key) -> bool:
    return (run.record.model, run.record.harness) == (key.model, key.harness)


def _with_widened(candidates: Iterable[Candidate], shelf: Shelf, run: WatchedRun) -> list[Candidate]:
    """The candidates, and before each the stored one of the same wording, if only its values were too narrow.

    Values it has not seen the like of are no match; where its code does this run right, it keeps what it has
    shown before.
    """
    old = {each.purpose_id: each for each in shelf.candidates}
    found: list[Candidate] = []
    for candidate in candidates:
        stored = old.get(candidate.purpose_id)
        wider = widened(stored, candidate) if stored is not None else None
        if wider is not None and _is_for(wider, run):
            found.append(wider)
        found.append(candidate)
    return found


def _named(candidate: Candidate, shelf: Shelf) -> Candidate:
    """A candidate under a name of its own, where its name is that of a promoted one that stays."""
    taken = {each.purpose_id: each for each in shelf.candidates}
    name, number = candidate.purpose_id, 2
    while (old := taken.get(name)) is not None and old.digest != candidate.digest and shelf.is_promoted(old):
        name = f"{candidate.purpose_id}-{number}"
        number += 1
    return candidate if name == candidate.purpose_id else candidate.model_copy(update={"purpose_id": name})
