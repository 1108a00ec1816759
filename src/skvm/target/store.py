"""Profiles on disk, in the compatible layout: ``<profiles>/<harness>/<model>/``.

``latest.json`` is the newest complete profile, ``v_<stamp>.json`` its history, ``partial.json`` a
measurement under way (a checkpoint never touches ``latest.json``), ``failure-reports.json`` why probes of
the newest one failed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from skvm.errors import InfrastructureError, UsageError
from skvm.evidence.redact import Redactor
from skvm.files import replace_file
from skvm.harness.contract import path_name
from skvm.settings import Settings
from skvm.target.profile import Profile

__all__ = [
    "MAX_BYTES",
    "ProfileFile",
    "ProfileFileError",
    "ProfileStore",
    "StoredProfile",
    "history_name",
    "moment_of",
    "open_profile",
    "read_profile",
    "safe_model",
    "write_whole",
]

PREBUILT_DIR = Path(__file__).with_name("prebuilt")
PARTIAL_FAILURES = "partial-failure-reports.json"
MAX_BYTES = 64 << 20
"""A larger file is no profile, and is not read."""
_LONGEST_NAME = 240
"""Bytes of a directory name; file systems take 255, and an ``openrouter--`` may come before it."""
_MEND = "mend the file or move it away; `skvm profile` measures a new one"
_GIVE = "give the path of a profile file"
_SHAPE = "a profile is an object with version, model, harness, profiledAt and capabilities"


def safe_model(model: str) -> str:
    """A model id as a directory name: ``/`` → ``--``, ``:`` → ``_``.

    Raises:
        UsageError: Nothing, only dots, a control character, or too long for a file system.
    """
    name = model.replace("/", "--").replace(":", "_")
    if not name.strip(". ") or not name.isprintable():
        raise UsageError(f"model id {model!r} cannot name a directory", help="give <provider>/<model-id>")
    if len(name.encode()) > _LONGEST_NAME:
        raise UsageError(f"model id {model[:40]}… is too long", help=f"at most {_LONGEST_NAME} bytes")
    return name


class ProfileFileError(UsageError):
    """A profile file that cannot be read as one.

    Args:
        path: The file.
        what: What is wrong with it, without the place.
        help: The way out.
        line: The line, from 1, where that is known.
        column: The column, from 1, likewise.
        field: The field at fault, in dots, where it is one.
    """

    def __init__(
        self,
        path: Path,
        what: str,
        *,
        help: str,
        line: int | None = None,
        column: int | None = None,
        field: str | None = None,
    ) -> None:
        place = ":".join(str(part) for part in (path, line, column) if part is not None)
        super().__init__(f"{place}: {f'{field}: ' if field else ''}{what}", help=help)
        self.path, self.line, self.field, self.what = path, line, field, what


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile and the very bytes it was read from, which may hold more than we know of."""

    profile: Profile
    path: Path
    data: bytes

    def fault(self, field: str, message: str) -> ProfileFileError:
        """A fault of one of its top-level fields, with the line it stands on."""
        line = _line_of(self.data.decode("utf-8-sig"), (field,))
        return ProfileFileError(self.path, message, help=_SHAPE, line=line, field=field)


def read_profile(path: Path) -> Profile:
    """Read one profile file, ours or foreign.

    Raises:
        ProfileFileError: It is not there, not JSON or not a profile; names the file, the line or the field.
    """
    return open_profile(path).profile


def open_profile(path: Path) -> ProfileFile:
    """Read one profile file, ours or foreign, and keep its bytes.

    Raises:
        ProfileFileError: As for ``read_profile``.
    """
    data = _bytes_of(path)
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text)
    except UnicodeDecodeError as error:
        raise ProfileFileError(path, f"not UTF-8 text at byte {error.start}", help=_MEND) from error
    except json.JSONDecodeError as error:
        raise ProfileFileError(
            path, f"not JSON: {error.msg}", help=_MEND, line=error.lineno, column=error.colno
        ) from error
    except RecursionError as error:
        raise ProfileFileError(path, "nested too deeply to be a profile", help=_MEND) from error
    except ValueError as error:
        raise ProfileFileError(path, f"not a profile: {error}", help=_MEND) from error
    try:
        return ProfileFile(Profile.model_validate(value), path, data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the document"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        line = _line_of(text, first["loc"])
        raise ProfileFileError(path, first["msg"] + more, help=_SHAPE, line=line, field=field) from error


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ProfileFileError(path, f"larger than {MAX_BYTES >> 20} MB, not a profile", help=_MEND)
        # A pipe would be waited for without end.
        if not (path.is_file() or path.is_dir()):
            raise ProfileFileError(path, "not a regular file", help=_GIVE)
        return path.read_bytes()
    except OSError as error:
        raise ProfileFileError(path, error.strerror or str(error), help=_GIVE) from error


def moment_of(profile: Profile) -> datetime | None:
    """When it was measured; a stamp without a zone counts as UTC, ``None`` for one that is no time."""
    try:
        moment = datetime.fromisoformat(profile.profiled_at)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def history_name(moment: datetime) -> str:
    """The name of a profile of this moment in its target's history."""
    return f"v_{moment:%Y%m%dT%H%M%SZ}.json"


def _line_of(text: str, place: Sequence[int | str]) -> int | None:
    """The line on which the last named key of a place stands, found by walking the keys in order."""
    position = 0
    for part in place:
        if isinstance(part, str):
            found = re.compile(rf'"{re.escape(part)}"\s*:').search(text, position)
            if found is None:
                return None if position == 0 else text.count("\n", 0, position) + 1
            position = found.end()
    return text.count("\n", 0, position) + 1 if position else None


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile, the file it came from, and whether that came with the package."""

    profile: Profile
    path: Path
    is_prebuilt: bool = False


@dataclass(frozen=True, slots=True)
class ProfileStore:
    """All profiles below one directory.

    Args:
        root: ``Settings.profiles_dir``.
        prebuilt: Profiles that came with the package: they answer where the store has none of a target, and
            are never written.
        redactor: Replaces secrets in what is written: a profile quotes what a probe's agent said.
    """

    root: Path
    prebuilt: Path | None = None
    redactor: Redactor | None = None

    @classmethod
    def of(cls, settings: Settings) -> ProfileStore:
        """The store of some settings, with the profiles that came with the package."""
        return cls(settings.profiles_dir, PREBUILT_DIR, Redactor.of(settings))

    def folder(self, model: str, harness: str) -> Path:
        """Where this target's files are written."""
        harness = path_name(harness)
        is_name = harness.strip(". ") and "/" not in harness and harness.isprintable()
        if not is_name or len(harness.encode()) > _LONGEST_NAME:
            raise UsageError(f"harness name {harness[:40]!r} cannot name a directory")
        return self.root / harness / safe_model(model)

    def latest(self, model: str, harness: str) -> StoredProfile | None:
        """The newest profile, looked up with and without the provider segment.

        Ours is complete; one that the existing system left may be partial and says so.

        Raises:
            UsageError: The file is broken.
        """
        for folder in self._folders(model, harness):
            path = folder / "latest.json"
            if path.is_file():
                return StoredProfile(read_profile(path), path)
        if self.prebuilt is not None:
            path = self.prebuilt / harness / safe_model(model) / "latest.json"
            if path.is_file():
                return StoredProfile(read_profile(path), path, is_prebuilt=True)
        return None

    def partial(self, model: str, harness: str) -> StoredProfile | None:
        """The checkpoint of a measurement that was not finished."""
        path = self.folder(model, harness) / "partial.json"
        return StoredProfile(read_profile(path), path) if path.is_file() else None

    def list(self, on_broken: Callable[[UsageError], None] | None = None) -> Iterator[StoredProfile]:
        """Every newest profile, by harness and directory name, then the pre-built ones of other targets.

        Args:
            on_broken: Told of each file that is broken, which is then left out.

        Raises:
            UsageError: A file is broken, and nobody wants to be told.
        """
        seen = set()
        for path in sorted(self.root.glob("*/*/latest.json")):
            try:
                profile = read_profile(path)
            except UsageError as error:
                if on_broken is None:
                    raise
                on_broken(error)
            else:
                seen.add((profile.model, profile.harness))
                yield StoredProfile(profile, path)
        for path in sorted(self.prebuilt.glob("*/*/latest.json")) if self.prebuilt else ():
            profile = read_profile(path)
            if (profile.model, profile.harness) not in seen:
                yield StoredProfile(profile, path, is_prebuilt=True)

    @contextmanager
    def claim(self, model: str, harness: str) -> Iterator[None]:
        """Hold a target while it is measured; ends with the process, however that ends.

        Raises:
            InfrastructureError: Another process measures it, or nothing can be written here.
        """
        path = self.folder(model, harness) / "measuring.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise _unwritable(path, error) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.seek(0)
                holder = lock.read().strip() or "another process"
                raise InfrastructureError(
                    f"{model} in {harness} is being measured by {holder}",
                    help="let it end; what it measures is then known here, too",
                ) from error
            try:
                lock.truncate(0)
                # Past the file's own buffer: what a full disk did not take would be tried again on closing.
                os.write(lock.fileno(), f"process {os.getpid()}".encode())
            except OSError as error:
                raise _unwritable(path, error) from error
            yield

    def checkpoint(self, profile: Profile, failures: Mapping[str, Sequence[Mapping[str, Any]]]) -> Path:
        """Keep what has been measured so far, and its failure reports, beside the last complete profile."""
        folder = self.folder(profile.model, profile.harness)
        self._replace(folder / PARTIAL_FAILURES, _reports(profile, failures))
        return self._write(folder / "partial.json", profile)

    def partial_failures(self, model: str, harness: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The failure reports of the checkpoint, by ``primitive/level``; none where they cannot be read."""
        path = self.folder(model, harness) / PARTIAL_FAILURES
        try:
            reports = dict(json.loads(path.read_bytes())["reports"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            # They explain, they decide nothing: a measurement goes on without them.
            return {}
        return {str(place): list(more) for place, more in reports.items() if isinstance(more, list)}

    def save(self, profile: Profile, failures: Mapping[str, Sequence[Mapping[str, Any]]]) -> Path:
        """Make a complete profile the newest one; a partial one is only a checkpoint.

        Args:
            profile: What was measured.
            failures: Failure reports by ``primitive/level``.

        Returns:
            The file the profile can be read from.

        Raises:
            InfrastructureError: It cannot be written; nothing of the last profile is lost.
        """
        if profile.is_partial:
            return self.checkpoint(profile, failures)
        folder = self.folder(profile.model, profile.harness)
        self._write(folder / history_name(datetime.fromisoformat(profile.profiled_at)), profile)
        # Also when it is empty: reports of an older profile beside a newer one would mislead.
        self._replace(folder / "failure-reports.json", _reports(profile, failures))
        path = self._write(folder / "latest.json", profile)
        (folder / "partial.json").unlink(missing_ok=True)
        (folder / PARTIAL_FAILURES).unlink(missing_ok=True)
        return path

    def _folders(self, model: str, harness: str) -> tuple[Path, ...]:
        """The target's own folder, then those of the same model with another or no provider segment."""
        own = self.folder(model, harness)
        _, _, rest = model.partition("/")
        others = [own.parent / f"openrouter--{own.name}"]
        if rest:
            others.insert(0, own.parent / safe_model(rest))
        return (own, *others)

    def _replace(self, path: Path, value: Any) -> None:
        value = self.redactor.json(value) if self.redactor else value
        write_whole(path, (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode())

    def _write(self, path: Path, profile: Profile) -> Path:
        # Our optional keys are left out where they say nothing; compatible ones are always there.
        value = profile.model_dump(mode="json", by_alias=True)
        self._replace(path, _without_none(value))
        return path


def _reports(profile: Profile, failures: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    return {"profiledAt": profile.profiled_at, "reports": dict(failures)}


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def write_whole(path: Path, data: bytes) -> None:
    """Write a file of the store, whole or not at all, with the folders it needs.

    Raises:
        InfrastructureError: It cannot be written; what was there is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data, mode=0o644)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> InfrastructureError:
    return InfrastructureError(
        f"{path}: cannot be written: {error.strerror}",
        help="choose another place with --skvm-cache or SKVM_PROFILES_DIR",
    )
