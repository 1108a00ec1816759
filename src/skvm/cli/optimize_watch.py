"""What is seen of a session while it runs: a live table on a terminal, lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.spinner import Spinner

    from skvm.cli.optimize_run import Job, Outcome
    from skvm.optimizer.loop.events import SessionEvent
    from skvm.optimizer.loop.session import Update
    from skvm.optimizer.policy.state import RoundState, State

__all__ = ["line_of", "watching"]

_LINE_EVERY_S = 10.0
_PER_SECOND = 4


@contextmanager
def watching(jobs: Sequence[Job], *, quiet: bool = False) -> Iterator[Callable[[Outcome, Update], None]]:
    """Show sessions while they run.

    Args:
        jobs: What will be run.
        quiet: Show nothing.
    """
    from skvm.cli.console import err
    from skvm.cli.progress_channel import is_told

    if is_told():
        yield _told
    elif quiet:
        yield lambda outcome, update: None
    elif err.is_terminal:
        from rich.live import Live

        shown = _Shown()
        with Live(console=err, get_renderable=shown.render, refresh_per_second=_PER_SECOND, transient=True):
            yield shown.take
    else:
        yield _Lines(many=len(jobs) > 1).take


def _told(outcome: Outcome, update: Update) -> None:
    """Tell a program that follows us."""
    from skvm.cli.progress_channel import tell

    if line := line_of(update) or update.text:
        state = update.state
        total = None if state is None else state.rules.budget_runs
        tell(0 if state is None else state.runs, total, f"{update.proposal.id.skill}: {line}")


def line_of(update: Update) -> str:
    """One line on an update; ``""`` where it is not worth one."""
    kind = update.kind
    if kind in ("opened", "doing", "note", "applied", "not-applied"):
        return update.text
    if kind == "finished":
        meta = update.proposal.meta
        return f"{meta.verdict}: {update.text}" if meta.verdict else update.text
    return _line_of_event(update, update.event) if update.event is not None else ""


def _line_of_event(update: Update, event: SessionEvent) -> str:
    match event.kind:
        case "train-run":
            return (
                f"round {event.round}: train {event.task_id} #{event.repetition}: {_score(event.run.score)}"
            )
        case "pair":
            what = f"round {event.round}: {event.stage} pair {event.index + 1}, {event.task_id}: "
            return (
                what + f"{_score(event.original.score)} → {_score(event.treated.score)}; {_standing(update)}"
            )
        case "baseline-run":
            return f"baseline {event.condition}: {event.task_id} #{event.repetition}: {_score(event.score)}"
        case "edited":
            changed = len({*event.diff.added, *event.diff.modified, *event.diff.removed})
            said = "; ".join(event.refusals) or event.submission.root_cause or event.submission.reasoning
            return f"round {event.round}: edited, {changed} file(s) changed: {_short(said)}"
        case "edit-refused":
            return f"round {event.round}: no edit to measure: {_short(event.reason)}"
        case _:
            return ""


def _standing(update: Update) -> str:
    state = update.state
    if state is None or state.current is None:
        return ""
    each = state.rounds[state.current]
    low, high = each.gambler.interval or (-1.0, 1.0)
    return f"{each.gambler.mean:+.2f} [{low:+.2f}, {high:+.2f}], evidence {_evidence(each):.0%}"


def _evidence(each: RoundState) -> float:
    """How far the capital is on its way to proof: 0 at the start, 1 where it is proved; logarithmic."""
    capital = max(each.gambler.most, 1e-12)
    return min(1.0, max(0.0, math.log(capital) / math.log(1 / each.gambler.alpha)))


def _score(score: float | None) -> str:
    return "–" if score is None else f"{score:.2f}"


def _short(text: str, most: int = 160) -> str:
    from skvm.cli.console import visible

    line = visible(" ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


@dataclass(slots=True)
class _Lines:
    """Lines on standard error: everything but runs at once, runs now and then."""

    many: bool
    told_at_s: float = field(default_factory=time.monotonic)

    def take(self, outcome: Outcome, update: Update) -> None:
        from skvm.cli.console import err, visible

        if not (line := line_of(update)) or update.kind == "doing":
            return
        is_run = update.event is not None and update.event.kind in ("train-run", "pair", "baseline-run")
        now = time.monotonic()
        if is_run and now - self.told_at_s < _LINE_EVERY_S:
            return
        self.told_at_s = now
        named = f"{update.proposal.id.skill}: {line}" if self.many else line
        err.print(visible(named), markup=False)


@dataclass(slots=True)
class _Shown:
    """The newest of every session."""

    newest: dict[int, tuple[Update, str]] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)
    spinners: dict[int, Spinner] = field(default_factory=dict)

    def take(self, outcome: Outcome, update: Update) -> None:
        key = id(outcome)
        before = self.newest[key][1] if key in self.newest else ""
        self.newest[key] = (update, {"doing": update.text, "finished": "done"}.get(update.kind, before))
        if update.state is not None:
            self.states[key] = update.state
        if update.kind in ("opened", "note"):
            from skvm.cli.console import err, visible

            err.print(visible(update.text), style="dim", markup=False)

    def render(self) -> RenderableType:
        from rich.console import Group

        return Group(*(self._session(key, *found) for key, found in self.newest.items()))

    def _session(self, key: int, update: Update, doing: str) -> RenderableType:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        from skvm.cli.console import visible

        state = self.states.get(key)
        budget = f"  {state.runs}/{state.rules.budget_runs} runs" if state is not None else ""
        # One for the whole session: a new one would stand still.
        head = self.spinners.setdefault(key, Spinner("dots"))
        head.update(text=Text(f"{update.proposal.id.skill}: {visible(doing)}{budget}"))
        return Group(head, rounds_table(state)) if state is not None else head


def rounds_table(state: State) -> Any:
    """Rounds, their pairs and how far the evidence is."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("round", "from", "train", "pairs", "difference", "interval", "evidence", ""):
        table.add_column(name, justify="right" if name in ("round", "train", "pairs") else "left")
    for number, each in sorted(state.rounds.items()):
        low, high = each.gambler.interval or (None, None)
        has_pairs = number > 0 and low is not None
        mark = "refused" if each.is_refused else "now" if number == state.current else ""
        table.add_row(
            str(number),
            "–" if number == 0 else str(each.parent),
            _score(each.train_score),
            str(each.pairs or "–"),
            f"{each.gambler.mean:+.2f}" if has_pairs else "–",
            f"{low:+.2f} … {high:+.2f}" if has_pairs else "–",
            ProgressBar(total=1.0, completed=_evidence(each), width=16) if has_pairs else "–",
            mark,
        )
    return table


__all__ += ["rounds_table"]
