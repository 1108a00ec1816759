"""What a step did beyond what it says, and to whom that matters."""

from __future__ import annotations

import pytest

from skvm.runtime.plan.branching.deeds import Deed, Did, acts_outside, are_at_odds, names_of, touches
from skvm.runtime.plan.model import Node


@pytest.mark.parametrize(
    ("path", "name", "is_meant"),
    [
        ("out/a.txt", "out/*", True),
        ("out/a.txt", "out/", True),
        ("out/a.txt", "a.txt", True),
        ("out/a.txt", "*", True),
        ("out/a.txt", "in/*", False),
        (".git/index", "git:", True),
        ("sub/.git/HEAD", "git:", True),
        (".gitignore", "git:", False),
        ("env:x", "env:", False),
        ("a.txt", "host:example.org", False),
    ],
)
def test_what_a_plan_means_by_a_name(path: str, name: str, is_meant: bool) -> None:
    assert touches((path,), (name,)) is is_meant


def test_path_that_looks_like_a_scheme_is_a_path() -> None:
    assert names_of("env:x") == ("./env:x",)


def test_only_what_is_written_outside_is_done_outside() -> None:
    assert acts_outside(Node("1", writes=("person:",)))
    assert acts_outside(Node("1", writes=("host:example.org",)))
    assert not acts_outside(Node("1", reads=("host:example.org",), writes=("out.txt", "git:")))


def deed(did: Did | None, *, reads: tuple[str, ...] = (), writes: tuple[str, ...] = ()) -> Deed:
    return Deed.of(Node("1", reads=reads, writes=writes), (0,), did)


def loose(changed: str = "", read: str = "") -> Did:
    paths = frozenset({changed} - {""})
    return Did(paths, paths, frozenset({read} - {""}))


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        (deed(loose(changed="a")), deed(loose(changed="b")), False),
        (deed(loose(changed="a")), deed(loose(changed="a")), True),
        (deed(loose(changed="a")), deed(loose(read="a")), True),
        (deed(loose(read="a")), deed(loose(read="a")), False),
        (deed(loose(changed="a")), deed(None, reads=("a",)), True),
        (deed(loose(changed="a")), deed(None, writes=("a",)), True),
        (deed(loose(read="a")), deed(None, writes=("a",)), True),
        (deed(loose(read="a")), deed(None, reads=("a",)), False),
        # One that says it writes a file, and did not, is in nobody's way who read it.
        (deed(loose(read="a")), deed(Did(), writes=("a",)), False),
        # What both say is the graph's to keep apart.
        (deed(Did(frozenset({"a"})), writes=("a",)), deed(Did(frozenset({"a"})), writes=("a",)), False),
    ],
)
def test_who_is_at_odds(one: Deed, other: Deed, are: bool) -> None:
    assert are_at_odds(one, other) is are
    assert are_at_odds(other, one) is are
