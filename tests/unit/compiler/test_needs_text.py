"""What texts and instructions need: which words make a place need which level, and which do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from skvm.compiler.reading.text_size import stated_bytes
from skvm.compiler.requirements import analyse
from tests.unit.compiler.making import make_skill

# ruff: noqa: E501 - a case a line
# fmt: off
CASES = [
    ("gen.text.long", "L1", "Write a short note for the reader.\n"),
    ("gen.text.long", "L2", "Write a report of 300 to 400 words.\n"),
    ("gen.text.long", "L2", "Write a report with the sections Cause, Damage and Repair.\n"),
    ("gen.text.long", "L3", "Write a guide of at least 9 KB.\n"),
    ("gen.text.long", "L3", "Produce the complete manual with a table of contents.\n"),
    ("gen.text.long", "L2", "撰写一份八百字的报告，分为背景、经过、结论三个部分。\n"),
    ("gen.text.long", "L3", "撰写一份五千字的报告。\n"),
    ("gen.text.long", "L1", "Write a report with the sections Cause, Damage and Repair.\n\nWrite each section on its own, as a text of less than 1 KB:\n"),
    ("gen.text.long", None, "Run the script; it writes a report of 900 words.\n"),
    ("gen.text.long", None, "Learn how to write a guide of 900 words.\n"),
    ("gen.text.long", None, "The user provides an existing draft article of 900 words.\n"),
    ("gen.text.prose", "L1", "Write one paragraph on the weather.\n"),
    ("gen.text.prose", "L2", "Write an essay on the weather.\n"),
    ("gen.text.prose", "L3", "Write an article of 800 words on the weather.\n"),
    ("gen.text.prose", "L3", "写一篇一千字的文章。\n"),
    ("gen.text.prose", None, "Create a user account.\n"),
    ("gen.text.prose", None, "Generate Article Schema.\n"),
    ("gen.text.prose", None, "Create user stories from the list.\n"),
    ("follow.style", "L1", "Use a friendly, informal tone.\n"),
    ("follow.style", "L1", "## Tone\n\nCalm and plain.\n"),
    ("follow.style", "L1", "语气要友好、口语化。\n"),
    ("follow.style", "L2", "Answer as Old Tom, who calls the guest \"sonny\" and never uses more than 40 words.\n"),
    ("follow.style", "L3", "The three characters stay distinct through the whole novel.\n"),
    ("follow.style", "L2", "The three characters stay distinct through the whole novel.\n\nWrite one voice at a time.\n"),
    ("follow.style", None, "You are an expert in pricing.\n"),
    ("follow.style", None, "Check the brand voice for a friendly tone.\n"),
    ("follow.style", None, "Just describe what you want in plain English.\n"),
    ("follow.constraint", "L1", "Answer in at most 20 words.\n"),
    ("follow.constraint", "L2", "Answer in at most 20 words, use no emojis, and end with a question.\n"),
    ("follow.constraint", "L2", "- No emojis.\n- At most 3 sentences.\n- Start with the name of the guest.\n"),
    ("follow.constraint", "L2", "## Output\n\nBullets only. No nested lists. Units on all targets. Tables for dates.\n"),
    ("follow.constraint", "L2", "每条回复不超过50字，不得使用感叹号，以“谢谢”结尾。\n"),
    ("follow.constraint", "L3", "In this game \"hot\" means cold.\n"),
    ("follow.constraint", None, "\"Next Tuesday\" means the coming Tuesday.\n"),
    ("follow.constraint", None, "Variables are lower case and have at most 20 characters.\n"),
    ("follow.constraint", None, "What is the value in one sentence?\n"),
    ("follow.delegation", "L1", "```bash\npython3 scripts/sum.py data.csv\n```\n"),
    ("follow.delegation", "L1", "Run `scripts/sum.py` with the data.\n"),
    ("follow.delegation", "L1", "Use the bundled script for sums.\n"),
    ("follow.delegation", "L2", "Never compute averages in your head.\n"),
    ("follow.delegation", "L2", "所有合计一律用代码计算，不要心算。\n"),
    ("follow.delegation", "L1", "Never compute averages in your head:\n\n```bash\npython3 scripts/mean.py\n```\n"),
    ("follow.delegation", "L3", "Never compute anything in your head, even simple sums.\n"),
    ("follow.delegation", None, "Do not run `scripts/old.py`.\n"),
    ("follow.delegation", None, "```bash\nmake test\n```\n"),
    ("follow.delegation", None, "Never guess the name of a function.\n"),
    ("follow.format", "L1", "## Output format\n\n```\nName: Ann\nAge: 3\n```\n"),
    ("follow.format", "L1", "Reply like this: the name, a dash, the age.\n"),
    ("follow.format", "L1", "Write JSON with the keys `name` and `age`. Unknown keys are ignored.\n"),
    ("follow.format", "L3", "Keep only the rows with a price, sort them by name, and write the name in lower case.\n"),
    ("follow.format", None, "All endpoints return JSON.\n"),
    ("follow.format", None, "Response of the API:\n\n```json\n{\"a\": 1}\n```\n"),
    ("follow.format", None, "```bash\nls\n```\n"),
    ("gen.text.structured", "L3", "输出全部菜单的 YAML：门店下分时段，时段下分类别，类别下列菜品。\n"),
    ("gen.text.structured", "L3", "Write a YAML document of at least 8 KB.\n"),
    ("gen.text.structured", None, "The dashboard exports as JSON.\n"),
    ("follow.procedure", "L2", "## Steps\n\n1. **Intake**: Ask.\n2. **Check**: Look.\n3. **Plan**: Write.\n4. **End**: Send.\n"),
    ("follow.procedure", "L3", "Repeat until nothing changes.\n"),
    ("follow.procedure", "L3", "重新读一遍，再改一遍，再读一遍，直到没有改动为止。\n"),
    ("follow.procedure", "L1", "先读文件，再排序，最后写入。\n"),
    ("follow.procedure", "L2", "先读文件，然后排序，再检查，最后写入。\n"),
    ("follow.procedure", None, "## Best practices\n\n1. Use git.\n2. Write tests.\n3. Keep it small.\n4. Read it.\n"),
    ("follow.procedure", None, "Warnings will continue until the file is gone.\n"),
    ("follow.procedure", None, "Repeat until all steps are completed.\n"),
]
# fmt: on


@pytest.mark.parametrize(("primitive_id", "level", "body"), CASES)
def test_the_highest_level_of_a_text(primitive_id: str, level: str | None, body: str, tmp_path: Path) -> None:
    found = analyse(make_skill(tmp_path, body)).requirements
    levels = [str(needed.level) for needed in found if needed.primitive_id == primitive_id]
    assert max(levels, default=None) == level


def test_headings_that_number_steps_need_a_stop(tmp_path: Path) -> None:
    body = "".join(f"## Step {number}: Do it\n\nDo it well.\n\n" for number in range(1, 6))
    found = [
        needed
        for needed in analyse(make_skill(tmp_path, body)).requirements
        if needed.primitive_id == "follow.procedure"
    ]
    assert [needed.evidence.strip() for needed in found] == ["## Step 1: Do it", "## Step 4: Do it"]


def test_headings_of_principles_are_no_steps(tmp_path: Path) -> None:
    body = "## Core principles\n\n" + "".join(
        f"### {number}. Be fair\n\nA word.\n\n" for number in range(1, 6)
    )
    found = analyse(make_skill(tmp_path, body)).requirements
    assert not [needed for needed in found if needed.primitive_id == "follow.procedure"]


SIZES = [
    ("about 60 words", 360),
    ("two to three kilobytes", 3000),
    ("at least 1,500-2,500 words", 15000),
    ("八千到一万字节", 10000),
    ("五百字以内", 1500),
    ("a page", None),
    ("version 2.4", None),
]


@pytest.mark.parametrize(("text", "size"), SIZES)
def test_stated_size(text: str, size: int | None) -> None:
    assert stated_bytes(text) == size
