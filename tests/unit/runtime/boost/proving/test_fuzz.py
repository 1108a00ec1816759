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


FOUND_BY = {
    "a path that is written into the code": "with other names",
    "an output that is written into the code": "totals.json was written, and is no output",
    "a column that is written into the code": "the value of column makes no difference",
    "a number that is written into the code": "the value of age makes no difference",
    "a list that is written into the code": "the value of columns makes no difference",
    "a result that is written into the code": "the value of column makes no difference",
    "eval of a value": "a value was run as code",
    "a variable without quotes": "with other names (two words.txt",
    "a value in a shell command": "a value was run as code",
    "a value in eval of a shell": "code: exit code 2",
    "a value in an awk program": "a value was run as code",
    "a file beside its outputs": "log.txt was written, and is no output",
    "a file outside": "it left /tmp/cache-of-mine",
    "the order of rows, groups that are not sorted": "in another order",
    "the order of lines, uniq without sort": "in another order",
    "the clock": "no two runs have in common (today)",
    "the clock in a shell": "no two runs have in common (date)",
    "the network": "no two runs have in common (network)",
    "errors that are swallowed": "is taken for good",
    "the first row that is skipped": "in another order",
    "a header that is counted": "the result does not follow",
    "appending": "where it ran before",
    "its own earlier result": "where it ran before",
    "files that it does not declare": "with other files beside it",
    "chance": "no two runs have in common (random)",
    "names of groups that are written into the code": "the result does not follow",
    "no more rows than there were": "what stands first or last in sales.csv counts otherwise",
    "the end of its cell": "killed its own keeper",
    "more than can be listed": "it left /tmp/0000",
    "bytes that are not looked at": "the result is the same whatever is in image.bin",
    "columns by their place": "sales.csv with no column 'id' is taken for good",
}


@pytest.mark.parametrize("what", list(WRONG))
async def test_a_wrong_template_is_found(ground: Path, blobs: BlobStore, sandbox: Sandbox, what: str) -> None:
    proof = await fuzzed(WRONG[what], blobs, sandbox, ground)
    assert proof.is_good is False
    assert FOUND_BY[what] in proof.reason
    assert str(ground) not in proof.reason
