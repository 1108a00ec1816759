"""``skvm``: find the command, import only that, translate errors into exit codes."""

from __future__ import annotations

import atexit
import contextlib
import difflib
import errno
import importlib
import io
import os
import re
import signal
import sys
from types import FrameType
from typing import Any

import click
from click.shell_completion import CompletionItem

import skvm
from skvm.cli.clean_output import guarded, show_fault
from skvm.cli.command import SkvmCommand
from skvm.errors import InfrastructureError, SkvmError, UsageError

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS: dict[str, str] = {
    "quickstart": "Doctor, pull, profile, compile, run and compare: the whole way on this machine.",
    "doctor": "Check what this machine can do, and why not.",
    "models": "List, fetch and remove embedded models.",
    "harness": "List, install and check the agent programs a model runs in.",
    "lint": "Check skills against the format and against what breaks in real loaders.",
    "analyze": "Say what skills hold: kinds, needs, procedures, dependencies, parallel steps, findings.",
    "profile": "Measure what a model in a harness can do.",
    "primitives": "List, show, grade and check the capabilities a profile is made of.",
    "aot-compile": "Compile skills for a target.",
    "certify": "Write what is known of a skill on a target, and what is not, into a signed certificate.",
    "verify": "Check the proof of a variant, a lock, or a certificate, without a model.",
    "pipeline": "Profile if needed, then compile.",
    "plan": "Show, check, run and trace the plan of a skill.",
    "env": "Check what a skill needs of this machine, and bind what is missing.",
    "run": "Run one task once, grade it, record it.",
    "bench": "Say whether a skill helps, in what form, and how sure that is.",
    "boost": "See and steer what answers in a model's place.",
    "jit-optimize": "Make a skill better from evidence, and prove it before a person accepts it.",
    "proposals": "See, compare and decide on what the optimizer proposes.",
    "recompile": "Recompile what runs contradict, measure it, propose it.",
    "clean-jit": "Forget what was learnt at run time on a target.",
    "data": "Fetch, check and import the tasks a bench runs.",
    "logs": "List and export recorded runs.",
    "gateway": "Serve a model on loopback in three dialects, for any client or harness.",
    "config": "Write, show and check the configuration; ask an endpoint what it can do.",
    "cache": "See how much is kept, and keep it in bounds.",
    "import-cache": "Adopt profiles, proposals, templates, variants and routes of an existing cache.",
    "mcp": "Serve the verbs of skvm to an agent, over the Model Context Protocol.",
    "skills": "Give your agents the skills with which they use skvm themselves.",
    "completion": "Print what makes a shell complete skvm's commands, options and names.",
    "explain": "Explain a diagnostic code.",
}
"""Command name → one line of help; here so that ``skvm --help`` imports no command. A test keeps it true."""


class LazyGroup(click.Group):
    """A group whose commands are modules of ``skvm.cli.commands``, imported when named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order users meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"skvm.cli.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which was meant."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Name the commands without importing one."""
        named = [(name, line) for name, line in COMMANDS.items() if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=line) for name, line in named), *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 fine, 1 findings or failed job, 2 usage, 3 infrastructure, 130 interrupted.",
)
@click.version_option(skvm.__version__, "-v", "--version", prog_name="skvm")
def cli() -> None:
    """Compile, run and measure agent skills for the model and harness that will run them."""


_INTERRUPTED = 130
_OS_HELP = {
    errno.ENOSPC: "free some space where the output goes, or send it elsewhere",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or run less at once",
}


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that has no sign for a character must not stop us; nor a file name that is not UTF-8.
        sys.stdout.reconfigure(errors="backslashreplace")
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Whoever starts us with nohup wants the hang-up ignored.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    sys.excepthook = show_fault
    if "_SKVM_COMPLETE" in os.environ:
        from skvm.cli.completing import prepare

        prepare()
    code = _flushed(run(args))
    if code == _INTERRUPTED:
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """End without waiting for threads.

    An interruption may cut off just what would have told an idle worker thread of the event loop to end, and
    the interpreter would wait for it for ever.
    """
    atexit._run_exitfuncs()
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
    os._exit(code)


def _flushed(code: int) -> int:
    """Write out what still waits in the buffer: a full disk shows now, or too late for a message."""
    if sys.stdout is None:  # it was closed before we started
        return code
    try:
        sys.stdout.flush()
    except OSError as error:
        # Else the interpreter tries again as it ends, and puts its own exit code in the place of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return code
        known = _of_the_system(error)
        show_error(known)
        return known.exit_code
    return code


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End as Ctrl-C does: the event loop cancels, cleans up and writes down how it ended."""
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:
        _quieten_event_loop()
        raise KeyboardInterrupt


def _quieten_event_loop() -> None:
    """Keep the event loop, if there is one, from logging our own interruption as a fault of a task."""
    if "asyncio" in sys.modules:
        import logging

        logging.getLogger("asyncio").addFilter(_is_no_interrupt)


def _is_no_interrupt(record: Any) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(KeyboardInterrupt) is None
    return not isinstance(error, KeyboardInterrupt)


def run(args: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    with guarded():
        return _run(args)


def _run(args: list[str] | None) -> int:
    try:
        result: Any = cli.main(args=args, prog_name="skvm", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except (SkvmError, OSError, RuntimeError, BaseExceptionGroup) as error:
        # A second signal may arrive inside any task, and come back in a group.
        if isinstance(error, BaseExceptionGroup) and error.subgroup(KeyboardInterrupt) is not None:
            return _interrupted()
        known = _known(error)
        if known is None:
            raise
        show_error(known)
        return known.exit_code
    return result if isinstance(result, int) else 0


def _interrupted() -> int:
    click.echo("interrupted", err=True)
    return _INTERRUPTED


_NO_HOME = "Could not determine home directory."
"""What Python says of a path like ``~nobody/x``, wherever it is opened up."""


def _known(error: BaseException) -> SkvmError | None:
    """What a user can act on, or ``None`` for a fault of ours."""
    if isinstance(error, SkvmError):
        return error
    if isinstance(error, OSError):
        return _of_the_system(error)
    if isinstance(error, RuntimeError) and str(error) == _NO_HOME:
        return UsageError("a path begins with ~ and the name of nobody here", help="write the path whole")
    if isinstance(error, BaseExceptionGroup):
        found = [_known(inner) for inner in error.exceptions]
        return None if None in found else found[0]
    return None


def _of_the_system(error: OSError) -> InfrastructureError:
    place = f"{error.filename}: " if error.filename is not None else ""
    return InfrastructureError(f"{place}{error.strerror or error}", help=_OS_HELP.get(error.errno or 0))


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def show_error(error: SkvmError) -> None:
    """One line, one help line, no traceback."""
    # Messages quote names and output of strangers, which a terminal must not obey.
    message = _CONTROL.sub("\ufffd", error.message)
    # As rich does by itself.
    color = False if os.environ.get("NO_COLOR") else None
    click.echo(click.style("error: ", fg="red", bold=True) + message, err=True, color=color)
    if error.help:
        click.echo(click.style("help: ", fg="cyan", bold=True) + error.help, err=True, color=color)


__all__ += ["SkvmCommand", "run", "show_error"]
