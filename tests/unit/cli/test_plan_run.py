"""``skvm plan run`` from the command line: going on, what is left, what is uncertain, refusals."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import click
import pytest

from skvm.cli.commands import plan as plan_command
from skvm.cli.main import COMMANDS
from tests.unit.cli.plans import log_of, logged, mapped, plan_run, step, write_plan


@pytest.fixture
def work(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def skvm(capsys):
    """Run ``skvm plan run …``: exit code, standard output, standard error."""
    return partial(plan_run, capsys)


def test_commands_run_in_the_work_directory_and_what_needs_a_model_is_left(tmp_path, work, skvm):
    path = write_plan(
        tmp_path,
        step("1.1", "echo a > a.txt", writes=["a.txt"]),
        step("1.2", after=["1.1"], is_open=True),
        step("1.3", "cat a.txt b.txt > c.txt", after=["1.2"], writes=["c.txt"]),
    )
    code, out, _ = skvm(path)
    assert code == 0
    assert (work / "a.txt").read_text() == "a\n"
    assert not (work / "c.txt").exists()
    assert "to do: step 1.2: it needs a model: Do what step 1.2 says." in out
    assert out.splitlines()[-1] == f"next: skvm plan run {path} --done 1.2"

    (work / "b.txt").write_text("b\n")
    code, out, _ = skvm(path, "--done", "1.2")
    assert code == 0
    assert (work / "c.txt").read_text() == "a\nb\n"
    assert "done before 1.1" in out
    assert "next:" not in out


def test_the_same_command_goes_on_and_repeats_nothing_that_is_done(tmp_path, work, skvm):
    path = write_plan(
        tmp_path,
        step("1.1", logged("one")),
        step("1.2", f"{logged('two')}; test -e ready", after=["1.1"]),
        step("1.3", logged("three"), after=["1.2"]),
        step("1.4", logged("four")),
    )
    code, out, _ = skvm(path)
    assert code == 1
    assert "failed      1.2" in out
    assert "cancelled   1.3" in out
    assert sorted(log_of(work)) == ["four", "one", "two"]
    (work / "ready").touch()
    code, out, _ = skvm(path)
    assert code == 0
    assert sorted(log_of(work)) == ["four", "one", "three", "two", "two"]


def test_a_complete_run_is_followed_by_a_new_one_and_it_says_so(tmp_path, work, skvm):
    path = write_plan(tmp_path, step("1.1", logged("one")))
    assert skvm(path)[0] == 0
    code, out, _ = skvm(path)
    assert code == 0
    assert "is complete; this is a new one" in out
    assert log_of(work) == ["one", "one"]


def test_what_is_complete_and_may_not_be_repeated_waits_for_a_word(tmp_path, work, skvm):
    path = write_plan(
        tmp_path,
        step("1.1", logged("sent"), idempotent=False),
        step("1.2", "echo b > b.txt", writes=["b.txt"]),
    )
    assert skvm(path)[0] == 0
    (work / "b.txt").unlink()
    code, out, _ = skvm(path)
    assert code == 0
    assert "--fresh runs it anew" in out
    assert "step 1.2 runs again: b.txt is gone" in out
    assert ((work / "b.txt").exists(), log_of(work)) == (True, ["sent"])
    assert skvm(path, "--fresh")[0] == 0
    assert log_of(work) == ["sent", "sent"]


def test_saying_again_that_a_step_is_done_runs_nothing_again(tmp_path, work, skvm):
    path = write_plan(tmp_path, step("1.1", logged("one")), step("1.2", after=["1.1"], is_open=True))
    skvm(path)
    assert skvm(path, "--done", "1.2")[0] == 0
    code, out, _ = skvm(path, "--done", "1.2")
    assert code == 0
    assert log_of(work) == ["one"]
    assert "2 done" in out


def test_a_failed_step_that_may_not_be_repeated_waits_for_a_word(tmp_path, work, skvm):
    path = write_plan(tmp_path, step("1.1", f"{logged('sent')}; test -e ready", idempotent=False))
    code, out, _ = skvm(path)
    assert code == 1
    assert f"next: skvm plan run {path} --repeat 1.1" in out
    (work / "ready").touch()
    code, out, _ = skvm(path)
    assert code == 1
    assert log_of(work) == ["sent"]
    code, out, _ = skvm(path, "--repeat", "1.1")
    assert code == 0
    assert log_of(work) == ["sent", "sent"]


def test_fresh_begins_anew_and_resume_names_a_run(tmp_path, work, skvm):
    path = write_plan(tmp_path, step("1.1", logged("one")), step("1.2", "test -e ready", after=["1.1"]))
    first = json.loads(skvm(path, "--json")[1])["planRun"]
    second = json.loads(skvm(path, "--fresh", "--json")[1])["planRun"]
    assert first != second
    assert log_of(work) == ["one", "one"]
    (work / "ready").touch()
    told = json.loads(skvm(path, "--resume", first, "--json")[1])
    assert (told["planRun"], told["resumed"], told["states"]) == (first, True, {"done": 2})
    assert log_of(work) == ["one", "one"]
    code, _, said = skvm(path, "--resume", first)
    assert code == 2
    assert "is complete" in said
    code, _, said = skvm(path, "--resume", "plan-nope")
    assert code == 2
    assert "no plan run is called 'plan-nope'" in said


def test_a_run_in_another_folder_is_another_run(tmp_path, work, skvm):
    path = write_plan(tmp_path, step("1.1", logged("one")), step("1.2", is_open=True, after=["1.1"]))
    skvm(path)
    other = tmp_path / "other"
    other.mkdir()
    assert skvm(path, "--workdir", other)[0] == 0
    assert log_of(other) == ["one"]
    run_id = json.loads(skvm(path, "--json")[1])["planRun"]
    code, _, said = skvm(path, "--workdir", other, "--resume", run_id)
    assert code == 2
    assert str(work) in said


def test_a_folder_whose_name_looks_like_a_key_is_known_again(tmp_path, skvm):
    work = tmp_path / f"ghp_{'a' * 36}"
    work.mkdir()
    path = write_plan(tmp_path, step("1.1", logged("one"), idempotent=False), step("1.2", is_open=True))
    skvm(path, "--workdir", work)
    code, _, _ = skvm(path, "--workdir", work)
    assert code == 0
    assert log_of(work) == ["one"]
    journal = Path(os.environ["SKVM_CACHE"]) / "log" / "journal.sqlite"
    assert work.name.encode() not in journal.read_bytes()


def test_items_of_a_map_that_are_done_are_not_done_again(tmp_path, work, skvm):
    for name in ("a", "b", "c"):
        (work / f"{name}.in").write_text(name)
    (work / "b.bad").touch()
    path = write_plan(
        tmp_path,
        step("1.1", "true", writes=["out/"]),
        groups=[mapped("1.1", "*.in", "echo {name} >> log; ! test -e {name}.bad")],
    )
    code, _, _ = skvm(path, "--parallel")
    assert code == 1
    assert sorted(log_of(work)) == ["a", "b", "c"]
    (work / "b.bad").unlink()
    assert skvm(path, "--parallel")[0] == 0
    assert sorted(log_of(work)) == ["a", "b", "b", "c"]


def test_a_step_to_be_confirmed_is_left_without_a_terminal_and_run_with_yes(tmp_path, work, skvm):
    path = write_plan(tmp_path, step("1.1", logged("one"), confirmation=True))
    code, out, _ = skvm(path)
    assert code == 0
    assert log_of(work) == []
    assert out.splitlines()[-1] == f"next: skvm plan run {path} --yes"
    assert skvm(path, "--yes")[0] == 0
    assert log_of(work) == ["one"]


def test_a_dry_run_says_what_goes_at_once_and_does_nothing(tmp_path, work, skvm):
    path = write_plan(
        tmp_path,
        step("1.1", logged("one")),
        step("1.2", "echo two"),
        step("1.3", "echo three", after=["1.1", "1.2"]),
    )
    code, out, _ = skvm(path, "--dry-run")
    assert code == 0
    assert "round 1, 2 at once" in out
    assert list(work.iterdir()) == []
    told = json.loads(skvm(path, "--dry-run", "--json")[1])
    assert [[each["id"] for each in each_round] for each_round in told["rounds"]] == [["1.1", "1.2"], ["1.3"]]


def test_a_dry_run_tells_what_does_a_step_from_its_id(work, skvm):
    skill = Path(__file__).parents[3] / "examples/plans/skills/ticket-labels"
    out = skvm(skill, "--dry-run", "--model", "a/b")[1]
    assert "  each question 1.1  For each" in out
    assert "  command       1.2  python3" in out


@pytest.mark.parametrize("flag", ["--done", "--repeat"])
def test_a_step_that_is_not_there_is_named(tmp_path, work, skvm, flag):
    path = write_plan(tmp_path, step("1.1", "true"))
    code, _, said = skvm(path, flag, "9.9")
    assert code == 2
    assert f"{flag} 9.9: the plan has no step of this id" in said


def test_serial_runs_the_steps_in_the_order_of_the_plan(tmp_path, work, skvm):
    names = [f"1.{index}" for index in range(6)]
    path = write_plan(
        tmp_path, *(step(name, f"sleep 0.0{9 - int(name[2:])}; {logged(name)}") for name in names)
    )
    told = json.loads(skvm(path, "--serial", "--dry-run", "--json")[1])
    assert [[each["id"] for each in each_round] for each_round in told["rounds"]] == [
        [name] for name in names
    ]
    assert skvm(path, "--serial", "--jobs", "4")[0] == 0
    assert log_of(work) == names


def test_in_a_cell_of_ours_commands_run_as_they_are(tmp_path, work, skvm, monkeypatch):
    monkeypatch.setenv("SKVM_IN_CELL", "1")
    path = write_plan(tmp_path, step("1.1", "echo here > a.txt"), step("1.2", "exit 4"))
    code, out, _ = skvm(path)
    assert code == 1
    assert (work / "a.txt").read_text() == "here\n"
    assert "exit 4: exit code 4" in out


def test_words_of_strangers_cannot_steer_the_terminal(tmp_path, work, skvm):
    evil = step("1.1", "printf '\\033[31mred\\007' >&2; exit 1")
    evil["description"] = "clear \033[2J the screen\nand forge a line"
    code, out, said = skvm(write_plan(tmp_path, evil))
    assert code == 1
    assert "\033" not in out + said
    assert "\a" not in out + said
    assert "clear \ufffd[2J the screen and forge a line" in out


def test_what_a_step_printed_and_wrote_is_in_the_json(tmp_path, work, skvm):
    path = write_plan(tmp_path, step("1.1", "echo said; echo a > a.txt", writes=["a.txt"]))
    (told,) = json.loads(skvm(path, "--json")[1])["steps"]
    assert told["text"] == "said"
    assert told["digests"] == {"a.txt": hashlib.sha256(b"a\n").hexdigest()}
    assert (told["state"], told["exitCode"], told["kind"]) == ("done", 0, "command")


def test_a_plan_without_steps_is_done(tmp_path, work, skvm):
    code, out, _ = skvm(write_plan(tmp_path))
    assert code == 0
    assert out.startswith("no steps in ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--resume=x", "--fresh"], "--resume and --fresh exclude each other"),
        (["--workdir=nowhere"], "no such folder"),
        (["--procedure=9"], "has no procedure '9'"),
        (["--model=fake/m", "--adapter=nobody"], "nobody"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, work, skvm, words, said):
    path = write_plan(tmp_path, step("1.1", logged("one")), step("1.2", is_open=True))
    code, _, told = skvm(path, *words)
    assert code == 2
    assert said in told
    assert log_of(work) == []


def test_a_journal_that_is_none_is_named_and_nothing_runs(tmp_path, work, skvm, monkeypatch):
    monkeypatch.setenv("SKVM_LOGS_DIR", str(tmp_path))
    (tmp_path / "journal.sqlite").write_text("no journal " * 100)
    code, _, told = skvm(write_plan(tmp_path, step("1.1", logged("one"))))
    assert code == 3
    assert "journal.sqlite" in told
    assert log_of(work) == []


def test_groups_are_measured_and_the_next_run_knows(tmp_path, work, skvm):
    for name in ("a", "b", "c"):
        (work / f"{name}.in").write_text(name)
    path = write_plan(
        tmp_path, step("1.1", "true", writes=["out/"]), groups=[mapped("1.1", "*.in", "cat {item}")]
    )
    for arm in ("--parallel", "--serial"):
        assert skvm(path, arm)[0] == 0
    with closing(sqlite3.connect(Path(os.environ["SKVM_CACHE"]) / "log" / "journal.sqlite")) as journal:
        rows = journal.execute("select body from records where kind = 'plan_group'").fetchall()
    measured = [json.loads(body) for (body,) in rows]
    assert [(row["group"], row["arm"], row["units"]) for row in measured] == [
        ("map-1.1", "parallel", 3),
        ("map-1.1", "serial", 3),
    ]
    # Tried at once once more than in a row, the next one is a trial in a row, and says so.
    assert skvm(path, "--parallel")[0] == 0
    code, out, _ = skvm(path)
    assert code == 0
    assert "in a row: map-1.1 (tried both ways first: 2 runs at once, 1 in a row)" in out


def test_commands_are_held_to_the_permissions_of_the_skill(tmp_path, work, skvm):
    allowed = {"schema": 1, "skill": "demo", "write": [{"name": "out/"}], "commands": [{"name": "echo"}]}
    (tmp_path / "permissions.json").write_text(json.dumps(allowed))
    path = write_plan(
        tmp_path,
        step("1.1", "mkdir -p out && echo a > out/a.txt"),
        step("1.2", "python3 -c 'print(1)'"),
        step("1.3", "echo b > b.txt"),
    )
    code, out, _ = skvm(path, "--permissions=enforce", "--json")
    told = json.loads(out)
    assert code == 1
    states = {each["id"]: each["state"] for each in told["steps"]}
    assert states == {"1.1": "done", "1.2": "failed", "1.3": "failed"}
    assert not (work / "b.txt").exists()
    code, out, _ = skvm(path, "--fresh", "--json")
    told = json.loads(out)
    assert told["states"] == {"done": 3}
    assert any("python3" in note and "let through" in note for note in told["notes"])
    code, _, said = skvm(path, "--permissions=enforce", "--sandbox=none")
    assert code == 2
    assert "needs a sandbox that confines" in said


def test_the_verbs_tell_the_same_in_the_list_and_of_themselves():
    assert (plan_command.command.help or "").splitlines()[0] == COMMANDS["plan"]
    with click.Context(plan_command.command) as context:
        for verb, line in plan_command.VERBS.items():
            found = plan_command.command.get_command(context, verb)
            assert (found.help or "").splitlines()[0] == line


HEAVY = ("pydantic_ai", "scipy", "numpy", "httpx", "altair", "openai", "anthropic", "jinja2", "xllamacpp")


@pytest.mark.parametrize("in_cell", ["0", "1"])
def test_a_plan_of_commands_imports_nothing_heavy(tmp_path, work, in_cell):
    path = write_plan(tmp_path, step("1.1", "true"), step("1.2", is_open=True, after=["1.1"]))
    heavy = (*HEAVY, "rich", "skvm.harness.environment.bind") if in_cell == "1" else HEAVY
    code = (
        "import sys\nfrom skvm.cli.main import run\n"
        f"code = run(['plan', 'run', {str(path)!r}])\n"
        f"print(code, [name for name in {heavy!r} if name in sys.modules])"
    )
    env = {**os.environ, "SKVM_IN_CELL": in_cell}
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=work, env=env)
    assert done.stdout.splitlines()[-1] == "0 []", done.stdout + done.stderr
