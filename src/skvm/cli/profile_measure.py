"""What ``skvm profile`` does without a verb: estimate, measure, print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skvm.profiler.measure import Measurement
    from skvm.profiler.plan import Request
    from skvm.settings import Settings
    from skvm.target.contract import Primitive
    from skvm.target.store import ProfileStore

__all__ = ["measure_targets"]


def measure_targets(
    settings: Settings, store: ProfileStore, targets: Sequence[tuple[str, str]], options: dict[str, Any]
) -> None:
    """Bring the profiles of some targets up to what is asked for, or say what that would take.

    Args:
        settings: Where things lie.
        store: Where profiles lie.
        targets: Models and harnesses.
        options: Of the command line.
    """
    import anyio

    from skvm.cli.command import check_adapter_config, executor_of
    from skvm.cli.console import err
    from skvm.evidence.sessions import recorded_session
    from skvm.harness.contract import HARNESSES
    from skvm.profiler.simulated import read_dials

    for model, adapter in targets:
        # A wrong name is told before anything is opened.
        if read_dials(model, adapter) is None:
            HARNESSES.get(adapter)
    check_adapter_config([adapter for _, adapter in targets if adapter != "sim"], options["adapter_config"])
    options = {**options, "place": executor_of(options)}
    if options["place"].kind != "local" and "concurrency" not in options["given"]:
        options["concurrency"] = options["place"].places
    primitives = chosen(options["primitives"], options["skip"])
    requests = [_request(model, adapter, primitives, options) for model, adapter in targets]
    if options["is_estimate"]:
        _estimate(settings, store, requests, as_json=options["as_json"])
        return
    models = tuple(dict.fromkeys(model for model, _ in targets))
    adapters = tuple(dict.fromkeys(adapter for _, adapter in targets))
    try:
        with recorded_session(settings.logs_dir, "profile", models=models, harness=adapters):
            anyio.run(_measure_all, settings, store, requests, options)
    except KeyboardInterrupt:
        again = "the same command with --resume" if options["force"] else "the same command"
        err.print(
            f"Stopped; every probe that was graded is kept, and the last complete profile is as it was: "
            f"{again} goes on.",
            style="yellow",
            markup=False,
        )
        raise


def _request(model: str, adapter: str, primitives: Sequence[Primitive], options: dict[str, Any]) -> Request:
    from skvm.profiler.ladder import FixedDesign, SequentialDesign
    from skvm.profiler.plan import Request

    instances = options["instances"]
    return Request(
        model=model,
        harness=adapter,
        primitives=primitives,
        design=SequentialDesign() if instances is None else FixedDesign(instances),
        concurrency=options["concurrency"],
        timeout_s=options["timeout_ms"] / 1000,
        first_seed=options["seed"],
        force=options["force"],
        resume=options["is_resumed"],
        fill=options["fill"],
    )


def chosen(wanted: tuple[str, ...], skipped: tuple[str, ...]) -> tuple[Primitive, ...]:
    """The primitives asked for.

    Raises:
        UsageError: An id is unknown (with a suggestion), or none is left.
    """
    from skvm.cli.console import err, print_diagnostics
    from skvm.errors import UsageError
    from skvm.target.contract import PRIMITIVES

    left_out = {PRIMITIVES.get(name).id for name in skipped}
    every = [PRIMITIVES.get(name) for name in dict.fromkeys(wanted)] if wanted else PRIMITIVES.all()
    if not wanted:
        print_diagnostics(PRIMITIVES.faults(), console=err)
    left = tuple(primitive for primitive in every if primitive.id not in left_out)
    if not left:
        raise UsageError("--skip leaves no primitive to measure")
    return left


def _estimate(settings: Settings, store: ProfileStore, requests: Sequence[Request], *, as_json: bool) -> None:
    from skvm.cli.console import out, print_json
    from skvm.cli.estimates import estimate_json, estimate_line, estimate_of

    found = [(request, estimate_of(request, store)) for request in requests]
    if as_json:
        print_json({"estimates": [estimate_json(request, each, settings) for request, each in found]})
        return
    for request, each in found:
        line = estimate_line(each, settings, request.model)
        out.print(f"{request.model} in {request.harness}: {line}", markup=False)


async def _measure_all(
    settings: Settings, store: ProfileStore, requests: Sequence[Request], options: dict[str, Any]
) -> None:
    from skvm.cli.console import err, print_json
    from skvm.cli.placing import placed
    from skvm.cli.profiling import measure_with_progress, print_measurement
    from skvm.errors import FindingsError, SkvmError
    from skvm.evaluate.run import open_bench
    from skvm.llm.contract import SpendLimit
    from skvm.runtime.plan.touching import with_touching

    limit = SpendLimit(options["max_usd"], options["max_tokens"])
    given = limit if limit != SpendLimit() else None
    results: list[dict[str, Any]] = []
    failed: list[str] = []
    mode: Any = options["adapter_config"] or "managed"
    async with (
        open_bench(settings, sandbox=options["sandbox"], limit=given, config_mode=mode) as opened,
        placed(with_touching(opened), options["place"]) as bench,
    ):
        for request in requests:
            try:
                measured = await measure_with_progress(request, bench, store, quiet=options["as_json"])
            except SkvmError as error:
                if len(requests) == 1:
                    raise
                failed.append(f"{request.model} in {request.harness}")
                err.print(f"{failed[-1]}: {error.message}", style="red", markup=False)
                continue
            results.append(_as_json(measured))
            if measured.profile.is_partial:
                failed.append(f"{request.model} in {request.harness}")
            if not options["as_json"]:
                print_measurement(measured)
    if options["as_json"]:
        print_json({"profiles": results})
    if failed:
        raise FindingsError(
            f"not everything could be measured: {', '.join(failed)}",
            help="run the same command again; what is known is not measured twice",
        )


def _as_json(measured: Measurement) -> dict[str, Any]:
    return {
        "path": str(measured.path),
        "reused": measured.is_reused,
        "runs": measured.runs,
        "durationS": round(measured.duration_s, 3),
        "tokens": measured.usage.total_tokens,
        "costUsd": measured.usage.cost_usd,
        "profile": measured.profile.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
