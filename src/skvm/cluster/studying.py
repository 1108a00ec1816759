"""Many skills studied on many nodes: their bytes go out, findings come back, as if they were read here.

Only what can be sent as plain files and folders is: a skill with links, unreadable files or a great deal of
bytes is studied in this process, and so is one that a worker could not read, for the words of the error.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import Any

import anyio
import anyio.to_thread

from skvm.cluster.fleet import Fleet
from skvm.cluster.lane import LaneLostError
from skvm.cluster.shipping import pack, unpack
from skvm.compiler.study.corpus import PORTION, Portion
from skvm.compiler.study.kind import Kind
from skvm.compiler.study.skill_study import SkillStudy, Unreadable, study_skill
from skvm.errors import InfrastructureError
from skvm.target.contract import Level

__all__ = ["study_here", "study_there"]

LOSSES = 3
"""Workers a portion may lose before it is studied in this process."""
MOST_BYTES = 16 << 20
"""Of one skill that is sent."""
MOST_FILES = 2_000


async def study_there(
    files: Sequence[Path], fleet: Fleet, on_portion: Callable[[Portion], None] = lambda _: None
) -> tuple[Portion, ...]:
    """Study skills on workers; portions come back in the order of the files.

    Args:
        files: Their ``SKILL.md`` files.
        fleet: The workers.
        on_portion: Told of each portion as it is done, in any order.

    Raises:
        InfrastructureError: No worker comes up.
    """
    portions = [tuple(files[start : start + PORTION]) for start in range(0, len(files), PORTION)]
    found: dict[int, Portion] = {}
    waiting = iter(range(len(portions)))

    async def work() -> None:
        for index in waiting:
            found[index] = await _studied(portions[index], fleet)
            on_portion(found[index])

    async with anyio.create_task_group() as group:
        for _ in range(min(len(portions), fleet.wanted * fleet.slots)):
            group.start_soon(work)
    return tuple(found[index] for index in range(len(portions)))


async def _studied(files: tuple[Path, ...], fleet: Fleet) -> Portion:
    sent = await anyio.to_thread.run_sync(_packed, files)
    answers: list[Any] = [None] * len(files)
    for _ in range(LOSSES):
        member = await fleet.take()
        is_made = False
        try:
            answers = json.loads(await member.ask("study", sent))
            is_made = True
            break
        except LaneLostError:
            fleet.lost(member)
        except InfrastructureError:
            # Its disk is full, as a rule; ours may do.
            break
        finally:
            fleet.give_back(member, is_made=is_made)
    return await anyio.to_thread.run_sync(_portion, files, answers)


def _portion(files: tuple[Path, ...], answers: list[Any]) -> Portion:
    """What was found of each; what nobody could say is looked at here."""
    found = [
        study_skill(file) if answer is None else _study(answer, file)
        for file, answer in zip(files, answers, strict=True)
    ]
    return Portion(
        tuple(each for each in found if isinstance(each, SkillStudy)),
        tuple(each for each in found if isinstance(each, Unreadable)),
    )


def _study(answer: dict[str, Any], file: Path) -> SkillStudy:
    plain: dict[str, Any] = {
        name: tuple(each) if isinstance(each, list) else each for name, each in answer.items()
    }
    levels = {name: Level(level) for name, level in plain["levels"].items()}
    return replace(SkillStudy(**plain), path=str(file), kind=Kind(plain["kind"]), levels=levels)


def _packed(files: tuple[Path, ...]) -> bytes:
    """The skills of a portion: names and sizes first, bytes behind them."""
    listed: list[dict[str, Any] | None] = []
    data: list[bytes] = []
    for file in files:
        taken = _taken(file)
        listed.append(None if taken is None else taken[0])
        data += taken[1] if taken is not None else []
    return pack(json.dumps(listed).encode(), data)


def _taken(file: Path) -> tuple[dict[str, Any], list[bytes]] | None:
    """One skill, ``None`` where it cannot be sent."""
    root = Path(os.path.abspath(file.parent))  # noqa: PTH100 - lexical, as a skill's id is
    entries: list[list[Any]] = []
    data: list[bytes] = []
    try:
        if not (root.name and root.parent.name) or file.is_symlink():
            return None
        for parent, folders, names in os.walk(root):
            place = Path(parent)
            if any((place / name).is_symlink() for name in [*folders, *names]):
                return None
            entries += [[(place / name).relative_to(root).as_posix(), -1, 0] for name in folders]
            for name in names:
                path = place / name
                status = path.stat()
                is_odd = not path.is_file() or not status.st_mode & 0o400
                if is_odd or status.st_size + sum(map(len, data)) > MOST_BYTES or len(entries) > MOST_FILES:
                    return None
                data.append(path.read_bytes())
                entries.append([path.relative_to(root).as_posix(), len(data[-1]), status.st_mode & 0o777])
        json.dumps(entries).encode()
    except (OSError, UnicodeEncodeError):
        return None
    return {"folder": [root.parent.name, root.name], "file": file.name, "entries": entries}, data


def study_here(sent: bytes, folder: Path) -> str:
    """The worker's side: study what was sent; a JSON list, ``null`` for what could not be studied. Blocks.

    Raises:
        InfrastructureError: It cannot be laid out.
    """
    head, rest = unpack(sent)
    found: list[dict[str, Any] | None] = []
    scratch = Path(tempfile.mkdtemp(prefix="study-", dir=folder))
    at = 0
    try:
        for number, listed in enumerate(json.loads(head)):
            if listed is None:
                found.append(None)
                continue
            root = scratch.joinpath(str(number), *listed["folder"])
            root.mkdir(parents=True)
            for name, size, mode in listed["entries"]:
                path = root / PurePosixPath(name)
                if size < 0:
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(rest[at : at + size])
                path.chmod(mode)
                at += size
            study = study_skill(root / listed["file"])
            found.append(asdict(study) if isinstance(study, SkillStudy) else None)
    except OSError as error:
        raise InfrastructureError(f"{error.filename}: cannot be laid out: {error.strerror}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return json.dumps(found)
