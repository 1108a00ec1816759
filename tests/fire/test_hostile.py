"""A real program that does everything it should not, driven like any other: it ends, nothing of it stays."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import pytest
from benchmarks.soak.hostile import MISDEEDS, hostile_harnesses

from skvm.llm.fake_faults import FaultKind, FaultSchedule
from tests.confinement import wait_until_gone, working
from tests.fire.ground import Ground

ENDINGS = {"deaf": (1, "timed_out"), "crashes": (1, "harness_failed"), "quits": (0, "scored")}
"""Exit code and outcome; all others do their work beside the misdeed, and are scored."""
SANDBOXES = ("bubblewrap", "landlock")


def pairs() -> list[tuple[str, str]]:
    is_whole = os.environ.get("SKVM_FIRE") == "all"
    return [
        (misdeed, sandbox)
        for row, misdeed in enumerate(MISDEEDS)
        for column, sandbox in enumerate(SANDBOXES)
        if is_whole or (row + column) % 2 == 0
    ]


@pytest.fixture
def marker() -> str:
    return f"{uuid.uuid4().int % 10**9 + 10**9}"


@pytest.mark.parametrize(("misdeed", "sandbox"), pairs())
def test_a_hostile_program(open_ground: Ground, marker: str, misdeed: str, sandbox: str) -> None:
    working(sandbox)
    ground = open_ground
    before = precious()
    timeout_ms = 3000 if misdeed == "deaf" else 60_000
    order = ["run", "--task=t0", "--model=fake/m", f"--sandbox={sandbox}", f"--timeout-ms={timeout_ms}"]
    with hostile_harnesses(marker, misdeed=misdeed) as name:
        ground.look()
        ended = ground.skvm(*order, f"--adapter={name}")
    code, outcome = ENDINGS.get(misdeed, (0, "scored"))
    assert ended.code == code, ended.said
    assert f"outcome    {outcome}" in ended.out
    assert "Traceback" not in ended.said
    if code == 0:
        assert "score      1.00" in ended.out
    assert wait_until_gone(marker) == []
    assert ground.leftovers() == []
    assert precious() == before
    assert ground.skvm(*order, "--adapter=bare-agent").code == 0


def precious() -> dict[str, tuple[int, int] | None]:
    """What a user would miss, by its size and the time it was changed."""
    home = Path.home()
    names = [home / name for name in (".ssh/authorized_keys", ".bashrc", ".profile", ".config/autostart/x")]
    names += [Path("/etc/cron.d/x"), Path("/etc/.bashrc"), home / ".skvm/x", Path("/etc/passwd")]
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns) if path.exists() else None for path in names
    }


def test_a_model_in_trouble_behind_a_hostile_program(open_ground: Ground, marker: str) -> None:
    """The program hears of it, and whoever reads the run is told whose fault it was."""
    ground = open_ground
    ground.server.schedule = FaultSchedule(kinds=(FaultKind.RESET_EARLY,))
    with hostile_harnesses(marker, misdeed="forks") as name:
        ground.look()
        ended = ground.skvm("run", "--task=t0", "--model=fake/m", f"--adapter={name}", "--timeout-ms=60000")
    assert ended.code == 3, ended.said
    assert "fake/m: no answer from 127.0.0.1" in ended.out
    assert "the connection was reset" in ended.out
    assert wait_until_gone(marker) == []
    assert ground.leftovers() == []


def test_somebody_tidies_the_temporary_folder_up_while_we_run(open_ground: Ground, open_temp: Path) -> None:
    working("bubblewrap")
    order = ("run", "--task=t0", "--model=fake/m", "--sandbox=bubblewrap", "--timeout-ms=60000")
    for _ in range(2):
        assert open_ground.skvm(*order).code == 0
        for path in open_temp.iterdir():
            shutil.rmtree(path)
