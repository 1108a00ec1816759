"""macOS: the profile of its sandbox, and that nothing there asks for what only Linux has.

None of it was ever run on macOS by us.
"""

from __future__ import annotations

import ast
import ctypes
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.harness.confine import provision
from skvm.harness.confine.inside import darwin
from skvm.harness.confine.inside.tree import pids
from skvm.harness.confine.seatbelt import PROGRAM, SandboxProfile, profile_of
from skvm.harness.sandbox import Policy
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from tests.conftest import REPO
from tests.release.macos_like import MISSING, NO_FUNCTIONS

GOLDEN = Path(__file__).parent / "golden"
LIKE = REPO / "tests/release/macos_like.py"
GUARDED = {
    "harness/confine/bubblewrap.py": "AF_NETLINK",
    "harness/confine/landlock.py": "AF_NETLINK",
    "harness/confine/workers.py": "MSG_CMSG_CLOEXEC pidfd_open pidfd_send_signal",
    "harness/confine/provision.py": "pidfd_open",
    "harness/confine/inside/forkserver.py": "pidfd_open",
    "harness/confine/inside/hands.py": "MSG_CMSG_CLOEXEC",
    "harness/confine/inside/landlock.py": "O_PATH syscall",
    "harness/confine/inside/lockdown.py": "prctl capset setresgid setresuid",
    "harness/confine/inside/seccomp.py": "prctl unshare",
    "bench/harbor/run_tests.py": "prctl",
    "bench/import_writing.py": "renameat2",
    "compiler/study/corpus.py": "sched_getaffinity",
    "evaluate/inside/channel.py": "prctl",
    "llm/local.py": "sched_getaffinity",
    "optimizer/proposals/exchanging.py": "renameat2",
    "runtime/boost/inside/committing.py": "O_TMPFILE",
    "runtime/boost/inside/running.py": "waitid",
    "runtime/plan/branching/copying.py": "copy_file_range",
}
"""File → what of Linux it names: each is asked for first, or stands where only Linux comes. See the guide."""


@pytest.fixture
def interpreter(monkeypatch) -> None:
    """A Python in one place on every machine."""
    monkeypatch.setattr(provision, "interpreter_prefix", lambda: Path("/opt/python"))


def shapes(root: Path) -> dict[str, tuple[Policy, list[int]]]:
    work = root / "work"
    return {
        "closed": (Policy(work), []),
        "network": (Policy(work, network=True), []),
        "door": (Policy(work, listen_ports=[1, 2]), [8018, 8017]),
        "program": (
            Policy(work, read_only=[root / "tool"], path_prefix=[root / "tool/bin"], home=root / "home"),
            [8018],
        ),
        "parts": (Policy(work, writable=[work / "out", work / "in/deep"], read_only=[work / "in"]), []),
    }


@pytest.mark.parametrize("name", sorted(shapes(Path("/r"))))
def test_the_profile_of_a_policy_is_this(name, interpreter):
    policy, ports = shapes(Path("/r"))[name]
    made = profile_of(policy, Path("/r/tmp"), ports)
    shown = made.text + "\n" + "".join(f"; {key} = {path}\n" for key, path in made.parameters.items())
    golden = GOLDEN / f"{name}.sb"
    assert shown == golden.read_text(encoding="utf-8")


HOSTILE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
RULES = st.sampled_from(['")(allow default)("', "a\nb", "\\", ";", "-p", "A=B", "$(x)", "é", " ", "(param"])
NAMES = (HOSTILE | RULES).filter(lambda name: name not in {".", ".."} and "/" not in name)


@given(st.lists(NAMES, min_size=5, max_size=5, unique=True))
def test_no_name_becomes_a_rule(names):
    """The text says how many paths there are and nothing of them; each arrives as it is."""
    work, tool, prefix, home, tmp = (Path("/r/dir", name) for name in names)
    policy = Policy(work, read_only=[tool], path_prefix=[prefix], home=home)
    made = profile_of(policy, tmp)
    one, two, three, four, five = (Path("/r/dir", str(number)) for number in range(5))
    plain = Policy(one, read_only=[two], path_prefix=[three], home=four)
    assert made.text == profile_of(plain, five).text
    assert {str(work), str(tmp), str(home)} <= set(made.parameters.values())
    command = made.command(["python"])
    assert command[0] == PROGRAM
    given_ = [command[place + 1].partition("=") for place in range(1, command.index("-p"), 2)]
    assert {name: path for name, _, path in given_} == made.parameters
    assert set(command[1 : command.index("-p") : 2]) == {"-D"}


def test_a_profile_is_well_formed(interpreter):
    for policy, ports in shapes(Path("/r")).values():
        made = profile_of(policy, Path("/r/tmp"), ports)
        assert made.text.startswith("(version 1)\n(deny default)\n")
        rules = parsed(made.text)
        assert {rule[0] for rule in rules} <= {"version", "deny", "allow"}
        assert set(re.findall(r'\(param "(\w+)"\)', made.text)) == set(made.parameters)
        assert all(Path(path).is_absolute() for path in made.parameters.values())


def parsed(text: str) -> list:
    """A profile as nested lists; what has no balance is none."""
    tokens = re.findall(r'"[^"\\]*"|[()]|[^\s()"]+', text)
    assert "".join(tokens) == re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", text)
    stack: list[list] = [[]]
    for token in tokens:
        if token == "(":
            stack.append([])
        elif token == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    (rules,) = stack
    return rules


def writes(made: SandboxProfile, path: str) -> bool:
    """Whether a profile lets a path be written: of the rules that meet, the last one holds."""
    allowed = False
    for verb, *rest in parsed(made.text):
        operations = [each for each in rest if isinstance(each, str)]
        if not {"file-write*", "default"} & set(operations):
            continue
        places = [made.parameters[each[1][1].strip('"')] for each in rest if isinstance(each, list)]
        if not places or any(Path(path).is_relative_to(place) for place in places):
            allowed = verb == "allow"
    return allowed


def test_what_may_be_written_is_what_the_policy_says(interpreter):
    found = {name: profile_of(*_at(name)) for name in shapes(Path("/r"))}
    assert writes(found["closed"], "/r/work/a")
    assert writes(found["closed"], "/r/tmp/a")
    assert not any(writes(made, "/r/other") or writes(made, "/usr/bin/x") for made in found.values())
    assert writes(found["program"], "/r/home/.config")
    assert not writes(found["program"], "/r/tool/bin/x")
    assert writes(found["parts"], "/r/work/out/a")
    assert not writes(found["parts"], "/r/work/a")
    assert not writes(found["parts"], "/r/work/in/a")
    assert writes(found["parts"], "/r/work/in/deep/a")


def _at(name: str) -> tuple[Policy, Path, list[int]]:
    policy, ports = shapes(Path("/r"))[name]
    return policy, Path("/r/tmp"), ports


def test_what_only_linux_has_is_named_only_where_that_is_known():
    names = {*" ".join(MISSING.values()).split(), *NO_FUNCTIONS}
    found: dict[str, set[str]] = {}
    for path in sorted((REPO / "src/skvm").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if not any(f".{name}" in text for name in names):
            continue
        tree = ast.parse(text)
        named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & names
        if named:
            found[str(path.relative_to(REPO / "src/skvm"))] = named
    unknown = {file: named - set(GUARDED.get(file, "").split()) for file, named in found.items()}
    assert not {file: named for file, named in unknown.items() if named}


class Table:
    """``libproc`` with three processes, one of them another user's."""

    def __init__(self) -> None:
        self.rows = {10: (2, 1, 501), 11: (5, 10, 501), 12: (2, 10, 0)}

    def proc_listpids(self, kind, info, room, size):
        for place, pid in enumerate((0, *self.rows) if room is not None else ()):
            room[place] = pid
        return 4 * (len(self.rows) + 1)

    def proc_pidinfo(self, pid, kind, argument, room, size):
        status, parent, user = self.rows[pid]
        if user == 0:
            return 0
        struct.pack_into("=6I", room, 0, 0, status, 0, pid, parent, user)
        return size


def test_processes_of_macos_are_read(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Table())
    assert list(darwin.processes()) == [(10, 1, 501, False), (11, 10, 501, True)]
    assert darwin._LAYOUT.size == 136


def call(home: Path, *arguments: str, expect: int = 0) -> str:
    """Run a command in a process that looks like macOS, and whose workers do."""
    like = f"SKVM_LIKE_MACOS = 1; exec(compile(open({str(LIKE)!r}).read(), 'like', 'exec'))\n"
    code = (
        # What others choose as they are imported, they choose for Linux.
        "import truststore\n"
        f"{like}import sys\n"
        "from skvm.harness.confine import provision\n"
        f"provision._BOOT = {like!r} + provision._BOOT\n"
        "from skvm.cli.main import main\n"
        f"main({list(arguments)!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=home,
        env={**os.environ, "HOME": str(home), "SKVM_CACHE": str(home / ".skvm"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


def test_commands_do_not_fall_over_elsewhere(tmp_path):
    skill = REPO / "examples/skills/expense-report"
    said = json.loads(call(tmp_path, "doctor", "--json", expect=1))
    checks = {(each["group"], each["name"]): each for each in said["checks"]}
    assert checks["machine", "system"]["status"] == "warning"
    assert "never tried" in checks["machine", "system"]["help"]
    assert {each["name"]: each["works"] for each in said["sandboxes"]} == {
        "bubblewrap": False, "landlock": False, "sandbox-exec": False, "none": True,
    }  # fmt: skip
    assert json.loads(call(tmp_path, "lint", str(skill), "--json"))
    assert "expense-report" in call(
        tmp_path, "aot-compile", f"--skill={skill}", "--model=local/qwen2.5-coder-1.5b",
        "--adapter=shell-agent", "--no-lock", "--pass=1,2,3", "--json",
    )  # fmt: skip


def test_a_run_does_not_fall_over_elsewhere(tmp_path):
    task = tmp_path / "t"
    task.mkdir()
    criterion = {"method": "file-check", "id": "there", "path": "a.txt", "mode": "exact", "expected": "hi\n"}
    (task / "task.json").write_text(
        json.dumps({"id": "t", "prompt": "Write hi into a.txt", "eval": [criterion]})
    )
    (tmp_path / ".skvm").mkdir()
    nap = f"300.{os.getpid()}"
    does = FakeToolCall("execute_command", {"command": f"(sleep {nap} &) ; echo hi > a.txt"})
    with FakeServer.running([FakeAnswer("", [does]), FakeAnswer("done")]) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        config = tmp_path / ".skvm/skvm.config.json"
        config.write_text(json.dumps({"providers": {"routes": [route]}}))
        config.chmod(0o600)
        refused = call(tmp_path, "run", "--task=t", "--model=fake/m", "--json", expect=3)
        assert not refused
        shown = json.loads(call(tmp_path, "run", "--task=t", "--model=fake/m", "--json", "--sandbox=none"))
    assert (shown["outcome"], shown["score"]) == ("scored", 1.0)
    # The orphan is gone with its cell.
    assert not [pid for pid in pids() if command_of(pid) == ["sleep", nap]]


def command_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return []
