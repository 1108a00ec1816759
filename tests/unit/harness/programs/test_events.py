"""Events of programs, read line by line."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from skvm.harness.programs.events import as_count, as_mapping, as_text, read_events


def test_objects_are_yielded_and_all_else_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b'hello\n{"a": 1}\n[1]\n{broken\n\xff\n  {"b": "\xff"}\n{"b": 2}\r\n{"c": 3}')
    assert list(read_events(path)) == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_a_file_that_is_not_there_has_no_events(tmp_path: Path) -> None:
    assert list(read_events(tmp_path / "none")) == []


def test_a_line_that_is_too_long_is_passed_over_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text('{"a": 1}\n{"long": "' + "x" * 100 + '{"inner": 1}"}\n{"b": 2}\n')
    assert list(read_events(path, max_line_bytes=20)) == [{"a": 1}, {"b": 2}]


def test_nesting_without_end_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text('{"a": ' * 200_000 + '\n{"b": 2}\n')
    assert list(read_events(path)) == [{"b": 2}]


def test_a_large_transcript_does_not_grow_memory(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("wb") as file:
        for number in range(40_000):
            file.write(b'{"number": %d, "text": "%s"}\n' % (number, b"x" * 1_000))
    tracemalloc.start()
    count = sum(1 for _ in read_events(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 40_000
    assert peak < 1 << 20


@pytest.mark.parametrize(
    ("value", "count"),
    [(3, 3), (2.0, 2), (-1, 0), ("3", 0), (None, 0), (True, 0), (float("nan"), 0), (1e300, 0)],
)
def test_counts(value: object, count: int) -> None:
    assert as_count(value) == count


def test_what_is_of_another_type_is_empty() -> None:
    assert as_mapping({"a": 1}) == {"a": 1}
    assert as_mapping([1]) == {}
    assert as_text("a") == "a"
    assert as_text(1) == ""
