"""The same inputs give the same bytes, wherever, whenever and in whatever order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skvm.compiler.contract import PASSES
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill
from tests.unit.compiler.test_driver import tree

BODY = """# Report

Orders: `orders.csv` with the columns `item`, `price`, `region`.

## Steps

1. Read the orders, drop rows without a price, sort them by `price`, and keep the first 10.
2. Calculate the average `price` and the total `price` per region.
3. Fetch https://example.org/a.json, https://example.org/b.json and https://example.org/c.json.
4. If the average is above 100, write `high`; otherwise write `low`.
5. Write `report.json` with the keys `average`, `total` and `regions`.

```python
import pandas as pd
import requests
print(pd.read_csv("orders.csv")["price"].mean())
```

```sh
grep -v '^#' orders.csv | sort -u > clean.csv
python3 scripts/go.py clean.csv
```
"""
SHUFFLED = """
import os, random, sys
chance = random.Random(sys.argv[1])
listing, scanning = os.listdir, os.scandir
class Shuffled(list):
    def __enter__(self): return self
    def __exit__(self, *_): self.clear()
    def close(self): self.clear()
def names(*args):
    found = listing(*args); chance.shuffle(found); return found
def entries(*args):
    found = Shuffled(scanning(*args)); chance.shuffle(found); return found
if sys.argv[1] != "0":
    os.listdir, os.scandir = names, entries
from skvm.cli.main import run
sys.exit(run(sys.argv[2:]))
"""
OTHER = {
    "PYTHONHASHSEED": "4242",
    "TZ": "Asia/Kathmandu",
    "LANG": "tr_TR.UTF-8",
    "LC_ALL": "C",
    "COLUMNS": "40",
}


def _compiled(
    cache: Path, skill: Path, profile: Path, cwd: Path, *, seed: str, env: dict[str, str], umask: int
) -> dict[str, bytes]:
    subprocess.run(
        [sys.executable, "-c", SHUFFLED, seed, "aot-compile", f"--skill={skill}", f"--model={MODEL}",
         f"--adapter={HARNESS}", f"--profile={profile}", f"--skvm-cache={cache}", "--no-lock",
         f"--pass={','.join(PASSES.names())}"],
        env={**os.environ, **env}, cwd=cwd, umask=umask, check=True, capture_output=True,
    )  # fmt: skip
    found = tree(cache / "proposals")
    assert any(name.endswith("/SKILL.md") for name in found)
    return {name: data for name, data in found.items() if not name.endswith("/meta.json")}


def _both(tmp_path: Path, skill: Path, profile: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    moved = tmp_path / "moved" / skill.name
    moved.parent.mkdir()
    skill_copy(skill, moved)
    first = _compiled(
        tmp_path / "c1", skill, profile, here, seed="0", env={"PYTHONHASHSEED": "0", "TZ": "UTC"}, umask=0o022
    )
    second = _compiled(tmp_path / "c2", moved, profile, there, seed="7", env=OTHER, umask=0o077)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def skill_copy(skill: Path, moved: Path) -> None:
    """Copy files in the other order, so that inodes and times differ too."""
    for path in sorted((found for found in skill.rglob("*") if found.is_file()), reverse=True):
        target = moved / path.relative_to(skill)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        target.chmod(0o755 if os.access(path, os.X_OK) else 0o644)


@pytest.mark.parametrize("level", ["L0", "L1", "L3"])
def test_a_made_skill(level: str, tmp_path: Path) -> None:
    skill = make_skill(
        tmp_path, BODY, scripts__go_dot_py="import yaml\n", z_dot_md="z", a_dot_md="a", data__b_dot_csv="x\n"
    )
    profile = tmp_path / "profile.json"
    profile.write_text(make_profile(level, tool_exec="L2").model_dump_json(by_alias=True))
    assert skill.root is not None
    _both(tmp_path, skill.root, profile)


def test_real_skills(public_data: Path, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text(make_profile("L1").model_dump_json(by_alias=True))
    chosen = sorted(public_data.rglob("SKILL.md"))[11::240]
    assert chosen
    for number, path in enumerate(chosen):
        (tmp_path / str(number)).mkdir()
        _both(tmp_path / str(number), path.parent, profile)
