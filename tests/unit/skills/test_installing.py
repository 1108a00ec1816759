"""``skvm skills``: what is put where, what is never touched, and what is told."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skvm.cli.main import run as run_skvm
from skvm.skills import placing
from skvm.skills.places import LOOKERS
from skvm.skills.shipped import MARK, digest_of, files_of, shipped_skills

GENERAL, JIT = shipped_skills()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which Claude Code and pi are used, and no program on PATH."""
    home = tmp_path / "home"
    for name in (".claude", ".pi/agent"):
        (home / name).mkdir(parents=True)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for looker in LOOKERS:
        for variable in (looker.variable, looker.parent_variable):
            if variable:
                monkeypatch.delenv(variable, raising=False)
    return home


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]):
    def ask(*words: str) -> tuple[int, dict]:
        code = run_skvm(["skills", *words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return ask


def actions(answer: dict) -> dict[tuple[str, str], str]:
    return {(row["harness"], row["skill"]): row["action"] for row in answer["skills"]}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_they_are_installed_where_harnesses_are(home: Path, told) -> None:
    code, answer = told("install")
    names = {(harness, skill.name) for harness in ("claude-code", "pi") for skill in (GENERAL, JIT)}
    assert (code, actions(answer)) == (0, dict.fromkeys(names, "installed"))
    for row in answer["skills"]:
        assert dict(files_of(Path(row["path"]))) == dict(
            next(s for s in (GENERAL, JIT) if s.name == row["skill"]).files
        )
    assert (home / ".claude/skills/skvm-jit" / MARK).is_file()
    assert sorted(path.name for path in (home / ".claude/skills").iterdir()) == ["skvm-general", "skvm-jit"]
    assert set(actions(told("install")[1]).values()) == {"unchanged"}
    code, answer = told("uninstall")
    assert (code, set(actions(answer).values())) == (0, {"removed"})
    assert list((home / ".claude/skills").iterdir()) == []
    assert set(actions(told("uninstall")[1]).values()) == {"absent"}


def test_a_dry_run_writes_nothing(home: Path, told) -> None:
    before = sorted(home.rglob("*"))
    code, answer = told("install", "--dry-run")
    assert (code, answer["isDryRun"], set(actions(answer).values())) == (0, True, {"installed"})
    assert sorted(home.rglob("*")) == before
    told("install")
    before = sorted(home.rglob("*"))
    assert set(actions(told("uninstall", "--dry-run")[1]).values()) == {"removed"}
    assert sorted(home.rglob("*")) == before


def edit(folder: Path) -> None:
    (folder / "SKILL.md").write_text("mine\n")


def add(folder: Path) -> None:
    (folder / "notes.md").write_text("mine\n")


def drop(folder: Path) -> None:
    (folder / "SKILL.md").unlink()


def unmark(folder: Path) -> None:
    (folder / MARK).unlink()


def mark_badly(folder: Path) -> None:
    (folder / MARK).write_bytes(b"\xff{")


def mark_as_another(folder: Path) -> None:
    mark = json.loads((folder / MARK).read_text())
    (folder / MARK).write_text(json.dumps({**mark, "skill": "other"}))


@pytest.mark.parametrize("change", [edit, add, drop, unmark, mark_badly, mark_as_another])
@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_what_is_not_as_we_left_it_stays(home: Path, told, change, verb: str) -> None:
    told("install", "--harness=pi")
    folder = home / ".pi/agent/skills/skvm-jit"
    change(folder)
    before = snapshot(folder)
    code, answer = told(verb, "--harness=pi", "skvm-jit")
    assert (code, actions(answer)) == (1, {("pi", "skvm-jit"): "refused"})
    assert answer["skills"][0]["detail"].endswith("--force overrides")
    assert snapshot(folder) == before
    code, answer = told(verb, "--harness=pi", "skvm-jit", "--force")
    assert (code, actions(answer)) == (
        0,
        {("pi", "skvm-jit"): {"install": "replaced", "uninstall": "removed"}[verb]},
    )
    assert folder.exists() == (verb == "install")


@pytest.mark.parametrize("kind", ["file", "link", "empty folder"])
def test_a_name_that_is_taken_stays(home: Path, told, kind: str, tmp_path: Path) -> None:
    place = home / ".claude/skills/skvm-jit"
    place.parent.mkdir()
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "SKILL.md").write_text("mine")
    if kind == "file":
        place.write_text("mine")
    elif kind == "link":
        place.symlink_to(kept)
    else:
        place.mkdir()
    code, answer = told("install", "--harness=claude-code")
    assert (code, actions(answer)[("claude-code", "skvm-jit")]) == (1, "refused")
    assert actions(answer)[("claude-code", "skvm-general")] == "installed"
    assert told("install", "--harness=claude-code", "--force")[0] == 0
    assert not place.is_symlink()
    assert dict(files_of(place)) == dict(JIT.files)
    # What a link led to is not ours to replace.
    assert (kept / "SKILL.md").read_text() == "mine"


def as_of(version: str, folder: Path) -> None:
    """Make an installed skill one of another version, which had other words."""
    (folder / "SKILL.md").write_text("other words\n")
    mark = json.loads((folder / MARK).read_text())
    digest = digest_of(dict(files_of(folder)))
    (folder / MARK).write_text(json.dumps({**mark, "version": version, "digest": digest}))


def test_an_older_one_is_brought_up_to_date_and_a_newer_one_is_not(home: Path, told) -> None:
    told("install", "--harness=pi")
    as_of("0.0.9", home / ".pi/agent/skills/skvm-jit")
    as_of("999.0", home / ".pi/agent/skills/skvm-general")
    states = {
        row["skill"]: (row["state"], row["version"]) for row in told("list", "--harness=pi")[1]["skills"]
    }
    assert states == {"skvm-jit": ("older", "0.0.9"), "skvm-general": ("newer", "999.0")}
    code, answer = told("install", "--harness=pi")
    assert (code, actions(answer)) == (1, {("pi", "skvm-jit"): "updated", ("pi", "skvm-general"): "refused"})
    assert dict(files_of(home / ".pi/agent/skills/skvm-jit")) == dict(JIT.files)


def test_variables_say_where_programs_look(
    home: Path, told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    _, answer = told("install", "skvm-jit", "--harness=codex,opencode", "--harness", "hermes")
    places = [Path(row["path"]).parent for row in answer["skills"]]
    assert places == [tmp_path / "codex/skills", tmp_path / "xdg/opencode/skills", home / ".hermes/skills"]


def test_programs_on_path_count(home: Path, told, tmp_path: Path) -> None:
    program = tmp_path / "bin/opencode"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert {name for name, _ in actions(told("install")[1])} == {"claude-code", "pi", "opencode"}


def test_a_project_has_folders_of_its_own(home: Path, told) -> None:
    Path(".codex").mkdir()
    _, answer = told("install", "--project", "skvm-general")
    found = {row["harness"]: Path(row["path"]).relative_to(Path.cwd()) for row in answer["skills"]}
    assert found == {
        "claude-code": Path(".claude/skills/skvm-general"),
        "codex": Path(".codex/skills/skvm-general"),
        "pi": Path(".pi/skills/skvm-general"),
    }


def test_the_generic_folder_is_for_those_who_have_no_other(home: Path, told) -> None:
    (home / ".agents").mkdir()
    assert {name for name, _ in actions(told("install")[1])} == {"claude-code", "pi"}
    (home / ".claude/skills").rename(home / "away")
    for folder in (home / ".claude", home / ".pi"):
        folder.rename(home / f"was{folder.name}")
    assert {name for name, _ in actions(told("install")[1])} == {"agents"}
    assert (home / ".agents/skills/skvm-jit/SKILL.md").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["install", "--harness=claud"], "did you mean 'claude-code'?"),
        (["install", "--harness=bare-agent"], "nowhere to install to"),
        (["install", "--harness=hermes", "--project"], "reads no skills of a project"),
        (["install", "skvm-gneral"], "no skill 'skvm-gneral' comes with skvm"),
        (["instal"], "Did you mean 'install'?"),
    ],
)
def test_mistakes_are_told(
    home: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_skvm(["skills", *words]) == 2
    assert said in capsys.readouterr().err


def test_nobody_is_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (".claude", ".pi"):
        (home / name).rename(home / f"x{name}")
    assert run_skvm(["skills", "install"]) == 2
    assert "name one with --harness" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_keeps_no_other_from_its_skills(home: Path, told) -> None:
    (home / ".claude/skills").write_text("a file")
    code, answer = told("install", "skvm-jit")
    assert (code, actions(answer)) == (
        1,
        {("claude-code", "skvm-jit"): "failed", ("pi", "skvm-jit"): "installed"},
    )
    assert run_skvm(["skills", "install", "--harness=claude-code"]) == 3


def test_words_say_the_same_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_skvm(["skills", "install", "skvm-jit", "--harness=pi", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("pi: skvm-jit would be installed  (")
    assert run_skvm(["skills", "install", "skvm-jit", "--harness=pi", "--project"]) == 0
    assert "somebody trusts the project" in capsys.readouterr().err
    add(Path(".pi/skills/skvm-jit"))
    assert run_skvm(["skills", "list", "--project"]) == 0
    assert "skvm-jit is edited: " in capsys.readouterr().out


def test_where_folders_cannot_change_places_one_follows_the_other(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "skills"
    placing.place(JIT, folder)
    as_of("0.0.1", folder / "skvm-jit")
    monkeypatch.setattr(placing, "exchange", lambda one, other: False)
    assert placing.place(JIT, folder).action == "updated"
    assert snapshot(folder / "skvm-jit").keys() == {*JIT.files, MARK}
    assert [path.name for path in folder.iterdir()] == ["skvm-jit"]


def test_what_is_edited_while_a_removal_waits_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placing.place(GENERAL, tmp_path)
    alone = placing._alone

    @contextlib.contextmanager
    def waiting(folder: Path) -> Iterator[None]:
        with alone(folder), (tmp_path / GENERAL.name / "SKILL.md").open("a") as file:
            file.write("Ask Kim first.")
            file.flush()
            yield

    monkeypatch.setattr(placing, "_alone", waiting)
    assert placing.remove(GENERAL, tmp_path).action == "refused"
    assert (tmp_path / GENERAL.name / "SKILL.md").read_text().endswith("Ask Kim first.")
    assert placing.remove(GENERAL, tmp_path, force=True).action == "removed"


def test_a_failure_half_way_leaves_what_was_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "skills"
    placing.place(JIT, folder)
    as_of("0.0.1", folder / "skvm-jit")
    before = snapshot(folder)
    written = []

    def full(path: Path, data: bytes, *, mode: int) -> None:
        written.append(path)
        if len(written) == 2:
            raise OSError(28, "No space left on device", str(path))
        path.write_bytes(data)

    monkeypatch.setattr(placing, "replace_file", full)
    with pytest.raises(Exception, match="No space left"):
        placing.place(JIT, folder)
    assert snapshot(folder) == before


KILLED = """
import sys, time
from pathlib import Path
from skvm.skills import placing
from skvm.skills.shipped import shipped_skills

def wait(*_, **__):
    print("half", flush=True)
    time.sleep(60)

setattr(placing, sys.argv[2], wait)
placing.place(shipped_skills(["skvm-jit"])[0], Path(sys.argv[1]))
"""


@pytest.mark.parametrize("where", ["replace_file", "exchange"])
def test_one_that_is_killed_leaves_what_was_there_and_the_next_cleans_up(home: Path, where: str) -> None:
    folder = home / "skills"
    placing.place(JIT, folder)
    as_of("0.0.1", folder / "skvm-jit")
    before = snapshot(folder / "skvm-jit")
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder), where], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert snapshot(folder / "skvm-jit") == before
    assert len(list(folder.iterdir())) == 2
    assert placing.place(JIT, folder).action == "updated"
    assert [path.name for path in folder.iterdir()] == ["skvm-jit"]


def test_two_at_once_leave_one(home: Path) -> None:
    code = KILLED.replace("setattr", "#")
    folder = home / "skills"
    started = [subprocess.Popen([sys.executable, "-c", code, str(folder), "x"]) for _ in range(3)]
    deadline = time.monotonic() + 60
    assert [process.wait(deadline - time.monotonic()) for process in started] == [0, 0, 0]
    assert [path.name for path in folder.iterdir()] == ["skvm-jit"]
    assert placing.state_of(JIT, folder).state == "current"
