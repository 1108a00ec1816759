"""Taking profiles from elsewhere into the store: pre-built ones, and trees of the existing system.

What a profile says of itself decides where it belongs, not the folder it was found in. Its bytes are
copied as they are, so that keys we do not know come along. A stored profile that is newer, or that was
measured here, stays unless the caller forces the matter, and even then it stays in the history.
"""

from __future__ import annotations

import enum
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from skvm.errors import InfrastructureError, UsageError
from skvm.target.profile import Profile
from skvm.target.store import (
    MAX_BYTES,
    ProfileFile,
    ProfileFileError,
    ProfileStore,
    history_name,
    moment_of,
    open_profile,
    write_whole,
)

__all__ = ["Action", "Imported", "import_profiles"]

_SIDECAR = "failure-reports.json"
_BOM = b"\xef\xbb\xbf"
_NO_MOMENT = datetime.min.replace(tzinfo=UTC)


class Action(enum.StrEnum):
    """What became of a file."""

    IMPORTED = "imported"
    HISTORY = "history"
    SKIPPED = "skipped"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file.

    Args:
        source: The file, as it was found.
        action: Imported as the newest of its target, into the history, skipped or broken.
        reason: Why, or what it is; one line that names the place where the file is broken.
        path: Where it lies in the store, if it does.
        kept: Where the profile that it replaced lies now.
        model: Full model id, where the file says so.
        harness: Harness name, likewise.
        line: Line at fault, from 1, of a broken file.
        field: Field at fault, in dots.
    """

    source: Path
    action: Action
    reason: str
    path: Path | None = None
    kept: Path | None = None
    model: str | None = None
    harness: str | None = None
    line: int | None = None
    field: str | None = None


def import_profiles(source: Path, store: ProfileStore, *, force: bool = False) -> Iterator[Imported]:
    """Take every profile below a folder, or one file, into a store.

    Profiles are files called ``latest.json``, ``partial.json`` or ``v_*.json``; a file that is named itself
    may be called anything. Of several for one target the newest complete one becomes ``latest.json`` and
    the others its history. Links to folders are not followed. A broken file is reported and the rest goes on.

    Args:
        source: The folder or file.
        store: Where they go.
        force: Replace what is stored, whatever its age and origin; it stays as ``v_<stamp>.json``.

    Yields:
        What became of each file, as it happens.

    Raises:
        UsageError: There is nothing at ``source``, or no file that could be a profile.
        InfrastructureError: The store cannot be written; what was reported before is done.
    """
    found = _find(source)
    groups: dict[Path, list[ProfileFile]] = {}
    sidecars = [path for path in found.files if path.name == _SIDECAR]
    yield from found.problems
    for path in found.files:
        if path.name == _SIDECAR:
            continue
        try:
            file = open_profile(path)
            folder = _folder(file, store)
        except ProfileFileError as error:
            yield _broken(error)
        else:
            groups.setdefault(folder, []).append(file)
    if not (found.files or found.problems):
        raise UsageError(
            f"{source}: no profile below it",
            help="profiles are files called latest.json or v_<stamp>.json, in <harness>/<model>/",
        )
    used: set[Path] = set()
    for folder in sorted(groups):
        yield from _import_target(folder, groups[folder], used, force=force)
    for path in sidecars:
        if path not in used:
            yield _import_sidecar(path, store)


@dataclass(frozen=True, slots=True)
class _Found:
    files: tuple[Path, ...]
    problems: tuple[Imported, ...] = ()


def _is_profile_name(name: str) -> bool:
    return name in ("latest.json", "partial.json") or (name.startswith("v_") and name.endswith(".json"))


def _find(source: Path) -> _Found:
    """Candidates in a stable order; what cannot be entered is a problem of its own."""
    if not source.is_dir():
        if not os.path.lexists(source):
            raise UsageError(
                f"{source}: no such file or folder", help="name a folder of profiles, or one file"
            )
        return _Found((source,))
    files: list[Path] = []
    problems: list[Imported] = []

    def closed(error: OSError) -> None:
        problems.append(Imported(Path(error.filename), Action.BROKEN, f"{error.filename}: {error.strerror}"))

    for place, folders, names in os.walk(source, onerror=closed):
        folder = Path(place)
        for name in sorted(folders):
            if _is_profile_name(name):
                # Told as broken when it is read, and not entered.
                files.append(folder / name)
            elif (folder / name).is_symlink():
                problems.append(
                    Imported(folder / name, Action.SKIPPED, "a link to a folder; links are not followed")
                )
        folders[:] = sorted(name for name in folders if not _is_profile_name(name))
        files += [folder / name for name in sorted(names) if _is_profile_name(name) or name == _SIDECAR]
    return _Found(tuple(files), tuple(problems))


def _folder(file: ProfileFile, store: ProfileStore) -> Path:
    """Where a profile belongs; refuses what could not be used."""
    profile = file.profile
    if moment_of(profile) is None:
        raise file.fault("profiledAt", f"{profile.profiled_at!r} is not an ISO time stamp")
    if not profile.capabilities:
        raise file.fault("capabilities", "holds no level")
    try:
        return store.folder(profile.model, profile.harness)
    except UsageError as error:
        raise file.fault(
            "model" if error.message.startswith("model id") else "harness", error.message
        ) from error


def _broken(error: ProfileFileError) -> Imported:
    return Imported(error.path, Action.BROKEN, error.message, line=error.line, field=error.field)


def _rank(file: ProfileFile) -> tuple[bool, datetime, bool]:
    profile = file.profile
    return (not profile.is_partial, moment_of(profile) or _NO_MOMENT, file.path.name == "latest.json")


def _import_target(
    folder: Path, files: list[ProfileFile], used: set[Path], *, force: bool
) -> Iterator[Imported]:
    """One target: its newest complete profile first, then the others into the history."""
    newest, *older = sorted(files, key=_rank, reverse=True)
    stored = _Stored.read(folder / "latest.json")
    why_not = stored.why_keep(newest.profile, force=force)
    if why_not is None:
        yield _put_newest(folder, newest, stored, used)
    else:
        if stored.profile == newest.profile:
            used.add(newest.path.parent / _SIDECAR)
        yield _told(newest, Action.SKIPPED, why_not)
    for file in older:
        if file.profile == newest.profile:
            yield _told(file, Action.SKIPPED, f"the same profile as {newest.path}")
        elif file.profile.is_partial:
            yield _told(file, Action.SKIPPED, "partial, and there is a complete one")
        elif why_not is not None and stored.profile != newest.profile:
            yield _told(file, Action.SKIPPED, f"older than {newest.path}, which was skipped")
        else:
            yield _told(file, Action.HISTORY, "an older profile", path=_put_history(folder, file))


def _told(file: ProfileFile, action: Action, reason: str, *, path: Path | None = None) -> Imported:
    profile = file.profile
    return Imported(file.path, action, reason, path=path, model=profile.model, harness=profile.harness)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What lies in the store for a target: nothing, a profile, or something broken."""

    path: Path
    file: ProfileFile | None = None
    error: ProfileFileError | None = None

    @classmethod
    def read(cls, path: Path) -> _Stored:
        if not os.path.lexists(path):
            return cls(path)
        try:
            return cls(path, file=open_profile(path))
        except ProfileFileError as error:
            return cls(path, error=error)

    @property
    def profile(self) -> Profile | None:
        return self.file.profile if self.file else None

    def why_keep(self, incoming: Profile, *, force: bool) -> str | None:
        """Why the stored one stays, ``None`` where it gives way."""
        if self.error is not None:
            return None if force else f"the stored one is broken ({self.error.message}); --force replaces it"
        stored = self.profile
        if stored is None:
            return None
        if stored == incoming:
            return "is there already"
        why = None if force else _why_better(stored, incoming)
        return why and f"{why}; --force replaces it"


def _why_better(stored: Profile, incoming: Profile) -> str | None:
    # Only what we measure says what it set out to measure.
    if stored.requested is not None and incoming.requested is None:
        return "the stored one was measured by skvm"
    if stored.is_partial != incoming.is_partial:
        return None if stored.is_partial else "partial, and the stored one is complete"
    if (moment_of(stored) or _NO_MOMENT) >= (moment_of(incoming) or _NO_MOMENT):
        return f"the stored one is not older ({stored.profiled_at})"
    return None


def _put_newest(folder: Path, file: ProfileFile, stored: _Stored, used: set[Path]) -> Imported:
    """Replace a target's newest profile; a kill between any two steps leaves whole files and loses none."""
    kept = _keep(folder, stored)
    if not file.profile.is_partial:
        _put_history(folder, file)
    beside = file.path.parent / _SIDECAR
    reports = _reports(beside)
    if reports is not None and reports.belongs_to(file.profile):
        write_whole(folder / _SIDECAR, reports.data)
        used.add(beside)
    elif (folder / _SIDECAR).exists():
        # Reports of an older profile beside a newer one would mislead.
        none = {"profiledAt": file.profile.profiled_at, "reports": {}}
        write_whole(folder / _SIDECAR, json.dumps(none, indent=2).encode() + b"\n")
    write_whole(folder / "latest.json", file.data.removeprefix(_BOM))
    reason = "partial" if file.profile.is_partial else f"measured {file.profile.profiled_at}"
    profile = file.profile
    return Imported(
        file.path,
        Action.IMPORTED,
        reason,
        path=folder / "latest.json",
        kept=kept,
        model=profile.model,
        harness=profile.harness,
    )


def _keep(folder: Path, stored: _Stored) -> Path | None:
    """Put what is about to be replaced into the history, or out of the way where it is broken."""
    if stored.file is not None:
        return _put_history(folder, stored.file)
    if stored.error is None:
        return None
    aside = folder / f"broken_{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.json"
    try:
        return stored.path.rename(aside)
    except OSError as error:
        raise InfrastructureError(f"{stored.path}: cannot be moved away: {error.strerror}") from error


def _put_history(folder: Path, file: ProfileFile) -> Path:
    """Write a profile into the history under its stamp, beside another one of the same second."""
    first = folder / history_name(moment_of(file.profile) or datetime.now(UTC))
    path, number = first, 2
    while os.path.lexists(path):
        there = _Stored.read(path).profile
        if there == file.profile:
            return path
        path, number = first.with_name(f"{first.stem}-{number}.json"), number + 1
    write_whole(path, file.data.removeprefix(_BOM))
    return path


@dataclass(frozen=True, slots=True)
class _Reports:
    """Failure reports and the profile they say they belong to."""

    data: bytes
    profiled_at: str | None

    def belongs_to(self, profile: Profile) -> bool:
        return self.profiled_at in (None, profile.profiled_at)


def _reports(path: Path) -> _Reports | None:
    """The failure reports of a file, ``None`` where it holds none."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return None
        data = path.read_bytes().removeprefix(_BOM)
        value = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("reports"), dict):
        return None
    stamp = value.get("profiledAt")
    return _Reports(data, stamp if isinstance(stamp, str) else None)


def _import_sidecar(path: Path, store: ProfileStore) -> Imported:
    """Failure reports without their profile beside them: the stored one of that folder may be theirs."""
    reports = _reports(path)
    if reports is None:
        return Imported(
            path, Action.BROKEN, f"{path}: reports: not a file of failure reports", field="reports"
        )
    folder = store.root / path.absolute().parent.parent.name / path.absolute().parent.name
    stored = _Stored.read(folder / "latest.json").profile
    if stored is None or reports.profiled_at != stored.profiled_at:
        return Imported(path, Action.SKIPPED, "failure reports of no profile that is stored")
    if _reports(folder / _SIDECAR) is not None:
        return Imported(path, Action.SKIPPED, "the stored profile has failure reports already")
    write_whole(folder / _SIDECAR, reports.data)
    return Imported(
        path,
        Action.IMPORTED,
        "failure reports",
        path=folder / _SIDECAR,
        model=stored.model,
        harness=stored.harness,
    )
