"""Same by value: what is a difference between two results, and what is not."""

from __future__ import annotations

import pytest

from skvm.runtime.boost.proving.artefacts import Agreement, compare, difference

SAME = [
    ("a.json", b'{"a": 1, "b": [1.0, null]}', b'{\n "b": [1, null],\n "a": 1}\n'),
    ("a.json", b"0.30000000000000004", b"0.3"),
    ("a.json", b"[NaN]", b"[NaN]\n"),
    ("noname", b'{"a":1}', b'{"a": 1}'),
    ("a.json", b"[" * 400 + b"]" * 400, b"[" * 400 + b"]" * 400 + b"\n"),
    ("a.csv", b'a,b\n"1",2\n', b"a,b\r\n1,2\r\n\r\n"),
    ("a.csv", b'a;b\n"1";2\n', b"a;b\n1;2"),
    ("a.tsv", b'a\t"b"\n', b"a\tb"),
    ("a.jsonl", b'{"a":1,"b":2}\n{"a":3}\n', b'{"b": 2, "a": 1}\n{"a": 3}'),
    ("a.txt", b"one  \ntwo\t\n\n\n", b"one\r\ntwo"),
    ("a.bin", b"\x00\xff", b"\x00\xff"),
    ("a.txt", b"", b"\n"),
]
OTHER = [
    ("a.json", b'{"a": 1}', b'{"a": true}'),
    ("a.json", b'{"a": 1}', b'{"a": "1"}'),
    ("a.json", b'{"a": 1}', b'{"a": 1, "b": null}'),
    ("a.json", b"[1, 2]", b"[2, 1]"),
    ("a.json", b"[1]", b"[1, 1]"),
    ("a.json", b"9007199254740993", b"9007199254740992"),
    ("a.json", b"1" + b"0" * 400 + b".5", b"1" + b"0" * 400),
    ("a.json", b"1" + b"0" * 400, b"1.5"),
    ("a.json", b"1.0000001", b"1.0"),
    ("a.json", b"0.0", b"1e-12"),
    ("a.json", b'{"a": 1, "a": 2}', b'{"a": 2}'),
    ("a.json", b"[" * 100_000, b"[" * 99_999),
    ("a.csv", b"a,b\n1,2\n", b"a,b\n1,3\n"),
    ("a.csv", b"a,b\n1,2\n3,4\n", b"a,b\n3,4\n1,2\n"),
    ("a.csv", b"a,b\n1,2\n", b"a,b\n1,2\n1,2\n"),
    ("a.csv", b"a,b\n1.0,2\n", b"a,b\n1,2\n"),
    ("a.csv", b"a;b\n", b"a,b\n"),
    ("a.csv", b'a,"b\n', b"a,b\n"),
    ("a.csv", b"a, b\n", b"a,b\n"),
    ("a.jsonl", b'{"a":1}\n', b'{"a":1}\n{"a":1}\n'),
    ("a.txt", b"3", b"3.0"),
    ("a.txt", b" one\n", b"one\n"),
    ("a.txt", b"one\n\ntwo", b"one\ntwo"),
    ("a.txt", b"caf\xe9", b"caf\xc3\xa9"),
    ("a.bin", b"\x00", b"\x00\n"),
]


@pytest.mark.parametrize(("path", "ours", "theirs"), SAME)
def test_what_means_the_same(path: str, ours: bytes, theirs: bytes) -> None:
    assert difference(path, ours, theirs) is None
    assert difference(path, theirs, ours) is None


@pytest.mark.parametrize(("path", "ours", "theirs"), OTHER)
def test_what_does_not(path: str, ours: bytes, theirs: bytes) -> None:
    for found in (difference(path, ours, theirs), difference(path, theirs, ours)):
        assert found
        assert "\n" not in found
        assert len(found) < 300


def test_only_what_changed_is_compared() -> None:
    before = {"in.csv": b"x\n", "old": b"1"}
    ours = {**before, "out.json": b'{"a": 1}'}
    theirs = {**before, "out.json": b'{"a":1}\n', "make.py": b"code"}
    assert compare(ours, theirs, before, {"make.py"}) == Agreement(True)
    assert compare(ours, theirs, before) == Agreement(False, ("make.py: is missing",))
    assert compare(before, {**before, "make.py": b""}, before, {"make.py"}) == Agreement(None)
    assert compare(before, before, before) == Agreement(None)


def test_every_difference_is_told_in_order_of_path() -> None:
    before = {"gone": b"1", "kept": b"1"}
    ours = {"kept": b"2", "z": b"1", "a.json": b"1"}
    theirs = {"gone": b"1", "kept": b"1", "a.json": b"2"}
    assert compare(ours, theirs, before) == Agreement(
        False, ("a.json: 1, not 2", "gone: is missing", "kept: line 1: '2', not '1'", "z: is one too many")
    )
    assert compare({"kept": b"1"}, {"kept": b"1"}, before) == Agreement(True)


def test_differences_are_few_and_short() -> None:
    ours = {f"{index}.txt": b"x" * 10_000 for index in range(100)}
    found = compare(ours, {}, {}).differences
    assert len(found) == 20
    long = difference("a.json", b'"' + b"x" * 10_000 + b'"', b'"y"')
    assert long is not None
    assert len(long) < 300
