"""What a process holds: memory, descriptors, threads, processes, temporary files; now, and at most."""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from skvm.harness.confine.inside.tree import descendants

__all__ = ["Holdings", "Sampler"]

_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is held.

    Args:
        rss_mb: Resident memory: what is held, and what the allocators keep in pieces.
        blocks: Blocks of memory that Python objects hold; what leaks in Python shows here to the piece.
        descriptors: Open ones.
        threads: Of the interpreter.
        processes: Descendants that live.
        temporary: Entries of the folders for temporary files.
    """

    rss_mb: float
    blocks: int
    descriptors: int
    threads: int
    processes: int
    temporary: int


class Sampler:
    """Looks at this process, now and again, or when it is told to.

    Args:
        folders: Where temporary files lie.
        spare: Processes that are not counted.
    """

    def __init__(self, folders: tuple[Path, ...], spare: Callable[[], set[int]]) -> None:
        self._folders, self._spare = folders, spare
        self._peak: dict[str, float] = {}
        self._over = threading.Event()

    @property
    def peak(self) -> Holdings:
        """The most of each that was ever seen."""
        return Holdings(**self._peak)  # type: ignore[arg-type]

    def look(self) -> Holdings:
        """What is held now; garbage is collected before."""
        gc.collect()
        return self._look()

    def settled(self, like: Holdings | None, patience_s: float = 10.0) -> Holdings:
        """What is held once it is no more than before, or patience has ended: threads take a moment to go."""
        found = self.look()
        for _ in range(int(patience_s / 0.1)):
            if like is None or all(
                getattr(found, name) <= getattr(like, name)
                for name in ("descriptors", "threads", "processes", "temporary")
            ):
                break
            self._over.wait(0.1)
            found = self.look()
        return found

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look again and again, for the peaks."""
        watcher = threading.Thread(target=self._watch, name="sampler", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._over.set()
            watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            self._look()

    def _look(self) -> Holdings:
        held = Holdings(
            rss_mb=int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6,
            blocks=sys.getallocatedblocks(),
            descriptors=len(list(Path("/proc/self/fd").iterdir())) - 1,
            threads=threading.active_count(),
            processes=len(set(descendants(os.getpid())) - self._spare()),
            temporary=sum(len(list(folder.iterdir())) for folder in self._folders),
        )
        for name, value in asdict(held).items():
            self._peak[name] = max(self._peak.get(name, 0), value)
        return held
