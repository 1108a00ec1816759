"""What a directory of a step's own costs: copying it, finding what was changed, merging it, removing it.

``python -m benchmarks.plan.branches [FOLDER]``; times are medians in milliseconds, of directories in FOLDER
(default: the system's for temporary files).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from shutil import rmtree
from time import perf_counter, sleep

import anyio

from skvm.runtime.plan.branching import Branch, Branches
from skvm.runtime.plan.model import Node

FILES = (10, 1_000, 10_000)
SIZE_BYTES = 2_000
CHANGED = 10
_A_FOLDER = 100


def lay(base: Path, files: int) -> None:
    """So many files of text, a hundred a folder."""
    for number in range(files):
        folder = base / f"part-{number // _A_FOLDER:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}.txt").write_text(f"{number:05} " * (SIZE_BYTES // 6))


async def measure(base: Path, scratch: Path, rounds: int) -> list[float]:
    """Median milliseconds of making, merging and removing a branch in which ten files are changed.

    All stand at once: where many files were just removed, ext4 makes new ones at a tenth of its speed.
    """
    branches = Branches(base, scratch)
    made, merged, removed = [], [], []
    open_ones = []
    for number in range(rounds):
        began = perf_counter()
        forking = branches.fork(Node(f"{number}", writes=(f"out-{number}-*",)))
        open_ones.append((forking, await forking.__aenter__()))
        made.append(perf_counter() - began)
    for number, (forking, branch) in enumerate(open_ones):
        change(branch, number)
        began = perf_counter()
        assert (await branches.merge(branch)).is_merged
        merged.append(perf_counter() - began)
        began = perf_counter()
        await forking.__aexit__(None, None, None)
        removed.append(perf_counter() - began)
    return [statistics.median(times) * 1000 for times in (made, merged, removed)]


def change(branch: Branch, number: int) -> None:
    """Write ten files of its own."""
    for place in range(CHANGED):
        (branch.work_dir / f"out-{number}-{place}.txt").write_text(f"{number} {place}")


def main() -> None:
    """Print the table."""
    place = Path(tempfile.mkdtemp(dir=sys.argv[1] if len(sys.argv) > 1 else None))
    try:
        print(f"{'files':>7} {'fork':>9} {'merge':>9} {'remove':>9} {'all':>9}   ms, median")
        for files in FILES:
            base = place / f"base-{files}"
            lay(base, files)
            sleep(0.1)  # what was written just now is read again to be sure
            times = anyio.run(measure, base, place / "scratch", 9 if files <= 1_000 else 5)
            print(f"{files:>7,}", *(f"{time:>9.1f}" for time in (*times, sum(times))))
    finally:
        rmtree(place)


if __name__ == "__main__":
    main()
