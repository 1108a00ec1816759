"""Steps in a cell that serves many: what each leaves, what it may not, and that none sees another."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.runtime.boost.proving.examples import (
    RIGHT_PYTHON,
    SALES,
    a_run,
    a_totals_run,
    totals_candidate,
)
from tests.unit.runtime.boost.proving.templates import RIGHT, WRONG

from skvm.errors import InfrastructureError
from skvm.evidence.blobs import BlobStore
from skvm.harness.confine import choose_sandbox
from skvm.harness.sandbox import Sandbox
from skvm.runtime.boost.model import Language
from skvm.runtime.boost.proving import steps as proving_steps
from skvm.runtime.boost.proving.fuzz import fuzz
from skvm.runtime.boost.proving.steps import Step, open_steps

pytestmark = pytest.mark.anyio

BEFORE = {"sales.csv": SALES}
PARAMS = {"source": "sales.csv", "column": "region", "target": "totals.json"}
OK = 'echo "{}" > "$P_target"\n'


async def steps_of(code: str, sandbox: Sandbox, ground: Path, *, is_wired: bool = False) -> Step:
    candidate = totals_candidate(code, Language.SHELL)
    async with open_steps([candidate.template], sandbox=sandbox, tmp_dir=ground) as steps:
        return await steps.run(candidate, BEFORE, PARAMS, is_wired=is_wired)


async def test_code_is_never_tried_without_walls(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = choose_sandbox("none")

    def chosen() -> Sandbox:
        raise InfrastructureError("no sandbox works here")

    monkeypatch.setattr(proving_steps, "choose_sandbox", chosen)
    with pytest.raises(InfrastructureError, match="no sandbox works here"):
        await steps_of(OK, bare, ground)


async def test_many_steps_in_one_cell_do_not_see_each_other(ground: Path, any_sandbox: Sandbox) -> None:
    candidates = [totals_candidate(RIGHT_PYTHON), totals_candidate(OK, Language.SHELL)]
    templates = [candidate.template for candidate in candidates]
    async with open_steps(templates, sandbox=any_sandbox, tmp_dir=ground) as steps:
        found = [await steps.run(candidate, BEFORE, PARAMS) for candidate in (*candidates, *candidates)]
        empty = await steps.run(candidates[0], {}, PARAMS)
    assert [step.is_done for step in found] == [True] * 4
    assert all(step.strays == () for step in found)
    assert all(set(step.files or {}) == {"sales.csv", "totals.json"} for step in found)
    assert (found[0].files or {})["totals.json"] == (found[2].files or {})["totals.json"]
    assert (found[1].files or {})["totals.json"] == b"{}\n"
    assert empty.files == {}
    assert empty.why_not == "input: sales.csv is absent"


@pytest.mark.parametrize(
    "code",
    [
        'touch "$TMPDIR/../../of-mine"',
        'mkdir "$(dirname "$(dirname "$TMPDIR")")/folder"',
        'chmod 0 "$(dirname "$(dirname "$TMPDIR")")"',
    ],
)
async def test_what_is_left_in_the_cell_is_a_stray(ground: Path, any_sandbox: Sandbox, code: str) -> None:
    step = await steps_of(f"{code}\n{OK}", any_sandbox, ground)
    assert len(step.strays) >= 1


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("date > /dev/null", "date"),
        ("python3 -c 'import time; time.time()'", "time"),
        ("python3 -c 'from datetime import datetime as d; d.now()'", "now"),
        ("python3 - <<'EOF'\nimport random\nrandom.random()\nEOF", "random"),
        ("python3 -c 'import os; os.urandom(4)'", "urandom"),
        ("python3 -c 'import socket; socket.getaddrinfo(\"localhost\", 80)' || true", "network"),
        ("python3 -c 'import json, csv, tempfile, logging; json.dumps(1)'", None),
        ("echo date", None),
    ],
)
async def test_tripwires_tell_what_was_asked(
    ground: Path, sandbox: Sandbox, code: str, asked: str | None
) -> None:
    step = await steps_of(f"{code}\n{OK}", sandbox, ground, is_wired=True)
    assert step.is_done, step.why_not
    assert [stray.rpartition("/")[2] for stray in step.strays] == ([f"asked-{asked}"] if asked else [])
    assert not (await steps_of(f"{code}\n{OK}", sandbox, ground)).strays


@pytest.mark.parametrize("code", ["kill -9 -1", "kill -9 $PPID", "sleep 60"])
async def test_who_gives_no_verdict_is_not_done(ground: Path, sandbox: Sandbox, code: str) -> None:
    candidate = totals_candidate(f"{code}\n{OK}", Language.SHELL)
    candidate = candidate.model_copy(
        update={"template": candidate.template.model_copy(update={"timeout_s": 1.0})}
    )
    async with open_steps([candidate.template], sandbox=sandbox, tmp_dir=ground) as steps:
        step = await steps.run(candidate, BEFORE, PARAMS)
    assert not step.is_done
    assert step.why_not


async def test_fuzzing_is_the_same_in_every_sandbox(
    ground: Path, blobs: BlobStore, any_sandbox: Sandbox
) -> None:
    for example, is_good in (
        (RIGHT["unique lines in shell"], True),
        (WRONG["a value in eval of a shell"], False),
    ):
        run = a_run(blobs, example.before, example.after, prompt=example.prompt)
        proof = await fuzz(example.candidate, [run], sandbox=any_sandbox, tmp_dir=ground)
        assert (proof.is_good, bool(proof.reason)) == (is_good, not is_good)


async def test_without_a_run_to_begin_from_nothing_is_told(
    ground: Path, blobs: BlobStore, sandbox: Sandbox
) -> None:
    candidate = totals_candidate(RIGHT_PYTHON)
    for runs in ([], [a_totals_run(blobs, score=None)], [a_totals_run(blobs, prompt="Hello.")]):
        proof = await fuzz(candidate, runs, sandbox=sandbox, tmp_dir=ground)
        assert proof.is_good is None
        assert proof.reason


async def test_a_run_that_does_not_agree_is_no_start_but_another_is(
    ground: Path, blobs: BlobStore, sandbox: Sandbox
) -> None:
    candidate = totals_candidate(RIGHT_PYTHON)
    other = a_run(blobs, BEFORE, {**BEFORE, "totals.json": b"{}"})
    assert (await fuzz(candidate, [other], sandbox=sandbox, tmp_dir=ground)).is_good is False
    runs = [other, a_totals_run(blobs)]
    assert (await fuzz(candidate, runs, sandbox=sandbox, tmp_dir=ground, rounds=1)).is_good is True
