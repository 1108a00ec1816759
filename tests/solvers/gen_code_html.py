"""Second algorithm for ``gen.code.html``: terse pages, put together from the words of the prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.target.contract import Answer, Level, Probe


def solve(level: Level, probe: Probe) -> Sequence[Answer]:
    """The page the prompt describes, in another style than the reference's; none where it cannot be."""
    title, body = {Level.L1: _lists, Level.L2: _table, Level.L3: _chart}[level](probe.prompt)
    page = f"<!doctype html>\n<HTML>\n<title>{title}</title>\n<body>{body}</body></HTML>\n"
    return [Answer("Done.", {"index.html": page})] if body else []


def _found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    assert match is not None, f"{pattern} is not in the prompt"
    return match.groups()


def _lists(prompt: str) -> tuple[str, str]:
    title, head = _found(r"first-level heading, `(.+?)`.* second-level heading, `(.+?)`", prompt)
    tag, items = _found(r"list \(<(\w+)>\) with these items in this order: (.+?)\. ", prompt)
    # End tags of items may be left out.
    listed = "".join(f"<li><a href='#'>{item}</a>\n" for item in items.split(", "))
    return title, f"<div><H1>{title}</H1><h2><em>{head}</em></h2><{tag}>{listed}</{tag}></div>"


def _table(prompt: str) -> tuple[str, str]:
    (title,) = _found(r"the only <h1>, `(.+?)`", prompt)
    (columns,) = _found(r"header row of <th> cells \((.+?)\)", prompt)
    (lines,) = _found(r"in this order:\n([\s\S]+)\nThe form", prompt)
    text, number = _found(r"type text and name (\w+), an <input> with type number and name (\w+),", prompt)
    rows = "".join(f"<tr><td>{line.replace(', ', '<td>')}" for line in lines.split("\n"))
    form = f"<label>{text}: <input name={text} type=text /></label>"
    form += f"<p><label>{number}: <input name={number} type=number></label><input type=submit>"
    return title, (
        f"<header><div><h1>{title}</h1></div></header><main><section>"
        f"<table><tr><th>{columns.replace(', ', '<th>')}{rows}</table></section>"
        f"<form>{form}</form></main><footer></footer>"
    )


def _chart(prompt: str) -> tuple[str, str]:
    (listed,) = _found(r"of this data: (.+?)\.\n", prompt)
    (title,) = _found(r"begins with a <title> element, `(.+?)`", prompt)
    (least,) = _found(r"the tallest bar is at least (\d+) high", prompt)
    data = [(pair.rsplit(" ", 1)[0], int(pair.rsplit(" ", 1)[1])) for pair in listed.split(", ")]
    if any(value <= 0 for _, value in data):
        return title, ""
    bars = "".join(
        f"<rect width='7' height='{value * int(least) / 10:.2f}' x='{place * 7}' "
        f"y='{-value * int(least) / 10:.2f}' class='blue bar'><title>{name}: {value}</title></rect>"
        for place, (name, value) in enumerate(data)
    )
    back = "<rect width='100%' height='100%' fill='white'/>"
    return title, (
        f"<figure><svg aria-labelledby='t' role='img' viewBox='0 -1000 60 1000'><title id='t'>{title}</title>"
        f"{back}<g>{bars}</g></svg><figcaption>{title}</figcaption></figure>"
    )
