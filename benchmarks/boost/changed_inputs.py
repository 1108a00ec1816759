"""Files that say the same in another way, say something else, or say nothing: each with what it means.

What a file means is the data a careful reader takes from it, or ``None`` where he would ask.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random

from benchmarks.boost.changed_json import json_changed, json_written
from benchmarks.boost.chores import Data, Family, Values, written

__all__ = ["changed_inputs"]

Change = tuple[str, bytes, Data | None]
_DAMAGE: tuple[tuple[str, bytes], ...] = (
    ("empty", b""),
    ("blank", b"\n\n\n"),
    ("binary", bytes(range(256)) * 8),
    ("zip", b"PK\x03\x04" + bytes(60)),
    ("all zeros", bytes(500)),
    ("cut off UTF-8", "é".encode()[:1] * 30),
)


def changed_inputs(family: Family, draw: Random, values: Values, data: Data) -> Change:
    """A change of a family's input: what it is, the bytes, what they mean.

    Args:
        family: The family.
        draw: What decides.
        values: Of the prompt.
        data: What the file would say.
    """
    ways: dict[str, tuple[Callable[..., Change], ...]] = {
        "csv": (_table_written, _table_written, _table_changed, _cells_changed, _cells_changed),
        "json": (json_written, json_changed, json_changed),
        "lines": (_lines_written, _lines_written, _lines_changed),
        "text": (_text_changed,),
    }
    if draw.random() < 0.08 and family.form != "text":
        what, raw = draw.choice(_DAMAGE)
        return what, raw, None
    return draw.choice(ways[family.form])(family, draw, values, deepcopy(data))


def _encoded(draw: Random, text: str) -> tuple[str, bytes] | None:
    name = draw.choice(_ENCODED_WAYS)
    try:
        return name, text.encode(name)
    except UnicodeEncodeError:
        return None


def _table_written(family: Family, draw: Random, values: Values, table: list[list[str]]) -> Change:
    """The same table, written in another way."""
    plain = written("csv", table).decode()
    way = draw.choice(_TABLE_WRITTEN_WAYS)
    match way:
        case "delimiter":
            mark = draw.choice(";\t|: ")
            return f"delimiter {mark!r}", written("csv", table, mark), table
        case "encoding":
            made = _encoded(draw, plain)
            return ("encoding", made[1], table) if made else ("encoding", plain.encode(), table)
        case "accents":
            for row in table[1:]:
                row[1 if family.name != "months" else 2] += draw.choice("éüßñ")
            name = draw.choice(("utf-8", "latin-1", "utf-16", "cp1252"))
            return f"accents in {name}", written("csv", table).decode().encode(name), table
        case "line ends":
            end = draw.choice(("\r\n", "\r", "\n\n", "\n\r"))
            return f"line ends {end!r}", plain.replace("\n", end).encode(), table
        case "columns":
            order = draw.sample(range(3), 3)
            table = [[row[at] for at in order] for row in table]
            meant = None if family.name == "top" and order != [0, 1, 2] else table
            return "columns in another order", written("csv", table), meant
        case "more columns":
            place = draw.randrange(4)
            table = [
                [*row[:place], f"more{number}" if number else "more", *row[place:]]
                for number, row in enumerate(table)
            ]
            meant = None if family.name == "top" else table
            return "one column more", written("csv", table), meant
        case "quotes":
            odd = draw.choice(_ODD_TEXTS)
            table[draw.randrange(1, len(table))][1 if family.name != "months" else 2] = odd
            return f"cell {odd!r}", written("csv", table), table
        case "no end":
            return "no line end at the end", plain.rstrip("\n").encode(), table
        case "long":
            table = [table[0], *(table[1:] * 60)]
            return "many rows", written("csv", table), table
        case "few":
            return "one row", written("csv", table[:2]), table[:2]
        case _:
            return "header only", written("csv", table[:1]), table[:1]


def _wanted(family: Family, values: Values, table: list[list[str]]) -> int:
    """The place of the column that is worked on."""
    return table[0].index("points" if family.name == "top" else values["column"])


def _table_changed(family: Family, draw: Random, values: Values, table: list[list[str]]) -> Change:
    """Another table: most cannot be answered."""
    place = _wanted(family, values, table)
    name = table[0][place]
    way = draw.choice(_TABLE_CHANGED_WAYS)
    match way:
        case "renamed":
            table[0][place] = draw.choice(
                (name + "s", name.upper(), f" {name}", f"{name} ", f"{name} (EUR)", "")
            )
        case "twice":
            table[0][0] = name
        case "no header":
            table = table[1:]
        case "remark":
            return "a remark first", b"# exported\n" + written("csv", table), None
        case "ragged":
            table[draw.randrange(1, len(table))].pop()
        case "wide":
            table[draw.randrange(1, len(table))].insert(0, "shifted")
        case "header again":
            table.insert(draw.randrange(2, len(table)), list(table[0]))
        case "second table":
            return "a second table", written("csv", table) + b"\n" + written("csv", table), None
        case "gone":
            table = [[cell for at, cell in enumerate(row) if at != place] for row in table]
        case "null":
            return "a null character", written("csv", table).replace(b"2", b"\x00", 1), None
        case "json":
            rows = [dict(zip(table[0], row, strict=True)) for row in table[1:]]
            return "JSON instead", json.dumps(rows).encode(), table
        case _:
            return (
                "a table in Markdown",
                b"".join(b"| %s |\n" % b" | ".join(c.encode() for c in r) for r in table),
                table,
            )
    return way, written("csv", table), None


_ENCODED_WAYS = (
    "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "cp1252", "utf-7", "cp037",
)  # fmt: skip
_TABLE_WRITTEN_WAYS = (
    "delimiter", "encoding", "accents", "line ends", "columns", "more columns", "quotes", "no end", "long",
    "few", "none",
)  # fmt: skip
_ODD_TEXTS = (
    "a,b", 'say "x"', "two\nlines", "a;b", " x ", "=1+1", "__proto__", "$(id)", "-1", "#",
)  # fmt: skip
_TABLE_CHANGED_WAYS = (
    "renamed", "twice", "no header", "remark", "ragged", "wide", "header again", "second table", "gone",
    "null", "json", "total",
)  # fmt: skip
_CELLS_CHANGED_WAYS = (
    "odd", "odd", "comma", "thousands", "spaces", "signs", "broken", "powers", "digits", "large",
)  # fmt: skip
_ODD_CHARACTERS = (
    "\x0c", "\x0b", "\u2028", "\x85", "\x1c", "\x00", "\x1b[0m", "\t", "  ", "\\n", "$(id)", "`id`", "-e",
    "\u200b", "\ufeff", "%", "'", '"', "raw \xff",
)  # fmt: skip
_TEXT_CHANGED_WAYS = (
    "no name", "empty", "line ends", "more", "accents", "encoding", "binary", "many",
)  # fmt: skip
_ODD_CELLS = (
    "", " ", "n/a", "-", "NaN", "nan", "inf", "-inf", "1e400", "12 kg", "EUR 5", "0x10", "1_000", "(5)",
    "5-", "1.2.3", "1.234,5", "true", "null", "3/4", "50%", "'5", "2026-01-01", "five", "\t", "1 2", "--5",
    "5e", "1,5", "1.234",
)  # fmt: skip
_ODD_DAYS = (
    "", "n/a", "2026-3-1", "20260301", "March 1, 2026", "2026/03/01", "01/02/2026", "13.02.2026",
    "2026-13-01", "2026-00-10", "46082", "1772323200", "2026-W09-7", "2026-03", "26-03-01", "02026-03-01",
    " 2026-03-01", "2026-03-01T10:00:00", "2026-03-01 10:00", "2026‑03‑01", "２０２６-03-01", "-2026-03-01",
    "2026-060", "2026-3-15",
)  # fmt: skip
_DAYS_MEANT = {
    "2026-3-1": "2026-03-01",
    "2026-3-15": "2026-03-15",
    "20260301": "2026-03-01",
    "2026/03/01": "2026-03-01",
    " 2026-03-01": "2026-03-01",
    "2026-03-01T10:00:00": "2026-03-01",
    "2026-03-01 10:00": "2026-03-01",
    "13.02.2026": "2026-02-13",
    "March 1, 2026": "2026-03-01",
}
_DAY_FORMS = (
    "{2}/{1}/{0}", "{1}/{2}/{0}", "{2}.{1}.{0}", "{0}/{1}/{2}", "{0}{1}{2}", "{2}-{1}-{0}", "{0}-{2}-{1}",
    "{0}-{1}-{2}T00:00:00Z", "{0}.{1}.{2}",
)  # fmt: skip


def _cells_changed(family: Family, draw: Random, values: Values, table: list[list[str]]) -> Change:
    """Cells of the column that is worked on, one or all of them."""
    place = _wanted(family, values, table)
    if family.name == "months":
        return _days_changed(draw, table, place)
    meant = deepcopy(table)
    way = draw.choice(_CELLS_CHANGED_WAYS)
    if way == "odd":
        odd = draw.choice(_ODD_CELLS)
        table[draw.randrange(1, len(table))][place] = odd
        # 1.234 and 1,5 are fine where they stand alone, and who knows what they mean among whole numbers?
        return f"cell {odd!r}", written("csv", table), None
    for row, told in zip(table[1:], meant[1:], strict=True):
        number = int(row[place])
        row[place], told[place] = {
            "comma": (f"{number},5", f"{number}.5"),
            "thousands": (f"{number + 1000:,}", f"{number + 1000}"),
            "spaces": (f" {number} ", str(number)),
            "signs": (f"-{number}", f"-{number}"),
            "broken": (f"{number}.25", f"{number}.25"),
            "powers": (f"{number}e2", f"{number}00"),
            "digits": ("".join(chr(0x660 + int(digit)) for digit in str(number)), str(number)),
            "large": (f"{number}0000000", f"{number}0000000"),
        }[way]
    mark = ";" if way == "comma" and draw.random() < 0.5 else ","
    if family.name == "top" and way not in ("signs", "large"):
        # Rows are to be copied as they are; whether with what they mean is anybody's guess.
        return way, written("csv", table, mark), None
    return way, written("csv", table, mark), meant


def _days_changed(draw: Random, table: list[list[str]], place: int) -> Change:
    meant = deepcopy(table)
    if draw.random() < 0.5:
        odd = draw.choice(_ODD_DAYS)
        at = draw.randrange(1, len(table))
        table[at][place] = odd
        meant[at][place] = _DAYS_MEANT.get(odd, "")
        return f"day {odd!r}", written("csv", table), meant if odd in _DAYS_MEANT else None
    form = draw.choice(_DAY_FORMS)
    for row in table[1:]:
        row[place] = form.format(*row[place].split("-"))
    return f"days {form}", written("csv", table), meant


def _lines_written(family: Family, draw: Random, _: Values, lines: list[str]) -> Change:
    plain = "".join(f"{line}\n" for line in lines)
    match draw.choice(("ends", "no end", "encoding", "accents", "many", "few")):
        case "ends":
            end = draw.choice(("\r\n", "\r"))
            return f"line ends {end!r}", plain.replace("\n", end).encode(), lines
        case "no end":
            return "no line end at the end", plain.removesuffix("\n").encode(), lines
        case "encoding":
            name = draw.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037"))
            return f"encoding {name}", plain.encode(name), lines
        case "accents":
            mark = draw.choice("éüßñ")
            lines = [line and line + mark for line in lines]
            name = draw.choice(("utf-8", "latin-1", "utf-16", "cp1252"))
            return f"accents in {name}", "".join(f"{line}\n" for line in lines).encode(name), lines
        case "many":
            lines = lines * 40
            return "many lines", "".join(f"{line}\n" for line in lines).encode(), lines
        case _:
            return "one line", f"{lines[-1]}\n".encode(), lines[-1:]


def _lines_changed(family: Family, draw: Random, values: Values, lines: list[str]) -> Change:
    at = draw.randrange(len(lines))
    odd = draw.choice(_ODD_CHARACTERS)
    lines[at] = (
        f"2026-03-01 INFO a{odd}b c"
        if family.name == "levels"
        else f"{lines[at]}{odd}x {values.get('word', '')}"
    )
    raw = "".join(f"{line}\n" for line in lines)
    if odd == "raw \xff":
        return "a byte of no encoding", raw.encode("latin-1"), None
    meant = None if odd == "\x00" else lines
    if family.name == "levels" and draw.random() < 0.4:
        lines[at] = draw.choice(
            ("alone", "[INFO] x", "INFO: y", "2026 info z", "  2026-03-01 WARN indented", "{}")
        )
        meant = lines if len(lines[at].split()) > 1 else None
        return f"line {lines[at]!r}", "".join(f"{line}\n" for line in lines).encode(), meant
    return f"character {odd!r}", raw.encode(), meant


def _text_changed(family: Family, draw: Random, _: Values, text: str) -> Change:
    match draw.choice(_TEXT_CHANGED_WAYS):
        case "no name":
            return "no NAME", text.replace("NAME", "you").encode(), None
        case "empty":
            return "empty", b"", None
        case "line ends":
            return "CRLF", text.replace("\n", "\r\n").encode(), None
        case "more":
            text += draw.choice(
                ("P.S. NAME\n", "$(id) `id` ${x}\n", "%s {0} {name}\n", "\\1 \\g<0>\n", "'\"\n")
            )
        case "accents":
            name = draw.choice(("utf-8", "latin-1", "utf-16"))
            return f"accents in {name}", (text + "Grüße é\n").encode(name), text + "Grüße é\n"
        case "encoding":
            name = draw.choice(("utf-16", "utf-32", "cp037"))
            return f"encoding {name}", text.encode(name), text
        case "binary":
            return "binary", bytes(range(256)), None
        case _:
            text *= 50
    return "more text", text.encode(), text
