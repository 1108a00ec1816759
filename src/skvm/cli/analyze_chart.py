"""The chart of a corpus: what its skills need of which primitive, and how hard, drawn with altair."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from skvm.errors import ConfigError, InfrastructureError, UsageError
from skvm.files import replace_file

if TYPE_CHECKING:
    from types import ModuleType

    from skvm.compiler.study.summary import Summary

__all__ = ["write_chart"]

_FILLS = {"L1": "#8fd3a5", "L2": "#1f7d99", "L3": "#20347f"}
"""From light to dark, as in the capability atlas."""
_INK = "#202124"
_FONT = "DejaVu Sans, Verdana, Helvetica, sans-serif"
_ENDINGS = (".png", ".svg")


def write_chart(summary: Summary, path: Path) -> None:
    """Draw a summary into a file, whole or not at all.

    Args:
        summary: At least one skill.
        path: Ends in ``.png`` or ``.svg``, which decides the form.

    Raises:
        UsageError: Another ending, or a folder.
        ConfigError: The charting libraries are not installed.
        InfrastructureError: The file cannot be written.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise UsageError(f"{path}: a chart ends in .png or .svg")
    altair, convert = _libraries()
    specification = _specification(altair, summary)
    if path.suffix.lower() == ".png":
        data = bytes(convert.vegalite_to_png(specification, scale=2.0))
    else:
        data = str(convert.vegalite_to_svg(specification)).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data, mode=0o644)
    except OSError as error:
        raise InfrastructureError(f"{path}: cannot be written: {error.strerror}") from error


def _libraries() -> tuple[ModuleType, ModuleType]:
    try:
        import altair
        import vl_convert
    except ImportError as error:
        raise ConfigError(
            f"the chart is drawn with altair and vl-convert-python, and {error.name} is not installed",
            help="pip install 'skvm[bench]'; without --chart nothing of it is needed",
        ) from error
    return altair, vl_convert


def _specification(altair: Any, summary: Summary) -> dict[str, Any]:
    chart = (
        altair.vconcat(_demand(altair, summary), _shape(altair, summary), spacing=28)
        .resolve_scale(color="independent")
        .properties(
            title=altair.Title(
                "What skills need",
                subtitle=f"{summary.skills} skills; each counts once a primitive, at the highest level "
                "any place of it needs",
                anchor="start",
                offset=14,
            ),
            padding=20,
            background="white",
        )
        .configure(font=_FONT)
        .configure_view(stroke=None)
        .configure_axis(labelColor=_INK, titleColor=_INK, grid=False)
        .configure_title(color=_INK, subtitleColor=_INK, fontSize=20, subtitleFontSize=13)
    )
    drawn: dict[str, Any] = chart.to_dict()
    return drawn


def _demand(altair: Any, summary: Summary) -> Any:
    values = [
        {
            "primitive": entry.primitive_id,
            "level": level.value,
            "share": count / summary.skills,
            "rank": level.rank,
        }
        for entry in summary.demand
        for level, count in entry.by_level.items()
    ]
    order = [entry.primitive_id for entry in summary.demand]
    return (
        altair.Chart(altair.Data(values=values))
        .mark_bar()
        .encode(
            x=altair.X("share:Q", title="share of skills", axis=altair.Axis(format="%"), stack="zero"),
            y=altair.Y("primitive:N", sort=order, title=None, axis=altair.Axis(labelLimit=300)),
            color=altair.Color(
                "level:N",
                title="level needed",
                scale=altair.Scale(domain=list(_FILLS), range=list(_FILLS.values())),
            ),
            order=altair.Order("rank:Q"),
        )
        .properties(width=560, height=20 * max(1, len(order)))
    )


def _shape(altair: Any, summary: Summary) -> Any:
    parallel = summary.parallel_steps / summary.steps if summary.steps else 0.0
    rows = [
        *((f"kind: {kind.value}", count / summary.skills) for kind, count in summary.kinds.items()),
        ("has a procedure of 4 steps or more", summary.procedural),
        ("has code", summary.with_code),
        ("has bundle files", summary.with_bundle),
        ("has steps that can run at once", summary.parallel_skills / summary.skills),
        ("steps that can run at once, of all steps", parallel),
    ]
    values = [{"what": what, "share": share, "shown": f"{share:.0%}"} for what, share in rows]
    base = altair.Chart(altair.Data(values=values)).encode(
        x=altair.X("share:Q", title=None, axis=altair.Axis(format="%"), scale=altair.Scale(domain=[0, 1])),
        y=altair.Y("what:N", sort=[what for what, _ in rows], title=None, axis=altair.Axis(labelLimit=300)),
    )
    text = base.mark_text(align="left", dx=5, color=_INK).encode(text="shown:N")
    return (base.mark_bar(color="#6f7f95") + text).properties(width=560, height=22 * len(rows))
