"""JSON with comments."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.harness.programs.jsonc import read_jsonc

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 1, "\t"]))
def test_plain_json_reads_as_ever(value: Any, indent: Any) -> None:
    assert read_jsonc(json.dumps(value, indent=indent)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, // one\n "b": 2}', {"a": 1, "b": 2}),
        ('/* head */ {"a": [1, 2,], }', {"a": [1, 2]}),
        ('{"a": [1, /* ] */ // }\n ]}', {"a": [1]}),
        ('{"url": "http://x/*y*/", "b": "a \\" // b"}', {"url": "http://x/*y*/", "b": 'a " // b'}),
        ('{"a": ",]"}', {"a": ",]"}),
        ('\ufeff{"a": 1}', {"a": 1}),
        ("[]// end", []),
    ],
)
def test_comments_and_last_commas_are_passed_over(text: str, value: Any) -> None:
    assert read_jsonc(text) == value


@pytest.mark.parametrize("text", ["", "{", '{"a": 1 /* never closed }', "[1,,]", "[" * 100_000, "{'a': 1}"])
def test_what_is_no_json_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_jsonc(text)
