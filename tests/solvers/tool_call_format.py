"""Reads the arguments out of the prompt's words, theme by theme, and fills the shown schema with them."""

from __future__ import annotations

import json
import re
from typing import Any

from skvm.harness.trajectory import ToolKind
from skvm.target.contract import Act, Answer, Level, Probe

_FLAT = {
    "send_parcel": "Send a parcel: ",
    "assign_task": "Assign a task: ",
    "book_room": "Book a room: ",
    "lend_item": "Lend an item: ",
}
_ROW = r"^- (?:\w+ )(\w+), (?:quantity )?(\d+)(?: \w+)?, (?:unit price|budget|weight) ([\d.]+)(?: kg)?$"
_HEADS = {
    "place_order": r"customer (\w+) in (\w+)\.",
    "plan_trip": r"traveller (\w+) of the team (\w+)\.",
    "log_repair": r"owner is (\w+) and whose colour is (\w+)\.",
}


def solve(level: Level, probe: Probe) -> list[Answer]:
    read = {Level.L1: _strings, Level.L2: _structured, Level.L3: _nested}[level]
    found = [(tool, each) for tool in probe.tools for each in read(tool.name, tool.parameters, probe.prompt)]
    return [
        Answer(
            re.search(r"receipt (\w+)", tool.answer)[1],
            turns=((Act(ToolKind.OTHER, arguments, tool.name, tool.answer),),),
        )
        for tool, arguments in found
    ]


def _strings(name: str, schema: Any, prompt: str) -> list[dict[str, Any]]:
    if not prompt.startswith(_FLAT[name]):
        return []
    said = re.findall(r"the (\w+) is (\w+)[,.]", prompt)
    arguments = dict(said)
    return [arguments] if len(said) == len(arguments) and set(arguments) == set(schema["required"]) else []


def _structured(name: str, schema: Any, prompt: str) -> list[dict[str, Any]]:
    arguments: dict[str, Any] = {}
    for key, part in schema["properties"].items():
        if part["type"] == "object":
            arguments[key] = dict(
                zip(part["properties"], re.search(_HEADS[name], prompt).groups(), strict=True)
            )
        elif part["type"] == "array":
            rows = re.findall(_ROW, prompt, re.MULTILINE)
            fields = list(part["items"]["properties"])
            arguments[key] = [
                dict(zip(fields, (a, json.loads(b), json.loads(c)), strict=True)) for a, b, c in rows
            ]
        elif "enum" in part:
            (arguments[key],) = [word for word in part["enum"] if f" is {word}." in prompt]
        else:
            words = key.replace("_", " ")
            arguments[key] = re.search(rf"It is (?:a |under )?{words}\.", prompt) is not None
    return [arguments]


def _nested(name: str, schema: Any, prompt: str) -> list[dict[str, Any]]:
    lines = prompt.split("\n")
    values = [re.findall("«(.*?)»", line.replace("⏎", "\n"), re.DOTALL) for line in lines]
    (title,), author = values[1], values[2]
    sections: list[dict[str, Any]] = []
    for line, found in zip(lines[3:], values[3:], strict=True):
        if line.startswith("section"):
            sections.append({"heading": found[0], "lines": []})
        elif line.startswith("- label"):
            sections[-1]["lines"].append(dict(zip(("label", "text"), found, strict=True)))
    return [
        {
            "report": {
                "title": title,
                "author": dict(zip(("name", "motto"), author, strict=True)),
                "sections": sections,
            }
        }
    ]
