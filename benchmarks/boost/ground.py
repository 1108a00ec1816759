"""Folders laid out, steps taken in them, and what is left: by the benchmark and, as a program, in a cell.

Standard library only: ``python3 -I ground.py BATCH RESULTS`` reads steps, one JSON object a line, and takes
one after the other, so that a cell serves many with one command.
"""
# ruff: noqa: PTH102, PTH103, PTH112, PTH115, PTH118, PTH120, PTH123, PTH207, PTH208, PTH211

from __future__ import annotations

import base64
import glob
import json
import os
import shutil
import stat
import subprocess
import sys

__all__ = ["BAIT", "lay", "snapshot"]

BAIT = "PWNED"
"""Names that begin so are made by nobody but a value that became code."""
TIMEOUT_S = 90


def lay(folder: str, entries: list[list[str]]) -> None:
    """Lay entries in a new folder: ``[kind, path, argument]``.

    A ``file``'s argument is its bytes in base64, a ``link``'s where it leads, a ``twin``'s (hard link) the
    other path; ``fifo`` and ``folder`` have an empty one.
    """
    os.mkdir(folder)
    for kind, path, argument in entries:
        where = os.path.join(folder, path)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        if kind == "file":
            with open(where, "wb") as file:
                file.write(base64.b64decode(argument))
        elif kind == "link":
            os.symlink(argument, where)
        elif kind == "twin":
            os.link(os.path.join(folder, argument), where)
        elif kind == "fifo":
            os.mkfifo(where)
        else:
            os.makedirs(where, exist_ok=True)


def snapshot(folder: str) -> dict[str, list[str]]:
    """Everything in a folder: kind and bytes (base64) or target by path."""
    found: dict[str, list[str]] = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                said = ["link", os.readlink(path)]
            elif stat.S_ISDIR(mode):
                said = ["folder", ""]
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    said = ["file", base64.b64encode(file.read()).decode("ascii")]
            else:
                said = ["other", str(stat.S_IFMT(mode))]
            found[os.path.relpath(path, folder)] = said
    return found


def take(step: dict[str, object]) -> dict[str, object]:
    """One step in a folder of its own, which is gone afterwards; strays are what is beside it."""
    name = str(step["name"])
    lay(name, step["entries"])  # type: ignore[arg-type]
    before = snapshot(name)
    beside, running = beside_of(), started()
    try:
        done = subprocess.run(
            ["sh", "-c", str(step["command"])],
            cwd=name,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
        )
        said = done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        said = "timed out"
    after = snapshot(name)
    strays = sorted(beside_of() - beside) + sorted(f"process {pid}" for pid in started() - running)
    shutil.rmtree(name)
    return {"name": name, "said": said[-4000:], "changed": changes(before, after), "strays": strays}


def changes(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, list[str] | None]:
    """What stands at every path that is not as it was."""
    paths = sorted({*before, *after})
    return {path: after.get(path) for path in paths if before.get(path) != after.get(path)}


def beside_of() -> set[str]:
    """Bait, and whatever else lies in the places a step could leave something."""
    places = (".", os.environ.get("TMPDIR", "/tmp"), os.environ.get("HOME", "."), "/tmp", "/dev/shm")
    found = {os.path.join(place, name) for place in places if os.path.isdir(place) for name in listed(place)}
    return found | set(glob.glob(f"*/{BAIT}*"))


def listed(place: str) -> list[str]:
    try:
        return os.listdir(place)
    except OSError:
        return []


def started() -> set[str]:
    """Processes that carry the values of a step."""
    found = set()
    for name in filter(str.isdigit, listed("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                is_one = b"SKVM_BOOST_PARAMS=" in file.read()
        except OSError:
            continue
        if is_one:
            found.add(name)
    return found


def main() -> None:
    batch, results = sys.argv[1:]
    with open(batch, encoding="utf-8") as steps, open(results, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(take(json.loads(line))) + "\n" for line in steps)


if __name__ == "__main__":
    main()
