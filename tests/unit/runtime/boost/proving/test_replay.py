"""Candidates run where recorded runs began, in real cells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.runtime.boost.proving.examples import (
    PROMPT,
    RIGHT_PYTHON,
    SALES,
    TOTALS,
    a_check,
    a_run,
    a_totals_run,
    totals_candidate,
)

from skvm.evidence.blobs import BlobStore
from skvm.harness.sandbox import Sandbox
from skvm.harness.trajectory import Observation, Trajectory, Turn
from skvm.runtime.boost.model import Candidate, Language, Origin, Skeleton, Template
from skvm.runtime.boost.proving.replay import replay
from skvm.runtime.boost.proving.shadow import shadow

pytestmark = pytest.mark.anyio

BEFORE = {"sales.csv": SALES}
TOTALS_JSON = json.dumps(TOTALS).encode()
PARAMS = {"source": "sales.csv", "column": "region", "target": "totals.json"}
OFF_BY_ONE = RIGHT_PYTHON.replace("with open(P", "totals['north'] = 1\nwith open(P", 1)


def lines_candidate(code: str, *, is_terminal: bool) -> Candidate:
    """A step that writes nothing and says how many lines there are."""
    return Candidate(
        purpose_id="lines",
        skeletons=(Skeleton(texts=("How many lines has sales.csv?",)),),
        template=Template(
            language=Language.SHELL, code=code, inputs=(a_check(path="sales.csv", like=SALES),), timeout_s=10
        ),
        is_terminal=is_terminal,
        closing="{stdout}" if is_terminal else "",
        origin=Origin(kind="runs"),
    )


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_right_candidate_leaves_what_the_run_left(
    ground: Path, blobs: BlobStore, any_sandbox: Sandbox
) -> None:
    candidate = totals_candidate(RIGHT_PYTHON)
    proof = await replay(candidate, a_totals_run(blobs), sandbox=any_sandbox, tmp_dir=ground)
    assert (proof.is_good, proof.reason) == (True, "")
    assert proof.step_ms is not None
    assert proof.step_ms > 0
    assert left_in(ground) == []


async def test_a_wrong_one_leaves_something_else(ground: Path, blobs: BlobStore, sandbox: Sandbox) -> None:
    candidate = totals_candidate(OFF_BY_ONE)
    proof = await replay(candidate, a_totals_run(blobs), sandbox=sandbox, tmp_dir=ground)
    assert proof.is_good is False
    assert proof.reason == "totals.json: /north: 17, not 16"


async def test_one_that_bails_out_where_it_should_answer_is_not_good(
    ground: Path, blobs: BlobStore, sandbox: Sandbox
) -> None:
    candidate = totals_candidate(RIGHT_PYTHON.replace('"amount"', '"price"'))
    proof = await replay(candidate, a_totals_run(blobs), sandbox=sandbox, tmp_dir=ground)
    assert proof.is_good is False
    assert "KeyError: 'price'" in proof.reason


async def test_what_is_left_in_the_cell_is_found(ground: Path, blobs: BlobStore, sandbox: Sandbox) -> None:
    candidate = totals_candidate(RIGHT_PYTHON + "open('/tmp/beside', 'w').write('x')\n")
    proof = await replay(candidate, a_totals_run(blobs), sandbox=sandbox, tmp_dir=ground)
    assert proof.is_good is False


@pytest.mark.parametrize(
    "what", ["failed", "boosted", "other prompt", "other file", "no states", "too large"]
)
async def test_what_is_no_evidence(ground: Path, blobs: BlobStore, sandbox: Sandbox, what: str) -> None:
    run = {
        "failed": lambda: a_totals_run(blobs, score=0.2),
        "boosted": lambda: a_totals_run(blobs, boosted_turns=(0,)),
        "other prompt": lambda: a_totals_run(blobs, prompt=PROMPT.replace("Sum", "Average")),
        "other file": lambda: a_run(blobs, {"sales.csv": SALES.replace(b",", b";")}, {}),
        "no states": lambda: a_run(blobs),
        "too large": lambda: a_run(blobs, BEFORE),
    }[what]()
    proof = await replay(totals_candidate(RIGHT_PYTHON), run, sandbox=sandbox, tmp_dir=ground)
    assert proof.is_good is None
    assert proof.reason
    assert proof.step_ms is None


async def test_what_the_run_went_on_to_do(ground: Path, blobs: BlobStore, sandbox: Sandbox) -> None:
    done = {**BEFORE, "totals.json": TOTALS_JSON}
    for later, is_terminal, is_good in (
        ({**done, "report.md": b"All is well."}, False, True),
        ({**done, "report.md": b"All is well."}, True, None),
        ({**done, "make.py": b"x"}, True, True),
        ({**done, "totals.json": b"{}"}, False, None),
        ({**done, "totals.json": b"{}"}, True, False),
        (BEFORE, False, None),
    ):
        candidate = totals_candidate(RIGHT_PYTHON, is_terminal=is_terminal)
        run = a_run(blobs, BEFORE, done, later)
        proof = await replay(candidate, run, sandbox=sandbox, tmp_dir=ground)
        assert proof.is_good is is_good, (later, is_terminal)
        assert bool(proof.reason) is not (is_good is True)


async def test_a_file_that_the_prompt_names_is_wanted(
    ground: Path, blobs: BlobStore, sandbox: Sandbox
) -> None:
    candidate = totals_candidate(RIGHT_PYTHON)
    (skeleton,) = candidate.skeletons
    texts = (*skeleton.texts[:-1], " and a summary to notes/report.md.")
    candidate = candidate.model_copy(update={"skeletons": (skeleton.model_copy(update={"texts": texts}),)})
    prompt = f"{PROMPT[:-1]}{texts[-1]}"
    done = {**BEFORE, "totals.json": TOTALS_JSON}
    for name, is_good in (("notes/report.md", False), ("notes/other.md", None)):
        run = a_run(blobs, BEFORE, {**done, name: b"All is well."}, prompt=prompt)
        proof = await replay(candidate, run, sandbox=sandbox, tmp_dir=ground)
        assert (proof.is_good, proof.reason) == (is_good, f"{name}: is missing")


@pytest.mark.parametrize(
    ("code", "final_text", "is_good"),
    [
        ("wc -l < sales.csv", "It has 7 lines.", True),
        ("wc -l < sales.csv", "It has **7** lines.", True),
        ("wc -l < sales.csv", "It has 17 lines.", False),
        ("echo 8", "It has 7 lines.", False),
        ("true", "It has 7 lines.", None),
    ],
)
async def test_a_step_that_only_prints_is_held_to_the_last_words(
    ground: Path, blobs: BlobStore, sandbox: Sandbox, code: str, final_text: str, is_good: bool | None
) -> None:
    run = a_run(blobs, BEFORE, BEFORE, prompt="How many lines has sales.csv?", final_text=final_text)
    candidate = lines_candidate(code, is_terminal=True)
    assert (await replay(candidate, run, sandbox=sandbox, tmp_dir=ground)).is_good is is_good


async def test_a_step_that_only_prints_and_is_no_end_is_held_to_what_the_tools_said(
    ground: Path, sandbox: Sandbox
) -> None:
    turn = Turn(index=0, observations=(Observation(tool_call_id="1", text="7 sales.csv"),))
    trajectory = Trajectory(harness="h", model="m", prompt="?", turns=(turn,), final_text="Many.")
    for code, is_good in (("wc -l sales.csv", True), ("echo 8", False)):
        candidate = lines_candidate(code, is_terminal=False)
        proof = await shadow(
            candidate, {}, BEFORE, BEFORE, sandbox=sandbox, tmp_dir=ground, trajectory=trajectory
        )
        assert proof.is_good is is_good


async def test_a_shadow_is_compared_with_what_the_model_left(ground: Path, sandbox: Sandbox) -> None:
    after = {**BEFORE, "totals.json": TOTALS_JSON}
    for code, is_good in ((RIGHT_PYTHON, True), (OFF_BY_ONE, False), ("raise SystemExit(1)", False)):
        proof = await shadow(totals_candidate(code), PARAMS, BEFORE, after, sandbox=sandbox, tmp_dir=ground)
        assert proof.is_good is is_good
        assert proof.step_ms
