"""Relations that are found hold, say something, and tell a wrong output from a right one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvm.runtime.boost.inside import relations

REGIONS = ("north", "south", "east", "west", "centre")


def sales(seed: int, count: int = 40) -> bytes:
    rows = [
        f"2024-01-{(index * 7 + seed) % 28 + 1:02d},{REGIONS[(index * 3 + index // 7 + seed) % 5]},"
        f"p{index % 7},"
        f"{((index + seed) * 37 % 1000) / 8 + 1:.3f},{(index * 5 + seed) % 9 + 1}"
        for index in range(count)
    ]
    return ("day,region,product,amount,qty\n" + "\n".join([*rows, rows[-1]]) + "\n").encode()


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def table(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def totals(data: bytes, params: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows_of(data):
        found[row[params["by"]]] = found.get(row[params["by"]], 0) + float(row["amount"])
    return {key: round(value, 2) for key, value in sorted(found.items())}


def as_json(make: Callable[..., object]) -> Callable[..., bytes]:
    return lambda data, params: json.dumps(make(data, params)).encode()


def report(data: bytes, params: dict[str, Any]) -> dict[str, Any]:
    amounts = [float(row["amount"]) for row in rows_of(data)]
    mean = round(sum(amounts) / len(amounts), 1)
    return {"file": params["source"], "rows": len(amounts), "mean": mean, "per": {"x": totals(data, params)}}


def grouped(data: bytes, params: dict[str, Any]) -> bytes:
    return table([{"name": key, "total": value} for key, value in totals(data, params).items()])


def filtered(data: bytes, params: dict[str, Any]) -> bytes:
    kept = [row for row in rows_of(data) if row["region"] == params["region"]]
    return table(sorted(kept, key=lambda row: (float(row["amount"]), row["day"]), reverse=True))


def said(data: bytes, params: dict[str, Any]) -> bytes:
    amounts = [float(row["amount"]) for row in rows_of(data)]
    return f"Report on {params['source']}\nRows: {len(amounts)}\nLargest: {max(amounts):.2f}\n".encode()


def params_of(seed: int) -> dict[str, Any]:
    return {"source": f"sales-{seed}.csv", "by": ("region", "product")[seed % 2], "region": REGIONS[seed % 5]}


CASES: list[tuple[str, Callable[..., bytes], set[str]]] = [
    ("totals.json", as_json(totals), {"keys $by", "groups sum amount by $by"}),
    (
        "report.json",
        as_json(report),
        {
            "equals /file $source",
            "aggregate /rows rows",
            "aggregate /mean mean amount",
            "groups sum amount by $by",
        },
    ),
    ("grouped.csv", grouped, {"group-table sum amount by $by", "sorted name"}),
    ("filtered.csv", filtered, {"filtered $region", "rows some", "sorted amount"}),
    ("said.txt", said, {"mentions $source", "aggregate #1 rows", "aggregate #2 max amount"}),
    ("copy.csv", lambda data, params: data, {"bytes", "rows same", "row-count"}),
]


def told(relation: dict[str, Any]) -> str:
    name, held = relation["name"], relation["arguments"]
    if name in ("groups", "group-table"):
        return f"{name} {held['op']} {held['of']} by {held['by']}"
    words = [name, *(held.get(key) for key in ("at", "op", "of", "is", "text", "value"))]
    words += [held.get("by")] if name in ("keys", "sorted") else []
    return " ".join(str(word) for word in words if word)


def common_of(
    name: str, make: Callable[..., bytes], seeds: tuple[int, ...] = (1, 2, 3)
) -> list[dict[str, Any]]:
    found = [
        relations.discover(make(sales(seed), params_of(seed)), [sales(seed)], params_of(seed), name)
        for seed in seeds
    ]
    return relations.common(json.loads(json.dumps(found)))


@pytest.mark.parametrize(("name", "make", "wanted"), CASES)
def test_what_ties_an_output_to_its_input_is_found_and_holds_of_new_ones(
    name: str, make: Callable[..., bytes], wanted: set[str]
) -> None:
    found = common_of(name, make)
    assert wanted <= {told(each) for each in found}
    for seed in (4, 5, 8):
        data, params = sales(seed, 70 + seed), params_of(seed)
        for relation in found:
            assert relations.violation(relation, make(data, params), [data], params, name) is None


@pytest.mark.parametrize(("name", "make", "wanted"), CASES)
def test_the_output_of_another_input_or_another_value_does_not_hold(
    name: str, make: Callable[..., bytes], wanted: set[str]
) -> None:
    found = common_of(name, make)
    data, params = sales(4), params_of(4)
    other = make(sales(6, 55), params)
    assert any(relations.violation(each, other, [data], params, name) for each in found)
    if "$" in "".join(wanted):
        other = make(data, params_of(5))
        assert any(relations.violation(each, other, [data], params, name) for each in found)


def test_one_run_of_few_rows_gives_no_accidents_of_order() -> None:
    data = b"a,b\n1,2\n2,1\n3,3\n4,9\n"
    found = relations.discover(data, [data], {}, "a.csv")
    assert not [each for each in found if each["name"] == "sorted"]


def test_common_keeps_the_closest_of_what_always_holds() -> None:
    one = {"name": "aggregate", "input": 0, "arguments": {"at": "/a", "op": "sum", "of": "x", "digits": 2}}
    less = {"name": "aggregate", "input": 0, "arguments": {"at": "/a", "op": "sum", "of": "x", "digits": 1}}
    other = {"name": "keys", "input": 0, "arguments": {"at": "", "by": "x"}}
    assert relations.common([[one, less, other], [less, one]]) == [one]
    assert relations.common([[one, less], [less]]) == [less]
    assert relations.common([]) == []


def test_a_name_with_a_dollar_is_a_name() -> None:
    data = b"k,$cost\na,10.5\nb,20.25\na,3\nc,7\n"
    made = b'{"a": 13.5, "b": 20.25, "c": 7}'
    found = relations.discover(made, [data], {"cost": "no column"}, "a.json")
    assert "$$cost" in {each["arguments"].get("of") for each in found}
    assert all(relations.violation(each, made, [data], {"cost": "x"}, "a.json") is None for each in found)


def test_a_column_that_a_value_names_can_be_asked_for() -> None:
    relation = {"name": "has-column", "input": None, "arguments": {"column": "$by"}}
    for data, name in ((b"k,cost\na,1\n", "a.csv"), (b'[{"k": 1, "cost": 2}]', "a.json")):
        assert relations.violation(relation, data, (), {"by": "cost"}, name) is None
        assert relations.violation(relation, data, (), {"by": "costs"}, name) == "it has no column 'costs'"


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2026-03-01", None),
        ("2026-3-1", "column 'due' holds date:Y-m-d~, not date:Y-m-d"),
        ("03/13/2026", "column 'due' holds date:md/Y, not date:Y-m-d"),
        ("2026.03.01", "column 'due' holds date:Y.m.d, not date:Y-m-d"),
        ("20260301", "column 'due' holds integer, not date:Y-m-d"),
        ("2026-00-10", "column 'due' holds text, not date:Y-m-d"),
        ("", "column 'due' holds empty, not date:Y-m-d"),
    ],
)
def test_a_column_that_a_value_names_is_written_as_it_was(day: str, why: str | None) -> None:
    arguments = {"column": "$by", "classes": ["date:Y-m-d"]}
    relation = {"name": "has-column", "input": None, "arguments": arguments}
    data = f"id,due\n1,2025-12-31\n2,{day}\n".encode()
    assert relations.violation(relation, data, (), {"by": "due"}, "a.csv") == why


@pytest.mark.parametrize(
    ("log", "made", "name", "wanted"),
    [
        (
            b"a 1\nb 2\n\nc 3\nd 4\n",
            b'{"lines": 5}',
            "n.json",
            {"aggregate /lines any-lines", "aggregate /lines lines"},
        ),
        (b"a 1\nb 2\nc 3\n", b'{"lines": 3}', "n.json", {"aggregate /lines any-lines"}),
        (b"ERROR x\nINFO y\nERROR z\n", b"ERROR x\nERROR z\n", "e.txt", {"lines some"}),
        (b"ERROR x\nINFO y\nERROR x\n", b"ERROR x\nERROR x\nINFO y\n", "e.txt", {"lines same", "lines some"}),
    ],
)
def test_lines_are_compared(log: bytes, made: bytes, name: str, wanted: set[str]) -> None:
    found = relations.discover(made, [log], {}, name)
    assert wanted <= {told(each) for each in found}


ODD = st.recursive(st.none() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["aggregate", "keys", "groups", "rows", "filtered", "lines", "sorted", "equals", "odd"]),
    st.dictionaries(st.sampled_from(["at", "by", "of", "op", "is", "columns", "value", "digits"]), ODD),
    st.sampled_from([None, 0, 1, "x"]),
    st.binary(max_size=30),
)
def test_a_relation_that_makes_no_sense_does_not_raise(
    name: str, arguments: Any, index: Any, data: bytes
) -> None:
    relation = {"name": name, "input": index, "arguments": arguments}
    why = relations.violation(relation, data, [b"a,b\n1,2\n"], {"x": 1})
    assert why is None or "\n" not in why


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
    st.lists(st.binary(max_size=60), max_size=2),
)
def test_what_is_found_always_holds(output: bytes, inputs: list[bytes]) -> None:
    for relation in relations.discover(output, inputs, {"x": "ab", "n": 12}, "a"):
        assert relations.violation(relation, output, inputs, {"x": "ab", "n": 12}, "a") is None
