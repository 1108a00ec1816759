"""A bench as it goes: a bar, what runs, and the score of every condition so far."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skvm.cli.console import err, visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from skvm.bench.matrix import Cell
    from skvm.bench.plan import Preparation
    from skvm.evidence.record import RunRecord

__all__ = ["BenchWatch"]

_LINE_EVERY_S = 30.0
"""How often a log that is no terminal gets a line."""


@dataclass(slots=True)
class BenchWatch:
    """Told of a session, shows it.

    Args:
        bars: Where the bar is drawn; silent off a terminal.
        quiet: Say nothing at all.
    """

    bars: Progress
    quiet: bool = False
    bar: TaskID | None = None
    total: int = 0
    done: int = 0
    scores: dict[str, list[float]] = field(default_factory=dict)
    failed: int = 0
    accounts: list[Preparation] = field(default_factory=list)
    told_at_s: float = field(default_factory=time.monotonic)

    def prepared(self, account: Preparation) -> None:
        """Say what was made ready, and at once what could not be."""
        self.accounts.append(account)
        about = f"{account.condition} on {account.model} in {account.harness}"
        skill = f", skill {account.skill_id}" if account.skill_id else ""
        if account.problem is not None:
            self._say(f"{about}{skill}: left out: {account.problem}", "yellow")
            if account.help:
                self._say(f"  help: {account.help}", "cyan")
        elif account.what and not account.is_reused:
            self._say(f"{about}{skill}: {account.what} in {account.duration_ms / 1000:.1f} s", "dim")

    def planned(self, cells: tuple[Cell, ...], done: int) -> None:
        """Start the bar."""
        self.total = len(cells)
        self.bar = self.bars.add_task("bench", total=len(cells), note="")
        if done:
            self._say(f"{done} of {len(cells)} runs stand already", "dim")

    def begins(self, cell: Cell) -> None:
        """Name what runs now."""
        if self.bar is not None:
            spec = cell.spec
            self.bars.update(self.bar, description=f"{spec.task.id} · {spec.condition} #{spec.repetition}")

    def ends(self, cell: Cell, run: RunRecord) -> None:
        """Count it, and bring the running scores up to date."""
        self.done += 1
        if run.score is not None:
            self.scores.setdefault(cell.spec.condition, []).append(run.score)
        elif not run.outcome.is_graded:
            self.failed += 1
            about = f"{run.task_id} · {run.condition} #{run.repetition}"
            self._say(f"{about}: {run.outcome.value}: {run.detail or ''}", "yellow")
        if self.bar is not None:
            self.bars.update(self.bar, advance=1, note=self.standing)
        if not err.is_terminal and (self._is_due() or self.done == self.total):
            self._say(f"{self.done}/{self.total} runs; {self.standing}")

    @property
    def standing(self) -> str:
        """The mean score of each condition so far."""
        parts = [f"{name} {sum(each) / len(each):.2f}" for name, each in sorted(self.scores.items())]
        return " · ".join([*parts, *([f"{self.failed} failed"] if self.failed else [])])

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now - self.told_at_s < _LINE_EVERY_S:
            return False
        self.told_at_s = now
        return True

    def _say(self, line: str, style: str = "") -> None:
        if not self.quiet:
            err.print(visible(line), style=style, markup=False)
