"""The chores whose templates are put to the test."""

from __future__ import annotations

from benchmarks.boost.json_chores import CONFIG, FILTER
from benchmarks.boost.table_chores import MONTHS, SUMS, TOP
from benchmarks.boost.text_chores import LETTER, LEVELS, SEARCH, UNIQUE

__all__ = ["FAMILIES"]

FAMILIES = (SUMS, LEVELS, UNIQUE, FILTER, CONFIG, LETTER, TOP, MONTHS, SEARCH)
