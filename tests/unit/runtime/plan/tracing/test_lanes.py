"""Rows of a timeline."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skvm.runtime.plan.tracing.lanes import Block, rows_of

SPANS = st.tuples(st.integers(0, 40), st.integers(0, 12))


def blocks(*, most_high: int) -> st.SearchStrategy[list[Block]]:
    one = st.builds(
        lambda span, height: Block(float(span[0]), float(sum(span)), height), SPANS, st.integers(1, most_high)
    )
    return st.lists(one, max_size=40)


def overlap(one: Block, other: Block) -> bool:
    return one.start_s < other.free_at_s and other.start_s < one.free_at_s


@given(blocks(most_high=4))
def test_no_two_that_overlap_share_a_row(given: list[Block]) -> None:
    rows = [set(range(row, row + block.height)) for row, block in zip(rows_of(given), given, strict=True)]
    for at, one in enumerate(given):
        for other in range(at):
            assert not (overlap(one, given[other]) and rows[at] & rows[other])


@given(blocks(most_high=1).filter(bool))
def test_no_more_rows_are_used_than_stand_at_once(given: list[Block]) -> None:
    at_once = max(
        sum(block.start_s <= moment.start_s < block.free_at_s for block in given) for moment in given
    )
    assert max(rows_of(given)) + 1 == at_once


def test_one_after_the_other_stand_in_one_row() -> None:
    assert rows_of([Block(0, 1), Block(1, 2), Block(2, 2), Block(3, 4)]) == [0, 0, 0, 0]


def test_a_block_of_several_rows_finds_a_gap_that_is_high_enough() -> None:
    given = [Block(0, 1), Block(0, 9), Block(0, 1), Block(0, 1), Block(2, 3, height=2), Block(2, 3)]
    assert rows_of(given) == [0, 1, 2, 3, 2, 0]
