"""Pass 2: the artifacts older readers know, the records, what may not be bound."""

from __future__ import annotations

import json
import subprocess

import anyio

from skvm.compiler.contract import CompileOptions, PassContext, PassResult
from skvm.compiler.dependencies.refusal import refused_dependencies
from skvm.compiler.passes.bind_env import BindEnv
from skvm.compiler.pipeline import resolve_passes, run_passes
from skvm.harness.environment.manifest import Manifest
from skvm.skill.ir import Skill
from tests.unit.compiler.dependencies.making import skill_of

TEXT = """\
---
name: demo
description: Does something with tables.
---
# Demo

Install: `pip install "pandas[excel]>=2,<3" tqdm`

```python
from __future__ import annotations
import pandas as pd
import nobody_knows_this
```

```bash
pdftotext in.pdf && npx @scope/tool@1.2 build
```
"""


def apply(skill: Skill, options: CompileOptions | None = None) -> PassResult:
    context = PassContext("m", "bare-agent", None, options=options or CompileOptions())
    return anyio.run(BindEnv().apply, skill, context)


def test_artifacts_and_records() -> None:
    result = apply(skill_of(TEXT))

    deps = {f"{item['type']}:{item['name']}": item for item in result.artifacts["deps"]}
    assert set(deps) == {
        "pip:pandas", "pip:tqdm", "pip:nobody-knows-this", "npm:@scope/tool",
        "system:pdftotext", "system:python3", "system:node",
    }  # fmt: skip
    pandas = deps["pip:pandas"]
    assert (pandas["spec"], pandas["required"], pandas["pythonModules"]) == (
        "[excel]>=2,<3",
        True,
        ["pandas"],
    )
    assert pandas["evidence"] == "SKILL.md:7"
    assert deps["npm:@scope/tool"]["spec"] == "1.2"
    assert deps["pip:nobody-knows-this"]["confidence"] < 0.7
    assert set(result.records) == {"env-manifest.json", "env-setup.sh", "env-lock.json"}
    assert result.artifacts["envSimulation"]["attemptCount"] == 0
    assert result.artifacts["envSimulation"]["success"] is False
    assert result.artifacts["envScript"].encode() == result.records["env-setup.sh"]
    assert result.edits == ()


def test_the_records_agree_and_bash_takes_the_script() -> None:
    records = apply(skill_of(TEXT)).records

    manifest = Manifest.model_validate_json(records["env-manifest.json"])
    lock = json.loads(records["env-lock.json"])
    assert lock["manifest"] == manifest.digest
    assert lock["requirements"]["required"] == [
        "pip:pandas[excel]>=2,<3", "pip:tqdm", "npm:@scope/tool@1.2",
    ]  # fmt: skip
    assert b"nobody-knows-this" not in records["env-setup.sh"]
    done = subprocess.run(["bash", "-n"], input=records["env-setup.sh"], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_same_skill_gives_the_same_bytes() -> None:
    first, second = apply(skill_of(TEXT)), apply(skill_of(TEXT))

    assert first.records == second.records
    assert json.dumps(first.artifacts) == json.dumps(second.artifacts)


def test_what_is_refused_is_marked_told_and_never_bound() -> None:
    options = CompileOptions(refused=("pip:Pandas", "system:pdftotext", "pip:absent"))
    result = apply(skill_of(TEXT), options)

    manifest = Manifest.model_validate_json(result.records["env-manifest.json"])
    refused = {entry.key for entry in manifest.entries if entry.refused}
    assert refused == {"pip:pandas", "system:pdftotext"}
    assert "pip:pandas" not in {entry.key for entry in manifest.to_bind(optional=True)}
    assert b"pandas" not in result.records["env-setup.sh"]
    codes = sorted(found.code for found in result.diagnostics)
    assert codes == ["SKV220", "SKV220", "SKV221", "SKV222", "SKV223"]
    assert {entry.key for entry in refused_dependencies(skill_of(TEXT), options)} == refused
    assert refused_dependencies(skill_of(TEXT), CompileOptions()) == ()


def test_it_runs_in_the_pipeline_by_number_and_needs_no_profile() -> None:
    context = PassContext("m", "bare-agent", None)

    result = anyio.run(run_passes, skill_of(TEXT), resolve_passes(["2"]), context)

    assert result.skill.source == TEXT.encode()
    assert set(result.steps[0].records) == {"env-manifest.json", "env-setup.sh", "env-lock.json"}
