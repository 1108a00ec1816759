"""The capability atlas as a picture (PNG, SVG), drawn with altair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skvm.errors import ConfigError
from skvm.profiler.atlas import facts

if TYPE_CHECKING:
    from types import ModuleType

    from skvm.profiler.atlas import Atlas

__all__ = ["HATCH", "INK", "LEVEL_FILLS", "LEVEL_INKS", "OPEN_FILL", "atlas_png", "atlas_svg"]

LEVEL_FILLS = {"L0": "#fde9a9", "L1": "#8fd3a5", "L2": "#1f7d99", "L3": "#20347f"}
"""From light to dark, so that they are told apart in grey and with any colour vision."""
LEVEL_INKS = {"L0": "#111111", "L1": "#111111", "L2": "#ffffff", "L3": "#ffffff"}
"""What the level is written with on its fill; never the same as ``INK``, which a page may change."""
OPEN_FILL, HATCH = "#e3e3e6", "#9a9aa0"
"""Unmeasured: grey, hatched."""
INK = "#202124"
"""Everything around the cells."""

_CELL_WIDTH, _CELL_HEIGHT = 30, 26
_FONT = "DejaVu Sans, Verdana, Helvetica, sans-serif"
_MEANINGS = {
    "L0": "not even L1",
    "L1": "held",
    "L2": "held",
    "L3": "held, the hardest",
    "–": "unmeasured: neither L0 nor a gap",
}
_STRIPES = ((0.0, 0.5, 0.5, 0.0), (0.0, 1.0, 1.0, 0.0), (0.5, 1.0, 1.0, 0.5))
"""Lines across a cell, as x, y to x, y in shares of its width and height."""


def atlas_png(atlas: Atlas, *, scale: float = 2.0) -> bytes:
    """The atlas as a PNG; the same bytes for the same atlas, fonts and library versions.

    Args:
        atlas: At least one target and one primitive.
        scale: Pixels a unit.

    Raises:
        ConfigError: The charting libraries are not installed.
    """
    altair, convert = _libraries()
    return bytes(convert.vegalite_to_png(_specification(altair, atlas), scale=scale))


def atlas_svg(atlas: Atlas) -> str:
    """The atlas as an SVG on a transparent ground; every cell says what is known in its ``aria-label``.

    Raises:
        ConfigError: The charting libraries are not installed.
    """
    altair, convert = _libraries()
    return str(convert.vegalite_to_svg(_specification(altair, atlas, background="transparent")))


def _libraries() -> tuple[ModuleType, ModuleType]:
    try:
        import altair
        import vl_convert
    except ImportError as error:
        raise ConfigError(
            f"the atlas is drawn with altair and vl-convert-python, and {error.name} is not installed",
            help="pip install 'skvm[bench]'; --json prints the atlas without them",
        ) from error
    return altair, vl_convert


def _specification(altair: Any, atlas: Atlas, *, background: str = "white") -> dict[str, Any]:
    blocks = [
        _block(altair, atlas, title, names, is_first=index == 0)
        for index, (title, names) in enumerate(atlas.categories())
    ]
    grid = altair.hconcat(*blocks, spacing=12)
    count = len(atlas.rows)
    size = f"{count} target{'' if count == 1 else 's'} × {len(atlas.primitive_ids)} primitives"
    chart = (
        altair.vconcat(_legend(altair), grid, spacing=18)
        .properties(
            title=altair.Title(
                "Capability atlas",
                subtitle=f"{size}; the highest level each target holds",
                anchor="start",
                offset=14,
            ),
            padding=20,
            background=background,
        )
        .configure(font=_FONT)
        .configure_view(stroke=None)
        .configure_axis(labelColor=INK, titleColor=INK)
        .configure_title(color=INK, subtitleColor=INK, fontSize=20, subtitleFontSize=13)
    )
    specification: dict[str, Any] = chart.to_dict()
    return specification


def _block(altair: Any, atlas: Atlas, title: str, names: tuple[str, ...], *, is_first: bool) -> Any:
    """The columns of one category; the first block carries the names of the targets."""
    values = [
        {
            "target": row.label,
            "primitive": name,
            "level": standing.level.value if standing.level else "–",
            "facts": "\n".join(f"{key}: {value}" for key, value in facts(row, standing).items()),
        }
        for row in atlas.rows
        for name in names
        for standing in [row.standings[name]]
    ]
    top = altair.Axis(
        orient="top",
        labelAngle=-90,
        title=title,
        titleFontSize=13,
        titleAlign="left",
        titleX=0,
        # One line for all categories, above the longest id.
        titleY=-(22 + 6.2 * max(len(name) for name in atlas.primitive_ids)),
        labelFontSize=11.5,
        labelLimit=400,
        ticks=False,
        domain=False,
        labelPadding=6,
    )
    side = (
        altair.Axis(
            title=None,
            labelFontSize=12,
            labelLimit=900,
            ticks=False,
            domain=False,
            labelPadding=8,
        )
        if is_first
        else None
    )
    x = altair.X(
        "primitive:N", sort=list(names), axis=top, scale=altair.Scale(paddingInner=0, paddingOuter=0)
    )
    y = altair.Y("target:N", sort=[row.label for row in atlas.rows], axis=side)
    return _cells(altair, values, x, y).properties(
        width=_CELL_WIDTH * len(names), height=_CELL_HEIGHT * len(atlas.rows)
    )


def _legend(altair: Any) -> Any:
    """The same cells, each with its meaning: the hatching has no legend of its own."""
    entries = []
    for level, meaning in _MEANINGS.items():
        value = {
            "target": "",
            "primitive": "",
            "level": level,
            "facts": f"{level}: {meaning}",
            "text": meaning,
        }
        x, y = altair.X("primitive:N", axis=None), altair.Y("target:N", axis=None)
        cell = _cells(altair, [value], x, y).properties(width=_CELL_WIDTH, height=_CELL_HEIGHT)
        words = (
            altair.Chart(altair.Data(values=[value]))
            .mark_text(align="left", color=INK, fontSize=12, aria=False)
            .encode(x=altair.value(0), text="text:N")
            .properties(width=8 + 6.6 * len(meaning), height=_CELL_HEIGHT)
        )
        entries.append(altair.hconcat(cell, words, spacing=6))
    return altair.hconcat(*entries, spacing=10)


def _cells(altair: Any, values: list[dict[str, str]], x: Any, y: Any) -> Any:
    """Filled, hatched where unmeasured, with the level written on them."""
    measured = [value for value in values if value["level"] != "–"]
    unmeasured = [value for value in values if value["level"] == "–"]
    layers = []
    edge = {"stroke": "white", "strokeWidth": 1.5}
    for level, fill in LEVEL_FILLS.items():
        chosen = [value for value in measured if value["level"] == level]
        if chosen:
            base = altair.Chart(altair.Data(values=chosen)).encode(x=x, y=y)
            layers.append(base.mark_rect(color=fill, **edge).encode(description="facts:N"))
            layers.append(
                base.mark_text(color=LEVEL_INKS[level], fontSize=11, aria=False).encode(text="level:N")
            )
    if unmeasured:
        data = altair.Data(values=unmeasured)
        base = altair.Chart(data).encode(x=x, y=y)
        layers.append(base.mark_rect(color=OPEN_FILL, **edge).encode(description="facts:N"))
        layers += [_stripe(altair, data, x, y, stripe) for stripe in _STRIPES]
    return altair.layer(*layers)


def _stripe(altair: Any, data: Any, x: Any, y: Any, stripe: tuple[float, float, float, float]) -> Any:
    left, low, right, high = stripe
    across, down = x.copy(), y.copy()
    across.bandPosition, down.bandPosition = left, low
    return (
        altair.Chart(data)
        .mark_rule(color=HATCH, strokeWidth=1, aria=False)
        .encode(
            x=across,
            x2=altair.X2("primitive", bandPosition=right),
            y=down,
            y2=altair.Y2("target", bandPosition=high),
        )
    )
