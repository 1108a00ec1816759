"""Two profiles side by side on a terminal, and for programs."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from rich.text import Text

from skvm.cli.console import out
from skvm.cli.profile_view import level_text, plain_table, range_text

if TYPE_CHECKING:
    from skvm.profiler.compare import Contrast
    from skvm.profiler.standing import Standing
    from skvm.target.contract import Level
    from skvm.target.store import StoredProfile

__all__ = ["comparison_json", "print_comparison"]

Side = tuple["StoredProfile", "StoredProfile"]


def contrasts_of(both: Side, only: Collection[str]) -> tuple[Contrast, ...]:
    """The contrasts of two stored profiles.

    Raises:
        UsageError: ``only`` names a primitive nobody knows.
    """
    from skvm.cli.profile_targets import check_primitives
    from skvm.profiler.compare import compare_profiles

    every = compare_profiles(both[0].profile, both[1].profile)
    check_primitives(tuple(only), [each.primitive_id for each in every])
    return tuple(each for each in every if not only or each.primitive_id in only)


def print_comparison(both: Side, contrasts: tuple[Contrast, ...]) -> None:
    """Print one row a primitive, levels with intervals side by side, and a line that sums up."""
    for name, stored in zip("AB", both, strict=True):
        profile = stored.profile
        out.print(
            Text.assemble(
                (f"{name}  ", "bold"), f"{profile.model} in {profile.harness}, {profile.profiled_at}"
            )
        )
    table = plain_table("primitive", "A", "", "B", "", "")
    for each in contrasts:
        level, ranges = each.deciding, each.ranges
        table.add_row(
            Text(each.primitive_id),
            level_text(each.first),
            _evidence(each.first, level, ranges[0]),
            level_text(each.second),
            _evidence(each.second, level, ranges[1]),
            _verdict(each),
        )
    out.print(table)
    out.print(summary(contrasts))
    reasons: dict[tuple[str, str | None], list[str]] = {}
    for each in contrasts:
        for name, side in (("A", each.first), ("B", each.second)):
            if side.level is None:
                reasons.setdefault((name, side.reason), []).append(each.primitive_id)
    for (name, reason), names in reasons.items():
        out.print(f"unmeasured in {name}: {', '.join(names)} – {reason}", style="dim", markup=False)


def _evidence(standing: Standing, deciding: Level | None, known: tuple[float, float] | None) -> Text:
    """The interval that decides; where nothing has to be decided, that of the level which is held."""
    from skvm.target.contract import Level

    if standing.level is None:
        return Text("unmeasured", style="magenta")
    at = deciding or max(standing.level, Level.L1, key=lambda level: level.rank)
    seen = standing.evidence.get(at)
    if seen is not None:
        return Text(f"{seen.counts} {range_text(seen.interval)}", style="dim")
    return Text(f"({range_text(known)})" if known else "no counts", style="dim")


def _verdict(contrast: Contrast) -> Text:
    from skvm.profiler.compare import Verdict

    deciding = contrast.deciding.value if contrast.deciding else ""
    if contrast.verdict is Verdict.DIFFER:
        sign = ">" if _first_is_higher(contrast) else "<"
        return Text(f"A {sign} B at {deciding}", style="bold " + ("green" if sign == ">" else "red"))
    if contrast.verdict is Verdict.NOT_TOLD_APART:
        return Text(f"≈ not told apart ({deciding})", style="yellow")
    if contrast.verdict is Verdict.UNMEASURED:
        return Text("unmeasured", style="magenta")
    return Text("=", style="dim")


def _first_is_higher(contrast: Contrast) -> bool:
    first, second = contrast.first.level, contrast.second.level
    return first is not None and second is not None and first.rank > second.rank


def summary(contrasts: tuple[Contrast, ...]) -> str:
    """One line: how many are the same, differ, cannot be told apart, are unmeasured."""
    from skvm.profiler.compare import Verdict, count_verdicts

    counts = count_verdicts(contrasts)
    higher = sum(each.verdict is Verdict.DIFFER and _first_is_higher(each) for each in contrasts)
    return (
        f"{len(contrasts)} primitives: {counts[Verdict.SAME]} same, {higher} A higher, "
        f"{counts[Verdict.DIFFER] - higher} B higher, {counts[Verdict.NOT_TOLD_APART]} not told apart, "
        f"{counts[Verdict.UNMEASURED]} unmeasured"
    )


def comparison_json(both: Side, contrasts: tuple[Contrast, ...]) -> dict[str, Any]:
    """What the table says, for programs."""
    from skvm.profiler.compare import count_verdicts

    heads = [
        {
            "model": stored.profile.model,
            "harness": stored.profile.harness,
            "profiledAt": stored.profile.profiled_at,
            "path": str(stored.path),
        }
        for stored in both
    ]
    return {
        "a": heads[0],
        "b": heads[1],
        "summary": {verdict.value: count for verdict, count in count_verdicts(contrasts).items()},
        "primitives": [
            {
                "id": each.primitive_id,
                "verdict": each.verdict.value,
                "decidingLevel": each.deciding and each.deciding.value,
                "a": _side(each.first, each.ranges[0]),
                "b": _side(each.second, each.ranges[1]),
            }
            for each in contrasts
        ],
    }


def _side(standing: Standing, known: tuple[float, float] | None) -> dict[str, Any]:
    return {
        "level": standing.level and standing.level.value,
        "unmeasured": standing.reason,
        "decidingInterval": known,
        "levels": {
            level.value: {"passes": seen.passes, "trials": seen.trials, "interval": seen.interval}
            for level, seen in standing.evidence.items()
        },
    }


__all__ += ["contrasts_of", "summary"]
