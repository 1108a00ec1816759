"""``skvm plan show``: steps, what they are on a target, groups with their decision, the critical path."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from skvm.cli.main import run
from skvm.evidence.journal import Journal
from skvm.runtime.plan.model import MEASURED_KIND, GroupMeasured
from tests.unit.cli.plans import mapped, plan, step, write_plan

EVIL = '\x1b[2J"]; end --> x<script>#96;\u202e\ud800'
Skvm = Callable[..., tuple[int, str, str]]


@pytest.fixture
def skvm(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Skvm:
    """Run ``skvm plan show …``: exit code, standard output, standard error."""
    monkeypatch.setenv("SKVM_LOGS_DIR", str(tmp_path / "logs"))
    monkeypatch.setenv("COLUMNS", "140")

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["plan", "show", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def both(*steps, **more):
    """A group of steps that may go at once."""
    span = {"start": 0, "end": 1}
    given = {"id": "g1", "type": "ilp", "steps": steps, "mechanism": "", "reason": "because", "span": span}
    return given | more


def diamond(folder: Path) -> Path:
    return write_plan(
        folder,
        step("1", "echo a > a", writes=["a"]),
        step("2", "cat a > b", after=["1"], reads=["a"], writes=["b"]),
        step("3", after=["1"], is_open=True),
        step("4", "cat b", after=["2", "3"]),
        groups=[both("2", "3"), mapped("1", "*.txt", "wc {item}")],
    )


def kinds(out: str) -> dict[str, str]:
    """Step by step, its kind."""
    found = re.findall(r"^(\d+) +(left \([a-z: ]+\)|map: \w+|\w+)  ", out, re.MULTILINE)
    return dict(found)


def test_every_step_has_its_kind_what_it_waits_for_and_the_longest_chain(tmp_path: Path, skvm: Skvm) -> None:
    path = diamond(tmp_path)
    code, out, _ = skvm(path)
    assert code == 0
    assert kinds(out) == {"1": "map: command", "2": "command", "3": "left (agent)", "4": "command"}
    assert kinds(skvm(path, "--model", "a/b")[1])["3"] == "agent"
    assert "critical path  1 → 3 → 4" in out
    assert re.search(r"^4 +command +Step 4 +2, 3", out, re.MULTILINE)
    assert re.search(r"^g1 +steps in one turn: 2, 3", out, re.MULTILINE)
    assert "items of one step: 1 over *.txt" in out


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_terminal_has_every_id_and_no_line_of_the_table_is_wider(
    tmp_path: Path, skvm: Skvm, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr("skvm.cli.console.out._width", width)
    out = skvm(diamond(tmp_path))[1]

    rows = out.splitlines()[3:8]
    assert [row.split()[0] for row in rows] == ["step", "1", "2", "3", "4"]
    assert all(len(row) <= width for row in rows)


def test_the_decision_is_that_of_the_journal(tmp_path: Path, skvm: Skvm) -> None:
    path = diamond(tmp_path)
    assert "at once: " in skvm(path)[1]

    async def main() -> None:
        async with Journal(tmp_path / "logs" / "journal.sqlite") as journal:
            for arm, wall_s in (("serial", 1.0), ("parallel", 5.0)) * 8:
                given = {"plan_run": "x", "skill_digest": "0" * 64, "group": "g1", "units": 2, "work_s": 1.0}
                row = GroupMeasured.model_validate(given | {"arm": arm, "wall_s": wall_s})
                await journal.append(MEASURED_KIND, row)

    anyio.run(main)
    out = skvm(path)[1]
    assert "in a row: " in out
    found = json.loads(skvm(path, "--json")[1])
    assert found["decisions"]["g1"]["arm"] == "serial"
    assert found["decisions"]["g1"]["isSettled"] is True
    # Of another target nothing is known.
    assert json.loads(skvm(path, "--model", "a/b", "--json")[1])["decisions"]["g1"]["parallelRuns"] == 0


def test_json_has_the_plan_and_what_would_run(tmp_path: Path, skvm: Skvm) -> None:
    found = json.loads(skvm(diamond(tmp_path), "--json")[1])
    assert found["plan"]["steps"][0]["id"] == "1"
    (procedure,) = found["procedures"]
    assert procedure["criticalPath"] == ["1", "3", "4"]
    assert {each["id"]: each["after"] for each in procedure["nodes"]}["4"] == ["2", "3"]
    assert procedure["steps"][2]["left"] == "it needs a model"


def test_several_procedures_and_loose_steps_are_told_apart(tmp_path: Path, skvm: Skvm) -> None:
    value = plan(step("1", "a"), step("2", "b"), step("3", "c"), step("4", "d"))
    span = {"start": 0, "end": 1}
    value["procedures"] = [
        {"id": "1", "title": "One", "span": span, "steps": ["1"]},
        {"id": "2", "title": "Two", "span": span, "steps": ["2"]},
        {"id": "3", "title": "Three", "span": span, "steps": ["3"], "partOf": "1"},
    ]
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(value))
    out = skvm(path)[1]
    assert "2  Two  run with --procedure 2" in out
    assert "3  Three  inside of step 1" in out
    assert "in no procedure\n" in out


def test_a_skill_without_steps_is_called_so(tmp_path: Path, skvm: Skvm) -> None:
    (tmp_path / "SKILL.md").write_text(
        "---\nname: demo\ndescription: Say hello to people.\n---\n\nBe nice.\n"
    )
    code, out, _ = skvm(tmp_path)
    assert code == 0
    assert "It has no steps" in out
    assert skvm(tmp_path, "--mermaid")[1].startswith("flowchart TD\n")


def test_a_circle_is_shown_and_said(tmp_path: Path, skvm: Skvm) -> None:
    code, out, _ = skvm(write_plan(tmp_path, step("1", "a", after=["2"]), step("2", "b", after=["1"])))
    assert code == 0
    assert "cannot be run: " in out
    assert "1 → 2 → 1" in out
    assert "critical" not in out


def test_mermaid_has_every_step_edge_and_group(tmp_path: Path, skvm: Skvm) -> None:
    lines = [line.strip() for line in skvm(diamond(tmp_path), "--mermaid")[1].splitlines()]
    assert lines[0] == "flowchart TD"
    assert 's0["1 Step 1 × *.txt"]' in lines
    assert 's2{{"3 Step 3"}}' in lines
    assert "s2 --> s3" in lines
    assert 's1 -. "g1" .- s2' in lines
    assert "class s2 left" in lines
    assert "class s0,s2,s3 critical" in lines


@pytest.mark.parametrize("form", [(), ("--mermaid",), ("--json",)])
def test_words_of_strangers_stay_words(tmp_path: Path, skvm: Skvm, form: tuple[str, ...]) -> None:
    hostile = step(EVIL, "a", description=EVIL, writes=[EVIL], reads=[EVIL])
    group = mapped(EVIL, EVIL, "x {item}") | {"id": EVIL, "reason": EVIL}
    path = write_plan(tmp_path, hostile, groups=[group])
    code, out, said = skvm(path, *form)
    assert code == 0
    assert "\x1b" not in out
    assert "Traceback" not in said
    if form == ("--mermaid",):
        (box,) = [line.strip() for line in out.splitlines() if line.strip().startswith("s0[")]
        assert box.count('"') == 2
        assert "<" not in box
    if not form:
        assert "\u202e" not in out


@pytest.mark.parametrize("data", [b"", b"null", b'{"schema": 1}', b"[" * 100_000, b'{"steps": 1e999}'])
def test_what_is_no_plan_is_told_with_the_way_to_find_out(tmp_path: Path, skvm: Skvm, data: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(data)
    code, _, said = skvm(path)
    assert code == 2
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["", "nowhere", "a\0b", "x" * 5000, "~nobody-at-all/x"])
def test_a_name_of_no_plan_is_told(skvm: Skvm, name: str) -> None:
    code, _, said = skvm(name)
    assert code == 2
    assert "Traceback" not in said


def test_long_groups_are_cut_short(tmp_path: Path, skvm: Skvm) -> None:
    steps = [step(f"{at}", f"cmd {at}", writes=[f"{at}.txt"]) for at in range(1, 41)]
    path = write_plan(tmp_path, *steps, groups=[both(*(each["id"] for each in steps))])
    code, out, _ = skvm(path)
    assert code == 0
    assert "1, 2, 3, 4, 5, 6 +34" in out


def test_of_a_large_plan_the_beginning_is_shown(tmp_path: Path, skvm: Skvm) -> None:
    path = write_plan(tmp_path, *(step(f"s{at}", f"cmd {at}") for at in range(300)))
    short, whole = skvm(path)[1], skvm(path, "--verbose")[1]
    assert "and 100 steps more: --verbose" in short
    assert "s299 " not in short
    assert "s299 " in whole
