"""Candidates and recorded runs for the tests of proofs: one task, done right and in many ways wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from skvm.evidence.blobs import BlobStore
from skvm.evidence.record import Outcome, RunRecord
from skvm.harness.trajectory import Trajectory
from skvm.runtime.boost.inside import shapes
from skvm.runtime.boost.model import (
    Candidate,
    Check,
    Language,
    Origin,
    Param,
    ParamType,
    Place,
    Relation,
    Skeleton,
    Template,
)
from skvm.runtime.boost.watching import WatchedRun

NOW = datetime(2024, 5, 1, tzinfo=UTC)
SALES = b"id,region,product,amount\n" + b"".join(
    f"{index},{region},{product},{amount}\n".encode()
    for index, (region, product, amount) in enumerate(
        [
            ("north", "tea", 5),
            ("south", "tea", 7),
            ("north", "milk", 11),
            ("east", "rice", 13),
            ("south", "milk", 17),
            ("east", "tea", 19),
        ],
        1,
    )
)
TOTALS = {"north": 16, "south": 24, "east": 32}
PROMPT = (
    "Sum the column amount of sales.csv for each region and write the totals as a JSON object to totals.json."
)
TEXTS = ("Sum the column amount of ", " for each ", " and write the totals as a JSON object to ", ".")


def a_param(name: str, type: ParamType = ParamType.PATH, **more: Any) -> Param:
    return Param(name=name, type=type, **more)


def a_check(
    *,
    path: str | None = None,
    param: str | None = None,
    like: bytes | None = None,
    relations: Sequence[Relation] = (),
    **loosened: Any,
) -> Check:
    """A file that must look like another."""
    name = path or ("x.csv" if like is not None and b"," in like and like[:1] != b"{" else "x.json")
    shape = {} if like is None else {**shapes.describe(like, name), **loosened}
    return Check(place=Place(path=path, param=param), shape=shape, relations=tuple(relations))


def totals_candidate(
    code: str, language: Language = Language.PYTHON, *, guard: Check | None = None, is_terminal: bool = True
) -> Candidate:
    """Totals of a column by a group that the prompt names, from a file it names, to a file it names."""
    loose = shapes.describe(SALES, "x.csv")
    # The column that is named by a parameter may have any name.
    columns = [column for column in loose["columns"] if column["name"] == "amount"]
    loose = {**loose, "isExact": False, "header": ["amount"], "columns": columns}
    totals = shapes.opened(shapes.describe(json.dumps(TOTALS).encode(), "x.json"), "")
    return Candidate(
        purpose_id="csv-totals",
        skeletons=(Skeleton(texts=TEXTS, params=("source", "column", "target")),),
        template=Template(
            language=language,
            code=code,
            params=(
                a_param("column", ParamType.STRING, seen=("region",)),
                a_param("source", seen=("sales.csv",)),
                a_param("target", seen=("totals.json",)),
            ),
            inputs=(guard or Check(place=Place(param="source"), shape=loose),),
            outputs=(Check(place=Place(param="target"), shape=totals),),
            timeout_s=10,
        ),
        is_terminal=is_terminal,
        closing="Wrote {outputs}." if is_terminal else "",
        origin=Origin(kind="runs", run_ids=("r0",)),
    )


def a_run(
    blobs: BlobStore,
    *states: Mapping[str, bytes],
    prompt: str = PROMPT,
    score: float | None = 1.0,
    run_id: str = "r1",
    final_text: str = "Done.",
    boosted_turns: tuple[int, ...] = (),
) -> WatchedRun:
    """A run whose files were these, before each turn and at the end."""
    record = RunRecord(
        run_id=run_id,
        task_id="t",
        condition="original",
        model="m",
        harness="h",
        skill_id="s",
        skill_digest="d",
        task_digest="td",
        outcome=Outcome.SCORED,
        score=score,
        started_at=NOW,
        finished_at=NOW,
    )
    trajectory = Trajectory(harness="h", model="m", prompt=prompt, final_text=final_text)
    kept = tuple({path: blobs.put(data) for path, data in sorted(state.items())} for state in states)
    return WatchedRun(record, trajectory, kept, blobs, boosted_turns)


def a_totals_run(blobs: BlobStore, **more: Any) -> WatchedRun:
    """The run all totals are made from."""
    before = {"sales.csv": SALES}
    made = {**before, "make.py": b"code of the model's own\n"}
    return a_run(blobs, before, made, {**made, "totals.json": json.dumps(TOTALS).encode()}, **more)


RIGHT_PYTHON = """\
import csv
import json

totals = {}
with open(P["source"], newline="") as file:
    for row in csv.DictReader(file):
        totals[row[P["column"]]] = totals.get(row[P["column"]], 0) + int(row["amount"])
with open(P["target"], "w") as file:
    json.dump(totals, file, indent=2)
"""
