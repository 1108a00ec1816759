"""Our client of ACP against an agent that behaves in every way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from skvm.errors import InfrastructureError
from skvm.harness.acp.events import Report, read_report, told_of
from skvm.harness.acp.harness import make_harness
from skvm.harness.acp.sdk import sdk_folders
from skvm.harness.programs.contract import Launch
from tests.confinement import living
from tests.unit.harness.acp.sdk import needs_sdk
from tests.unit.harness.adapters.making import a_setting

pytestmark = needs_sdk

AGENT = Path(__file__).with_name("fake_agent.py")


@dataclass
class Driven:
    """What came of a session."""

    exit_code: int
    events: list[dict[str, Any]]
    report: Report
    stderr: str
    work: Path

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    @property
    def answers(self) -> list[Any]:
        """What the agent was answered to what it asked."""
        found = json.loads(self.report.final_text)
        assert isinstance(found, list)
        return found


Drive = Callable[..., Driven]


def lay_out(launch: Launch, home: Path) -> None:
    for name, data in launch.home_files.items():
        place = home / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


@dataclass
class Prepared:
    """A session that can be started: how, and what the client is given."""

    launch: Launch
    home: Path
    work: Path

    @property
    def options(self) -> dict[str, Any]:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), **self.launch.env}
        return {"cwd": self.work, "env": env}


def prepare(root: Path, behaviour: str, prompt: str, timeout_s: float, **changes: Any) -> Prepared:
    home, work = root / "home", root / "work"
    home.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    needed = {f"python:{number}": folder for number, folder in enumerate(sdk_folders())}
    setting = a_setting(
        home=home, work_dir=work, program=Path(sys.executable), needed=needed, prompt=prompt,
        timeout_s=timeout_s,
    )  # fmt: skip
    launch = make_harness(f"{sys.executable} {AGENT} {behaviour}").launch(setting)
    lay_out(launch, home)
    place = home / ".skvm/acp/config.json"
    place.write_text(json.dumps({**json.loads(place.read_bytes()), **changes}))
    return Prepared(launch, home, work)


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    def go(behaviour: str, prompt: str = "Hello?", *, timeout_s: float = 30.0, **changes: Any) -> Driven:
        made = prepare(tmp_path, behaviour, prompt, timeout_s, **changes)
        done = subprocess.run(
            made.launch.argv, input=made.launch.stdin, capture_output=True, timeout=60, check=False,
            **made.options,
        )  # fmt: skip
        output = tmp_path / "stdout"
        output.write_bytes(done.stdout)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return Driven(done.returncode, events, read_report(output), done.stderr.decode(), made.work)

    return go


def asks(*requests: tuple[str, dict[str, Any]]) -> str:
    return json.dumps(requests)


def test_a_turn_is_driven_to_its_end(drive: Drive) -> None:
    driven = drive("plain")
    assert driven.exit_code == 0, driven.stderr
    assert driven.report.final_text == "Hello."
    assert driven.report.stop_reason == "end_turn"
    [session] = driven.of("session")
    assert session["sessionId"] == "s1"
    # The ten cached ones are among the thirty, or the sum would be another.
    told = told_of(driven.report)
    assert told.usage is not None
    assert (told.usage.input_tokens, told.usage.cache_read_tokens, told.usage.output_tokens) == (20, 10, 5)
    assert told.error is None


def test_a_long_prompt_of_any_text_arrives(drive: Drive, tmp_path: Path) -> None:
    text = "ü€\u2028 \n" * 60_000
    path = tmp_path / "work" / "prompt.txt"
    driven = drive("ask", asks(("fs/write_text_file", {"path": str(path), "content": text})))
    assert driven.answers == [{}]
    assert path.read_text() == text


OPTIONS = [
    {"optionId": "always", "name": "Always", "kind": "allow_always"},
    {"optionId": "once", "name": "Once", "kind": "allow_once"},
    {"optionId": "no", "name": "No", "kind": "reject_once"},
]


@pytest.mark.parametrize(
    ("kind", "options", "changes", "given"),
    [
        ("execute", OPTIONS, {}, "once"),
        ("execute", OPTIONS[:1], {}, "always"),
        ("execute", OPTIONS, {"isAllowing": False}, "no"),
        ("fetch", OPTIONS, {"refused": ["fetch"]}, "no"),
        ("edit", OPTIONS, {"refused": ["fetch"]}, "once"),
        ("execute", OPTIONS[:2], {"isAllowing": False}, None),
        ("execute", [], {}, None),
    ],
)
def test_permissions_are_given_by_policy(
    drive: Drive, kind: str, options: list[Any], changes: dict[str, Any], given: str | None
) -> None:
    call = {"toolCallId": "c1", "title": "It", "kind": kind}
    driven = drive(
        "ask", asks(("session/request_permission", {"toolCall": call, "options": options})), **changes
    )
    chosen = {"outcome": "cancelled"} if given is None else {"outcome": "selected", "optionId": given}
    assert driven.answers == [{"outcome": chosen}]
    assert [asked.method for asked in driven.report.asked] == ["session/request_permission"]


def test_files_are_read_and_written_in_the_work_directory(drive: Drive, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "a.txt").write_text("one\ntwo\nthree\nfour\n")
    driven = drive(
        "ask",
        asks(
            ("fs/read_text_file", {"path": f"{work}/a.txt"}),
            ("fs/read_text_file", {"path": f"{work}/a.txt", "line": 2, "limit": 2}),
            ("fs/write_text_file", {"path": f"{work}/deep/er/b.txt", "content": "long text"}),
            ("fs/write_text_file", {"path": f"{work}/deep/er/b.txt", "content": "b"}),
            ("fs/read_text_file", {"path": f"{work}/none.txt"}),
        ),
    )
    assert driven.answers[:4] == [
        {"content": "one\ntwo\nthree\nfour\n"},
        {"content": "two\nthree\n"},
        {},
        {},
    ]
    assert "No such file" in driven.answers[4]["error"]["message"]
    assert (work / "deep/er/b.txt").read_text() == "b"


def test_paths_outside_are_refused(drive: Drive, tmp_path: Path) -> None:
    work, other = tmp_path / "work", tmp_path / "other"
    work.mkdir()
    other.mkdir()
    (other / "secret").write_text("s")
    (work / "link").symlink_to(other)
    (work / "file-link").symlink_to(other / "secret")
    os.mkfifo(work / "pipe")
    refused: list[tuple[str, dict[str, Any]]] = [
        ("fs/read_text_file", {"path": f"{other}/secret"}),
        ("fs/read_text_file", {"path": f"{work}/../other/secret"}),
        ("fs/read_text_file", {"path": f"{work}/link/secret"}),
        ("fs/read_text_file", {"path": f"{work}/file-link"}),
        ("fs/read_text_file", {"path": f"{work}/pipe"}),
        ("fs/read_text_file", {"path": "a.txt"}),
        ("fs/read_text_file", {"path": f"{work}/a\0b"}),
        ("fs/read_text_file", {"path": 3}),
        ("fs/read_text_file", {"path": str(work), "line": 1}),
        ("fs/write_text_file", {"path": f"{other}/made", "content": "x"}),
        ("fs/write_text_file", {"path": f"{work}/link/made", "content": "x"}),
        ("fs/write_text_file", {"path": f"{work}/link/deep/made", "content": "x"}),
        # Its home may be read, for its skills lie there, and is not the task's to write.
        ("fs/write_text_file", {"path": f"{tmp_path}/home/made", "content": "x"}),
        ("fs/write_text_file", {"path": f"{work}/a.txt"}),
        ("terminal/create", {"command": "true", "cwd": str(other)}),
    ]
    driven = drive("ask", json.dumps(refused))
    assert ["error" in answer for answer in driven.answers] == [True] * len(refused)
    assert sorted(path.name for path in other.iterdir()) == ["secret"]
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == [".skvm"]
    assert all(asked.error for asked in driven.report.asked)


def test_a_file_that_is_too_large_is_refused(drive: Drive, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with (work / "large").open("wb") as file:
        file.truncate(1 << 30)
    driven = drive("ask", asks(("fs/read_text_file", {"path": f"{work}/large"})))
    assert "larger than" in driven.answers[0]["error"]["message"]


def test_a_terminal_runs_is_watched_and_is_killed(drive: Drive) -> None:
    last = {"terminalId": "LAST"}
    marker = f"{uuid.uuid4().int % 10**9 + 10**9}"
    driven = drive(
        "ask",
        asks(
            ("terminal/create", {"command": "sh", "args": ["-c", "echo $COLOUR; pwd; exit 3"],
                                 "env": [{"name": "COLOUR", "value": "blue"}]}),
            ("terminal/wait_for_exit", last),
            ("terminal/output", last),
            ("terminal/release", last),
            ("terminal/output", last),
            # A whole line where the program belongs.
            ("terminal/create", {"command": "printf 'äbcdef' | cat", "outputByteLimit": 6}),
            ("terminal/wait_for_exit", last),
            ("terminal/output", last),
            ("terminal/create", {"command": "sh", "args": ["-c", f"sleep {marker} & sleep {marker}"]}),
            ("terminal/output", last),
            ("terminal/kill", last),
            ("terminal/wait_for_exit", last),
            ("terminal/create", {"command": "/no/such/program", "args": ["x"]}),
            ("terminal/create", {"command": "sleep", "args": [marker]}),
        ),
    )  # fmt: skip
    answers = driven.answers
    assert answers[1] == {"exitCode": 3}
    assert answers[2] == {
        "output": f"blue\n{driven.work}\n", "truncated": False, "exitStatus": {"exitCode": 3}
    }  # fmt: skip
    assert "no terminal" in answers[4]["error"]["message"]
    # Seven bytes, of which the first character takes two: it is left out whole.
    assert answers[7] == {"output": "bcdef", "truncated": True, "exitStatus": {"exitCode": 0}}
    assert "exitStatus" not in answers[9]
    assert answers[11] == {"signal": "SIGKILL"}
    assert "No such file" in answers[12]["error"]["message"]
    # The last one was still running when the session ended.
    assert living(marker) == []
    assert driven.stderr == ""


def test_what_nobody_knows_is_answered_so(drive: Drive) -> None:
    driven = drive("ask", asks(("craft/drain", {}), ("_x/extension", {}), ("fs/delete", {"path": "/"})))
    assert [answer["error"]["code"] for answer in driven.answers] == [-32601] * 3


def test_noise_among_the_messages_does_no_harm(drive: Drive) -> None:
    driven = drive("noise")
    assert driven.exit_code == 0
    assert driven.report.final_text == "Still here."
    assert "Loading plugins …" in [event["text"] for event in driven.of("noise")]
    assert driven.stderr == ""


def test_huge_messages_are_cut_and_endless_lines_dropped(drive: Drive) -> None:
    driven = drive("huge")
    assert driven.exit_code == 0, driven.stderr
    assert list(driven.report.tools) == ["big"]
    assert driven.report.final_text.endswith("…Done.")
    assert len(json.dumps(driven.events)) < 1 << 20


def test_a_last_message_without_an_end_of_line_counts(drive: Drive) -> None:
    driven = drive("abrupt")
    assert driven.report.final_text == "Hello."
    assert driven.report.stop_reason == "end_turn"


def test_what_comes_after_the_end_still_counts(drive: Drive) -> None:
    assert drive("late").report.final_text == "Hello. And one more thing."


def test_an_agent_that_does_not_exit_is_ended(drive: Drive) -> None:
    driven = drive("stay")
    assert driven.exit_code == 0
    assert driven.report.final_text == "Hello."
    assert living(f"{AGENT}\0stay") == []


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        ("die", "the agent ended with exit code 3 before it answered session/new"),
        ("vanish", "the agent ended with exit code 0 before it answered session/prompt"),
        ("login", "session/new: Authentication required"),
        ("fail", "session/prompt: Internal error (the model said nothing)"),
        ("future", "initialize: it speaks version 7 of the protocol, not 1"),
        ("give-up", "the agent cancelled the turn"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(drive: Drive, behaviour: str, error: str) -> None:
    driven = drive(behaviour)
    told = told_of(driven.report)
    assert told.error == error
    assert told.final_text is None
    assert (told.hint is not None) == (behaviour == "login")
    assert ("no such setting" in driven.stderr) == (behaviour == "die")


def test_a_program_that_cannot_be_started_is_told(drive: Drive) -> None:
    driven = drive("plain", argv=["/no/such/agent"])
    assert driven.exit_code == 1
    assert "No such file" in (told_of(driven.report).error or "")


def test_the_agents_own_step_limit_is_told(drive: Drive) -> None:
    assert told_of(drive("limit").report).is_step_limit


def test_at_its_deadline_the_agent_is_told_to_stop(tmp_path: Path) -> None:
    made = prepare(tmp_path, "cancel", "Hello?", timeout_s=1.0)
    with (tmp_path / "stdout").open("wb") as output:
        client = subprocess.Popen(
            made.launch.argv, stdin=subprocess.DEVNULL, stdout=output, **made.options
        )  # fmt: skip
    try:
        end = time.monotonic() + 30
        while not (made.work / "cancelled.txt").exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert (made.work / "cancelled.txt").exists()
        # It is for whoever started it to end it.
        assert client.poll() is None
    finally:
        client.kill()
        client.wait()
    report = read_report(tmp_path / "stdout")
    assert report.is_deadline
    assert told_of(report).error is None


def test_without_the_sdk_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def absent(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    with pytest.raises(InfrastructureError) as caught:
        sdk_folders()
    assert "pip install 'skvm[acp]'" in caught.value.message
