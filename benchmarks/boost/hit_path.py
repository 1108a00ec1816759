"""How long a prompt waits for boost: match, extract, guard and instantiate, with 100 candidates loaded.

Timed is all that lies between a prompt and the turn that is answered, files read from a disk included, the
hop to a worker thread (as in a run) included. Hostile prompts are made to cost most: long, repetitive, with
as many ways to read them as can be.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from skvm.harness.command_tool import CommandTool
from skvm.runtime.boost.choosing import Choice, choose
from skvm.runtime.boost.inside import shapes
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import (
    Candidate,
    Check,
    Language,
    Origin,
    Param,
    ParamType,
    Place,
    Skeleton,
    Template,
)
from skvm.runtime.boost.outfit import Outfit, lay_outfit

CANDIDATES = 100
ROUNDS = 1000
BAR_MS = 5.0
ROWS = 200
_ABOUT = (
    "You are given a table of the shop in the file {0}. Sum the column `{1}` for each value of the first"
    " column, leave out rows without a number, and write the totals as a JSON object to {2}. Variant {3}:"
    " keys are sorted, numbers are whole. Do not print anything else, and take at most {4} rows."
)
"""All prompts begin alike, so that none is ruled out by its first words."""


def candidates() -> list[Candidate]:
    """Some hundred templates of one skill, which differ late in their prompts."""
    table = shapes.describe(rows(0), "sales.csv")
    totals = shapes.opened(shapes.describe(b'{"a": 1}', "t.json"), "")
    return [_candidate(number, table, totals) for number in range(CANDIDATES)]


def _candidate(number: int, table: dict[str, object], totals: dict[str, object]) -> Candidate:
    params = (
        Param(name="column", type=ParamType.STRING, seen=("amount", "unit price")),
        Param(name="most", type=ParamType.INTEGER, seen=(10, 50)),
        Param(name="source", type=ParamType.PATH, seen=("sales.csv", "costs.csv")),
        Param(name="target", type=ParamType.PATH, seen=("totals.json", "sums.json")),
    )
    parts = _ABOUT.replace("{3}", str(number)).replace("{0}", "\0").replace("{1}", "\0")
    texts = tuple(parts.replace("{2}", "\0").replace("{4}", "\0").split("\0"))
    return Candidate(
        purpose_id=f"totals-{number}",
        skeletons=(Skeleton(texts=texts, params=("source", "column", "target", "most")),),
        template=Template(
            language=Language.PYTHON,
            code=f"print({number})",
            params=params,
            inputs=(Check(place=Place(param="source"), shape=table),),
            outputs=(Check(place=Place(param="target"), shape=totals),),
        ),
        origin=Origin(kind="runs"),
    )


def rows(seed: int) -> bytes:
    lines = [f"name {n % 17},{n * 7 + seed},{n}.5" for n in range(ROWS)]
    return ("shop,amount,unit price\n" + "\n".join(lines) + "\n").encode()


def hits() -> Iterator[str]:
    for number in range(ROUNDS):
        column = ("amount", "unit price")[number % 2]
        yield _ABOUT.format("sales.csv", column, f"out_{number}.json", number % CANDIDATES, number + 1)


_HIT = _ABOUT.format("sales.csv", "amount", "t.json", 7, 3)
HOSTILE = {
    "nothing at all": "",
    "64,000 letters": "a" * 64_000,
    "64,000 blanks": " \n" * 32_000,
    "32,000 words": "a " * 32_000,
    "the beginning, and backquotes": _ABOUT[:60] + "`" * 60_000,
    "the beginning, again and again": _ABOUT[:90] * 700,
    "a hole without an end": _ABOUT.format("sales.csv", "amount " * 7_000, "t.json", 7, 3),
    "the same text after a hole": _ABOUT.format("s.csv", "a", "x.json. Variant 7" * 1_500, 7, 3),
    "a hit, and 50,000 characters more": _HIT + " x" * 25_000,
    "one word is another": _HIT.replace("whole", "exact"),
}


def ambiguous() -> tuple[Matcher, str]:
    """A prompt with as many readings as a skeleton of ours can have."""
    params = tuple(Param(name=name, type=ParamType.STRING, seen=("w " * 40 + "x",)) for name in "abcdef")
    skeleton = Skeleton(texts=("Put ", *[" near "] * 5, "."), params=tuple("abcdef"))
    template = Template(language=Language.PYTHON, code="", params=params)
    wide = Candidate(purpose_id="w", skeletons=(skeleton,), template=template, origin=Origin(kind="runs"))
    return Matcher([wide] * CANDIDATES), "Put " + "x near " * 8_000 + "x."


@dataclass
class Times:
    """Milliseconds of wall clock, and of the processor; others at work hardly lengthen the latter."""

    wall: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)

    @contextmanager
    def one(self) -> Iterator[None]:
        began, spent = time.perf_counter(), time.process_time()
        yield
        self.own.append((time.process_time() - spent) * 1000)
        self.wall.append((time.perf_counter() - began) * 1000)

    def __str__(self) -> str:
        wall, own = sorted(self.wall), sorted(self.own)
        median, late, most = (wall[int(share * (len(wall) - 1))] for share in (0.5, 0.95, 1.0))
        return (
            f"median {median:6.2f} ms, 95th {late:6.2f}, most {most:6.2f}; "
            f"processor {statistics.median(own):6.2f}, most {own[-1]:6.2f}"
        )


async def timed(work: Callable[[], object], rounds: int) -> Times:
    """Each round in a worker thread."""
    times = Times()
    for _ in range(rounds):
        with times.one():
            await anyio.to_thread.run_sync(work)
    return times


async def answered(matcher: Matcher, known: list[Candidate], outfit: Outfit, folder: Path) -> Times:
    """From each prompt to its turn."""
    tool, times = CommandTool("bash", "command"), Times()
    tool.turn("ls", "call_0")  # loads the library of messages, as any run has
    for number, prompt in enumerate(hits()):
        with times.one():
            look = partial(choose, matcher, known, prompt, folder)
            choice: Choice = await anyio.to_thread.run_sync(look)
            if choice.answer is None or choice.answer.candidate is not known[number % CANDIDATES]:
                raise RuntimeError(f"no answer to {prompt!r}")
            command = outfit.command_line(choice.answer.candidate, f"{number:016x}", choice.answer.params)
            tool.turn(command, "call_1")
    return times


async def measure(folder: Path) -> bool:
    work = folder / "work"
    began = time.process_time()
    known = candidates()
    matcher = Matcher(known)
    made_ms = (time.process_time() - began) * 1000
    outfit = lay_outfit(folder / "outfit", [each.template for each in known])
    print(f"{CANDIDATES} candidates made ready in {made_ms:.1f} ms; table of {ROWS} rows")
    gc.freeze()
    times = await answered(matcher, known, outfit, work)
    print(f"hit   {times} (bar {BAR_MS:g} median)")
    miss = HOSTILE["one word is another"]
    print(f"miss  {await timed(partial(choose, matcher, known, miss, work), ROUNDS)}")
    for what, prompt in HOSTILE.items():
        spent = await timed(partial(choose, matcher, known, prompt, work), 20)
        print(f"  {what:<36}{spent}")
    wide, prompt = ambiguous()
    print(f"  {'8,000 places, 6 holes':<36}{await timed(partial(wide.match, prompt), 20)}")
    return statistics.median(times.wall) <= BAR_MS


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "work").mkdir()
        (folder / "work" / "sales.csv").write_bytes(rows(1))
        if not anyio.run(measure, folder):
            sys.exit(1)


if __name__ == "__main__":
    main()
