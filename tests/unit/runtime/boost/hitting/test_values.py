"""Where values come from, and what is looked at before anybody is answered."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from skvm.runtime.boost.extraction import Resolved, Unresolved, resolve
from skvm.runtime.boost.given import UnreadableError, names_in, read_given
from skvm.runtime.boost.guarding import check_inputs
from skvm.runtime.boost.inside import shapes
from skvm.runtime.boost.matching import Match
from skvm.runtime.boost.model import Check, Param, ParamType, Place, Relation, Source
from tests.unit.runtime.boost.hitting.samples import SALES, candidate, template

VALUES = {"column": "amount", "source": "sales.csv", "target": "t.json"}


def value(
    kind: str, folder: Path | None, source: Source | None = None, said: str | None = None, **more: Any
) -> Any:
    """The value of one parameter, or why there is none."""
    params = (
        Param(name="v", type=ParamType(kind), **more),
        Param(name="p", type=ParamType.PATH, seen=("x",)),
    )
    one = candidate(template=template(params=params), sources={} if source is None else {"v": source})
    texts = {"p": "named.json"}
    if source is None:
        texts["v"] = said or ""
    found = resolve(Match(one, texts), folder)
    return found.params["v"] if isinstance(found, Resolved) else found


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("string", "a b", "a b"),
        ("integer", "12", 12),
        ("number", "12", 12),
        ("number", "1.50", 1.5),
        ("list", "a, b and c", ["a", "b", "c"]),
        ("path", "a/b.csv", "a/b.csv"),
    ],
)
def test_what_stood_in_a_prompt_gets_its_type(kind: str, text: str, expected: Any) -> None:
    found = value(kind, None, said=text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "text"),
    [("integer", "x"), ("integer", "9" * 20), ("path", "../x"), ("list", "a, , b"), ("string", "x" * 30_000)],
)
def test_what_has_no_such_type_is_no_value(kind: str, text: str) -> None:
    found = value(kind, None, said=text)
    assert isinstance(found, Unresolved)
    assert found.reason.startswith("v: ")
    assert not found.is_drift


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "sales.csv").write_bytes(SALES)
    (folder / "a.json").write_text('{"a/b": [{"n": 7}], "t": "x", "list": ["a", "b"]}')
    (folder / "named.json").write_text('{"k": "by its name"}')
    (folder / "lines.txt").write_text("first\nsecond\n")
    (folder / "t.tsv").write_text("one\ttwo\n1\t2\n")
    return folder


def in_file(path: str, locator: str) -> Source:
    return Source(kind="file", file=Place(path=path), locator=locator)


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        ("integer", in_file("a.json", "/a~1b/0/n"), 7),
        ("string", in_file("a.json", "/t"), "x"),
        ("list", in_file("a.json", "/list"), ["a", "b"]),
        ("string", in_file("sales.csv", "header:1"), "amount"),
        ("string", in_file("t.tsv", "header:1"), "two"),
        ("string", in_file("lines.txt", "line:1"), "second"),
        ("string", Source(kind="file", file=Place(param="p"), locator="/k"), "by its name"),
        ("path", Source(kind="listing", locator="*.csv"), "sales.csv"),
    ],
)
def test_a_value_is_found_in_a_file_or_the_listing(
    kind: str, source: Source, expected: Any, work: Path
) -> None:
    assert value(kind, work, source) == expected


@pytest.mark.parametrize(
    ("source", "is_drift"),
    [
        (in_file("none.json", "/t"), False),
        (in_file("a.json", "/gone"), True),
        (in_file("a.json", "/a~1b/7"), True),
        (in_file("a.json", "/a~1b/-1"), True),
        (in_file("sales.csv", "/t"), True),
        (in_file("sales.csv", "header:9"), True),
        (in_file("lines.txt", "line:2"), True),
        (in_file("lines.txt", "word:0"), True),
        (in_file("../sales.csv", "line:0"), True),
        (Source(kind="listing", locator="*.xml"), False),
        (Source(kind="listing", locator="*.json"), False),
        (Source(kind="prompt"), False),
    ],
)
def test_a_value_that_is_not_there_is_none(source: Source, is_drift: bool, work: Path) -> None:
    found = value("string", work, source)
    assert isinstance(found, Unresolved)
    assert found.is_drift is is_drift


def test_where_the_folder_is_not_here_no_file_gives_a_value() -> None:
    assert isinstance(value("string", None, Source(kind="listing", locator="*")), Unresolved)


def test_what_is_no_plain_file_is_not_read(work: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (work / "link").symlink_to(tmp_path / "secret")
    (work / "dir").mkdir()
    (work / "linked").symlink_to(tmp_path)
    os.mkfifo(work / "pipe")
    os.link(tmp_path / "secret", work / "hard")
    (work / "large").write_bytes(b"x" * 11)
    assert read_given(work, "large", max_bytes=11) == b"x" * 11
    for path in ("link", "dir", "pipe", "hard", "../secret", "/etc/passwd", "a\0b"):
        with pytest.raises(UnreadableError):
            read_given(work, path)
    with pytest.raises(UnreadableError, match="too large"):
        read_given(work, "large", max_bytes=10)
    assert read_given(work, "nothing") is None
    assert read_given(work, "sales.csv/x") is None
    assert read_given(work, "linked/secret") is None
    assert read_given(tmp_path / "gone", "x") is None
    assert "link" not in (names_in(work) or ())
    assert names_in(tmp_path / "gone") is None


def test_a_guard_holds_where_files_are_what_they_were(work: Path) -> None:
    assert check_inputs(template(), VALUES, work).holds


@pytest.mark.parametrize(
    ("data", "is_drift"),
    [
        (None, False),
        (b"", True),
        (b"city;amount\nRome;3\n", True),
        (b"city,amount\nRome,3.000,5\n", True),
        (b"city,amount\nRome,three\n", True),
        (b"town,amount\nRome,3\n", True),
        (b"\x00\x01", True),
        (b'{"city": "Rome"}', True),
    ],
)
def test_a_guard_tells_a_missing_file_from_a_changed_one(
    data: bytes | None, is_drift: bool, work: Path
) -> None:
    (work / "sales.csv").unlink()
    if data is not None:
        (work / "sales.csv").write_bytes(data)
    guard = check_inputs(template(), VALUES, work)
    assert (guard.holds, guard.is_drift) == (False, is_drift)
    assert guard.reason.startswith("sales.csv")


def test_a_link_in_place_of_an_input_is_a_change(work: Path) -> None:
    (work / "sales.csv").rename(work / "other.csv")
    (work / "sales.csv").symlink_to("other.csv")
    guard = check_inputs(template(), VALUES, work)
    assert (guard.holds, guard.is_drift) == (False, True)


def test_an_optional_input_may_be_absent(work: Path) -> None:
    shape = shapes.describe(SALES, "s.csv")
    inputs = (Check(place=Place(path="none.csv"), shape=shape, is_optional=True),)
    assert check_inputs(template(inputs=inputs), VALUES, work).holds
    (work / "none.csv").write_text("x")
    assert not check_inputs(template(inputs=inputs), VALUES, work).holds


def test_a_file_without_a_name_is_none(work: Path) -> None:
    inputs = (Check(place=Place(param="nobody")),)
    assert not check_inputs(template(inputs=inputs), VALUES, work).holds


def test_a_column_the_prompt_names_and_the_file_lacks_is_no_change_of_form(work: Path) -> None:
    (check,) = template().inputs
    named = Relation(name="has-column", arguments={"column": "$column"})
    inputs = (check.model_copy(update={"relations": (named,)}),)
    assert check_inputs(template(inputs=inputs), VALUES, work).holds
    guard = check_inputs(template(inputs=inputs), {**VALUES, "column": "tax"}, work)
    assert (guard.holds, guard.is_drift, guard.reason) == (
        False,
        False,
        "sales.csv: it has no column 'tax'",
    )


@pytest.mark.parametrize(
    "target", ["sales.csv", "./sales.csv", "Sales.csv", ".hidden.json", "dir", "link", "hard"]
)
def test_where_nothing_can_be_written_nobody_begins(target: str, work: Path) -> None:
    (work / "dir").mkdir()
    (work / "link").symlink_to("a.json")
    os.link(work / "a.json", work / "hard")
    guard = check_inputs(template(), {**VALUES, "target": target}, work)
    assert (guard.holds, guard.is_drift) == (False, False)
    assert target in guard.reason


def test_one_place_may_be_read_and_written(work: Path) -> None:
    (check,) = template().inputs
    one = template(outputs=(Check(place=check.place),))
    assert check_inputs(one, VALUES, work).holds
    assert check_inputs(template(outputs=(Check(place=Place(path="a.json")),)), VALUES, work).holds
