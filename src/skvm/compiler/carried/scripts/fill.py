"""Compute the fields of an output file, take the others as arguments, and write it.

fill.py OUTPUT [--FIELD VALUE ...]

What each field is stands beside this script in NAME.fields.json, NAME being OUTPUT without its ending.
"""

import ast
import importlib
import json
import os
import re
import sys
import tempfile
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any, NoReturn

# The calculator lies beside this script; nothing is to be written there.
sys.dont_write_bytecode = True
calc: Any = importlib.import_module("calc")

WANTED = {
    "text": "'TEXT'",
    "number": "NUMBER",
    "value": "'VALUE'",
    "boolean": "TRUE_OR_FALSE",
    "list": "'TEXT' 'TEXT'",
    "json": "'JSON'",
}
LEFT = {"TEXT", "NUMBER", "VALUE", "TRUE_OR_FALSE", "JSON"}


def stop(message: str) -> NoReturn:
    """End with a line that says what is wrong; nothing has been written."""
    sys.exit(f"fill.py: {message}")


def leaves(fields: dict[str, Any], before: str = "") -> dict[str, dict[str, Any]]:
    """Every field that is no record, by its path (``summary.total``)."""
    found: dict[str, dict[str, Any]] = {}
    for name, field in fields.items():
        path = f"{before}{name}"
        found |= leaves(field["fields"], f"{path}.") if "fields" in field else {path: field}
    return found


def arguments(words: list[str], known: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Values by field; everything up to the next field is one's value, quotes or not."""
    by_option = {path.replace("_", "-"): path for path in known}
    found: dict[str, list[str]] = {}
    current = None
    for word in words:
        option, sign, value = word[2:].partition("=")
        if word.startswith("--") and option.replace("_", "-") in by_option:
            current = by_option[option.replace("_", "-")]
            found[current] = [value] if sign else []
        elif word.startswith("--") or current is None:
            options = " ".join(f"--{path}" for path, field in known.items() if "given" in field) or "none"
            stop(f"{word!r} is no argument; there are: {options}")
        else:
            found[current].append(word)
    return found


def given(path: str, kind: str, form: str, words: list[str] | None) -> Any:
    """The value of an argument, checked."""
    wanted = f"--{path} '{form}'" if form else f"--{path} {WANTED[kind]}"
    if words is None or (not words and kind != "list"):
        stop(f"--{path} is missing: add {wanted} with the real value")
    if left := [word for word in words if word in LEFT]:
        instead = "put the real value in its place" + (" or leave it out" if kind == "list" else "")
        stop(f"--{path} still holds {left[0]}: {instead}")
    text = " ".join(words)
    if form and text == form:
        stop(f"--{path} still holds the sample values: put the real ones in their place")
    if kind == "number":
        number = calc.value_of(text)
        return (
            plain(number)
            if isinstance(number, Decimal) and text
            else stop(f"--{path}: {text!r} is no number")
        )
    if kind == "value":
        return plain(Decimal(text)) if re.fullmatch(r"-?(?:0|[1-9]\d*)(?:\.\d+)?", text) else text
    if kind == "boolean":
        yes, no = {"true", "yes", "1"}, {"false", "no", "0"}
        if text.lower() not in yes | no:
            stop(f"--{path}: {text!r} is neither true nor false")
        return text.lower() in yes
    if kind == "json":
        try:
            return json.loads(text)
        except ValueError as error:
            stop(f"--{path}: not JSON: {error}")
    return words if kind == "list" else text


def plain(value: Any, digits: int | None = None) -> Any:
    """A figure as JSON writes it, rounded half up."""
    if not isinstance(value, Decimal):
        return value
    shown = Decimal(calc.shown(value, digits))
    return int(shown) if shown == shown.to_integral_value() else float(shown)


def computed(field: dict[str, Any]) -> Any:
    """The value of a field that is worked out from the rows of a table."""
    raw = calc.read_rows(field["table"])
    if not raw and not Path(field["table"]).read_text(encoding="utf-8-sig").strip():
        stop(f"{field['table']} is empty")
    rows = [{key: calc.value_of(cell or "") for key, cell in row.items() if key} for row in raw]
    pairs = list(zip(raw, rows, strict=True))
    used = {
        node.id
        for text in expressions(field)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name)
    }
    for name in sorted(used | set(columns(field))):
        if rows and name not in rows[0]:
            stop(f"{field['table']} has no column {name!r}; it has: {', '.join(rows[0])}")
    if "where" in field:
        test = ast.parse(field["where"], mode="eval")
        pairs = [pair for pair in pairs if calc.evaluate(test, pair[1])]
    if field["compute"] == "rows":
        return [row_value(field["show"], *pair) for pair in pairs]
    if "by" not in field:
        return figure(field, pairs)
    groups: dict[str, list[Any]] = {}
    for pair in pairs:
        groups.setdefault((pair[0][field["by"]] or "").strip(), []).append(pair)
    return {name: figure(field, members) for name, members in groups.items()}


def expressions(field: dict[str, Any]) -> list[str]:
    """The expressions a field is computed by."""
    return [field[key] for key in ("of", "where") if key in field]


def columns(field: dict[str, Any]) -> list[str]:
    """The columns a field shows or groups by."""
    show = field.get("show", {})
    return [
        *([field["by"]] if "by" in field else []),
        *([show["column"]] if "column" in show else [each["column"] for each in show.values()]),
    ]


def figure(field: dict[str, Any], pairs: list[Any]) -> Any:
    """A count, a total, or the like; null where there is no row to take it from."""
    if field["compute"] == "count":
        return len(pairs)
    expression = ast.parse(field["of"], mode="eval")
    values = [calc.evaluate(expression, row) for _, row in pairs]
    if wrong := next((value for value in values if not isinstance(value, Decimal)), None):
        stop(f"{field['table']}: {wrong!r} in {field['of']} is no number")
    if not values:
        return 0 if field["compute"] == "sum" else None
    value = calc.TOTALS[field["compute"]](values)
    if "show" in field:
        return row_value(field["show"], *pairs[values.index(value)])
    return plain(value, field.get("digits"))


def row_value(show: dict[str, Any], raw: dict[str, str], row: dict[str, Any]) -> Any:
    """A cell of a row, or a record of cells."""
    if "column" not in show:
        return {name: row_value(each, raw, row) for name, each in show.items()}
    name = show["column"]
    return plain(row[name]) if show.get("as") == "number" else (raw[name] or "").strip()


def record(fields: dict[str, Any], values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """The output, fields in the order they were named."""
    return {
        name: record(field["fields"], values, f"{before}{name}.")
        if "fields" in field
        else values[f"{before}{name}"]
        for name, field in fields.items()
    }


def plan_for(output: str) -> dict[str, Any]:
    """What is known of the fields of an output."""
    here = Path(__file__).resolve().parent
    path = here / f"{Path(output).stem}.fields.json"
    if not output or not path.is_file():
        known = sorted(json.loads(each.read_bytes())["output"] for each in here.glob("*.fields.json"))
        stop(f"nothing is known of {output or 'no output'}; this writes {', '.join(known) or 'nothing'}")
    plan: dict[str, Any] = json.loads(path.read_bytes())
    return plan


def write(output: Path, text: str) -> None:
    """Write to a temporary name, then rename, so that nobody ever reads half a file."""
    output.parent.mkdir(parents=True, exist_ok=True)
    descriptor, made = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(made).chmod(0o644)
        Path(made).replace(output)
    finally:
        Path(made).unlink(missing_ok=True)


def main(words: list[str]) -> None:
    """Fill every field, write the output, say what was written."""
    output = words[0] if words and not words[0].startswith("--") else ""
    plan = plan_for(output)
    known = leaves(plan["fields"])
    values: dict[str, Any] = {}
    passed = arguments(words[1:], known)
    for path, field in known.items():
        if "given" in field:
            values[path] = given(path, field["given"], field.get("form", ""), passed.get(path))
        elif path in passed:
            sys.stderr.write(f"fill.py: --{path} is computed, the value passed for it is not used\n")
    with localcontext() as context:
        context.prec = 40
        values |= {path: computed(field) for path, field in known.items() if "compute" in field}
    text = json.dumps(record(plan["fields"], values), indent=2, ensure_ascii=False) + "\n"
    write(Path(output), text)
    sys.stdout.write(f"{text}All of it is written to {output}. Nothing is left to do for this file.\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        stop(f"{error.filename}: {error.strerror}")
    except (SyntaxError, TypeError, ValueError, KeyError, ArithmeticError) as error:
        stop(str(error))
