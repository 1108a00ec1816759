"""Whatever happens while files are moved into place: each is old or new, and nothing else is left."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skvm.runtime.boost.inside import committing, staging
from tests.unit.runtime.boost.inside.steps import TICKET, candidate_of, outfit_of, python_step, tree_of

OLD, NEW = b"old " * 5_000, b"new " * 6_000
DRIVER = """
import errno, os, signal, sys
from skvm.runtime.boost.inside import committing

work, stage, way, fatal = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
if way != "moved":
    def elsewhere(action):
        def refused(source, target, **more):
            if str(source).startswith(stage):
                raise OSError(errno.EXDEV, "elsewhere")
            return action(source, target, **more)
        return refused
    os.rename, os.link = elsewhere(os.rename), elsewhere(os.link)
if way in ("named", "linkless"):
    committing._nameless = lambda folder: None
if way == "linkless":
    def linkless(*_, **__):
        raise OSError(errno.EPERM, "no links here")
    os.link = linkless
seen = 0
def killing(event, arguments):
    global seen
    if event in ("open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.chmod"):
        seen += 1
        if seen == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
root = os.open(work, os.O_RDONLY)
changes = [
    committing.Change("a.json", b"new " * 6_000, 0o644, b"old " * 5_000),
    committing.Change("deep/er/b.csv", b"new " * 6_000, 0o644, None),
    committing.Change("c.txt", b"new " * 6_000, 0o644, b"old " * 5_000),
]
sys.addaudithook(killing)
committing.commit(root, changes, stage)
"""


def lay(folder: Path) -> tuple[Path, Path]:
    work, stage = folder / "work", folder / "stage"
    work.mkdir(parents=True)
    stage.mkdir()
    for name in ("a.json", "c.txt"):
        (work / name).write_bytes(OLD)
    return work, stage


def changes_of(work: Path) -> list[committing.Change]:
    return [
        committing.Change("a.json", NEW, 0o644, OLD),
        committing.Change("deep/er/b.csv", NEW, 0o644, None),
        committing.Change("c.txt", NEW, 0o644, OLD),
    ]


@pytest.mark.parametrize("way", ["moved", "nameless", "named", "linkless"])
def test_a_commit_killed_at_any_point_leaves_whole_files(tmp_path: Path, way: str) -> None:
    for fatal in range(1, 60):
        work, stage = lay(tmp_path / str(fatal))
        ended = subprocess.run([sys.executable, "-c", DRIVER, work, stage, way, str(fatal)], check=False)
        left = tree_of(work)
        files = {path: data for path, data in left.items() if isinstance(data, bytes)}
        temporary = [path for path in files if Path(path).name.startswith(staging.TEMPORARY)]
        assert len(temporary) <= (0 if way == "moved" else 1)
        assert all(data in (OLD, NEW) for path, data in files.items() if path not in temporary)
        assert {"a.json", "c.txt"} <= set(files)
        if ended.returncode == 0:
            assert set(left) == {"a.json", "c.txt", "deep", "deep/er", "deep/er/b.csv"}
            assert set(files.values()) == {NEW}
            return
        assert ended.returncode == -signal.SIGKILL
    pytest.fail("it never came to its end")


def test_what_a_killed_commit_left_is_swept_up_later(tmp_path: Path) -> None:
    work, _ = lay(tmp_path)
    left, mine = work / f"{staging.TEMPORARY}0123", work / "mine"
    left.write_bytes(b"half")
    mine.write_bytes(b"mine")
    root = os.open(work, os.O_RDONLY)
    staging.sweep(root, ["a.json", "no/such/folder/x"], time.time())
    assert left.exists()
    staging.sweep(root, ["a.json"], time.time() + 10 * staging.STALE_S)
    os.close(root)
    assert not left.exists()
    assert mine.exists()


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_where_one_file_cannot_be_put_all_are_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, is_elsewhere: bool
) -> None:
    work, stage = lay(tmp_path)
    before = tree_of(work)
    real, put = committing._put, 0

    def full(*arguments: object) -> None:
        nonlocal put
        put += 1
        if put == failing:
            raise OSError(errno.ENOSPC, "full")
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(committing, "_put", full)
    if is_elsewhere:
        monkeypatch.setattr(committing.os, "rename", elsewhere(os.rename, stage))
        monkeypatch.setattr(committing.os, "link", elsewhere(os.link, stage))
    root = os.open(work, os.O_RDONLY)
    with pytest.raises(OSError, match="full"):
        committing.commit(root, changes_of(work), str(stage))
    os.close(root)
    assert tree_of(work) == before


def test_files_that_cannot_be_taken_back_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, stage = lay(tmp_path)
    real, put = committing._put, 0

    def full(*arguments: object) -> None:
        nonlocal put
        put += 1
        if put == 2:
            monkeypatch.setattr(committing, "_write_beside", refused)
            raise OSError(errno.ENOSPC, "full")
        real(*arguments)  # type: ignore[arg-type]

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(committing, "_put", full)
    root = os.open(work, os.O_RDONLY)
    with pytest.raises(committing.Halfway, match=r"could not take back a\.json"):
        committing.commit(root, changes_of(work), str(stage))
    os.close(root)


def elsewhere(action, stage: Path):
    def refused(source, target, **more):
        if str(source).startswith(str(stage)):
            raise OSError(errno.EXDEV, "elsewhere")
        return action(source, target, **more)

    return refused


def test_a_file_that_came_to_be_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    work, stage = lay(tmp_path)
    (work / "deep/er").mkdir(parents=True)
    (work / "deep/er/b.csv").write_bytes(b"theirs")
    before = tree_of(work)
    root = os.open(work, os.O_RDONLY)
    with pytest.raises(staging.Refusal, match="came to be meanwhile"):
        committing.commit(root, changes_of(work), str(stage))
    os.close(root)
    assert tree_of(work) == before


def test_a_folder_that_became_a_link_meanwhile_is_not_followed(tmp_path: Path) -> None:
    work, stage = lay(tmp_path)
    (tmp_path / "outside").mkdir()
    (work / "deep").symlink_to(tmp_path / "outside")
    root = os.open(work, os.O_RDONLY)
    with pytest.raises(OSError, match=r"symbolic|directory"):
        committing.commit(root, changes_of(work), str(stage))
    os.close(root)
    assert tree_of(tmp_path / "outside") == {}
    assert (work / "a.json").read_bytes() == OLD


def test_a_step_killed_at_any_moment_leaves_whole_files_and_no_copy_beside_them(tmp_path: Path) -> None:
    work, stage = tmp_path / "work", tmp_path / "stage"
    work.mkdir()
    stage.mkdir()
    code = "for name in ('a.txt', 'b.txt'): open(name, 'wb').write(P['letter'].encode() * 3_000_000)"
    template = python_step(code, "a.txt", "b.txt", params={"letter": "string"})  # type: ignore[dict-item]
    outfit = outfit_of(tmp_path / "outfit", template)
    chance = random.Random(11)
    wholes = {letter.encode() * 3_000_000 for letter in "xyz"}
    started, whole_s = time.monotonic(), 30.0
    for turn in range(40):
        whole_s = time.monotonic() - started if turn == 1 else whole_s
        line = outfit.command_line(candidate_of(template), TICKET, {"letter": "xyz"[turn % 3]})
        with subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            cwd=work,
            env={**os.environ, "TMPDIR": str(stage)},
            stdout=subprocess.DEVNULL,
        ) as running:
            try:
                running.wait(whole_s if turn == 0 else chance.uniform(0.01, whole_s))
            except subprocess.TimeoutExpired:
                running.kill()
        assert set(tree_of(work)) <= {"a.txt", "b.txt"}
        assert {path.read_bytes() for path in work.iterdir()} <= wholes
