"""Distributions, megabytes and start-up of a fresh install: the base, and what each extra adds.

Each row is a virtual environment of its own, into which pip installs the wheel of this tree in the pinned
versions. Counted is what pip recorded, byte code included; pip and setuptools themselves are not.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BARS = {"distributions": 50, "megabytes": 180}
COUNT = """
import importlib.metadata, json, os
found = {}
for dist in importlib.metadata.distributions():
    name = dist.metadata["Name"].lower()
    if name in ("pip", "setuptools"):
        continue
    stats = [os.stat(file.locate()) for file in dist.files or () if os.path.exists(file.locate())]
    found[name] = [sum(s.st_size for s in stats), sum(s.st_blocks * 512 for s in stats)]
print(json.dumps(found))
"""


def main() -> None:
    asked = [name for name in sys.argv[1:] if name != "install"]
    extras = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = asked or ["", *(name for name in extras if name != "dev")]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        wheel = built(folder)
        pins = folder / "constraints.txt"
        pins.write_text(unhashed((REPO / "requirements.txt").read_text()))
        print("| install | distributions | files, MB | on disk, MB | seconds | largest |")
        print("|---|---:|---:|---:|---:|---|")
        for name in names:
            print(row(name, wheel, pins, folder / f"env-{name or 'base'}"), flush=True)
    print(f"bars of the base: {BARS['distributions']} distributions, {BARS['megabytes']} MB")


def built(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPO, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


def unhashed(pins: str) -> str:
    """The pins as constraints, which have no hashes."""
    return "\n".join(re.findall(r"^([\w.-]+==[^\\\n]*?) *\\?$", pins, re.MULTILINE)) + "\n"


def row(extra: str, wheel: Path, pins: Path, env: Path) -> str:
    subprocess.run([sys.executable, "-m", "venv", str(env)], check=True)
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    start = time.perf_counter()
    subprocess.run(
        [env / "bin/pip", "install", "--quiet", "--only-binary", ":all:", "-c", str(pins), wanted],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    took_s = time.perf_counter() - start
    counted = subprocess.run([env / "bin/python", "-c", COUNT], check=True, capture_output=True, text=True)
    sizes: dict[str, list[int]] = json.loads(counted.stdout)
    files, disk = (sum(column) / 1e6 for column in zip(*sizes.values(), strict=True))
    largest = sorted(sizes, key=lambda name: -sizes[name][0])[:3]
    said = ", ".join(f"{name} {sizes[name][0] / 1e6:.0f}" for name in largest)
    title = f"`skvm[{extra}]`" if extra else "`skvm`"
    return f"| {title} | {len(sizes)} | {files:.0f} | {disk:.0f} | {took_s:.0f} | {said} |"


if __name__ == "__main__":
    main()
