"""Questions on a terminal: lines, numbers, a key that is not shown; garbage is asked again."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

__all__ = ["QuitError", "ask", "ask_key", "choose", "say", "signals_quit"]

_MAX_STARS = 24
_wakers: list[int] = []
"""What signals write into while questions are asked."""


class QuitError(BaseException):
    """The user wants to end without writing; nothing that catches faults may catch it.

    Args:
        is_forced: The terminal went away or the process was told to end.
    """

    def __init__(self, *, is_forced: bool = False) -> None:
        super().__init__()
        self.is_forced = is_forced


def say(text: str = "") -> None:
    """Print a line; nothing in it is obeyed by the terminal."""
    from skvm.cli.console import visible

    # Not through rich: what is asked must not be wrapped into pieces on a narrow terminal.
    with _leaving():
        sys.stdout.write("\n".join(visible(line) for line in text.split("\n")) + "\n")
        sys.stdout.flush()


def ask(
    question: str,
    default: str = "",
    *,
    check: Callable[[str], str] | None = None,
    can_quit: bool = True,
) -> str:
    """Ask for a line; Enter takes the default.

    Args:
        question: Without its colon.
        default: Shown in brackets.
        check: Gives the answer as it is kept, or raises ``UsageError``, whose message is shown.
        can_quit: Whether a single ``q`` ends the wizard.

    Raises:
        QuitError: ``q``, or nobody is there any more.
        KeyboardInterrupt: Ctrl-C.
    """
    from skvm.cli.console import visible
    from skvm.errors import UsageError

    shown = f"{question} [{visible(default)}]: " if default else f"{question}: "
    while True:
        try:
            answer = _read_line(shown).strip()
        except UnicodeDecodeError:
            say("  that is no text; once more")
            continue
        if can_quit and answer.casefold() in {"q", "quit"}:
            raise QuitError
        if answer and not answer.isprintable():
            say("  that holds characters that cannot be seen; once more")
            continue
        try:
            return check(answer or default) if check else answer or default
        except UsageError as error:
            say(f"  {error.message}{f'; {error.help}' if error.help else ''}")


def _read_line(question: str) -> str:
    """A line as the terminal gives it, whole.

    Raises:
        UnicodeDecodeError: It is no UTF-8.
    """
    descriptor = sys.stdin.fileno()
    taken = b""
    with _leaving():
        sys.stdout.write(question)
        sys.stdout.flush()
        while not taken.endswith(b"\n"):
            _wait_for(descriptor)
            data = os.read(descriptor, 4096)
            if not data:
                raise QuitError(is_forced=True)
            taken += data
    return taken.decode("utf-8")


def _wait_for(descriptor: int) -> None:
    """Wait until something was typed.

    A signal that arrives just before a process begins to read would be seen only after the next line; here it
    writes into a pipe that is waited for as well.
    """
    while True:
        ready, _, _ = select.select([descriptor, *_wakers], [], [])
        if descriptor in ready:
            return
        # Its handler has run by now, and did not raise.
        for waker in ready:
            os.read(waker, 64)


def choose(question: str, words: Sequence[str], default: str = "") -> str:
    """Ask for one of several words; their beginnings will do where they are clear.

    Raises:
        QuitError: As ``ask``.
        KeyboardInterrupt: Ctrl-C.
    """
    from skvm.errors import UsageError

    def check(answer: str) -> str:
        close = [word for word in words if word == answer] or [
            word for word in words if answer and word.startswith(answer.casefold())
        ]
        if len(close) != 1:
            raise UsageError(f"not one of {', '.join(word for word in words if word)}")
        return close[0]

    return ask(question, default, check=check)


def ask_key(question: str) -> str:
    """Ask for a key; a star is shown for each character. Empty means none was given.

    Raises:
        QuitError: Nobody is there any more.
        KeyboardInterrupt: Ctrl-C.
    """
    while True:
        key = _read_hidden(f"{question}: ").strip()
        if key.isascii() and key.isprintable() and " " not in key:
            return key
        say("  that holds characters no key can have; paste it again, or press Enter to go back")


def _read_hidden(question: str) -> str:
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    with _leaving():
        try:
            # Before anything is asked, so that nothing of the key is echoed. What was typed ahead is kept;
            # Ctrl-C stays a signal.
            tty.setcbreak(descriptor, termios.TCSADRAIN)
            sys.stdout.write(question)
            sys.stdout.flush()
            return _hidden_line(descriptor)
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
            sys.stdout.write("\n")
            sys.stdout.flush()


def _hidden_line(descriptor: int) -> str:
    taken = bytearray()
    while True:
        _wait_for(descriptor)
        data = os.read(descriptor, 4096)
        if not data:
            raise QuitError(is_forced=True)
        # Terminals may put marks around what is pasted.
        data = data.replace(b"\x1b[200~", b"").replace(b"\x1b[201~", b"")
        for byte in data:
            if byte in b"\r\n":
                return taken.decode("utf-8", "replace")
            if byte == 0x04 and not taken:
                raise QuitError(is_forced=True)
            if byte in b"\x7f\x08":
                if taken and len(taken) <= _MAX_STARS:
                    sys.stdout.write("\b \b")
                del taken[-1:]
            elif byte == 0x15:
                sys.stdout.write("\b \b" * min(len(taken), _MAX_STARS))
                taken.clear()
            elif byte >= 0x20:
                taken.append(byte)
                if len(taken) <= _MAX_STARS:
                    sys.stdout.write("*")
        sys.stdout.flush()


@contextlib.contextmanager
def _leaving() -> Iterator[None]:
    """A terminal that went away is a user who left."""
    try:
        yield
    except (EOFError, OSError) as error:
        raise QuitError(is_forced=True) from error


@contextlib.contextmanager
def signals_quit() -> Iterator[None]:
    """Let a request to end, unlike Ctrl-C, end the wizard and not a step of it."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise QuitError(is_forced=True)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    old = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    _wakers.append(reading)
    try:
        yield
    finally:
        _wakers.remove(reading)
        signal.set_wakeup_fd(old)
        os.close(reading)
        os.close(writing)
        for number, handler in before.items():
            signal.signal(number, handler)
