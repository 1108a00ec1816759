"""Checking a primitive with a progress bar, and the table of what came out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from skvm.cli.console import out, progress
from skvm.cli.primitive_report import visible
from skvm.target.contract import LEVELS, Level, Primitive
from skvm.target.soundness import POOL_SEEDS, Finding, LevelReport, Tally

__all__ = ["Checked", "check_json", "check_with_progress", "print_check"]

_MAX_SHOWN = 8
_MAX_REASON_CHARS = 400


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking a primitive gave.

    Args:
        primitive: Which.
        seeds: Probes a level that were tried.
        reports: Of the levels that could be checked.
        unchecked: Why the others could not.
        words: What was found of the primitive as a whole.
    """

    primitive: Primitive
    seeds: int
    reports: Sequence[LevelReport]
    unchecked: Mapping[Level, str]
    words: Sequence[Finding]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them."""
        return (*self.words, *(found for report in self.reports for found in report.findings))

    @property
    def exit_code(self) -> int:
        """1 with a finding, 3 where a level could not be checked, else 0."""
        return 1 if self.findings else 3 if self.unchecked else 0


async def check_with_progress(
    primitive: Primitive, levels: Sequence[Level], *, seeds: int, sandbox: str, tmp_dir: Path, quiet: bool
) -> Checked:
    """Try every level that has here what it needs.

    Args:
        primitive: Which.
        levels: Which of its levels.
        seeds: Probes a level.
        sandbox: Name of the sandbox, or ``auto``.
        tmp_dir: Where work is laid out.
        quiet: Show no progress.

    Raises:
        InfrastructureError: The sandbox failed.
    """
    from skvm.harness.confine import choose_sandbox
    from skvm.profiler.given import SealedJudge
    from skvm.profiler.preflight import find_absent
    from skvm.target.soundness import check_level, check_processes, check_words

    opened = choose_sandbox(sandbox)
    reports: list[LevelReport] = []
    unchecked: dict[Level, str] = {}
    with progress(quiet=quiet) as bars:
        bar = bars.add_task(primitive.id, total=len(levels) * seeds, note="")
        words = [*check_words(primitive), *await check_processes(primitive)]
        for level in levels:
            spec = primitive.levels[level]
            wanted = {*primitive.commands, *spec.commands}
            if absent := await find_absent(opened, tmp_dir, wanted, set(spec.modules)):
                unchecked[level] = f"the sandbox has no {', '.join(sorted(absent))}"
                bars.advance(bar, seeds)
                continue
            bars.update(bar, description=f"{primitive.id} {level}")
            report = await check_level(
                primitive,
                level,
                SealedJudge(opened, tmp_dir),
                range(seeds),
                concurrency=os.cpu_count() or 1,
                on_seed=lambda: bars.advance(bar),
            )
            reports.append(report)
            found = sum(len(each.findings) for each in reports)
            bars.update(bar, note=f"{found} finding{'' if found == 1 else 's'}" if found else "")
    return Checked(primitive, seeds, reports, unchecked, words)


def check_json(checked: Checked) -> dict[str, Any]:
    """Counts and findings."""
    return {
        "id": checked.primitive.id,
        "seeds": checked.seeds,
        "sound": not checked.findings and not checked.unchecked,
        "levels": {report.level.value: _counts(report) for report in checked.reports},
        "unchecked": {level.value: why for level, why in checked.unchecked.items()},
        "findings": [
            {
                "level": found.level.value if found.level else None,
                "seed": found.seed,
                "trial": found.trial,
                "reason": found.reason,
            }
            for found in checked.findings
        ],
    }


def _counts(report: LevelReport) -> dict[str, Any]:
    def tally(each: Tally) -> dict[str, int]:
        return {"asked": each.asked, "good": each.good}

    return {
        "rightPassed": tally(report.right),
        "coatsAsDeclared": tally(report.coats),
        "wrongRefused": tally(report.wrong),
        "guessesRefused": tally(report.guesses),
        "distinctProbes": report.distinct,
        "probesCompared": POOL_SEEDS,
    }


def print_check(checked: Checked) -> None:
    """Print a row for each level, then what was found, each with its seed and reason."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(checked.primitive.id)
    for title in ("right pass", "coats", "wrong refused", "guesses refused", "distinct"):
        table.add_column(title, justify="right")
    reports = {report.level: report for report in checked.reports}
    for level in LEVELS:
        if level in checked.unchecked:
            table.add_row(Text(level.value), Text("not checked", "magenta"))
        elif level in reports:
            report = reports[level]
            tallies = (report.right, report.coats, report.wrong, report.guesses)
            is_full = report.distinct >= POOL_SEEDS - 1
            distinct = Text(f"{report.distinct}/{POOL_SEEDS}", "" if is_full else "red")
            table.add_row(Text(level.value), *map(_tally, tallies), distinct)
    out.print(table)
    for level, why in checked.unchecked.items():
        out.print(Text.assemble((f"{level} was not checked: ", "magenta"), visible(why)))
    for name in (None, *LEVELS):
        mine = [found for found in checked.findings if found.level == name]
        for found in mine[:_MAX_SHOWN]:
            out.print(_finding(found))
        if (rest := len(mine) - _MAX_SHOWN) > 0:
            out.print(Text(f"{name or 'words'}: {rest:,} more; --json gives all", "dim"))
    total = len(checked.findings)
    if total:
        out.print(Text(f"{total:,} finding{'' if total == 1 else 's'}", "bold red"))
    elif not checked.unchecked:
        out.print(Text("sound", "bold green"))


def _tally(tally: Tally) -> Text:
    # A lucky guess is none of the author's business; too many of them are a finding.
    return Text(f"{tally.good:,}/{tally.asked:,}", "" if tally.good == tally.asked else "yellow")


def _finding(found: Finding) -> Text:
    place = " ".join(
        [
            *([found.level.value] if found.level else []),
            *([f"seed {found.seed}"] if found.seed is not None else []),
        ]
    )
    reason = (
        found.reason if len(found.reason) <= _MAX_REASON_CHARS else found.reason[:_MAX_REASON_CHARS] + " …"
    )
    return Text.assemble(
        ("✗ ", "red"), (f"{place} " if place else "", "bold"), (f"{found.trial}: ", "yellow"), visible(reason)
    )
