"""Estimates of a measurement in words: ranges, whose runs they stand on, and what is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skvm.profiler.estimate import Estimate
    from skvm.profiler.plan import Plan, Request
    from skvm.settings import Settings
    from skvm.target.profile import Profile
    from skvm.target.store import ProfileStore

__all__ = ["estimate_json", "estimate_line", "estimate_of"]


def estimate_of(request: Request, store: ProfileStore, todo: Plan | None = None) -> Estimate:
    """What a request will take, judged by every profile that is there."""
    from skvm.profiler.estimate import estimate
    from skvm.profiler.plan import plan

    return estimate(request, todo or plan(request, store), _known(request, store))


def _known(request: Request, store: ProfileStore) -> Iterator[Profile]:
    # The target's own checkpoint says the most, and a broken profile of another one nothing.
    if (partial := store.partial(request.model, request.harness)) is not None:
        yield partial.profile
    for each in store.list(lambda _: None):
        yield each.profile


def _dollars(found: Estimate, settings: Settings, model: str) -> tuple[float, float] | None:
    """Dollars of all runs at list price, ``None`` where tokens or price are unknown."""
    from skvm.errors import SkvmError
    from skvm.llm.prices import cost_usd
    from skvm.llm.route import resolve_endpoint
    from skvm.profiler.simulated import is_simulated

    if is_simulated(model):
        return (0.0, 0.0)
    if found.usage is None:
        return None
    try:
        each = cost_usd(resolve_endpoint(settings, model), found.usage)
    except SkvmError:
        # The measurement itself will say what the model lacks.
        return None
    return None if each is None else (found.runs[0] * each, found.runs[1] * each)


def estimate_line(found: Estimate, settings: Settings, model: str) -> str:
    """One line: runs, tokens, dollars, minutes."""
    if not found.primitives:
        return "everything asked for is known already"
    parts = [f"{found.primitives} primitives", f"{_range(*found.runs)} runs"]
    parts.append(f"{_range(*found.tokens)} tokens" if found.tokens else "tokens unknown")
    dollars = _dollars(found, settings, model)
    parts.append(f"${dollars[0]:.2f}–{dollars[1]:.2f}" if dollars else "price unknown")
    if found.minutes:
        parts.append(f"{found.minutes[0]:.0f}–{found.minutes[1]:.0f} min")
    return f"{', '.join(parts)} (judged by {found.basis})"


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def estimate_json(request: Request, found: Estimate, settings: Settings) -> dict[str, Any]:
    """The same as JSON; ``null`` is unknown."""
    return {
        "model": request.model,
        "harness": request.harness,
        "design": request.design.name,
        "primitives": found.primitives,
        "runs": found.runs,
        "tokens": found.tokens,
        "usd": _dollars(found, settings, request.model),
        "minutes": found.minutes,
        "basis": found.basis,
    }
