"""Right templates pass, and templates that are right on the recorded run alone are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.runtime.boost.proving.examples import a_run
from tests.unit.runtime.boost.proving.tasks import Example
from tests.unit.runtime.boost.proving.templates import RIGHT, WRONG

from skvm.evidence.blobs import BlobStore
from skvm.harness.sandbox import Sandbox
from skvm.runtime.boost.proving.fuzz import fuzz
from skvm.runtime.boost.proving.proof import Proof

pytestmark = pytest.mark.anyio


async def fuzzed(example: Example, blobs: BlobStore, sandbox: Sandbox, ground: Path) -> Proof:
    run = a_run(blobs, example.before, example.after, prompt=example.prompt, final_text=example.final_text)
    return await fuzz(example.candidate, [run], sandbox=sandbox, tmp_dir=ground)


@pytest.mark.parametrize("what", list(RIGHT))
async def test_a_right_template_passes(ground: Path, blobs: BlobStore, sandbox: Sandbox, what: str) -> None:
    proof = await fuzzed(RIGHT[what], blobs, sandbox, ground)
    assert (proof.is_good, proof.reason) == (True, "")


@pytest.mark.parametrize("what", list(WRONG))
async def test_a_wrong_template_is_found(ground: Path, blobs: BlobStore, sandbox: Sandbox, what: str) -> None:
    proof = await fuzzed(WRONG[what], blobs, sandbox, ground)
    assert proof.is_good is False
    assert proof.reason
    assert str(ground) not in proof.reason
