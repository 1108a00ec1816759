"""``skvm aot-compile``: compile skills for targets."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import CommaList, SkvmCommand, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skvm.cli.compile_jobs import Job
    from skvm.settings import Settings
    from skvm.skill.ir import Skill
    from skvm.target.profile import Profile
    from skvm.target.store import StoredProfile

_HELP = """Compile skills for a target.

The variant goes under the cache, see README. The skill's own files stay as they are, but a skvm.lock is
written beside SKILL.md: it records the build, so that --frozen can repeat it on any machine. --no-lock leaves
it out.
"""


@click.command("aot-compile", cls=SkvmCommand, help=_HELP, short_help="Compile skills for a target.")
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
@click.option(
    "--pass",
    "passes",
    default="1",
    show_default=True,
    metavar="1,2,3",
    help="Passes by number, name or tag (p1p2p3); aot-compile --list-passes lists them.",
)
@click.option("--list-passes", is_flag=True, help="List the passes there are.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Jobs at once.")
@click.option("--dry-run", is_flag=True, help="Write nothing.")
@click.option(
    "--compiler-model",
    "--optimizer-model",
    metavar="ID",
    help="A model to ask, or none. By default Claude Sonnet 4.6 if OPENROUTER_API_KEY is set, else none.",
)
@click.option(
    "--refuse",
    type=CommaList(),
    default="",
    metavar="TYPE:NAME",
    help="Dependencies that may not be bound; another way is taken where the skill has one.",
)
@click.option(
    "--no-eliminate",
    is_flag=True,
    help="Leave everything in SKILL.md, also what the target hardly needs there.",
)
@click.option(
    "--accept",
    type=click.IntRange(0, 10_000),
    default=0,
    metavar="N",
    help="Measure original against variant in N pairs of runs; keep the better-proved one.",
)
@click.option("--tasks", type=CommaList(), default="", help="Task folders to measure by.")
@click.option("--max-usd", type=click.FloatRange(min=0), help="Spend ceiling in dollars.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Spend ceiling in tokens.")
@click.option("--force", is_flag=True, help="Compile even if the same build is there already.")
@click.option("--frozen", is_flag=True, help="Build only what skvm.lock describes, and ask no model.")
@click.option("--no-lock", is_flag=True, help="Do not write skvm.lock into the skill's folder.")
@click.option(
    "--timeout-ms",
    type=click.IntRange(1),
    default=300_000,
    show_default=True,
    help="Wall clock of a compile; runs of --accept have their own.",
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

    from skvm.cli.compile_jobs import run_jobs
    from skvm.compiler.counsel import model_to_ask
    from skvm.evidence.sessions import recorded_session

    if options["list_passes"]:
        _list_passes(as_json=options["is_json"])
        return
    settings = settings_of(ctx)
    options["compiler_model"] = model_to_ask(settings, options["compiler_model"])
    options["refuse"] = _refused(options["refuse"])
    passes = checked_options(
        skills, models, adapters, passes=options["passes"], compiler_model=options["compiler_model"]
    )
    profile = _given_profile(options["profile_path"], models, adapters)
    loaded = _told_apart([load(path) for path in skills])
    jobs = _jobs(settings, loaded, models, adapters, profile)
    about: dict[str, Any] = {"models": models, "harness": adapters, "skill": skills}
    # A dry run writes nothing at all.
    is_dry = options["dry_run"]
    with nullcontext() if is_dry else recorded_session(settings.logs_dir, "aot-compile", **about):
        anyio.run(run_jobs, settings, jobs, passes, options)


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
    if compiler_model != "none" and "/" not in compiler_model.strip("/"):
        raise UsageError(
            f"--compiler-model={compiler_model} is no full model id",
            help="give <provider>/<model-id>; --compiler-model=none compiles statically",
        )
    return tokens


def _refused(items: Sequence[str]) -> tuple[str, ...]:
    """The dependencies of ``--refuse``, each once, in order.

    Raises:
        UsageError: One has no known type or no name.
    """
    from skvm.errors import UsageError
    from skvm.harness.environment.manifest import Type

    for item in items:
        kind, _, name = item.partition(":")
        if kind not in list(Type) or not name:
            raise UsageError(
                f"--refuse={item}: no dependency",
                help=f"write type:name, for example pip:pandas; types: {', '.join(Type)}",
            )
    return tuple(sorted(set(items)))


def load(path: str) -> Skill:
    """Read a skill named on the command line: its folder, or the ``SKILL.md`` in it.

    Raises:
        UsageError: There is no skill.
        FindingsError: There is one, and it cannot be read.
    """
    from skvm.compiler.builds.faults import SKV281
    from skvm.errors import FindingsError, UsageError
    from skvm.skill.frontend import load_skill

    place = Path(path)
    try:
        return load_skill(place.absolute().parent if place.name == "SKILL.md" and place.is_file() else place)
    except UsageError as error:
        if not os.path.lexists(place if place.suffix == ".md" else place / "SKILL.md"):
            raise
        raise FindingsError(f"{SKV281.code}: {error.message}", help=error.help) from error


def _told_apart(skills: Sequence[Skill]) -> list[Skill]:
    """Each skill once.

    Raises:
        UsageError: Two of them have one id, so that their variants would lie in one place.
    """
    from skvm.errors import UsageError

    known: dict[str, Skill] = {}
    for skill in skills:
        other = known.setdefault(skill.id, skill)
        if other.root != skill.root:
            raise UsageError(
                f"--skill: {other.root} and {skill.root} are both called {skill.id!r}, "
                "so their variants would lie in one place",
                help="rename one folder, or compile the two with different --skvm-cache",
            )
    return list(known.values())


def _given_profile(path: Path | None, models: Sequence[str], adapters: Sequence[str]) -> StoredProfile | None:
    from skvm.errors import UsageError
    from skvm.target.store import StoredProfile, read_profile

    if path is None:
        return None
    if len(models) != 1 or len(adapters) != 1:
        raise UsageError(
            "--profile describes one target, but several are named", help="give one --model and one --adapter"
        )
    profile = read_profile(path)
    _tell_unknown(profile)
    return StoredProfile(profile, path)


def _tell_unknown(profile: Profile) -> None:
    """Name what a profile holds that nobody here knows, most often another version's or misspelt."""
    from skvm.cli.console import err, visible
    from skvm.target.contract import PRIMITIVES

    if unknown := sorted(set(profile.capabilities) - set(PRIMITIVES.names())):
        names = visible(", ".join(unknown[:6])) + (
            f" and {len(unknown) - 6} more" if len(unknown) > 6 else ""
        )
        err.print(
            f"the profile names primitives unknown here, which count for nothing: {names}",
            style="yellow",
            markup=False,
        )


def _jobs(
    settings: Settings,
    skills: Sequence[Skill],
    models: Sequence[str],
    adapters: Sequence[str],
    given: StoredProfile | None,
) -> list[Job]:
    """Every skill for every target; all missing profiles are told at once."""
    from skvm.cli.compile_jobs import Job
    from skvm.compiler.builds.instances import read_failures
    from skvm.errors import UsageError
    from skvm.target.store import ProfileStore

    store = ProfileStore.of(settings)
    jobs: list[Job] = []
    missing: list[tuple[str, str]] = []
    for adapter in dict.fromkeys(adapters):
        for model in dict.fromkeys(models):
            stored = given or store.latest(model, adapter) or store.partial(model, adapter)
            if stored is None:
                missing.append((model, adapter))
                continue
            failures = read_failures(stored.path.parent, stored.profile)
            jobs += [Job(skill, model, adapter, stored.profile, failures) for skill in skills]
    if missing:
        names = ", ".join(f"{model} in {adapter}" for model, adapter in missing)
        wanted = (dict.fromkeys(pair[0] for pair in missing), dict.fromkeys(pair[1] for pair in missing))
        raise UsageError(
            f"no profile of {names}",
            help=f"skvm profile --model={','.join(wanted[0])} --adapter={','.join(wanted[1])}",
        )
    return jobs


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
