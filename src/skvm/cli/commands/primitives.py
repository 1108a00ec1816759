"""``skvm primitives``: what capabilities there are, their probes, and what their authors need."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, VerbGroup, settings_of

if TYPE_CHECKING:
    from skvm.harness.trajectory import Trajectory
    from skvm.target.contract import Level, Primitive, Probe

__all__ = ["command"]

_MAX_TEXT_BYTES = 64 << 20
_LEVEL = click.option("--level", metavar="L1|L2|L3", required=True, help="Of which level.")
_SEED = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Which probe.")
_SANDBOX = click.option(
    "--sandbox", default="auto", show_default=True, help="auto, or the name of a back end."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("primitives", cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List, show, grade and check the capabilities a profile is made of."""


@command.command("list", cls=SkvmCommand)
@click.option("--levels", is_flag=True, help="Show what each level claims.")
@_JSON
def list_primitives(levels: bool, as_json: bool) -> None:
    """List all primitives, those of plugins among them."""
    from skvm.cli.console import print_json
    from skvm.cli.primitive_report import primitive_json, print_catalogue
    from skvm.target.contract import PRIMITIVES

    every = PRIMITIVES.all()
    if as_json:
        print_json([primitive_json(primitive) for primitive in every])
    else:
        print_catalogue(every, levels=levels)
    _tell_faults()


@command.command(cls=SkvmCommand)
@click.argument("id")
@click.option("--level", metavar="L1|L2|L3", help="Show a probe of this level.")
@click.option("--seed", type=click.IntRange(min=0), help="Which one (default 0).")
@click.option("--out", "folder", metavar="DIR", help="Write the work directory an agent would find.")
@_JSON
def show(id: str, level: str | None, seed: int | None, folder: str | None, as_json: bool) -> None:
    """Show a primitive, or with --level one of its probes, as it is asked, and its reference answer."""
    from skvm.cli.console import err, print_json
    from skvm.cli.primitive_report import primitive_json, print_primitive, print_probe, probe_json
    from skvm.errors import UsageError

    primitive = _find(id)
    if level is None:
        if seed is not None or folder is not None:
            raise UsageError(
                f"{'--out' if seed is None else '--seed'} means a probe",
                help="say of which level: --level L1",
            )
        print_json(primitive_json(primitive)) if as_json else print_primitive(primitive)
        return
    which = _level(level)
    probe = _probe(primitive, which, seed or 0)
    if folder is not None:
        _write(primitive, which, probe, Path(folder))
        err.print(f"the work directory was written to {folder}", markup=False)
    if as_json:
        print_json(probe_json(primitive, which, seed or 0, probe))
    else:
        print_probe(primitive, which, seed or 0, probe)


@command.command(cls=SkvmCommand)
@click.argument("id")
@_LEVEL
@_SEED
@click.option("--workdir", metavar="DIR", help="What was left there (default: what the probe laid out).")
@click.option("--response", metavar="FILE", help="The agent's last words; - reads standard input.")
@click.option("--trajectory", "trajectory_file", metavar="FILE", help="What it did, as our JSON.")
@_SANDBOX
@_JSON
@click.pass_context
def grade(
    ctx: click.Context,
    /,
    *,
    id: str,
    level: str,
    seed: int,
    workdir: str | None,
    response: str | None,
    trajectory_file: str | None,
    sandbox: str,
    as_json: bool,
) -> None:
    """Grade given work with the oracle of ID, on a copy in a fresh sandbox cell.

    Exit code 0: it passed, 1: it failed, 3: it could not be graded.
    """
    import anyio

    from skvm.cli.console import err, print_json
    from skvm.cli.primitive_report import print_verdict
    from skvm.errors import UsageError
    from skvm.profiler.given import grade_given

    settings = settings_of(ctx)
    primitive, which = _find(id), _level(level)
    if workdir is None and response is None and trajectory_file is None:
        raise UsageError("no work to grade", help="give --workdir DIR, --response FILE or both")
    folder = Path(workdir) if workdir is not None else None
    if folder is not None and not folder.is_dir():
        raise UsageError(
            f"{workdir}: {'not a directory' if folder.exists() else 'there is no such directory'}"
        )
    trajectory = _trajectory(trajectory_file) if trajectory_file is not None else None
    said = _text(response) if response is not None else trajectory.final_text if trajectory else ""
    probe = _probe(primitive, which, seed)

    async def main() -> Any:
        opened = await _sandbox(sandbox, settings.tmp_dir, primitive, which)
        return await grade_given(
            primitive,
            which,
            probe,
            sandbox=opened,
            tmp_dir=settings.tmp_dir,
            work_dir=folder,
            response=said,
            trajectory=trajectory,
        )

    verdict, notes = anyio.run(main)
    for note in notes:
        err.print(f"note: {note}", style="yellow", markup=False)
    if as_json:
        named = {"id": primitive.id, "level": which.value, "seed": seed}
        print_json({**named, "passed": verdict.passed, "reason": verdict.reason, "notes": list(notes)})
    else:
        print_verdict(verdict)
    ctx.exit(0 if verdict.passed else 1)


@command.command(cls=SkvmCommand)
@click.argument("id")
@click.option("--level", metavar="L1|L2|L3", help="Only this level.")
@click.option(
    "--seeds",
    type=click.IntRange(1, 10_000),
    default=5,
    show_default=True,
    help="Probes a level that are tried.",
)
@_SANDBOX
@_JSON
@click.pass_context
def check(
    ctx: click.Context, /, *, id: str, level: str | None, seeds: int, sandbox: str, as_json: bool
) -> None:
    """Try the oracle of ID: right answers pass, reformatted ones as declared, cheats and guesses fail.

    Exit code 0: sound, 1: something was found, 3: a level could not be checked here.
    """
    import anyio

    from skvm.cli.console import print_json
    from skvm.cli.primitive_check import check_json, check_with_progress, print_check
    from skvm.target.contract import LEVELS

    settings = settings_of(ctx)
    primitive = _find(id)
    levels = LEVELS if level is None else (_level(level),)
    checked = anyio.run(
        partial(
            check_with_progress,
            primitive,
            levels,
            seeds=seeds,
            sandbox=sandbox,
            tmp_dir=settings.tmp_dir,
            quiet=as_json,
        )
    )
    if as_json:
        print_json(check_json(checked))
    else:
        print_check(checked)
    ctx.exit(checked.exit_code)


def _find(id: str) -> Primitive:
    from skvm.target.contract import PRIMITIVES

    return PRIMITIVES.get(id.strip())


def _tell_faults() -> None:
    from skvm.cli.console import err, print_diagnostics
    from skvm.target.contract import PRIMITIVES

    print_diagnostics(PRIMITIVES.faults(), console=err)


def _level(text: str) -> Level:
    import difflib

    from skvm.errors import UsageError
    from skvm.target.contract import LEVELS, Level

    wanted = text.strip().upper()
    if wanted in LEVELS:
        return Level(wanted)
    if wanted == Level.L0:
        way_out = "L0 is what is left where L1 fails; no probe asks it"
    elif close := difflib.get_close_matches(wanted, LEVELS, n=1):
        way_out = f"did you mean {str(close[0])!r}?"
    else:
        way_out = "known: L1, L2, L3"
    raise UsageError(f"unknown level {text!r}", help=way_out)


def _probe(primitive: Primitive, level: Level, seed: int) -> Probe:
    from skvm.errors import InfrastructureError

    try:
        return primitive.probe(level, seed)
    except Exception as error:
        raise InfrastructureError(
            f"{primitive.id} {level} seed {seed} cannot be generated: {type(error).__name__}: {error}"
        ) from error


def _write(primitive: Primitive, level: Level, probe: Probe, folder: Path) -> None:
    from skvm.errors import UsageError
    from skvm.profiler.given import lay_out

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "is not empty" if folder.is_dir() else "is not a directory"
        raise UsageError(f"{folder}: {what}", help="name a directory that is not there yet")
    folder.mkdir(parents=True, exist_ok=True)
    lay_out(primitive, level, probe, folder)


async def _sandbox(name: str, tmp_dir: Path, primitive: Primitive, level: Level) -> Any:
    """The sandbox, which has what the level needs."""
    from skvm.errors import InfrastructureError
    from skvm.harness.confine import choose_sandbox
    from skvm.profiler.preflight import find_absent

    opened, spec = choose_sandbox(name), primitive.levels[level]
    absent = await find_absent(opened, tmp_dir, {*primitive.commands, *spec.commands}, set(spec.modules))
    if absent:
        raise InfrastructureError(
            f"{primitive.id} {level} cannot be graded: the sandbox has no {', '.join(sorted(absent))}",
            help="install what is missing; until then the primitive is unmeasured",
        )
    return opened


def _text(name: str) -> str:
    """A file's text, or that of standard input."""
    from skvm.errors import UsageError

    data = _bytes(name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{_shown(name)}: not UTF-8 text (byte {error.start:,})", help="a response is what the agent said"
        ) from error


def _bytes(name: str) -> bytes:
    from skvm.errors import UsageError

    if name == "-":
        data = sys.stdin.buffer.read(_MAX_TEXT_BYTES + 1) if sys.stdin else b""  # it may have been closed
    else:
        path = Path(name)
        if not path.is_file():
            what = "there is no such file" if not path.exists() else "not a file"
            raise UsageError(f"{name}: {what}")
        with path.open("rb") as file:
            data = file.read(_MAX_TEXT_BYTES + 1)
    if len(data) > _MAX_TEXT_BYTES:
        raise UsageError(f"{_shown(name)}: more than {_MAX_TEXT_BYTES >> 20} MiB")
    return data


def _shown(name: str) -> str:
    return "standard input" if name == "-" else name


def _trajectory(name: str) -> Trajectory:
    """A trajectory, bare or as ``skvm logs show --json`` prints it."""
    import json

    from pydantic import ValidationError

    from skvm.errors import UsageError
    from skvm.harness.trajectory import Trajectory

    try:
        value = json.loads(_text(name))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{_shown(name)}: not JSON: {error}") from error
    if isinstance(value, dict) and isinstance(value.get("trajectory"), dict):
        value = value["trajectory"]
    try:
        return Trajectory.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise UsageError(
            f"{_shown(name)}: not a trajectory: {place}: {first['msg']}",
            help="`skvm logs show RUN --json` prints one",
        ) from error
