"""The great-circle script of the bundle, run as a variant tells to run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from skvm.compiler.carried.bundled import shipped


def sphere(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "sphere.py").write_bytes(shipped("sphere.py"))
    return subprocess.run(
        [sys.executable, "sphere.py", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("0", "0", "0", "90", "--radius", "2"), "3.142"),  # a quarter of the way around: r * pi / 2
        (("90", "0", "-90", "0", "--radius", "1", "--digits", "5"), "3.14159"),
        (("10", "20", "10", "20"), "0.000"),
        (("52.1205", "9.3312", "52.2011", "9.6400", "--digits", "1"), "22.9"),
        (("52.1205N", "9.3312 W", "52.2011", "-9.6400", "--digits", "1"), "22.9"),
        (("-33.8688", "151.2093", "S 37.8136", "144.9631", "--digits", "0"), "713"),
    ],
)
def test_gives(arguments: tuple[str, ...], printed: str, tmp_path: Path) -> None:
    assert sphere(tmp_path, *arguments).stdout.strip() == printed


@pytest.mark.parametrize(
    "arguments", [("151.2", "-33.8", "10", "10"), ("north", "0", "0", "0"), ("1", "2", "3")]
)
def test_what_cannot_be_is_said(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = sphere(tmp_path, *arguments)
    assert done.returncode != 0
    assert "sphere.py" in done.stderr
