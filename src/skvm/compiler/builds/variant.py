"""Variants on disk: where they lie, how they appear whole or not at all, when one is complete."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from skvm.compiler.builds.faults import SKV282, SKV283
from skvm.errors import InfrastructureError, UsageError
from skvm.harness.contract import path_name
from skvm.skill.emit import emit_skill
from skvm.skill.ir import Skill
from skvm.target.store import safe_model

__all__ = ["RESERVED", "is_complete", "json_bytes", "variant_dir", "variant_lock", "write_variant"]

RESERVED = frozenset({"compilation-plan.json", "meta.json", "proof.json"})
"""Names in a variant that are ours; ``_artifacts/`` is too."""


def variant_dir(proposals_dir: Path, *, harness: str, model: str, skill_id: str, tag: str) -> Path:
    """``<proposals>/aot-compile/<harness>/<model>/<skill>/<tag>``."""
    for name, what in ((harness, "harness"), (skill_id, "skill id")):
        if not name.strip(". ") or "/" in name or not name.isprintable():
            raise UsageError(f"{what} {name!r} cannot name a directory")
    return proposals_dir / "aot-compile" / path_name(harness) / safe_model(model) / skill_id / tag


def is_complete(variant: Path) -> bool:
    """Whether a folder is a whole variant: its ``SKILL.md``, its plan, and ``meta.json``, written last."""
    try:
        meta = json.loads((variant / "meta.json").read_bytes())
        return (
            isinstance(meta, dict)
            and meta.get("schema") == 1
            and (variant / "SKILL.md").is_file()
            and isinstance(json.loads((variant / "compilation-plan.json").read_bytes()), dict)
        )
    except (OSError, ValueError, RecursionError):
        return False


def json_bytes(value: Any) -> bytes:
    """JSON as we write it: keys in the order given, two blanks, a line end."""
    return to_json(value, indent=2) + b"\n"


@contextlib.contextmanager
def variant_lock(variant: Path) -> Iterator[None]:
    """Hold a variant against other compiles; the lock of a process that is gone is taken over.

    Raises:
        InfrastructureError: Another process compiles this variant now, or the disk refuses.
    """
    path = variant.parent / f".{variant.name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _take(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _take(path: Path) -> None:
    # The lock appears under its name with its content in one step, so nobody ever reads an empty one.
    descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.{os.getpid()}.")
    try:
        os.write(descriptor, str(os.getpid()).encode())
        os.close(descriptor)
        for _ in range(3):
            try:
                os.link(made, path)
            except FileExistsError:
                holder = _holder(path)
                if holder is not None:
                    raise InfrastructureError(
                        f"{SKV282.code}: {path.parent}: process {holder} compiles this variant now",
                        help="wait for it to end, then run the command again",
                    ) from None
                path.unlink(missing_ok=True)
            else:
                return
        raise InfrastructureError(
            f"{SKV282.code}: {path}: others keep taking this lock", help="run the command again"
        )
    finally:
        Path(made).unlink(missing_ok=True)


def _holder(path: Path) -> int | None:
    """The living process that holds a lock."""
    try:
        pid = int(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if _lives(pid) else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def write_variant(variant: Path, skill: Skill, records: Mapping[str, bytes]) -> None:
    """Write a variant beside its place and swap it in; call it with the lock held.

    Args:
        variant: Where it shall lie; what lies there is replaced.
        skill: The compiled skill.
        records: Our own files by path; ``meta.json`` is written last.

    Raises:
        InfrastructureError: The disk refuses; the variant that lay there before still does.
        UsageError: A bundle file has changed or gone since the skill was read.
    """
    _reap(variant)
    scratch = variant.parent / f".{variant.name}.new-{os.getpid()}"
    old = variant.parent / f".{variant.name}.old-{os.getpid()}"
    try:
        emit_skill(skill, scratch)
        for path in sorted(records, key=lambda name: name == "meta.json"):
            _write(scratch / path, records[path])
        if variant.exists():
            variant.rename(old)
        try:
            scratch.rename(variant)
        except OSError:
            if old.exists():
                old.rename(variant)
            raise
    except OSError as error:
        raise _unwritable(variant, error) from error
    except InfrastructureError as error:
        # The bundle is written by others, who know nothing of variants.
        raise InfrastructureError(f"{SKV283.code}: {error.message}", help=error.help) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> InfrastructureError:
    return InfrastructureError(
        f"{SKV283.code}: {path}: cannot be written: {error.strerror or error}",
        help="free some space, or choose another place with --skvm-cache",
    )


def _reap(variant: Path) -> None:
    """Clear what a killed compile left; one that died between the two renames gets its old variant back."""
    for left in sorted(variant.parent.glob(f".{variant.name}.old-*")):
        if not variant.exists() and is_complete(left):
            left.rename(variant)
    # The last pattern is where emit_skill works before the scratch folder appears.
    for pattern in (f".{variant.name}.new-*", f".{variant.name}.old-*", f"..{variant.name}.new-*"):
        for left in variant.parent.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)
    for left in variant.parent.glob(f".{variant.name}.lock.*"):
        # Others may be about to ask for the lock that we hold: theirs stay.
        pid = left.name.removeprefix(f".{variant.name}.lock.").partition(".")[0]
        if not (pid.isdecimal() and _lives(int(pid))):
            left.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
