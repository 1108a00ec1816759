"""``skvm profile``: measure targets, show and list what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import (
    CommaList,
    SkvmCommand,
    VerbGroup,
    adapter_config_option,
    check_adapter_config,
    settings_of,
)
from skvm.cli.profile_verbs import VERBS, list_profiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skvm.profiler.measure import Measurement
    from skvm.profiler.plan import Request
    from skvm.settings import Settings
    from skvm.target.contract import Primitive


class _Profile(SkvmCommand, VerbGroup):
    """A command that measures when no verb is given."""


@click.group("profile", cls=_Profile, invoke_without_command=True)
@click.option("--model", "--target-model", "models", type=CommaList(), default="", help="Model ids.")
@click.option(
    "--adapter",
    "--target-adapter",
    "adapters",
    type=CommaList(),
    default="bare-agent",
    show_default=True,
    help="Harnesses.",
)
@click.option("--primitives", type=CommaList(), default="", help="Only these.")
@click.option("--skip", type=CommaList(), default="", help="Not these.")
@click.option(
    "--instances", type=click.IntRange(1, 1000), default=3, show_default=True, help="Probes a level at most."
)
@click.option("--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Runs at once.")
@click.option(
    "--timeout-ms", type=click.IntRange(1), default=120_000, show_default=True, help="Wall clock of a probe."
)
@adapter_config_option
@click.option("--max-usd", type=click.FloatRange(0, min_open=True), help="Stop before this is spent.")
@click.option("--max-tokens", type=click.IntRange(1), help="Stop before these are used.")
@click.option("--sandbox", default="auto", show_default=True, help="auto, bubblewrap, landlock or none.")
@click.option("--fill", is_flag=True, help="Measure what an imported profile lacks.")
@click.option("--force", is_flag=True, help="Measure again what is known.")
@click.option("--list", "is_list", is_flag=True, help="List the profiles that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, /, models: tuple[str, ...], **options: Any) -> None:
    """Measure what a model in a harness can do.

    Without a verb: measures. The verbs look at what was measured, or bring it from elsewhere.
    """
    from skvm.errors import UsageError
    from skvm.target.store import ProfileStore

    if any(ctx.meta["skvm.flags"].values()):
        settings_of(ctx)  # flags before a verb hold for it too
    if ctx.invoked_subcommand is not None:
        return
    settings = settings_of(ctx)
    store = ProfileStore(settings.profiles_dir)
    if options["is_list"]:
        list_profiles(store, models, as_json=options["as_json"])
        return
    if not models:
        raise UsageError("no model given", help="name one: skvm profile --model local/qwen2.5-coder-1.5b")
    targets = [(model, adapter) for model in models for adapter in options["adapters"]]
    _measure(settings, store, targets, options)


for _verb in VERBS:
    command.add_command(_verb)


def _measure(
    settings: Settings, store: Any, targets: Sequence[tuple[str, str]], options: dict[str, Any]
) -> None:
    import anyio

    from skvm.cli.console import err
    from skvm.evidence.sessions import recorded_session
    from skvm.harness.contract import HARNESSES
    from skvm.profiler.ladder import FixedDesign
    from skvm.profiler.plan import Request

    primitives = _chosen(options["primitives"], options["skip"])
    for _, adapter in targets:
        HARNESSES.get(adapter)  # a wrong name is told before anything is opened
    check_adapter_config(options["adapters"], options["adapter_config"])
    requests = [
        Request(
            model=model,
            harness=adapter,
            primitives=primitives,
            design=FixedDesign(options["instances"]),
            concurrency=options["concurrency"],
            timeout_s=options["timeout_ms"] / 1000,
            force=options["force"],
            fill=options["fill"],
        )
        for model, adapter in targets
    ]
    models = tuple(dict.fromkeys(model for model, _ in targets))
    adapters = tuple(dict.fromkeys(adapter for _, adapter in targets))
    try:
        with recorded_session(settings.logs_dir, "profile", models=models, harness=adapters):
            anyio.run(_measure_all, settings, store, requests, options)
    except KeyboardInterrupt:
        kept = "the last complete profile is as it was" if options["force"] else "go on with the same command"
        err.print(
            f"Stopped; primitives that were finished are kept beside it: {kept}.",
            style="yellow",
            markup=False,
        )
        raise


def _chosen(wanted: tuple[str, ...], skipped: tuple[str, ...]) -> tuple[Primitive, ...]:
    """The primitives asked for; an unknown id is an error with a suggestion."""
    from skvm.errors import UsageError
    from skvm.target.contract import PRIMITIVES

    left_out = {PRIMITIVES.get(name).id for name in skipped}
    every = [PRIMITIVES.get(name) for name in dict.fromkeys(wanted)] if wanted else PRIMITIVES.all()
    chosen = tuple(primitive for primitive in every if primitive.id not in left_out)
    if not chosen:
        raise UsageError("--skip leaves no primitive to measure")
    return chosen


async def _measure_all(
    settings: Settings, store: Any, requests: Sequence[Request], options: dict[str, Any]
) -> None:
    from skvm.cli.console import err, print_json
    from skvm.cli.profiling import measure_with_progress, print_measurement
    from skvm.errors import FindingsError, SkvmError
    from skvm.evaluate.run import open_bench
    from skvm.llm.contract import SpendLimit

    limit = SpendLimit(options["max_usd"], options["max_tokens"])
    given = limit if limit != SpendLimit() else None
    results: list[dict[str, Any]] = []
    failed: list[str] = []
    async with open_bench(settings, sandbox=options["sandbox"], limit=given) as bench:
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
