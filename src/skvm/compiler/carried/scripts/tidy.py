"""Put lines into a strict form: sort, change case, trim, measure.

tidy.py RULES.json DRAFT_FILE        the draft may also come from standard input, with - as its name

Prints the lines. Nothing is added and no line is left out.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe", " ": "blank"}


def stop(message: str) -> NoReturn:
    """End with a line that says what is wrong; nothing has been printed."""
    sys.exit(f"tidy.py: {message}")


def cells(line: str, rules: dict[str, Any]) -> list[str]:
    """A line taken apart at its separator, white space around each cell gone."""
    separator = rules["separator"]
    parts = re.split(r"\t+|\\t", line) if separator == "\t" else line.split(separator)
    if len(parts) != len(rules["columns"]) and separator == "\t":
        # A tab is easily written as a run of blanks or as the rule of a table.
        parts = re.split(r"\s{2,}|\s*\|\s*", line.strip(" |"))
    return [" ".join(part.split()) for part in parts]


def tidy(text: str, rules: dict[str, Any]) -> str:
    """The lines in their form."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("```"):
            continue
        row = cells(line, rules)
        if len(row) != len(rules["columns"]):
            wanted = f"{len(rules['columns'])} ({', '.join(rules['columns'])})"
            between = NAMES.get(rules["separator"], rules["separator"])
            stop(f"line {number} has {len(row)} parts, {wanted} wanted with one {between} between them")
        for index, case in rules.get("case", {}).items():
            row[int(index)] = row[int(index)].lower() if case == "lower" else row[int(index)].upper()
        rows.append(row)
    keys = rules.get("sort", [])
    rows.sort(key=lambda row: [row[index].casefold() for index in keys])
    made = "".join(rules["separator"].join(row) + "\n" for row in rows)
    size, most = len(made.rstrip("\n").encode()), rules.get("max_bytes")
    if most is not None and size > most:
        stop(f"{size} bytes are {size - most} more than the {most} allowed; leave lines out of the draft")
    return made


def main(words: list[str]) -> None:
    """Read the rules and the draft, print the lines."""
    if len(words) != 2:
        stop("call it with a file of rules and the file with the draft")
    try:
        rules = json.loads(Path(words[0]).read_bytes())
        text = sys.stdin.read() if words[1] == "-" else Path(words[1]).read_text(encoding="utf-8-sig")
    except OSError as error:
        stop(f"{error.filename}: {error.strerror}")
    sys.stdout.write(tidy(text, rules))


if __name__ == "__main__":
    main(sys.argv[1:])
