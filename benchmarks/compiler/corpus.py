"""Every real skill for every profile: nothing lost, and the same bytes in every process.

``python -m benchmarks.compiler.corpus`` compiles the skills of ``SKVM_TEST_DATA`` (``../shared/data``)
statically, with all passes, for the profiles that come with the package, the public ones and three made ones
(all L0, all L1, all L3). What is lost is counted by a reading of its own (``kept.py``). Then the same is done
in two further processes, one of which sees every folder in another order and lives in another locale, time
zone and place; the digests of all files must agree. ``SKVM_BENCH_EVERY=10`` takes every tenth skill.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from benchmarks.compiler.kept import Kept, compare
from skvm.compiler.builds.build import json_digest
from skvm.compiler.contract import PASSES
from skvm.compiler.driver import CompileResult, compile_skill
from skvm.errors import FindingsError
from skvm.settings import load_settings
from skvm.skill.emit import resource_bytes
from skvm.skill.frontend import load_skill
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.profile import Profile
from skvm.target.store import PREBUILT_DIR, read_profile

REPO = Path(__file__).resolve().parents[2]
_SHOWN = 5


@dataclass(slots=True)
class Figures:
    """What the corpus gave."""

    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)


def corpus() -> Path:
    return Path(os.environ.get("SKVM_TEST_DATA") or REPO.parent / "shared" / "data")


def skill_files(folder: Path) -> list[Path]:
    every = int(os.environ.get("SKVM_BENCH_EVERY", "1"))
    return sorted(folder.rglob("SKILL.md"))[::every]


def profiles(folder: Path) -> dict[str, Profile]:
    """By a name that says where each comes from; those of the same levels once."""
    files = [
        *sorted(PREBUILT_DIR.glob("*/*/latest.json")),
        *sorted(folder.glob("skvm-data/profiles*/**/*.json")),
    ]
    found = {
        path.parent.name + "@" + path.parent.parent.name: read_profile(path)
        for path in files
        if path.name == "latest.json" or path.name.startswith("v")
    }
    for level in ("L0", "L1", "L3"):
        held = dict.fromkeys(PRIMITIVES.names(), Level(level))
        if level == "L0":
            held["tool.exec"] = Level.L1
        found[f"all-{level}"] = Profile(
            model=f"made/{level}",
            harness="shell-agent",
            profiled_at="2026-01-01T00:00:00Z",
            capabilities=held,
        )
    distinct = {
        json.dumps([profile.harness, profile.capabilities], sort_keys=True): name
        for name, profile in found.items()
    }
    return {name: found[name] for name in sorted(distinct.values())}


async def compile_one(file: Path, profile: Profile, place: Path) -> CompileResult:
    return await compile_skill(
        load_skill(file.parent),
        model=profile.model,
        harness=profile.harness,
        profile=profile,
        settings=load_settings(cache_dir=str(place), env={}),
        passes=[registered.id for registered in PASSES.all()],
        dry_run=True,
    )


def losses(result: CompileResult) -> Kept:
    """What one compile lost, by the reading of its own."""
    files = [resource_bytes(result.skill, path).decode("utf-8", "replace") for path in result.proof["files"]]
    named = [text for record in result.proof["edits"] for text in record["releases"]]
    return compare(result.original.text(), result.skill.text(), files, named)


async def run_all(folder: Path, *, count: bool) -> Figures:
    figures = Figures()
    chosen = profiles(folder)
    with tempfile.TemporaryDirectory() as place:
        for file in skill_files(folder):
            name = file.parent.relative_to(folder).as_posix()
            for label, profile in chosen.items():
                began = time.perf_counter()
                try:
                    result = await compile_one(file, profile, Path(place))
                except FindingsError as error:
                    figures.counts["refused"] += 1
                    figures.digests[f"{name} {label}"] = error.message
                    continue
                figures.milliseconds.append((time.perf_counter() - began) * 1000)
                figures.digests[f"{name} {label}"] = json_digest(result.proof)
                if count:
                    _count(figures, f"{name} {label}", result)
    return figures


def _count(figures: Figures, where: str, result: CompileResult) -> None:
    kept = losses(result)
    figures.counts.update(
        {
            "compiles": 1,
            "changed": not result.is_unchanged,
            "edits": len(result.proof["edits"]),
            "rolled back": len(result.proof["rolledBack"]),
            "files added": len(result.proof["files"]),
            "code blocks": kept.code,
            "code blocks moved": kept.moved_code,
            "code blocks lost": len(kept.lost_code),
            "normative sentences": kept.rules,
            "normative sentences lost": len(kept.lost_rules),
            "named by an edit": kept.named,
        }
    )
    figures.lost += [
        f"{where}: {' '.join(text.split())[:120]}" for text in (*kept.lost_code, *kept.lost_rules)
    ]
    figures.counts.update(
        {f"rolled back: {record['rule'] or record['pass']}": 1 for record in result.proof["rolledBack"]}
    )


def shuffled() -> None:
    """From now on every folder is listed in an order of chance."""
    listing, scanning = os.listdir, os.scandir
    chance = random.Random(7)

    class Shuffled:
        def __init__(self, entries: Any) -> None:
            self._entries = list(entries)
            chance.shuffle(self._entries)

        def __iter__(self) -> Iterator[Any]:
            return iter(self._entries)

        def __enter__(self) -> Shuffled:
            return self

        def __exit__(self, *_: object) -> None:
            self._entries = []

    def list_names(*args: Any) -> list[Any]:
        names = listing(*args)
        chance.shuffle(names)
        return names

    os.listdir = list_names  # type: ignore[assignment]
    os.scandir = lambda *args: Shuffled(scanning(*args))  # type: ignore[assignment]


def in_a_process(folder: Path, *, is_other: bool) -> dict[str, str]:
    """The digests another process comes to."""
    strange = {
        "PYTHONHASHSEED": "12345",
        "TZ": "Asia/Kathmandu",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "C",
        "HOME": "/nonexistent",
    }
    environment = {
        **os.environ,
        "PYTHONPATH": f"{REPO}:{REPO / 'src'}",
        "PYTHONHASHSEED": "0",
        **(strange if is_other else {}),
        "SKVM_TEST_DATA": str(folder.resolve()),
    }
    more = ["--shuffled"] if is_other else []
    with tempfile.TemporaryDirectory() as cwd:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.compiler.corpus", "--digests", *more],
            cwd=cwd, env=environment, check=True, stdout=subprocess.PIPE, umask=0o077 if is_other else 0o022,
        )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    return found


def main() -> None:
    folder = corpus()
    files = skill_files(folder)
    if not files:
        print(f"skipped: no corpus in {folder} (set SKVM_TEST_DATA)")
        return
    if "--digests" in sys.argv:
        if "--shuffled" in sys.argv:
            shuffled()
        print(json.dumps(anyio.run(lambda: run_all(folder, count=False)).digests))
        return
    began = time.perf_counter()
    figures = anyio.run(lambda: run_all(folder, count=True))
    print(f"{len(files)} skills, {len(profiles(folder))} profiles, {time.perf_counter() - began:.0f} s")
    for name, count in sorted(figures.counts.items()):
        print(f"{count:>10,}  {name}")
    for line in figures.lost[:_SHOWN]:
        print(f"lost: {line}")
    times = sorted(figures.milliseconds)
    median, late = times[len(times) // 2], times[int(0.95 * len(times))]
    print(f"median {median:.1f} ms, 95th percentile {late:.1f} ms a compile, read from disk", flush=True)
    first, second = in_a_process(folder, is_other=False), in_a_process(folder, is_other=True)
    here = figures.digests
    differing = sorted(name for name in here if not here[name] == first.get(name) == second.get(name))
    print(f"{len(differing)} of {len(here)} variants differ between processes")
    for name in differing[:_SHOWN]:
        print(f"differs: {name}")


if __name__ == "__main__":
    main()
