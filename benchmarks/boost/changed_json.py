"""JSON files that say the same in another way, say something else, or say nothing; see ``changed_inputs``."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from benchmarks.boost.chores import Data, Family, Values, written

__all__ = ["json_changed", "json_written"]

Change = tuple[str, bytes, Data | None]
_RECORDS_CHANGED_WAYS = (
    "nested", "lines", "renamed", "lacks status", "lacks name", "none", "more keys", "odd name",
    "list status", "case", "twice", "comment", "NaN", "object", "number id", "null", "text", "map",
    "capital key", "status object", "comma", "many",
)  # fmt: skip
_ODD_NAMES = (
    "a,b", 'say "x"', "two\nlines", "é", "=1+1", "$(id)", "", " x ", "'", "\u2028",
)  # fmt: skip
_CONFIG_CHANGED_WAYS = (
    "nested", "twice", "comment", "list", "lacks", "text value", "object value", "list value", "NaN",
    "huge", "case", "unicode", "deep", "text", "null value", "more", "precise", "empty object",
    "large integer", "both", "bool",
)  # fmt: skip


def json_written(family: Family, draw: Random, _: Values, data: Any) -> Change:
    text = json.dumps(data, ensure_ascii=False)
    match draw.choice(("indent", "ascii", "encoding", "line ends", "bom", "spaces")):
        case "indent":
            return "indented", json.dumps(data, indent=draw.choice((1, 2, 4))).encode(), data
        case "ascii":
            return "no blanks", json.dumps(data, separators=(",", ":")).encode(), data
        case "encoding":
            name = draw.choice(("utf-16", "utf-16-le", "utf-32", "cp037"))
            return f"encoding {name}", text.encode(name), data
        case "bom":
            return "byte order mark", text.encode("utf-8-sig"), data
        case "line ends":
            return "CR", json.dumps(data, indent=1).replace("\n", draw.choice(("\r\n", "\r"))).encode(), data
        case _:
            return "white space", b"\n\n  " + text.encode() + b"\n\n\n", data


def json_changed(family: Family, draw: Random, values: Values, data: Any) -> Change:
    return (
        _config_changed(draw, values, data)
        if family.name == "config"
        else _records_changed(draw, values, data)
    )


def _records_changed(draw: Random, values: Values, data: list[dict[str, Any]]) -> Change:
    at = draw.randrange(len(data))
    way = draw.choice(_RECORDS_CHANGED_WAYS)
    match way:
        case "nested":
            return way, json.dumps({draw.choice(("data", "records", "items")): data}).encode(), data
        case "lines":
            return way, "".join(json.dumps(each) + "\n" for each in data).encode(), data
        case "renamed":
            for each in data:
                each["state"] = each.pop("status")
            return way, written("json", data), None
        case "capital key":
            for each in data:
                each["Name"] = each.pop("name")
            return way, written("json", data), None
        case "lacks status":
            del data[at]["status"]
        case "lacks name":
            data[at]["status"] = values["status"]
            del data[at]["name"]
            return way, written("json", data), None
        case "none":
            return way, b"[]\n", []
        case "more keys":
            for each in data:
                each["more"] = draw.choice((1, "x", None, [1], {"a": 1}))
        case "odd name":
            data[at]["name"] = draw.choice(_ODD_NAMES)
        case "list status":
            data[at]["status"] = [values["status"]]
            return way, written("json", data), None
        case "status object":
            data[at]["status"] = {"is": values["status"]}
            return way, written("json", data), None
        case "case":
            data[at]["status"] = draw.choice((values["status"].upper(), values["status"] + " "))
        case "twice":
            text = written("json", data).decode()
            return way, text.replace('"status":', '"status": "open", "status":', 1).encode(), None
        case "comment":
            return way, b"// exported\n" + written("json", data), data
        case "comma":
            return way, written("json", data).replace(b"]", b",]"), data
        case "NaN":
            return way, written("json", data).replace(b'"id": 1,', b'"id": NaN,', 1), None
        case "object":
            return way, written("json", data[0]), None
        case "map":
            return way, written("json", {str(each["id"]): each for each in data}), data
        case "number id":
            data[at]["id"] = draw.choice((12345678901234567890, "7", "a-1"))
        case "null":
            data[at].update(status=values["status"], name=None)
            return way, written("json", data), None
        case "text":
            return way, written("json", written("json", data).decode()), None
        case _:
            data = data * 30
    return way, written("json", data), data


def _config_changed(draw: Random, values: Values, data: dict[str, Any]) -> Change:
    key = values["key"]
    way = draw.choice(_CONFIG_CHANGED_WAYS)
    match way:
        case "nested":
            return way, written("json", {"server": data}), None
        case "both":
            return way, written("json", {**data, "server": {key: 1}}), {**data, "server": {key: 1}}
        case "twice":
            return way, written("json", data).replace(b"{", b'{"%s": 1, ' % key.encode(), 1), None
        case "comment":
            return way, written("json", data).replace(b"{", b"{ // of the service\n", 1), None
        case "list":
            return way, written("json", [data]), None
        case "lacks":
            del data[key]
            return way, written("json", data), None
        case "text value":
            data[key] = str(data[key])
            return way, written("json", data), None
        case "object value":
            data[key] = {"low": 1, "high": 2}
            return way, written("json", data), None
        case "list value":
            data[key] = [1, 2]
            return way, written("json", data), None
        case "null value":
            data[key] = None
            return way, written("json", data), None
        case "bool":
            data[key] = True
            return way, written("json", data), None
        case "NaN":
            return way, written("json", data).replace(b"{", b'{"share": NaN, ', 1), None
        case "huge":
            return way, written("json", data).replace(b"{", b'{"share": 1e400, ', 1), None
        case "case":
            data[key.upper()] = data.pop(key)
            return way, written("json", data), None
        case "unicode":
            data["name"] = draw.choice(("é", "\u2028", "\U0001f600", "'", "$(id)", "\\", '"'))
        case "deep":
            inner: Any = 1
            for _ in range(draw.choice((20, 400))):
                inner = [inner]
            data["more"] = inner
        case "text":
            return way, written("json", json.dumps(data)), None
        case "more":
            data["more"] = draw.choice(([1, {"a": None}], {"x": {"y": [True]}}, "text", 1.5))
        case "precise":
            return way, written("json", data).replace(b"{", b'{"share": 0.12345678901234567890123, ', 1), None
        case "large integer":
            data["more"] = 2**80
        case _:
            return way, b"{}\n", None
    return way, written("json", data), data
