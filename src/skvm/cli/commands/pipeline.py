"""``skvm pipeline``: profile if needed, then compile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, adapter_config_option, check_adapter_config, settings_of

if TYPE_CHECKING:
    from skvm.settings import Settings
    from skvm.skill.ir import Skill
    from skvm.target.profile import Profile


@click.command("pipeline", cls=SkvmCommand, help="Profile if needed, then compile.")
@click.option("--skill", help="Skill folder.")
@click.option("--model", "--target-model", "model", help="Model id.")
@click.option(
    "--adapter", "--target-adapter", "adapter", default="bare-agent", show_default=True, help="Harness."
)
@adapter_config_option
@click.option("--force-profile", is_flag=True, help="Measure again what is known.")
@click.option("--profile", "profile_path", type=click.Path(path_type=Path), help="A profile file.")
@click.option(
    "--pass",
    "passes",
    default="1",
    show_default=True,
    metavar="1,2,3",
    help="Passes by number, name or tag (p1p2p3); aot-compile --list-passes lists them.",
)
@click.option(
    "--compiler-model",
    "--optimizer-model",
    metavar="ID",
    help="A model to ask, or none. By default Claude Sonnet 4.6 if OPENROUTER_API_KEY is set, else none.",
)
@click.option("--dry-run", is_flag=True, help="Write no variant.")
@click.option(
    "--timeout-ms",
    type=click.IntRange(1),
    default=120_000,
    show_default=True,
    help="Wall clock of a probe and of the compile.",
)
@click.option("--max-usd", type=click.FloatRange(0, min_open=True), help="Stop before this is spent.")
@click.option("--max-tokens", type=click.IntRange(1), help="Stop before these are used.")
@click.option("--sandbox", default="auto", show_default=True, help="auto, or the name of a back end.")
@click.option("--explain", is_flag=True, help="Print every edit's chain of reasons, and the diff.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context, /, skill: str | None, model: str | None, adapter: str, **options: Any
) -> None:
    """Translate the command line."""
    import anyio

    from skvm.cli.commands.aot_compile import checked_options, load
    from skvm.compiler.admission import admit_skill
    from skvm.compiler.counsel import model_to_ask
    from skvm.errors import UsageError
    from skvm.evidence.sessions import recorded_session

    settings = settings_of(ctx)
    options["compiler_model"] = model_to_ask(settings, options["compiler_model"])
    passes = checked_options(
        [skill] if skill else [],
        [model] if model else [],
        [adapter] if adapter else [],
        passes=options["passes"],
        compiler_model=options["compiler_model"],
    )
    if options["profile_path"] and options["force_profile"]:
        raise UsageError("--profile and --force-profile exclude each other")
    if skill is None or model is None:
        raise UsageError("--skill and --model are required")
    check_adapter_config([adapter], options["adapter_config"])
    loaded = load(skill)
    # Before anything is measured for it.
    admit_skill(loaded)
    with recorded_session(settings.logs_dir, "pipeline", models=[model], harness=[adapter], skill=[skill]):
        anyio.run(_run, settings, loaded, (model, adapter), passes, options)


async def _run(
    settings: Settings,
    skill: Skill,
    target: tuple[str, str],
    passes: tuple[str, ...],
    options: dict[str, Any],
) -> None:
    import anyio

    from skvm.cli.compile_report import as_json, print_result
    from skvm.cli.console import print_json
    from skvm.compiler.builds.faults import SKV288
    from skvm.compiler.contract import CompileOptions
    from skvm.compiler.counsel import open_counsel
    from skvm.compiler.driver import compile_skill
    from skvm.errors import InfrastructureError
    from skvm.llm.contract import SpendLimit

    model, adapter = target
    profile = await _profile(settings, skill, model, adapter, options)
    try:
        limit = SpendLimit(max_usd=options["max_usd"], max_tokens=options["max_tokens"])
        async with open_counsel(settings, options["compiler_model"], limit=limit) as counsel:
            with anyio.fail_after(options["timeout_ms"] / 1000):
                result = await compile_skill(
                    skill,
                    model=model,
                    harness=adapter,
                    profile=profile,
                    settings=settings,
                    passes=passes,
                    dry_run=options["dry_run"],
                    options=CompileOptions(compiler_model=options["compiler_model"]),
                    counsel=counsel,
                )
    except TimeoutError as error:
        raise InfrastructureError(
            f"{SKV288.code}: {skill.name} for {model} in {adapter}: not compiled after "
            f"{options['timeout_ms']} ms; nothing was written",
            help="allow more with --timeout-ms",
        ) from error
    if options["is_json"]:
        print_json(as_json(result))
    else:
        print_result(result, profile, explain=options["explain"])


async def _profile(
    settings: Settings, skill: Skill, model: str, adapter: str, options: dict[str, Any]
) -> Profile:
    """The profile given, or the stored one brought up to what this skill needs."""
    from skvm.cli.console import err
    from skvm.cli.profiling import measure_with_progress
    from skvm.compiler.requirements import primitives_for
    from skvm.evaluate.run import open_bench
    from skvm.llm.contract import SpendLimit
    from skvm.profiler.plan import Request
    from skvm.runtime.plan.touching import with_touching
    from skvm.target.contract import PRIMITIVES
    from skvm.target.store import ProfileStore, read_profile

    if options["profile_path"]:
        return read_profile(options["profile_path"])
    store = ProfileStore.of(settings)
    needed = primitives_for(skill)
    stored = store.latest(model, adapter)
    if stored and not options["force_profile"] and all(stored.profile.level_of(name) for name in needed):
        if not options["is_json"]:
            err.print(f"profile: {stored.path} covers all the skill needs", style="dim", markup=False)
        return stored.profile
    request = Request(
        model=model,
        harness=adapter,
        primitives=tuple(PRIMITIVES.get(name) for name in needed),
        timeout_s=options["timeout_ms"] / 1000,
        force=options["force_profile"],
        fill=True,
    )
    limit = SpendLimit(options["max_usd"], options["max_tokens"])
    mode: Any = options["adapter_config"] or "managed"
    async with open_bench(settings, sandbox=options["sandbox"], limit=limit, config_mode=mode) as opened:
        bench = with_touching(opened)
        return (await measure_with_progress(request, bench, store, quiet=options["is_json"])).profile
