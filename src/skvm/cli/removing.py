"""Ask before something is removed."""

from __future__ import annotations

__all__ = ["confirm"]


def confirm(question: str, *, is_agreed: bool) -> None:
    """Ask; whoever says no ends the command.

    Args:
        question: What is to be agreed to.
        is_agreed: Whether that was said beforehand.

    Raises:
        UsageError: There is nobody to ask.
        click.Abort: The answer was no.
    """
    import sys

    import click

    from skvm.errors import UsageError

    if is_agreed:
        return
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError("nothing was removed: there is nobody to ask", help="add --yes to agree beforehand")
    click.confirm(question, abort=True, err=True)
