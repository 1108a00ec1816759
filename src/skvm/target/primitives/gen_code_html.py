"""``gen.code.html``: headings and lists, tables and forms, a bar chart in SVG that can be read aloud.

Pages are taken apart with a parser and compared with what was asked; where elements may stand between, they
may. Bars are measured.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence
from html import escape

from skvm.harness.contract import Facility
from skvm.target.checks import file_text
from skvm.target.contract import (
    FILE_COATS,
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
from skvm.target.html_reading import Element, page_in
from skvm.target.vocabulary import CITIES, NAMES, NOUNS

_PAGE = "index.html"
_ITEMS = 6
_ROWS = 4
_BARS = (5, 7)
_MIN_TALLEST = 100
_TOLERANCE = 0.02
"""Of the tallest bar's height: what rounding to whole units may change."""
_COMPLETE = f"Create the file {_PAGE}, a complete HTML page from <!DOCTYPE html> to </html>, without scripts."

Rows = Sequence[Sequence[str]]


def _answer(title: str, body: str) -> Answer:
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
    return Answer(f"{_PAGE} is written.", {_PAGE: page})


async def _page(work: Work) -> Element | str:
    text = await file_text(work.cell, _PAGE)
    if text is None:
        return f"{_PAGE} was not written"
    return page_in(text) or f"{_PAGE} is not just a page from <!DOCTYPE html> to </html>"


def _differs(what: str, expected: object, found: object) -> str:
    return "" if expected == found else f"{what}: expected {expected!r}, found {str(found)[:200]!r}"


def _judged(*wrongs: str) -> Verdict:
    first = next((wrong for wrong in wrongs if wrong), "")
    return Verdict(not first, first or "everything that was asked for is there")


# --- L1: headings and lists ----------------------------------------------------------------------------


def _list_page(title: str, head: str, tag: str, items: Sequence[str]) -> Answer:
    listed = "\n".join(f"<li>{item}</li>" for item in items)
    return _answer(title, f"<h1>{title}</h1>\n<h2>{head}</h2>\n<{tag}>\n{listed}\n</{tag}>")


def _lists(rng: random.Random) -> Probe:
    (first, second, third), items = rng.sample(NOUNS, 3), rng.sample(NOUNS, _ITEMS)
    title, head, tag = f"The {first} and the {second}", f"About the {third}", rng.choice(("ol", "ul"))
    other = "ul" if tag == "ol" else "ol"
    nested = [f"<strong>{item}</strong>" for item in items]
    return Probe(
        prompt=(
            f"{_COMPLETE} It has one first-level heading, `{title}`, below it one second-level heading, "
            f"`{head}`, and below that one {'numbered' if tag == 'ol' else 'bulleted'} list (<{tag}>) with "
            f"these items in this order: {', '.join(items)}. There are no other headings and lists."
        ),
        reference=_list_page(title, head, tag, items),
        secret={"title": title, "head": head, "tag": tag, "items": items},
        also=[_list_page(title, head, tag, nested)],
        wrong=[
            _list_page(title, head, other, items),
            _list_page(title, head, tag, items[:-1]),
            _list_page(title, head, tag, [items[1], items[0], *items[2:]]),
            _list_page(head, title, tag, items),
        ],
    )


async def _grade_lists(probe: Probe, work: Work) -> Verdict:
    page, secret = await _page(work), probe.secret
    if isinstance(page, str):
        return Verdict(False, page)
    headings = [f"h{n}" for n in range(1, 7)]
    found = [(e.tag, e.text) for e in page.all(*headings)]
    lists = page.all("ul", "ol")
    places = [e.tag for e in page.all("h1", "h2", "ul", "ol")]
    return _judged(
        _differs("headings", [("h1", secret["title"]), ("h2", secret["head"])], found),
        _differs("headings and lists in order", ["h1", "h2", secret["tag"]], places),
        _differs("items", secret["items"], [text for each in lists for text in each.texts("li")]),
    )


def _guess_list(probe: Probe, rng: random.Random) -> Answer:
    secret = probe.secret
    items = rng.sample(list(secret["items"]), _ITEMS)
    return _list_page(secret["title"], secret["head"], rng.choice(("ol", "ul")), items)


# --- L2: semantic parts, a table, a form ---------------------------------------------------------------


def _table_page(
    title: str, columns: Sequence[str], rows: Rows, fields: Sequence[str], *, cell: str = "th"
) -> Answer:
    head = "".join(f"<{cell}>{column}</{cell}>" for column in columns)
    body = "\n".join("<tr>" + "".join(f"<td>{value}</td>" for value in row) + "</tr>" for row in rows)
    form = "\n".join(
        f'<label for="{field}">{field}</label> <input type="{kind}" id="{field}" name="{field}">'
        for field, kind in zip(fields, ("text", "number"), strict=True)
    )
    return _answer(
        title,
        f"<header><h1>{title}</h1></header>\n<main>\n<table>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table>\n<form>\n{form}\n"
        '<button type="submit">Send</button>\n</form>\n</main>\n<footer><p>End</p></footer>',
    )


def _tables(rng: random.Random) -> Probe:
    columns, fields = ["name", "city", rng.choice(("units", "hours", "points"))], rng.sample(NOUNS, 2)
    rows = [
        [name, rng.choice(CITIES), str(number)]
        for name, number in zip(rng.sample(NAMES, _ROWS), rng.sample(range(10, 99), _ROWS), strict=True)
    ]
    title = f"Table of the {rng.choice(NOUNS)}"
    shown = "\n".join(", ".join(row) for row in rows)
    return Probe(
        prompt=(
            f"{_COMPLETE} Its body has a <header>, a <main> and a <footer>. The header holds the only <h1>, "
            f"`{title}`. Main holds one table and one form. The table has a header row of <th> cells "
            f"({', '.join(columns)}), and one row of <td> cells for each of these lines, in this order:\n"
            f"{shown}\n"
            f"The form has an <input> with type text and name {fields[0]}, an <input> with type number and "
            f"name {fields[1]}, and a submit button. Each input has a <label> whose text is this name, tied "
            "to it by `for` and `id` or around it. The footer may hold any text."
        ),
        reference=_table_page(title, columns, rows, fields),
        secret={"title": title, "columns": columns, "rows": rows, "fields": fields},
        also=[
            _table_page(title, columns, [[f"<b>{cell}</b>" for cell in row] for row in rows], fields),
            _table_page(title, [column.capitalize() for column in columns], rows, fields),
        ],
        wrong=[
            _table_page(title, columns, rows, fields, cell="td"),
            _table_page(title, columns, rows[::-1], fields),
            _table_page(title, columns, rows, fields[::-1]),
            _table_page(title, columns, rows[:-1], fields),
        ],
    )


def _labels(main: Element, control: Element) -> list[str]:
    """The texts of the labels tied to a control."""
    tied = [label for label in main.all("label") if control in label.all("input")]
    id = control.attributes.get("id")
    tied += [
        each for each in main.all("label") if id and each.attributes.get("for") == id and each not in tied
    ]
    return [label.text.rstrip(":* ").lower() for label in tied]


async def _grade_tables(probe: Probe, work: Work) -> Verdict:
    page, secret = await _page(work), probe.secret
    if isinstance(page, str):
        return Verdict(False, page)
    parts = {tag: page.all(tag) for tag in ("header", "main", "footer")}
    for tag, found in parts.items():
        if len(found) != 1:
            return Verdict(False, f"expected one <{tag}>, found {len(found)}")
    main = parts["main"][0]
    tables, forms = main.all("table"), main.all("form")
    if (len(tables), len(forms), len(page.all("table", "form"))) != (1, 1, 2):
        return Verdict(
            False, f"expected one table and one form in main, found {len(tables)} and {len(forms)}"
        )
    # Columns are shown with a capital as often as without; what they hold is not.
    rows = [
        [(cell.tag, cell.text.lower() if cell.tag == "th" else cell.text) for cell in row.all("th", "td")]
        for row in tables[0].all("tr")
    ]
    wanted = [[("th", column) for column in secret["columns"]]]
    wanted += [[("td", value) for value in row] for row in secret["rows"]]
    controls = [e for e in forms[0].all("input") if e.attributes.get("type", "text").lower() != "submit"]
    kinds = [(e.attributes.get("type", "text").lower(), e.attributes.get("name")) for e in controls]
    submits = [e for e in forms[0].all("button") if e.attributes.get("type", "submit").lower() == "submit"]
    submits += [
        e for e in forms[0].all("input") if e.attributes.get("type", "").lower() in {"submit", "image"}
    ]
    return _judged(
        _differs("first-level heading", [secret["title"]], page.texts("h1")),
        _differs("heading in the header", [secret["title"]], parts["header"][0].texts("h1")),
        _differs("rows", wanted, rows),
        _differs("inputs", list(zip(("text", "number"), secret["fields"], strict=True)), kinds),
        _differs("labels", [[field] for field in secret["fields"]], [_labels(main, e) for e in controls]),
        "" if submits else "there is no submit button",
    )


def _guess_table(probe: Probe, rng: random.Random) -> Answer:
    secret = probe.secret
    mixed = [rng.sample([row[place] for row in secret["rows"]], _ROWS) for place in range(3)]
    rows = list(zip(*mixed, strict=True))
    return _table_page(secret["title"], secret["columns"], rows, secret["fields"])


# --- L3: a chart ---------------------------------------------------------------------------------------


def _chart_page(
    title: str,
    data: Sequence[tuple[str, int]],
    heights: Sequence[float],
    *,
    hangs: bool = False,
    role: str = ' role="img" aria-labelledby="chart-title"',
) -> Answer:
    top = max(heights)
    bars = "\n".join(
        f'<rect class="bar" x="{10 + 50 * place}" y="{0 if hangs else top - height:g}" width="40" '
        f'height="{height:g}"><title>{name}: {value}</title></rect>'
        for place, ((name, value), height) in enumerate(zip(data, heights, strict=True))
    )
    size = f'width="{20 + 50 * len(data)}" height="{top:g}" viewBox="0 0 {20 + 50 * len(data)} {top:g}"'
    return _answer(title, f'<svg {size}{role}>\n<title id="chart-title">{title}</title>\n{bars}\n</svg>')


def _charts(rng: random.Random) -> Probe:
    names = rng.sample(CITIES, rng.randint(*_BARS))
    values = rng.sample(range(12, 100), len(names))
    while values == sorted(values) or values == sorted(values, reverse=True):
        rng.shuffle(values)
    data, title = list(zip(names, values, strict=True)), f"Sales of the {rng.choice(NOUNS)}"
    ranks = [40.0 * (sorted(values).index(value) + 1) for value in values]
    true = [value * 10.0 for value in values]
    if (
        max(abs(r / max(ranks) - v / max(values)) for r, v in zip(ranks, values, strict=True))
        < 3 * _TOLERANCE
    ):
        return _charts(rng)
    listed = ", ".join(f"{name} {value}" for name, value in data)
    return Probe(
        prompt=(
            f"{_COMPLETE} It shows a bar chart as one inline <svg> of this data: {listed}.\n"
            f'- The <svg> has role="img" and begins with a <title> element, `{title}`; the svg\'s '
            "aria-labelledby is the id of this title.\n"
            '- Each bar is one <rect class="bar"> with numbers as attributes x, y, width and height, no '
            "transform, and in it a <title> with name and value, like `Name: 12`.\n"
            "- The bars go from left to right in the order of the data, are equally wide and do not overlap. "
            "They stand on one line: y + height is the same for all.\n"
            "- Heights are proportional to the values, starting from 0, and the tallest bar is at least "
            f"{_MIN_TALLEST} high."
        ),
        reference=_chart_page(title, data, true),
        secret={"title": title, "data": [[name, value] for name, value in data]},
        also=[_chart_page(title, data, [float(round(v * 300 / max(values))) for v in values])],
        wrong=[
            _chart_page(title, data, ranks),
            _chart_page(title, data, true, hangs=True),
            _chart_page(title, data, true[::-1]),
            _chart_page(title, data, true, role=""),
        ],
    )


def _numbers(bar: Element) -> list[float] | None:
    found = [
        re.fullmatch(r"-?\d*\.?\d+", bar.attributes.get(n, "").strip()) for n in ("x", "y", "width", "height")
    ]
    return [float(match[0]) for match in found if match] if all(found) else None


def _bars_wrong(bars: Sequence[Sequence[float]], values: Sequence[int]) -> str:
    tallest = max(height for *_, height in bars)
    if tallest < _MIN_TALLEST:
        return f"the tallest bar is {tallest:g} high"
    slack = _TOLERANCE * tallest
    for (x, y, width, height), value in zip(bars, values, strict=True):
        if abs(height - tallest * value / max(values)) > slack:
            return f"the bar of {value} is {height:g} high, where {max(values)} is {tallest:g}"
        if abs(y + height - bars[0][1] - bars[0][3]) > slack:
            return f"the bar of {value} ends at {y + height:g}, the first one at {bars[0][1] + bars[0][3]:g}"
        if width <= 0 or abs(width - bars[0][2]) > 1e-3 * width:
            return f"the bar at {x:g} is {width:g} wide, the first one {bars[0][2]:g}"
    for (x, _, width, _), (following, *_) in itertools.pairwise(bars):
        if x + width > following + 1e-3 * width:
            return f"the bar at {x:g} reaches into the one at {following:g}"
    return ""


async def _grade_charts(probe: Probe, work: Work) -> Verdict:
    page, secret = await _page(work), probe.secret
    if isinstance(page, str):
        return Verdict(False, page)
    pictures = page.all("svg")
    if len(pictures) != 1:
        return Verdict(False, f"expected one svg, found {len(pictures)}")
    svg = pictures[0]
    inside = [piece for piece in svg.content if isinstance(piece, Element)]
    if not inside or inside[0].tag != "title":
        return Verdict(False, "the svg does not begin with a <title>")
    bars = [e for e in svg.all("rect") if "bar" in e.attributes.get("class", "").split()]
    measures = [numbers for bar in bars if (numbers := _numbers(bar))]
    values = [value for _, value in secret["data"]]
    if len(measures) != len(values) or len(bars) != len(values):
        return Verdict(
            False, f"expected {len(values)} bars with numbers, found {len(measures)} of {len(bars)}"
        )
    labelled = svg.attributes.get("aria-labelledby", "").split()
    return _judged(
        _differs("role of the svg", "img", svg.attributes.get("role")),
        _differs("title of the svg", secret["title"], inside[0].text),
        "" if inside[0].attributes.get("id", "") in labelled else "aria-labelledby is not the title's id",
        _differs(
            "titles of the bars", [[f"{n}: {v}"] for n, v in secret["data"]], [b.texts("title") for b in bars]
        ),
        _bars_wrong(measures, values),
    )


def _guess_chart(probe: Probe, rng: random.Random) -> Answer:
    data = [(name, value) for name, value in probe.secret["data"]]
    return _chart_page(probe.secret["title"], data, [float(rng.randint(40, 200)) for _ in data])


GEN_CODE_HTML = primitive(
    Primitive(
        id="gen.code.html",
        revision=2,
        description="Write HTML pages with the elements and the content that are asked for.",
        levels={
            Level.L1: LevelSpec(
                claim="Headings and lists.",
                generate=_lists,
                grade=_grade_lists,
                guess=_guess_list,
                accepts=FILE_COATS,
            ),
            Level.L2: LevelSpec(
                claim="Tables, forms with labels, and semantic parts of a page.",
                generate=_tables,
                grade=_grade_tables,
                guess=_guess_table,
                accepts=FILE_COATS,
            ),
            Level.L3: LevelSpec(
                claim="Inline SVG drawn to scale, with roles, titles and labels for accessibility.",
                generate=_charts,
                grade=_grade_charts,
                guess=_guess_chart,
                accepts=FILE_COATS,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Show the values in a table, or give the SVG with its coordinates worked out and its ARIA "
                "attributes written, to be filled in."
            ),
            l2_to_l1=(
                "Give a skeleton of the page, and ask for headings and lists alone: one list item for each "
                "row."
            ),
        ),
        needs=frozenset({Facility.FILES}),
    )
)
