import os

import pytest

from skvm.evaluate.workspace import Ceiling, copy_tree, make_private_folder, remove_tree, sweep


@pytest.fixture
def trees(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    return source, target


def test_files_folders_links_and_bits_are_copied(trees):
    source, target = trees
    (source / "sub").mkdir()
    (source / "sub" / "a").write_bytes(b"\x00\xff")
    (source / "run").write_text("x")
    (source / "run").chmod(0o4711)
    (source / "out").symlink_to("/etc/passwd")
    (source / "in").symlink_to(source / "sub" / "a")
    os.utime(source / "run", ns=(5, 10**18))
    assert copy_tree(source, target) == []
    assert (target / "sub" / "a").read_bytes() == b"\x00\xff"
    assert (target / "run").stat().st_mode & 0o7777 == 0o755
    assert (target / "run").stat().st_mtime_ns == 10**18
    assert os.readlink(target / "out") == "/etc/passwd"  # noqa: PTH115 - its text is meant
    assert (target / "in").resolve() == target / "sub" / "a"


def test_special_files_and_excess_are_dropped_and_told(trees):
    source, target = trees
    os.mkfifo(source / "pipe")
    for name in ("a", "b", "c"):
        (source / name).write_bytes(b"x" * 10)
    notes = copy_tree(source, target, ceiling=Ceiling(max_bytes=25))
    assert sorted(path.name for path in target.iterdir()) == ["a", "b"]
    assert notes == [
        "left out of the snapshot (beyond 25 bytes): c",
        "left out of the snapshot (special files): pipe",
    ]


def test_entries_and_depth_are_bounded(trees, tmp_path):
    source, target = trees
    (source / "1" / "2" / "3").mkdir(parents=True)
    assert "deeper than 1" in copy_tree(source, target, ceiling=Ceiling(max_depth=1))[0]
    assert (target / "1" / "2").is_dir()
    assert not (target / "1" / "2" / "3").exists()
    other = tmp_path / "other"
    other.mkdir()
    assert "more than 2 entries" in copy_tree(source, other, ceiling=Ceiling(max_entries=2))[0]


def test_a_sparse_file_stays_sparse_and_whole(trees):
    source, target = trees
    with (source / "big").open("wb") as file:
        file.write(b"head")
        file.seek(64 << 20)
        file.write(b"tail")
        file.truncate(80 << 20)
    assert copy_tree(source, target) == []
    copied = target / "big"
    assert copied.stat().st_size == 80 << 20
    assert copied.stat().st_blocks * 512 < 8 << 20
    assert copied.read_bytes() == (source / "big").read_bytes()


def test_nothing_sealed_is_copied(trees):
    source, target = trees
    (source / "a").write_text("x")
    (source / "hidden").write_text("x")
    copy_tree(source, target, leave_out=frozenset({"hidden"}))
    assert [path.name for path in target.iterdir()] == ["a"]


def test_any_tree_is_removed_and_nothing_outside_it(tmp_path):
    kept, tree = tmp_path / "kept", tmp_path / "tree"
    kept.mkdir()
    (kept / "a").write_text("x")
    tree.mkdir()
    (tree / "link").symlink_to(kept)
    (tree / "shut").mkdir(mode=0)
    here = os.open(tree, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d" * 10, dir_fd=here)
        inner = os.open("d" * 10, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    remove_tree(tree)
    assert not tree.exists()
    assert (kept / "a").read_text() == "x"
    assert kept.stat().st_mode & 0o077


def test_only_old_leavings_of_dead_processes_are_swept(tmp_path):
    alive = make_private_folder(tmp_path, "run")
    dead, young = tmp_path / "skvm-run-1-7-abc", tmp_path / "skvm-grade-1-7-abd"
    foreign, kept = tmp_path / "skvm-cell-1-7-abc", tmp_path / "kept"
    for folder in (dead, young, foreign, kept):
        folder.mkdir()
    (dead / "a").write_text("x")
    link = tmp_path / "skvm-run-1-7-link"
    link.symlink_to(kept)
    for folder in (alive, dead, foreign, kept):
        os.utime(folder, (0, 0))
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in (alive, young, foreign, kept, link)
    )
    sweep(tmp_path / "absent")


@pytest.mark.parametrize(
    "kind", ["run", "grade", "output", "branches", "home-pi", "home-acp-opencode.x-8d9499"]
)
def test_every_kind_of_private_folder_is_swept_once_its_process_is_gone(tmp_path, kind):
    alive = make_private_folder(tmp_path, kind)
    assert alive.stat().st_mode & 0o777 == 0o700
    started = alive.name.split("-")[-2]
    stale = tmp_path / alive.name.replace(f"-{os.getpid()}-{started}-", f"-{os.getpid()}-1-")
    (stale / "deep").mkdir(parents=True)
    for path in (alive, stale):
        os.utime(path, (1, 1))
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [alive.name]


def test_a_tree_is_removed_whatever_the_path_of_programs(tmp_path, monkeypatch):
    (tmp_path / "tree" / "a").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_what_a_killed_probe_left_is_removed_when_it_is_old(tmp_path):
    names = ("skvm-probe-ab12_x", "skvm-programs-cd34", "skvm-mine-ef56", "skvm-version-new")
    for name in names:
        (tmp_path / name / "inner").mkdir(parents=True)
        if name != "skvm-version-new":
            os.utime(tmp_path / name, (0, 0))
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["skvm-mine-ef56", "skvm-version-new"]
