"""States of a work directory: what is kept, what is read again, and what a hostile agent leaves there."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from skvm.evidence.blobs import BlobStore, digest_of
from skvm.evidence.journal import Journal
from skvm.evidence.record import Outcome, RunRecord, RunStarted
from skvm.evidence.redact import Redactor
from skvm.harness.trajectory import Trajectory
from skvm.runtime.boost import watching
from skvm.runtime.boost.model import WatchRecord
from skvm.runtime.boost.watching import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_FILES,
    StateKeeper,
    WatchedRun,
    load_watched,
    read_tree,
)

NOW = datetime(2024, 5, 1, tzinfo=UTC)


class CountingStore(BlobStore):
    """A store that tells what was put into it since it was last asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.put_bytes: list[bytes] = []

    def put(self, data: bytes) -> str:
        self.put_bytes.append(data)
        return super().put(data)

    def taken(self) -> list[bytes]:
        taken, self.put_bytes = sorted(self.put_bytes), []
        return taken


@pytest.fixture
def blobs(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "blobs")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def keeper(work: Path, blobs: CountingStore) -> StateKeeper:
    return StateKeeper(work, blobs)


def test_a_state_is_the_digest_of_every_file_by_path(
    work: Path, keeper: StateKeeper, blobs: CountingStore
) -> None:
    (work / "b" / "c").mkdir(parents=True)
    (work / "b" / "c" / "d.txt").write_bytes(b"deep")
    (work / "a.csv").write_bytes(b"x\n1\n")
    (work / ".env").write_bytes(b"KEY=secret")
    state = keeper.keep()
    assert state == {
        "a.csv": digest_of(b"x\n1\n"),
        "b/c/d.txt": digest_of(b"deep"),
    }
    assert list(state) == sorted(state)
    assert blobs.get(state["b/c/d.txt"]) == b"deep"


def test_only_what_changed_is_read_again(
    work: Path, keeper: StateKeeper, blobs: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Times of change cannot be set, so what is settled is moved instead.
    monkeypatch.setattr(watching, "_UNSTEADY_NS", -(10**15))
    (work / "a").write_bytes(b"a")
    (work / "b").write_bytes(b"b")
    first = keeper.keep()
    assert blobs.taken() == [b"a", b"b"]
    assert keeper.keep() == first
    assert blobs.taken() == []
    (work / "b").write_bytes(b"bb")
    assert keeper.keep() == {"a": digest_of(b"a"), "b": digest_of(b"bb")}
    assert blobs.taken() == [b"bb"]
    (work / "a").unlink()
    assert keeper.keep() == {"b": digest_of(b"bb")}


def test_a_change_of_the_same_size_with_its_time_put_back_is_seen(work: Path, keeper: StateKeeper) -> None:
    path = work / "a"
    path.write_bytes(b"one")
    os.utime(path, ns=(5, 5))
    assert keeper.keep() == {"a": digest_of(b"one")}
    path.write_bytes(b"two")
    os.utime(path, ns=(5, 5))
    assert keeper.keep() == {"a": digest_of(b"two")}


def test_a_file_just_written_is_read_again(work: Path, keeper: StateKeeper, blobs: CountingStore) -> None:
    (work / "a").write_bytes(b"a")
    keeper.keep()
    blobs.taken()
    keeper.keep()
    assert blobs.taken() == [b"a"]


def test_links_pipes_and_sockets_are_passed_over(tmp_path: Path, work: Path, keeper: StateKeeper) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (work / "to_file").symlink_to(outside / "secret")
    (work / "to_folder").symlink_to(outside)
    (work / "round").symlink_to(work)
    os.mkfifo(work / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(work / "socket"))
        (work / "a").write_bytes(b"a")
        assert keeper.keep() == {"a": digest_of(b"a")}


def test_caches_and_hidden_folders_are_passed_over(work: Path, keeper: StateKeeper) -> None:
    for name in (".git", "node_modules", "__pycache__", "kept"):
        (work / name).mkdir()
        (work / name / "file").write_bytes(b"x")
    assert keeper.keep() == {"kept/file": digest_of(b"x")}


def test_a_second_name_of_a_file_is_not_read(tmp_path: Path, work: Path, keeper: StateKeeper) -> None:
    (tmp_path / "outside").write_text("secret")
    os.link(tmp_path / "outside", work / "a")
    assert keeper.keep() is None


@pytest.mark.parametrize(
    "name", [os.fsdecode(b"caf\xe9.csv"), os.fsdecode(b"\xff")], ids=["latin-1", "no text"]
)
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_name_that_is_no_text_ends_the_keeping(
    work: Path, keeper: StateKeeper, name: str, is_folder: bool
) -> None:
    if is_folder:
        (work / name).mkdir()
        (work / name / "a").write_bytes(b"a")
    else:
        (work / name).write_bytes(b"a")
    assert keeper.keep() is None


def test_odd_names_are_kept(work: Path, keeper: StateKeeper) -> None:
    names = ["a b", "-rf", "$(x)", "new\nline", "'", '"', "ü", "\x01", "x" * 255]
    for name in names:
        (work / name).write_bytes(b"")
    state = keeper.keep()
    assert state is not None
    assert sorted(state) == sorted(names)
    assert json.loads(json.dumps(state)) == state


def test_a_huge_sparse_file_is_not_read(work: Path, keeper: StateKeeper, blobs: CountingStore) -> None:
    with (work / "huge").open("wb") as file:
        file.truncate(1 << 40)
    assert keeper.keep() is None
    assert blobs.taken() == []


def test_the_bounds_are_of_all_files_together(work: Path, blobs: CountingStore) -> None:
    (work / "a").write_bytes(b"x" * (MAX_BYTES - 1))
    (work / "b").write_bytes(b"x")
    assert StateKeeper(work, blobs).keep() is not None
    (work / "c").write_bytes(b"x")
    assert StateKeeper(work, blobs).keep() is None


def test_so_many_files_and_no_more(work: Path, blobs: CountingStore) -> None:
    for index in range(MAX_FILES):
        (work / str(index)).touch()
    state = StateKeeper(work, blobs).keep()
    assert state is not None
    assert len(state) == MAX_FILES
    (work / "one more").touch()
    assert StateKeeper(work, blobs).keep() is None


def test_a_folder_without_end_is_not_walked(
    work: Path, keeper: StateKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(3_000):
        (work / f"link{index}").symlink_to("/")
    seen = []
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda *args, **named: seen.append(args) or real(*args, **named))
    assert keeper.keep() is None
    assert not seen


def test_a_tree_that_is_too_deep_ends_the_keeping(work: Path, keeper: StateKeeper) -> None:
    folder = os.open(work, os.O_RDONLY)
    for _ in range(MAX_DEPTH + 2):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert keeper.keep() is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_once_given_up_it_does_not_look_again(
    work: Path, keeper: StateKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (work / "huge").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert keeper.keep() is None
    (work / "huge").unlink()
    monkeypatch.setattr(os, "open", lambda *_, **__: pytest.fail("it looked"))
    assert keeper.keep() is None


@pytest.mark.parametrize("what", ["grows", "becomes a link", "becomes a pipe", "vanishes"])
def test_a_file_that_changes_while_it_is_looked_at_ends_the_keeping(
    tmp_path: Path, work: Path, keeper: StateKeeper, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    path = work / "a"
    path.write_bytes(b"a")
    (tmp_path / "secret").write_text("s")
    real = os.open

    def change_and_open(name: str, flags: int, *args: object, **named: object) -> int:
        if name == "a":
            if what == "grows":
                path.write_bytes(b"aa")
            else:
                path.unlink()
            if what == "becomes a link":
                path.symlink_to(tmp_path / "secret")
            if what == "becomes a pipe":
                os.mkfifo(path)
        return real(name, flags, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", change_and_open)
    assert keeper.keep() is None


def test_a_work_directory_that_is_gone_or_a_link_is_no_state(tmp_path: Path, blobs: CountingStore) -> None:
    assert StateKeeper(tmp_path / "absent", blobs).keep() is None
    (tmp_path / "file").touch()
    assert StateKeeper(tmp_path / "file", blobs).keep() is None


def test_a_state_holds_no_secret(tmp_path: Path, work: Path) -> None:
    store = BlobStore(tmp_path / "blobs", redactor=Redactor(["sk-very-secret-key-1234"]))
    (work / "a").write_text("key=sk-very-secret-key-1234")
    state = StateKeeper(work, store).keep()
    assert state is not None
    assert b"secret" not in store.get(state["a"])


def test_a_tree_is_read_as_a_state_is_kept(work: Path, keeper: StateKeeper) -> None:
    (work / "b").mkdir()
    (work / "b" / "x").write_bytes(b"x")
    (work / "a").write_bytes(b"a")
    (work / "link").symlink_to("a")
    found = read_tree(work)
    assert found == {"a": b"a", "b/x": b"x"}
    assert keeper.keep() == {path: digest_of(data) for path, data in found.items()}
    os.link(work / "a", work / "second")
    assert read_tree(work) is None


def a_record(**changes: object) -> RunRecord:
    plain: dict[str, object] = {
        "run_id": "r1",
        "task_id": "t",
        "condition": "original",
        "model": "m",
        "harness": "h",
        "skill_id": "s",
        "skill_digest": "d",
        "task_digest": "td",
        "outcome": Outcome.SCORED,
        "score": 1.0,
        "started_at": NOW,
        "finished_at": NOW,
    }
    return RunRecord.model_validate({**plain, **changes})


def a_run(record: RunRecord, blobs: BlobStore, states: tuple[Mapping[str, str] | None, ...]) -> WatchedRun:
    return WatchedRun(record, Trajectory(harness="h", model="m", prompt="do it"), states, blobs)


@pytest.mark.parametrize(
    ("changes", "is_success"),
    [
        ({}, True),
        ({"score": 0.5}, True),
        ({"score": 0.49}, False),
        ({"score": None}, False),
        ({"outcome": Outcome.TIMED_OUT}, False),
    ],
)
def test_a_success_ended_by_itself_and_did_its_task(
    blobs: CountingStore, changes: dict[str, object], is_success: bool
) -> None:
    assert a_run(a_record(**changes), blobs, ()).is_success is is_success


def test_files_of_a_state(blobs: CountingStore) -> None:
    gone = digest_of(b"never stored")
    run = a_run(a_record(), blobs, ({"a": blobs.put(b"1")}, {"a": gone}, None, {"a": blobs.put(b"2")}))
    assert run.files(0) == {"a": b"1"}
    assert run.files(1) is None
    assert run.files(2) is None
    assert run.files(-1) == run.files(3) == {"a": b"2"}
    assert run.files(4) is None
    assert run.files(-5) is None
    changed = run.files(0)
    assert changed is not None
    changed["a"] = b"changed by a caller"
    assert run.files(0) == {"a": b"1"}


def a_watch(run_id: str, **changes: object) -> WatchRecord:
    plain: dict[str, object] = {"skill_id": "s", "skill_digest": "d", "model": "m", "harness": "h"}
    return WatchRecord.model_validate({"run_id": run_id, "states": [{"a": "b"}, None], **plain, **changes})


async def add_run(
    journal: Journal, blobs: BlobStore, run_id: str, *, is_finished: bool = True, **watch: object
) -> None:
    started = RunStarted(
        run_id=run_id,
        task_id="t",
        task_digest="td",
        condition="c",
        model="m",
        harness="h",
        started_at=NOW,
    )
    parent = await journal.start_run(started)
    digest = blobs.put(
        Trajectory(harness="h", model="m", prompt=f"prompt of {run_id}")
        .model_dump_json(by_alias=True)
        .encode()
    )
    if is_finished:
        await journal.finish_run(parent, a_record(run_id=run_id, trajectory_digest=digest))
    await journal.append("boost_watch", a_watch(run_id, **watch), parent)


@pytest.mark.anyio
async def test_the_newest_runs_of_a_skill_are_loaded_oldest_first(
    tmp_path: Path, blobs: CountingStore
) -> None:
    async with Journal(tmp_path / "journal.db") as journal:
        for index in range(4):
            await add_run(journal, blobs, f"r{index}", boosted_turns=(index,))
        await add_run(journal, blobs, "other skill", skill_id="x")
        await add_run(journal, blobs, "other version", skill_digest="x")
        await add_run(journal, blobs, "cut short", is_finished=False)
        runs = await load_watched(journal, blobs, skill_id="s", skill_digest="d", limit=3)
    assert [run.record.run_id for run in runs] == ["r1", "r2", "r3"]
    assert [run.prompt for run in runs] == ["prompt of r1", "prompt of r2", "prompt of r3"]
    assert runs[2].boosted_turns == (3,)
    assert runs[2].states == ({"a": "b"}, None)


@pytest.mark.anyio
async def test_a_run_that_cannot_be_read_is_left_out(tmp_path: Path, blobs: CountingStore) -> None:
    async with Journal(tmp_path / "journal.db") as journal:
        await add_run(journal, blobs, "good")
        await journal.append("boost_watch", a_watch("without a run"))
        newer = {**a_watch("good").model_dump(mode="json", by_alias=True), "schema": 2}
        (start,) = await journal.query("run_started")
        await journal.append("boost_watch", newer, start.id)
        parent = await journal.append("run_started", {"run_id": "no trajectory"})
        await journal.append("run_finished", a_record(run_id="no trajectory"), parent)
        await journal.append("boost_watch", a_watch("no trajectory"), parent)
        parent = await journal.append("run_started", {"run_id": "gone"})
        gone = a_record(run_id="gone", trajectory_digest=digest_of(b"gone"))
        await journal.append("run_finished", gone, parent)
        await journal.append("boost_watch", a_watch("gone"), parent)
        runs = await load_watched(journal, blobs, skill_id="s", skill_digest="d", limit=9)
    assert [run.record.run_id for run in runs] == ["good"]
