"""``gen.text.structured``: JSON from a flat record to a deep document of several kilobytes."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

from skvm.target.answers import read_json, same_value
from skvm.target.contract import (
    Answer,
    Degradations,
    Level,
    LevelSpec,
    Primitive,
    Probe,
    Verdict,
    Work,
    primitive,
)
from skvm.target.vocabulary import CITIES, COLOURS, NAMES, NOUNS

FLAT_MAX_BYTES = 500
NESTED_MAX_BYTES = 5_000
DEEP_MIN_BYTES = 5_000


def _flat(rng: random.Random) -> Probe:
    value = {
        "name": rng.choice(NAMES),
        "age": rng.randint(18, 79),
        "city": rng.choice(CITIES),
        "colour": rng.choice(COLOURS),
        "badge": rng.randint(1000, 9999),
        "tool": rng.choice(NOUNS),
    }
    return Probe(
        prompt=(
            f"{value['name']} is {value['age']} years old, lives in {value['city']}, likes the "
            f"colour {value['colour']}, has the badge number {value['badge']} and carries the tool "
            f"called {value['tool']}.\n"
            "Write this as one JSON object with the keys name, age, city, colour, badge and tool; "
            "age and badge are numbers. Answer with the JSON only."
        ),
        reference=Answer(_dump(value)),
        also=_other_notations(value),
        wrong=[
            _changed(value, lambda v: v.update(age=str(v["age"]))),
            _changed(value, lambda v: v.update(badge=v["badge"] + 1)),
            _changed(value, lambda v: v.pop("city")),
            _changed(value, lambda v: v.update(note="done")),
            Answer(_dump(value)[:-1]),
        ],
        secret={"expected": value, "max_bytes": FLAT_MAX_BYTES},
    )


def _nested(rng: random.Random) -> Probe:
    people = [
        {
            "name": name,
            "age": rng.randint(18, 79),
            "address": {"city": rng.choice(CITIES), "house": rng.randint(1, 199)},
            "skills": rng.sample(NOUNS, 2),
        }
        for name in rng.sample(NAMES, rng.randint(3, 5))
    ]
    value = {"company": f"{rng.choice(NOUNS).title()} Works", "founded": rng.randint(1890, 2020)}
    facts = "\n".join(
        f"{p['name']}, {p['age']}, lives at house {p['address']['house']} in {p['address']['city']} "  # type: ignore[index]
        f"and has the skills {p['skills'][0]} and {p['skills'][1]}."  # type: ignore[index]
        for p in people
    )
    shape = (
        '{"company": …, "founded": …, "employees": [{"name": …, "age": …, '
        '"address": {"city": …, "house": …}, "skills": […, …]}, …]}'
    )
    whole = {**value, "employees": people}
    return Probe(
        prompt=(
            f"{value['company']} was founded in {value['founded']}. Its employees:\n{facts}\n\n"
            f"Write this as JSON of the form {shape}\n"
            "Years, ages and houses are numbers; keep the order of the text. Answer with the JSON only."
        ),
        reference=Answer(_dump(whole)),
        also=_other_notations(whole),
        wrong=[
            _changed(whole, lambda v: v["employees"].pop()),
            _changed(whole, lambda v: v["employees"].reverse()),
            _changed(whole, lambda v: v["employees"][0]["address"].update(house="7")),
            _changed(whole, lambda v: v["employees"][-1].update(v["employees"][-1].pop("address"))),
            Answer(_dump(whole)[:-2]),
        ],
        secret={"expected": whole, "max_bytes": NESTED_MAX_BYTES},
    )


def _deep(rng: random.Random) -> Probe:
    regions = sorted(rng.sample(CITIES, rng.randint(3, 4)))
    sites, devices = rng.randint(4, 5), rng.randint(5, 6)
    kind, base = rng.choice(NOUNS), rng.randint(2, 8) * 1000

    def device(region: str, r: int, s: int, d: int) -> dict[str, Any]:
        return {
            "id": f"{region.lower()}-site{s}-{kind}{d}",
            "port": base + 100 * r + 10 * s + d,
            "enabled": d % 2 == 1,
            "labels": [region.lower(), f"site{s}"],
        }

    value = {
        "regions": [
            {
                "name": region,
                "sites": [
                    {"name": f"site{s}", "devices": [device(region, r, s, d) for d in range(1, devices + 1)]}
                    for s in range(1, sites + 1)
                ],
            }
            for r, region in enumerate(regions, start=1)
        ]
    }
    if len(_compact(value)) <= DEEP_MIN_BYTES:
        return _deep(rng)
    first = _dump(device(regions[0], 1, 1, 1))
    return Probe(
        prompt=(
            f'Write one JSON document: {{"regions": [...]}} with the regions {", ".join(regions)} in this '
            f'order. Each region is {{"name": …, "sites": [...]}} with {sites} sites named site1 to '
            f'site{sites}; each site is {{"name": …, "devices": [...]}} with {devices} devices, number 1 to '
            f"{devices}. A device looks like this one, the first of site1 of {regions[0]}:\n{first}\n"
            f"port = {base} + 100 × number of the region + 10 × number of the site + number of the device "
            "(regions count from 1). enabled is true for odd device numbers, false for even ones. "
            "labels are the region in lower case and the site. Write out every device. "
            "Your final answer must be the whole JSON and nothing else."
        ),
        reference=Answer(_dump(value)),
        also=_other_notations(value),
        wrong=[
            _changed(value, lambda v: v["regions"][-1]["sites"][-1]["devices"].pop()),
            _changed(value, lambda v: v["regions"][-1]["sites"][1]["devices"][0].update(enabled=False)),
            _changed(value, lambda v: v["regions"][1]["sites"][0]["devices"][2].update(port=base)),
            _changed(value, lambda v: v["regions"].pop(1)),
            Answer(_dump(value)[:-20]),
        ],
        secret={"expected": value, "min_bytes": DEEP_MIN_BYTES},
    )


def _other_notations(value: Any) -> list[Answer]:
    """The same value laid out over lines, without blanks, and with its keys in another order."""
    return [
        Answer(json.dumps(value, indent=2)),
        Answer(_compact(value).decode()),
        Answer(_dump(_turned(value))),
    ]


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(value)}
    return [_turned(item) for item in value] if isinstance(value, list) else value


def _changed(value: Any, change: Callable[[Any], object]) -> Answer:
    """A copy with one slip in it."""
    other = copy.deepcopy(value)
    change(other)
    return Answer(_dump(other))


def _guess(probe: Probe, rng: random.Random) -> Answer:
    """The right shape, with each value drawn from the values of its kind in the whole document."""
    expected = probe.secret["expected"]
    pools: dict[type, list[Any]] = {}

    def collect(value: Any) -> None:
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                collect(item)
        else:
            pools.setdefault(type(value), []).append(value)

    def draw(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: draw(item) for key, item in value.items()}
        return [draw(item) for item in value] if isinstance(value, list) else rng.choice(pools[type(value)])

    collect(expected)
    return Answer(_dump(draw(expected)))


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _first_difference(expected: Any, said: Any, place: str = "$") -> str:
    if isinstance(expected, dict) and isinstance(said, dict):
        for key in (*expected, *(key for key in said if key not in expected)):
            if key not in said or key not in expected:
                return f"{place}.{key} is {'missing' if key in expected else 'not asked for'}"
            if not same_value(expected[key], said[key]):
                return _first_difference(expected[key], said[key], f"{place}.{key}")
    if isinstance(expected, list) and isinstance(said, list):
        if len(expected) != len(said):
            return f"{place} has {len(said)} items, not {len(expected)}"
        for index, (left, right) in enumerate(zip(expected, said, strict=True)):
            if not same_value(left, right):
                return _first_difference(left, right, f"{place}[{index}]")
    return f"{place}: expected {str(expected)[:60]!r}, said {str(said)[:60]!r}"


async def _grade(probe: Probe, work: Work) -> Verdict:
    said = read_json(work.response)
    if said is None:
        return Verdict(False, "no JSON in the answer")
    expected = probe.secret["expected"]
    if not same_value(expected, said):
        return Verdict(False, _first_difference(expected, said))
    return Verdict(True, f"the whole document is right ({len(_compact(said))} bytes)")


GEN_TEXT_STRUCTURED = primitive(
    Primitive(
        id="gen.text.structured",
        description="Write structured data as text that parses.",
        revision=2,
        levels={
            Level.L1: LevelSpec(
                claim="Flat JSON objects below 500 bytes with the right keys, values and types.",
                generate=_flat,
                grade=_grade,
                guess=_guess,
            ),
            Level.L2: LevelSpec(
                claim="Nested JSON with lists of objects, below 5 KB.",
                generate=_nested,
                grade=_grade,
                guess=_guess,
            ),
            Level.L3: LevelSpec(
                claim="Deeply nested JSON of more than 5 KB, consistent throughout.",
                generate=_deep,
                grade=_grade,
                guess=_guess,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Have the document written in parts of at most 5 KB, with fewer levels of nesting each, "
                "and put together in a last step."
            ),
            l2_to_l1=(
                "Use flat objects: one key per value, with dotted names such as address.city for what "
                "would be nested, one record at a time."
            ),
        ),
    )
)
