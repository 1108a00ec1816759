from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.certify.canonical import (
    NotCanonicalError,
    compact_bytes,
    decimal,
    file_bytes,
    parse_strictly,
)
from skvm.certify.sealing import NoCertificateError, read_certificate

KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,5}", fullmatch=True)
FIGURES = st.floats(-1e9, 1e9).map(decimal)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | FIGURES | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_one_value_has_one_form(value: object) -> None:
    for written in (compact_bytes(value), file_bytes(value)):
        read = parse_strictly(written)
        assert read == value
        assert compact_bytes(read) == compact_bytes(value)
    # Any JSON library gives the same, in whatever order it met the keys.
    again = json.loads(json.dumps(value))
    plain = json.dumps(again, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert plain.encode() == compact_bytes(value)


@given(FIGURES)
def test_numbers_are_written_alike_in_every_language(figure: float) -> None:
    """As ECMAScript writes them: no exponent, no trailing zero, no negative zero."""
    text = compact_bytes(figure).decode()
    assert "e" not in text.lower()
    assert text != "-0"
    assert "." not in text or not text.endswith("0")
    assert len(text.partition(".")[2]) <= 4


@pytest.mark.parametrize(
    "value",
    [
        0.00001, 1e16, 1e300, 0.12345, 1.0, -0.0, float("nan"), float("inf"), 2**53, "\ud800", {"a b": 1},
        {"": 1},
        {"\u00e4": 1}, {1: 2}, (1,), {1}, b"x",
    ],
)  # fmt: skip
def test_what_has_no_one_form(value: object) -> None:
    for write in (compact_bytes, file_bytes):
        with pytest.raises(NotCanonicalError):
            write(value)


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_certificate_or_none(data: bytes) -> None:
    for more in (data, b'{"kind": "skvm.certificate", "schema": 1, "statement": ' + data + b"}"):
        with pytest.raises(NoCertificateError):
            read_certificate(more)
