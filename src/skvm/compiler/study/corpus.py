"""Many skills at once: studied by as many processes as there are cores, told in the order they were named."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from skvm.compiler.study.skill_study import SkillStudy, Unreadable, study_skill

__all__ = ["PORTION", "Portion", "study_corpus"]

PORTION = 16
"""Skills a process takes at once."""
_WORTH_PROCESSES = 64
"""Below so many skills the processes would start longer than they work."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Some skills of a corpus, studied."""

    studies: tuple[SkillStudy, ...]
    unreadable: tuple[Unreadable, ...]


def _usable_processors() -> int:
    # Not every system says which of them are this process's.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def study_corpus(files: Sequence[Path], *, jobs: int | None = None) -> Iterator[Portion]:
    """Study skills, a portion at a time.

    Args:
        files: Their ``SKILL.md`` files.
        jobs: Processes, ≥ 1; as many as this process may use cores if ``None``.
    """
    portions = [tuple(files[start : start + PORTION]) for start in range(0, len(files), PORTION)]
    workers = min(jobs or _usable_processors(), len(portions))
    if workers <= 1 or len(files) < _WORTH_PROCESSES:
        yield from map(_study, portions)
        return
    # A fresh interpreter each: threads of a progress display do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield from pool.map(_study, portions)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _study(files: tuple[Path, ...]) -> Portion:
    # Skills leave next to no cycles behind; looking for them after every few hundred nodes costs a tenth.
    gc.disable()
    try:
        found = [study_skill(file) for file in files]
    finally:
        gc.enable()
    return Portion(
        tuple(each for each in found if isinstance(each, SkillStudy)),
        tuple(each for each in found if isinstance(each, Unreadable)),
    )
