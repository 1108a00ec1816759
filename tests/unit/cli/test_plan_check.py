"""``skvm plan check``: findings with a caret, exit codes, whatever is given to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from skvm.cli.main import run
from tests.unit.cli.plans import mapped, plan, step, write_plan

Skvm = Callable[..., tuple[int, str, str]]
SKILL = "---\nname: demo\ndescription: Count the words of all files.\n---\n\n1. Run `wc -w *.txt`.\n"


@pytest.fixture
def skvm(capsys: pytest.CaptureFixture[str]) -> Skvm:
    """Run ``skvm …``: exit code, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([*map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_a_sound_plan_is_called_so(tmp_path: Path, skvm: Skvm) -> None:
    path = write_plan(
        tmp_path, step("1", "echo a"), step("2", after=["1"]), groups=[mapped("1", "*", "x {item}")]
    )
    assert skvm("plan", "check", path) == (0, "2 steps, 1 group: nothing wrong\n", "")


def test_errors_have_a_caret_a_page_and_exit_code_1(tmp_path: Path, skvm: Skvm) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(step("1", after=["2"]), step("2", after=["1"])), indent=2))
    code, out, _ = skvm("plan", "check", path)
    assert code == 1
    lines = out.splitlines()
    assert lines[0].startswith(f"{path}:")
    assert lines[0].endswith("error[SKV807]: steps wait for each other in a circle: 1 → 2 → 1")
    assert lines[2].strip() == "^"
    assert lines[-1] == "2 steps, 0 groups, 1 error"
    assert "can ever begin" in skvm("explain", "SKV807")[1]


def test_warnings_are_errors_only_if_asked(tmp_path: Path, skvm: Skvm) -> None:
    path = write_plan(tmp_path, step("1", colour="red"))
    assert skvm("plan", "check", path)[0] == 0
    assert skvm("plan", "check", path, "--strict")[0] == 1


def test_many_of_one_kind_are_folded(tmp_path: Path, skvm: Skvm) -> None:
    path = write_plan(tmp_path, *(step(str(at), after=["x"]) for at in range(30)))
    short, whole = skvm("plan", "check", path)[1], skvm("plan", "check", path, "--verbose")[1]
    assert short.count("error[SKV806]") == 8
    assert "22 more SKV806" in short
    assert whole.count("error[SKV806]") == 30


def test_a_work_directory_is_looked_at_where_it_is_named(tmp_path: Path, skvm: Skvm) -> None:
    path = write_plan(tmp_path, step("1", "wc -l in.csv", reads=["in.csv"]))
    work = tmp_path / "work"
    work.mkdir()
    assert skvm("plan", "check", path)[0] == 0
    code, out, _ = skvm("plan", "check", path, "--workdir", work)
    assert code == 1
    assert "step '1' reads 'in.csv', which is not there" in out
    (work / "in.csv").touch()
    assert skvm("plan", "check", path, "--workdir", work)[0] == 0
    assert skvm("plan", "check", path, "--workdir", tmp_path / "no")[0] == 2
    assert skvm("plan", "check", path, "--workdir", "a\0b")[0] == 2


def test_json_has_every_finding(tmp_path: Path, skvm: Skvm) -> None:
    path = write_plan(tmp_path, step("1", after=["9"]))
    code, out, _ = skvm("plan", "check", path, "--json")
    found = json.loads(out)
    assert (code, found["schema"], found["isPlan"], found["hasErrors"]) == (1, 1, True, True)
    assert found["diagnostics"][0]["code"] == "SKV806"
    assert found["diagnostics"][0]["path"] == str(path)


def test_a_skill_a_variant_and_a_file_are_taken(tmp_path: Path, skvm: Skvm) -> None:
    (tmp_path / "SKILL.md").write_text(SKILL)
    assert skvm("plan", "check", tmp_path)[0] == 0
    assert skvm("plan", "check", tmp_path / "SKILL.md")[0] == 0
    write_plan(tmp_path, step("1", after=["9"]))
    assert skvm("plan", "check", tmp_path)[0] == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schema":1}',
        b"null",
        b"1e999",
        b'{"steps": "\\ud800"}',
        b"9" * 9000,
    ],
    ids=range(8),
)
def test_garbage_is_a_finding(tmp_path: Path, skvm: Skvm, data: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(data)
    for words in ((), ("--json",), ("--workdir", tmp_path)):
        code, out, said = skvm("plan", "check", path, *words)
        assert code == 1
        assert "Traceback" not in out + said


@pytest.mark.parametrize("name", ["", "nowhere", "/dev/zero", "a\0b", "x" * 5000, "/"])
def test_a_name_of_no_plan_is_told(tmp_path: Path, skvm: Skvm, name: str) -> None:
    code, _, said = skvm("plan", "check", name)
    assert code == 2
    assert "Traceback" not in said
