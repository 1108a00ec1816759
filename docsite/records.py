"""The reference of records: what crosses a disk, process or HTTP boundary, as JSON Schema and as tables."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

import skvm
from docsite.words import cell, code, first_line, plain, said_of_arguments, table

__all__ = ["Shape", "pages", "schemas", "shapes"]

_FOLDER = "reference/records"

# Records in the form of the existing system, which has no schema number; they are told by their shape.
_COMPATIBLE = {
    ("skvm.task.model", "Task"),
    ("skvm.target.profile", "Profile"),
    ("skvm.runtime.boost.model", "Candidate"),
    ("skvm.optimizer.proposals.records", "RunStatus"),
    ("skvm.evidence.sessions", "SessionEntry"),
}

_ROOMS = {
    "task": "Tasks",
    "target": "Profiles",
    "profiler": "Profiles",
    "compiler": "Compiled skills",
    "harness": "Runs and harnesses",
    "evidence": "The journal",
    "evaluate": "Grading",
    "bench": "Benches",
    "optimizer": "Proposals",
    "runtime": "Boost and plans",
    "llm": "Models",
    "certify": "Certificates",
    "cluster": "The cluster",
    "cache": "The cache",
    "mcp": "MCP",
    "web": "The review page",
    "cli": "The command line",
}

_HEAD = """# Records

What crosses the boundary of a disk, a process or an HTTP call is a record: frozen, checked when it is
read, with a `schema` number where the form is ours. Tasks, profiles, boost candidates, the progress of a
session and its entry in the list have the form of the system that `skvm` is compatible with, which has no
such number. Unknown keys are dropped on reading unless a page says otherwise.

Each name leads to its fields; the JSON Schema lies beside it.

"""

Shape = type[BaseModel]


def pages() -> dict[str, str]:
    """A page for each part of the system that has records, and the JSON Schema of each record."""
    made: dict[str, str] = {}
    by_room: dict[str, list[Shape]] = {}
    for shape in shapes():
        by_room.setdefault(_ROOMS.get(shape.__module__.split(".")[1], "Others"), []).append(shape)
    front = [_HEAD]
    for title, own in by_room.items():
        name = title.lower().replace(" ", "-")
        rows = []
        sections = [f"# {title}\n"]
        for shape in own:
            file = f"{_name(shape)}.json"
            made[f"{_FOLDER}/{file}"] = json.dumps(_schema(shape), indent=2, ensure_ascii=False) + "\n"
            sections.append(_section(shape, file))
            rows.append(
                (f"[`{shape.__name__}`]({name}.md#{_anchor(shape)})", first_line(shape), _version(shape))
            )
        made[f"{_FOLDER}/{name}.md"] = "\n".join(sections)
        front.append(f"## {title}\n\n{table(('record', 'what it is', 'schema'), rows)}")
    return {f"{_FOLDER}/index.md": "\n".join(front), **made}


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schemas by the name of the record."""
    return {_name(shape): _schema(shape) for shape in shapes()}


def shapes() -> list[Shape]:
    """Every record that stands by itself."""
    for info in pkgutil.walk_packages(skvm.__path__, "skvm."):
        if not info.name.endswith("confine.worker"):  # a program, run inside the confinement
            importlib.import_module(info.name)
    every = set(_descendants(BaseModel))
    return sorted(
        (
            shape
            for shape in every
            if shape.__module__.startswith("skvm.")
            and not shape.__name__.startswith("_")
            and ((shape.__module__, shape.__name__) in _COMPATIBLE or _has_number(shape))
        ),
        key=lambda shape: (list(_ROOMS).index(_room(shape)), shape.__module__, shape.__name__),
    )


def _room(shape: Shape) -> str:
    room = shape.__module__.split(".")[1]
    return room if room in _ROOMS else "cli"


def _descendants(base: Shape) -> Iterator[Shape]:
    for each in base.__subclasses__():
        yield each
        yield from _descendants(each)


def _has_number(shape: Shape) -> bool:
    return any((field.alias or name) == "schema" for name, field in shape.model_fields.items())


def _schema(shape: Shape) -> dict[str, Any]:
    made = shape.model_json_schema(by_alias=True, mode="serialization")
    if "properties" not in made and "$defs" not in made:
        # It is written by a function of its own, of which pydantic knows nothing: as it is read, then.
        made = shape.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_tidy(made)}


def _tidy(value: Any) -> Any:
    """Docstrings of the code as descriptions, without the sections that are for its readers."""
    if isinstance(value, dict):
        return {
            key: _description(each) if key == "description" and isinstance(each, str) else _tidy(each)
            for key, each in value.items()
        }
    return [_tidy(each) for each in value] if isinstance(value, list) else value


def _description(text: str) -> str:
    return cell(plain(re.split(r"\n\n?(?:Args|Raises|Returns):\n", text)[0])).replace("\\|", "|")


def _name(shape: Shape) -> str:
    """The name of its file: unlike that of any other record."""
    return f"{shape.__module__.split('.')[1]}-{shape.__name__}"


def _anchor(shape: Shape) -> str:
    return f"{shape.__module__.split('.')[-1]}-{shape.__name__}".lower().replace("_", "-")


def _version(shape: Shape) -> str:
    for name, field in shape.model_fields.items():
        if (field.alias or name) == "schema":
            return str(field.default)
    return "–"


def _section(shape: Shape, file: str) -> str:
    said = said_of_arguments(shape)
    schema = _schema(shape)
    fields = schema.get("properties", {})
    rows = []
    for name, field in shape.model_fields.items():
        key = field.serialization_alias or field.alias or name
        about = said.get(name) or _description(fields.get(key, {}).get("description", ""))
        rows.append((code(key), _type(fields.get(key, {})), "yes" if field.is_required() else "", about))
    return (
        f"## {shape.__name__} {{ #{_anchor(shape)} }}\n\n{first_line(shape)}\n\n"
        f"`{shape.__module__}.{shape.__name__}`, [JSON Schema]({file})\n\n"
        + table(("field", "holds", "required", "means"), rows)
    )


def _type(schema: dict[str, Any]) -> str:
    """The type of a field in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1].lstrip("_")
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    if "enum" in schema:
        return ", ".join(code(json.dumps(each)) for each in schema["enum"])
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[key]))
    if schema.get("type") == "array":
        items = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
        return f"list of {_type(items)}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(schema.get("type", "any"))
