"""``skvm aot-compile``: compile skills for targets."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import CommaList, SkvmCommand, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skvm.compiler.driver import CompileResult
    from skvm.settings import Settings
    from skvm.skill.ir import Skill
    from skvm.target.profile import Profile


@dataclass(frozen=True, slots=True)
class _Job:
    """One skill for one target."""

    skill: Skill
    model: str
    harness: str
    profile: Profile


@click.command("aot-compile", cls=SkvmCommand, help="Compile skills for a target.")
@click.option("--skill", "skills", type=CommaList(), default="", help="Skill folders.")
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
@click.option("--profile", "profile_path", type=click.Path(path_type=Path), help="A profile file.")
@click.option("--pass", "passes", default="1", show_default=True, help="Pass numbers or names.")
@click.option("--list-passes", is_flag=True, help="List the passes there are.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Jobs at once.")
@click.option("--dry-run", is_flag=True, help="Write nothing.")
@click.option(
    "--compiler-model",
    "--optimizer-model",
    default="none",
    show_default=True,
    help="none: no model is asked.",
)
@click.option(
    "--timeout-ms", type=click.IntRange(1), default=300_000, show_default=True, help="Wall clock of a job."
)
@click.option("--explain", is_flag=True, help="Print every edit's chain of reasons, and the diff.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    skills: tuple[str, ...],
    models: tuple[str, ...],
    adapters: tuple[str, ...],
    **options: Any,
) -> None:
    """Translate the command line."""
    import anyio

    from skvm.evidence.sessions import recorded_session

    if options["list_passes"]:
        _list_passes(as_json=options["is_json"])
        return
    settings = settings_of(ctx)
    passes = checked_options(
        skills, models, adapters, passes=options["passes"], compiler_model=options["compiler_model"]
    )
    profile = _given_profile(options["profile_path"], models, adapters)
    loaded = [load(path) for path in skills]
    jobs = _jobs(settings, loaded, models, adapters, profile)
    about = {"models": models, "harness": adapters, "skill": skills}
    # A dry run writes nothing at all.
    is_dry = options["dry_run"]
    with nullcontext() if is_dry else recorded_session(settings.logs_dir, "aot-compile", **about):
        anyio.run(_run, settings, jobs, passes, options)


def checked_options(
    skills: Sequence[str],
    models: Sequence[str],
    adapters: Sequence[str],
    *,
    passes: str,
    compiler_model: str,
) -> tuple[str, ...]:
    """Check what needs no file: flags, harness names, passes, compiler model; returns the pass tokens.

    Raises:
        UsageError: One of them is wrong.
    """
    from skvm.compiler.pipeline import resolve_passes
    from skvm.errors import UsageError
    from skvm.harness.contract import HARNESSES

    for given, name, example in (
        (skills, "--skill", "--skill=examples/skills/expense-report"),
        (models, "--model", "--model=local/qwen2.5-coder-1.5b"),
        (adapters, "--adapter", "--adapter=shell-agent"),
    ):
        if not given:
            raise UsageError(f"{name} is required", help=f"for example {example}")
    for adapter in adapters:
        HARNESSES.get(adapter)
    tokens = tuple(token.strip() for token in passes.split(",") if token.strip())
    resolve_passes(tokens)
    if compiler_model != "none":
        raise UsageError(
            f"--compiler-model={compiler_model}: rewriting with a model is not there yet",
            help="--compiler-model=none compiles statically",
        )
    return tokens


def load(path: str) -> Skill:
    """Read a skill named on the command line: its folder, or the ``SKILL.md`` in it."""
    from skvm.skill.frontend import load_skill

    place = Path(path)
    return load_skill(place.absolute().parent if place.name == "SKILL.md" and place.is_file() else place)


def _given_profile(path: Path | None, models: Sequence[str], adapters: Sequence[str]) -> Profile | None:
    from skvm.errors import UsageError
    from skvm.target.store import read_profile

    if path is None:
        return None
    if len(models) != 1 or len(adapters) != 1:
        raise UsageError(
            "--profile describes one target, but several are named", help="give one --model and one --adapter"
        )
    return read_profile(path)


def _jobs(
    settings: Settings,
    skills: Sequence[Skill],
    models: Sequence[str],
    adapters: Sequence[str],
    given: Profile | None,
) -> list[_Job]:
    """Every skill for every target; all missing profiles are told at once."""
    from skvm.errors import UsageError
    from skvm.target.store import ProfileStore

    store = ProfileStore.of(settings)
    jobs: list[_Job] = []
    missing: list[tuple[str, str]] = []
    for adapter in dict.fromkeys(adapters):
        for model in dict.fromkeys(models):
            stored = (
                None if given is not None else store.latest(model, adapter) or store.partial(model, adapter)
            )
            profile = given if given is not None else stored.profile if stored else None
            if profile is None:
                missing.append((model, adapter))
                continue
            jobs += [_Job(skill, model, adapter, profile) for skill in skills]
    if missing:
        names = ", ".join(f"{model} in {adapter}" for model, adapter in missing)
        wanted = (dict.fromkeys(pair[0] for pair in missing), dict.fromkeys(pair[1] for pair in missing))
        raise UsageError(
            f"no profile of {names}",
            help=f"skvm profile --model={','.join(wanted[0])} --adapter={','.join(wanted[1])}",
        )
    return jobs


async def _run(
    settings: Settings, jobs: Sequence[_Job], passes: Sequence[str], options: dict[str, Any]
) -> None:
    import anyio

    from skvm.cli.compile_report import as_json, print_result
    from skvm.cli.console import err, print_json, progress
    from skvm.errors import FindingsError

    results: list[CompileResult | None] = [None] * len(jobs)
    failures: dict[int, str] = {}
    limiter = anyio.CapacityLimiter(options["concurrency"])
    with progress(quiet=options["is_json"] or len(jobs) == 1) as bars:
        bar = bars.add_task("compiling", total=len(jobs), note="")

        async def work(index: int) -> None:
            async with limiter:
                outcome = await _compile(settings, jobs[index], passes, options)
            if isinstance(outcome, str):
                failures[index] = outcome
            else:
                results[index] = outcome
            bars.advance(bar)

        async with anyio.create_task_group() as group:
            for index in range(len(jobs)):
                group.start_soon(work, index)
    done = [(job, result) for job, result in zip(jobs, results, strict=True) if result is not None]
    if options["is_json"]:
        failed = [
            {
                "skill": jobs[index].skill.id,
                "model": jobs[index].model,
                "harness": jobs[index].harness,
                "error": why,
            }
            for index, why in sorted(failures.items())
        ]
        print_json({"compiled": [as_json(result) for _, result in done], "failed": failed})
    else:
        for job, result in done:
            print_result(result, job.profile, explain=options["explain"])
    for index, why in sorted(failures.items()):
        job = jobs[index]
        err.print(f"{job.skill.id} for {job.model} in {job.harness}: {why}", style="red", markup=False)
    if failures:
        raise FindingsError(f"{len(failures)} of {len(jobs)} compiles failed")


async def _compile(
    settings: Settings, job: _Job, passes: Sequence[str], options: dict[str, Any]
) -> CompileResult | str:
    """The result, or why there is none."""
    import anyio

    from skvm.compiler.driver import compile_skill
    from skvm.errors import SkvmError

    try:
        with anyio.fail_after(options["timeout_ms"] / 1000):
            return await compile_skill(
                job.skill,
                model=job.model,
                harness=job.harness,
                profile=job.profile,
                settings=settings,
                passes=passes,
                dry_run=options["dry_run"],
            )
    except TimeoutError:
        return f"not done after {options['timeout_ms']} ms"
    except SkvmError as error:
        return f"{error.message}{f' (help: {error.help})' if error.help else ''}"


def _list_passes(*, as_json: bool) -> None:
    from rich.table import Table

    from skvm.cli.console import out, print_json
    from skvm.compiler.contract import PASSES

    found = sorted(PASSES.all(), key=lambda registered: registered.number)
    if as_json:
        print_json(
            [
                {
                    "number": registered.number,
                    "id": registered.id,
                    "needsProfile": registered.needs_profile,
                    "consumes": list(registered.consumes),
                    "produces": list(registered.produces),
                }
                for registered in found
            ]
        )
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("number", "pass", "needs a profile", "produces"):
        table.add_column(title)
    for registered in found:
        needs = "yes" if registered.needs_profile else "no"
        table.add_row(str(registered.number), registered.id, needs, ", ".join(registered.produces))
    out.print(table)
