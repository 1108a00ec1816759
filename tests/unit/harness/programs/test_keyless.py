"""Keys in a user's configuration, and what only looks like one."""

from __future__ import annotations

import pytest

from skvm.harness.programs.keyless import without_keys


@pytest.mark.parametrize(
    "name",
    [
        *("apiKey", "api_key", "OPENAI_API_KEY", "x-api-key", "key", "botToken", "GH_TOKEN", "token"),
        *("clientSecret", "password", "passwordHash", "DB_PASSWD", "Authorization", "credentials"),
    ],
)
def test_a_key_is_taken_out_wherever_it_stands(name: str) -> None:
    assert without_keys({"a": [{name: "planted", "level": 1}]}) == {"a": [{"level": 1}]}


@pytest.mark.parametrize("name", ["monkey", "keyboard", "max_tokens", "key_env", "tokenizer", "secretary"])
def test_what_only_looks_like_one_stays(name: str) -> None:
    assert without_keys({name: "kept"}) == {name: "kept"}


def test_a_number_of_tokens_is_no_key() -> None:
    assert without_keys({"token": 512, "key": None, "secret": {"path": "x"}}) == {
        "token": 512,
        "key": None,
        "secret": {"path": "x"},
    }
