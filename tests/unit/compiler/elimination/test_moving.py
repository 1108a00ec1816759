from __future__ import annotations

from pathlib import Path

import pytest

from skvm.compiler.elimination.choice import LEAST_SKILL_TOKENS, MAX_FILES, Chosen
from skvm.compiler.elimination.moving import _Mover
from skvm.compiler.elimination.tokens import estimate_tokens
from skvm.compiler.pipeline import PipelineResult
from skvm.target.profile import Profile
from tests.unit.compiler.elimination.making import (
    HEAD,
    PROSE,
    STEPS,
    background,
    compiled,
    filler,
    listing,
    long_skill,
    table,
    target,
)
from tests.unit.compiler.making import make_skill


def moved_files(result: PipelineResult) -> dict[str, str]:
    return {path: data.decode() for path, data in result.steps[0].files.items()}


def test_background_moves_whole_and_a_pointer_says_when_to_read_it(tmp_path: Path) -> None:
    skill = long_skill(tmp_path, background())
    result = compiled(skill)
    text = result.skill.text()
    section = skill.text().partition("## Background")[2].strip()
    assert moved_files(result)["references/background.md"].strip() == f"## Background\n\n{section}"
    assert section not in text
    assert (
        "## Background\n\nRead `references/background.md` when the background matters: 3 paragraphs." in text
    )
    assert text.startswith(skill.text().partition("## Background")[0])


@pytest.mark.parametrize(
    ("title", "moment"),
    [
        ("Troubleshooting", "when something goes wrong here"),
        ("Examples", "when a worked example would help"),
        ("Report Templates", "before filling in a template"),
        ("Command Reference", "when the details are needed"),
        ("Ledger History Notes", "when the background matters"),
        ("Colours of the Shop", "before working on this"),
        ("Closing Process of Old Years", "before doing this"),
        ("Reading Audit History", "before working on this"),
        ("Searching Issues", "before working on this"),
        ("Owner Preferences", "before working on this"),
        ("Sample Size", "before working on this"),
        ("Integration with the Till", "before integrating this with something else"),
    ],
)
def test_the_heading_says_when(tmp_path: Path, title: str, moment: str) -> None:
    text = compiled(long_skill(tmp_path, background().replace("Background", title))).skill.text()
    assert f".md` {moment}: " in text


def test_a_pointer_names_what_the_passage_holds(tmp_path: Path) -> None:
    part = f"## Command Reference\n\n### Import\n\n{PROSE * 3}\n\n### Export\n\n{PROSE * 3}\n"
    assert "when the details are needed: Import; Export." in compiled(long_skill(tmp_path, part)).skill.text()


def test_a_pointer_names_what_points_begin_with(tmp_path: Path) -> None:
    points = "".join(f"- `till {name} --day <day>`: {PROSE}\n" for name in ("open", "close", "count"))
    text = compiled(long_skill(tmp_path, f"## Till\n\n{points}")).skill.text()
    assert "Read `references/till.md` before working on this: till open; till close; till count." in text
    numbered = "".join(f"- Till {number}: {PROSE}\n" for number in range(1, 5))
    text = compiled(long_skill(tmp_path, f"## Till\n\n{numbered}")).skill.text()
    assert "Read `references/till.md` before working on this: 4 points." in text


def test_a_pointer_to_a_text_says_how_it_begins_and_when_its_heading_says_so(tmp_path: Path) -> None:
    lines = "The till is opened by the first who comes\n" * 24
    part = f"## Closing Workflow\n\nThis must be so.\n\n```\n{lines}```\n"
    text = compiled(long_skill(tmp_path, part)).skill.text()
    said = "before doing this: text, 24 lines (“The till is opened by the first who…”)."
    assert f"Read `references/closing-workflow.md` {said}" in text
    figures = '{"till_1": 1,\n' * 40
    part = f"## Closing Workflow\n\nThis must be so.\n\n```\n{figures}```\n"
    text = compiled(long_skill(tmp_path, part)).skill.text()
    assert "before doing this: text, 40 lines." in text


def test_pointers_in_a_chinese_skill_are_chinese(tmp_path: Path) -> None:
    history = "账本起于店主放在柜台后面架子上的一本纸册，各栏的次序至今仍依照店主当年手写数字的次序。"
    head = "# 月报\n\n编制店铺的月报。\n\n## 规则\n\n" + f"{history}\n\n" * 90
    rows = "".join(f"| 甲{number} | {history} |\n" for number in range(9))
    parts = (
        f"## 店铺的背景\n\n{history * 6}\n\n{history * 6}\n\n",
        f"## A 栏目\n\n| 栏 | 含义 |\n|---|---|\n{rows}\n",
        f"## 合计\n\n务必照此合计。\n\n{listing()}\n",
    )
    text = compiled(make_skill(tmp_path, head + "".join(parts))).skill.text()
    assert "需要背景时读 `references/part.md`：2 段文字。" in text
    assert "查阅时读 `references/part-2.md`：9 行的表（栏、含义）。" in text
    assert "写这类代码之前读 `references/part-3.md`：Python，30 行。" in text
    assert "Read" not in text


def test_a_table_that_says_which_file_to_read_when_stays(tmp_path: Path) -> None:
    for name in ("references/r{}.md", "sums_{}.py"):
        rows = "".join(f"| `{name.format(number)}` | {PROSE} |\n" for number in range(4))
        part = f"## Files of the Shop\n\n| File | Holds |\n|---|---|\n{rows}\n"
        assert part.rstrip() in compiled(long_skill(tmp_path, part)).skill.text()


def test_what_is_normative_stays_in_its_own_words(tmp_path: Path) -> None:
    rule = "Never send a report before the owner has read it."
    part = background() + f"{rule} {PROSE}\n\n{PROSE * 3}\n\n"
    result = compiled(long_skill(tmp_path, part))
    text = result.skill.text()
    assert f"Of it, keep in mind:\n\n{rule}" in text
    assert rule in moved_files(result)["references/background.md"]
    assert not result.steps[0].dropped


def test_a_list_with_a_rule_stays_whole_with_the_line_before_it(tmp_path: Path) -> None:
    points = (
        "Of the columns:\n\n- The first is the day.\n- The second must be a sum.\n- The third is a note.\n"
    )
    result = compiled(long_skill(tmp_path, background(4) + points))
    assert points in result.skill.text()
    assert "references/background.md" in moved_files(result)


def test_a_long_listing_leaves_a_pointer_and_the_words_around_it_stay(tmp_path: Path) -> None:
    part = f"## Sums\n\nThis must be so:\n\n- by hand\n\nSums of a month:\n\n{listing()}\nDone.\n"
    skill = long_skill(tmp_path, part)
    result = compiled(skill)
    assert (
        "Sums of a month:\n\nRead `references/sums.md` before writing code like this: Python, 30 lines"
        in (result.skill.text())
    )
    assert result.skill.text().endswith("\n\nDone.\n")
    assert listing() in moved_files(result)["references/sums.md"]


def test_listings_of_one_section_share_a_file(tmp_path: Path) -> None:
    part = (
        f"## Sums\n\nYou must know both.\n\nOf a month:\n\n{listing()}\nOf a year:\n\n{listing(lines=31)}\n"
    )
    result = compiled(long_skill(tmp_path, part))
    assert list(moved_files(result)) == ["references/sums.md"]
    assert "Read “Of a month” in `references/sums.md`" in result.skill.text()
    assert "## Of a year\n\n" + listing(lines=31) in moved_files(result)["references/sums.md"]


@pytest.mark.parametrize(
    "profile",
    [
        target(tool_file_read="L1"),
        target(follow_procedure="L1"),
        target(None, follow_procedure="L3", gen_code_python="L3"),
        target("L1"),
    ],
)
def test_nothing_moves_for_a_target_that_would_not_read_it(tmp_path: Path, profile: Profile) -> None:
    result = compiled(long_skill(tmp_path, background(), f"## Sums\n\n{listing()}"), profile)
    assert not any(edit.rule == "move out" for edit in result.steps[0].edits)


@pytest.mark.parametrize("level", ["L0", "L1", "L2"])
def test_a_listing_stays_for_a_target_with_no_level_to_spare(tmp_path: Path, level: str) -> None:
    result = compiled(long_skill(tmp_path, f"## Sums\n\n{listing()}"), target(gen_code_python=level))
    assert listing().strip() in result.skill.text()


def test_a_listing_stays_where_its_primitive_is_unmeasured(tmp_path: Path) -> None:
    held = target()
    blind = held.model_copy(
        update={
            "capabilities": {
                name: level for name, level in held.capabilities.items() if name != "gen.code.python"
            }
        }
    )
    assert listing().strip() in compiled(long_skill(tmp_path, f"## Sums\n\n{listing()}"), blind).skill.text()


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(f"## Rules of Thumb\n\n{PROSE * 4}\n", id="rules"),
        pytest.param(f"## When to Use\n\n{PROSE * 4}\n", id="when to use"),
        pytest.param(f"## Role\n\n{PROSE * 4}\n", id="role"),
        pytest.param(f"## Notes\n\n{PROSE * 4}\n", id="notes"),
        pytest.param(f"## Inputs to Collect\n\n{PROSE * 4}\n", id="inputs"),
        pytest.param(f"## The Owner's Responsibilities\n\n{PROSE * 4}\n", id="responsibilities"),
        pytest.param(f"## Output Format\n\n{table()}", id="table of the format"),
        pytest.param("## Routing\n\n" + table(columns=("If", "Then")), id="cases"),
        pytest.param("## Sums\n\n" + table(columns=("When", "What")), id="a table of cases"),
        pytest.param("## Files\n\n" + f"- See [the ledger](ledger.md). {PROSE}\n" * 4, id="links"),
        pytest.param("## Sums\n\n" + listing("bash", 10), id="commands"),
    ],
)
def test_what_is_at_the_heart_stays(tmp_path: Path, part: str) -> None:
    skill = long_skill(tmp_path, part, ledger_dot_md="The ledger.\n")
    assert compiled(skill).skill == skill


def test_the_first_steps_stay_however_long_they_are(tmp_path: Path) -> None:
    steps = "## Making It\n\n" + "".join(
        f"{number}. Write part {number}. {PROSE}\n" for number in range(1, 8)
    )
    skill = make_skill(tmp_path, HEAD + steps + filler())
    assert compiled(skill).skill == skill


def test_what_the_steps_name_stays(tmp_path: Path) -> None:
    named = STEPS.replace("Write the report.", "Write the report as in Colours of the Shop.")
    part = background().replace("Background", "Colours of the Shop")
    skill = make_skill(tmp_path, HEAD + named + filler() + part)
    assert compiled(skill).skill == skill


def test_a_heading_that_a_link_leads_to_stays(tmp_path: Path) -> None:
    inner = f"## Background\n\n### Old Books\n\n{PROSE * 4}\n"
    skill = long_skill(tmp_path, "Of the [old books](#old-books).\n\n", inner)
    result = compiled(skill)
    assert list(moved_files(result)) == ["references/old-books.md"]
    assert "### Old Books\n\nRead `references/old-books.md`" in result.skill.text()


def test_short_skills_stay(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, HEAD + STEPS + background(2))
    assert estimate_tokens(skill.source) < LEAST_SKILL_TOKENS
    assert compiled(skill).skill == skill


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    skill = long_skill(tmp_path, background())
    result = compiled(skill, eliminate=False)
    assert result.skill == skill
    assert "elimination" not in result.artifacts


def test_names_never_meet_those_of_the_bundle(tmp_path: Path) -> None:
    skill = long_skill(tmp_path, background(), references__Background_dot_md="Mine.\n")
    assert "references/background-2.md" in moved_files(compiled(skill))


def test_files_are_limited(tmp_path: Path) -> None:
    parts = [
        background().replace("Background", f"Background {number}").replace("paper", f"paper ({number})")
        for number in range(20)
    ]
    assert len(moved_files(compiled(long_skill(tmp_path, *parts)))) == MAX_FILES


def test_line_ends_are_kept(tmp_path: Path) -> None:
    skill = long_skill(tmp_path, background())
    (tmp_path / "sample" / "SKILL.md").write_bytes(skill.source.replace(b"\n", b"\r\n"))
    from skvm.skill.frontend import load_skill

    made = compiled(load_skill(tmp_path / "sample")).skill
    assert b"references/background.md" in made.source
    assert made.source.count(b"\n") == made.source.count(b"\r\n")


def test_fences_nested_by_mistake_are_left_alone(tmp_path: Path) -> None:
    broken = "## Form\n\n```markdown\nText.\n```json\n{}\n```\n```\n"
    skill = long_skill(tmp_path, background(), broken)
    assert compiled(skill).skill == skill


def test_the_account_is_of_what_stands(tmp_path: Path) -> None:
    skill = long_skill(tmp_path, background(), f"## Sums\n\n{listing()}")
    result = compiled(skill)
    account = result.artifacts["elimination"]
    assert account["tokenizer"] == "estimate"
    assert account["tokensBefore"] == estimate_tokens(skill.source)
    assert account["tokensAfter"] == estimate_tokens(result.skill.source)
    loaded = sum(estimate_tokens(data) for data in result.steps[0].files.values())
    assert account["tokensWithEveryFileLoaded"] == account["tokensAfter"] + loaded
    assert [move["path"] for move in account["moved"]] == ["references/background.md", "references/sums.md"]
    assert "the target holds follow.procedure L3" in result.steps[0].edits[0].reason


def test_the_same_skill_gives_the_same_bytes(tmp_path: Path) -> None:
    skill = long_skill(tmp_path, background(), f"## Sums\n\n{listing()}")
    first, second = compiled(skill), compiled(skill)
    assert first.skill.source == second.skill.source
    assert first.steps[0].files == second.steps[0].files
    assert first.artifacts == second.artifacts


def test_of_several_workflows_the_first_stays(tmp_path: Path) -> None:
    flows = f"## Core Workflows\n\n### Opening\n\n{PROSE * 4}\n\n### Closing\n\n{PROSE * 4}\n"
    skill = make_skill(tmp_path, HEAD + filler() + flows)
    result = compiled(skill)
    assert list(moved_files(result)) == ["references/closing.md"]


def test_rows_that_go_with_their_table_are_named(tmp_path: Path) -> None:
    rows = table().replace("figure 3 of", "figure 3 is required of")
    result = compiled(long_skill(tmp_path, f"## Columns of the Ledger\n\n{rows}"))
    edit = next(found for found in result.steps[0].edits if found.rule == "move out")
    assert edit.releases == ("| c3 | figure 3 is required of the month |",)
    assert edit.releases[0] in moved_files(result)["references/columns-of-the-ledger.md"]


def test_what_the_guard_puts_back_is_not_told_as_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skill = long_skill(tmp_path, background(), f"## Examples\n\n{listing()}")
    both = compiled(skill).artifacts["elimination"]
    held = _Mover._add

    def spoilt(self: _Mover, chosen: Chosen, path: str, text: str, data: bytes) -> None:
        # A file that lacks what left is what the guard has to notice.
        held(self, chosen, path, text, b"nothing\n" if path.endswith("background.md") else data)

    monkeypatch.setattr(_Mover, "_add", spoilt)
    result = compiled(skill)
    account = result.artifacts["elimination"]
    assert [found["path"] for found in both["moved"]] == [
        "references/background.md",
        "references/examples.md",
    ]
    assert [found["path"] for found in account["moved"]] == ["references/examples.md"]
    assert account["tokensBefore"] - account["tokensAfter"] == account["moved"][0]["tokensSaved"]
    added = estimate_tokens(result.steps[0].files["references/examples.md"])
    assert account["tokensWithEveryFileLoaded"] == account["tokensAfter"] + added
