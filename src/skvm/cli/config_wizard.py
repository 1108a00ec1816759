"""``skvm config init`` on a terminal: four steps, nothing written before the last."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from skvm.cli.config_asking import QuitError, ask, ask_key, choose, say, signals_quit
from skvm.cli.config_document import Document, suggest_prefix, tidy_url
from skvm.errors import SkvmError, UsageError

if TYPE_CHECKING:
    from skvm.harness.programs.catalogue import Program

__all__ = ["SMOKE_TEST", "route_words", "run_wizard"]

SMOKE_TEST = "skvm config doctor --live"
_STEPS = ("Providers", "Default mode", "Adapters", "Write")
_TITLES = {"openrouter": "OpenRouter", "anthropic": "Anthropic"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_NO_PREFIX = re.compile(r"[^A-Za-z0-9._-]")
_AGENTS = {
    "openclaw": (".openclaw/agents", "*/"),
    "hermes": (".hermes/profiles", "*/"),
    "opencode": (".config/opencode/agent", "*.md"),
}
"""Harness → where its users keep several agents."""


def run_wizard(document: Document) -> int:
    """Ask, then write; gives the exit code."""
    say(f"skvm config init: {document.path}{'' if document.before is not None else ' (new)'}")
    say("Enter takes what stands in brackets, Ctrl-C leaves a step, q ends without writing.")
    try:
        with signals_quit():
            return _steps(document)
    except QuitError as end:
        say("\nnothing was written")
        return 130 if end.is_forced else 0


def _steps(document: Document) -> int:
    steps: tuple[Callable[[Document], bool], ...] = (_providers, _mode, _adapters, _write)
    following = 1
    while True:
        say()
        for number, words in enumerate(_summary(document), 1):
            say(f"{number} {_STEPS[number - 1]:<13} {words}")
        try:
            step = int(ask("step", str(following), check=_number(1, len(_STEPS))))
        except KeyboardInterrupt:
            raise QuitError(is_forced=True) from None
        try:
            if steps[step - 1](document):
                return 0
            following = min(step + 1, len(_STEPS))
        except KeyboardInterrupt:
            say("\n  left; what was finished in it stays")
            following = step
        except SkvmError as error:
            say(f"  {error.message}{f'; {error.help}' if error.help else ''}")
            following = step


def _summary(document: Document) -> Iterator[str]:
    yield ", ".join(str(route.get("match")) for route in document.routes) or "none"
    yield document.mode()
    yield ", ".join(sorted(document.values.get("adapters") or {})) or "none"
    yield "changes wait to be written" if document.is_changed else "nothing has changed"


def _number(low: int, high: int, *, is_optional: bool = False) -> Callable[[str], str]:
    def check(answer: str) -> str:
        if (is_optional and not answer) or (
            answer.isascii() and answer.isdecimal() and len(answer) < 6 and low <= int(answer) <= high
        ):
            return answer
        raise UsageError(f"not a number from {low} to {high}")

    return check


@dataclass(frozen=True, slots=True)
class _Row:
    """A provider in the list: one that there is, or a kind there is none of."""

    kind: str
    route: dict[str, Any] | None = None


def _providers(document: Document) -> bool:
    while True:
        rows = [_Row(str(route.get("kind")), route) for route in document.routes]
        kinds = {row.kind for row in rows}
        rows += [_Row(kind) for kind in _TITLES if kind not in kinds] + [_Row("openai-compatible")]
        say("\nProviders")
        for number, row in enumerate(rows, 1):
            say(f"{number:>2} {_row_words(row)}")
        picked = ask("tick or change which, Enter to go on", check=_number(1, len(rows), is_optional=True))
        if not picked:
            return False
        row = rows[int(picked) - 1]
        if row.route is None:
            _add(document, row.kind)
        else:
            _change(document, row.kind, row.route)


def _row_words(row: _Row) -> str:
    if row.route is not None:
        return f"[x] {route_words(row.route)}"
    if row.kind in _TITLES:
        return f"[ ] {_TITLES[row.kind]}"
    return "[ ] an openai-compatible endpoint (any number of them)"


def route_words(route: dict[str, Any]) -> str:
    """A route in a line, without its key."""
    place = f" at {route['baseUrl']}" if route.get("baseUrl") else ""
    variable = route.get("apiKeyEnv")
    if route.get("apiKey"):
        key = "key in the file"
    elif variable:
        key = f"key from {variable} ({'set' if os.environ.get(str(variable)) else 'not set'})"
    else:
        key = "no key"
    return f"{route.get('match')}  {route.get('kind')}{place}, {key}"


def _add(document: Document, kind: str) -> None:
    if kind in _TITLES:
        document.put_route({"match": f"{kind}/*", "kind": kind, **_ask_key_of(kind, {})})
    else:
        document.put_route(_ask_endpoint(document, {}))


def _change(document: Document, kind: str, route: dict[str, Any]) -> None:
    verb = choose("keep, edit or remove it", ("keep", "edit", "remove"), "keep")
    if verb == "remove":
        document.remove_route(route)
    elif verb == "edit" and kind == "openai-compatible":
        document.put_route(_ask_endpoint(document, route), instead=route)
    elif verb == "edit":
        place = {"baseUrl": route["baseUrl"]} if route.get("baseUrl") else {}
        changed = {"match": route.get("match"), "kind": kind, **place, **_ask_key_of(kind, route)}
        document.put_route(changed, instead=route)


def _ask_endpoint(document: Document, old: dict[str, Any]) -> dict[str, Any]:
    url = ask("base URL", str(old.get("baseUrl") or ""), check=tidy_url)
    below = "most endpoints are below /v1; add it"
    if not urlsplit(url).path and choose(below, ("yes", "no"), "yes") == "yes":
        url += "/v1"
    taken = {str(route.get("match")).partition("/")[0] for route in document.routes if route is not old}
    before = str(old.get("match") or "").partition("/")[0]

    def check_prefix(answer: str) -> str:
        if not answer or _NO_PREFIX.search(answer):
            raise UsageError("a prefix is letters, digits, dots and hyphens")
        if answer in taken:
            raise UsageError(f"{answer}/ belongs to another route already")
        return answer

    prefix = ask("prefix of its model ids", before or suggest_prefix(url, taken), check=check_prefix)
    default = str(old["match"]) if old and prefix == before else f"{prefix}/*"

    def check_match(answer: str) -> str:
        if "/" not in answer or any(character.isspace() for character in answer):
            raise UsageError("a pattern is like lab/* or lab/qwen*: a prefix, a slash, the models")
        return answer

    match = ask("which ids it serves", default, check=check_match)
    is_here = (urlsplit(url).hostname or "").startswith(("localhost", "127.", "::1"))
    key = _ask_key_of("openai-compatible", old, prefix=prefix, usual="none" if is_here else "variable")
    return {"match": match, "kind": "openai-compatible", "baseUrl": url, **key}


def _ask_key_of(
    kind: str, old: dict[str, Any], *, prefix: str = "", usual: str = "variable"
) -> dict[str, str]:
    """What a route says of its key; servers of this machine usually want none."""
    kept = {name: str(old[name]) for name in ("apiKey", "apiKeyEnv") if old.get(name)}
    words = ["variable", "paste"]
    if kind == "openai-compatible":
        words.append("none")
    if kept:
        words.append("keep")
    default = "keep" if kept else usual
    while True:
        how = choose(f"key: {', '.join(words[:-1])} or {words[-1]}", words, default)
        if how == "keep":
            return kept
        if how == "none":
            return {}
        if how == "variable":
            stem = re.sub(r"\W", "_", prefix).upper() if prefix else kind.upper()
            name = str(old.get("apiKeyEnv") or f"{'' if not stem[:1].isdigit() else 'K'}{stem}_API_KEY")
            name = ask("environment variable that holds it", name, check=_check_name)
            if not os.environ.get(name):
                say(f"  {name} is not set here; set it before you use the route")
            return {"apiKeyEnv": name}
        if key := ask_key("paste the key (it is not shown)"):
            say(f"  a key of {len(key)} characters")
            return {"apiKey": key}


def _check_name(answer: str) -> str:
    if not _NAME.fullmatch(answer):
        raise UsageError("a variable is called like MY_API_KEY; to give the key itself, leave with Ctrl-C")
    return answer


def _mode(document: Document) -> bool:
    say("\nHarnesses that are programs run with a fresh configuration of ours (managed),")
    say("or with a copy of your own (native).")
    document.set_mode(choose("default mode", ("managed", "native"), document.mode()))
    return False


def _adapters(document: Document) -> bool:
    from skvm.harness.programs.catalogue import PROGRAMS

    entries = [entry for entry in PROGRAMS if entry.kind == "harness"]
    while True:
        say("\nAdapters")
        for number, entry in enumerate(entries, 1):
            said = document.adapter(entry.name)
            words = "; ".join(f"{key}: {_value_words(value)}" for key, value in sorted(said.items()))
            say(f"{number:>2} [{'x' if said else ' '}] {entry.name:<12} {words}")
        picked = ask("change which, Enter to go on", check=_number(1, len(entries), is_optional=True))
        if not picked:
            return False
        _adapter(document, entries[int(picked) - 1])


def _value_words(value: Any) -> str:
    return shlex.join(map(str, value)) if isinstance(value, list) else str(value)


def _adapter(document: Document, entry: Program) -> None:
    said = document.adapter(entry.name)
    say(f"  {entry.title}: Enter keeps, - clears")
    changes: dict[str, Any] = {
        "repoPath": ask(
            "executable or built checkout", str(said.get("repoPath") or ""), check=_check_path(document.path)
        )
    }
    if entry.name in _AGENTS:
        known = _agents(entry.name)
        hint = f" ({', '.join(known)})" if known else ""
        changes["nativeAgent"] = ask(f"agent of yours{hint}", str(said.get("nativeAgent") or ""))
    extra = said.get("extraCliArgs") or []
    changes["extraCliArgs"] = ask(
        "extra arguments", shlex.join(map(str, extra)) if isinstance(extra, list) else "", check=_check_words
    )
    cleared: dict[str, Any] = {key: "" if value == "-" else value for key, value in changes.items()}
    cleared["extraCliArgs"] = shlex.split(cleared["extraCliArgs"])
    document.set_adapter(entry.name, cleared)


def _check_path(config: Path) -> Callable[[str], str]:
    def check(answer: str) -> str:
        if answer in ("", "-"):
            return answer
        place = config.absolute().parent / Path(answer).expanduser()
        if not place.exists():
            say(f"  {place} is not there now; it is taken all the same")
        return answer

    return check


def _check_words(answer: str) -> str:
    try:
        shlex.split(answer)
    except ValueError as error:
        raise UsageError(f"the quotes do not pair: {error}") from error
    return answer


def _agents(name: str) -> list[str]:
    folder, pattern = _AGENTS[name]
    try:
        found = sorted(each.stem for each in (Path.home() / folder).glob(pattern))
    except OSError:
        return []
    return [each for each in found if each.isprintable()][:12]


def _write(document: Document) -> bool:
    if legacy := document.legacy():
        say(f"\nheadlessAgent.{' and headlessAgent.'.join(legacy)} had to be migrated: routes say it now.")
        if choose("remove from the file", ("yes", "no"), "yes") == "yes":
            document.drop_legacy()
    if not document.is_changed:
        say("nothing has changed; nothing was written")
        return True
    say(f"\n{document.path} will say:")
    for route in document.routes:
        say(f"  {route_words(route)}")
    say(f"  default mode {document.mode()}")
    for name in sorted(document.values.get("adapters") or {}):
        said = document.adapter(name)
        say(f"  {name}: {'; '.join(f'{key} {_value_words(value)}' for key, value in sorted(said.items()))}")
    if choose("write it", ("yes", "no"), "yes") == "no":
        return False
    backup = document.write()
    say(f"written: {document.path}")
    if backup is not None:
        say(f"the old file: {backup}")
    say(f"try it: {SMOKE_TEST}")
    return True
