"""File operations of the worker, called directly."""

from __future__ import annotations

from pathlib import Path

import pytest

from skvm.harness.confine.inside import operations


def test_a_new_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "deep" / "a.txt"

    def full(*_: object) -> None:
        assert not target.exists()
        raise OSError(28, "No space left on device", "hidden")

    monkeypatch.setattr(operations, "_fill", full)

    with pytest.raises(OSError, match="No space left") as failed:
        operations.write_file({"path": str(target)}, b"x")

    assert failed.value.filename == str(target)
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_name_that_cannot_be_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        operations.write_file({"path": str(tmp_path / ("x" * 300))}, b"x")

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays_the_file_it_is(tmp_path: Path) -> None:
    script, link = tmp_path / "run.sh", tmp_path / "link.sh"
    script.write_text("old and long")
    script.chmod(0o755)
    link.symlink_to(script)
    before = script.stat()

    operations.write_file({"path": str(link)}, b"new")

    after = script.stat()
    assert (script.read_text(), link.is_symlink()) == ("new", True)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("name", ["", "folder", "folder/"])
def test_a_folder_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(OSError, match="directory"):
        operations.write_file({"path": f"{tmp_path}/{name}"}, b"x")
