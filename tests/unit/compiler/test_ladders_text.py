"""What the ladders of texts and instructions make of a skill, in English and Chinese, and where they let be."""

# ruff: noqa: E501 - a case a line
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.compiler.contract import CompileOptions, PassContext
from skvm.compiler.pipeline import PipelineResult, resolve_passes, run_passes
from skvm.compiler.requirements import analyse
from skvm.skill.emit import emit_skill
from skvm.skill.ir import Skill
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.profile import Profile
from tests.unit.compiler.making import HARNESS, MODEL, make_skill


def compiled(skill: Skill, **levels: str) -> PipelineResult:
    held = dict.fromkeys(PRIMITIVES.names(), Level.L3)
    held |= {key.replace("_", "."): Level(level) for key, level in levels.items()}
    profile = Profile(model=MODEL, harness=HARNESS, profiled_at="2026-01-02T03:04:05Z", capabilities=held)
    options = CompileOptions(eliminate=False)
    context = PassContext(MODEL, HARNESS, profile, options=options)
    return anyio.run(run_passes, skill, resolve_passes(["1"]), context)


def highest(skill: Skill, primitive_id: str) -> int:
    found = analyse(skill).requirements
    return max((needed.level.rank for needed in found if needed.primitive_id == primitive_id), default=0)


POND = "Readings are in `pond.csv`.\n\nTell the lowest and the typical value.\n\n"
# fmt: off
LOWERED = [
    ("gen.text.long", "portions", "Write a report with the sections Cause, Damage and Repair.\n", "- `part-2.md`: Damage\n"),
    ("gen.text.long", "portions", "撰写一份报告，分为背景、经过、结论三个部分。\n", "最后按这个顺序合成全文：`cat part-1.md part-2.md part-3.md`"),
    ("gen.text.long", "portions", "Write a manual of 3 KB in the chapters Start, Middle and Use, with a table of contents.\n", "- `part-1.md`: the title and the table of contents\n"),
    ("gen.text.long", "portions", "Write a report with the sections Cause, Damage and Repair.\n", "in texts of less than 1 KB; a section that needs more takes several of them:"),
    ("gen.text.prose", "portions", "Write an essay of two paragraphs, one on the sea and one on the land.\n", "each as a single paragraph"),
    ("gen.code.python", "ready script", "把下面的代码存为 `count.py` 并运行：\n\n```python\nimport json\nprint(json.dumps([1]))\n```\n", "这个程序已经备好，不要再写。运行它：`python3 scripts/program-1.py`"),
    ("tool.exec", "one script", "依次运行这些命令：\n\n```bash\nOUT=x.txt\nsort a.txt > $OUT\nuniq $OUT\n```\n", "全部合成一条命令：`bash scripts/run-1.sh`"),
    ("follow.format", "form", "把结果写入 `out.json`，JSON 格式，字段为 `name` 和 `count`（数字）。\n", "严格按这个格式写 `out.json`，每个值换成真实的值："),
    ("follow.constraint", "check", "Answer in at most 20 words, use no emojis, and end with a question.\n", "python3 scripts/check.py scripts/wording.json answer.txt"),
    ("follow.constraint", "check", "每条回复不超过50字，不得使用感叹号，以“谢谢”结尾。\n", "其余 2 条由脚本检查"),
    ("follow.delegation", "figures", POND + "Never compute figures in your head.\n", "python3 scripts/figures.py pond.csv"),
    ("follow.procedure", "stop", "".join(f"## Step {n}: Do\n\nWell.\n\n---\n\n" for n in range(1, 9)), "Well.\n\nFinish the steps up to here before going on with \"Step 4: Do\".\n\n---"),
    ("follow.procedure", "stop", "1. 读文件。\n2. 检查内容。\n3. 排序。\n4. 写入文件。\n5. 核对行数。\n", "先做完第 1 到第 3 步，再做第 4 步。"),
    ("follow.procedure", "stop", "1. Read it\n2. Sort it\n3. Cut it\n4. Write it\n", "3. Cut it. Finish steps 1 to 3 before going on with step 4.\n4."),
    ("follow.procedure", "stop", "1. 读文件\n2. 检查内容\n3. 排序\n4. 写入文件\n", "3. 排序。先做完第 1 到第 3 步，再做第 4 步。\n4."),
    ("follow.procedure", "stop", "1. Read it\n2. Sort it\n3. Cut:\n   - the top\n   - the end\n4. Write it\n", "   - the end\n\n   Finish steps 1 to 3 before going on with step 4.\n4."),
    ("follow.procedure", "stop", "1. Read it\n2. Sort it\n3. Run it:\n   ```bash\n   make it\n   ```\n4. Write it\n", "   ```\n\n   Finish steps 1 to 3 before going on with step 4.\n4."),
    ("follow.procedure", "stop", "1. Read it\n2. Sort it\n3. Choose sizes\n\n   | a | b |\n   |---|---|\n   | 1 | 2 |\n\n4. Write it\n", "   | 1 | 2 |\n\n   Finish steps 1 to 3 before going on with step 4.\n\n4."),
    ("follow.procedure", "stop", "1. Read it\n2. Sort it\n3. Open https://a.org/b\n4. Write it\n", "https://a.org/b\n\n   Finish steps 1 to 3 before going on with step 4.\n4."),
    ("follow.procedure", "branch lines", "1. Read it.\n2. Sort it. If it is empty, stop. If it is long, cut it.\n", "   - Otherwise: go on.\n   - Then: look which holds:\n     - If it is long: cut it.\n     - Otherwise: go on.\n"),
    ("follow.procedure", "branch lines", "1. Read it.\n2. If it is empty, stop.\n", "   - If it is empty: stop.\n   - Otherwise: go on."),
    ("follow.procedure", "branch lines", "1. Read it.\n2. Look at the date; if it has passed, stop, otherwise sort it.\n", "2. Look at the date. Look which of these holds:\n   - If it has passed: stop.\n   - Otherwise: sort it."),
    ("follow.procedure", "number", "先读文件，然后排序，再检查，最后写入。\n", "按这个顺序做：\n\n1. 读文件。\n2. 排序。"),
]
# fmt: on


@pytest.mark.parametrize(("primitive_id", "rule", "body", "made"), LOWERED)
def test_a_place_is_lowered(primitive_id: str, rule: str, body: str, made: str, tmp_path: Path) -> None:
    skill = make_skill(tmp_path, body)
    result = compiled(skill, **{primitive_id.replace(".", "_"): "L1"})
    assert {edit.rule for edit in result.steps[0].edits if edit.primitive_id == primitive_id} == {rule}
    assert made in result.skill.text()
    assert highest(skill, primitive_id) > 1 >= highest(result.skill, primitive_id)
    again = compiled(result.skill, **{primitive_id.replace(".", "_"): "L1"})
    assert not [edit for edit in again.steps[0].edits if edit.primitive_id == primitive_id]


VOICES = (
    "## Who speaks\n\n| Voice | Manner |\n|---|---|\n| Ann | short |\n| Bo | long |\n\n"
    "Both voices stay distinct through the whole book.\n"
)
STRICT = (
    "One line a term, name and price with a tab between them.\n\n"
    "Keep only the rows with a price, sort them by price and then by name, write the name in lower case, put "
    "exactly one tab between them, and stay below 900 bytes.\n"
)
TO_L2 = [
    ("follow.style", "one voice at a time", VOICES, "- For Bo: long"),
    ("follow.format", "tidy", STRICT, "python3 scripts/tidy.py scripts/form.json draft.txt"),
    ("follow.procedure", "bound", "Repeat until nothing changes.\n", "Do at most 5 rounds"),
    ("follow.procedure", "bound", "再读一遍，直到没有改动为止。\n", "最多做 5 轮"),
    (
        "gen.text.structured",
        "parts",
        "输出全部菜单的 YAML：门店下分时段，时段下分类别，类别下列菜品。\n",
        "python3 scripts/join.py part-*.yaml",
    ),
    (
        "follow.delegation",
        "repeat the rule",
        "Never compute anything in your head, even simple sums.\n\n```bash\npython3 scripts/sum.py\n```\n\n"
        "Give the total of each month.\n",
        "Give the total of each month. (The figure is what `scripts/sum.py` prints.)",
    ),
]


@pytest.mark.parametrize(("primitive_id", "rule", "body", "made"), TO_L2)
def test_a_place_is_lowered_to_l2(primitive_id: str, rule: str, body: str, made: str, tmp_path: Path) -> None:
    skill = make_skill(tmp_path, body)
    result = compiled(skill, **{primitive_id.replace(".", "_"): "L2"})
    assert {edit.rule for edit in result.steps[0].edits} == {rule}
    assert made in result.skill.text()
    assert highest(skill, primitive_id) == 3
    assert highest(result.skill, primitive_id) < 3


LET_BE = [
    ("follow.procedure", "1. Read it\n2. Sort it\n3. Run it:\n```bash\nmake it\n```\n4. Write it\n", {}),
    ("follow.procedure", "1. Read it.\n2. If a step works, proceed to the next step.\n", {}),
    (
        "follow.procedure",
        "1. Find the cause.\n2. Check it; if taken away, the fault would not come back.\n",
        {},
    ),
    ("follow.procedure", "1. Read it.\n2. If the two differ, there's an edge.\n", {}),
    ("follow.procedure", "Repeat until the user is happy with it.\n", {}),
    ("follow.procedure", "1. Write it.\n2. Repeat until the customer approves.\n", {}),
    ("follow.procedure", "反复修改，直到用户满意为止。\n", {}),
    ("gen.text.long", "Write a report of 300 to 400 words.\n", {}),
    ("gen.text.long", "> Write a report with the sections Cause, Damage and Repair.\n", {}),
    ("follow.constraint", "Headers and bullets only. No nested lists. No jargon.\n", {}),
    (
        "follow.constraint",
        "Answer in at most 20 words, no emojis, end with a question.\n",
        {"tool_exec": "L0"},
    ),
    ("follow.constraint", 'In this game "hot" means cold.\n', {}),
    (
        "follow.style",
        'Answer as Old Tom, who calls the guest "sonny" and never uses more than 40 words.\n',
        {},
    ),
    ("follow.delegation", "Never compute figures in your head.\n", {}),
    ("follow.procedure", "Keep going until:\n\n- all is well\n", {}),
    ("follow.procedure", "1. Send it.\n2. Poll it, and go back to step 1 until it is done.\n", {}),
    ("follow.procedure", '1. Read it.\n2. If it is empty, say "It is empty.\n', {}),
    ("follow.procedure", "1. Read it.\n2. If it is old: use the copy, then read it again.\n", {}),
]


@pytest.mark.parametrize(("primitive_id", "body", "levels"), LET_BE)
def test_a_place_is_let_be(primitive_id: str, body: str, levels: dict[str, str], tmp_path: Path) -> None:
    skill = make_skill(tmp_path, body)
    assert highest(skill, primitive_id) > 1
    result = compiled(skill, **({primitive_id.replace(".", "_"): "L1"} | levels))
    assert not [edit for edit in result.steps[0].edits if edit.primitive_id == primitive_id]
    assert any(found.code in ("SKV201", "SKV206") for found in result.diagnostics)


FORMS = [
    (
        "Answer with a JSON object that has exactly the keys `topic` (one of `refund`, `other`), `urgent` "
        "(true or false) and `name` (text).\n",
        {"topic": "refund", "urgent": True, "name": "TEXT"},
    ),
    (
        "Give the recipe as JSON with the keys `name`, `source`, and under `parts` one object per part, each "
        "with a list of `things` objects (`what`, `amount`) and a list of `steps`.\n",
        {
            "name": "TEXT",
            "source": "TEXT",
            "parts": [{"things": [{"what": "TEXT", "amount": 12.5}], "steps": ["first", "second"]}],
        },
    ),
]


@pytest.mark.parametrize(("body", "form"), FORMS)
def test_a_form_has_the_shape_the_text_tells(body: str, form: dict[str, Any], tmp_path: Path) -> None:
    # A variant may be three times as long as its skill, no more.
    body += "\nA dish is a dish.\n" * 8
    made = compiled(make_skill(tmp_path, body), follow_format="L1", gen_text_structured="L1").skill
    fences = [made.text(fence.content) for fence in made.fences if fence.language == "json"]
    assert [json.loads(text) for text in fences] == [form]


def test_a_tidy_command_does_what_the_text_tells(tmp_path: Path) -> None:
    made = compiled(make_skill(tmp_path, STRICT), follow_format="L2").skill
    emit_skill(made, tmp_path / "variant")
    (tmp_path / "variant" / "draft.txt").write_text("Nail\t 3\nBOLT\t3\nGlue\t2 \n")
    command = next(made.text(fence.content) for fence in made.fences if fence.language == "bash").split()
    done = subprocess.run(
        [sys.executable, *command[1:]], cwd=tmp_path / "variant", capture_output=True, text=True, check=True
    )
    assert done.stdout == "glue\t2\nbolt\t3\nnail\t3\n"


def test_what_the_bundle_already_holds_under_the_name_is_no_check(tmp_path: Path) -> None:
    body = "Answer in at most 20 words, use no emojis, and end with a question.\n"
    skill = make_skill(tmp_path, body, scripts__check_dot_py="print('OK')\n")
    assert not compiled(skill, follow_constraint="L1").steps[0].edits
