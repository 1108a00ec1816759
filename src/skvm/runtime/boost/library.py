"""Candidates and where they stand, as one process knows them.

What runs of this process find wrong holds at once for the runs beside them (``note``); everything else comes
from the files and the journal, which are read again when a run begins. Good news waits for the journal: a
run counts only once it is known how it went.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import anyio.to_thread

from skvm.diagnostics import Diagnostic
from skvm.evidence.blobs import BlobStore
from skvm.evidence.journal import Entry, Journal
from skvm.runtime.boost.entries import Loaded
from skvm.runtime.boost.evidence import EVENT_KIND, read_events
from skvm.runtime.boost.foreign.convert import Foreign
from skvm.runtime.boost.model import BoostEvent, Candidate, Event
from skvm.runtime.boost.outfit import Outfit, lay_outfit
from skvm.runtime.boost.standing import Bounds, Fold, Key, Standing, Status, advanced, key_of
from skvm.runtime.boost.storage import BoostFolder
from skvm.settings import Settings

if TYPE_CHECKING:
    from skvm.evidence.record import RunRecord
    from skvm.harness.sandbox import Sandbox

__all__ = ["Library", "Shelf"]

_NEVER = datetime.fromtimestamp(0, UTC)
_BATCH = 1_000
_FORGOTTEN = "forgotten"
_BAD_AT_ONCE = frozenset({Event.ANSWERED, Event.SHADOWED, Event.DRIFTED})


@dataclass(slots=True)
class _Known:
    """What is known of one skill.

    Args:
        loaded: Its files, as they were read last.
        stamp: What changes whenever the files do.
        digests: Of the candidates, by purpose.
        outfit: What was laid for them.
        folds: Evidence by what it is about.
        last_id: Newest record of the journal that was taken.
        newest: Time of the newest event that was taken.
        forgotten: When evidence on a target, model and harness, was last let count no more.
        adopted: Events that were taken before they were in the journal.
        lessons: Held while something is learnt of the skill.
    """

    loaded: Loaded = field(default_factory=Loaded)
    stamp: object = None
    digests: dict[str, str] = field(default_factory=dict)
    outfit: Outfit | None = None
    folds: dict[Key, Fold] = field(default_factory=dict)
    last_id: int = 0
    newest: datetime = _NEVER
    forgotten: dict[tuple[str, str], datetime] = field(default_factory=dict)
    adopted: set[str] = field(default_factory=set)
    lessons: anyio.Lock = field(default_factory=anyio.Lock)

    def read(self, store: BoostFolder) -> None:
        """Read the files, unless they are what they were."""
        stamp = store.stamp()
        if stamp != self.stamp:
            self.loaded = store.load()
            self.digests = {each.purpose_id: each.digest for each in self.loaded.candidates}
            self.outfit = None
            # Taken before reading: what was written meanwhile is read the next time.
            self.stamp = stamp

    def catch_up(self, entries: Sequence[Entry], bounds: Bounds) -> None:
        """Take what is in the journal and was not taken before."""
        for event in read_events(entries):
            if self.adopted and (said := event.model_dump_json()) in self.adopted:
                self.adopted.remove(said)
            else:
                self.take(event, bounds)
        self.last_id = entries[-1].id

    def take(self, event: BoostEvent, bounds: Bounds) -> None:
        """Take the next event."""
        key = key_of(event)
        self.folds[key] = advanced(self.folds.get(key), event, bounds)
        self.newest = max(self.newest, event.at)
        if event.event is Event.COMPILED and event.reason == _FORGOTTEN:
            target = (event.model, event.harness)
            self.forgotten[target] = max(self.forgotten.get(target, _NEVER), event.at)


class Library:
    """Candidates of all skills and their standings, for the runs of one process.

    Args:
        settings: Where candidates lie, and where outfits are laid.
        journal: Where evidence is; open.
        blobs: Where the files of watched runs are.
        sandbox: Where candidates are proved.
        bounds: When a candidate is trusted.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        blobs: BlobStore,
        sandbox: Sandbox,
        *,
        bounds: Bounds | None = None,
    ) -> None:
        self.settings = settings
        self.journal = journal
        self.blobs = blobs
        self.sandbox = sandbox
        self.bounds = bounds or Bounds()
        self._skills: dict[str, _Known] = {}
        self._lock = anyio.Lock()

    @classmethod
    def open(
        cls,
        settings: Settings,
        journal: Journal,
        blobs: BlobStore,
        sandbox: Sandbox,
        *,
        bounds: Bounds | None = None,
    ) -> Library:
        """A library over an open journal; nothing is read yet."""
        return cls(settings, journal, blobs, sandbox, bounds=bounds)

    def folder(self, skill_id: str) -> Path:
        """The folder a cell is shown, read-only, at the same place; it is made if absent.

        Raises:
            OSError: It cannot be made.
        """
        name = hashlib.sha256(skill_id.encode("utf-8", "replace")).hexdigest()[:16]
        folder = self.settings.cache_dir / "boost" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def store(self, skill_id: str) -> BoostFolder:
        """The files of a skill.

        Raises:
            UsageError: The id cannot name a folder.
        """
        return BoostFolder(self.settings, skill_id)

    async def shelf(self, skill_id: str, skill_digest: str, model: str, harness: str) -> Shelf:
        """The candidates of a skill on a target, as disk and journal have them now.

        Raises:
            InfrastructureError: The journal cannot be read, or an outfit cannot be written.
            UsageError: The id cannot name a folder.
        """
        known = await self._refresh(skill_id)
        loaded = known.loaded
        folder = self.folder(skill_id)
        if known.outfit is None or not (folder / "boost.py").exists():
            templates = [each.template for each in loaded.candidates if each.skeletons and each.is_enabled]
            known.outfit = await anyio.to_thread.run_sync(lay_outfit, folder, templates)
        about = (skill_id, skill_digest, model, harness)
        keys = {purpose: Key(*about, purpose, digest) for purpose, digest in known.digests.items()}
        return Shelf(
            self, *about, loaded.candidates, loaded.foreign, known.outfit, loaded.findings, keys=keys
        )  # fmt: skip

    async def standings(self, skill_id: str) -> dict[Key, Standing]:
        """Where everything of a skill stands on every target there is evidence of, by key.

        Raises:
            InfrastructureError: The journal cannot be read.
            UsageError: The id cannot name a folder.
        """
        known = await self._refresh(skill_id)
        return {key: known.folds[key].standing() for key in sorted(known.folds)}

    def note(self, events: Iterable[BoostEvent]) -> None:
        """Let what went wrong in a run hold at once; what went well waits until the run is recorded."""
        for event in events:
            is_bad = event.is_good is False or event.event is Event.DRIFTED
            if event.event in _BAD_AT_ONCE and is_bad:
                self._skills.setdefault(event.skill_id, _Known()).take(event, self.bounds)

    def adopt(self, events: Iterable[BoostEvent]) -> None:
        """Let events hold before they are in the journal; there they will be passed over."""
        for event in events:
            known = self._skills.setdefault(event.skill_id, _Known())
            known.take(event, self.bounds)
            known.adopted.add(event.model_dump_json())

    def lessons(self, skill_id: str) -> anyio.Lock:
        """Held while something is learnt of a skill: runs beside each other would learn the same."""
        return self._skills.setdefault(skill_id, _Known()).lessons

    def counted_runs(self, key: Key) -> frozenset[str]:
        """Runs that have been good or bad evidence on something."""
        fold = self._fold(key)
        return frozenset(fold.verdicts) if fold else frozenset()

    def is_fuzzed_elsewhere(self, key: Key) -> bool:
        """Whether the same candidate passed fuzzing on another target; a target has no part in that."""
        known = self._skills.get(key.skill_id)
        return known is not None and any(
            fold.is_fuzzed
            for other, fold in known.folds.items()
            if (other.purpose_id, other.digest) == (key.purpose_id, key.digest)
        )

    def _fold(self, key: Key) -> Fold | None:
        known = self._skills.get(key.skill_id)
        return known.folds.get(key) if known else None

    def standing(self, key: Key, candidate: Candidate | None = None) -> Standing:
        """Where a candidate stands, as far as this process knows now."""
        standing = (self._fold(key) or Fold(self.bounds)).standing()
        if candidate is not None and not candidate.is_enabled:
            return Standing(status=Status.DISABLED, reason="turned off by a person")
        return standing

    def status(self, key: Key) -> Status:
        """The same in one word, and quicker."""
        fold = self._fold(key)
        return fold.effective if fold else Status.WATCHED

    async def write_state(self, skill_id: str) -> None:
        """Write the view for readers of the existing system, if there are candidates.

        Raises:
            InfrastructureError: It cannot be written, or the journal cannot be read.
            UsageError: The id cannot name a folder.
        """
        standings = await self.standings(skill_id)
        known = self._skills[skill_id]
        if not known.loaded.candidates:
            return
        # Without evidence it is a fixed time, so that the same candidates give the same bytes.
        write = partial(self.store(skill_id).save_state, standings, updated_at=known.newest)
        await anyio.to_thread.run_sync(write)

    def is_forgotten(self, record: RunRecord) -> bool:
        """Whether a run is from before its target was forgotten: then nothing is learnt from it, either."""
        known = self._skills.get(record.skill_id or "")
        since = known.forgotten.get((record.model, record.harness)) if known is not None else None
        return since is not None and record.started_at <= since

    async def forget(
        self,
        skill_id: str,
        *,
        model: str | None = None,
        harness: str | None = None,
        at: datetime | None = None,
    ) -> tuple[Key, ...]:
        """Let all evidence of a skill count no more, or that of a model or in a harness.

        The journal is never rewritten: what was recorded stays, and a mark in it says that it is spent, as
        are runs from before it (``is_forgotten``).

        Returns:
            What had evidence that counts no more.

        Raises:
            InfrastructureError: The journal cannot be written.
            UsageError: The id cannot name a folder.
        """
        known = await self._refresh(skill_id)
        gone = [
            key
            for key, fold in sorted(known.folds.items())
            if model in (None, key.model) and harness in (None, key.harness) and fold != Fold(self.bounds)
        ]
        moment = at or datetime.now(UTC)
        marks = [
            BoostEvent(
                event=Event.COMPILED,
                skill_id=key.skill_id,
                skill_digest=key.skill_digest,
                model=key.model,
                harness=key.harness,
                purpose_id=key.purpose_id,
                template_digest=key.digest,
                reason=_FORGOTTEN,
                at=moment,
            )
            for key in gone
        ]
        if marks:
            await self.journal.append_all([(EVENT_KIND, mark) for mark in marks])
            await self._refresh(skill_id)
        return tuple(gone)

    async def _refresh(self, skill_id: str) -> _Known:
        store = self.store(skill_id)
        async with self._lock:
            known = self._skills.setdefault(skill_id, _Known())
            entries = await self.journal.query(EVENT_KIND, skill=skill_id, since=known.last_id)
            for start in range(0, len(entries), _BATCH):
                known.catch_up(entries[start : start + _BATCH], self.bounds)
                await anyio.lowlevel.checkpoint()
            await anyio.to_thread.run_sync(known.read, store)
            return known


@dataclass(frozen=True, slots=True)
class Shelf:
    """The candidates of one skill for the runs on one target.

    What stands on it is as it was when the run began; where it stands is asked anew each time.

    Args:
        library: Where it is from.
        skill_id: The skill.
        skill_digest: Digest of the skill as it is delivered.
        model: Full model id.
        harness: Registered name.
        candidates: All that could be read.
        foreign: Those of the existing system.
        outfit: What a cell needs to run them.
        findings: What could not be read.
        keys: What evidence on the candidates is filed under, by purpose.
    """

    library: Library
    skill_id: str
    skill_digest: str
    model: str
    harness: str
    candidates: tuple[Candidate, ...]
    foreign: tuple[Foreign, ...]
    outfit: Outfit
    findings: tuple[Diagnostic, ...] = ()
    keys: Mapping[str, Key] = field(default_factory=dict)

    def key(self, candidate: Candidate) -> Key:
        """What evidence on a candidate is filed under."""
        return Key(
            self.skill_id, self.skill_digest, self.model, self.harness, candidate.purpose_id, candidate.digest
        )

    def standing(self, candidate: Candidate) -> Standing:
        """Where a candidate stands now."""
        return self.library.standing(self.key(candidate), candidate)

    def is_promoted(self, candidate: Candidate) -> bool:
        """Whether a candidate may answer now."""
        return bool(candidate.skeletons) and self._status(self.key(candidate), candidate) is Status.PROMOTED

    @property
    def promoted(self) -> tuple[Candidate, ...]:
        """Candidates that may answer."""
        return self._of(Status.PROMOTED)

    @property
    def watched(self) -> tuple[Candidate, ...]:
        """Candidates to be run beside the model, so that they can show what they are worth."""
        return self._of(Status.WATCHED)

    @property
    def resting(self) -> tuple[Candidate, ...]:
        """Quarantined candidates; they, too, are run beside the model, or their quarantine would not end."""
        return self._of(Status.QUARANTINED)

    def _of(self, status: Status) -> tuple[Candidate, ...]:
        return tuple(
            each
            for each in self.candidates
            if each.skeletons and self._status(self.keys[each.purpose_id], each) is status
        )

    def _status(self, key: Key, candidate: Candidate) -> Status:
        return self.library.status(key) if candidate.is_enabled else Status.DISABLED
