"""Rows for what takes time: what overlaps stands in different rows, and as few rows as possible are used."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["LEAST_S", "Block", "rows_of"]

LEAST_S = 1e-6
"""What takes less still keeps its place for so long: two things of one moment are two things."""


@dataclass(frozen=True, slots=True)
class Block:
    """Something that keeps a place.

    Args:
        start_s: From when.
        end_s: Until when; ≥ ``start_s``.
        height: Rows it needs, next to each other, ≥ 1.
    """

    start_s: float
    end_s: float
    height: int = 1

    @property
    def free_at_s(self) -> float:
        """When its rows may be used again."""
        return max(self.end_s, self.start_s + LEAST_S)


@dataclass(slots=True)
class _Rows:
    """When each row is free again; a free row is found without looking at all of them."""

    free_at_s: list[float] = field(default_factory=list)
    busy: list[tuple[float, int]] = field(default_factory=list)
    free: list[int] = field(default_factory=list)

    def place(self, block: Block) -> int:
        while self.busy and self.busy[0][0] <= block.start_s:
            heapq.heappush(self.free, heapq.heappop(self.busy)[1])
        first = self._single(block) if block.height == 1 else self._several(block)
        for row in range(first, first + block.height):
            if row == len(self.free_at_s):
                self.free_at_s.append(0.0)
            self.free_at_s[row] = block.free_at_s
            heapq.heappush(self.busy, (block.free_at_s, row))
        return first

    def _single(self, block: Block) -> int:
        while self.free:
            row = heapq.heappop(self.free)
            # It may have been taken by a higher block since it was free.
            if self.free_at_s[row] <= block.start_s:
                return row
        return len(self.free_at_s)

    def _several(self, block: Block) -> int:
        first = 0
        for row, free_at_s in enumerate(self.free_at_s):
            if free_at_s > block.start_s:
                first = row + 1
            elif row - first + 1 == block.height:
                break
        return first


def rows_of(blocks: Sequence[Block]) -> list[int]:
    """The first row of each block, from 0; no two blocks that overlap share a row.

    Blocks take the lowest rows that are free when they begin. Where all are one row high, no fewer rows
    would do. The cost is ``n log n``, and the number of rows more for each higher block.
    """
    order = sorted(range(len(blocks)), key=lambda at: (blocks[at].start_s, at))
    rows = _Rows()
    found = [0] * len(blocks)
    for at in order:
        found[at] = rows.place(blocks[at])
    return found
