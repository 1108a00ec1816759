"""Measuring a target with a progress bar and a running bill, and the table of what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skvm.cli.console import err, out, progress
from skvm.cli.profile_view import money, print_profile

if TYPE_CHECKING:
    from skvm.evaluate.bench import Bench
    from skvm.profiler.measure import Measurement, Progress
    from skvm.profiler.plan import Plan, Request
    from skvm.target.store import ProfileStore

__all__ = ["measure_with_progress", "print_measurement", "spent"]


async def measure_with_progress(
    request: Request, bench: Bench, store: ProfileStore, *, quiet: bool = False
) -> Measurement:
    """Measure what is not known yet; see ``skvm.profiler.measure.measure``.

    Args:
        request: What to measure.
        bench: What the runs share.
        store: Where profiles lie.
        quiet: Show nothing.
    """
    from skvm.profiler.measure import measure
    from skvm.profiler.plan import plan

    todo = plan(request, store)
    if todo.ask and not quiet:
        err.print(_announcement(request, todo, bench, store), markup=False)
    is_shown = not quiet and err.is_terminal
    with progress(quiet=quiet) as bars:
        bar = bars.add_task("starting", total=len(todo.ask), note="")

        def tell(event: Progress) -> None:
            where = event.primitive_id + (f" {event.level}" if event.level else "")
            bars.update(bar, description=where, completed=event.done, total=event.total, note=_bill(event))
            if event.level is None and not quiet and not is_shown:
                err.print(
                    f"{event.done}/{event.total} {event.primitive_id}: {event.detail}; {_bill(event)}",
                    markup=False,
                )

        return await measure(request, bench, store, tell)


def spent(measured: Measurement) -> str:
    """How many runs a measurement took, and how long; where from, if none were needed."""
    from skvm.target.store import PREBUILT_DIR

    if measured.is_reused:
        from_us = PREBUILT_DIR in measured.path.parents
        return "known already: " + ("it came with the package" if from_us else "nothing was asked")
    took = measured.duration_s
    lasted = f"{took:.0f} s" if took < 90 else f"{took / 60:.1f} min"
    return f"{measured.runs} run{'' if measured.runs == 1 else 's'} in {lasted}"


def _announcement(request: Request, todo: Plan, bench: Bench, store: ProfileStore) -> str:
    from skvm.cli.estimates import estimate_line, estimate_of

    found = estimate_of(request, store, todo)
    text = f"{request.model} in {request.harness}: {estimate_line(found, bench.settings, request.model)}"
    if todo.resumed:
        text += f"; {len(todo.resumed)} more taken from an unfinished measurement"
    if todo.unfinished:
        text += f"; {len(todo.unfinished)} of them begun before"
    old = [name for name in todo.reasons if todo.base is not None and todo.base.level_of(name) is not None]
    if old:
        more = f" and {len(old) - 1} more" if old[1:] else ""
        text += f"; again: {old[0]} ({todo.reasons[old[0]]}){more}"
    return text


def _bill(event: Progress) -> str:
    return f"{event.runs} runs, {event.usage.total_tokens:,} tokens, {money(event.usage.cost_usd)}"


def print_measurement(measured: Measurement) -> None:
    """Print the levels, what they cost and where they were written."""
    print_profile(measured.profile)
    for name, why in measured.remeasured.items():
        out.print(f"{name} was measured again: {why}", style="dim", markup=False)
    if measured.is_reused:
        out.print(f"{spent(measured)}; --force measures again.")
    else:
        usage = measured.usage
        out.print(f"{spent(measured)}, {usage.total_tokens:,} tokens, {money(usage.cost_usd)}")
    state = "partial: some of it met faults; " if measured.profile.is_partial else ""
    out.print(f"{state}{measured.path}", markup=False)
