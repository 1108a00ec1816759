"""Shapes hold of what they were made from, and of no other format."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvm.runtime.boost.inside import shapes
from skvm.runtime.boost.inside import tables as read_tables

CELLS = st.one_of(
    st.integers(-9999, 99999).map(str),
    st.floats(-1e4, 1e4).map(lambda value: f"{value:.3f}"),
    st.sampled_from(
        ["", " ", "x", "north", "1.234,5", "1,234", "1,234.50", "03/04/2024", "2024-01-31", "yes", "12%"]
    ),
    st.sampled_from(
        ["True", "n/a", "00042", '"quoted, cell"', '"two\nlines"', "12:30", "$5", "é", "Jan 5, 2024"]
    ),
    st.text(max_size=6),
)
NAMES = st.sampled_from(["a", "b", "c", "amount", "date", "2024", "x y", ""])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    mark, end = draw(st.sampled_from([",", ";", "\t", "|"])), draw(ENDS)
    width = draw(st.integers(1, 4))
    rows = [draw(st.lists(NAMES, min_size=width, max_size=width))]
    rows += draw(
        st.lists(st.lists(CELLS, min_size=width, max_size=width + draw(st.integers(0, 1))), max_size=5)
    )
    text = end.join(mark.join(row) for row in rows) + draw(st.sampled_from(["", end]))
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"])), "replace")


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(), CELLS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)
TREES = VALUES.map(lambda value: json.dumps(value).encode())
LINES = st.lists(VALUES.map(json.dumps), min_size=1, max_size=4).map(lambda lines: "\n".join(lines).encode())
LOGS = st.lists(
    st.tuples(st.sampled_from(["2024-01-01", "[12:30:01]", "7", "x"]), CELLS).map(" ".join), max_size=5
).map(lambda lines: "\n".join(lines).encode())
FILES = st.one_of(tables(), TREES, LINES, LOGS, st.binary(max_size=80), st.text(max_size=80).map(str.encode))
FILE_NAMES = st.sampled_from(["a.csv", "a.json", "a.jsonl", "a.txt", "a.md", "a.tsv", "a", "a.xlsx", ""])


@settings(max_examples=600, deadline=None)
@given(FILE_NAMES, st.lists(FILES, min_size=1, max_size=4))
def test_a_merged_shape_holds_of_all_it_was_merged_of(name: str, files: list[bytes]) -> None:
    merged = shapes.merge([shapes.describe(data, name) for data in files])
    for data in files:
        assert shapes.violations(json.loads(json.dumps(merged)), data) == []


@settings(max_examples=300, deadline=None)
@given(FILE_NAMES, st.lists(FILES, min_size=1, max_size=3), FILES)
def test_no_file_and_no_shape_is_too_odd(name: str, files: list[bytes], other: bytes) -> None:
    merged = shapes.merge([shapes.describe(data, name) for data in files])
    assert all("\n" not in line and len(line) <= 200 for line in shapes.violations(merged, other))
    assert shapes.summary(other, name)


@settings(max_examples=300, deadline=None)
@given(VALUES, FILES)
def test_a_shape_that_makes_no_sense_holds_of_nothing_and_never_raises(odd: object, data: bytes) -> None:
    for shape in (
        {"kind": odd},
        {"kind": "csv", "columns": odd, "header": odd},
        {"kind": "any", "of": odd},
        odd,
    ):
        found = shapes.violations(shape, data)  # type: ignore[arg-type]
        assert isinstance(found, list)
    assert shapes.violations({"kind": "no such kind"}, data)


@settings(max_examples=200, deadline=None)
@given(FILE_NAMES, st.lists(FILES, min_size=2, max_size=4), st.randoms())
def test_merging_twice_or_again_changes_nothing(name: str, files: list[bytes], random) -> None:
    described = [shapes.describe(data, name) for data in files]
    once = shapes.merge(described)
    assert shapes.merge([once, *described]) == once or all(
        not shapes.violations(shapes.merge([once, *described]), data) for data in files
    )


SALES = b"date,region,amount,share\n2024-01-13,north,10.50,12%\n2024-02-01,south,20.25,8%\n"
ORDERS = {"orders": [{"id": 1, "at": "2024-01-13", "total": 10.5}, {"id": 2, "at": "2024-02-01", "total": 7}]}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (SALES.replace(b",", b";"), "divided by ';'"),
        (SALES.replace(b",", b"\t"), "divided by '\\t'"),
        (
            SALES.replace(b"10.50", b'"10,50"').replace(b"20.25", b'"20,25"'),
            "column 'amount' holds decimal-comma",
        ),
        (SALES.replace(b"10.50", b'"1.210,50"'), "column 'amount' holds decimal-comma"),
        (SALES.replace(b"10.50", b'"1,210.50"'), "column 'amount' holds grouped"),
        (
            SALES.replace(b"10.50", b"1.210").replace(b"20.25", b"2.250"),
            "column 'amount' holds decimal-or-grouped",
        ),
        (SALES.replace(b"10.50", b"n/a"), "column 'amount' holds text"),
        (SALES.replace(b"10.50", b""), "column 'amount' holds empty"),
        (SALES.replace(b"10.50", b"$10.50"), "column 'amount' holds marked:$:decimal"),
        (SALES.replace(b"2024-01-13", b"13/01/2024"), "column 'date' holds date:dm/Y"),
        (SALES.replace(b"2024-01-13", b"2024-13-01"), "column 'date' holds date:Y-d-m"),
        (SALES.replace(b"2024-01-13", b"2024-01-13T10:00:00Z"), "column 'date' holds date:Y-m-dTH:M:Sz"),
        (SALES.replace(b"12%", b"0.12").replace(b"8%", b"0.08"), "column 'share' holds decimal"),
        (SALES.replace(b"amount", b"total"), "no column 'amount', but 'total'"),
        (SALES.replace(b"region,amount", b"amount,region"), "has its columns in another order"),
        (SALES.replace(b"share\n", b"share,extra\n").replace(b"%\n", b"%,1\n"), "another column: 'extra'"),
        (SALES.partition(b"\n")[2], "has no header"),
        (SALES.partition(b"\n")[0] + b"\n", "has no rows"),
        (b"\xef\xbb\xbf" + SALES, "is encoded as utf-8-bom"),
        (SALES.decode().encode("utf-16"), "is encoded as utf-16"),
        (SALES.replace(b"north", "nörd".encode("latin-1")), "is encoded as other"),
        (SALES.replace(b"\n", b"\r\n"), "has line ends crlf"),
        (SALES.rstrip(b"\n"), "has no last line end"),
        (SALES.replace(b"north", b'"north, upper"'), "is quoted in another way"),
        (SALES + b"2024-02-02,east\n", "has rows of different lengths"),
        (b"", "is empty, not csv"),
        (b"\n\n", "is blank"),
        (b"PK\x03\x04" + bytes(60), "is binary, not csv"),
        (json.dumps(ORDERS).encode(), "has"),
    ],
)
def test_a_table_in_another_format_is_told(changed: bytes, why: str) -> None:
    shape = shapes.describe(SALES, "sales.csv")
    assert shapes.violations(shape, SALES) == []
    assert why in "; ".join(shapes.violations(shape, changed))


def test_more_of_the_same_format_is_no_violation() -> None:
    shape = shapes.describe(SALES, "sales.csv")
    more = SALES + "2023-12-31,Ü and more,7,0%\n2023-12-30,1984,0.5,100%\n".encode() * 200
    assert shapes.violations(shape, more) == []


def test_dates_that_can_be_read_in_two_ways_are_told_by_those_that_cannot() -> None:
    american = b"day,n\n03/04/2024,1\n03/25/2024,2\n"
    unclear = b"day,n\n03/04/2024,1\n05/06/2024,2\n"
    european = b"day,n\n03/04/2024,1\n25/03/2024,2\n"
    shape = shapes.describe(american, "a.csv")
    assert shapes.violations(shape, unclear) == []
    assert "date:dm" in shapes.violations(shape, european)[0]
    assert shapes.violations(shapes.describe(unclear, "a.csv"), european) != []


def test_columns_used_by_name_may_move_and_have_company() -> None:
    shape = {**shapes.describe(SALES, "sales.csv"), "isExact": False}
    moved = b"extra,amount,share,region,date\nx,1.5,3%,west,2024-05-06\n"
    assert shapes.violations(shape, moved) == []
    assert shapes.violations(shape, moved.replace(b"amount", b"total")) == ["has no column 'amount'"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"Orders": ORDERS["orders"]}, "/orders is missing"),
        ({"data": ORDERS}, "/orders is missing"),
        (ORDERS["orders"], "is array, not object"),
        ({"orders": {"items": ORDERS["orders"]}}, "/orders is object, not array"),
        ({"orders": []}, "/orders is empty"),
        (
            {"orders": [{**each, "total": str(each["total"])} for each in ORDERS["orders"]]},
            "/total is string",
        ),
        ({"orders": [{**each, "total": None} for each in ORDERS["orders"]]}, "/total is null"),
        (
            {"orders": [{**each, "id": each["id"] + 0.5} for each in ORDERS["orders"]]},
            "/id is number, not integer",
        ),
        ({"orders": [{**each, "at": "13.01.2024"} for each in ORDERS["orders"]]}, "/at holds date:dm.Y"),
        ({"orders": [{"id": 1, "at": "2024-01-13"}]}, "/total is missing"),
        ({"orders": ORDERS["orders"], "page": 2}, "/page is new"),
    ],
)
def test_json_in_another_format_is_told(changed: object, why: str) -> None:
    shape = shapes.describe(json.dumps(ORDERS).encode(), "orders.json")
    assert why in "; ".join(shapes.violations(shape, json.dumps(changed).encode()))
    assert shapes.violations(shape, b"{'orders': 1}") == ["is text, not json"]


def test_further_keys_are_no_matter_where_keys_are_used_by_name() -> None:
    shape = {**shapes.describe(json.dumps(ORDERS).encode(), "orders.json"), "isExact": False}
    assert shapes.violations(shape, json.dumps({**ORDERS, "page": 2}).encode()) == []
    assert shapes.violations(shape, json.dumps({"page": 2}).encode()) == ["/orders is missing"]


def test_keys_that_are_data_make_a_map() -> None:
    files = [
        json.dumps(each).encode() for each in ({"north": 1, "south": 2}, {"east": 3, "west": 2}, {"x": 1})
    ]
    merged = shapes.merge([shapes.describe(data, "a.json") for data in files])
    assert shapes.violations(merged, b'{"somewhere": 7}') == []
    assert shapes.violations(merged, b'{"somewhere": "7"}') == ["/somewhere is string, not integer"]


def test_an_object_that_is_known_otherwise_can_be_opened() -> None:
    shape = shapes.describe(json.dumps({"by_region": {"north": {"n": 1}}, "n": 1}).encode(), "a.json")
    opened = shapes.opened(shape, "/by_region")
    assert shapes.violations(opened, b'{"by_region": {"south": {"n": 4}}, "n": 1}') == []
    assert shapes.violations(opened, b'{"by_region": {"south": {"m": 4}}, "n": 1}') != []
    assert shapes.violations(shapes.opened(shape, ""), b"[]") != []
    assert shapes.opened(shape, "/no/such/place") == shape


@pytest.mark.parametrize(
    ("name", "data", "changed", "why"),
    [
        (
            "a.log",
            b"2024-01-02 10:00:01 ERROR x\n2024-01-02 10:00:02 INFO y\n",
            b"02.01.2024 10:00:01 x y\n",
            "word 1",
        ),
        ("a.log", b"2024-01-02 10:00:01 ERROR x\n", b"ERROR 2024-01-02 10:00:01 x\n", "word 1"),
        ("a.log", b"2024-01-02 10:00:01 ERROR x\n", b'{"at": "2024-01-02"}\n', "is text, not lines"),
        ("a.jsonl", b'{"a": 1}\n{"a": 2}\n', b'{"b": 1}\n', "/a is missing"),
        ("a.jsonl", b'{"a": 1}\n{"a": 2}\n', b'[{"a": 1}]\n', "is array"),
        ("a.txt", b"some words\nand more\n", b"", "is empty"),
        ("a.txt", b"some words\nand more\n", b"some words\r\n", "line ends crlf"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0", b"\xff\xd8\xff\0", "is jpeg, not png"),
        ("a.txt", b"words\n", b"\0\1\2", "is binary, not text"),
    ],
)
def test_other_files_in_another_format_are_told(name: str, data: bytes, changed: bytes, why: str) -> None:
    shape = shapes.describe(data, name)
    assert shapes.violations(shape, data) == []
    assert why in "; ".join(shapes.violations(shape, changed))


@pytest.mark.parametrize(
    ("name", "data", "other", "wrong"),
    [
        (
            "a.json",
            b'{"n": 3, "d": "1/2/2024"}',
            b'{"n": 2.5, "d": "25/2/2024"}',
            b'{"n": "3", "d": "1/2/2024"}',
        ),
        ("a.csv", b"k,v\na,1.125\n", b'k,v\na,"1,234.5"\n', b"k,v\na,n/a\n"),
        ("a.csv", b"k,v\na,$7\n", b"k,v\na,$7.25\n", b"k,v\na,7\n"),
        ("a.txt", b"Total 7 items\n", b"Total 1,234 items\n", b"Total is unknown\n"),
    ],
)
def test_how_a_number_is_written_is_no_matter_of_outputs(
    name: str, data: bytes, other: bytes, wrong: bytes
) -> None:
    shape = shapes.loosened(shapes.describe(data, name))
    assert shapes.violations(shape, data) == []
    assert shapes.violations(shape, other) == []
    assert shapes.violations(shapes.describe(data, name), other) != []
    assert shapes.violations(shape, wrong) != []


@settings(max_examples=200, deadline=None)
@given(FILE_NAMES, st.lists(FILES, min_size=1, max_size=3))
def test_a_loosened_shape_holds_of_no_less(name: str, files: list[bytes]) -> None:
    merged = shapes.loosened(shapes.merge([shapes.describe(data, name) for data in files]))
    assert [shapes.violations(merged, data) for data in files] == [[]] * len(files)


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"1" * 5_000, b'"' * 9_999]
)
def test_depth_and_length_end_nothing(data: bytes) -> None:
    for name in ("a.json", "a.csv", "a.txt"):
        shape = shapes.describe(data, name)
        assert shapes.violations(shape, data) == []


def test_objects_of_ever_other_keys_are_a_map_before_they_are_many() -> None:
    grows = {f"k{index}": {"a": {f"u{index}": "s" if index % 2 else 1}} for index in range(2_000)}
    whole = shapes.describe(json.dumps(grows).encode(), "x.json")["tree"]
    assert "keys" not in whole["open"]["keys"]["a"], "each further object would be joined with all before it"
    assert shapes.violations(shapes.describe(json.dumps(grows).encode(), "x.json"), b'{"k": {"a": 1}}')


def test_columns_are_read_once_however_uneven_the_rows_are() -> None:
    table = read_tables.parse("a,b,c\n1\n2,3\n4,5,6,7\n", ",")
    assert table.columns() == [["1", "2", "4"], ["3", "5"], ["6"]]


def test_a_file_that_is_too_large_holds_no_shape() -> None:
    large = b"a,b\n" + b"1,2\n" * 5_000_000
    assert shapes.violations(shapes.describe(b"a,b\n1,2\n", "a.csv"), large) == ["is large, not csv"]
    assert shapes.violations(shapes.describe(large, "a.csv"), large) == ["is larger than 16 MB"]
    assert shapes.violations({}, large) == []


def test_dates_of_one_digit_are_another_way_to_write_them() -> None:
    padded, short = (
        shapes.describe(f"id,day\n1,{day}\n2,2026-12-31\n".encode(), "a.csv")
        for day in ("2026-03-01", "2026-3-1")
    )
    assert shapes.violations(padded, b"id,day\n1,2026-3-1\n")
    assert not shapes.violations(short, b"id,day\n1,2026-03-01\n")


@pytest.mark.parametrize("text", ['{"a": 1, "b": 2, "a": 3}', '{"b": {"a": 1, "a": 1}}'])
def test_an_object_with_a_key_twice_is_no_json(text: str) -> None:
    shape = shapes.merge(
        [shapes.describe(b'{"a": 1, "b": 2}', "a.json"), shapes.describe(b'{"b": {"a": 1}}', "a.json")]
    )
    assert shapes.violations(shape, text.encode()) != []
