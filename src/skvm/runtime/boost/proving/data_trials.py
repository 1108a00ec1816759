"""Data changed: what means the same must give the same, other data something else, damage nothing at all."""

from __future__ import annotations

import posixpath
import random

from skvm.runtime.boost.proving.damage import damaged
from skvm.runtime.boost.proving.ground import FlawError, Ground, Outcome
from skvm.runtime.boost.proving.items import Items, items_of
from skvm.runtime.boost.proving.proof import checked_paths, names_file
from skvm.runtime.boost.proving.replay import Start
from skvm.runtime.boost.proving.value_trials import decoy
from skvm.runtime.boost.watching import is_script

__all__ = ["made_small", "try_again", "try_beside", "try_damaged", "try_other_data", "try_reordered"]

_MANY = 200
"""Items of a file that are many."""


async def made_small(ground: Ground) -> Ground:
    """The same with less data where there are many: there is time to change them, and flaws show in few."""
    small = dict(ground.start.before)
    for _, path, data in ground.inputs():
        items = items_of(path, data)
        if items is not None and len(items.items) > _MANY:
            small[path] = items.write(items.items[:_MANY])
    if small == ground.start.before:
        return ground
    outcome = await ground.run("with less data", small)
    if not outcome.is_done:
        return ground
    start = Start(ground.start.params, small, ())
    return Ground(ground.steps, ground.candidate, start, ground.ends_at)


async def try_again(ground: Ground) -> None:
    """Take the step twice, once in a fresh folder and once where its outputs lie already.

    Raises:
        FlawError: The result is another one.
    """
    second = await ground.run("a second time")
    if not second.is_as(ground.base) or _bytes(second) != _bytes(ground.base):
        raise FlawError("two runs of it differ")
    template, params = ground.candidate.template, ground.start.params
    if checked_paths(template.inputs, params) & checked_paths(template.outputs, params):
        # What it changes in place is not what it was.
        return
    left = ground.base.files
    stale = {path: decoy(path, data) for path, data in filter(None, ground.base.outputs)}
    for what, files in (("where it ran before", left), ("where other results lie", {**left, **stale})):
        again = await ground.run(what, files)
        if again.broke_its_word:
            raise FlawError(f"{what}: {again.why}")
        if again.is_done and not again.is_as(ground.base):
            raise FlawError(f"{what}: the result is another one")


def _bytes(outcome: Outcome) -> list[bytes | None]:
    return [None if output is None else output[1] for output in outcome.outputs]


async def try_beside(ground: Ground, prompt: str) -> None:
    """Change everything the step does not declare, and put more beside it.

    Raises:
        FlawError: It reads what its guard does not look at, or does not read what the prompt names.
    """
    template, params = ground.candidate.template, ground.start.params
    declared = checked_paths((*template.inputs, *template.outputs), params)
    others = {path: data for path, data in ground.start.before.items() if path not in declared}
    named = [path for path in others if names_file(prompt, path) and not is_script(path)]
    if named:
        raise FlawError(f"the prompt names {named[0]}, which is no input of it")
    files = dict(ground.start.before)
    files |= {path: decoy(path, data) for path, data in others.items() if not is_script(path)}
    for _, path, data in ground.inputs():
        folder, base = posixpath.split(path)
        for prefix in ("0-", "zz-"):
            files.setdefault(posixpath.join(folder, prefix + base), decoy(path, data))
    if files == ground.start.before:
        return
    outcome = await ground.run("with other files beside it", files)
    if not outcome.is_as(ground.base):
        why = outcome.why if outcome.bailed else "the result is another one"
        raise FlawError(f"with other files beside it: {why}")


async def try_reordered(ground: Ground, draw: random.Random, rounds: int) -> None:
    """Give the same rows, elements or lines in other orders.

    What picks whole lines by their place (the first ten) gives others then; anything else must not.

    Raises:
        FlawError: The result depends on where something stands.
    """
    for _, path, data in ground.inputs():
        items = items_of(path, data)
        if items is None or len(items.items) < 2:
            continue
        for made in items.reordered(draw, rounds):
            what = f"with {path} in another order"
            outcome = await ground.run(what, ground.with_file(path, made))
            if outcome.bailed not in {"", "input"}:
                raise FlawError(f"{what}: {outcome.why}")
            if outcome.is_done and not outcome.is_as(ground.base) and not _picks(ground, outcome, data):
                raise FlawError(f"{what}: the result is another one")
        await _try_ends(ground, path, data, items)


async def _try_ends(ground: Ground, path: str, data: bytes, items: Items) -> None:
    """Put something new first, in the middle and last: it counts everywhere alike."""
    rows, novel = list(items.items), items.novel(len(items.items) // 2)
    found: list[Outcome] = []
    for index in (0, len(rows) // 2, len(rows)):
        made = items.write([*rows[:index], novel, *rows[index:]])
        what = f"with something new in {path}"
        outcome = await ground.run(what, ground.with_file(path, made))
        if outcome.is_done:
            found.append(outcome)
    if any(not each.is_as(found[0]) and not _picks(ground, each, data + b"\n" + made) for each in found[1:]):
        raise FlawError(f"what stands first or last in {path} counts otherwise")


def _picks(ground: Ground, outcome: Outcome, data: bytes) -> bool:
    """Whether both results are as many whole lines of the input."""
    lines = set(data.decode("utf-8", "replace").splitlines())
    for mine, theirs in zip(outcome.outputs, ground.base.outputs, strict=True):
        if mine is None or theirs is None:
            return False
        one, other = (each[1].decode("utf-8", "replace").splitlines() for each in (mine, theirs))
        if len(one) != len(other) or not lines.issuperset(one) or not lines.issuperset(other):
            return False
    return bool(outcome.outputs)


async def try_other_data(ground: Ground, draw: random.Random, rounds: int) -> None:
    """Give each input other data of the same form: the result must be able to become another one.

    Raises:
        FlawError: It never does, or the step takes no data but those it was made from.
    """
    for _, path, data in ground.inputs():
        items = items_of(path, data)
        changes = [data[: len(data) // 2], data + data]
        if items is not None and items.items:
            novel = [items.novel(index) for index in range(len(items.items))]
            changes = [items.write(novel), *items.other(draw, rounds)]
        outcomes = [
            await ground.run(f"with other data in {path}", ground.with_file(path, made))
            for made in changes
            if made != data
        ]
        done = [outcome for outcome in outcomes if outcome.is_done]
        if outcomes and not done and items is not None:
            raise FlawError(f"with other data in {path}: {outcomes[0].why}")
        if done and all(outcome.is_as(ground.base) for outcome in done):
            raise FlawError(f"the result is the same whatever is in {path}")


async def try_damaged(ground: Ground) -> None:
    """Damage each input: the step bails out, or does not look at what is damaged.

    Raises:
        FlawError: It gives a result that is another one.
    """
    for _, path, data in ground.inputs():
        for what, made in damaged(path, data):
            outcome = await ground.run(f"{path} with {what}", ground.with_file(path, made))
            if outcome.is_done and not outcome.is_as(ground.base):
                raise FlawError(f"{path} with {what} is taken for good")
        files = {name: each for name, each in ground.start.before.items() if name != path}
        outcome = await ground.run(f"without {path}", files)
        if outcome.is_done and not outcome.is_as(ground.base):
            raise FlawError(f"without {path} it gives a result all the same")
