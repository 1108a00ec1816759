"""``skvm primitives`` as a user calls it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from skvm.cli import primitive_report
from skvm.cli.main import run as skvm
from skvm.harness.contract import Facility, TaskTool
from skvm.harness.site import Page, Site
from skvm.harness.trajectory import ToolKind
from skvm.profiler import given
from skvm.target.checks import file_text, ran_a_command
from skvm.target.contract import (
    LEVELS,
    PRIMITIVES,
    Act,
    Answer,
    Degradations,
    Level,
    LevelSpec,
    Primitive,
    Probe,
    Verdict,
    Work,
)
from skvm.target.trials import trajectory_of
from tests.confinement import working

SECRET = "what only the oracle knows"
LONG = "".join(f"line {n}\n" for n in range(1, 201))


def _generate(rng: Any) -> Probe:
    number = rng.randrange(10**6)
    return Probe(
        prompt=f"Fetch /data, run a command,\tand write {number} to out.txt.",
        reference=Answer(
            "done",
            {"out.txt": f"{number}\n"},
            ((Act(ToolKind.RUN, {"command": f"echo {number} > out.txt"}),),),
        ),
        files={"in/long.txt": LONG, "in/odd.txt": "a\x1b[31mred\r\nb\tc\n\udc80\n"},
        secret={"note": SECRET, "number": str(number)},
        also=(Answer("finished", {"out.txt": str(number)}),),
        site=Site((Page("/data", "<p>data</p>", query={"page": "2"}),)),
        tools=(TaskTool("ring_bell", "Rings a bell.", {"type": "object", "properties": {}}),),
    )


async def _grade(probe: Probe, work: Work) -> Verdict:
    if work.response == "raise":
        raise ZeroDivisionError("the oracle's own")
    if work.response == "hang":
        await anyio.sleep_forever()
    if not ran_a_command(work.trajectory):
        return Verdict(False, "no command ran")
    await work.cell.write("in/long.txt", b"the oracle writes over it")
    said = await file_text(work.cell, "out.txt")
    return Verdict(said == probe.secret["number"], f"expected {probe.secret['number']}, found {said}")


ODD = Primitive(
    id="tool.odd",
    description="Do an odd thing.",
    levels={
        level: LevelSpec(claim=f"Claim of {level}.", generate=_generate, grade=_grade, modules=("json",))
        for level in LEVELS
    },
    degradations=Degradations("Do it in steps.", None),
    needs=frozenset({Facility.COMMANDS, Facility.FETCH}),
    commands=("sh",),
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A registered primitive, and its work directory with the right answer in it."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    with PRIMITIVES.temporarily(ODD.id, ODD):
        probe = ODD.probe(Level.L1, 4)
        work = tmp_path / "work"
        assert skvm(["primitives", "show", "tool.odd", "--level=L1", "--seed=4", "--out=work"]) == 0
        (work / "out.txt").write_text(probe.secret["number"])
        (tmp_path / "ran.json").write_text(
            trajectory_of(probe, probe.reference).model_dump_json(by_alias=True)
        )
        idle = trajectory_of(probe, Answer("done"))
        (tmp_path / "idle.json").write_text(
            json.dumps({"trajectory": idle.model_dump(mode="json", by_alias=True)})
        )
        yield SimpleNamespace(work=work, probe=probe, root=tmp_path)


def grade(*more: str) -> int:
    return skvm(["primitives", "grade", "tool.odd", "--level=L1", "--seed=4", "--sandbox=none", *more])


def test_all_are_listed_with_what_they_need(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert skvm(["primitives", "list"]) == 0
    listed = capsys.readouterr().out
    row = next(line for line in listed.splitlines() if line.startswith("tool.odd"))
    assert row.split() == [
        *("tool.odd", "tool_use", "commands,", "fetch", "sh,", "python3", "with", "json"),
        *("Do", "an", "odd", "thing."),
    ]
    assert "Claim of L2." not in listed
    assert skvm(["primitives", "list", "--levels"]) == 0
    assert "Claim of L2." in capsys.readouterr().out
    assert skvm(["primitives", "list", "--json"]) == 0
    by_id = {each["id"]: each for each in json.loads(capsys.readouterr().out)}
    assert set(by_id) == set(PRIMITIVES.names())
    assert by_id["tool.odd"]["needs"] == ["commands", "fetch"]
    assert by_id["tool.odd"]["levels"]["L3"]["claim"] == "Claim of L3."


def test_a_primitive_is_shown(place: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert skvm(["primitives", "show", "tool.odd"]) == 0
    shown = capsys.readouterr().out
    for said in (
        "Claim of L1.",
        "Do it in steps.",
        "cannot be lowered",
        "accepts: fenced, bold",
        "revision: 1",
    ):
        assert said in shown
    assert skvm(["primitives", "show", "tool.odd", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["degradations"] == {
        "l3ToL2": "Do it in steps.",
        "l2ToL1": None,
    }


def test_a_probe_is_shown_whole_and_without_its_secret(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    for more in ((), ("--json",)):
        assert skvm(["primitives", "show", "tool.odd", "--level=l1", "--seed=4", *more]) == 0
        shown = capsys.readouterr().out
        assert SECRET not in shown
        assert "ring_bell" in shown
        assert "<p>data</p>" in shown
        assert "line 200" in shown
        assert "\x1b" not in shown
    probe = json.loads(shown)
    assert probe["prompt"] == place.probe.prompt
    assert probe["files"] == place.probe.files
    assert probe["reference"]["turns"][0][0]["kind"] == "run"
    assert [answer["response"] for answer in probe["also"]] == ["finished"]
    assert probe["site"]["pages"][0]["query"] == {"page": "2"}


def test_the_text_form_keeps_tabs_and_shows_what_a_terminal_would_obey(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert skvm(["primitives", "show", "tool.odd", "--level=L1", "--seed=4"]) == 0
    shown = capsys.readouterr().out
    assert place.probe.prompt in shown
    assert "a\\x1b[31mred\\r\nb\tc\n\\udc80\n" in shown
    assert "── page GET http://127.0.0.1:8017/data?page=2 → 200 ──" in shown


def test_long_files_are_shortened_on_a_terminal(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(primitive_report.out, "_force_terminal", True)
    capsys.readouterr()
    assert skvm(["primitives", "show", "tool.odd", "--level=L1", "--seed=4"]) == 0
    shown = capsys.readouterr().out
    assert "line 40\n" in shown
    assert "line 41\n" not in shown
    assert "… 160 more lines; --json or --out gives all" in shown


def test_the_work_directory_is_what_an_agent_would_find(place: SimpleNamespace) -> None:
    found = {p.relative_to(place.work).as_posix() for p in place.work.rglob("*") if p.is_file()}
    assert found == {"in/long.txt", "in/odd.txt", "out.txt"}
    assert (place.work / "in" / "odd.txt").read_bytes() == b"a\x1b[31mred\r\nb\tc\n\xed\xb2\x80\n"


@pytest.mark.parametrize(
    ("arguments", "message", "way_out"),
    [
        (["show", "tool.od"], "unknown primitive 'tool.od'", "did you mean 'tool.odd'?"),
        (["show", "tool.odd", "--level=L33"], "unknown level 'L33'", "did you mean 'L3'?"),
        (["show", "tool.odd", "--level=7"], "unknown level '7'", "known: L1, L2, L3"),
        (["show", "tool.odd", "--level=L0"], "unknown level 'L0'", "no probe asks it"),
        (["show", "tool.odd", "--seed=1"], "--seed means a probe", "--level L1"),
        (["show", "tool.odd", "--level=L1", "--out=work"], "work: is not empty", "not there yet"),
        (["show", "tool.odd", "--level=L1", "--out=ran.json"], "is not a directory", "not there yet"),
        (["grade", "tool.odd", "--level=L1"], "no work to grade", "--workdir DIR"),
        (["grade", "tool.odd", "--level=L1", "--workdir=absent"], "there is no such directory", ""),
        (["grade", "tool.odd", "--level=L1", "--workdir=ran.json"], "not a directory", ""),
        (["grade", "tool.odd", "--level=L1", "--response=absent"], "there is no such file", ""),
        (["grade", "tool.odd", "--level=L1", "--response=work"], "work: not a file", ""),
        (["grade", "tool.odd", "--level=L1", "--response=raw"], "raw: not UTF-8 text (byte 2)", "agent said"),
        (["grade", "tool.odd", "--level=L1", "--trajectory=raw"], "raw: not UTF-8 text", ""),
        (["grade", "tool.odd", "--level=L1", "--trajectory=half"], "half: not JSON", ""),
        (
            ["grade", "tool.odd", "--level=L1", "--trajectory=list"],
            "list: not a trajectory: the document",
            "",
        ),
        (
            ["grade", "tool.odd", "--level=L1", "--trajectory=other"],
            "not a trajectory: harness",
            "skvm logs show",
        ),
        (["check", "tool.od"], "unknown primitive 'tool.od'", "did you mean 'tool.odd'?"),
        (["check", "tool.odd", "--level=one"], "unknown level 'one'", "known: L1, L2, L3"),
    ],
)
def test_bad_input_is_told(
    place: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
    way_out: str,
) -> None:
    (place.root / "raw").write_bytes(b"ab\xff\x00")
    (place.root / "half").write_text('{"harness": ')
    (place.root / "list").write_text("[]")
    (place.root / "other").write_text('{"steps": []}')
    assert skvm(["primitives", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert way_out in said
    assert "Traceback" not in said


def test_right_work_passes_and_is_left_as_it_was(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in place.work.rglob("*")}
    capsys.readouterr()
    assert grade("--workdir=work", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["id"], said["level"], said["seed"], said["passed"]) == ("tool.odd", "L1", 4, True)
    assert (place.work / "in" / "long.txt").read_text() == LONG
    assert {path: path.stat().st_mtime_ns for path in place.work.rglob("*")} == before


def test_wrong_work_fails_and_says_why(place: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    (place.work / "out.txt").write_text("something else")
    assert grade("--workdir=work") == 1
    assert f"failed: expected {place.probe.secret['number']}, found something else" in capsys.readouterr().out


def test_a_trajectory_shows_what_the_evidence_does_not(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grade("--workdir=work", "--trajectory=ran.json") == 0
    assert grade("--workdir=work", "--trajectory=idle.json") == 1
    assert "no command ran" in capsys.readouterr().out


def test_a_response_comes_from_a_file_or_from_standard_input(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    probe = PRIMITIVES.get("reason.logic").probe(Level.L2, 0)
    (place.root / "said.txt").write_text(probe.reference.response)
    asked = ["primitives", "grade", "reason.logic", "--level=L2", "--sandbox=none"]
    assert skvm([*asked, "--response=said.txt"]) == 0
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(probe.reference.response.encode())))
    assert skvm([*asked, "--response=-"]) == 0
    monkeypatch.setattr("sys.stdin", None)
    assert skvm([*asked, "--response=-"]) == 1
    assert skvm([*asked, "--workdir=work"]) == 1


def test_an_oracle_that_hangs_is_no_failure_of_the_work(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "GRADE_TIMEOUT_S", 0.05)
    (place.root / "hang").write_text("hang")
    assert grade("--workdir=work", "--response=hang") == 3
    assert "failed: TimeoutError: it took longer than" in capsys.readouterr().err


def test_what_cannot_be_graded_is_no_failure(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.root / "raise").write_text("raise")
    assert grade("--workdir=work", "--response=raise") == 3
    assert "the oracle of tool.odd L1 failed: ZeroDivisionError" in capsys.readouterr().err
    needy = Primitive(
        id="tool.needy",
        description="Needs too much.",
        levels=ODD.levels,
        degradations=ODD.degradations,
        commands=("a-program-nobody-has",),
    )
    with PRIMITIVES.temporarily(needy.id, needy):
        assert (
            skvm(["primitives", "grade", "tool.needy", "--level=L1", "--workdir=work", "--sandbox=none"]) == 3
        )
    assert "the sandbox has no a-program-nobody-has" in capsys.readouterr().err


def test_a_directory_nobody_would_leave_is_refused(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    with (place.work / "big").open("wb") as file:
        file.truncate(257 << 20)
    assert grade("--workdir=work") == 2
    assert "work: more than 256 MiB" in capsys.readouterr().err
    (place.work / "big").unlink()
    (place.work / "loop").symlink_to(place.work)
    assert grade("--workdir=work") == 0
    for number in range(20_001):
        os.link(place.work / "out.txt", place.work / f"{number}")
    assert grade("--workdir=work") == 2
    assert "work: more than 20,000 files" in capsys.readouterr().err
    assert grade("--workdir=/") == 2
    assert "where the copy would be made" in capsys.readouterr().err


def test_special_files_are_left_out_and_told(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(place.work / "pipe")
    assert grade("--workdir=work") == 0
    assert "note: left out of the snapshot (special files): pipe" in capsys.readouterr().err


def test_code_is_run_in_the_sandbox(place: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        working("bubblewrap")
        name = "bubblewrap"
    except pytest.skip.Exception:
        name = working("landlock").name
    probe = PRIMITIVES.get("gen.code.python").probe(Level.L1, 1)
    folder = place.root / "program"
    folder.mkdir()
    asked = ["primitives", "grade", "gen.code.python", "--level=L1", "--seed=1", f"--sandbox={name}"]
    for path, text in probe.reference.files.items():
        (folder / path).write_text(text)
    assert skvm([*asked, "--workdir=program"]) == 0
    outside = place.root / "escaped"
    for path in probe.reference.files:
        (folder / path).write_text(f"open({str(outside)!r}, 'w').write('x')")
    assert skvm([*asked, "--workdir=program"]) == 1
    assert not outside.exists()


def test_a_check_says_sound_or_what_is_not(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["primitives", "check", "reason.logic", "--level=L2", "--seeds=2", "--sandbox=none"]
    assert skvm(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "sound"
    assert lines[-2].split()[0] == "L2"
    assert skvm(["primitives", "check", "reason.logic", "--seeds=0"]) == 2
    # A primitive that only this process knows cannot be asked in another one.
    assert skvm(["primitives", "check", "tool.odd", "--sandbox=none"]) == 3


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    code = "from skvm.cli.main import main; main(['primitives', 'show', 'tool.exec', '--level', 'L1'])"
    done = subprocess.run(
        f'"{sys.executable}" -c "{code}" | head -n 1', shell=True, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("tool.exec L1 seed 0", "")


def test_a_place_for_copies_that_cannot_be_made_is_told(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grade("--workdir=work", "--tmp-dir=ran.json/nowhere") == 3
    assert "ran.json" in capsys.readouterr().err
