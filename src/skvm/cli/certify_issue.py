"""Issuing a certificate from the command line: find targets, gather, sign, write, say what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from skvm.bench.plan import Target
    from skvm.certify.statement import Signature, Statement
    from skvm.certify.subject import Subject
    from skvm.settings import Settings

__all__ = ["issue_certificate"]


def issue_certificate(settings: Settings, skill: Path, options: dict[str, Any]) -> None:
    """Write a certificate.

    Raises:
        SkvmError: As the parts of it say.
    """
    import anyio

    from skvm.certify.checking import certificate_beside
    from skvm.certify.issuing import make_statement
    from skvm.certify.keys import sign
    from skvm.certify.sealing import certificate_bytes
    from skvm.certify.subject import read_subject

    subject = read_subject(skill)
    sessions = _each(options["sessions"])
    targets = _targets(settings, subject, _each(options["targets"]), sessions)
    place = None if options["out"] == "-" else Path(options["out"] or certificate_beside(subject.folder))
    if place is not None:
        _check_place(place, subject)
    statement = anyio.run(lambda: make_statement(settings, subject, targets, sessions=sessions))
    signature = sign(statement, _key(settings, options["key_file"]))
    data = certificate_bytes(statement, signature)
    if place is None:
        sys.stdout.write(data.decode())
        return
    _write(place, data)
    _tell(place, statement, signature, as_json=options["as_json"])


def _each(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for part in lists for item in part))


def _targets(
    settings: Settings, subject: Subject, named: Sequence[str], sessions: Sequence[str]
) -> tuple[Target, ...]:
    import anyio

    from skvm.bench.plan import Target
    from skvm.certify.targets import parse_target
    from skvm.errors import UsageError

    if named:
        parsed = dict.fromkeys(parse_target(text) for text in named)
        return tuple(Target(model=model, harness=harness) for model, harness in parsed)
    if not sessions:
        raise UsageError(
            "no target is named", help="--target MODEL or MODEL@HARNESS; or --session ID for those of a bench"
        )
    found: tuple[Target, ...] = anyio.run(_targets_of_sessions, settings, sessions)
    return found


async def _targets_of_sessions(settings: Settings, sessions: Sequence[str]) -> tuple[Target, ...]:
    from skvm.bench.history import find_plan
    from skvm.errors import UsageError
    from skvm.evidence.journal import Journal

    if not settings.journal_path.exists():
        raise UsageError("no bench was ever started here", help=f"there is no {settings.journal_path}")
    async with Journal(settings.journal_path, read_only=True) as journal:
        plans = [(await find_plan(journal, name))[1] for name in sessions]
    return tuple(dict.fromkeys(target for plan in plans for target in plan.targets))


def _key(settings: Settings, named: str | None) -> Ed25519PrivateKey:
    from skvm.certify.keys import key_path, load_key, make_key, put_public
    from skvm.cli.console import err
    from skvm.errors import UsageError

    if named:
        return load_key(Path(named).expanduser())
    path = key_path(settings)
    try:
        if not path.exists():
            fingerprint = make_key(path)
            err.print(f"made a key to sign with: {path} ({fingerprint})", markup=False, highlight=False)
    except UsageError:
        if not path.exists():  # else another process was quicker, and it is the same key for both
            raise
    key = load_key(path)
    # Whoever made it may have been killed before its public half was there.
    put_public(path, key)
    return key


def _check_place(place: Path, subject: Subject) -> None:
    """Refuse a place where the certificate would change what it certifies, or replace what is none.

    Raises:
        UsageError: With the way out.
    """
    from skvm.certify.checking import says_certificate
    from skvm.errors import UsageError

    if place.absolute().parent.resolve().is_relative_to(subject.folder.resolve()):
        raise UsageError(
            f"{place} lies in the skill's own folder, which it would change", help="choose a place beside it"
        )
    if not place.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {place.absolute().parent}", help="make it, or choose another")
    if place.is_symlink() or (place.exists() and not place.is_file()):
        raise UsageError(f"{place} is there, and no regular file", help="choose another place with --out")
    if place.exists() and not says_certificate(place):
        raise UsageError(f"{place} is there, and no certificate", help="move it away, or use --out")


def _write(place: Path, data: bytes) -> None:
    from skvm.errors import InfrastructureError
    from skvm.files import replace_file

    try:
        replace_file(place, data, mode=0o644)
    except OSError as error:
        raise InfrastructureError(
            f"{place}: cannot be written: {error.strerror}", help="free space, or choose another with --out"
        ) from error


def _tell(place: Path, statement: Statement, signature: Signature, *, as_json: bool) -> None:
    from skvm.certify.summary import headline, is_measured
    from skvm.cli.console import err, out, print_json, visible

    if as_json:
        print_json(
            {
                "schema": 1,
                "path": str(place),
                "fingerprint": signature.fingerprint,
                "skill": statement.skill.id,
                "digest": statement.skill.digest,
                "targets": [
                    {"model": each.model, "harness": each.harness, "isMeasured": is_measured(each)}
                    for each in statement.targets
                ],
                "limits": list(statement.limits),
            }
        )
        return
    for target in statement.targets:
        out.print(visible(f"{target.label}: {headline(target)}"), markup=False, highlight=False)
    out.print(visible(f"written to {place}"), markup=False, highlight=False)
    out.print(f"signed by {signature.fingerprint}", markup=False, highlight=False)
    for line in statement.limits:
        err.print(visible(f"limit  {line}"), style="dim", markup=False, highlight=False)
