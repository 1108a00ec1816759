"""Right templates pass, and templates that are right on the recorded run alone are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.runtime.boost.proving.examples import (
    RIGHT_PYTHON,
    a_totals_run,
    totals_candidate,
)

from skvm.evidence.blobs import BlobStore
from skvm.harness.sandbox import Sandbox
from skvm.runtime.boost.model import Language
from skvm.runtime.boost.proving.fuzz import fuzz

pytestmark = pytest.mark.anyio

RIGHT_AWK = """\
set -eu
awk -F, -v column="$P_column" '
  NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; c = at[column]; v = at["amount"]
            if (!c || !v) exit 3; next }
  { total[$c] += $v }
  END { printf "{"; for (k in total) { printf "%s\\"%s\\": %d", s, k, total[k]; s = ", " }; print "}" }
' < "$P_source" > "$P_target"
"""
WRONG_PYTHON = {
    "path": RIGHT_PYTHON.replace('open(P["source"]', 'open("sales.csv"'),
    "column": RIGHT_PYTHON.replace('P["column"]', '"region"'),
    "target": RIGHT_PYTHON.replace('P["target"]', '"totals.json"'),
    "eval": RIGHT_PYTHON.replace('int(row["amount"])', 'int(eval("0+5") and row["amount"])').replace(
        "totals = {}", 'totals = {}\ntry:\n    eval(P["column"])\nexcept Exception:\n    pass\n'
    ),
    "system": RIGHT_PYTHON + '\nimport os\nos.system("test -n " + P["column"])\n',
    "beside": RIGHT_PYTHON + '\nopen("log.txt", "w").write("x")\n',
    "beside in tmp": RIGHT_PYTHON + '\nopen("/tmp/cache-of-mine", "w").write("x")\n',
    "clock": RIGHT_PYTHON + "\nimport datetime\nif datetime.date.today().year > 2100:\n    totals = {}\n",
    "network": RIGHT_PYTHON
    + "\nimport socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError: pass\n",
}


@pytest.mark.parametrize(
    ("code", "language"),
    [(RIGHT_PYTHON, Language.PYTHON), (RIGHT_AWK, Language.SHELL)],
    ids=["python", "awk"],
)
async def test_right(ground: Path, blobs: BlobStore, sandbox: Sandbox, code: str, language: Language) -> None:
    candidate = totals_candidate(code, language)
    proof = await fuzz(candidate, [a_totals_run(blobs)], sandbox=sandbox, tmp_dir=ground)
    assert (proof.is_good, proof.reason) == (True, "")


@pytest.mark.parametrize("what", list(WRONG_PYTHON))
async def test_wrong(ground: Path, blobs: BlobStore, sandbox: Sandbox, what: str) -> None:
    candidate = totals_candidate(WRONG_PYTHON[what])
    proof = await fuzz(candidate, [a_totals_run(blobs)], sandbox=sandbox, tmp_dir=ground)

    assert proof.is_good is False
