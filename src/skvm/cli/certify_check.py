"""Checking a certificate from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.compiler.builds.proof_checking import Verdict
    from skvm.settings import Settings

__all__ = ["check"]


def check(settings: Settings, path: Path, skill_path: str | None, options: dict[str, Any]) -> Verdict:
    """Check a certificate as the options say.

    Raises:
        UsageError: A file cannot be read, or options contradict each other.
        InfrastructureError: The journal cannot be read.
    """
    import anyio

    from skvm.certify.checking import check_certificate
    from skvm.certify.keys import own_fingerprint, trusted_in
    from skvm.errors import UsageError

    if skill_path and options["without_skill"]:
        raise UsageError("--skill and --without-skill contradict each other", help="leave one out")
    named = [word for part in options["trusted"] for word in part]
    trusted = frozenset().union(*map(trusted_in, named))
    # Keys that were named are all that count: a check in CI must not depend on whose machine it runs on.
    own = own_fingerprint(settings) if not named else None
    book = check_certificate(
        path,
        skill=_folder(skill_path),
        trusted=trusted | ({own} if own else set()),
        is_any_key_good=options["allow_unknown_key"],
        is_alone=options["without_skill"],
    )
    if options["is_recomputed"]:
        from skvm.certify.recheck import check_figures

        anyio.run(check_figures, book, settings)
    return book.verdict()


def _folder(text: str | None) -> Path | None:
    """The folder of a skill, also where its SKILL.md is named."""
    if text is None:
        return None
    path = Path(text).expanduser()
    return path.parent if path.name == "SKILL.md" and path.is_file() else path
