"""``skvm.lock``: the builds of a skill and the answers they need, so that any machine can repeat them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from skvm.compiler.builds.build import build_key, json_digest
from skvm.compiler.builds.faults import SKV284, SKV285
from skvm.compiler.builds.variant import json_bytes
from skvm.errors import FindingsError

__all__ = ["LOCK_NAME", "Lock", "LockedBuild", "disagreements", "read_lock", "record_build", "target_name"]

LOCK_NAME = "skvm.lock"
_LARGEST = 64 << 20


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class LockedBuild(_Record):
    """One build of the skill.

    Args:
        build_key: The key of the build.
        inputs: What it is made from, as ``BuildInputs.record`` gives it.
        answers: Digests of the recorded answers it uses, by key.
        variant: Digest of the compiled skill.
    """

    build_key: str
    inputs: dict[str, Any]
    answers: dict[str, str] = Field(default_factory=dict)
    variant: str


class Lock(_Record):
    """All builds of one skill.

    Args:
        schema_version: The form of the file.
        targets: Builds by target and passes.
        answers: The recorded answers, by key; JSON values.
        digest: Of all the rest.
    """

    schema_version: int = Field(default=1, alias="schema", ge=1, le=1)
    targets: dict[str, LockedBuild] = Field(default_factory=dict)
    answers: dict[str, Any] = Field(default_factory=dict)
    digest: str = ""


def target_name(harness: str, model: str, tag: str) -> str:
    """What a build is called in the lock."""
    return f"{harness} {model} {tag}"


def read_lock(path: Path) -> Lock:
    """Read a lock; one that is not there is empty.

    Raises:
        FindingsError: It cannot be read as a lock.
    """
    try:
        # A pipe would be waited for without end.
        if path.exists() and not path.is_file():
            raise _no_lock(path, "not a lock: not a regular file")
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        raise _no_lock(path, f"cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST:
        raise _no_lock(path, f"not a lock: larger than {_LARGEST >> 20} MiB")
    try:
        lock = Lock.model_validate(json.loads(data))
        # An escape may stand for half a character, which no file of ours can hold.
        lock_bytes(lock)
        return lock
    except (ValueError, RecursionError) as error:
        raise _no_lock(path, f"not a lock: {_first(error)}") from error


def _no_lock(path: Path, what: str) -> FindingsError:
    return FindingsError(
        f"{SKV285.code}: {path}: {what}", help="move it away; the next compile writes a new one"
    )


def _first(error: ValueError | RecursionError) -> str:
    """What is wrong, and with which key."""
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return ": ".join(part for part in (".".join(map(str, found["loc"])), found["msg"]) if part)
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def record_build(path: Path, name: str, build: LockedBuild, answers: Mapping[str, Any]) -> bool:
    """Put a build into a lock; answers no build needs any more go.

    Args:
        path: The lock, beside ``SKILL.md``.
        name: As ``target_name`` gives it.
        build: The build.
        answers: The recorded answers it uses, by key.

    Returns:
        Whether the file changed.

    Raises:
        OSError: It cannot be written; the old one is as it was.
        FindingsError: The old one cannot be read.
    """
    with _alone(path.parent):
        old = read_lock(path)
        targets = {**old.targets, name: build}
        needed = {key for found in targets.values() for key in found.answers}
        known = {**old.answers, **answers}
        lock = Lock(
            targets={key: targets[key] for key in sorted(targets)},
            answers={key: known[key] for key in sorted(needed & set(known))},
        )
        data = lock_bytes(lock)
        if path.is_file() and path.read_bytes() == data:
            return False
        _replace(path, data)
        return True


def lock_bytes(lock: Lock) -> bytes:
    """The bytes of a lock: keys sorted, the same for the same builds; it vouches for itself."""
    value = lock.model_dump(mode="json", by_alias=True, exclude={"digest"})
    bare = json.loads(json.dumps(value, sort_keys=True))
    return json_bytes({**bare, "digest": json_digest(bare)})


def disagreements(name: str, build: LockedBuild, lock: Lock) -> list[str]:
    """What is wrong with one entry by itself: its key, and the answers it names."""
    found = []
    if build_key(build.inputs, build.answers) != build.build_key:
        found.append(f"{name}: the key is not that of the inputs")
    for key, digest in sorted(build.answers.items()):
        if key not in lock.answers:
            found.append(f"{name}: the answer {key} is missing")
        elif json_digest(lock.answers[key]) != digest:
            found.append(f"{name}: the answer {key} is not the one that was recorded")
    return found


def check_frozen(name: str, inputs: Mapping[str, Any], lock: Lock, path: Path) -> LockedBuild:
    """The locked build that a frozen compile must give.

    Raises:
        FindingsError: There is none, or it is made from something else.
    """
    locked = lock.targets.get(name)
    if locked is None:
        raise _differs(f"{path} holds no build for {name}")
    if differing := sorted(key for key in inputs if locked.inputs.get(key) != inputs[key]):
        raise _differs(f"the build for {name} is not the one in {path}: {', '.join(differing)} differ")
    if wrong := disagreements(name, locked, lock):
        raise _differs(f"{path}: {wrong[0]}")
    return locked


def check_outcome(locked: LockedBuild, key: str, variant: str, path: Path) -> None:
    """Whether a frozen compile gave what the lock says.

    Raises:
        FindingsError: It used other answers, or made something else of the same inputs.
    """
    if key != locked.build_key:
        raise _differs(f"the build used other answers than {path} holds")
    if variant != locked.variant:
        raise _differs(f"the build gave another variant than {path} says")


def _differs(message: str) -> FindingsError:
    return FindingsError(
        f"{SKV284.code}: {message}", help="compile without --frozen to bring the lock up to date"
    )


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder against others that write the lock; no file appears for it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes) -> None:
    # Whoever reads the bundle meanwhile must not take this for a file of it: such names never are.
    scratch = path.with_name(f".{LOCK_NAME}.bak.{os.getpid()}")
    try:
        with scratch.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


__all__ += ["check_frozen", "check_outcome", "lock_bytes"]
