"""The grammar reads beyond a table of its own for characters that are not ASCII; it is never given one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.compiler.reading.shell import parsable, read_shell, statements_in


@given(st.text(st.characters(min_codepoint=0x80, codec="utf-8"), max_size=20))
def test_the_grammar_is_given_ascii_of_the_same_length(text: str) -> None:
    source = f"cat {text} > b".encode()
    given = parsable(source)
    assert given.isascii()
    assert len(given) == len(source)


@pytest.mark.parametrize("character", ["é", "输", "\u3000", "“", "\U0001f600", "\U0010ffff"])
def test_such_characters_are_parts_of_words(character: str) -> None:
    shell = read_shell(f"cat a{character}b {character} > {character}; {character}=1 ls")
    assert [command.words for command in shell.commands] == [
        ("cat", f"a{character}b", character),
        (f"{character}=1", "ls"),
    ]
    assert shell.commands[0].writes == (character,)
    assert shell.variables == frozenset()
    assert len(statements_in(f"{character}; b")) == 2
