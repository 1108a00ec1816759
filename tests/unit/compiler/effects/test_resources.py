from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.compiler.effects.resources import clash, is_path, path_name, touches_same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a.txt", "a.txt", True),
        ("a.txt", "b.txt", False),
        ("out/", "out/a.txt", True),
        ("out", "output.txt", False),
        ("*.csv", "orders.csv", True),
        ("*.csv", "orders.json", False),
        ("page_*.pdf", "page_*.png", False),
        ("page_*.pdf", "*.pdf", True),
        ("report.md", "out/report.md", True),
        ("a/report.md", "b/report.md", False),
        ("*", "anything.bin", True),
        ("env:", "env:", True),
        ("env:", "*", True),
        ("host:a.org", "host:b.org", False),
        ("host:*", "host:b.org", True),
        ("host:a.org", "a.org", False),
        ("./*", "a.txt", True),
    ],
)
def test_what_may_be_the_same(one: str, other: str, same: bool) -> None:
    assert touches_same(one, other) is same
    assert touches_same(other, one) is same


@given(
    st.lists(st.sampled_from(["a", "b", "out", "*"]), min_size=1, max_size=3),
    st.sampled_from(["a", "b", "out"]),
)
def test_a_pattern_touches_every_file_it_matches(parts: list[str], filling: str) -> None:
    pattern = "/".join(parts) + ".txt"
    concrete = pattern.replace("*", filling)
    assert touches_same(pattern, concrete)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("./a.txt", "a.txt"),
        ("$OUT/a.txt", "*/a.txt"),
        ("chunk_{i}.mp3", "chunk_*.mp3"),
        ("<input>", "*"),
        ("${f%.md}_clean.md", "*_clean.md"),
        ("memory/YYYY-MM-DD-raw.md", "memory/*-raw.md"),
        ("https://example.org/x", "host:example.org"),
        ("out/", "out/"),
        (".", "./*"),
    ],
)
def test_a_name_made_plain(text: str, name: str) -> None:
    assert path_name(text) == name


def test_versions_and_hosts_are_no_paths() -> None:
    assert not is_path("3.11")
    assert not is_path("example.com")
    assert is_path("src/main.py")
    assert is_path("dist/")


def test_clash_names_the_thing() -> None:
    assert clash(("a.txt", "b.txt"), ("b.txt",)) == "b.txt"
    assert clash(("a.txt",), ("b.txt",)) is None
    assert clash(("*",), ("b.txt",)) == "b.txt"
