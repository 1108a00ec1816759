"""What a model may add to a candidate, and what of it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import BaseModel
from tests.unit.runtime.boost.compiling.test_candidates import answered, left_by
from tests.unit.runtime.boost.compiling.workflows import Chore, carried_out, heredoc

from skvm.evidence.blobs import BlobStore
from skvm.runtime.boost.compiling.candidates import compile_candidates
from skvm.runtime.boost.compiling.counsel import Advised, advised
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import Candidate
from skvm.runtime.boost.watching import WatchedRun

SALES = "id,region,amount\n1,north,5\n2,south,7\n"


class ScriptedCounsel:
    """Says what it was told to."""

    model = "test/counsel"
    answers: Mapping[str, Any] = {}

    def __init__(self, said: dict[str, Any]) -> None:
        self.said = said
        self.asked: list[str] = []

    async def ask(self, prompt: str, answer: type[BaseModel], *, system: str = "") -> Any:
        self.asked.append(prompt)
        return answer.model_validate(self.said)


def total(prompt: str, source: str, target: str) -> Chore:
    code = heredoc(
        f"import csv, json\nn = sum(int(r['amount']) for r in csv.DictReader(open('{source}')))\n"
        f"json.dump({{'total': n}}, open('{target}', 'w'))"
    )
    return Chore(prompt.format(source, target), {source: SALES}, [code])


@pytest.fixture
def runs(tmp_path: Path) -> list[WatchedRun]:
    plain, other = (
        "Add up amount in {} and write the total to {}.",
        "{} has amounts. I need their total in {}.",
    )
    chores = [
        total(plain, "a.csv", "t.json"),
        total(plain, "b.csv", "u.json"),
        total(other, "c.csv", "v.json"),
        total(other, "d.csv", "w.json"),
    ]
    blobs = BlobStore(tmp_path / "blobs")
    return [carried_out(each, tmp_path, blobs, number) for number, each in enumerate(chores)]


def ask(candidate: Candidate, runs: list[WatchedRun], said: dict[str, Any]) -> tuple[Advised, str]:
    counsel = ScriptedCounsel(said)
    return anyio.run(advised, candidate, runs, counsel), counsel.asked[0]


def names(source: str, target: str) -> list[dict[str, str]]:
    return [
        {"name": "source", "better_name": source, "description": "Table of amounts."},
        {"name": "target", "better_name": target, "description": "Where the total goes."},
    ]


def values(number: int, source: str, target: str) -> dict[str, Any]:
    said = [{"name": "source", "text": source}, {"name": "target", "text": target}]
    return {"number": number, "values": said}


def test_names_change_everywhere_and_nothing_else_does(runs: list[WatchedRun], tmp_path: Path) -> None:
    (candidate,) = compile_candidates(runs[:2]).candidates
    better = ask(candidate, runs, {"params": names("sales_file", "total_file")})[0].candidate
    assert [param.name for param in better.template.params] == ["sales_file", "total_file"]
    assert better.template.params[0].description == "Table of amounts."
    assert better.template.outputs[0].place.param == "total_file"
    assert "P['sales_file']" in better.template.code
    for run in runs[:2]:
        assert answered(better, run, tmp_path) == left_by(run)


@pytest.mark.parametrize(
    ("source", "target"), [("Not A Name", "x"), ("same", "same"), ("os", "P"), ("a-b", "c d")]
)
def test_names_that_are_none_change_nothing_in_the_code(
    runs: list[WatchedRun], tmp_path: Path, source: str, target: str
) -> None:
    (candidate,) = compile_candidates(runs[:2]).candidates
    better = ask(candidate, runs, {"params": names(source, target)})[0].candidate
    assert len({param.name for param in better.template.params}) == 2
    assert answered(better, runs[0], tmp_path) == left_by(runs[0])


def test_a_wording_two_prompts_show_is_a_candidate_of_its_own(runs: list[WatchedRun], tmp_path: Path) -> None:
    (candidate,) = compile_candidates(runs[:2]).candidates
    said = {
        "params": names("sales_file", "total_file"),
        "wordings": [values(1, "c.csv", "v.json"), values(2, "d.csv", "w.json")],
    }
    result, asked = ask(candidate, runs, said)
    assert runs[2].prompt in asked
    (further,) = result.further
    assert further.purpose_id != candidate.purpose_id
    assert not further.is_terminal
    for run in runs[2:]:
        assert answered(further, run, tmp_path) == left_by(run)
    assert Matcher((further,)).match(runs[0].prompt) == ()


@pytest.mark.parametrize(
    "wordings",
    [
        [values(1, "c.csv", "v.json")],
        [values(1, "c.csv", "v.json"), values(1, "c.csv", "v.json")],
        [values(1, "v.json", "c.csv"), values(2, "d.csv", "w.json")],
        [values(1, "c", "v.json"), values(2, "d", "w.json")],
        [values(7, "c.csv", "v.json"), values(9, "d.csv", "w.json")],
        [{"number": 1, "values": []}, {"number": 2, "values": []}],
    ],
)
def test_what_two_prompts_do_not_show_is_left_out(
    runs: list[WatchedRun], wordings: list[dict[str, Any]]
) -> None:
    (candidate,) = compile_candidates(runs[:2]).candidates
    result, _ = ask(candidate, runs, {"params": [], "wordings": wordings})
    assert result.further == ()
    assert result.candidate == candidate
