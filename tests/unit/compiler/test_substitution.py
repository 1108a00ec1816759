"""Choices a skill leaves: how they are read, how one is settled, and that the guard sees it."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from skvm.cli.main import run
from skvm.compiler.choices import cheapest
from skvm.compiler.contract import CompileOptions
from skvm.compiler.driver import CompileResult, compile_skill
from skvm.compiler.reading.alternatives import read_choices, settle, skipped
from skvm.compiler.requirements import analyse, read, scr_of
from skvm.settings import load_settings
from skvm.skill.ir import Skill
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill

HARD = "Write a Python script that parses `orders.csv` with pandas and groups the rows by `item`."
SECTIONS = f"""## Count

Count the orders.

### Option A: By hand

{HARD}

### Option B: With the tool

Run `sort orders.csv`.

## Afterwards

Say thanks.
"""


def ways_of(skill: Skill) -> list[list[tuple[str, str]]]:
    prose = read(skill).prose
    return [[(way.name, skill.text(way.span)) for way in choice.ways] for choice in read_choices(prose)]


def compile_in(folder: Path, skill: Skill, *, refused: tuple[str, ...] = (), **levels: str) -> CompileResult:
    async def work() -> CompileResult:
        return await compile_skill(
            skill,
            model=MODEL,
            harness=HARNESS,
            profile=make_profile("L3", **levels),
            settings=load_settings(cache_dir=str(folder / "cache"), env={}),
            options=CompileOptions(refused=refused),
        )

    return anyio.run(work)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("### Option A: X\n\nDo x.\n\n### Option B: Y\n\nDo y.\n", "Option A|Option B"),
        ("### Method 1: X\n\na\n\n### Method 2: Y\n\nb\n\n### Method 3\n\nc\n", "Method 1|Method 2|Method 3"),
        ("**Option A: Webhook**\n- Register it.\n\n**Option B: Polling**\n- Poll it.\n", "Option A|Option B"),
        ("Run `a.sh`. Alternatively, run `b.sh`.\n", "the first way|the alternative"),
        ("Do\n\n```sh\na\n```\n\nAlternatively:\n\n```sh\nb\n```\n", "the first way|the alternative"),
        ("Use `plumber` on it. If `plumber` is not available, use `pypdf`.\n", "`plumber`|`pypdf`"),
        ("Render it with pandoc. Fall back to weasy if pandoc is unavailable.\n", "pandoc|weasy"),
        ("Use either `pandas` or `polars`.\n", "`pandas`|`polars`"),
        ("Use `httpx` or `requests` to fetch it.\n", "`httpx`|`requests`"),
    ],
)  # fmt: skip
def test_choices_are_read(tmp_path: Path, body: str, expected: str) -> None:
    found = ways_of(make_skill(tmp_path, body))
    assert ["|".join(name for name, _ in ways) for ways in found] == [expected]


@pytest.mark.parametrize(
    "body",
    [
        "### Option A: X\n\nDo x.\n\n### Later\n\nDo y.\n",
        "### Option A: X\n\nDo x.\n\n### Option C: Z\n\nDo z.\n",
        "## A\n\n### Option 1: X\n\na\n\n## B\n\n### Option 2: Y\n\nb\n",
        "### Strategy 1: X\n\nDo x.\n\n### Strategy 2: Y\n\nDo y.\n",
        "Use `wav` or `pcm` for lowest latency.\n",
        "If `gh` is not installed, skip the search.\n",
        "If `gh` is not installed, use `curl`.\n",
        "- one\n- two\n\nAlternatively, do nothing.\n",
        "Alternatively, do nothing.\n",
    ],
)
def test_what_is_no_choice(tmp_path: Path, body: str) -> None:
    assert ways_of(make_skill(tmp_path, body)) == []


def test_the_text_of_each_way_is_its_own(tmp_path: Path) -> None:
    (ways,) = ways_of(make_skill(tmp_path, SECTIONS))
    assert ways[0][1].startswith("### Option A")
    assert HARD in ways[0][1]
    assert "Option B" not in ways[0][1]
    assert ways[1][1].rstrip().endswith("Run `sort orders.csv`.")
    assert "Afterwards" not in ways[1][1]


def test_requirements_belong_to_the_path_they_stand_in(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, SECTIONS)
    analysis = analyse(skill)
    (choice,) = analysis.choices
    hard, easy = choice.options
    assert "gen.code.python" in {needed.primitive_id for needed in hard.requirements}
    assert "gen.code.python" not in {needed.primitive_id for needed in easy.requirements}
    purpose = next(found for found in scr_of(skill, analysis)["purposes"] if found["id"] == choice.purpose_id)
    assert "gen.code.python" in {needed["id"] for needed in purpose["currentPath"]["primitives"]}
    (other,) = purpose["alternativePaths"]
    assert other["note"].startswith("Option B")
    assert "gen.code.python" not in {needed["id"] for needed in other["primitives"]}


def test_a_path_the_target_cannot_go_is_settled(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, SECTIONS)
    result = compile_in(tmp_path, skill, gen_code_python="L0")
    text = result.skill.text()
    assert "Use Option B here and skip Option A.\n\n### Option A: By hand" in text
    assert HARD in text
    (edit,) = [found for found in result.proof["edits"] if found["rule"] == "substitute"]
    assert edit["chain"]["primitive"] == "gen.code.python"
    assert edit["chain"]["requiredAfter"] == "L0"
    assert "the target holds L0" in edit["reason"]
    assert not [gap for gap in result.proof["gapsLeft"] if gap["primitiveId"] == "gen.code.python"]
    assert result.proof["rolledBack"] == []
    assert analyse(result.skill).choices == ()


def test_a_path_the_target_can_go_is_left_alone(tmp_path: Path) -> None:
    result = compile_in(tmp_path, make_skill(tmp_path, SECTIONS))
    assert result.is_unchanged


def test_nothing_is_settled_without_a_feasible_path(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, SECTIONS.replace("Run `sort orders.csv`.", HARD))
    result = compile_in(tmp_path, skill, gen_code_python="L0")
    assert "here and skip" not in result.skill.text()


def test_a_path_with_a_condition_is_not_chosen(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, SECTIONS.replace("With the tool", "For small files"))
    result = compile_in(tmp_path, skill, gen_code_python="L0")
    assert "here and skip" not in result.skill.text()


@pytest.mark.parametrize(
    ("body", "refused", "expected"),
    [
        (
            "Open it with `pdfplumber`. If `pdfplumber` is not available, use `pypdf`.\n",
            ("pip:pdfplumber",),
            "Use `pypdf` here and skip `pdfplumber`. If `pdfplumber` is not available",
        ),
        (
            "Load it. Use either `pandas` or `polars`.\n",
            ("pip:pandas",),
            "either `pandas` or `polars`. Use `polars` here and skip `pandas`.",
        ),
        (
            "### Option A: X\n\n```python\nfrom PIL import Image\n```\n\n### Option B: Y\n\nSay y.\n",
            ("pip:Pillow",),
            "Use Option B here and skip Option A.",
        ),
        ("Use either `pandas` or `polars`.\n", ("pip:polars",), ""),
        ("Use either `pandas` or `polars`.\n", ("pip:pandas", "pip:polars"), ""),
        ("Use either `pandas` or `polars`.\n", ("pip:panda",), ""),
    ],
)  # fmt: skip
def test_refused_dependencies_settle_a_choice(
    tmp_path: Path, body: str, refused: tuple[str, ...], expected: str
) -> None:
    result = compile_in(tmp_path, make_skill(tmp_path, body), refused=refused)
    if expected:
        assert expected in result.skill.text()
        (edit,) = result.proof["edits"]
        assert refused[0] in edit["reason"]
    else:
        assert result.is_unchanged


def test_the_lowest_sum_of_levels_is_taken_then_the_shortest(tmp_path: Path) -> None:
    body = (
        f"### Option A: X\n\n{HARD}\n\n### Option B: Y\n\nCalculate the average `price` of `orders.csv`.\n\n"
        "### Option C: Z\n\nSay hello to whoever asked, and be friendly.\n\n### Option D: W\n\nSay hi.\n"
    )
    skill = make_skill(tmp_path, body)
    (choice,) = analyse(skill).choices
    assert cheapest(choice, make_profile("L3", gen_code_python="L0"), skill, {}) == 3
    assert cheapest(choice, make_profile("L3"), skill, {}) is None


def test_a_settled_choice_asks_nothing_of_what_is_skipped(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, SECTIONS)
    (ways,) = read_choices(read(skill).prose)
    text = SECTIONS.replace("### Option A", f"{settle(ways, 1)}\n\n### Option A", 1)
    after = make_skill(tmp_path, text)
    prose = read(after).prose
    assert len(skipped(prose, read_choices(prose))) == 1
    assert "gen.code.python" not in {needed.primitive_id for needed in analyse(after).requirements}


@pytest.mark.parametrize(
    "sentence",
    ["Use Option C here and skip Option A.", "Use Option B here and skip Option C.", "Use Option B."],
)
def test_a_sentence_that_settles_another_choice_settles_nothing(tmp_path: Path, sentence: str) -> None:
    skill = make_skill(tmp_path, SECTIONS.replace("### Option A", f"{sentence}\n\n### Option A", 1))
    assert "gen.code.python" in {needed.primitive_id for needed in analyse(skill).requirements}


def test_the_rest_of_a_passage_may_be_skipped(tmp_path: Path) -> None:
    body = f"Run `sort orders.csv`. Use sorting here and skip the rest of this passage. {HARD}\n\nSay hi.\n"
    needed = {found.primitive_id for found in analyse(make_skill(tmp_path, body)).requirements}
    assert "gen.code.python" not in needed
    again = body.replace("the rest of this passage", "the rest of the work")
    needed = {found.primitive_id for found in analyse(make_skill(tmp_path, again)).requirements}
    assert "gen.code.python" in needed


def test_compiled_twice_the_bytes_are_the_same(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, SECTIONS)
    first = compile_in(tmp_path / "a", skill, gen_code_python="L0")
    second = compile_in(tmp_path / "b", skill, gen_code_python="L0")
    assert first.skill.source == second.skill.source
    assert json.dumps(first.proof) == json.dumps(second.proof)


@pytest.mark.parametrize(("refused", "code"), [("pip:pandas", 0), ("pandas", 2), ("pip:", 2), ("cargo:x", 2)])
def test_the_command_takes_what_is_refused(
    tmp_path: Path, refused: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    make_skill(tmp_path, "Use either `pandas` or `polars`.\n")
    (tmp_path / "profile.json").write_text(make_profile("L3").model_dump_json(by_alias=True))
    done = run(
        [
            "aot-compile",
            f"--skill={tmp_path / 'sample'}",
            f"--model={MODEL}",
            f"--adapter={HARNESS}",
            f"--profile={tmp_path / 'profile.json'}",
            f"--skvm-cache={tmp_path / 'cache'}",
            f"--refuse={refused}",
        ]
    )
    assert done == code
    said = capsys.readouterr()
    assert ("1 edit" in said.out) if code == 0 else ("type:name" in said.err)


def test_a_path_the_skill_advises_is_not_left_for_its_number_of_steps(tmp_path: Path) -> None:
    steps = "".join(f"{number}. Write the line.\n" for number in range(1, 7))
    body = (
        f"## Log in\n\n### Option A: In the browser (Recommended)\n\n{steps}\n"
        "### Option B: With a key\n\nPut the key in.\n"
    )
    made = compile_in(tmp_path, make_skill(tmp_path, body), follow_procedure="L1")
    assert "skip" not in made.skill.text()
    plain = body.replace(" (Recommended)", "")
    made = compile_in(tmp_path, make_skill(tmp_path, plain), follow_procedure="L1")
    assert "Use Option B here and skip Option A." in made.skill.text()


def test_a_path_the_skill_advises_is_left_only_where_it_cannot_be_gone(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, SECTIONS.replace("By hand", "By hand (recommended)"))
    assert "skip" not in compile_in(tmp_path, skill, gen_code_python="L1").skill.text()
    made = compile_in(tmp_path, skill, gen_code_python="L0")
    assert "Use Option B here and skip Option A." in made.skill.text()
