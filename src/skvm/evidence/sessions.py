"""The session index: ``sessions.jsonl``, one line when a command starts and one when it ends.

The last line of an id wins, so a command that was killed stays ``running``. The journal holds what
happened; this is the compatible list of which commands ran and where their evidence lies.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from skvm.errors import InfrastructureError, SkvmError
from skvm.evidence.record import Record

__all__ = ["SessionEntry", "read_sessions", "recorded_session"]

_TAG_CHARS = 60


class SessionEntry(Record):
    """One command.

    Args:
        id: Local time, type and tag; unique.
        type: The command's name.
        status: ``running`` until it ends.
        started_at: ISO time stamp.
        completed_at: Likewise; ``None`` while it runs.
        log_dir: Where its evidence lies.
        models: Full model ids it dealt with.
        harness: Harness name(s), joined by commas.
        skill: Skill(s), joined by commas.
        conditions: Conditions it ran.
        error: One line, where it failed.
    """

    id: str
    type: str
    status: Literal["running", "completed", "failed"]
    started_at: str
    completed_at: str | None = None
    log_dir: str
    models: tuple[str, ...] | None = None
    harness: str | None = None
    skill: str | None = None
    conditions: tuple[str, ...] | None = None
    error: str | None = None

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


@contextmanager
def recorded_session(
    logs_dir: Path,
    kind: str,
    *,
    models: Sequence[str] = (),
    harness: Sequence[str] = (),
    skill: Sequence[str] = (),
    conditions: Sequence[str] = (),
    resumed: str | None = None,
    has_folder: bool = False,
) -> Iterator[SessionEntry]:
    """Index a command: ``running`` on entry, ``completed`` or ``failed`` on exit.

    Args:
        logs_dir: Where ``sessions.jsonl`` lies; made if absent.
        kind: The command's name.
        models: Full model ids.
        harness: Harness names.
        skill: Skill folders or ids.
        conditions: Condition names.
        resumed: Id of the session that goes on; a new one without.
        has_folder: Whether the session gets a folder of its own, ``<logs_dir>/<kind>/<id>``.

    Raises:
        InfrastructureError: The index or the folder cannot be written.
    """
    now = datetime.now(UTC)
    named = [*(model.rpartition("/")[2] for model in models), *skill, *conditions]
    session_id = resumed or _id(now, kind, named)
    folder = _folder(logs_dir / kind / session_id) if has_folder else logs_dir
    entry = SessionEntry(
        id=session_id,
        type=kind,
        status="running",
        started_at=now.isoformat(),
        log_dir=str(folder),
        models=tuple(models) or None,
        harness=",".join(harness) or None,
        skill=",".join(skill) or None,
        conditions=tuple(conditions) or None,
    )
    _append(logs_dir, entry)
    ended: dict[str, Any] = {"status": "completed"}
    try:
        yield entry
    except BaseException as error:
        # Only our own messages are known to hold no secret.
        words = error.message if isinstance(error, SkvmError) else type(error).__name__
        ended = {"status": "failed", "error": " ".join(_clean(words, logs_dir).split())[:400]}
        raise
    finally:
        ended["completed_at"] = datetime.now(UTC).isoformat()
        _append(logs_dir, entry.model_copy(update=ended))


def _clean(words: str, logs_dir: Path) -> str:
    """The words without the keys of the environment and of the configuration these logs belong to."""
    from skvm.evidence.redact import Redactor
    from skvm.settings import load_settings

    for cache in (None, str(logs_dir.parent)):
        try:
            words = Redactor.of(load_settings(cache_dir=cache)).text(words)
        except SkvmError:
            continue  # It is the configuration that cannot be read: then it has no keys.
    return words


def read_sessions(logs_dir: Path) -> tuple[SessionEntry, ...]:
    """The last state of every session, in order of start; lines that are none are passed over."""
    found: dict[str, SessionEntry] = {}
    try:
        lines = (logs_dir / "sessions.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ()
    for line in lines:
        try:
            entry = SessionEntry.model_validate_json(line)
        except ValueError:
            continue
        found[entry.id] = entry
    return tuple(found.values())


def _id(now: datetime, kind: str, words: Sequence[str]) -> str:
    tag = re.sub(r"[^A-Za-z0-9._+-]+", "-", "+".join(words)).strip("-.")[:_TAG_CHARS]
    # Two commands may start in one second; the old form had them share an id.
    parts = [f"{now.astimezone():%Y%m%d-%H%M%S}", kind, tag, secrets.token_hex(2)]
    return "-".join(part for part in parts if part)


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InfrastructureError(
            f"{path}: cannot be made: {error.strerror}", help="free space, or set SKVM_LOGS_DIR"
        ) from error
    return path


def _append(logs_dir: Path, entry: SessionEntry) -> None:
    line = json.dumps(entry.model_dump(by_alias=True, exclude_none=True), ensure_ascii=False) + "\n"
    path = logs_dir / "sessions.jsonl"
    try:
        logs_dir.mkdir(parents=True, exist_ok=True)
        # One write of one line: appends of several processes do not mix.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            _write_whole(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise InfrastructureError(
            f"{path}: cannot be written: {error.strerror}", help="free space, or set SKVM_LOGS_DIR"
        ) from error


def _write_whole(descriptor: int, data: bytes) -> None:
    """Append all of it or nothing: half a line would spoil the next one, too."""
    before = os.fstat(descriptor).st_size
    written = os.write(descriptor, data)
    if written < len(data):
        try:
            # Why not all of it went in is only said to whoever goes on.
            os.write(descriptor, data[written:])
        finally:
            os.ftruncate(descriptor, before)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
