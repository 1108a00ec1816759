"""``tool.call.format``: calls of a task's own tools with strings, with structure, deep and escaped.

The arguments are read off the call itself and compared exactly. The tool answers with a receipt that is
asked for, so that a call that never reached it is no call.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skvm.harness.contract import Facility, TaskTool
from skvm.harness.trajectory import ToolKind
from skvm.target.answers import read_choice, same_value
from skvm.target.call_themes import (
    FLAT_THEMES,
    NEWLINE,
    STRUCTURED_THEMES,
    flat_tool,
    report,
    report_tool,
)
from skvm.target.calls import effective_calls
from skvm.target.contract import (
    Act,
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
from skvm.target.vocabulary import CITIES, COLOURS, NAMES, NOUNS, TEAMS

_OFFERED = 3
_ROWS = 3
_ONCE = (
    "Call the tool that is made for this, exactly once and with exactly these values. It answers with a "
    "receipt. Give that receipt as your final answer."
)
_LETTERS = "bcdfghkmnprtvwxz"

Arguments = Mapping[str, Any]


def _receipt(rng: random.Random) -> str:
    return "".join(rng.sample(_LETTERS, 4)) + str(rng.randint(1000, 9999))


def _said(receipt: str) -> str:
    return f"Done. Receipt: {receipt}"


def _call(tool: TaskTool, arguments: Arguments, *, is_error: bool = False) -> Act:
    output = "wrong arguments" if is_error else tool.answer
    return Act(ToolKind.OTHER, arguments, tool.name, output, is_error)


def _probe(
    prompt: str,
    *,
    tools: Sequence[TaskTool],
    wanted: TaskTool,
    arguments: Arguments,
    wrong: Sequence[Arguments],
    slots: Sequence[str] = (),
) -> Probe:
    receipt = wanted.answer.rpartition(" ")[2]
    right = _call(wanted, arguments)
    retried = ((_call(wanted, {}, is_error=True),), (right,))
    return Probe(
        prompt=prompt,
        reference=Answer(receipt, turns=((right,),)),
        also=(
            Answer(f"The receipt is {receipt}.", turns=((right,),)),
            Answer(receipt, turns=retried),
        ),
        wrong=(
            *(Answer(receipt, turns=((_call(wanted, each),),)) for each in wrong),
            Answer(receipt, turns=((right,), (right,))),
            Answer(f"{wanted.name}({json.dumps(dict(arguments))})\n{receipt}"),
        ),
        tools=tools,
        secret={
            "tool": wanted.name,
            "receipts": {tool.name: tool.answer.rpartition(" ")[2] for tool in tools},
            "arguments": arguments,
            "slots": list(slots),
        },
    )


async def _grade(probe: Probe, work: Work) -> Verdict:
    secret = probe.secret
    if work.trajectory is None:
        return Verdict(False, "calls are only seen in a run")
    calls = effective_calls(work.trajectory, secret["receipts"])
    if [call.name for call in calls] != [secret["tool"]]:
        called = ", ".join(call.name for call in calls) or "no tool of the task"
        return Verdict(False, f"expected one call of {secret['tool']}, called {called}")
    if calls[0].raw_arguments is not None:
        return Verdict(False, f"the arguments are not JSON: {calls[0].raw_arguments[:100]!r}")
    if found := _difference(secret["arguments"], calls[0].arguments, ""):
        return Verdict(False, found)
    said = read_choice(work.response, list(secret["receipts"].values()))
    expected = secret["receipts"][secret["tool"]]
    return Verdict(said == expected, f"the call is right; expected receipt {expected}, said {said or 'none'}")


def _difference(expected: Any, said: Any, where: str) -> str:
    """The first place where two values differ, as a sentence; empty where they are the same."""
    if isinstance(expected, Mapping) and isinstance(said, Mapping) and expected.keys() == said.keys():
        pairs = [(f"{where}.{key}", expected[key], said[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(said, list) and len(expected) == len(said):
        pairs = [(f"{where}[{n}]", *pair) for n, pair in enumerate(zip(expected, said, strict=True))]
    elif same_value(expected, said):
        return ""
    else:
        return f"{where.lstrip('.') or 'arguments'}: expected {expected!r:.100}, got {said!r:.100}"
    found = (_difference(left, right, place) for place, left, right in pairs)
    return next((each for each in found if each), "")


# --- L1: strings ---------------------------------------------------------------------------------------


def _strings(rng: random.Random) -> Probe:
    themes = rng.sample(FLAT_THEMES, _OFFERED)
    theme = rng.choice(themes)
    arguments: dict[str, str] = {}
    for name, pool in theme.pools.items():
        arguments[name] = rng.choice([word for word in pool if word not in arguments.values()])
    tools = [flat_tool(each, f"done, receipt {_receipt(rng)}") for each in themes]
    names, values = list(arguments), list(arguments.values())
    # Of the same kind are the first two people or the first two places.
    one, other = next((a, b) for a in names for b in names if a < b and theme.pools[a] is theme.pools[b])
    return _probe(
        f"{theme.words.format(**arguments)}\n{_ONCE}",
        tools=tools,
        wanted=tools[themes.index(theme)],
        arguments=arguments,
        wrong=(
            {**arguments, one: arguments[other], other: arguments[one]},
            {**arguments, names[0]: values[0].upper()},
            {name: arguments[name] for name in names[:-1]},
            {"arguments": arguments},
        ),
        slots=values,
    )


def _guess_strings(probe: Probe, rng: random.Random) -> Answer:
    tool = rng.choice(list(probe.tools))
    values = rng.sample(probe.secret["slots"], len(probe.secret["slots"]))
    arguments = dict(zip(tool.parameters["properties"], values, strict=True))
    return Answer(probe.secret["receipts"][tool.name], turns=((_call(tool, arguments),),))


# --- L2: an object, an array, an enumeration, numbers --------------------------------------------------


def _structured(rng: random.Random) -> Probe:
    theme = rng.choice(STRUCTURED_THEMES)
    seconds = {"city": CITIES, "team": TEAMS, "colour": COLOURS}
    texts = CITIES if theme.name == "plan_trip" else NOUNS
    first = rng.choice(NAMES)
    head = (first, rng.choice(seconds[theme.head[2]]))
    counts = rng.sample(range(2, 40), _ROWS)
    # Odd hundredths: no trailing zero that a number would lose.
    prices = [number / 100 for number in rng.sample(range(1_011, 9_990, 2), _ROWS)]
    rows = list(zip(rng.sample(texts, _ROWS), counts, prices, strict=True))
    choice, flag = rng.choice(theme.choice[1]), rng.random() < 0.5
    arguments = theme.arguments(head, rows, choice, flag=flag)
    tool = theme.tool(f"done, receipt {_receipt(rng)}")
    many = theme.rows[0]
    as_text = [{**row, theme.rows[2]: str(row[theme.rows[2]])} for row in arguments[many]]
    return _probe(
        f"{theme.order(head, rows, choice, flag=flag)}\n{_ONCE}",
        tools=[tool],
        wanted=tool,
        arguments=arguments,
        wrong=(
            {**arguments, many: as_text},
            {**arguments, many: list(reversed(arguments[many]))},
            {**arguments, theme.choice[0]: choice.upper()},
            {**arguments, theme.flag: str(flag).lower()},
        ),
    )


def _guess_structured(probe: Probe, rng: random.Random) -> Answer:
    (tool,) = probe.tools
    theme = next(each for each in STRUCTURED_THEMES if each.name == tool.name)
    given = probe.secret["arguments"]
    many, *fields = theme.rows
    columns = [rng.sample([row[field] for row in given[many]], _ROWS) for field in fields]
    a, b = rng.sample(list(given[theme.head[0]].values()), 2)
    arguments = theme.arguments(
        (a, b),
        list(zip(*columns, strict=True)),
        rng.choice(theme.choice[1]),
        flag=rng.random() < 0.5,
    )
    return Answer(probe.reference.response, turns=((_call(tool, arguments),),))


# --- L3: nested, with characters that need escaping ----------------------------------------------------


def _shown(text: str) -> str:
    return f"«{text.replace(chr(10), NEWLINE)}»"


def _nested(rng: random.Random) -> Probe:
    arguments = report(rng)
    whole = arguments["report"]
    outline = [
        f"title: {_shown(whole['title'])}",
        f"author: name {_shown(whole['author']['name'])}, motto {_shown(whole['author']['motto'])}",
    ]
    for number, section in enumerate(whole["sections"], start=1):
        outline.append(
            f"section {number}: heading {_shown(section['heading'])}, with the lines, in this order"
        )
        outline += [
            f"- label {_shown(line['label'])}, text {_shown(line['text'])}" for line in section["lines"]
        ]
    tool = report_tool(f"done, receipt {_receipt(rng)}")
    return _probe(
        "File a report with two sections:\n"
        + "\n".join(outline)
        + "\nA value is what stands between « and », character by character (quotes and backslashes belong "
        f"to it), except that {NEWLINE} stands for one line feed.\n{_ONCE}",
        tools=[tool],
        wanted=tool,
        arguments=arguments,
        wrong=(
            {"report": json.dumps(whole)},
            _changed(arguments, lambda text: text.replace("\n", "\\n")),
            _changed(arguments, lambda text: text.replace("\n", NEWLINE)),
            _changed(arguments, lambda text: text.replace("\\", "\\\\")),
            _changed(arguments, lambda text: text.replace('"', "'")),
            {"report": whole["sections"]},
            whole,
        ),
    )


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """The same value with every text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _changed(each, change) for key, each in value.items()}
    return [_changed(each, change) for each in value]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value
    return [text for each in inner for text in _texts(each)]


def _guess_nested(probe: Probe, rng: random.Random) -> Answer:
    (tool,) = probe.tools
    texts = _texts(probe.secret["arguments"])
    rng.shuffle(texts)
    arguments = _changed(probe.secret["arguments"], lambda _: texts.pop())
    return Answer(probe.reference.response, turns=((_call(tool, arguments),),))


TOOL_CALL_FORMAT = primitive(
    Primitive(
        id="tool.call.format",
        description="Call tools with arguments of exactly the form their schema asks for.",
        levels={
            Level.L1: LevelSpec(
                claim="Choose the tool that fits and call it with plain string arguments.",
                generate=_strings,
                grade=_grade,
                guess=_guess_strings,
            ),
            Level.L2: LevelSpec(
                claim="Structured arguments: objects, arrays of objects, enumerations, numbers, booleans.",
                generate=_structured,
                grade=_grade,
                guess=_guess_structured,
            ),
            Level.L3: LevelSpec(
                claim="Arguments nested 3 to 4 levels deep, with characters that must be escaped.",
                generate=_nested,
                grade=_grade,
                guess=_guess_nested,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Flatten the arguments to one object and one list, and give texts with quotes, backslashes "
                "or line breaks already escaped, ready to be copied into the call."
            ),
            l2_to_l1=(
                "Reduce each call to plain string arguments, one value each, and make several small calls "
                "instead of one with structure."
            ),
        ),
        needs=frozenset({Facility.NATIVE_TOOLS}),
    )
)
