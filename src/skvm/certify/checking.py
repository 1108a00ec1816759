"""Whether a certificate holds: its form, signature, whose that is, the files it speaks of. Offline."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from skvm.certify.canonical import MAX_BYTES
from skvm.certify.consistency import contradictions
from skvm.certify.faults import (
    SKV901,
    SKV902,
    SKV903,
    SKV904,
    SKV905,
    SKV906,
    SKV908,
    SKV909,
)
from skvm.certify.keys import SignatureUncheckedError, holds
from skvm.certify.sealing import NoCertificateError, read_certificate
from skvm.certify.statement import KIND, Certificate, ListedFile
from skvm.certify.survey import survey
from skvm.compiler.builds.proof_checking import Verdict, counted
from skvm.diagnostics import Diagnostic
from skvm.errors import UsageError

__all__ = [
    "SUFFIX",
    "Checked",
    "certificate_beside",
    "check_certificate",
    "open_certificate",
    "says_certificate",
    "skill_beside",
]

SUFFIX = ".certificate.json"
"""How the file of a certificate ends; what stands before it is the name of the skill's folder beside it."""
_MOST_FILES = 200
_HEAD = 200


@dataclass(slots=True)
class Checked:
    """A certificate under examination.

    Args:
        path: Its file.
        certificate: What it says; ``None`` where it is none.
        is_signed_right: Whether its signature was checked and holds.
    """

    path: Path
    certificate: Certificate | None = None
    is_signed_right: bool = False
    findings: list[Diagnostic] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def verdict(self) -> Verdict:
        """What was found so far."""
        return Verdict(tuple(self.findings), tuple(self.checked), tuple(self.notes))


def open_certificate(path: Path) -> Checked:
    """Read a certificate and check what it says of itself: its form, its signature, its own consistency.

    Raises:
        UsageError: The file cannot be read.
    """
    book = Checked(path)
    try:
        book.certificate, is_as_written = read_certificate(_bytes_of(path))
    except NoCertificateError as error:
        book.findings.append(SKV901.at(f"{path.name}: {error}", path=path))
        return book
    if not is_as_written:
        book.findings.append(
            SKV902.at(f"{path.name}: its bytes are not those of a certificate that says this", path=path)
        )
    _check_signature(book, book.certificate)
    found = [SKV908.at(f"{path.name}: {what}", path=path) for what in contradictions(book.certificate)]
    book.findings += found
    if not book.findings:
        book.checked.append("it is as it was written, and its parts agree")
    return book


def check_certificate(
    path: Path, *, skill: Path | None, trusted: frozenset[str], is_any_key_good: bool, is_alone: bool
) -> Checked:
    """Check a certificate.

    Args:
        path: Its file.
        skill: The skill's folder; ``None`` looks for it beside the file.
        trusted: Fingerprints of keys that are trusted.
        is_any_key_good: Whether a key nobody named is no finding.
        is_alone: Whether the skill's files are left out.

    Raises:
        UsageError: The file cannot be read.
    """
    book = open_certificate(path)
    if book.certificate is None:
        return book
    _check_trust(book, book.certificate, trusted, is_any_key_good=is_any_key_good)
    if is_alone:
        book.notes.append("the skill's files were not looked at")
    else:
        _check_files(book, book.certificate, skill or skill_beside(path, book.certificate))
    return book


def says_certificate(path: Path) -> bool:
    """Whether a regular file says of itself that it is a certificate; whether it is one is another matter."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return f'"{KIND}"'.encode() in file.read(_HEAD)


def skill_beside(path: Path, certificate: Certificate) -> Path | None:
    """The folder beside a certificate that its name means, else the skill's id; ``None`` if there is none."""
    named = path.name.removesuffix(SUFFIX)
    for name in (named, certificate.statement.skill.id):
        # The id is a stranger's: it may name a folder here, and nothing elsewhere.
        if name in ("", ".", "..", path.name) or "/" in name or "\0" in name:
            continue
        folder = path.absolute().parent / name
        # The one it is named after counts whatever it holds, lest another skill answer for it.
        if (folder / "SKILL.md").is_file() or (name == named and folder.is_dir()):
            return folder
    return None


def certificate_beside(folder: Path) -> Path:
    """Where the certificate of a skill folder is written if nothing else is said."""
    place = folder.absolute()
    return place.with_name(f"{place.name}{SUFFIX}")


def _bytes_of(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError(f"{path}: not a regular file", help="name the file of a certificate")
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _check_signature(book: Checked, certificate: Certificate) -> None:
    if certificate.signature is None:
        book.findings.append(SKV903.at(f"{book.path.name}: has no signature", path=book.path))
        return
    try:
        book.is_signed_right = holds(certificate.statement, certificate.signature)
    except SignatureUncheckedError as error:
        book.findings.append(SKV909.at(error.message, path=book.path, help=error.help))
        return
    if book.is_signed_right:
        book.checked.append(f"the signature of {certificate.signature.fingerprint} holds")
    else:
        book.findings.append(
            SKV904.at(
                f"{book.path.name}: the signature is not that of its key over this statement", path=book.path
            )
        )


def _check_trust(
    book: Checked, certificate: Certificate, trusted: frozenset[str], *, is_any_key_good: bool
) -> None:
    if certificate.signature is None or not book.is_signed_right:
        return
    fingerprint = certificate.signature.fingerprint
    if fingerprint in trusted:
        book.checked.append("that key is trusted")
    elif is_any_key_good:
        book.notes.append(f"nobody said that the key {fingerprint} is to be trusted: anybody may have signed")
    else:
        book.findings.append(
            SKV905.at(
                f"{book.path.name}: signed by {fingerprint}, which is not trusted here",
                path=book.path,
                help="compare it with the issuer's by another way, then --trust it",
            )
        )


def _check_files(book: Checked, certificate: Certificate, folder: Path | None) -> None:
    skill = certificate.statement.skill
    if folder is None or not folder.is_dir():
        where = folder or book.path.absolute().parent / skill.id
        book.findings.append(
            SKV906.at(
                f"{where}: there is no folder to compare with",
                path=where,
                help="name it with --skill; --without-skill checks the certificate alone",
            )
        )
        return
    try:
        here = survey(folder)
    except UsageError as error:
        book.findings.append(SKV906.at(error.message, path=folder, help=error.help))
        return
    wrong = list(_differences(skill.files, here))
    for place, what in wrong[:_MOST_FILES]:
        book.findings.append(SKV906.at(f"{place}: {what}", path=folder / place))
    if len(wrong) > _MOST_FILES:
        book.findings.append(SKV906.at(f"and {len(wrong) - _MOST_FILES} more files differ", path=folder))
    if not wrong:
        book.checked.append(f"{counted(len(here), 'file')} of {folder} are those it speaks of")


def _differences(
    certified: tuple[ListedFile, ...], here: tuple[ListedFile, ...]
) -> Iterator[tuple[str, str]]:
    before, now = ({each.path: each for each in files} for files in (certified, here))
    for path in sorted(before.keys() | now.keys()):
        old, new = before.get(path), now.get(path)
        if new is None:
            yield path, "is missing"
        elif old is None:
            yield path, "was added" if new.kind == "file" else "was added, as a link"
        elif old.kind != new.kind:
            yield path, f"is a {new.kind} now and was a {old.kind}"
        elif old.digest != new.digest or old.size != new.size:
            yield path, "was changed" if new.kind == "file" else "leads elsewhere now"
        elif old.is_executable != new.is_executable:
            yield path, "may be executed now" if new.is_executable else "may not be executed any more"
