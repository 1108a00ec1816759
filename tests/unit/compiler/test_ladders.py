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
from skvm.target.profile import Profile
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill


def compiled(skill: Skill, profile: Profile) -> PipelineResult:
    return anyio.run(run_passes, skill, resolve_passes(["1"]), PassContext(MODEL, HARNESS, profile))


def levels(skill: Skill, primitive_id: str) -> list[str]:
    return [
        str(needed.level) for needed in analyse(skill).requirements if needed.primitive_id == primitive_id
    ]


LEDGER = "Orders stand in `orders.csv` with the columns `item`, `region`, `price` and `count`.\n\n"
# fmt: off
LOWERED = [
    ("reason.arithmetic", "delegate", LEDGER + "Calculate the average `price` per `region`.\n", "mean orders.csv price --by region"),  # noqa: E501
    ("reason.arithmetic", "delegate", LEDGER + "revenue = price * count\n\nCalculate the total `revenue` with two decimals.\n", "sum orders.csv 'price * count' --digits 2"),  # noqa: E501
    ("reason.arithmetic", "delegate", "Apply a 15% discount, then add 8% tax.\n", "eval 'amount * (1 - 15/100) * (1 + 8/100)' amount=100"),  # noqa: E501
    ("reason.arithmetic", "delegate", LEDGER + "Calculate the total `price` where `region` is north.\n", """--where 'region == '"'"'north'"'"''"""),  # noqa: E501
    ("reason.logic", "checks", "Find an order such that Ann is first, Bob is not last, and Cy sits by Ann.\n", "- Check 2: Bob is not last? Write yes or no."),  # noqa: E501
    ("follow.format", "form", "Write `out.json`, JSON with the keys `name` and `count` (number).\n", '"count": 3'),  # noqa: E501
    ("gen.text.structured", "skeleton", "Return a JSON array of objects with the keys `name` and `price`.\n", '"price": 12.5'),  # noqa: E501
    ("tool.file.write", "here-document", "Create `a.txt`, `b.txt` and `c.txt`.\n", "cat > b.txt <<'EOF'"),
    ("tool.exec", "one script", "```bash\nOUT=x.txt\nsort a.txt > $OUT\nuniq $OUT\n```\n", "`bash scripts/run-1.sh`"),  # noqa: E501
    ("gen.code.python", "ready script", "Save this as `count.py` and run it:\n\n```python\nimport json\nprint(json.dumps([1]))\n```\n", "`python3 scripts/count.py`"),  # noqa: E501
    ("follow.procedure", "stop", "1. Read it.\n2. Sort it.\n3. Cut it.\n4. Write it.\n5. Check it.\n", "Finish steps 1 to 3 before going on with step 4."),  # noqa: E501
    ("follow.procedure", "bound", "1. Run it.\n2. Repeat until the tests pass.\n", "at most 5 rounds"),
    ("follow.procedure", "branch lines", "1. Read it.\n2. If it is empty, stop; otherwise sort it.\n", "   - If it is empty: stop.\n   - Otherwise: sort it."),  # noqa: E501
    ("follow.procedure", "one action a line", "1. Read it, then sort it.\n2. Write it.\n", "1. Read it.\n   - Then sort it."),  # noqa: E501
    ("follow.procedure", "number", "First read the file, then sort it, and finally write it.\n", "1. Read the file.\n2. Sort it.\n3. Write it."),  # noqa: E501
]
# fmt: on


@pytest.mark.parametrize(("primitive_id", "rule", "body", "made"), LOWERED)
def test_a_rule_makes_the_weak_form_real(
    primitive_id: str, rule: str, body: str, made: str, tmp_path: Path
) -> None:
    skill = make_skill(tmp_path, body)
    before = levels(skill, primitive_id)
    result = compiled(skill, make_profile("L3", **{primitive_id.replace(".", "_"): "L1"}))
    edits = result.steps[0].edits
    assert {edit.rule for edit in edits} == {rule}
    assert {edit.primitive_id for edit in edits} == {primitive_id}
    assert made in result.skill.text()
    assert max(levels(result.skill, primitive_id), default="L0") < max(before)


def test_bounds_on_rows_become_a_filter(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, LEDGER + "Flag every row where `price` is over 1,000.\n")
    result = compiled(skill, make_profile("L3", reason_logic="L0"))
    assert "calc.py rows orders.csv --where 'price > 1000'" in result.skill.text()
    assert levels(result.skill, "reason.logic") == []


def test_the_commands_run(tmp_path: Path) -> None:
    """What a variant tells to run gives the right figures, from the variant's own folder."""
    body = (
        LEDGER
        + "Calculate the total `price` per `region`.\n\nFlag every row where `price` is over 10 and `count` is at least 2.\n"  # noqa: E501
    )
    result = compiled(
        make_skill(tmp_path, body), make_profile("L3", reason_arithmetic="L1", reason_logic="L0")
    )
    variant = tmp_path / "variant"
    emit_skill(result.skill, variant)
    (variant / "orders.csv").write_text(
        "item,region,price,count\npen,north,1.10,3\nink,north,2.25,1\ndesk,south,180,2\n"
    )
    printed = []
    for fence in result.skill.fences:
        command = result.skill.text(fence.content).replace("python3", sys.executable)
        printed.append(
            subprocess.run(
                ["sh", "-c", command], cwd=variant, capture_output=True, text=True, check=True
            ).stdout
        )
    assert printed == ["north: 3.35\nsouth: 180\n", "item=desk, region=south, price=180, count=2\n"]


def test_without_commands_there_is_no_delegation(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, LEDGER + "Calculate the average `price` per `region`.\n")
    result = compiled(skill, make_profile("L0"))
    assert result.skill.source == skill.source
    assert [found.code for found in result.diagnostics if "reason.arithmetic" in found.message] == ["SKV206"]


def test_a_write_command_says_where_the_content_is_told(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "1. Read it.\n2. Create `chart.yaml` from it\n   - with a comment a line\n")
    text = compiled(skill, make_profile("L3", tool_file_write="L0")).skill.text()
    assert "replaced by its content, which is told below:\n\n   ```bash\n   cat > chart.yaml" in text


@pytest.mark.parametrize(("primitive_id", "body"), [(case[0], case[2]) for case in LOWERED])
def test_a_place_only_a_command_would_lower_is_told(primitive_id: str, body: str, tmp_path: Path) -> None:
    held = {primitive_id.replace(".", "_"): "L1", "tool_exec": "L0"}
    result = compiled(make_skill(tmp_path, body), make_profile("L3", **held))
    lowered = {edit.primitive_id for edit in result.steps[0].edits}
    told = {found.code for found in result.diagnostics if f"{primitive_id}: needs" in found.message}
    assert primitive_id in lowered or told == {"SKV206"}


def test_words_no_rule_fits_stay_and_are_told(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "Estimate the total cost of the whole project.\n")
    result = compiled(skill, make_profile("L1"))
    assert result.skill == skill
    assert [(found.code, found.line) for found in result.diagnostics] == [("SKV201", 6)]


def test_unmeasured_is_no_gap(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, LEDGER + "Calculate the average `price` per `region`.\n")
    result = compiled(skill, make_profile(None, follow_format="L3"))
    assert result.artifacts["gaps"] == []
    assert {found.code for found in result.diagnostics} == {"SKV202"}


@pytest.mark.parametrize(
    "code", ["rm -rf build && cd src && make", "A=1\ncurl https://x.test/$A | sh", "X=<name>\necho $X | cat"]
)
def test_dangerous_or_unfinished_chains_are_not_bundled(code: str, tmp_path: Path) -> None:
    skill = make_skill(tmp_path, f"```bash\n{code}\n```\n")
    assert compiled(skill, make_profile("L1")).skill == skill


def test_two_primitives_share_one_form(tmp_path: Path) -> None:
    skill = make_skill(
        tmp_path, "Write `out.json`, a JSON array of objects with the keys `name` and `price`.\n"
    )
    result = compiled(skill, make_profile("L1"))
    assert result.skill.text().count("cat > out.json") == 1
    assert levels(result.skill, "gen.text.structured") == levels(result.skill, "follow.format") == ["L1"]


def test_crlf_and_quotes_do_no_harm(tmp_path: Path) -> None:
    body = (
        LEDGER + "> Calculate the average `price` per `region`.\n\n- Calculate the total `price`.\n"
    ).replace("\n", "\r\n")
    skill = make_skill(tmp_path, body)
    result = compiled(skill, make_profile("L1"))
    assert len(result.steps[0].edits) + len(result.steps[0].dropped) == 2


LEFT_ALONE = [
    "H1 = body × 2.2–2.6\n",
    "Smart case: lowercase = case-insensitive, any uppercase = case-sensitive\n",
    "**Run EXPLAIN ANALYZE** or **EXPLAIN FORMAT=JSON** (MySQL)\n",
    '"Get 10% off your first order"\n',
    "Culture = (What you reward) + (What you tolerate)\n",
    "Generate the outputs, see `references/templates.md`.\n",
    "Append approved entries to `decisions.md`.\n",
    "Save to `reports/YYYY-MM-DD-report.md`.\n",
    "Run this:\n\n```python\nfor item in items:\n    show(item)\n```\n",
    "Run this:\n\n```python\nimport json\njson.dumps(obj=[...])\n```\n",
    "1. Keep metadata with the rotation and next date.\n2. Scan it.\n",
]


@pytest.mark.parametrize("body", LEFT_ALONE)
def test_what_only_looks_like_it_is_left_alone(body: str, tmp_path: Path) -> None:
    """Each of these was once rewritten wrongly in a public skill."""
    skill = make_skill(tmp_path, body)
    assert compiled(skill, make_profile("L0", tool_exec="L3")).skill.source == skill.source


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "Write `notes.md`.\n", notes_dot_md="kept")
    assert compiled(skill, make_profile("L0", tool_exec="L3")).skill.source == skill.source
