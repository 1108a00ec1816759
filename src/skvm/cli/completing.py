"""What a shell is told when somebody presses the tab key; names are read off files, nothing heavy imported.

A parameter is known by its name, so that one option completes alike in every command.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

if TYPE_CHECKING:
    from skvm.settings import Settings

__all__ = ["Bash", "Suggested", "joined", "prepare", "suggestions"]

_PACKAGE = Path(__file__).resolve().parent.parent
_MOST = 200
_TAIL_BYTES = 1 << 16
_ACP = ("opencode", "hermes", "claude-code", "codex", "pi", "qwen-code")
_FILES = {"DIR": "dir", "FILE": "file", "PATH": "file", "PLAN": "file", "SKILL": "dir"}
"""Metavar → what a shell completes itself."""


class Bash(BashComplete):
    """Bash, which takes ``=`` and ``:`` for words of their own: they are put together again."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before, and what was typed of the last."""
        at = int(os.environ["COMP_CWORD"])
        typed = split_arg_string(os.environ["COMP_WORDS"])[1 : at + 1]
        words = joined([*typed, *[""] * (at - len(typed))])
        return words[:-1], words[-1] if words else ""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """The values; of one that has a colon, what comes after it, for that is bash's word."""
        found = super().get_completions(args, incomplete)
        known = incomplete.rpartition("=")[2].rpartition(":")
        for item in found:
            if item.type == "plain":
                item.value = item.value.removeprefix(known[0] + known[1])
        return found


def joined(words: Iterable[str]) -> list[str]:
    """Words as a shell passes them on, of words as bash breaks them for completion."""
    found: list[str] = []
    is_open = False
    for word in words:
        is_break = word == ":" or (word == "=" and found and found[-1].startswith("--"))
        if found and (is_break or (is_open and word)):
            found[-1] += word
        elif not is_open:
            found.append(word)
        is_open = bool(is_break)
    return found


def prepare() -> None:
    """Have our bash answer."""
    add_completion_class(Bash)


class Suggested(click.types.StringParamType):
    """A text whose values a shell is told."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The values that begin so."""
        return suggestions(ctx, param, incomplete)


def suggestions(
    ctx: click.Context, param: click.Parameter, incomplete: str, *, is_list: bool = False
) -> list[CompletionItem]:
    """What a parameter may be completed to.

    Args:
        ctx: The command so far.
        param: Which parameter.
        incomplete: What was typed of it.
        is_list: Whether it takes several, with commas; the last one is completed.
    """
    before, comma, last = incomplete.rpartition(",") if is_list else ("", "", incomplete)
    names = _names(ctx, param)
    found = [CompletionItem(before + comma + name) for name in names if name.startswith(last)]
    kind = _FILES.get((param.metavar or "").strip("[].…")) or _TAKES_FOLDERS.get(_name_of(param))
    if kind and not comma:
        found.append(CompletionItem(incomplete, type=kind))
    return found


def _names(ctx: click.Context, param: click.Parameter) -> Iterable[str]:
    from skvm.errors import SkvmError

    group = ctx.parent.info_name if ctx.parent is not None else ""
    name = _name_of(param)
    source = _SOURCES.get(f"{group} {name}") or _SOURCES.get(f"{ctx.info_name} {name}") or _SOURCES.get(name)
    if source is None:
        return ()
    try:
        return tuple(dict.fromkeys(source()))[:_MOST]
    except (SkvmError, OSError, ValueError):
        # A broken configuration is told by commands, not by the tab key.
        return ()


def _name_of(param: click.Parameter) -> str:
    longest = max(param.opts, key=len).lstrip("-") if param.opts else ""
    is_option = isinstance(param, click.Option)
    return f"--{longest}" if is_option else (param.name or "")


def _settings() -> Settings:
    from skvm.settings import load_settings

    return load_settings()


def _modules(*below: str) -> list[str]:
    """Components of a folder, one a file."""
    return sorted(path.stem for path in _PACKAGE.joinpath(*below).glob("[!_]*.py"))


def _harnesses() -> Iterable[str]:
    yield from (name.replace("_", "-") for name in _modules("harness", "adapters") if name != "acp")
    yield from (f"acp:{name}" for name in _ACP)


def _programs() -> Iterable[str]:
    built_in = ("bare-agent", "shell-agent")
    return (name for name in _harnesses() if name not in built_in and ":" not in name)


def _lookers() -> Iterable[str]:
    from skvm.skills.places import LOOKERS

    return (looker.name for looker in LOOKERS)


def _skills() -> Iterable[str]:
    return sorted(path.parent.name for path in (_PACKAGE / "skills").glob("*/SKILL.md"))


def _primitives() -> Iterable[str]:
    return (name.replace("_", ".") for name in _modules("target", "primitives"))


def _conditions() -> Iterable[str]:
    return (name.replace("_", "-") for name in _modules("bench", "conditions") if name != "labelled")


def _models() -> Iterable[str]:
    """Models that were profiled, that are named by a route, or that commands dealt with lately."""
    settings = _settings()
    for root in (settings.profiles_dir, _PACKAGE / "target" / "prebuilt"):
        for folder in sorted(root.glob("*/*--*")):
            yield folder.name.replace("--", "/")
    yield from (route.match for route in settings.routes if "*" not in route.match)
    for line in _tail(settings.logs_dir / "sessions.jsonl"):
        models = line.get("models")
        yield from (each for each in models if isinstance(each, str)) if isinstance(models, list) else ()


def _tail(file: Path) -> list[dict[str, Any]]:
    """The last lines of a file of JSON, the newest first."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, os.fstat(opened.fileno()).st_size - _TAIL_BYTES))
            lines = opened.read(_TAIL_BYTES).splitlines()
    except OSError:
        return []
    found = []
    for line in reversed(lines):
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict):
            found.append(told)
    return found


def _sessions() -> Iterable[str]:
    # Their names begin with when they began.
    folders = (_settings().logs_dir / "bench").glob("[0-9]*")
    return ["latest", *islice(sorted((each.name for each in folders), reverse=True), _MOST)]


def _proposals() -> Iterable[str]:
    root = _settings().proposals_dir / "jit-optimize"
    found = [each for each in root.glob("*/*/*/[0-9]*") if each.is_dir()]
    newest = sorted(found, key=lambda each: each.name, reverse=True)
    return ["/".join(each.parts[-4:]) for each in newest[:_MOST]]


def _resumable_proposals() -> Iterable[str]:
    return ["latest", *_proposals()]


def _tasks() -> Iterable[str]:
    return sorted(file.parent.name for file in (_settings().data_dir / "tasks").glob("*/task.json"))


_SOURCES: Mapping[str, Callable[[], Iterable[str]]] = {
    **dict.fromkeys(("--adapter", "--target-adapter", "--harness", "--editor-harness"), _harnesses),
    **dict.fromkeys(("--model", "--target-model", "--optimizer-model", "--compiler-model"), _models),
    **dict.fromkeys(("--judge-model", "--analyze-model"), _models),
    **dict.fromkeys(("--primitives", "--skip", "primitives id"), _primitives),
    **dict.fromkeys(("--tasks", "--test-tasks", "--task"), _tasks),
    **dict.fromkeys(("--conditions", "--lhs", "--rhs"), _conditions),
    **dict.fromkeys(("harness name", "harness names"), _programs),
    "skills --harness": _lookers,
    "skills names": _skills,
    "bench --resume": _sessions,
    "jit-optimize --resume": _resumable_proposals,
    "proposals id": _proposals,
}
"""Option or argument, after its group or command where it is not the same everywhere → its values."""

_TAKES_FOLDERS = {
    "--skill": "dir",
    "--tasks": "dir",
    "--task": "dir",
    "--test-tasks": "dir",
    "--logs": "file",
}
"""Lists of paths, whose metavar is that of every list."""
