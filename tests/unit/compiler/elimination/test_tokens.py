from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.compiler.elimination.account import account_of
from skvm.compiler.elimination.titles import Role, anchor_of, bare_title, role_of, slug_of
from skvm.compiler.elimination.tokens import TokenMap, estimate_tokens
from skvm.diagnostics import Span
from skvm.skill.emit import rewrite_skill
from skvm.skill.frontend import parse_skill


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("two words", 2), ("a1b", 3), ("x == y\n", 4), ("中文", 2), ("12", 2)]
)
def test_estimate(text: str, tokens: int) -> None:
    assert estimate_tokens(text.encode()) == tokens


@given(st.lists(st.text(alphabet="ab 1.\t中", max_size=8), max_size=8), st.data())
def test_a_map_adds_up_whole_lines(lines: list[str], data: st.DataObject) -> None:
    source = "\n".join(lines).encode()
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, len(source)))
    found = TokenMap(source)
    first = source.rfind(b"\n", 0, start) + 1
    last = end if end == 0 or source[end - 1 : end] == b"\n" else source.find(b"\n", end) + 1 or len(source)
    wanted = source[first:last] if end > start else b""
    assert found.of(Span(start, end)) == estimate_tokens(wanted)
    assert found.total == estimate_tokens(source)


def test_the_account_counts_what_stands() -> None:
    skill = parse_skill(b"one two three\n", id="x")
    made = rewrite_skill(skill, (), {"references/a.md": b"four five\n"})
    account = account_of(skill, made, ["references/a.md", "gone.md"])
    assert (account.tokenizer, account.before, account.after, account.with_every_file) == (
        "estimate",
        4,
        4,
        7,
    )


@pytest.mark.parametrize(
    ("title", "role"),
    [
        ("Examples", Role.HELP),
        ("API Reference", Role.HELP),
        ("Troubleshooting", Role.HELP),
        ("Semantic Versioning", Role.SUBJECT),
        ("Tools Overview", Role.SUBJECT),
        ("Overview", Role.START),
        ("Quick Start", Role.START),
        ("Critical Rules", Role.HEART),
        ("When the user asks for more", Role.HEART),
        ("Output Format", Role.HEART),
        ("注意事项", Role.HEART),
    ],
)
def test_roles(title: str, role: Role) -> None:
    assert role_of(title) is role


def test_titles_and_slugs() -> None:
    assert bare_title("Step 3: Write `it` 🚀") == "Write it"
    assert slug_of("1. The Ledger: How & Why") == "the-ledger-how-why"
    assert slug_of("中文") == "part"
    assert len(slug_of("word " * 30)) <= 36
    assert anchor_of("Tools & Usage") == "tools--usage"
