from __future__ import annotations

from pathlib import Path

from tests.unit.compiler.elimination.making import PROSE, compiled, listing, long_skill

CONTENTS = (
    "## Table of Contents\n\n- [Workflow](#workflow)\n- [Rules](#rules)\n"
    "- [Sums of a Month](#sums-of-a-month)\n"
    "- [Sums of a Year](#sums-of-a-year)\n- [Background of the Ledger](#background-of-the-ledger)\n\n"
)
SECTIONS = (
    f"## Sums of a Month\n\n{PROSE}\n\n## Sums of a Year\n\n{PROSE}\n\n## Background of the Ledger\n\nOld.\n"
)


def test_a_table_of_contents_goes(tmp_path: Path) -> None:
    result = compiled(long_skill(tmp_path, CONTENTS, SECTIONS))
    assert "Table of Contents" not in result.skill.text()
    assert "## Sums of a Month" in result.skill.text()
    assert [found["title"] for found in result.artifacts["elimination"]["dropped"]] == ["Table of Contents"]
    assert not result.steps[0].dropped


def test_one_that_says_more_than_the_headings_stays(tmp_path: Path) -> None:
    more = CONTENTS.replace("(#rules)", "(#rules): never skip them")
    assert more.strip() in compiled(long_skill(tmp_path, more, SECTIONS)).skill.text()


def test_one_that_leads_elsewhere_stays(tmp_path: Path) -> None:
    wrong = CONTENTS.replace("#rules", "#laws")
    assert wrong.strip() in compiled(long_skill(tmp_path, wrong, SECTIONS)).skill.text()


def test_the_second_copy_of_a_listing_becomes_a_line(tmp_path: Path) -> None:
    code = listing("bash", 12)
    parts = f"## Each Month\n\nYou must run:\n\n{code}\n## Each Year\n\nYou must run:\n\n{code}"
    result = compiled(long_skill(tmp_path, parts))
    assert result.skill.text().count(code.strip()) == 1
    assert "You must run:\n\nThe same listing as under “Each Month” above." in result.skill.text()
    assert not result.steps[0].dropped


def test_a_listing_in_another_language_is_no_copy(tmp_path: Path) -> None:
    one, other = listing("bash", 12), listing("sh", 12)
    parts = f"## Each Month\n\nYou must run:\n\n{one}\n## Each Year\n\nYou must run:\n\n{other}"
    assert other.strip() in compiled(long_skill(tmp_path, parts)).skill.text()


def test_the_second_copy_of_a_long_paragraph_goes(tmp_path: Path) -> None:
    long = f"You must know this. {PROSE * 2}".strip()
    parts = f"## Each Month\n\n{long}\n\nSum up.\n\n## Each Year\n\n{long}\n\nSum up all.\n"
    result = compiled(long_skill(tmp_path, parts))
    assert result.skill.text().count(long) == 1
    assert "Sum up all." in result.skill.text()


def test_a_section_is_never_emptied(tmp_path: Path) -> None:
    long = f"You must know this. {PROSE * 2}".strip()
    parts = f"## Each Month\n\n{long}\n\n## Each Year\n\n{long}\n"
    assert compiled(long_skill(tmp_path, parts)).skill.text().count(long) == 2


def test_a_copy_under_a_heading_of_the_same_name_says_which(tmp_path: Path) -> None:
    code = listing("bash", 12)
    each = f"### Sums\n\nYou must run:\n\n{code}\n"
    result = compiled(long_skill(tmp_path, f"## Each Month\n\n{each}## Each Year\n\n{each}"))
    assert "The same listing as under “Each Month: Sums” above." in result.skill.text()
