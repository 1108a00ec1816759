"""``skvm verify``: check again, without a model, what a compile or a certificate claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import CommaList, SkvmCommand, settings_of

if TYPE_CHECKING:
    from skvm.compiler.builds.proof_checking import Verdict
    from skvm.settings import Settings

__all__ = ["command"]

_SCHEMA = 1
_OF_A_VARIANT = frozenset({"SKILL.md", "compilation-plan.json", "meta.json", "proof.json"})


@click.command("verify", cls=SkvmCommand)
@click.argument("path", metavar="VARIANT|LOCK|CERTIFICATE", type=click.Path(path_type=Path))
@click.option(
    "--skill", "skill_path", metavar="DIR", help="The original, or certified, skill to compare with."
)
@click.option("--profile", "profile_path", type=click.Path(path_type=Path), help="The target's profile.")
@click.option(
    "--trust",
    "trusted",
    type=CommaList(),
    multiple=True,
    metavar="FILE|FINGERPRINT,…",
    help="Of a certificate: keys that may have signed it, instead of your own.",
)
@click.option("--allow-unknown-key", is_flag=True, help="Of a certificate: any key may have signed it.")
@click.option("--without-skill", is_flag=True, help="Of a certificate: look at no file of the skill.")
@click.option(
    "--journal", "is_recomputed", is_flag=True, help="Of a certificate: recompute its figures here."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(
    ctx: click.Context, /, path: Path, skill_path: str | None, profile_path: Path | None, **options: Any
) -> None:
    """Check the proof of a variant, a lock, or a certificate, without a model.

    Nothing is asked of the network. A certificate holds if it is as it was written, its signature is that of
    a key you trust (your own, or one given with --trust), and the skill's files are those it speaks of.
    Exit code: 0 if it holds, 1 with findings, 2 if there is nothing to check.
    """
    from skvm.cli.console import print_json
    from skvm.errors import FindingsError

    as_json = options["as_json"]
    kind, place = _kind_of(path)
    _check_options(kind, profile_path, options)
    settings: Settings = settings_of(ctx)
    if kind == "certificate":
        from skvm.cli.certify_check import check

        verdict = check(settings, place, skill_path, options)
    else:
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
            help=verdict.findings[0].help or _way_out(kind, verdict.findings[0].code),
        )


def _way_out(kind: str, code: str) -> str:
    more = f"skvm explain {code} says more"
    return more if kind == "certificate" else f"compile the skill again; {more}"


def _check_options(kind: str, profile_path: Path | None, options: dict[str, Any]) -> None:
    """Refuse options that would be ignored: whoever gives one relies on it.

    Raises:
        UsageError: With the first of them.
    """
    from skvm.errors import UsageError

    of_certificates = {
        "--trust": options["trusted"],
        "--allow-unknown-key": options["allow_unknown_key"],
        "--without-skill": options["without_skill"],
        "--journal": options["is_recomputed"],
    }
    given = [name for name, value in of_certificates.items() if value] if kind != "certificate" else []
    if kind == "certificate" and profile_path is not None:
        given = ["--profile"]
    if given:
        raise UsageError(f"{given[0]} means nothing for a {kind}", help="leave it out")


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
    if _is_certificate(path):
        return "certificate", path
    what = "is not there" if not path.exists() else "is neither a compiled variant, a lock nor a certificate"
    raise UsageError(f"{path} {what}", help="name the folder of a variant, or a skvm.lock, or a certificate")


def _is_certificate(path: Path) -> bool:
    """Whether a file is called like a certificate, or says that it is one."""
    from skvm.certify.checking import SUFFIX, says_certificate

    return path.is_file() and (path.name.endswith(SUFFIX) or says_certificate(path))


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
    from skvm.cli.console import err, out, visible

    # What is checked comes from strangers, whose names a terminal must not obey.
    for found in verdict.findings:
        err.print(f"{found.code} {visible(found.message)}", style="red", markup=False, highlight=False)
    if not verdict.findings:
        for line in verdict.checked:
            out.print(f"ok  {visible(line)}", markup=False, highlight=False)
    for line in verdict.notes:
        out.print(f"note  {visible(line)}", style="dim", markup=False, highlight=False)
