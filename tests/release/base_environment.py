"""An environment as ``pip install skvm`` leaves it, made without a network.

What is installed here is linked over, distribution by distribution: those, and only those, that the wheel
says it needs. The wheel itself is installed by pip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from email.parser import Parser
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["BaseEnvironment", "build", "needed_by", "wheel_metadata"]


@dataclass(frozen=True)
class BaseEnvironment:
    """A virtual environment with the wheel and what it needs.

    Args:
        folder: Where it lies.
        distributions: Names of what was linked over.
    """

    folder: Path
    distributions: tuple[str, ...]

    @property
    def skvm(self) -> Path:
        """The program."""
        return self.folder / "bin" / "skvm"

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    @classmethod
    def made(cls, wheel: Path, folder: Path) -> BaseEnvironment:
        """Make it."""
        venv.create(folder, with_pip=False, symlinks=True)
        site = next(folder.glob("lib/python*/site-packages"))
        names = needed_by(wheel)
        for name in names:
            _link(name, site)
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"),
                *("--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel)),
            ],
            check=True,
        )
        return cls(folder, names)


def wheel_metadata(wheel: Path) -> tuple[list[str], dict[str, str]]:
    """What a wheel requires, and its other fields."""
    with ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        fields = Parser().parsestr(archive.read(name).decode())
    return fields.get_all("Requires-Dist") or [], dict(fields.items())


def needed_by(wheel: Path) -> tuple[str, ...]:
    """Every distribution a wheel needs here without an extra, and what those need."""
    waiting = [(Requirement(text), "") for text in wheel_metadata(wheel)[0]]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(wanted.name)
        for each in {"", *wanted.extras} - {known for of, known in seen if of == name}:
            seen.add((name, each))
            waiting += [(Requirement(text), each) for text in metadata.requires(name) or []]
    return tuple(sorted({name for name, _ in seen}))


def build(source: Path, out: Path, *kinds: str, environment: dict[str, str] | None = None) -> list[Path]:
    """Build distributions of a source tree with what is installed here."""
    wanted = [part for kind in kinds for part in ("-t", kind)]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", *wanted, "-d", str(out)],
        cwd=source,
        check=True,
        capture_output=True,
        env=environment or dict(os.environ),
    )
    return sorted(out.iterdir())


def _link(name: str, site: Path) -> None:
    found = metadata.distribution(name)
    root = Path(str(found.locate_file("")))
    for file in found.files or ():
        source, target = root / file, site / file
        # Programs of other distributions are not what is asked about.
        if ".." in file.parts or not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(source)
        except OSError:  # on another file system
            shutil.copyfile(source, target)
