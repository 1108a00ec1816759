"""What commands print with: one console, JSON, diagnostics with a caret, progress bars."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from skvm.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from rich.status import Status

    from skvm.cli.progress_lines import ToldStatus

__all__ = ["err", "out", "print_diagnostics", "print_json", "progress", "status", "visible"]


class _Output(Console):
    """A console whose reader may leave: the exit code stays the command's own."""

    def on_broken_pipe(self) -> None:
        """Say no more."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


out = _Output(highlight=False, soft_wrap=True)
"""Results."""
err = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, notes, errors."""

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}
_STAND_IN = {"\t": " ", "\u200d": "\u200d", "\ufe0f": "\ufe0f", "\u00a0": " ", "\u3000": "\u3000"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def print_json(value: Any) -> None:
    """Print one JSON document to standard output, keys in the order given."""
    # Standard output may be closed, which click knows and sys.stdout.write does not.
    is_unicode = "utf" in (getattr(sys.stdout, "encoding", None) or "").lower()
    text = json.dumps(value, ensure_ascii=not is_unicode, indent=2, default=str)
    # Half a surrogate pair has no UTF-8; in JSON it can only stand in a string, where it has an escape.
    click.echo(_SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text))


def print_diagnostics(diagnostics: Iterable[Diagnostic], *, console: Console | None = None) -> None:
    """Print findings with their line and a caret."""
    console = console or out
    for found in diagnostics:
        place = ":".join(
            str(part) for part in (found.path, found.line, found.column) if part not in (None, "")
        )
        head = Text()
        if place:
            head.append(f"{visible(place)}: ", style="bold")
        head.append(f"{found.severity.value}[{found.code}]", style=_STYLES[found.severity])
        head.append(f": {visible(found.message)}")
        console.print(head)
        if found.line is not None and found.text:
            _print_caret(console, found)
        if found.help:
            console.print(Text.assemble(("  help: ", "cyan"), found.help))


def _print_caret(console: Console, found: Diagnostic) -> None:
    width, column = 100, (found.column or 1) - 1
    start = max(0, column - width // 2)
    shown = visible(found.text)[start : start + width]
    gutter = f"{found.line} | "
    console.print(Text.assemble((f"  {gutter}", "dim"), shown))
    indent = 2 + len(gutter) + cell_len(shown[: column - start])
    console.print(Text.assemble(" " * indent, ("^", _STYLES[found.severity])))


def visible(text: str) -> str:
    """Text of strangers, without what a terminal would obey; one character stays one character."""
    return "".join(
        character if character.isprintable() else _STAND_IN.get(character, "\ufffd") for character in text
    )


def tell_note(note: str) -> None:
    """Print one line of what a person may want to know beside the results."""
    err.print(note, style="yellow", markup=False)


def progress(*, quiet: bool = False) -> Progress:
    """A progress display on standard error; silent when ``quiet`` or not a terminal.

    Where a program follows us it is told, quiet or not; see ``progress_channel``.
    """
    from skvm.cli.progress_channel import is_told
    from skvm.cli.progress_lines import ToldProgress

    if is_told():
        return ToldProgress()
    return Progress(
        SpinnerColumn(),
        # Names, paths and errors may hold brackets, which are not ours to read as markup.
        TextColumn("{task.description}", style="progress.description", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=err,
        disable=quiet or not err.is_terminal,
    )


@contextmanager
def status(text: str) -> Iterator[Status | ToldStatus]:
    """A spinner on standard error, or lines for a program that follows us; see ``progress_channel``.

    Args:
        text: What it says first, as markup.
    """
    from skvm.cli.progress_channel import is_told
    from skvm.cli.progress_lines import ToldStatus

    if is_told():
        yield ToldStatus(text)
    else:
        with err.status(text) as shown:
            yield shown
