from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill

from skvm.compiler.contract import PassContext, PassResult
from skvm.compiler.passes.extract_parallelism import ExtractParallelism
from skvm.compiler.plans.planning import plan_of
from skvm.compiler.plans.run_hint import groups_run, run_line

TWO = ("Run `sort a > b`.", "Run `sort c > d`.")
LOOP = "Sort them:\n\n   ```bash\n   for f in in/*.txt; do sort $f > out/$(basename $f); done\n   ```\n"


def body(*steps: str, title: str = "Flow") -> str:
    return f"# {title}\n\n" + "".join(f"{number}. {step}\n" for number, step in enumerate(steps, 1))


def line(folder: Path, text: str) -> str | None:
    return run_line(plan_of(make_skill(folder, text)).plan, in_chinese=False)


def applied(folder: Path, text: str, **levels: str) -> PassResult:
    profile = make_profile("L3", **levels) if levels else None

    async def run() -> PassResult:
        ctx = PassContext(MODEL, HARNESS, profile)
        return await ExtractParallelism().apply(make_skill(folder, text), ctx)

    return anyio.run(run)


@pytest.mark.parametrize(
    ("steps", "numbers"),
    [
        (TWO, "1–2"),
        ((LOOP, "Run `wc in/a.txt > n`."), "1–2"),
        (("Read `rules.md`.", *TWO), "2–3"),
        ((TWO[0], "Read `b` and write `b.md`.", "Run `sort e > f`.", "Run `sort g > h`."), "1, 3–4"),
    ],
)
def test_one_command_for_the_steps_it_can_run(tmp_path: Path, steps: tuple[str, ...], numbers: str) -> None:
    found = line(tmp_path, body(*steps))
    assert found is not None
    assert f"`skvm plan run plan.json` does steps {numbers} above" in found
    plan = plan_of(make_skill(tmp_path, body(*steps))).plan
    has_rest = not all(step.executable for step in plan.steps)
    assert ("--done STEP" in found) is has_rest


@pytest.mark.parametrize(
    "text",
    [
        body("Run `sort a > b`.", "Run `sort b > c`."),
        body("Read `a.md`.", "Read `b.md`.", "Write the comparison to `c.md`."),
        body("For each `in/*.txt`, write `out/<name>.md`.", "Run `wc out/a.md > n`."),
        body("Run `sort a > b` if there is no b.", "Run `sort c > d`."),
        body(*TWO) + "\n" + body(*TWO, title="Another flow"),
        "# Batch\n\n```bash\nfor f in *.png; do\n  convert $f small/$f\ndone\n```\n",
    ],
)
def test_no_command_where_it_would_gain_nothing_or_run_what_is_not_meant(tmp_path: Path, text: str) -> None:
    assert line(tmp_path, text) is None
    assert groups_run(plan_of(make_skill(tmp_path, text)).plan) == ()


def test_the_pass_names_the_command_in_the_place_of_a_batch(tmp_path: Path) -> None:
    (edit,) = applied(tmp_path, body(*TWO)).edits
    assert edit.rule == "name-the-command"
    assert edit.new_text.count("skvm plan run") == 1
    assert "one turn" not in edit.new_text
    assert "one call at a time" not in edit.new_text


def test_groups_of_a_model_keep_their_line_beside_it(tmp_path: Path) -> None:
    reads = ("Read `a.md`.", "Read `b.md`.")
    (edit,) = applied(tmp_path, body(*reads, *TWO)).edits
    assert "in one turn: read `a.md`; read `b.md`" in edit.new_text
    assert "`skvm plan run plan.json` does steps 3–4 above" in edit.new_text
    (edit,) = applied(tmp_path, body(*reads, *TWO), tool_call_batch="L0").edits
    assert "in one turn" not in edit.new_text
    assert "`skvm plan run plan.json` does steps 3–4 above" in edit.new_text


def test_in_the_language_of_the_skill(tmp_path: Path) -> None:
    (edit,) = applied(tmp_path, body("运行 `sort a > b`。", "运行 `sort c > d`。", title="流程")).edits
    assert "`skvm plan run plan.json` 完成上面的第 1–2 步" in edit.new_text
