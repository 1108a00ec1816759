"""Primitives and their probes, for a terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from skvm.cli.console import out
from skvm.harness.site import SITE_ORIGIN
from skvm.target.contract import LEVELS, PRIMITIVES, Coat

if TYPE_CHECKING:
    from skvm.harness.site import Page
    from skvm.target.contract import Answer, Level, LevelSpec, Primitive, Probe, Verdict

__all__ = [
    "primitive_json",
    "print_catalogue",
    "print_primitive",
    "print_probe",
    "print_verdict",
    "probe_json",
    "visible",
]

_MAX_LINES, _MAX_LINE_CHARS = 40, 1_000
_PIPE_WIDTH = 240
_WIDE = 120


def visible(text: str) -> str:
    """Text without what a terminal would obey; line ends and tabs stay."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode()
        for char in text
    )


def primitive_json(primitive: Primitive) -> dict[str, Any]:
    """Everything a primitive says of itself."""
    return {
        "id": primitive.id,
        "category": primitive.category,
        "description": primitive.description,
        "needs": sorted(need.value for need in primitive.needs),
        "programs": list(_programs(primitive)),
        "revision": primitive.revision,
        "distribution": PRIMITIVES.origin(primitive.id),
        "levels": {level.value: _level_json(primitive.levels[level]) for level in LEVELS},
        "degradations": {
            "l3ToL2": primitive.degradations.l3_to_l2,
            "l2ToL1": primitive.degradations.l2_to_l1,
        },
    }


def _level_json(spec: LevelSpec) -> dict[str, Any]:
    return {
        "claim": spec.claim,
        "accepts": _coats(spec),
        "programs": list(spec.commands),
        "pythonModules": list(spec.modules),
    }


def _coats(spec: LevelSpec) -> list[str]:
    return [coat.value for coat in Coat if coat in spec.accepts]


def _programs(primitive: Primitive) -> tuple[str, ...]:
    """Programs of any level, and Python modules, each once."""
    specs = [primitive.levels[level] for level in LEVELS]
    named = [*primitive.commands, *(name for spec in specs for name in spec.commands)]
    named += [f"python3 with {name}" for spec in specs for name in spec.modules]
    return tuple(dict.fromkeys(named))


def print_catalogue(primitives: Iterable[Primitive], *, levels: bool) -> None:
    """Print one row for each primitive, with ``levels`` followed by what its levels claim.

    A narrow terminal leaves the category out, which an id begins with, and joins needs and programs.
    """
    if not out.is_terminal:
        out.width = _PIPE_WIDTH  # a pipe has no width to fit into
    is_wide = out.width >= _WIDE
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    titles = ("primitive", "category", "needs", "programs") if is_wide else ("primitive", "needs")
    for title in titles:
        table.add_column(title, no_wrap=title in ("primitive", "category"))
    table.add_column("description", ratio=1)
    for primitive in primitives:
        needs, programs = sorted(need.value for need in primitive.needs), _programs(primitive)
        cells = [_joined(needs, programs)]
        if is_wide:
            cells = [primitive.category, _joined(needs), _joined(programs)]
        table.add_row(Text(primitive.id, "bold"), *map(Text, cells), Text(primitive.description))
        if levels:
            for level in LEVELS:
                claim = Text(primitive.levels[level].claim)
                table.add_row(Text(f"  {level}", "cyan"), *[Text()] * len(cells), claim)
    out.print(table)


def _joined(*names: Iterable[str]) -> str:
    return ", ".join(name for each in names for name in each) or "–"


def print_primitive(primitive: Primitive) -> None:
    """Print what a primitive says of itself."""
    _heading(f"{primitive.id}  {primitive.category}")
    _plain(primitive.description)
    for level in LEVELS:
        spec = primitive.levels[level]
        _line(f"\n{level}", spec.claim)
        _line("  accepts", ", ".join(_coats(spec)) or "no reformatting")
        if spec.commands or spec.modules:
            modules = [f"python3 with {name}" for name in spec.modules]
            _line("  programs", ", ".join([*spec.commands, *modules]))
    _plain("")
    _line("L3 → L2", primitive.degradations.l3_to_l2 or "cannot be lowered")
    _line("L2 → L1", primitive.degradations.l2_to_l1 or "cannot be lowered")
    _line("needs", ", ".join(sorted(need.value for need in primitive.needs)) or "nothing of the harness")
    _line("programs", ", ".join(_programs(primitive)) or "none")
    _line("revision", str(primitive.revision))
    _line("from", PRIMITIVES.origin(primitive.id))


def probe_json(primitive: Primitive, level: Level, seed: int, probe: Probe) -> dict[str, Any]:
    """A probe as it is asked, and its answers; what only the oracle knows stays out."""
    return {
        "id": primitive.id,
        "level": level.value,
        "seed": seed,
        "claim": primitive.levels[level].claim,
        "accepts": _coats(primitive.levels[level]),
        "prompt": probe.prompt,
        "files": dict(probe.files),
        "site": {"origin": SITE_ORIGIN, "pages": [_page_json(page) for page in probe.site.pages]}
        if probe.site
        else None,
        "tools": [
            {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "answer": tool.answer,
            }
            for tool in probe.tools
        ],
        "reference": _answer_json(probe.reference),
        "also": [_answer_json(answer) for answer in probe.also],
        "wrong": [_answer_json(answer) for answer in probe.wrong],
    }


def _page_json(page: Page) -> dict[str, Any]:
    return {
        "method": page.method,
        "path": page.path,
        "query": dict(page.query),
        "form": dict(page.form) if page.form is not None else None,
        "headers": dict(page.headers),
        "status": page.status,
        "contentType": page.content_type,
        "answerHeaders": dict(page.answer_headers),
        "body": page.body,
    }


def _answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "response": answer.response,
        "files": dict(answer.files),
        "turns": [
            [
                {
                    "kind": act.kind.value,
                    "name": act.name,
                    "arguments": dict(act.arguments),
                    "output": act.output,
                    "isError": act.is_error,
                }
                for act in acts
            ]
            for acts in answer.turns
        ],
    }


def print_probe(primitive: Primitive, level: Level, seed: int, probe: Probe) -> None:
    """Print a probe as it is asked, then its reference answer; on a terminal long texts are shortened."""
    _heading(f"{primitive.id} {level} seed {seed}")
    _line("claim", primitive.levels[level].claim)
    _section("prompt")
    _whole(probe.prompt)
    _files(probe.files, "file")
    for page in probe.site.pages if probe.site else ():
        _section(f"page {page.method} {SITE_ORIGIN}{page.path}{_query(page.query)} → {page.status}")
        _short(page.body)
    for tool in probe.tools:
        _section(f"tool {tool.name}")
        _plain(tool.description)
        _plain(json.dumps(tool.parameters, ensure_ascii=False))
    _section("reference answer")
    for number, acts in enumerate(probe.reference.turns, start=1):
        for act in acts:
            named = f"{act.kind.value} {act.name}".rstrip()
            _short(f"turn {number}: {named} {json.dumps(dict(act.arguments), ensure_ascii=False)}")
    _short(probe.reference.response or "(says nothing)")
    _files(probe.reference.files, "reference file")


def _query(query: Mapping[str, str]) -> str:
    return "?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else ""


def _files(files: Mapping[str, str], what: str) -> None:
    for name, text in files.items():
        size = len(text.encode("utf-8", "surrogatepass"))
        _section(f"{what} {name} ({size:,} byte{'' if size == 1 else 's'})")
        _short(text)


def print_verdict(verdict: Verdict) -> None:
    """Print what an oracle said."""
    style = "bold green" if verdict.passed else "bold red"
    said = "passed" if verdict.passed else "failed"
    out.print(Text.assemble((said, style), f": {visible(verdict.reason)}"))


def _heading(text: str) -> None:
    out.print(Text(visible(text), "bold"))


def _section(title: str) -> None:
    out.print(Text(f"\n── {visible(title)} ──", "cyan"))


def _line(label: str, text: str) -> None:
    out.print(Text.assemble((f"{label}: ", "bold"), visible(text)))


def _plain(text: str) -> None:
    # Not through the console, which turns tabs into blanks.
    click.echo(visible(text))


def _whole(text: str) -> None:
    _plain(text.removesuffix("\n"))


def _short(text: str) -> None:
    """Print a text; on a terminal only so much of it as one wants to scroll."""
    lines = text.removesuffix("\n").split("\n")
    if not out.is_terminal:
        _whole(text)
        return
    for line in lines[:_MAX_LINES]:
        rest = len(line) - _MAX_LINE_CHARS
        _plain(line[:_MAX_LINE_CHARS] + (f" … {rest:,} more characters" if rest > 0 else ""))
    if (rest := len(lines) - _MAX_LINES) > 0:
        out.print(Text(f"… {rest:,} more lines; --json or --out gives all", "dim"))
