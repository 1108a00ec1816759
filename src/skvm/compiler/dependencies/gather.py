"""Every claim of a skill: from its frontmatter, its pages, its scripts and the files that declare."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from skvm.compiler.dependencies.claim import CALLED, NAMED, Claim, Place
from skvm.compiler.dependencies.declared import (
    file_claims,
    frontmatter_claims,
    is_declaring,
    script_header_claims,
)
from skvm.compiler.dependencies.imports import javascript_claims, python_claims
from skvm.compiler.dependencies.pages import Fence, read_page
from skvm.compiler.dependencies.prose_needs import OPTIONAL, prose_claims
from skvm.compiler.dependencies.shell_needs import command_claims, shell_claims
from skvm.compiler.dependencies.tables import BASE, INSTALLERS, programs
from skvm.compiler.reading.javascript import is_javascript
from skvm.compiler.reading.shell import read_shell
from skvm.errors import UsageError
from skvm.skill.emit import resource_bytes
from skvm.skill.ir import Resource, Skill

__all__ = ["gather"]

_MAX_BYTES = 200_000
_SHELL = frozenset(
    {"sh", "bash", "shell", "zsh", "console", "terminal", "shell-session", "shellsession", "fish"}
)
_PYTHON = frozenset({"python", "py", "python3", "pycon", "ipython"})
_PLAIN = frozenset({"", "text", "txt", "plaintext", "plain", "cmd", "command"})
_SCRIPTS = {
    ".py": "python", ".sh": "shell", ".bash": "shell", ".zsh": "shell",
    ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".ts": "javascript",
}  # fmt: skip
_PAGES = (".md", ".markdown")
_ENDING = re.compile(r"\.(?:py|sh|bash|rb)\b")
_STEM = re.compile(r"[\w.-]+\Z")
_SHOWN = re.compile(
    r"^\W*(?:(?:the|an?|example|sample|expected|console|typical)\s+){0,3}(?:(?:outputs?|responses?|results?|"
    r"error messages?)(?:\s+\w+){0,2}\W*$|(?:bad|wrong|incorrect|anti-?patterns?|vulnerable|insecure|"
    r"don['’]?t|never|avoid)\b)|❌|输出示例|错误示例|反例",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\b(?:ci/cd|continuous integration|github actions?|gitlab ci|dockerfile|anti-?patterns?|"
    r"common mistakes)\b",
    re.IGNORECASE,
)
_SHEBANG = re.compile(r"#!\s*\S*?/(?:env\s+(?:-S\s+)?)?(python|node|bash|zsh|sh)\b")
_PROMPT = re.compile(r"^\s*(?:\$|❯|%)\s+\S")


def gather(skill: Skill) -> Iterator[Claim]:
    """Every claim, the skill's own text first, then the bundle in order of path."""
    source = skill.text()
    texts = {resource.path: text for resource, text in _texts(skill)}
    own = _own_names(skill, [source, *(text for path, text in texts.items() if path.endswith(_PAGES))])
    if source.startswith("#!") and "python" in source.split("\n", 1)[0]:
        # A program under the name of a skill.
        yield from python_claims(source, Place("SKILL.md", 1), own)
        return
    if skill.frontmatter:
        yield from frontmatter_claims(skill.frontmatter.data, source, own)
    yield from page_claims(source, "SKILL.md", own)
    for resource in skill.resources:
        text = texts.get(resource.path)
        if text is not None:
            yield from _bundle_claims(resource.path, text, own)


def _texts(skill: Skill) -> Iterator[tuple[Resource, str]]:
    for resource in skill.resources:
        readable = resource.is_text and resource.size_bytes <= _MAX_BYTES
        there = skill.root is not None or resource.path in skill.contents
        if not readable or not there or _kind_of(resource.path, resource.is_executable) is None:
            continue
        try:
            yield resource, resource_bytes(skill, resource.path).decode("utf-8", "replace")
        except UsageError:
            # Gone or changed since the skill was read: it says nothing.
            continue


def _kind_of(path: str, is_executable: bool) -> str | None:
    suffix = PurePosixPath(path).suffix.lower()
    if "node_modules/" in path:
        return None
    if is_declaring(path):
        return "declaring"
    if suffix in _PAGES and not PurePosixPath(path).name.lower().startswith(("changelog", "license")):
        return "page"
    return _SCRIPTS.get(suffix) or ("shebang" if is_executable and not suffix else None)


def _own_names(skill: Skill, pages: list[str]) -> frozenset[str]:
    """Names of modules and scripts that the skill brings or tells to write."""
    names: set[str] = set()
    for resource in skill.resources:
        path = PurePosixPath(resource.path)
        names.update(path.parent.parts)
        if path.suffix in (".py", ".sh", ".bash", ".js", ".mjs", ""):
            names.update((path.stem, path.name))
    for page in pages:
        # From the ending backwards: names are everywhere, endings are few.
        for found in _ENDING.finditer(page):
            start = max(0, found.start() - 60)
            stem = _STEM.search(page[start : found.start()])
            names.update((stem[0],) if stem else ())
    return frozenset(name for name in names if name not in ("discord", "github3", "node", "web3"))


def _bundle_claims(path: str, text: str, own: frozenset[str]) -> Iterator[Claim]:
    kind = _kind_of(path, is_executable=True)
    place = Place(path, 1)
    if kind == "shebang":
        found = _SHEBANG.match(text)
        kind = {"python": "python", "node": "javascript"}.get(found[1], "shell") if found else None
    if kind == "declaring":
        yield from file_claims(path, text)
        if path.endswith("package.json"):
            return
        yield Claim("system", "python3", place, CALLED, "inferred")
    elif kind == "page":
        yield from page_claims(text, path, own)
    elif kind == "python":
        yield from script_header_claims(path, text)
        yield from python_claims(text, place, own)
    elif kind == "shell":
        yield from shell_claims(text, place, own)
    elif kind == "javascript":
        yield from javascript_claims(text, place, own, is_script="document." not in text)


def page_claims(text: str, path: str, own: frozenset[str]) -> Iterator[Claim]:
    """What a page needs: its prose and its code."""
    page = read_page(text)
    yield from prose_claims(page.lines, path, own)
    for fence in page.fences:
        if _SHOWN.search(fence.lead) or any(_OTHERS.search(title) for title in fence.headings[-1:]):
            continue
        yield from _fence_claims(fence, path, own)


def _fence_claims(fence: Fence, path: str, own: frozenset[str]) -> Iterator[Claim]:
    title = fence.headings[-1] if fence.headings else ""
    place = Place(path, fence.number, OPTIONAL.search(f"{title} {fence.lead[-80:]}") is not None)
    if fence.language in _SHELL:
        yield from shell_claims(_prompted(fence.code), place, own)
    elif fence.language in _PYTHON:
        yield from python_claims(fence.code, place, own)
    elif is_javascript(fence.language):
        yield from javascript_claims(fence.code, place, own, is_script=False)
    elif fence.language in ("json", "jsonc", "json5") and '"command"' in fence.code:
        yield from _server_claims(fence.code, place, own)
    elif fence.language in _PLAIN and _looks_like_shell(fence.code):
        yield from shell_claims(_prompted(fence.code), place, own, is_sure=False)


def _prompted(code: str) -> str:
    """Of a console listing, the lines with a prompt."""
    lines = code.split("\n")
    if not any(_PROMPT.match(line) for line in lines):
        return code
    return "\n".join(line if _PROMPT.match(line) else "" for line in lines)


def _looks_like_shell(code: str) -> bool:
    for line in code.splitlines():
        words = line.strip().removeprefix("$ ").split()
        if words and not words[0].startswith("#"):
            first = words[0]
            known = (
                first in programs()
                or first in INSTALLERS
                or first in ("python", "python3", "cd", "export", "sudo", "bash")
            )
            return known and len(words) > 1
    return False


def _server_claims(code: str, place: Place, own: frozenset[str]) -> Iterator[Claim]:
    """Servers of tools that a client starts, by the form all clients share."""
    try:
        data = json.loads(code)
    except (ValueError, RecursionError):
        return
    servers = data.get("mcpServers") if isinstance(data, dict) else None
    for name, server in servers.items() if isinstance(servers, dict) else ():
        if not isinstance(server, dict) or not isinstance(server.get("command"), str):
            continue
        at = code.find(f'"{name}"')
        here = place.below(code.count("\n", 0, max(at, 0)))
        if re.fullmatch(r"[A-Za-z][\w.-]*", name):
            yield Claim("service", name.lower(), here, NAMED, "inferred", is_optional=place.is_optional)
        arguments = server.get("args")
        words = [server["command"], *(item for item in arguments or () if isinstance(item, str))]
        command = words[0].rsplit("/", 1)[-1]
        if command == "uv":
            yield Claim("system", "uv", here, CALLED, "inferred", is_optional=place.is_optional)
        elif command not in BASE and all(re.fullmatch(r"[\w@./:=-]+", word) for word in words):
            for found in read_shell(" ".join(words)).commands:
                yield from command_claims(found, here, own, is_sure=False)
