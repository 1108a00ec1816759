"""Members changed in the text of a JSON object, and nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.harness.gateway.splice import read_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=6)
STYLES = st.sampled_from(
    [{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"separators": (" ,\t", " :\n")}]
)


@given(OBJECTS, OBJECTS, STYLES)
def test_what_is_put_in_is_there_and_the_rest_is_as_it_was(before: dict, put: dict, style: dict) -> None:
    body = json.dumps(before, **style).encode()
    after = json.loads(read_object(body).spliced(put))
    assert after == before | put
    assert read_object(body).spliced({}) == body


@given(OBJECTS, STYLES, st.data())
def test_a_changed_member_leaves_every_byte_around_it(before: dict, style: dict, data: st.DataObject) -> None:
    before["model"] = "x"
    body = json.dumps(before, **style).encode()
    head, tail = read_object(body).spliced({"model": "MARK"}).split(b'"MARK"')
    assert body == head + b'"x"' + tail


def test_blanks_odd_numbers_escapes_and_order_stay() -> None:
    body = b' {"z" : 1.50e+3 ,"model":"a", "u":"\\u00e9\\ud800 \xc3\xa9", "a":[ ] , "n": 1E400 }\r\n'
    assert read_object(body).spliced({"model": "b"}) == body.replace(b'"a",', b'"b",')
    added = read_object(body).spliced({"seed": 7})
    assert added == body.replace(b'{"z"', b'{"seed":7,"z"')
    assert read_object(b"{ }").spliced({"a": None}) == b'{"a":null }'


def test_a_member_that_stands_twice_is_changed_twice() -> None:
    found = read_object(b'{"model":"a","model":"b"}')
    assert found.members == {"model": "b"}
    assert found.spliced({"model": "c"}) == b'{"model":"c","model":"c"}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"{",
        b'{"a"}',
        b'{"a":}',
        b'{"a":1,}',
        b'{,"a":1}',
        b'{"a":1 "b":2}',
        b"{1:2}",
        b'{"a":1}{',
        b'{"a":tru}',
        b'{"a":"\n"}',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"[" * 200_000,
        b'{"a":' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_object(body)
