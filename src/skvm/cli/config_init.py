"""``skvm config init``: the wizard on a terminal, flags for scripts."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand

if TYPE_CHECKING:
    from pathlib import Path

    from skvm.cli.config_document import Document

__all__ = ["command"]

_KINDS = ("openrouter", "anthropic", "openai-compatible")
_FIELDS = ("match", "url", "key", "key-env")
_FORMAT = """\
{
  "providers": {
    "routes": [
      {"match": "lab/*", "kind": "openai-compatible", "baseUrl": "http://127.0.0.1:8000/v1"},
      {"match": "openrouter/*", "kind": "openrouter", "apiKeyEnv": "OPENROUTER_API_KEY"}
    ]
  },
  "adapters": {"codex": {"repoPath": "/opt/codex", "extraCliArgs": []}},
  "defaults": {"adapterConfigMode": "managed"},
  "paths": {"tmpDir": "/var/tmp"}
}"""


@click.command("init", cls=SkvmCommand)
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="KIND,…",
    help="Add a route: openrouter, anthropic or openai-compatible, then match=GLOB, url=URL,"
    " key-env=NAME or key=- (the key is read from standard input), with commas.",
)
@click.option(
    "--remove-route", "removed", multiple=True, metavar="GLOB", help="Remove the routes that match so."
)
@click.option(
    "--adapter", "adapters", multiple=True, metavar="NAME=PATH", help="Where a harness is; empty: as usual."
)
@click.option(
    "--adapter-mode", type=click.Choice(["managed", "native"]), help="Whose configuration harnesses run with."
)
@click.option("--migrate", is_flag=True, help="Remove keys of an older system that stop every command.")
@click.option("--non-interactive", is_flag=True, help="Ask nothing; implied by the flags above.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; implies --non-interactive.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> int:
    """Write the configuration file: asks on a terminal, takes flags elsewhere.

    Nothing is written before the last step, and then whole: the old file is kept beside the new one, which
    only its owner can read. What is not asked for stays as it was.
    """
    from skvm.cli.config_document import Document

    path = _path(ctx.meta.get("skvm.flags", {}))
    wants_flags = any(value for name, value in options.items())
    if wants_flags:
        document = Document.open(path)
        _apply(document, options)
        return _write(document, as_json=options["as_json"])
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        _refuse(path)
    from skvm.cli.config_wizard import run_wizard

    return run_wizard(Document.open(path))


def _path(flags: dict[str, Any]) -> Path:
    """The file in force, found without reading it: mending a broken one is what this command may be for."""
    import os
    from pathlib import Path

    from skvm.settings_file import find_config

    cache = flags.get("skvm_cache") or os.environ.get("SKVM_CACHE") or Path.home() / ".skvm"
    return find_config(Path(cache).expanduser().absolute())


def _refuse(path: Path) -> None:
    from skvm.cli.console import err
    from skvm.errors import UsageError

    err.print(f"{path} looks like this:\n{_FORMAT}", markup=False)
    raise UsageError(
        "there is no terminal to ask on",
        help="write the file, or give flags: skvm config init --route openrouter,key-env=OPENROUTER_API_KEY",
    )


def _apply(document: Document, options: dict[str, Any]) -> None:
    from skvm.errors import UsageError

    if options["migrate"] and document.legacy():
        document.drop_legacy()
    for glob in options["removed"]:
        gone = [route for route in document.routes if route.get("match") == glob]
        if not gone:
            there = ", ".join(str(route.get("match")) for route in document.routes) or "there is none"
            raise UsageError(f"no route matches {glob!r}", help=f"routes: {there}")
        for route in gone:
            document.remove_route(route)
    if sum("key=-" in text.split(",") for text in options["routes"]) > 1:
        raise UsageError("only one key can be read from standard input")
    for text in options["routes"]:
        route = _parse_route(text, document)
        old = [each for each in document.routes if each.get("match") == route["match"]]
        document.put_route(route, instead=old[0] if old else None)
    for text in options["adapters"]:
        name, equals, place = text.partition("=")
        _check_adapter(name, has_value=bool(equals))
        document.set_adapter(name, {"repoPath": place})
    if options["adapter_mode"]:
        document.set_mode(options["adapter_mode"])


def _parse_route(text: str, document: Document) -> dict[str, Any]:
    from skvm.cli.config_document import suggest_prefix, tidy_url
    from skvm.errors import UsageError

    kind, *parts = (part.strip() for part in text.split(","))
    if kind not in _KINDS:
        raise UsageError(f"--route {text!r}: a route begins with one of {', '.join(_KINDS)}")
    said: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if name not in _FIELDS or not equals or not value:
            raise UsageError(f"--route: {part!r} is not one of {', '.join(f'{each}=…' for each in _FIELDS)}")
        said[name] = value
    route: dict[str, Any] = {"match": said.get("match") or f"{kind}/*", "kind": kind}
    if "url" in said:
        route["baseUrl"] = tidy_url(said["url"])
    elif kind == "openai-compatible":
        raise UsageError("--route openai-compatible needs url=URL")
    if kind == "openai-compatible" and "match" not in said:
        taken = {str(each.get("match")).partition("/")[0] for each in document.routes}
        same = [each for each in document.routes if each.get("baseUrl") == route["baseUrl"]]
        route["match"] = same[0].get("match") if same else f"{suggest_prefix(route['baseUrl'], taken)}/*"
    return route | _key(kind, said)


def _key(kind: str, said: dict[str, str]) -> dict[str, str]:
    from skvm.errors import UsageError

    if "key" in said:
        if said["key"] != "-" or "key-env" in said:
            raise UsageError(
                "a key is not given on the command line, where every process can read it",
                help="name its variable (key-env=NAME), or send it to standard input (key=-)",
            )
        key = sys.stdin.readline(16_384).strip() if sys.stdin else ""
        if not key or not (key.isascii() and key.isprintable()) or " " in key:
            raise UsageError("standard input holds no key", help="send one line of plain characters")
        return {"apiKey": key}
    if "key-env" in said:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", said["key-env"]):
            raise UsageError("key-env names an environment variable, like MY_API_KEY")
        return {"apiKeyEnv": said["key-env"]}
    return {} if kind == "openai-compatible" else {"apiKeyEnv": f"{kind.upper()}_API_KEY"}


def _check_adapter(name: str, *, has_value: bool) -> None:
    from skvm.errors import UsageError
    from skvm.harness.programs.catalogue import PROGRAMS

    known = [entry.name for entry in PROGRAMS if entry.kind == "harness"]
    if name not in known or not has_value:
        raise UsageError("--adapter wants NAME=PATH", help=f"names: {', '.join(known)}")


def _write(document: Document, *, as_json: bool) -> int:
    from skvm.cli.config_wizard import SMOKE_TEST
    from skvm.cli.console import out, print_json

    is_changed = document.is_changed
    backup = document.write() if is_changed else None
    if as_json:
        print_json(
            {
                "schema": 1,
                "path": str(document.path),
                "written": is_changed,
                "backup": str(backup) if backup else None,
                "tryIt": SMOKE_TEST,
            }
        )
    elif is_changed:
        out.print(f"written: {document.path}", markup=False)
        if backup is not None:
            out.print(f"the old file: {backup}", markup=False)
        out.print(f"try it: {SMOKE_TEST}", markup=False)
    else:
        out.print(f"{document.path} says that already; nothing was written", markup=False)
    return 0
