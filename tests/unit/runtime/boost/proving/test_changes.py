"""Changed data: reordered, other, damaged, renamed; and what counts as the same afterwards."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import pytest

from skvm.runtime.boost.inside.values import refusal
from skvm.runtime.boost.proving.damage import damaged
from skvm.runtime.boost.proving.items import changed_number, items_of
from skvm.runtime.boost.proving.odd_values import hard_paths, odd_texts, soft_paths
from skvm.runtime.boost.proving.proof import one_line
from skvm.runtime.boost.proving.renaming import renamed_data, same_bag, same_but_for, stands_in

TABLE = b"id,town,sum\n1,Oslo,5\n2,Rome,7.50\n3,Oslo,11\n"
QUOTED = b'"id","town"\n"1","a, b"\n"2","c"\n'
LIST = b'[{"town": "Oslo", "sum": 5}, {"town": "Rome", "sum": 7}]'
WRAPPED = b'{"unit": "EUR", "rows": [{"town": "Oslo"}, {"town": "Rome"}]}'
LOG = b"2026-03-01 INFO took 5 s\n2026-03-02 WARN took 7 s\n2026-03-03 INFO done\n"
FILES = {"a.csv": TABLE, "q.csv": QUOTED, "a.json": LIST, "w.json": WRAPPED, "a.log": LOG}


def rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode())))


@pytest.mark.parametrize("path", list(FILES))
def test_other_orders_hold_the_same(path: str) -> None:
    items = items_of(path, FILES[path])
    assert items is not None
    made = items.reordered(random.Random(0), 3)
    assert made
    assert made == items.reordered(random.Random(0), 3)
    for each in made:
        assert each != FILES[path]
        assert same_bag(path, each, FILES[path])


@pytest.mark.parametrize("path", list(FILES))
def test_other_data_do_not(path: str) -> None:
    items = items_of(path, FILES[path])
    assert items is not None
    made = [*items.other(random.Random(0), 2), items.with_numbers_changed()]
    novel = items.write([items.novel(0), *items.items[1:]])
    assert len(made) >= 3
    assert not same_bag(path, novel, FILES[path])
    assert sum(same_bag(path, each, FILES[path]) for each in made) <= 1
    if items.kind == "table":
        assert all(rows(each)[0] == rows(FILES[path])[0] for each in (*made, novel))


def test_a_table_written_again_is_as_it_was() -> None:
    for path, data in FILES.items():
        items = items_of(path, data)
        assert items is not None
        assert items.write(items.items).strip() == data.strip()


@pytest.mark.parametrize(
    ("text", "changed"),
    [("5", "12"), ("-3", "4"), ("7.50", "14.50"), ("007", "007"), ("x", "x"), ("", ""), ("1e5", "1e5")],
)
def test_a_number_is_changed_as_it_is_written(text: str, changed: str) -> None:
    assert changed_number(text) == changed


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.csv", b""),
        ("a.csv", b"a\xff"),
        ("a.json", b"{"),
        ("a.json", b"5"),
        ("a.txt", b"\x00"),
        ("a.csv", b'"'),
    ],
)
def test_what_has_no_items(path: str, data: bytes) -> None:
    assert items_of(path, data) is None
    is_text = data.isascii() and b"\x00" not in data
    assert bool(list(damaged(path, data))) is is_text
    assert renamed_data(path, data, "a", "b") == data


def test_numbers_in_the_words_of_a_line() -> None:
    items = items_of("a.log", LOG)
    assert items is not None
    assert items.with_numbers_changed() == (
        b"2026-03-01 INFO took 12 s\n2026-03-02 WARN took 14 s\n2026-03-03 INFO doneq\n"
    )


def test_a_new_line_keeps_its_date_and_its_numbers() -> None:
    items = items_of("a.log", b"2026-03-01 INFO took 5 s\n5 6\n")
    assert items is not None
    assert items.novel(0) == "2026-03-01 INFO tookzq 5 s"
    assert items.novel(1) == "5 6zq"


def test_every_damage_is_another_file_and_says_what_it_is() -> None:
    for path, data in FILES.items():
        found = list(damaged(path, data))
        assert all(made != data for _, made in found)
        assert len({what for what, _ in found}) == len(found)
    names = [what for what, _ in damaged("a.csv", TABLE)]
    assert "no column 'town'" in names
    assert "'n/a' in column 'sum'" in names
    assert "'n/a' in column 'town'" not in names
    made = dict(damaged("a.csv", TABLE))
    assert rows(made["no column 'town'"]) == [["id", "sum"], ["1", "5"], ["2", "7.50"], ["3", "11"]]
    assert rows(made["a row cut short"])[2] == ["2"]
    values = dict(damaged("a.json", LIST))
    assert json.loads(values["an element without 'sum'"])[1] == {"town": "Rome"}
    with pytest.raises(ValueError, match=r"delimiter|Expecting|Unterminated"):
        json.loads(values["a text cut short"])


def test_of_many_keys_and_columns_a_few_are_damaged() -> None:
    wide = json.dumps({f"key{index}": index for index in range(5_000)}).encode()
    assert len(list(damaged("a.json", wide))) < 40
    table = "\n".join(",".join(f"{name}{index}" for index in range(500)) for name in "abc").encode()
    assert len(list(damaged("a.csv", table))) < 40


@pytest.mark.parametrize(
    ("path", "data", "old", "expected"),
    [
        ("a.csv", TABLE, "Oslo", TABLE.replace(b"Oslo", b'"x,y"')),
        ("a.csv", TABLE, "town", TABLE.replace(b"town", b'"x,y"')),
        ("a.csv", TABLE, "Osl", TABLE),
        ("a.log", LOG, "INFO", LOG.replace(b"INFO", b"x,y")),
        ("a.log", LOG, "INF", LOG),
        ("a.jsonl", b'{"Oslo": "Oslo", "b": "Oslo "}\n', "Oslo", b'{"x,y": "x,y", "b": "Oslo "}\n'),
        ("a.json", b'{"Oslo": ["Oslo", 1]}\n', "Oslo", b'{"x,y": ["x,y", 1]}\n'),
    ],
)
def test_a_name_is_replaced_where_it_stands_alone(path: str, data: bytes, old: str, expected: bytes) -> None:
    assert renamed_data(path, data, old, "x,y") == expected
    assert stands_in(path, data, old) is (expected != data)


def test_results_with_new_names_are_the_same_but_for_them() -> None:
    old = json.dumps({"file": "in/nuts.csv", "title": "Totals Of Nuts"}).encode()
    new = json.dumps({"file": 'out "ü"/pears.csv', "title": "Totals Of Pears"}).encode()
    names = {'out "ü"/pears.csv': "in/nuts.csv", "c.json": "t.json"}
    assert same_but_for("x.json", new, old, names)
    assert not same_but_for("x.json", new, old, {})
    assert not same_but_for("x.json", b'{"north": 16}', b'{"north": 17}', names)
    assert not same_but_for("x.txt", b"1.5", b"15", names)
    assert not same_but_for("x.txt", b"-5", b"5", names)
    assert same_but_for("x.md", b"# New-Name zq", b"# Old", {"new name zq": "old"})


def test_an_order_and_the_last_digits_of_a_sum_are_no_difference() -> None:
    assert same_bag("a.json", b'{"a": [1, 2], "b": 0.30000000000000004}', b'{"b": 0.3, "a": [2, 1]}')
    assert same_bag("a.csv", b"h,v\na,0.30000000000000004\nb,1\n", b"h,v\nb,1\na,0.3000000000000000\n")
    assert same_bag("a.md", b"a\nb\n", b"b\na")
    assert not same_bag("a.md", b"a\nb\nb\n", b"b\na")
    assert not same_bag("a.csv", b"h,v\n1,2\n", b"v,h\n2,1\n")
    assert not same_bag("a.json", b"[1, 1]", b"[1]")


def test_odd_values_are_valid() -> None:
    text, path = {"type": "string"}, {"type": "path"}
    assert all(refusal(text, value) is None for value in odd_texts(Path("/work")))
    names = (*hard_paths("in/sales.csv"), *soft_paths("in/sales.csv"))
    assert all(refusal(path, name) is None for name in names)
    assert all(name.startswith("in/") and name.endswith(".csv") for name in names)
    assert len(set(names)) == len(names)


def test_a_reason_is_one_short_line_without_folders_of_ours() -> None:
    said = "code: exit code 2: /tmp/a/skvm-boost-115-9c/code/step.sh: line 1\n'/x/skvm-run-1-2-ab/work/hit'"
    assert one_line(said) == "code: exit code 2: code/step.sh: line 1 'hit'"
    assert len(one_line("x" * 10_000)) == 300
