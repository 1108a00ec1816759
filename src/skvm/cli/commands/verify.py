"""``skvm verify``: check again, without a model, what a compile claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from skvm.cli.command import SkvmCommand, settings_of

if TYPE_CHECKING:
    from skvm.compiler.builds.proof_checking import Verdict
    from skvm.settings import Settings

__all__ = ["command"]

_SCHEMA = 1
_OF_A_VARIANT = frozenset({"SKILL.md", "compilation-plan.json", "meta.json", "proof.json"})


@click.command("verify", cls=SkvmCommand, help="Check the proof of a variant, or a lock, without a model.")
@click.argument("path", metavar="VARIANT|LOCK", type=click.Path(path_type=Path))
@click.option("--skill", "skill_path", metavar="DIR", help="The original skill, to compare with.")
@click.option("--profile", "profile_path", type=click.Path(path_type=Path), help="The target's profile.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(
    ctx: click.Context, path: Path, skill_path: str | None, profile_path: Path | None, *, as_json: bool
) -> None:
    """Find out what the path is, check it, and fail if it does not hold."""
    from skvm.cli.console import print_json
    from skvm.errors import FindingsError

    kind, place = _kind_of(path)
    settings: Settings = settings_of(ctx)
    verdict = _lock(place, settings) if kind == "lock" else _variant(place, skill_path, profile_path)
    if as_json:
        print_json(
            {
                "schema": _SCHEMA,
                "kind": kind,
                "path": str(path),
                "holds": not verdict.findings,
                "findings": [
                    {"code": found.code, "path": found.path, "message": found.message}
                    for found in verdict.findings
                ],
                "checked": list(verdict.checked),
                "notes": list(verdict.notes),
            }
        )
    else:
        _print(verdict)
    if verdict.findings:
        count = len(verdict.findings)
        raise FindingsError(
            f"{path} does not hold: {count} finding{'s' if count > 1 else ''}",
            help=verdict.findings[0].help
            or f"compile the skill again; skvm explain {verdict.findings[0].code} says more",
        )


def _kind_of(path: Path) -> tuple[str, Path]:
    """What a path is, and the folder or file to check.

    Raises:
        UsageError: It is nothing that can be checked.
    """
    from skvm.compiler.builds.lockfile import LOCK_NAME
    from skvm.errors import UsageError

    if path.name == LOCK_NAME and path.is_file():
        return "lock", path
    folder = path.parent if path.name in _OF_A_VARIANT and path.is_file() else path
    if folder.is_dir() and any((folder / name).is_file() for name in ("proof.json", "meta.json")):
        return "variant", folder
    if folder.is_dir() and (folder / LOCK_NAME).is_file():
        return "lock", folder / LOCK_NAME
    what = "is not there" if not path.exists() else "is neither a compiled variant nor a lock"
    raise UsageError(f"{path} {what}", help="name the folder of a variant, or a skvm.lock")


def _lock(path: Path, settings: Settings) -> Verdict:
    from skvm.compiler.builds.lock_checking import check_lock

    return check_lock(path, settings)


def _variant(folder: Path, skill_path: str | None, profile_path: Path | None) -> Verdict:
    from skvm.compiler.builds.proof_checking import check_variant
    from skvm.skill.frontend import load_skill
    from skvm.target.store import read_profile

    skill = load_skill(Path(skill_path)) if skill_path else None
    profile = read_profile(profile_path) if profile_path else None
    return check_variant(folder, skill=skill, profile=profile)


def _print(verdict: Verdict) -> None:
    from skvm.cli.console import err, out

    for found in verdict.findings:
        err.print(f"{found.code} {found.message}", style="red", markup=False, highlight=False)
    if not verdict.findings:
        for line in verdict.checked:
            out.print(f"ok  {line}", markup=False, highlight=False)
    for line in verdict.notes:
        out.print(f"note  {line}", style="dim", markup=False, highlight=False)
