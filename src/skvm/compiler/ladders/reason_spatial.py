"""Lowering ``reason.spatial``: a distance on the sphere becomes a command, or its formula in steps."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.compiler.carried.bundled import shipped
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_below
from skvm.compiler.reading.commands import fenced
from skvm.compiler.reading.prose import BlockKind, Sentence
from skvm.compiler.reading.spotting import is_chinese, number_in
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = (
    "sphere command: a distance from latitudes and longitudes becomes an exact command of a script in the "
    "bundle",
    "sphere steps: where no command can be run, the formula of the great circle is written out step by step",
)
_SCRIPT = "scripts/sphere.py"
_RADIUS = re.compile(
    r"\bradius(?: of| is|:)?\s+(?:of\s+)?(\d+(?:\.\d+)?)|半径(?:为|是|取|：)?\s*(\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
_DIGITS = re.compile(
    r"\b(\w+)\s+decimals?\b|([一两二三\d])位小数|\b(?:whole|full)\s+(?:kilomet|met|mile|nautical)",
    re.IGNORECASE,
)
_UNITS = (
    (re.compile(r"\bnautical miles?\b|海里", re.IGNORECASE), "nautical miles", "3440.065"),
    (re.compile(r"\bmiles?\b|英里", re.IGNORECASE), "miles", "3958.8"),
    (re.compile(r"\b(?:kilomet(?:re|er)s?|km)\b|公里|千米", re.IGNORECASE), "kilometres", "6371"),
    (re.compile(r"\bmet(?:re|er)s?\b|米", re.IGNORECASE), "metres", "6371000"),
)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """A command where one can be run, else the steps; areas are left alone."""
    edits: list[Edit] = []
    files: dict[str, bytes] = {}
    can_run = ground.holds("tool.exec")
    for gap in gaps:
        sentence = ground.sentence(gap)
        if sentence is None or gap.requirement.level is not Level.L3:
            continue
        block = ground.reading.prose.blocks[sentence.block]
        if block.kind is BlockKind.ROW or ground.reading.prose.text(block.span).endswith((":", "：")):
            continue
        edits.append(
            _by_command(gap, sentence, ground, files) if can_run else _by_steps(gap, sentence, ground)
        )
    return Lowering(edits, files)


def _radius_and_digits(text: str) -> tuple[str, int | None]:
    named = _RADIUS.search(text)
    unit = next((radius for words, _, radius in _UNITS if words.search(text)), "6371")
    digits = _DIGITS.search(text)
    count = (
        None if digits is None else number_in(digits[1] or digits[2] or "") if digits[1] or digits[2] else 0
    )
    return (named[1] or named[2]) if named else unit, count


def _by_command(gap: Gap, sentence: Sentence, ground: Ground, files: dict[str, bytes]) -> Edit:
    script = next(iter(files), None) or ground.free_path(_SCRIPT)
    files[script] = shipped("sphere.py")
    radius, digits = _radius_and_digits(sentence.text)
    command = f"python3 {script} LAT1 LON1 LAT2 LON2 --radius {radius}" + (
        f" --digits {digits}" if digits is not None else ""
    )
    if is_chinese(sentence.text):
        lead = "不要心算，运行这条命令，把两点的纬度和经度（以度为单位）代入："
    else:
        lead = (
            "Do not work this out in your head, run this with the latitude and longitude of both places in "
            "degrees put in:"
        )
    return edit_below(
        [gap],
        ground.reading.prose.blocks[sentence.block],
        lead,
        fenced(command, "bash"),
        rule="sphere command",
        to_level=Level.L0,
        because="a command computes it",
    )


def _by_steps(gap: Gap, sentence: Sentence, ground: Ground) -> Edit:
    radius, digits = _radius_and_digits(sentence.text)
    steps = (
        "1. a = sin((LAT2 - LAT1) / 2)^2",
        "2. b = cos(LAT1) * cos(LAT2) * sin((LON2 - LON1) / 2)^2",
        "3. c = 2 * asin(sqrt(a + b)), as an angle in radians",
        f"4. distance = {radius} * c" + (f", rounded to {digits} decimals" if digits is not None else ""),
    )
    chinese = is_chinese(sentence.text)
    lead = (
        "一步一步计算，每步的结果先写下来；LAT 是纬度，LON 是经度："
        if chinese
        else "Step by step, each result written down before the next; LAT is a latitude, LON a longitude:"
    )
    body = fenced("\n".join(steps), "text")
    return edit_below(
        [gap],
        ground.reading.prose.blocks[sentence.block],
        lead,
        body,
        rule="sphere steps",
        to_level=Level.L2,
        because="the formula is written out",
    )


LADDERS.register("reason.spatial", Ladder(MOVES, lower, by_command=True))
