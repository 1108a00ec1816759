"""JavaScript and TypeScript in a skill: what it imports, whether it waits, whether it is complete."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skvm.compiler.reading.commands import PLACEHOLDER
from skvm.skill.sieve import sieved

__all__ = ["JavaScriptCode", "is_javascript", "read_javascript", "without_comments"]

_LANGUAGES = frozenset({"javascript", "js", "mjs", "cjs", "jsx", "node", "typescript", "ts", "tsx"})
_NODE_MODULES = """
assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain
events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl
stream string_decoder test timers tls tty url util v8 vm wasi worker_threads zlib
"""
_STANDARD = frozenset(_NODE_MODULES.split())
_IMPORT = re.compile(
    r"""^[ \t]*(?:import|export)\b[^"'`;()]{0,400}?(?:\bfrom\s*)?["']([^"'\n]+)["']"""
    r"""|\b(?:require|import)\s*\(\s*["']([^"'\n]+)["']\s*\)""",
    re.MULTILINE,
)
_LINE_COMMENT = re.compile(r"(?<![:\"'`])//[^\n]*")
_WAITS = sieved(r"\bawait\b|\basync\b(?!\s*[:=,)])|\bPromise\b(?!\s*<)|\.then\s*\(")
_BROUGHT = re.compile(
    r"\bnew\s+(?:URL|URLSearchParams|Date|TextDecoder|TextEncoder)\b|\bDate\.(?:now|parse|UTC)\b"
    r"|\bJSON\.(?:parse|stringify)\b|\bBuffer\.|\bcrypto\.\w|\bIntl\.|\bprocess\.(?:env|stdin)\b"
)
_LEFT_OUT = sieved(r"^[ \t]*(?:\.\.\.|…)[ \t;]*$|//.*(?:\.\.\.|…)|/\*[^*]*(?:\.\.\.|…)", re.MULTILINE)
_TO_FILL = re.compile(r"\b(?:your|todo)\b", re.IGNORECASE)
_PAIRS = {")": "(", "]": "[", "}": "{"}
_STRING = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`")


@dataclass(frozen=True, slots=True)
class JavaScriptCode:
    """What a piece of JavaScript is.

    Args:
        third_party: Packages it imports; paths to files of its own are left out.
        standard: Modules of Node.js it imports, without ``node:``.
        waits: Whether it works with promises.
        uses_built_in: Whether it uses what Node.js brings along besides ``fs``.
        is_complete: Whether brackets close and nothing is left out or to be filled in.
    """

    third_party: tuple[str, ...]
    standard: tuple[str, ...]
    waits: bool
    uses_built_in: bool
    is_complete: bool


def is_javascript(language: str) -> bool:
    """Whether an info string says JavaScript or TypeScript."""
    return language in _LANGUAGES


def read_javascript(code: str) -> JavaScriptCode:
    """Read a piece of code; comments count for nothing but what they leave out."""
    bare = _LINE_COMMENT.sub(" ", without_comments(code))
    standard: set[str] = set()
    third_party: set[str] = set()
    for found in _IMPORT.finditer(bare):
        name = found.group(1) or found.group(2)
        root = name.removeprefix("node:").split("/")[0]
        if name.startswith("node:") or root in _STANDARD:
            standard.add(root)
        elif not name.startswith((".", "/", "@/", "~")):
            scoped = name.startswith("@") and "/" in name
            third_party.add("/".join(name.split("/")[:2]) if scoped else root)
    left_out = _LEFT_OUT.search(code) or _TO_FILL.search(code) or PLACEHOLDER.search(_without_tags(bare))
    return JavaScriptCode(
        tuple(sorted(third_party)),
        tuple(sorted(standard)),
        _WAITS.search(bare) is not None,
        bool(standard - {"fs"}) or _BROUGHT.search(bare) is not None,
        not left_out and _closes(bare),
    )


def without_comments(code: str) -> str:
    """The code without what stands between ``/*`` and ``*/``, as in SQL and CSS too."""
    parts: list[str] = []
    position = 0
    while (start := code.find("/*", position)) >= 0 and (end := code.find("*/", start + 2)) >= 0:
        parts.append(code[position:start])
        position = end + 2
    return " ".join((*parts, code[position:]))


def _without_tags(code: str) -> str:
    """The code without braces and tags, which mean something of their own here."""
    return re.sub(r"\$?\{[^{}\n]*\}|<[^<>\n]*>", " ", code)


def _closes(code: str) -> bool:
    """Whether every bracket outside strings is closed in order."""
    open_brackets: list[str] = []
    for mark in re.findall(r"[()\[\]{}]", _STRING.sub("''", code)):
        if mark in _PAIRS:
            if not open_brackets or open_brackets.pop() != _PAIRS[mark]:
                return False
        else:
            open_brackets.append(mark)
    return not open_brackets
