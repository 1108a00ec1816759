"""The skills we ship: their commands exist, our own linter and compiler have nothing against them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

import skvm
from skvm.cli.main import cli
from skvm.cli.main import run as run_skvm
from skvm.skills.places import LOOKERS
from skvm.skills.shipped import MARK, digest_of, files_of, shipped_skills

FOLDER = Path(skvm.__file__).parent / "skills"
NAMES = ("skvm-general", "skvm-jit")
TEXTS = sorted(FOLDER.glob("*/**/*.md"))


def command_lines(text: str) -> list[str]:
    """What stands in blocks of code, and what stands in single backquotes."""
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`(skvm [^`]+)`", outside)
    return [line for line in lines if line.startswith("skvm ") and "COMMAND" not in line]


LINES = sorted(
    {
        (path.relative_to(FOLDER).as_posix(), line)
        for path in TEXTS
        for line in command_lines(path.read_text())
    }
)


def parse(line: str) -> click.Command:
    """Find the command and let it read its arguments; raises what click says of a wrong one."""
    words = shlex.split(line)[1:]
    context = click.Context(cli, info_name="skvm")
    found: click.Command = cli
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        name, inner, words = found.resolve_command(context, words)
        assert inner is not None
        context = click.Context(inner, info_name=name, parent=context)
        found = inner
    found.make_context(found.name, words, parent=context.parent)
    return found


def test_there_are_two_and_they_say_many_commands() -> None:
    assert [skill.name for skill in shipped_skills()] == list(NAMES)
    assert len(LINES) > 30


@pytest.mark.parametrize(("place", "line"), LINES)
def test_every_command_exists_with_these_flags(place: str, line: str) -> None:
    assert parse(line).name in line


@pytest.mark.parametrize(
    "line", ["skvm nope", "skvm run --tsk=t", "skvm run --model=m", "skvm proposals show"]
)
def test_a_wrong_command_would_be_found(line: str) -> None:
    with pytest.raises(click.ClickException):
        parse(line)


@pytest.mark.parametrize("name", NAMES)
def test_the_linter_has_no_finding(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_skvm(["lint", str(FOLDER / name), "--strict", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["summary"]["skills"], told["skills"][0]["diagnostics"]) == (1, [])


@pytest.mark.parametrize("name", NAMES)
def test_they_compile(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = "--model=local/qwen2.5-coder-1.5b"
    code = run_skvm(
        ["aot-compile", f"--skill={FOLDER / name}", model, "--no-lock", "--compiler-model=none", "--json"]
    )
    (told,) = json.loads(capsys.readouterr().out)["compiled"]
    assert (code, told["skill"]) == (0, name)
    assert (Path(told["variant"]) / "SKILL.md").is_file()
    assert not (FOLDER / name / "skvm.lock").exists()


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_say_when_and_bodies_are_short(name: str) -> None:
    text = (FOLDER / name / "SKILL.md").read_text()
    _, head, body = text.split("---\n", 2)
    description = re.search(r"^description: (.*)$", head, re.MULTILINE)
    assert description is not None
    assert "Use it " in description[1]
    assert len(description[1]) < 600
    assert len(body.split()) < 700


def test_every_place_we_install_to_is_told_to_agents() -> None:
    told = (FOLDER / "skvm-jit/references/places.md").read_text()
    for looker in LOOKERS:
        assert f"`~/{looker.home}/{looker.below}/`" in told
        assert looker.project is None or f"`{looker.project}/`" in told


def test_the_report_in_the_reference_is_read_as_one(tmp_path: Path) -> None:
    from skvm.evidence.redact import Redactor
    from skvm.optimizer.logs.reading import read_logs

    text = (FOLDER / "skvm-jit/references/report.md").read_text()
    (block,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    report = tmp_path / "report.json"
    report.write_text(block)
    read = read_logs([report], redactor=Redactor(()))
    assert (read.dialect, len(read.evidence)) == ("report", 1)
    assert "Name the rate where mileage is explained." in str(read.evidence[0])


def test_a_digest_depends_on_names_and_bytes() -> None:
    assert digest_of({"a": b"b"}) != digest_of({"ab": b""})
    assert digest_of({"a": b"", "b": b""}) == digest_of({"b": b"", "a": b""})


def test_what_systems_leave_behind_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    for name in (MARK, ".DS_Store"):
        (tmp_path / name).write_text("y")
    (tmp_path / "link").symlink_to("/etc")
    assert dict(files_of(tmp_path)) == {"a": b"x", "link": b"-> /etc"}
