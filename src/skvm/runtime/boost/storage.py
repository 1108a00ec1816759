"""The files of a skill's candidates: ``<proposals>/jit-boost/<skill>/``.

``boost-candidates.json`` and ``solidification-state.json`` keep the fields of the existing system; what is
ours stands beside them under the key ``skvm``. The first holds the candidates. The second is a view of what
the journal says, written for readers of the existing system and never believed.

Whatever is found in a file and is not understood stays in it. Files are written whole, by one writer at a
time (a lock file beside the folders); a reader needs no lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from skvm.diagnostics import Diagnostic, Severity, rule
from skvm.errors import InfrastructureError, UsageError
from skvm.files import replace_file
from skvm.runtime.boost.entries import Loaded, is_ours, is_same, load_entries, purpose_of, put_entry
from skvm.runtime.boost.model import Candidate
from skvm.runtime.boost.standing import Key, Standing
from skvm.runtime.boost.state_view import stamp, state_entries
from skvm.settings import Settings

__all__ = ["CANDIDATES", "STATE", "BoostFolder", "Loaded"]

CANDIDATES = "boost-candidates.json"
STATE = "solidification-state.json"
MAX_BYTES = 16 << 20
"""A larger file is not read."""
LOCK_TIMEOUT_S = 10.0

SKV601 = rule(
    "SKV601",
    "boost file cannot be read",
    "A file of candidates is no JSON object, larger than 16 MB or no regular file. It answers nothing. When"
    " candidates are learnt anew it is kept beside the new file, under a name that ends in .broken and some"
    " digits. Mend it or delete it.",
    Severity.ERROR,
)


@dataclass(frozen=True, slots=True)
class BoostFolder:
    """The candidates of one skill.

    Calls block for reads and writes of small files; async callers move them to a thread.

    Args:
        settings: Where proposals lie.
        skill_id: The skill.

    Raises:
        UsageError: The id cannot name a folder.
    """

    settings: Settings
    skill_id: str

    def __post_init__(self) -> None:
        name = self.skill_id
        if not name.strip(". ") or "/" in name or not name.isprintable() or len(name.encode()) > 240:
            raise UsageError(f"skill id {name[:60]!r} cannot name a folder", help="rename the skill's folder")

    @property
    def path(self) -> Path:
        """The folder; it need not exist."""
        return self.settings.proposals_dir / "jit-boost" / self.skill_id

    @classmethod
    def all(cls, settings: Settings) -> tuple[BoostFolder, ...]:
        """Every skill's folder there is, by name."""
        root = settings.proposals_dir / "jit-boost"
        names = sorted(path.name for path in root.glob("*/")) if root.is_dir() else []
        return tuple(cls(settings, name) for name in names if not name.startswith("."))

    def stamp(self) -> tuple[object, ...]:
        """What changes whenever one of the files does, or comes or goes."""
        return tuple(_stamp_of(self.path / name) for name in (CANDIDATES, STATE))

    def load(self) -> Loaded:
        """Read the candidates; what cannot be read is a finding."""
        entries, findings = self._entries(CANDIDATES, "candidates")
        if entries is None:
            # The existing system lets its state stand for the candidates; so may a file of ours be absent.
            wrapped, more = self._entries(STATE, "entries")
            findings += more
            entries = [each.get("candidate") if isinstance(each, dict) else each for each in wrapped or ()]
        return load_entries(entries, findings, self.path / CANDIDATES)

    def save(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Put candidates into the file and keep all others in it; one of the same purpose is replaced.

        What a person turned off stays off.

        Returns:
            Those whose digest was not there before under their purpose: evidence on them begins now.

        Raises:
            InfrastructureError: The file cannot be written, or another process holds it for long.
        """
        with self._locked():
            document, entries = self._document()
            known = {
                candidate.purpose_id: candidate for candidate in load_entries(entries, [], None).candidates
            }
            changed = [each for each in candidates if not is_same(known.get(each.purpose_id), each)]
            if changed:
                for candidate in changed:
                    before = known.get(candidate.purpose_id)
                    is_enabled = candidate.is_enabled and (before is None or before.is_enabled)
                    put_entry(entries, candidate.model_copy(update={"is_enabled": is_enabled}))
                self._write(CANDIDATES, {**document, "candidates": entries})
            return tuple(each for each in changed if _is_new(known.get(each.purpose_id), each))

    def set_enabled(self, purpose_id: str, *, is_enabled: bool) -> Candidate:
        """Turn one candidate on or off.

        Raises:
            UsageError: There is none of this purpose that can be understood.
            InfrastructureError: As for ``save``.
        """
        with self._locked():
            document, entries = self._document()
            for candidate in load_entries(entries, [], None).candidates:
                if candidate.purpose_id == purpose_id:
                    changed = candidate.model_copy(update={"is_enabled": is_enabled})
                    put_entry(entries, changed)
                    self._write(CANDIDATES, {**document, "candidates": entries})
                    return changed
        raise UsageError(
            f"skill {self.skill_id!r} has no candidate {purpose_id!r}", help="`skvm boost list` lists them"
        )

    def save_state(self, standings: Mapping[Key, Standing], *, updated_at: datetime) -> None:
        """Write the view for readers of the existing system.

        Args:
            standings: Of all targets; those of other skills are passed over.
            updated_at: Time of the newest evidence.

        Raises:
            InfrastructureError: As for ``save``.
        """
        with self._locked():
            _, entries = self._document()
            old, _ = self._entries(STATE, "entries")
            views = state_entries(
                entries, {key: each for key, each in standings.items() if key[0] == self.skill_id}
            )
            named = {view["candidate"]["purposeId"] for view in views}
            kept = [
                each for each in old or () if not is_ours(each) and purpose_of(each, "candidate") not in named
            ]
            document = {"skillId": self.skill_id, "entries": [*views, *kept], "updatedAt": stamp(updated_at)}
            self._write(STATE, document)

    def remove(self, purpose_id: str | None = None) -> tuple[Path, ...]:
        """Delete one candidate from the files, or the files.

        Returns:
            Which files were deleted or changed.

        Raises:
            InfrastructureError: As for ``save``.
        """
        with self._locked():
            if purpose_id is None:
                return self._remove_all()
            return tuple(
                self.path / name
                for name, key in ((CANDIDATES, "candidates"), (STATE, "entries"))
                if self._remove_from(name, key, purpose_id)
            )

    def _remove_all(self) -> tuple[Path, ...]:
        gone = []
        try:
            for path in sorted(self.path.iterdir()) if self.path.is_dir() else ():
                if path.name.startswith((CANDIDATES, STATE, ".tmp-")):
                    path.unlink()
                    gone.append(path)
            if gone and not any(self.path.iterdir()):
                self.path.rmdir()
        except OSError as error:
            raise _unwritable(self.path, error) from error
        return tuple(gone)

    def _remove_from(self, name: str, key: str, purpose_id: str) -> bool:
        document, _ = self._read(name)
        entries = document.get(key) if document else None
        if not document or not isinstance(entries, list):
            return False
        inner = None if name == CANDIDATES else "candidate"
        kept = [each for each in entries if purpose_of(each, inner) != purpose_id]
        if len(kept) == len(entries):
            return False
        self._write(name, {**document, key: kept})
        return True

    def _document(self) -> tuple[dict[str, Any], list[Any]]:
        """The file of candidates, for writing; one that cannot be read is put aside first."""
        document, findings = self._read(CANDIDATES)
        entries = (document or {}).get("candidates", [])
        if findings or not isinstance(entries, list):
            self._put_aside(CANDIDATES)
            document, entries = None, []
        if document is None:
            wrapped, _ = self._entries(STATE, "entries")
            entries = [each.get("candidate") for each in wrapped or () if isinstance(each, dict)]
        return document or {}, list(entries)

    def _put_aside(self, name: str) -> None:
        path = self.path / name
        try:
            # The same bytes get the same name: one bad file leaves one copy.
            data = path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_BYTES else b""
            mark = hashlib.sha256(data).hexdigest()[:8]
            path.rename(path.with_name(f"{name}.broken-{mark}"))
        except OSError as error:
            raise _unwritable(path, error) from error

    def _entries(self, name: str, key: str) -> tuple[list[Any] | None, list[Diagnostic]]:
        document, findings = self._read(name)
        if document is None:
            return None, findings
        entries = document.get(key)
        if not isinstance(entries, list):
            return None, [SKV601.at(f"{key} is no list", path=self.path / name)]
        return entries, findings

    def _read(self, name: str) -> tuple[dict[str, Any] | None, list[Diagnostic]]:
        path = self.path / name
        try:
            loaded = json.loads(_read_regular(path))
        except FileNotFoundError:
            return None, []
        except (OSError, ValueError, RecursionError) as error:
            return None, [SKV601.at(f"cannot be read: {error}", path=path)]
        if not isinstance(loaded, dict):
            return None, [SKV601.at("holds no object", path=path)]
        return loaded, []

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        path = self.path / name
        data = json.dumps(document, indent=2).encode() + b"\n"
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, data, mode=0o644)
        except OSError as error:
            raise _unwritable(path, error) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The lock lies beside the folders: one inside could be deleted while another process waits for it.
        path = self.path.parent / ".lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.open("a+b")
        except OSError as error:
            raise _unwritable(path, error) from error
        with lock:
            give_up_at = time.monotonic() + LOCK_TIMEOUT_S
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    if time.monotonic() > give_up_at:
                        raise InfrastructureError(
                            f"{path}: another process has held it for {LOCK_TIMEOUT_S:.0f} s",
                            help="let it end, or stop it",
                        ) from error
                    time.sleep(0.02)
                else:
                    break
            yield


def _read_regular(path: Path) -> bytes:
    # A pipe would be waited for without end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        if status.st_size > MAX_BYTES:
            raise OSError(f"larger than {MAX_BYTES >> 20} MB")
        return file.read(MAX_BYTES)


def _unwritable(path: Path, error: OSError) -> InfrastructureError:
    return InfrastructureError(
        f"{path}: cannot be written: {error.strerror or error}",
        help="free some space, or point SKVM_PROPOSALS_DIR at a folder that can be written",
    )


def _is_new(before: Candidate | None, candidate: Candidate) -> bool:
    return before is None or before.digest != candidate.digest


def _stamp_of(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
