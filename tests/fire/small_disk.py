"""A disk of a few megabytes that is filled, emptied and made read-only; needs the right to mount.

Not collected by itself: ``test_disk.py`` starts it in a namespace of its own, where that right is to be had.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from skvm.evidence.blobs import BlobStore
from skvm.llm.fake import FakeAnswer
from tests.fire.ground import Ground
from tests.fire.orders import ORDERS

LOG_ONLY = {"config-probe", "boost-improve"}
WRITERS = (
    "run",
    "bench",
    "profile",
    "aot-compile",
    "pipeline",
    "jit-optimize",
    "plan-run",
    "boost-improve",
    "config-probe",
)
STATES = ("full", "scarce", "protected")
NO_SPACE = ("No space left on device", "disk I/O error", "disk is full")
READ_ONLY = ("Read-only file system", "readonly database", "unable to open database")


@dataclass(frozen=True)
class Disk:
    """A small disk."""

    path: Path

    def fill(self, leave_bytes: int = 0) -> None:
        """Leave so much room."""
        with (self.path / "filler").open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"\1" * size)
                except OSError:
                    continue
        if leave_bytes:
            os.truncate(self.path / "filler", (self.path / "filler").stat().st_size - leave_bytes)

    def empty(self) -> None:
        (self.path / "filler").unlink(missing_ok=True)

    def protect(self) -> None:
        self._remount("ro")

    def open(self) -> None:
        self._remount("rw")

    def _remount(self, mode: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{mode}", str(self.path)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(path)], check=True)
    yield Disk(path)
    subprocess.run(["umount", str(path)], check=True)


@pytest.fixture
def cached(ground: Ground, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """A ground whose cache is on the disk, with one finished run in it."""
    shutil.copytree(ground.cache, disk.path / "cache")
    ground.cache_dir = disk.path / "cache"
    monkeypatch.setenv("SKVM_CACHE", str(ground.cache_dir))
    assert ground.skvm("run", "--task=t0", "--model=fake/m", "--sandbox=none").code == 0
    return ground


def is_told(said: str, place: Path, words: tuple[str, ...]) -> bool:
    """Whether an error names the place and what is wrong with it, and there is a way out."""
    return str(place) in said and any(each in said for each in words) and "help: " in said


def finished(ground: Ground) -> list[str]:
    """What ``skvm logs`` lists as finished."""
    ended = ground.skvm("logs", "--json", "--limit", "100")
    assert ended.code == 0, ended.said
    return [row["run_id"] for row in json.loads(ended.out) if row.get("score") is not None]


def cases() -> list[tuple[str, str]]:
    """A part of all pairs; all of them where the whole is asked for."""
    is_whole = os.environ.get("SKVM_FIRE") == "all"
    pairs = [
        (row + column, order, state)
        for row, order in enumerate(WRITERS)
        for column, state in enumerate(STATES)
    ]
    return [(order, state) for place, order, state in pairs if is_whole or place % len(STATES) == 0]


@pytest.mark.parametrize(("order", "state"), cases())
def test_a_cache_that_takes_nothing(cached: Ground, disk: Disk, order: str, state: str) -> None:
    before = finished(cached)
    assert len(before) >= 1
    arguments = ORDERS[order](cached)
    cached.look()
    close: dict[str, Callable[[], None]] = {
        "full": disk.fill,
        "scarce": lambda: disk.fill(48 << 10),
        "protected": disk.protect,
    }
    close[state]()
    ended = cached.skvm(*arguments)
    assert "Traceback" not in ended.said
    if state == "scarce" and order in LOG_ONLY:
        assert ended.code == 0, ended.said
    else:
        assert ended.code == 3, ended.said
        assert is_told(ended.said, disk.path, READ_ONLY if state == "protected" else NO_SPACE), ended.said
    # What was finished before is read as ever.
    assert finished(cached)[: len(before)] == before
    assert cached.skvm("logs", "show", before[0]).code == 0
    (disk.open if state == "protected" else disk.empty)()
    left = cached.leftovers()
    if state == "scarce":
        # A run whose end found no room: it counts as under way as long as we live, then as interrupted.
        left = [each for each in left if not each.endswith("has no end")]
    assert left == []
    cached.forgive()
    ended = cached.skvm(*arguments)
    assert ended.code == 0, ended.said
    assert set(before) <= set(finished(cached))
    assert cached.leftovers() == []


@pytest.mark.parametrize("order", ["run", "profile", "plan-run", "jit-optimize"])
def test_a_temporary_folder_that_takes_nothing(
    ground: Ground, disk: Disk, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.tmp_dir = disk.path / "tmp"
    ground.tmp_dir.mkdir()
    monkeypatch.setenv("SKVM_TMP_DIR", str(ground.tmp_dir))
    arguments = ORDERS[order](ground)
    disk.fill()
    ground.look()
    ended = ground.skvm(*arguments)
    assert "Traceback" not in ended.said
    if order != "plan-run":  # its files lie in the work directory
        assert ended.code in {1, 3}, ended.said
        assert str(disk.path) in ended.said
        assert "No space left on device" in ended.said
    assert ground.leftovers() == []
    disk.empty()
    ended = ground.skvm(*arguments)
    assert ended.code == 0, ended.said
    assert ground.leftovers() == []


def test_a_bench_that_runs_out_of_room_goes_on_where_it_was(cached: Ground, disk: Disk) -> None:
    """The disk fills while runs are made: what was finished counts, and only the rest is made later."""
    model, asked = cached.server._answers, []

    def fill_then_answer(body: dict[str, object]) -> FakeAnswer:
        asked.append(1)
        if len(asked) == 5:
            disk.fill()
        return model(body)

    cached.server._answers = fill_then_answer
    before = set(cached.scored())
    arguments = ["bench", "--model=fake/m", "--tasks=t0,t1,t2,t3", "--conditions=no-skill", "--sandbox=none"]
    ended = cached.skvm(*arguments, "--no-auto-probe")
    assert ended.code == 3, ended.said
    assert is_told(ended.said, disk.path, NO_SPACE), ended.said
    assert "--resume" in ended.said
    disk.empty()
    kept = set(cached.scored()) - before
    assert len(kept) >= 2
    ended = cached.skvm("bench", "--resume=latest")
    assert ended.code == 0, ended.said
    after = set(cached.scored()) - before
    assert kept <= after
    assert len(after) == 4


@pytest.mark.parametrize("state", ["full", "protected"])
def test_a_proposal_is_accepted_whole_or_not_at_all(cached: Ground, disk: Disk, state: str) -> None:
    cached.look()
    shutil.copytree(cached.root / "skills", disk.path / "skills")
    skill = disk.path / "skills" / "writer"
    order = [each.replace("skills/writer", str(skill)) for each in ORDERS["jit-optimize"](cached)]
    ended = cached.skvm(*order)
    assert ended.code == 0, ended.said
    (id,) = [line.split()[1] for line in ended.out.splitlines() if line.startswith("Proposal: ")]
    text = (skill / "SKILL.md").read_text()
    (disk.fill if state == "full" else disk.protect)()
    ended = cached.skvm("proposals", "accept", id, "--round=1", "--force", "--yes")
    assert "Traceback" not in ended.said
    assert ended.code != 0, ended.said
    assert (skill / "SKILL.md").read_text() == text
    (disk.empty if state == "full" else disk.open)()
    shown = cached.skvm("proposals", "show", id)
    assert shown.code == 0, shown.said
    assert cached.leftovers() == []


def test_a_pull_that_finds_no_room(cached: Ground, disk: Disk) -> None:
    weights = cached.root / "weights.gguf"
    weights.write_bytes(b"GGUF" + b"\0" * (16 << 20))
    ended = cached.skvm("models", "pull", "smollm2-135m", f"--from={weights}")
    assert ended.code != 0
    assert "Traceback" not in ended.said
    assert not list((cached.cache / "models").glob("*.gguf"))


@pytest.mark.parametrize("state", ["full", "protected"])
def test_a_recording_that_finds_no_room(cached: Ground, disk: Disk, state: str) -> None:
    """A cassette: the run fails and says where; what was recorded before is replayed."""
    folder = disk.path / "cassette"
    order = ["run", "--model=fake/m", "--sandbox=none", "--no-auto-probe", f"--cassette={folder}"]
    assert cached.skvm(*order, "--task=t0").code == 0
    asked = cached.server.asked
    monkey = dict(os.environ)
    os.environ["SKVM_LOGS_DIR"] = str(cached.root / "elsewhere")
    try:
        (disk.fill if state == "full" else disk.protect)()
        ended = cached.skvm(*order, "--task=t1")
        assert ended.code == 3, ended.said
        assert str(folder) in ended.said
        assert cached.server.asked > asked
        asked = cached.server.asked
        ended = cached.skvm(*order, "--task=t0")
        assert ended.code == 0, ended.said
        assert cached.server.asked == asked
    finally:
        os.environ.clear()
        os.environ.update(monkey)
        (disk.empty if state == "full" else disk.open)()


def test_a_blob_is_there_whole_or_not_at_all(disk: Disk) -> None:
    store = BlobStore(disk.path / "blobs")
    kept = store.put(b"kept")
    disk.fill(8 << 10)
    with pytest.raises(Exception, match="cannot store evidence: No space left"):
        store.put(b"x" * (1 << 20))
    assert store.get(kept) == b"kept"
    assert not list(disk.path.rglob(".tmp-*"))
