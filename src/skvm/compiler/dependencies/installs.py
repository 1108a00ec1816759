"""Install commands: what they bring."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from skvm.compiler.dependencies.requirement import is_direct, npm_requirement, pip_requirement

__all__ = ["PIP_INDEXES", "installed_by", "is_from_elsewhere", "is_public_registry", "sets_index"]

_VALUED = {
    "pip": frozenset(
        [
            "-r",
            "--requirement",
            "-c",
            "--constraint",
            "-e",
            "--editable",
            "-i",
            "--index-url",
            "--extra-index-url",
            "-f",
            "--find-links",
            "-t",
            "--target",
            "--python",
            "--prefix",
            "--root",
            "--platform",
            "--trusted-host",
            "--proxy",
            "--cert",
            "--with",
            "--extra",
            "--group",
            "--dev-group",
        ]
    ),
    "npm": frozenset(["--prefix", "-C", "--registry", "-w", "--workspace", "--filter", "--cwd", "--dir"]),
    "system": frozenset(
        ["-t", "-o", "-c", "--channel", "--root", "-p", "--prefix", "-n", "--name", "--target-release"]
    ),
    "cargo": frozenset(
        ["--git", "--branch", "--path", "--features", "--version", "--root", "--tag", "--bin"]
    ),
}
_SYSTEM = {
    "brew": ("install",),
    "apt": ("install",),
    "apt-get": ("install",),
    "aptitude": ("install",),
    "dnf": ("install",),
    "yum": ("install",),
    "apk": ("add",),
    "pacman": ("-S", "-Sy", "-Syu"),
    "zypper": ("install", "in"),
    "port": ("install",),
    "choco": ("install",),
    "winget": ("install",),
    "scoop": ("install",),
    "snap": ("install",),
    "gem": ("install",),
    "cargo": ("install",),
    "go": ("install", "get"),
    "conda": ("install",),
    "mamba": ("install",),
}
_NPM_VERBS = {
    "npm": frozenset({"install", "i", "add"}),
    "pnpm": frozenset({"install", "i", "add"}),
    "yarn": frozenset({"add"}),
    "bun": frozenset({"add", "install", "i"}),
}
_RUNNERS = frozenset({"npx", "bunx", "pnpx"})
_PIP_NAMES = frozenset({"pip", "pip3", "pip2"})


_PUBLIC = re.compile(
    r"https?://(?:pypi\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|registry\.npmmirror\.com|"
    r"pypi\.tuna\.tsinghua\.edu\.cn|mirrors\.aliyun\.com|mirrors\.cloud\.tencent\.com)(?:/\S*)?"
)
PIP_INDEXES = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links")
"""Options of pip that name where packages come from."""
_INDEXES = (*PIP_INDEXES, "--registry", "--index")


def is_public_registry(address: str) -> bool:
    """Whether an index is the registry everybody uses, or one of its well-known mirrors."""
    return _PUBLIC.fullmatch(address) is not None


_SETS_INDEX = re.compile(
    r"(?:\b(?:PIP_(?:EXTRA_)?INDEX_URL|UV_(?:DEFAULT_|EXTRA_)?INDEX(?:_URL)?|npm_config_registry)=|"
    r"\bconfig set (?:--\w+ |global\.)?(?:(?:extra-)?index-url|registry)[ =]+|\bsource add (?:--?\S+ )*\S+ )"
    r"[\"']?([^\s\"']+)",
    re.IGNORECASE,
)


def sets_index(code: str) -> bool:
    """Whether shell code sets an index of its own for what it installs."""
    if "ndex" not in code and "INDEX" not in code and "registry" not in code and "source add" not in code:
        return False
    return not all(is_public_registry(found[1]) for found in _SETS_INDEX.finditer(code))


def is_from_elsewhere(words: Sequence[str], name: str) -> bool:
    """Whether a command gets a package from an index or an address of its own.

    The registry may hold another package under the same name, of anybody who took it.
    """
    for word, value in itertools.pairwise([*words, ""]):
        option, equals, told = word.partition("=")
        if option in _INDEXES and not is_public_registry(told if equals else value):
            return True
    direct = (pip_requirement(word) for word in words if is_direct(word))
    return any(found is not None and found[0] == name for found in direct)


def installed_by(words: Sequence[str]) -> Iterator[tuple[str, str, str | None]]:
    """Type, name and spec of everything a command installs, or runs straight from a registry.

    Args:
        words: The command, wrappers such as ``sudo`` left out.
    """
    words = list(words)
    program = words[0].rsplit("/", 1)[-1] if words else ""
    if program.startswith("python") and words[1:3] == ["-m", "pip"]:
        program, words = "pip", words[2:]
    if program == "uv" and words[1:2] == ["pip"]:
        program, words = "pip", words[1:]
    if program in _PIP_NAMES and words[1:2] == ["install"]:
        yield from _pip(words[2:])
    elif program == "uv":
        yield from _uv(words[1:])
    elif program in ("pipx", "uvx", "poetry", "pdm", "rye", "pipenv"):
        yield from _pip_tools(program, words[1:])
    elif program in _NPM_VERBS:
        yield from _npm(program, words[1:])
    elif program in _RUNNERS:
        yield from _npx(words[1:])
    elif program in _SYSTEM and len(words) > 2 and words[1] in _SYSTEM[program]:
        yield from _system(program, words[2:])


def _plain(words: Sequence[str], valued: frozenset[str]) -> Iterator[str]:
    """The words that are neither options nor their values."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in valued:
            skip = True
        elif word in ("&&", "||", "|", ";", "#"):
            return
        elif not word.startswith("-"):
            yield word


def _pip(words: Sequence[str]) -> Iterator[tuple[str, str, str | None]]:
    for word in _plain(words, _VALUED["pip"]):
        found = None if "/" in word.split("@")[0] or word in (".", "..") else pip_requirement(word)
        if found and not word.endswith((".txt", ".whl", ".toml", ".gz")):
            yield ("pip", *found)


def _uv(words: Sequence[str]) -> Iterator[tuple[str, str, str | None]]:
    if words[:1] == ["add"] or words[:2] == ["tool", "install"]:
        yield from _pip(words[1 if words[0] == "add" else 2 :])
    elif words[:2] == ["tool", "run"]:
        yield from _first_pip(words[2:])
    if words[:1] == ["run"]:
        for option, value in itertools.pairwise(words):
            if option == "--with":
                for part in value.split(","):
                    yield from _pip([part])


def _pip_tools(program: str, words: Sequence[str]) -> Iterator[tuple[str, str, str | None]]:
    if program == "uvx" or (program == "pipx" and words[:1] == ["run"]):
        yield from _first_pip(words if program == "uvx" else words[1:])
    elif (words[:1] in (["install"], ["add"]) and len(words) > 1 and program != "poetry") or (
        program == "poetry" and words[:1] == ["add"]
    ):
        yield from _pip(words[1:])


def _first_pip(words: Sequence[str]) -> Iterator[tuple[str, str, str | None]]:
    for option, value in itertools.pairwise(words):
        if option in ("--from", "--spec"):
            yield from _pip([value])
            return
    for word in _plain(words, frozenset({"--with", "--python", "-p"})):
        yield from _pip([word.replace("@latest", "").replace("@", "==")])
        return


def _npm(program: str, words: Sequence[str]) -> Iterator[tuple[str, str, str | None]]:
    if program == "yarn" and words[:1] == ["global"]:
        words = words[1:]
    if words[:1] in (["exec"], ["dlx"], ["x"]):
        yield from _npx(words[1:])
        return
    # "npm -g install x" says the same as "npm install -g x".
    plain = list(_plain(words, _VALUED["npm"]))
    if not plain or plain[0] not in _NPM_VERBS[program]:
        return
    for word in plain[1:]:
        found = npm_requirement(word)
        if found:
            yield ("npm", *found)


def _npx(words: Sequence[str]) -> Iterator[tuple[str, str, str | None]]:
    plain = list(
        _plain(
            words,
            frozenset(
                {"--package", "-c", "--call", "-p"} if words[:1] == ["-p"] else {"--package", "-c", "--call"}
            ),
        )
    )
    words.index(plain[0]) if plain else len(words)
    # Behind the command it is an option of that command.
    packages = [value for option, value in itertools.pairwise(words) if option in ("-p", "--package")]
    if plain[:1] == ["skills"] or plain[1:2] == ["add"]:
        # "npx skills add x", "npx shadcn add button": fetches files, is no need of the work.
        return
    for word in packages or plain[:1]:
        found = npm_requirement(word)
        if found and not found[0].startswith("create-") and not found[0].isdecimal():
            yield ("npm", *found)


def _system(program: str, words: Sequence[str]) -> Iterator[tuple[str, str, str | None]]:
    valued = _VALUED["cargo" if program == "cargo" else "system"]
    for word in _plain(words, valued):
        name = word.rsplit("/", 1)[-1].split("@")[0].split("=")[0]
        if program in ("conda", "mamba"):
            name = word.split("::")[-1].split("=")[0].split(">")[0]
        if name and name not in (".", "..."):
            yield ("system", name, None)
