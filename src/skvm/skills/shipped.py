"""The skills that come with the package, as bytes and a digest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skvm.errors import UsageError

__all__ = ["MARK", "Shipped", "digest_of", "files_of", "shipped_skills"]

MARK = ".skvm-skill.json"
"""The file that says that we wrote a folder."""
_HERE = Path(__file__).resolve().parent
_NOBODYS = frozenset({".DS_Store", "__pycache__"})
"""What systems leave behind by themselves."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """A skill that came with the package.

    Args:
        name: Of its folder.
        files: Path below it, with slashes, → bytes.
        digest: Of them.
    """

    name: str
    files: Mapping[str, bytes]
    digest: str


def shipped_skills(names: Sequence[str] = ()) -> tuple[Shipped, ...]:
    """The skills asked for; all of them if none is named.

    Raises:
        UsageError: There is none of that name.
    """
    there = sorted(path.parent.name for path in _HERE.glob("*/SKILL.md"))
    if unknown := sorted(set(names) - set(there)):
        raise UsageError(f"no skill {unknown[0]!r} comes with skvm", help=f"there are: {', '.join(there)}")
    found = []
    for name in there:
        if not names or name in names:
            files = dict(files_of(_HERE / name))
            found.append(Shipped(name, files, digest_of(files)))
    return tuple(found)


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder but our mark, sorted; of a link, where it leads.

    Raises:
        OSError: Something cannot be read.
    """
    for root, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(set(folders) - _NOBODYS)
        links = [each for each in folders if Path(root, each).is_symlink()]
        for name in sorted([*names, *links]):
            path = Path(root, name)
            below = path.relative_to(folder).as_posix()
            if below == MARK or name in _NOBODYS:
                continue
            if path.is_symlink():
                yield below, b"-> " + os.fsencode(path.readlink())
            elif path.is_file():
                yield below, path.read_bytes()
            else:
                yield below, b"special"


def _raise(error: OSError) -> None:
    raise error


def digest_of(files: Mapping[str, bytes]) -> str:
    """One digest of names and bytes."""
    total = hashlib.sha256()
    for name, data in sorted(files.items()):
        for part in (os.fsencode(name), data):
            total.update(len(part).to_bytes(8, "big"))
            total.update(part)
    return f"sha256:{total.hexdigest()}"
