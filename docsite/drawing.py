"""The drawing of the architecture, made from the layers that import-linter holds the code to."""

from __future__ import annotations

import ast
import tomllib
from html import escape
from pathlib import Path
from typing import NamedTuple

import skvm

__all__ = ["architecture_svg", "icon_svg", "layers"]

REPO = Path(__file__).resolve().parent.parent
_WIDTH, _ROW, _GAP, _LEFT, _TOP = 960, 34, 7, 24, 74
_WORDS = 88  # characters that fit beside the names
_NAMES = 250  # where the words of a row begin
_HUES = (226, 205, 184, 162, 140, 36, 262)

_STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1b1f27; }
.head { font-size: 19px; font-weight: 650; }
.soft { fill: #58606e; font-size: 13px; }
.name { font-weight: 600; }
.page { fill: #ffffff; }
.rule { stroke: #58606e; fill: none; stroke-width: 1.4; }
.tip { fill: #58606e; }
rect.room { fill-opacity: .13; stroke-opacity: .55; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e8ec; } .soft { fill: #a7aeba; } .page { fill: #16181d; }
  .rule { stroke: #a7aeba; } .tip { fill: #a7aeba; } rect.room { fill-opacity: .24; }
}
"""


class Layer(NamedTuple):
    """One row of the map: packages that do not know each other."""

    rooms: tuple[str, ...]
    ideas: tuple[str, ...]


def layers() -> list[Layer]:
    """The rows of the map from top to bottom, with the first line of each package's own docstring."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(
        each
        for each in project["tool"]["importlinter"]["contracts"]
        if each["type"] == "layers" and "containers" not in each
    )
    made = []
    for row in contract["layers"]:
        rooms = tuple(name.strip().removeprefix("skvm.") for name in row.split("|"))
        made.append(Layer(rooms, tuple(_idea(room) for room in rooms)))
    return made


def _place(room: str) -> Path:
    root = Path(skvm.__file__).parent
    return root / room / "__init__.py" if (root / room).is_dir() else root / f"{room}.py"


def _idea(room: str) -> str:
    said = ast.get_docstring(ast.parse(_place(room).read_text(encoding="utf-8"))) or ""
    line = said.split("\n\n")[0].replace("\n", " ").replace("``", "")
    return line.rstrip(".")


def architecture_svg() -> str:
    """The map as a drawing that follows the colours of its reader."""
    rows = layers()
    height = _TOP + len(rows) * (_ROW + _GAP) + 16
    body = [
        f'<rect class="page" width="{_WIDTH}" height="{height}" rx="8"/>',
        f'<text class="head" x="{_LEFT}" y="34">skvm, from the command line down</text>',
        f'<text class="soft" x="{_LEFT}" y="56">Imports go down only. Rooms side by side do '
        "not know each other. Drawn from the contract that the tests hold the code to.</text>",
    ]
    for number, layer in enumerate(rows):
        body += _row(layer, number, _TOP + number * (_ROW + _GAP))
    body.append(_arrow(_TOP, _TOP + len(rows) * (_ROW + _GAP) - _GAP))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-label="The layers of skvm">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(body) + "\n</svg>\n"
    )


def _row(layer: Layer, number: int, top: int) -> list[str]:
    hue = _HUES[min(number // 3, len(_HUES) - 1)]
    left = _LEFT + 22
    made = []
    width = (_NAMES + 30 - _GAP * (len(layer.rooms) - 1)) / len(layer.rooms)
    for place, room in enumerate(layer.rooms):
        x = left + place * (width + _GAP)
        made.append(
            f'<rect class="room" x="{x:.1f}" y="{top}" width="{width:.1f}" height="{_ROW}" rx="5" '
            f'fill="hsl({hue} 70% 50%)" stroke="hsl({hue} 70% 45%)"/>'
        )
        made.append(
            f'<text class="name" x="{x + width / 2:.1f}" y="{top + 22}" text-anchor="middle">'
            f"{escape(room)}</text>"
        )
    words = "; ".join(layer.ideas)
    if len(words) > _WORDS:
        words = "; ".join(idea.split(": ")[0] for idea in layer.ideas)
    made.append(f'<text class="soft" x="{left + _NAMES + 46}" y="{top + 22}">{escape(_cut(words))}</text>')
    return made


def _cut(words: str) -> str:
    return words if len(words) <= _WORDS else words[: words.rfind(" ", 0, _WORDS)] + " …"


def _arrow(top: int, bottom: int) -> str:
    x = _LEFT + 6
    return (
        f'<path class="rule" d="M{x} {top + 4}V{bottom - 8}"/>'
        f'<path class="tip" d="M{x - 5} {bottom - 10}h10l-5 10z"/>'
    )


def icon_svg() -> str:
    """A small mark: a balance, for what is weighed against what."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#3f51b5" '
        'stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">'
        '<path d="M12 4v16M7 20h10M5 7h14M5 7l-3 7a3.2 3.2 0 0 0 6 0zM19 7l-3 7a3.2 3.2 0 0 0 6 0z"/></svg>\n'
    )
