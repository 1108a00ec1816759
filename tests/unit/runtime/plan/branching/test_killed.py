"""A merge that is killed is whole or never was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import REPO

_SCRIPT = Path(__file__).with_name("killed_merge.py")
_OLD = {
    "becomes-file": "folder 755",
    "becomes-file/inside": "old",
    "becomes-folder": "old",
    "changes": "old",
    "goes": "folder 755",
    "goes/inside": "old",
    "stays": "old",
}
_NEW = {
    "becomes-file": "new",
    "becomes-folder": "folder 755",
    "becomes-folder/inside": "new",
    "changes": "new",
    "made": "folder 755",
    "made/deep": "folder 555",
    "made/deep/file": "new",
    "made/link": "-> deep/file",
    "second-name": "new",
    "stays": "old",
}


@pytest.mark.parametrize("mode", ["same-disk", "other-disk", "twice"])
def test_killed_merge_is_whole_or_never_was(mode: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), str(tmp_path), mode],
        cwd=REPO, capture_output=True, text=True, check=False, umask=0o022,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    stories = json.loads(done.stdout)
    for number, told in enumerate(stories):
        assert told["whole"] in (_OLD, _NEW), (number, told)
        assert told["told"] == (["1"] if told["whole"] == _NEW else []), number
        assert told["left"] == [], number
    wholes = [told["whole"] == _NEW for told in stories]
    assert True in wholes
    assert False in wholes
    # It was ended half way, indeed, and finished from there.
    assert any(told["half"] not in (_OLD, _NEW) for told in stories)
    if mode != "twice":
        # From one operation on it is always done, and never before.
        assert wholes == sorted(wholes)
