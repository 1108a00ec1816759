"""The front page in two languages: the same in structure, and short."""

from __future__ import annotations

import re

import pytest
from docsite.blocks import find_blocks

from tests.conftest import REPO

ENGLISH = (REPO / "README.md").read_text(encoding="utf-8")
CHINESE = (REPO / "README.zh.md").read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    return re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


def levels(text: str) -> list[int]:
    return [len(mark) for mark in re.findall(r"^(#+) ", without_blocks(text), re.MULTILINE)]


def targets(text: str) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", without_blocks(text))


def test_headings_are_in_step() -> None:
    assert levels(ENGLISH) == levels(CHINESE)


def test_code_blocks_are_the_same() -> None:
    english, chinese = ([(each.language, each.text, each.notes) for each in find_blocks(text)]
                        for text in (ENGLISH, CHINESE))  # fmt: skip
    assert english == chinese
    assert len(english) >= 3


def test_links_lead_to_the_same_places() -> None:
    other = {"README.md", "README.zh.md"}
    assert [each for each in targets(ENGLISH) if each not in other] == [
        each for each in targets(CHINESE) if each not in other
    ]


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_every_link_leads_to_a_file(text: str) -> None:
    assert [each for each in targets(text) if "://" not in each and not (REPO / each).exists()] == []


def test_items_and_rows_are_in_step() -> None:
    for mark in (r"^- ", r"^\| "):
        counts = [len(re.findall(mark, without_blocks(text), re.MULTILINE)) for text in (ENGLISH, CHINESE)]
        assert counts[0] == counts[1] > 0


def test_the_chinese_page_is_in_chinese() -> None:
    for line in without_blocks(CHINESE).split("\n"):
        if len(line) > 40 and not line.startswith(("<!--", "[English")):
            assert re.search(r"[\u4e00-\u9fff]", line), line


def test_the_front_page_is_short() -> None:
    assert len(ENGLISH.split("\n")) < 110
