"""Runs as they come: states that were not kept, scripts with arguments, looks around, several steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.runtime.boost.compiling.test_candidates import answered, left_by
from tests.unit.runtime.boost.compiling.workflows import Chore, carried_out, heredoc

from skvm.evidence.blobs import BlobStore
from skvm.runtime.boost.compiling.candidates import compile_candidates
from skvm.runtime.boost.model import ParamType
from skvm.runtime.boost.watching import WatchedRun

COPY = Chore("Copy a.txt to b.txt.", {"a.txt": "1\n"}, ["cp a.txt b.txt"])
COUNT = """import sys
n = len(open(sys.argv[1]).readlines())
open(sys.argv[2], "w").write(str(n) + "\\n")
"""


def done(chores: list[Chore], folder: Path) -> list[WatchedRun]:
    blobs = BlobStore(folder / "blobs")
    return [carried_out(chore, folder, blobs, number) for number, chore in enumerate(chores)]


def unkept(run: WatchedRun) -> WatchedRun:
    return replace(run, states=tuple(None for _ in run.states), _read={})


def pair(
    prompt: str, names: list[tuple[str, ...]], commands: list[str | tuple[str, str, str]]
) -> list[Chore]:
    """Chores with names in the place of {0}, {1} …"""
    return [
        Chore(
            prompt.format(*each),
            {each[0]: "b,c,d\n1,2,3\n4,5,6\n"},
            [command if isinstance(command, tuple) else command.format(*each) for command in commands],
        )
        for each in names
    ]


def test_without_states_there_is_nothing_to_say(tmp_path: Path) -> None:
    runs = [unkept(run) for run in done([COPY, COPY], tmp_path)]
    compiled = compile_candidates(runs)
    assert compiled.candidates == ()
    assert len(compiled.findings) == 2


def test_a_run_without_states_is_passed_over(tmp_path: Path) -> None:
    first, *rest = done([COPY, COPY, COPY], tmp_path)
    (candidate,) = compile_candidates([unkept(first), *rest]).candidates
    assert candidate.origin.run_ids == ("run-01",)


def test_no_runs_and_no_prompt_give_nothing(tmp_path: Path) -> None:
    assert compile_candidates([]).candidates == ()
    assert compile_candidates(done([replace(COPY, prompt=" ")] * 2, tmp_path)).candidates == ()


@pytest.mark.parametrize(
    ("prompt", "commands"),
    [
        ("Count the lines of {0} into {1}.", [("write", "solve.py", COUNT), "python3 solve.py {0} {1}"]),
        ("Upper-case {0} into {1}.", ["cat {0}", "tr a-z A-Z < {0} > {1}", "cat {1}"]),
        ("Copy {0} to {1}.", ["mkdir -p out && cp {0} {1}"]),
        ("Sort {0} into {1}.", ["sort {0} > tmp.txt", "uniq tmp.txt > {1}", "rm tmp.txt"]),
        (
            "Add up column {2} of {0} into {1}.",
            ["awk -F, 'NR>1 {{ s += ${2} }} END {{ print s }}' {0} > {1}"],
        ),
    ],
)
def test_what_two_runs_did_is_done_for_a_third(
    tmp_path: Path, prompt: str, commands: list[str | tuple[str, str, str]]
) -> None:
    names = [("a.csv", "out/x.txt", "2"), ("b.csv", "out/y.txt", "3"), ("d.csv", "out/z.txt", "1")]
    if "out" not in str(commands):
        names = [(source, target.removeprefix("out/"), column) for source, target, column in names]
    runs = done(pair(prompt, names, commands), tmp_path)
    (candidate,) = compile_candidates(runs[:2]).candidates
    assert candidate.is_terminal
    assert answered(candidate, runs[2], tmp_path) == left_by(runs[2])


def test_a_list_of_columns_is_a_parameter(tmp_path: Path) -> None:
    def chore(source: str, target: str, said: str, columns: list[str]) -> Chore:
        code = (
            f"import csv\ncolumns = {columns!r}\n"
            f"with open('{source}') as f, open('{target}', 'w', newline='') as g:\n"
            "    w = csv.DictWriter(g, columns, extrasaction='ignore')\n    w.writeheader()\n"
            "    w.writerows(csv.DictReader(f))\n"
        )
        prompt = f"Keep only {said} of {source}, in {target}."
        return Chore(prompt, {source: "id,name,city,zip\n1,a,b,2\n"}, [heredoc(code)])

    runs = done(
        [
            chore("a.csv", "x.csv", "id and name", ["id", "name"]),
            chore("b.csv", "y.csv", "id, city and zip", ["id", "city", "zip"]),
            chore("c.csv", "z.csv", "zip and id", ["zip", "id"]),
        ],
        tmp_path,
    )
    (candidate,) = compile_candidates(runs[:2]).candidates
    assert ParamType.LIST in {param.type for param in candidate.template.params}
    assert answered(candidate, runs[2], tmp_path) == left_by(runs[2])


def test_where_a_value_would_become_code_each_prompt_has_its_own(tmp_path: Path) -> None:
    def chore(name: str, key: str) -> Chore:
        prompt = f"Write the lines of {name} that hold {key} to out.txt."
        return Chore(prompt, {name: "apple pie\nplum jam\n"}, [f"sed -n '/{key}/p' {name} > out.txt"])

    runs = done([chore("a.txt", "apple"), chore("b.txt", "plum")], tmp_path)
    compiled = compile_candidates(runs)
    assert compiled.findings
    assert len(compiled.candidates) == 2
    assert all(not candidate.template.params for candidate in compiled.candidates)
    for candidate, run in zip(compiled.candidates, runs, strict=True):
        assert answered(candidate, run, tmp_path) == left_by(run)
