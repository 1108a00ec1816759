"""Whatever order a plan allows, what is there at the end is what the order of the text gives.

Skills are made of steps whose doing is known; a file system that is a dictionary is the oracle.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.compiler.making import make_skill

from skvm.compiler.plans.plan import Plan
from skvm.compiler.plans.planning import plan_of

Files = dict[str, str]
FLAT = ("a.txt", "b.txt", "c.csv", "d.md")
FOLDERS = ("in", "out", "log")
DEEP = tuple(f"{folder}/{name}.txt" for folder in FOLDERS for name in ("x", "y"))
NAMES = st.sampled_from((*FLAT, *DEEP))


KINDS = ("cat", "append", "words", "says", "loop", "map", "move", "remove", "read", "if")


@dataclass(frozen=True)
class Step:
    """A step in words and what it does."""

    text: str
    do: Callable[[Files], None]


def _reads(files: Files, names: Sequence[str]) -> str:
    return "+".join(f"{name}={files.get(name, '-')}" for name in names)


def _writes(tag: str, reads: Sequence[str], target: str, *, appends: bool = False) -> Callable[[Files], None]:
    def do(files: Files) -> None:
        kept = files.get(target, "-") if appends else ""
        files[target] = str(hash((tag, _reads(files, reads), kept)))

    return do


def _maps(tag: str, source: str, target: str, beside: Sequence[str]) -> Callable[[Files], None]:
    def do(files: Files) -> None:
        for name in sorted(files):
            if fnmatchcase(name, f"{source}/*.txt"):
                made = f"{target}/{name.rpartition('/')[2].removesuffix('.txt')}.txt"
                files[made] = str(hash((tag, _reads(files, (name, *beside)))))

    return do


def _moves(one: str, other: str) -> Callable[[Files], None]:
    def do(files: Files) -> None:
        if one in files and one != other:
            files[other] = files.pop(one)

    return do


@st.composite
def steps(draw: st.DrawFn) -> Step:
    kind = draw(
        st.sampled_from(("cat", "append", "words", "says", "loop", "map", "move", "remove", "read", "if"))
    )
    one, other, target = draw(NAMES), draw(NAMES), draw(NAMES)
    source, folder = draw(st.permutations(FOLDERS))[:2]
    tag = f"{kind} {one} {other} {target}"
    texts: dict[str, Step] = {
        "cat": Step(f"Run `cat {one} {other} > {target}`.", _writes(tag, (one, other), target)),
        "append": Step(f"Run `cat {one} >> {target}`.", _writes(tag, (one,), target, appends=True)),
        "words": Step(f"Read `{one}` and write `{target}`.", _writes(tag, (one,), target)),
        "says": Step(f"Write `{target}` from `{one}` and `{other}`.", _writes(tag, (one, other), target)),
        "loop": Step(
            f'Run this:\n\n   ```bash\n   for f in {source}/*.txt; do\n     sort "$f" > '
            f'"{folder}/$(basename "$f")"\n   done\n   ```\n',
            _maps(f"sort {source} {folder}", source, folder, ()),
        ),
        "map": Step(
            f"For each `{source}/*.txt`, read `{one}` and write `{folder}/<name>.txt`.",
            _maps(f"map {source} {folder} {one}", source, folder, (one,)),
        ),
        "move": Step(f"Run `mv {one} {target}`.", _moves(one, target)),
        "remove": Step(f"Run `rm -f {target}`.", lambda files: files.pop(target, None) and None),
        "read": Step(f"Read `{one}`.", lambda files: None),
        "if": Step(
            f"Run this:\n\n   ```bash\n   if [ -f {one} ]; then cat {other} > {target}; fi\n   ```\n",
            lambda files: _writes(tag, (other,), target)(files) if one in files else None,
        ),
    }
    return texts[kind]


def planned(made: Sequence[Step]) -> Plan:
    body = "# Flow\n\n" + "".join(f"{number}. {step.text}\n" for number, step in enumerate(made, 1))
    with tempfile.TemporaryDirectory() as folder:
        return plan_of(make_skill(Path(folder), body)).plan


def result(made: Sequence[Step], order: Sequence[int]) -> Files:
    files = {name: name for name in (*FLAT, "in/x.txt", "in/y.txt", "out/x.txt")}
    for index in order:
        made[index].do(files)
    return files


@settings(max_examples=150, deadline=None)
@given(st.lists(steps(), min_size=2, max_size=7), st.randoms(use_true_random=False))
def test_every_order_a_plan_allows_gives_the_same(made: list[Step], chance: random.Random) -> None:
    plan = planned(made)
    ids = [step.id for step in plan.steps]
    assert ids == [f"1.{number}" for number in range(1, len(made) + 1)]
    waits = {step.id: {found.step for found in step.depends_on} for step in plan.steps}
    wanted = result(made, range(len(made)))
    for _ in range(6):
        order: list[str] = []
        while len(order) < len(ids):
            order.append(chance.choice([one for one in ids if one not in order and waits[one] <= set(order)]))
        assert result(made, [ids.index(one) for one in order]) == wanted


@settings(max_examples=100, deadline=None)
@given(st.lists(steps(), min_size=2, max_size=7))
def test_members_of_a_group_may_change_places(made: list[Step]) -> None:
    plan = planned(made)
    ids = [step.id for step in plan.steps]
    for group in plan.groups:
        for one, other in combinations(group.steps, 2):
            for before in (list(range(len(made))), []):
                pair = [ids.index(one), ids.index(other)]
                assert result(made, [*before, *pair]) == result(made, [*before, *reversed(pair)])


@settings(max_examples=60, deadline=None)
@given(st.lists(steps(), min_size=1, max_size=5))
def test_what_may_be_repeated_gives_the_same_again(made: list[Step]) -> None:
    for index, step in enumerate(planned([*made, Step("Read `z.md`.", lambda files: None)]).steps[:-1]):
        if step.idempotent:
            assert result(made, [index]) == result(made, [index, index])


def test_the_oracle_tells_orders_apart() -> None:
    made = [
        Step("", _writes("1", ("a.txt",), "b.txt")),
        Step("", _writes("2", ("b.txt",), "c.csv")),
    ]
    assert result(made, [0, 1]) != result(made, [1, 0])
