"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from docsite.words import code, table
from skvm.cli.command import _GLOBAL_FLAGS, SkvmCommand
from skvm.cli.main import COMMANDS, cli

__all__ = ["every_command", "pages"]

_FOLDER = "reference/commands"

_HEAD = """# Commands

Generated from the program. `skvm COMMAND --help` says the same.

`--key=value` and `--key value` both work. Of an option given twice the last value wins, and an empty
value counts as none.

## Exit codes

| code | means |
| --- | --- |
| 0 | fine |
| 1 | findings, a regression, or a job that failed by its own doing |
| 2 | wrong usage: an unknown option, a value that cannot be, settings that cannot be read |
| 3 | infrastructure: disk, network, provider, sandbox; the same command may work later |
| 130 | interrupted |

## Options of every command

"""


def every_command() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command and verb with its full name (``skvm plan show``), in the order of the help."""
    root = click.Context(cli, info_name="skvm")
    for name in COMMANDS:
        found = cli.get_command(root, name)
        if found is not None:
            yield from _with_verbs(found, name, root)


def _with_verbs(
    command: click.Command, name: str, parent: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context = click.Context(command, info_name=name, parent=parent)
    yield context.command_path, command, context
    if isinstance(command, click.Group):
        for verb in command.list_commands(context):
            found = command.get_command(context, verb)
            if found is not None and not found.hidden:
                yield from _with_verbs(found, verb, context)


def pages() -> dict[str, str]:
    """A page for each command, and one over all."""
    sections: dict[str, list[str]] = {name: [] for name in COMMANDS}
    for path, command, context in every_command():
        name = path.split()[1]
        sections[name].append(_section(path, command, context, depth=len(path.split()) - 1))
    rows = [(f"[`skvm {name}`]({name}.md)", line) for name, line in COMMANDS.items()]
    front = _HEAD + _options(_shared()) + "\n## All of them\n\n" + table(("command", "does"), rows)
    return {
        f"{_FOLDER}/index.md": front,
        **{f"{_FOLDER}/{name}.md": "\n".join(parts) for name, parts in sections.items()},
    }


def _section(path: str, command: click.Command, context: click.Context, *, depth: int) -> str:
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [f"{'#' * depth} {path}\n", f"```text\n{path} {usage}\n```\n", _help(command)]
    if isinstance(command, click.Group):
        verbs = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
        rows = [
            (f"[`{name}`](#{path.replace(' ', '-')}-{name})", verb.get_short_help_str(200))
            for name, verb in verbs
            if verb is not None and not verb.hidden
        ]
        parts.append(table(("verb", "does"), rows))
    own = [
        param
        for param in command.get_params(context)
        if isinstance(param, click.Option)
        and not param.hidden
        and param.name not in {*_GLOBAL_FLAGS, "help"}
        and "--help" not in param.opts
    ]
    if own:
        parts.append(_options(own))
    return "\n".join(parts)


def _help(command: click.Command) -> str:
    text = inspect.cleandoc(command.help or "").partition("\f")[0].replace("\b\n", "")
    lines = [text, inspect.cleandoc(command.epilog or "")]
    # Names of arguments and placeholders are words in capitals; what looks like markup is none.
    words = "\n\n".join(line for line in lines if line).replace("<", "&lt;")
    return re.sub(r"(?<![\w`-])--[a-z][\w-]*", lambda found: code(found[0]), words) + "\n"


def _options(options: list[click.Option]) -> str:
    context = click.Context(click.Command("skvm"))
    return table(
        ("option", "takes", "default", "what it does"), (_row(option, context) for option in options)
    )


def _row(option: click.Option, context: click.Context) -> tuple[str, str, str, str]:
    names = " / ".join(code(name) for name in (*option.opts, *option.secondary_opts))
    takes = "" if option.is_flag or option.count else code(option.make_metavar(context))
    if isinstance(option.type, click.IntRange | click.FloatRange) and "range" in option.get_help_extra(
        context
    ):
        takes = code(option.get_help_extra(context)["range"].replace("x", "N", 1))
    extra = option.get_help_extra(context)
    if "range" in extra:
        takes = code(extra["range"].replace("x", "N", 1))
    if option.multiple and takes:
        takes += ", repeatable"
    default = str(extra.get("default", "")) if not option.is_flag else ""
    said = (option.help or "").replace("<", "&lt;").replace("*", "\\*")
    needed = " Required." if option.required else ""
    return names, takes, code(default) if default else "", said + needed


def _shared() -> list[click.Option]:
    """The options every command has."""
    bare = SkvmCommand("skvm")
    return [param for param in bare.params if isinstance(param, click.Option)]
