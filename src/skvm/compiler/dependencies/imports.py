"""From imports to distributions and packages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.dependencies.claim import CALLED, GUESSED, IMPORTED, Claim, Place
from skvm.compiler.dependencies.hosts import hosts_in_program, keys_in_program, services_of_hosts
from skvm.compiler.dependencies.python_needs import read_python_needs, third_party
from skvm.compiler.dependencies.shell_needs import command_claims, program_claim
from skvm.compiler.dependencies.tables import distribution_of
from skvm.compiler.reading.javascript import read_javascript
from skvm.compiler.reading.shell import read_shell

__all__ = ["import_claims", "javascript_claims", "python_claims"]

_PLACEHOLDER = re.compile(
    r"^(?:your|my|some|foo|bar|example|mypackage|module|package|app|src|config|utils|models|main|tests?|helpers|core|"
    r"common|lib|server|client|database|db|project|settings|solution|scripts?|tools|services|api|schemas?|routes)(?:_|$|\d)",
    re.IGNORECASE,
)
_NEEDS_NODE = re.compile(r"\brequire\(|\bfrom\s+[\"']node:|\bprocess\.(?:env|argv|exit)|\bmodule\.exports\b")
_BROWSER_ONLY = frozenset({"react", "react-dom", "vue", "svelte", "next", "nuxt", "preact", "solid-js"})


def import_claims(code: str, place: Place, own: frozenset[str]) -> Iterator[Claim]:
    """Distributions a piece of Python imports."""
    for module, line, optional in third_party(read_python_needs(code), own):
        root = module.split(".")[0]
        distribution, known = distribution_of(module)
        if not known and (_PLACEHOLDER.match(root) or len(root) < 2):
            continue
        yield Claim(
            "pip",
            distribution,
            place.below(line - 1),
            IMPORTED if known else GUESSED,
            "python-import",
            modules=(module if known and "." in distribution else root,),
            is_optional=place.is_optional or optional,
        )


def python_claims(code: str, place: Place, own: frozenset[str]) -> Iterator[Claim]:
    """Everything a piece of Python needs."""
    yield Claim("system", "python3", place, CALLED, "python-import", is_optional=place.is_optional)
    yield from import_claims(code, place, own)
    needs = read_python_needs(code)
    for name, line in needs.programs:
        yield from program_claim(name, place.below(line - 1), own, is_sure=False)
    for text, line in needs.commands:
        for command in read_shell(text).commands:
            yield from command_claims(command, place.below(line - 1), own, is_sure=False)
    yield from services_of_hosts(hosts_in_program(code), place)
    yield from keys_in_program(code, place)


def _is_imported(name: str, code: str) -> bool:
    """Whether a string really stands behind an import: unions of strings look much the same."""
    imported = rf"(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\()\s*[\"']{re.escape(name)}[\"'/]"
    return (
        re.fullmatch(r"(?:@[a-z0-9][\w.-]*/)?[a-z][\w.-]*", name) is not None
        and re.search(imported, code) is not None
    )


def javascript_claims(code: str, place: Place, own: frozenset[str], *, is_script: bool) -> Iterator[Claim]:
    """Everything a piece of JavaScript needs; what only a browser runs needs nothing of this machine."""
    read = read_javascript(code)
    packages = [name for name in read.third_party if name not in own and _is_imported(name, code)]
    if any(name in _BROWSER_ONLY or name.split("/")[0] in _BROWSER_ONLY for name in packages):
        packages = []
    if packages or read.standard or is_script or _NEEDS_NODE.search(code):
        yield Claim("system", "node", place, CALLED, "shell-command", is_optional=place.is_optional)
    for name in packages:
        at = re.search(re.escape(name), code)
        line = code.count("\n", 0, at.start()) if at else 0
        yield Claim("npm", name, place.below(line), CALLED, "shell-command", is_optional=place.is_optional)
    if packages or read.standard or is_script:
        yield from services_of_hosts(hosts_in_program(code), place)
        yield from keys_in_program(code, place)
