"""The same step in every kind of cell, and what an old python can read."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from skvm.harness.sandbox import Policy
from skvm.runtime.boost import outfit as outfits
from skvm.runtime.boost.model import Check, ParamType, Place
from skvm.runtime.boost.outfit import lay_outfit, verdict_of
from tests.confinement import ALL, make_ground, working
from tests.unit.runtime.boost.inside.steps import TICKET, candidate_of, python_step, shell_step

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ALL)
async def test_a_step_is_taken_in_every_kind_of_cell(name: str) -> None:
    sandbox = working(name)
    code = "import json; open('old.txt', 'w').write('new'); json.dump(P, open('deep/new.json', 'w'))"
    python = python_step(
        "import os; os.makedirs('deep', exist_ok=True)\n" + code,
        "old.txt",
        "deep/new.json",
        params={"text": ParamType.STRING},
    )
    source = Check(place=Place(path="old.txt"))
    shell = shell_step(
        'printf "%s" "$P_text" > said.txt', "said.txt", params={"text": ParamType.STRING}, inputs=(source,)
    )
    with make_ground() as ground:
        (ground.work / "old.txt").write_text("old")
        laid = lay_outfit(ground.outside.parent / "outfit", [python, shell])
        async with sandbox.open(Policy(work_dir=ground.work, read_only=(laid.folder,))) as cell:
            for template in (python, shell, python):
                line = laid.command_line(candidate_of(template), TICKET, {"text": "it's $(touch x)\n`y`"})
                ended = await cell.execute(line, timeout_s=60)
                verdict = verdict_of(ended.stdout, TICKET)
                assert verdict is not None, ended
                assert verdict.is_done, verdict
                assert ended.exit_code == 0
        left = {str(path.relative_to(ground.work)) for path in ground.work.rglob("*") if path.is_file()}
        assert {each for each in left if not each.startswith(".")} == {"old.txt", "deep/new.json", "said.txt"}
        assert not [each for each in left if "skvm" in each]
        assert (ground.work / "old.txt").read_text() == "new"
        assert json.loads((ground.work / "deep/new.json").read_text()) == {"text": "it's $(touch x)\n`y`"}
        assert (ground.work / "said.txt").read_text() == "it's $(touch x)\n`y`"


@pytest.mark.parametrize("source", sorted(outfits.INSIDE.glob("*.py")), ids=lambda path: path.name)
def test_what_runs_in_a_cell_is_python_3_8_and_imports_nothing_but_the_standard_library(source: Path) -> None:
    tree = ast.parse(source.read_text(), feature_version=(3, 8))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
        )
    }
    foreign = {
        name
        for name in imported
        if name.startswith("skvm") and not name.startswith("skvm.runtime.boost.inside")
    }
    assert not foreign
    assert not imported & {"pydantic", "anyio"}
