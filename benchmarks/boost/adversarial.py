"""Ten thousand prompts that try to have templates do what they must not do.

Templates of nine chores are learnt as any are: from runs of a scripted model, compiled, replayed, fuzzed and
promoted. Every prompt goes through the hit path with a folder of its own; what would be answered is run in a
cell, and what it leaves is held against what is right by the data as they were meant.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from shutil import rmtree
from time import perf_counter
from typing import Any

import anyio
import anyio.to_thread

from benchmarks.boost.attacks import KINDS, cases_of
from benchmarks.boost.case import Case
from benchmarks.boost.chores import Family, wrong_with
from benchmarks.boost.families import FAMILIES
from benchmarks.boost.ground import BAIT, lay
from benchmarks.boost.scripted_runs import Runs, Task, open_runs
from skvm.harness.confine import choose_sandbox
from skvm.harness.sandbox import Limits, Policy, Sandbox
from skvm.runtime.boost.choosing import Ready, choose
from skvm.runtime.boost.extraction import path_of
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import Candidate
from skvm.runtime.boost.outfit import Outfit, lay_outfit, verdict_of

__all__ = ["BAD", "Outcome", "attack", "cases", "learn_all", "table"]

PROMPTS = 10_000
SEED = 20_260
_BATCH = 120
_CELLS = 2
BAD = ("injection", "wrong answer", "changed on a bail-out")
"""What must never be."""
_GOOD = ("right answer", "left to the model", "bailed out")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case.

    Args:
        case: The case.
        came: One of ``BAD`` or of the good ones.
        why: One line.
    """

    case: Case
    came: str
    why: str = ""


def task_of(family: Family, values: Mapping[str, str], way: int, draw: Random) -> Task:
    """A run of a family's chore, with data of its own."""
    data = family.data(draw, values)
    right = family.right(data, values)
    return Task(
        family.name,
        family.prompt(values),
        {family.source(values): family.written(data)},
        family.code(values, way),
        right.path,
        lambda found: not wrong_with(right, found),
    )


async def learn_all(runs: Runs, families: Sequence[Family]) -> dict[str, tuple[Candidate, ...]]:
    """The promoted candidates of each family, learnt from its lessons."""
    found: dict[str, tuple[Candidate, ...]] = {}
    for family in families:
        draw = Random(f"{SEED} {family.name}")
        for number, values in enumerate(family.lessons):
            await runs.do(task_of(family, values, number % 2, draw))
        found[family.name] = (await runs.shelf(family.name)).promoted
    return found


def cases(families: Sequence[Family], count: int, seed: int = SEED) -> list[Case]:
    """Cases of all families, ``count`` in all."""
    share, more = divmod(count, len(families))
    return [
        case
        for place, family in enumerate(families)
        for case in cases_of(family, Random(f"{seed} {family.name}"), share + (place < more))
    ]


async def attack(
    candidates: Sequence[Candidate], asked: Sequence[Case], *, sandbox: Sandbox, place: Path
) -> list[Outcome]:
    """What comes of all cases, in their order.

    Args:
        candidates: All that may answer, together.
        asked: The cases.
        sandbox: Where steps are taken.
        place: A folder that users of cells may pass.
    """
    outfit = lay_outfit(place / "outfit", [each.template for each in candidates])
    found = await anyio.to_thread.run_sync(_chosen, candidates, asked, place / "looked-at")
    outcomes: dict[int, Outcome] = {}
    steps: list[tuple[int, Case, Ready]] = []
    for number, (case, ready) in enumerate(zip(asked, found, strict=True)):
        if isinstance(ready, Ready):
            steps.append((number, case, ready))
        else:
            outcomes[number] = Outcome(case, "left to the model", ready)
    batches = [steps[at : at + _BATCH] for at in range(0, len(steps), _BATCH)]
    waiting = iter(enumerate(batches))

    async def serve() -> None:
        for number, batch in waiting:
            outcomes.update(await _taken(batch, outfit, sandbox, place / f"batch-{number}"))

    async with anyio.create_task_group() as group:
        for _ in range(_CELLS):
            group.start_soon(serve)
    return [outcomes[number] for number in range(len(asked))]


def _chosen(candidates: Sequence[Candidate], asked: Iterable[Case], place: Path) -> list[Ready | str]:
    """Who would answer each prompt; else why nobody would. Blocks."""
    matcher = Matcher(candidates)
    found: list[Ready | str] = []
    for case in asked:
        lay(str(place), [list(entry) for entry in case.entries])
        try:
            choice = choose(matcher, candidates, case.prompt, place)
        except Exception as error:  # noqa: BLE001 - the hook leaves the prompt to the model then
            found.append(f"{type(error).__name__}: {error}")
        else:
            found.append(choice.answer or "; ".join(each.reason for each in choice.drifted))
        finally:
            rmtree(place)
    return found


async def _taken(
    batch: Sequence[tuple[int, Case, Ready]], outfit: Outfit, sandbox: Sandbox, place: Path
) -> dict[int, Outcome]:
    """Take steps in one cell, one after the other."""
    work = place / "work"
    await anyio.to_thread.run_sync(lambda: work.mkdir(parents=True, mode=0o700))
    lines = [json.dumps(_step(number, case, ready, outfit)) for number, case, ready in batch]
    policy = Policy(work_dir=work, read_only=(outfit.folder,), limits=Limits(cpu_s=600, processes=256))
    source = (Path(__file__).parent / "ground.py").read_bytes()
    async with sandbox.open(policy) as cell:
        await cell.write("ground.py", source)
        await cell.write("batch.jsonl", "".join(f"{line}\n" for line in lines).encode())
        ran = await cell.execute(
            ["python3", "-I", "ground.py", "batch.jsonl", "results.jsonl"], timeout_s=len(lines) * 10 + 60
        )
        if ran.exit_code != 0:
            raise RuntimeError(f"a batch ended early: {ran.stderr[-500:]}")
        results = await cell.read("results.jsonl", max_bytes=64 << 20)
    told = {each["name"]: each for each in map(json.loads, results.splitlines())}
    return {number: _judged(case, ready, told[f"s{number}"]) for number, case, ready in batch}


def _ticket(number: int) -> str:
    return f"{number:016x}"


def _step(number: int, case: Case, ready: Ready, outfit: Outfit) -> dict[str, Any]:
    command = outfit.command_line(ready.candidate, _ticket(number), ready.params)
    return {"name": f"s{number}", "entries": case.entries, "command": command}


def _judged(case: Case, ready: Ready, told: Mapping[str, Any]) -> Outcome:
    changed: dict[str, list[str] | None] = told["changed"]
    checks = ready.candidate.template.outputs
    declared = {path.removeprefix("./") for check in checks if (path := path_of(check.place, ready.params))}
    if told["strays"]:
        return Outcome(case, "injection", f"strays {told['strays']}")
    if any(BAIT in path.split("/")[-1] and path not in declared for path in changed):
        return Outcome(case, "injection", f"changed {sorted(changed)}")
    verdict = verdict_of(told["said"], _ticket(int(told["name"][1:])))
    if verdict is None or not verdict.is_done:
        why = verdict.reason if verdict is not None else f"no verdict: {told['said'][-300:]}"
        return Outcome(case, "changed on a bail-out" if changed else "bailed out", why)
    if not set(changed) <= declared | {path.rpartition("/")[0] for path in declared}:
        return Outcome(case, "injection", f"changed {sorted(changed)}")
    why = _wrong(case, changed)
    return Outcome(case, "wrong answer" if why else "right answer", why)


def _wrong(case: Case, changed: Mapping[str, list[str] | None]) -> str:
    if case.right is None:
        return "it was the model's to answer"
    path = case.right.path.removeprefix("./")
    if not {name for name, left in changed.items() if left is None or left[0] != "folder"} <= {path}:
        return f"changed {sorted(changed)}, not {path}"
    left = (
        changed[path] if path in changed else next((list(e[::2]) for e in case.entries if e[1] == path), None)
    )
    if left is None or left[0] != "file":
        return f"{path} is not there"
    return wrong_with(case.right, base64.b64decode(left[1]))


def table(outcomes: Sequence[Outcome]) -> str:
    """Counts by kind, as Markdown."""
    came = Counter((each.case.kind, each.came) for each in outcomes)
    columns = (*_GOOD, *BAD)
    lines = [f"| prompts | all | {' | '.join(columns)} |", "|---|" + "---:|" * (len(columns) + 1)]
    for kind in KINDS:
        counts = [came[kind, each] for each in columns]
        lines.append(f"| {kind} | {sum(counts):,} | {' | '.join(f'{count:,}' for count in counts)} |")
    sums = [sum(came[kind, each] for kind in KINDS) for each in columns]
    lines.append(f"| all | {sum(sums):,} | {' | '.join(f'{count:,}' for count in sums)} |")
    return "\n".join(lines)


async def measure(place: Path) -> bool:
    began = perf_counter()
    async with open_runs(place) as runs:
        learnt = await learn_all(runs, FAMILIES)
    known = [family for family in FAMILIES if learnt[family.name]]
    candidates = [candidate for family in known for candidate in learnt[family.name]]
    print(f"learnt in {perf_counter() - began:.0f} s: {', '.join(family.name for family in known)}\n")
    began = perf_counter()
    outcomes = await attack(candidates, cases(known, PROMPTS), sandbox=choose_sandbox("auto"), place=place)
    print(table(outcomes))
    bad = [each for each in outcomes if each.came in BAD]
    for each in bad[:40]:
        print(f"\n{each.came}: {each.case.family}, {each.case.what}: {each.why[:300]}")
        print(f"  {each.case.prompt[:300]!r}")
    ran = sum(each.came != "left to the model" for each in outcomes)
    print(f"\n{ran:,} steps in cells; {perf_counter() - began:.0f} s")
    return not bad and len(known) >= 6


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        if not anyio.run(measure, place):
            sys.exit(1)


if __name__ == "__main__":
    main()
