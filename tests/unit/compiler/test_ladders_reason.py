"""What the ladders of reasoning and tools make of a place, and what they leave alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from skvm.compiler.contract import PassContext
from skvm.compiler.pipeline import PipelineResult, resolve_passes, run_passes
from skvm.compiler.requirements import analyse
from skvm.skill.emit import emit_skill
from skvm.skill.ir import Skill
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.profile import Profile
from tests.unit.compiler.making import HARNESS, MODEL, make_skill


def target(**levels: str) -> Profile:
    held = dict.fromkeys(PRIMITIVES.names(), Level.L3)
    held |= {key.replace("__", "."): Level(level) for key, level in levels.items()}
    return Profile(model=MODEL, harness=HARNESS, profiled_at="2026-01-02T03:04:05Z", capabilities=held)


def lowered(skill: Skill, primitive_id: str, level: str, **levels: str) -> PipelineResult:
    profile = target(**{primitive_id.replace(".", "__"): level}, **levels)
    return anyio.run(run_passes, skill, resolve_passes(["1"]), PassContext(MODEL, HARNESS, profile))


def highest(skill: Skill, primitive_id: str) -> str:
    found = (
        str(needed.level) for needed in analyse(skill).requirements if needed.primitive_id == primitive_id
    )
    return max(found, default="L0")


FILLER = "\n".join(f"Line {number} of the story." for number in range(30)) + "\n\n"
JOBS = "| Job | Minutes | Needs |\n|---|---|---|\n| wash | 6 | nothing |\n| dry | 5 | wash |\n| sort | 4 | wash |\n| pack | 8 | dry, sort |\n\n"  # noqa: E501
STEPS = "| Step | After | When it fails |\n|---|---|---|\n| open | - | fetch the key |\n| heat | open | go on without |\n| bake | heat | cancel |\n| sell | bake | sell bread |\n\n"  # noqa: E501
STEPS_ZH = "| 步骤 | 依赖 | 失败时 |\n|---|---|---|\n| 开门 | 无 | 借钥匙 |\n| 生火 | 开门 | 取消 |\n| 烤饼 | 生火 | 取消 |\n\n"  # noqa: E501
# fmt: off
LOWERED = [
    ("reason.arithmetic", "L1", "The price is hours times 80 dollars, apply a 10% discount, then add 8% tax.\n", "eval 'hours * 80 * (1 - 10/100) * (1 + 8/100)' hours=100"),  # noqa: E501
    ("reason.arithmetic", "L1", "The rent is days times 12 euros; take off 5 percent for members, and give the amount to the cent.\n", "# for members\npython3 scripts/calc.py eval 'days * 12 * (1 - 5/100)' days=100 --digits 2\n# all others\npython3 scripts/calc.py eval 'days * 12' days=100 --digits 2"),  # noqa: E501
    ("reason.arithmetic", "L2", "先求 N = M × 2^(t/3)，再求 K = N ÷ 4，保留两位小数。\n", "# K\npython3 scripts/calc.py eval 'M * 2 ** (t / 3) / 4' M=100 t=100 --digits 2"),  # noqa: E501
    ("reason.logic", "L1", "Find an order such that Ann is first, Bob is not last, and Cy sits by Ann.\n", "- Check 1: Ann is first? Write yes or no.\n- Check 2: Bob is not last?"),  # noqa: E501
    ("reason.logic", "L1", "安排座位，满足以下条件：甲不坐门边，乙坐在丙旁边，丁在第一排。\n", "- 检查2：乙坐在丙旁边？写“是”或“否”。"),  # noqa: E501
    ("reason.planning", "L1", JOBS + "From the table, say which jobs can run at the same time.\n", "| 2 | dry | 6 | 11 | sort |\n| 3 | sort | 6 | 10 | dry |\n| 4 | pack | 11 | 19 | - |\n\nThe whole takes 19 minutes."),  # noqa: E501
    ("reason.planning", "L2", STEPS + "For a step that failed, say which later steps are skipped.\n", "| bake | cancel; skip sell | - | - |"),  # noqa: E501
    ("reason.planning", "L2", STEPS + "For a step that failed, say which later steps are skipped.\n", "| open | fetch the key | heat, bake, sell | open, heat, bake, sell |\n| heat | go on without | bake, sell | - |"),  # noqa: E501
    ("reason.planning", "L2", STEPS_ZH + "某个步骤失败时，说明哪些后续步骤要跳过。\n", "| 生火 | 取消；跳过 烤饼 | - | - |"),  # noqa: E501
    ("reason.spatial", "L2", "Give the great-circle distance in nautical miles, two decimals.\n", "python3 scripts/sphere.py LAT1 LON1 LAT2 LON2 --radius 3440.065 --digits 2"),  # noqa: E501
    ("reason.spatial", "L2", "根据经纬度计算球面距离，地球半径取6371。\n", "运行这条命令"),
    ("tool.call.batch", "L1", "Read `a.txt`, `b.txt` and `c.txt` at once.\n", "Read `a.txt`, `b.txt` and `c.txt` two at a time.\n\nThese are the turns, one after another:\n\n- Turn 1: `a.txt` and `b.txt`; note what they hold.\n- Turn 2: `c.txt`; note what they hold."),  # noqa: E501
    ("tool.call.batch", "L1", "- `a.txt`\n- `b.txt`\n- `c.txt`\n\n同时读取这些文件。\n", "每次两个读取这些文件。\n\n每轮最多读两个"),  # noqa: E501
    ("tool.file.read", "L1", "Read `a.txt` and `b.txt`; one of them may be missing, then say \"none\".\n", '- `b.txt`; when it is not there, write "none" for it at once and go on.'),  # noqa: E501
    ("tool.file.read", "L1", "读取 `a.txt` 和 `b.txt`，不存在的跳过。\n", "- `b.txt`；如果不存在，就跳过它，再读下一个。"),  # noqa: E501
    ("tool.file.read", "L2", "`big.log` is a huge file: search it for \"FAIL\" and read only the ten lines around it.\n", "grep -n -C 10 -F -- FAIL big.log"),  # noqa: E501
    ("tool.file.read", "L2", "The file `big.log` is too large to read: look at only the last 200 lines.\n", "tail -n 200 big.log"),  # noqa: E501
    ("tool.file.read", "L2", "The file `big.log` is too large to read: read only the part in lines 10 to 40.\n", "sed -n 10,40p big.log"),  # noqa: E501
    ("tool.file.write", "L1", "Write `out.txt` with one line per seat, row by row from A to C.\n", "# row A\ncat > out.txt <<'EOF'\nCONTENT\nEOF\n# row B\ncat >> out.txt <<'EOF'"),  # noqa: E501
    ("tool.file.write", "L1", "Write the report `out.md` with the sections Summary, Findings and Next steps.\n", "# Next steps\ncat >> out.md"),  # noqa: E501
    ("tool.file.write", "L2", "写入`a.txt`、`b.txt`和`c.txt`。\n", "cat > b.txt <<'EOF'\n内容\nEOF"),
    ("tool.file.write", "L2", "Create `a/x.txt`, `b/y.txt` and `c.txt`.\n", "mkdir -p a b\ncat > a/x.txt <<'EOF'"),  # noqa: E501
]
# fmt: on


@pytest.mark.parametrize(("primitive_id", "level", "body", "made"), LOWERED)
def test_a_rule_makes_the_weak_form_real(
    primitive_id: str, level: str, body: str, made: str, tmp_path: Path
) -> None:
    skill = make_skill(tmp_path, FILLER + body)
    result = lowered(skill, primitive_id, level)
    assert result.steps[0].dropped == ()
    assert {edit.primitive_id for edit in result.steps[0].edits} == {primitive_id}
    assert made in result.skill.text()
    assert highest(result.skill, primitive_id) <= level


def test_the_lines_of_a_function_are_shown(tmp_path: Path) -> None:
    body = FILLER + "The rule is in `assets/a.py`. Find the line of `ring` that keeps it from ringing.\n"
    code = "import os\n\n\ndef ring(a):\n    if a > 1:\n        return False\n    return True\n"
    skill = make_skill(tmp_path, body, assets__a_dot_py=code)
    result = lowered(skill, "reason.analysis", "L1")
    assert (
        "```text\n4  def ring(a):\n5      if a > 1:\n6          return False\n7      return True\n```"
        in result.skill.text()
    )
    assert highest(result.skill, "reason.analysis") == "L1"


def test_the_formula_is_written_out_where_no_command_can_be_run(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, FILLER + "Give the great-circle distance in kilometres, one decimal.\n")
    result = lowered(skill, "reason.spatial", "L2", tool__exec="L0")
    assert "4. distance = 6371 * c, rounded to 1 decimals" in result.skill.text()
    assert highest(result.skill, "reason.spatial") == "L2"


def test_the_commands_give_what_they_should(tmp_path: Path) -> None:
    body = FILLER + (
        "Give the great-circle distance in kilometres, one decimal.\n\n"
        'The huge file `big.log`: find the last "STOP" in it and read only the two lines before and after.\n'
    )
    result = lowered(make_skill(tmp_path, body), "tool.file.read", "L2", reason__spatial="L2")
    variant = tmp_path / "variant"
    emit_skill(result.skill, variant)
    (variant / "big.log").write_text(
        "\n".join(f"{n} {'STOP' if n in (3, 8) else 'go'}" for n in range(12)) + "\n"
    )
    printed = []
    for fence in result.skill.fences:
        command = result.skill.text(fence.content).replace("python3", sys.executable)
        command = command.replace("LAT1 LON1 LAT2 LON2", "52.1205 9.3312 52.2011 9.6400")
        done = subprocess.run(["sh", "-c", command], cwd=variant, capture_output=True, text=True, check=True)
        printed.append(done.stdout)
    assert printed == ["22.9\n", "6 go\n7 go\n8 STOP\n9 go\n10 go\n"]


def test_the_commands_of_a_chain_agree_with_the_formulas(tmp_path: Path) -> None:
    body = FILLER + "先求 N = M × 2^(t/3)，再求体积 V = N ÷ 4，保留两位小数。\n"
    result = lowered(make_skill(tmp_path, body), "reason.arithmetic", "L0")
    variant = tmp_path / "variant"
    emit_skill(result.skill, variant)
    (fence,) = result.skill.fences
    command = result.skill.text(fence.content).replace("python3", sys.executable)
    command = command.replace("M=100", "M=3").replace("t=100", "t=4.5")
    done = subprocess.run(["sh", "-c", command], cwd=variant, capture_output=True, text=True, check=True)
    assert [float(line) for line in done.stdout.split()] == [round(3 * 2**1.5, 2), round(3 * 2**1.5 / 4, 2)]


# fmt: off
LEFT_ALONE = [
    ("reason.planning", "L1", "| Job | Time | Needs |\n|---|---|---|\n| a | 1 h | - |\n| b | 20 min | a |\n| c | 3 h | a |\n\nSay which jobs can run at the same time.\n"),  # noqa: E501
    ("tool.file.read", "L2", "`big.log` is a huge file: search it for \"A\" or \"B\", read the ten lines around it.\n"),  # noqa: E501
    ("tool.call.batch", "L1", "Read `a.txt` and `b.txt` at once and write `c.txt`.\n"),
    ("reason.arithmetic", "L0", "**Vulnerability = Low confidence + High impact**\n"),
    ("reason.arithmetic", "L0", "Trust decays without interaction (R = e^(-t/S))\n"),
    ("reason.arithmetic", "L0", "payback = (salary + costs) ÷ yearly revenue due to that very person\n"),
    ("reason.arithmetic", "L1", "The price is hours times 80 dollars, less what was agreed, then add 8% tax.\n"),  # noqa: E501
    ("reason.arithmetic", "L0", "The table has FORMAT=JSON** (MySQL)\n"),
    ("reason.logic", "L2", "Of all boxes with at most 9 kg, take the one that holds the most.\n"),
    ("reason.planning", "L1", "| Job | Minutes | Needs |\n|---|---|---|\n| a | 1 | b |\n| b | 2 | a |\n| c | 3 | - |\n\nSay which jobs can run at the same time.\n"),  # noqa: E501
    ("reason.planning", "L1", "| Job | Minutes | Needs |\n|---|---|---|\n| a | 1 | - |\n| b | 2 | the van |\n| c | 3 | a |\n\nSay which jobs can run at the same time.\n"),  # noqa: E501
    ("reason.planning", "L2", "When a step fails, say which later steps are skipped.\n"),
    ("reason.spatial", "L1", "Work out the area of the polygon.\n"),
    ("reason.analysis", "L1", "Find the line of `ring` in `assets/none.py` that keeps it from ringing.\n"),
    ("tool.call.batch", "L1", "Fetch all pages in parallel.\n"),
    ("tool.call.batch", "L1", "- `a.txt`\n- `b.txt`\n- `c.txt`\n\nRead the five files at once.\n"),
    ("tool.file.read", "L2", "`big.log` is a huge file: search it for what matters and read only that.\n"),
    ("tool.file.read", "L1", "Read all these files; one of them may be missing.\n"),
    ("tool.file.write", "L1", "Write `out.txt` with one line per guest.\n"),
    ("tool.file.write", "L0", "Write a `note.json` for each case.\n"),
    ("tool.file.write", "L0", "Run `make-notes` to create `notes.md`.\n"),
    ("tool.file.write", "L0", "Write what was learned to CLAUDE.md.\n"),
    ("tool.file.write", "L0", "Create the cases and run `tools/view.py` on them.\n"),
    ("tool.file.write", "L0", "Append what is new to `log.md`.\n"),
    ("tool.web", "L0", "Search the web for the latest price.\n"),
    ("tool.browser", "L0", "With the browser tool, fill in the form with the name.\n"),
    ("tool.call.format", "L0", "Call the tool `get_day` with the name of the town.\n"),
]
# fmt: on


@pytest.mark.parametrize(("primitive_id", "level", "body"), LEFT_ALONE)
def test_what_no_rule_fits_is_left_alone(primitive_id: str, level: str, body: str, tmp_path: Path) -> None:
    skill = make_skill(tmp_path, FILLER + body)
    assert lowered(skill, primitive_id, level).skill.source == skill.source
