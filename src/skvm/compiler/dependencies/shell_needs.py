"""Shell code: what it installs, which programs it calls, which hosts it asks, which keys it uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from skvm.compiler.dependencies.claim import CALLED, DECLARED, GUESSED, Claim, Place
from skvm.compiler.dependencies.hosts import hosts_asked, key_service, services_of_hosts
from skvm.compiler.dependencies.installs import installed_by, is_from_elsewhere, sets_index
from skvm.compiler.dependencies.tables import BASE, INSTALLERS, programs
from skvm.compiler.reading.shell import Command, read_shell

__all__ = ["program_claim", "shell_claims"]

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[._+-][a-z0-9+]+)*(?:\.(?:exe))?", re.IGNORECASE)
_PYTHON = re.compile(r"python(?:3(?:\.\d+)?)?")
_SCRIPT = re.compile(
    r"\.(?:py|sh|bash|js|mjs|cjs|ts|rb|pl|exe|bat|ps1|md|json|txt|csv|ya?ml|html|com|org|io)$"
)
_KEY = re.compile(
    r"\$\{?([A-Z][A-Z0-9_]*?)_(?:API_KEY|API_TOKEN|ACCESS_TOKEN|AUTH_TOKEN|BOT_TOKEN|TOKEN|KEY)\b"
)
_SETS_KEY = re.compile(
    r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]*?)_(?:API_KEY|API_TOKEN|ACCESS_TOKEN|AUTH_TOKEN|BOT_TOKEN|TOKEN)=",
    re.MULTILINE,
)
_ALTERNATIVE = re.compile(r"#\s*(?:or\b|alternativ|optional|if you|或)", re.IGNORECASE)
_OBTAINERS = frozenset({"clawhub", "clawdhub", "skills", "openclaw", "skillhub", "molthub"})
_OBTAINS = frozenset({"install", "add", "update", "i", "sync", "star", "publish", "login"})
_NODE = frozenset({"npm", "npx", "pnpm", "yarn", "node", "nodejs"})
_HARNESSES = frozenset({"clawdbot", "moltbot", "openclaw"})
_QUESTIONS = frozenset({"command", "which", "type", "hash"})
_UV_RUNS = (["run"], ["sync"], ["venv"])
_RUNNERS = frozenset({"npx", "bunx", "pnpx"})
_MODULES = frozenset(
    {"pip", "venv", "http.server", "json.tool", "unittest", "zipfile", "py_compile", "ensurepip"}
)


def shell_claims(code: str, place: Place, own: frozenset[str], *, is_sure: bool = True) -> Iterator[Claim]:
    """What a piece of shell code needs.

    Args:
        code: The code.
        place: Where its first line stands.
        own: Names the skill itself brings.
        is_sure: Whether it is surely shell; else only well-known programs count.
    """
    shell = read_shell(code)
    source = code.encode()
    ours = own | shell.functions
    has_index = sets_index(code)
    line, counted = 0, 0
    for command in shell.commands:
        line += source.count(b"\n", counted, command.span.start)
        counted = command.span.start
        here = place.below(line)
        if not place.is_optional and _is_alternative(source, command.span.start):
            here = Place(here.path, here.line, True)
        claims = command_claims(command, here, ours, is_sure=is_sure)
        yield from (replace(claim, is_elsewhere=True) for claim in claims) if has_index else claims
    yield from services_of_hosts(hosts_asked(code), place)
    for found in (*_KEY.finditer(code), *_SETS_KEY.finditer(code)):
        yield from key_service(found[1], place.below(code.count("\n", 0, found.start())))


def _is_alternative(source: bytes, start: int) -> bool:
    """Whether the comment right above says that this is one of several ways."""
    near = source[max(0, start - 400) : start]
    above = near.rpartition(b"\n")[0].rpartition(b"\n")[2]
    return (
        above.lstrip().startswith(b"#") and _ALTERNATIVE.search(above.decode("utf-8", "replace")) is not None
    )


def command_claims(command: Command, place: Place, own: frozenset[str], *, is_sure: bool) -> Iterator[Claim]:
    """What one command needs."""
    words = list(command.effective)
    program = command.program
    if not program or not words:
        return
    base = program.rsplit("/", 1)[-1]
    if base in _QUESTIONS and len(words) > 1:
        # A question whether a program is there names it.
        named = [word for word in words[1:] if not word.startswith("-")][:1]
        yield from (claim for name in named for claim in program_claim(name, place, own, is_sure=False))
    elif not _is_obtaining(base, words, place):
        yield from _install_claims(words, place)
        if base == "git" and words[1:2] == ["clone"]:
            place = Place(place.path, place.line, True)
        # "a|b|c" in a synopsis is a choice, not a pipeline.
        is_sure = is_sure and command.position == 0 and "_" not in program
        yield from _call_claims(base, words, place, own, is_sure=is_sure)


def _install_claims(words: Sequence[str], place: Place) -> Iterator[Claim]:
    for kind, name, spec in installed_by(words):
        if kind == "system":
            yield from _installed_program(name, place)
            continue
        elsewhere = is_from_elsewhere(words, name)
        yield Claim(
            kind,
            name,
            place,
            DECLARED,
            "shell-command",
            spec,
            is_optional=place.is_optional,
            is_elsewhere=elsewhere,
        )
        known = programs().get(name)
        if kind == "npm" and known and known.type == "npm" and known.service:
            yield _claim("service", known.service, place)


def _call_claims(
    base: str, words: Sequence[str], place: Place, own: frozenset[str], *, is_sure: bool
) -> Iterator[Claim]:
    if _PYTHON.fullmatch(base):
        yield _claim("system", "python3", place)
        if "-m" in words[1:3]:
            yield from _module(words, place, own)
        elif "-c" in words[1:3]:
            yield from _inline_python(words, place, own)
    elif base in _NODE:
        yield _claim("system", "node", place)
    elif base not in INSTALLERS and (base != "uv" or words[1:2] in _UV_RUNS):
        yield from program_claim(words[0], place, own, is_sure=is_sure)


def _claim(kind: str, name: str, place: Place) -> Claim:
    return Claim(kind, name, place, CALLED, "shell-command", is_optional=place.is_optional)


def _is_obtaining(base: str, words: Sequence[str], place: Place) -> bool:
    """Whether a command fetches or keeps a skill, which is no need of the skill's work."""
    if base == "git" and words[1:2] == ["clone"]:
        # A README says how to get the skill itself.
        return place.path.lower().endswith("readme.md")
    return (base in _RUNNERS and _obtains(words)) or (base in _OBTAINERS and _obtains(["", *words]))


def _obtains(words: Sequence[str]) -> bool:
    plain = [word for word in words[1:] if not word.startswith("-")]
    return bool(plain) and plain[0].split("@")[0] in _OBTAINERS and (len(plain) < 2 or plain[1] in _OBTAINS)


def _installed_program(name: str, place: Place) -> Iterator[Claim]:
    if name in BASE or name in INSTALLERS or name.startswith(("python", "nodejs")) or name == "node":
        if name.startswith("python"):
            yield Claim("system", "python3", place, CALLED, "shell-command")
        elif name.startswith("node"):
            yield Claim("system", "node", place, CALLED, "shell-command")
        return
    if re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name):
        yield Claim("system", name, place, DECLARED, "shell-command", is_optional=place.is_optional)


def _module(words: Sequence[str], place: Place, own: frozenset[str]) -> Iterator[Claim]:
    from skvm.compiler.dependencies.tables import distribution_of, is_standard

    at = words.index("-m")
    name = words[at + 1] if len(words) > at + 1 else ""
    root = name.split(".")[0]
    if (
        not root.isidentifier()
        or root in ("scripts", "src", "app", "main", "tests")
        or name in _MODULES
        or is_standard(root)
        or root in own
    ):
        return
    distribution, known = distribution_of(name)
    yield Claim("pip", distribution, place, CALLED if known else GUESSED, "shell-command", modules=(root,))


def _inline_python(words: Sequence[str], place: Place, own: frozenset[str]) -> Iterator[Claim]:
    from skvm.compiler.dependencies.imports import import_claims

    at = words.index("-c")
    if len(words) > at + 1:
        yield from import_claims(words[at + 1], place, own)


def program_claim(name: str, place: Place, own: frozenset[str], *, is_sure: bool) -> Iterator[Claim]:
    """What calling a program needs; nothing for what every system has, the skill brings, a placeholder."""
    base = name.rsplit("/", 1)[-1]
    if "/" in name and not name.startswith(("/usr/", "/bin/", "/opt/")):
        return
    if _PYTHON.fullmatch(base):
        yield Claim("system", "python3", place, CALLED, "shell-command", is_optional=place.is_optional)
        return
    if base in ("node", "npx", "npm"):
        yield Claim("system", "node", place, CALLED, "shell-command", is_optional=place.is_optional)
        return
    if (
        base in BASE
        or base in INSTALLERS
        or base in _HARNESSES
        or not _NAME.fullmatch(base)
        or _SCRIPT.search(base)
    ):
        return
    known = programs().get(base)
    if known is None:
        if is_sure and base not in own and len(base) > 1 and base.islower() and "." not in base:
            yield Claim(
                "system",
                base,
                place,
                GUESSED,
                "shell-command",
                commands=(base,),
                is_optional=place.is_optional,
            )
        return
    if base in own and known.package == base:
        return
    yield Claim(
        known.type,
        known.package if known.type != "system" else base,
        place,
        CALLED,
        "shell-command",
        commands=(base,),
        is_optional=place.is_optional,
    )
    if known.service:
        yield Claim("service", known.service, place, CALLED, "shell-command", is_optional=place.is_optional)
