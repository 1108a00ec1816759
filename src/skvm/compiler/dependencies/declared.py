"""What a skill declares: requirement files, project files, script headers, the frontmatter."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from skvm.compiler.dependencies.claim import DECLARED, Claim, Place
from skvm.compiler.dependencies.hosts import key_service
from skvm.compiler.dependencies.installs import PIP_INDEXES, is_public_registry
from skvm.compiler.dependencies.prose_needs import OPTIONAL, requirement_claims
from skvm.compiler.dependencies.requirement import is_direct, npm_requirement, pip_requirement
from skvm.compiler.dependencies.shell_needs import program_claim, shell_claims
from skvm.compiler.dependencies.tables import BASE, INSTALLERS, normal, programs

__all__ = ["file_claims", "frontmatter_claims", "is_declaring", "script_header_claims"]

_REQUIREMENTS = re.compile(
    r"(?:^|[-_.])requirements?(?:[-_.][\w-]+)*\.(?:txt|in)$|^requirements/[\w-]+\.txt$"
)
_HEADER = re.compile(r"^# /// script\s*$\n((?:^#(?:| .*)$\n)+?)^# ///\s*$", re.MULTILINE)
_OTHERS = re.compile(
    r"(?:^|/)(?:[\w-]*(?:sample|example|fixture|template)[\w-]*|tests?|test-[\w-]+|assets)(?:/|[._-])",
    re.IGNORECASE,
)
"""Folders and files that show another project."""
_FREEZE_LINES = 60
"""More exact pins than this are the state of a whole machine, not what a skill needs."""
_TYPES = {"uv": "pip", "pip": "pip", "pipx": "pip", "node": "npm", "npm": "npm"}


def is_declaring(path: str) -> bool:
    """Whether a bundle file declares dependencies."""
    name = PurePosixPath(path).name.lower()
    if _OTHERS.search(path):
        return False
    return name in ("pyproject.toml", "package.json") or _REQUIREMENTS.search(name) is not None


def file_claims(path: str, text: str) -> Iterator[Claim]:
    """What a file says, by its name; one that cannot be read says nothing."""
    name = PurePosixPath(path).name.lower()
    if name == "package.json":
        yield from _package_json(path, text)
    elif name == "pyproject.toml":
        yield from _pyproject(path, text)
    else:
        yield from _requirements(path, text)


def _requirements(path: str, text: str) -> Iterator[Claim]:
    lines = [line.strip() for line in text.splitlines()]
    pins = [line for line in lines if re.match(r"[\w.-]+==", line)]
    if len(pins) > _FREEZE_LINES:
        return
    indexes = [line for line in lines if line.startswith(PIP_INDEXES)]
    has_index = not all(is_public_registry(re.split(r"[\s=]+", line, maxsplit=1)[-1]) for line in indexes)
    is_optional = re.search(r"dev|test|optional|lint|docs", PurePosixPath(path).name) is not None
    for number, line in enumerate(lines, 1):
        if not line or line.startswith(("#", "-", "git+", "http", ".")):
            continue
        found = pip_requirement(line)
        if found:
            optional = is_optional or OPTIONAL.search(line.partition("#")[2]) is not None
            yield Claim(
                "pip",
                found[0],
                Place(path, number),
                DECLARED,
                "inferred",
                found[1],
                is_optional=optional,
                is_elsewhere=has_index or is_direct(line),
            )


def _pyproject(path: str, text: str) -> Iterator[Claim]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    project = data.get("project")
    if not isinstance(project, dict):
        return
    sources = _table(_table(_table(data, "tool"), "uv"), "sources")
    elsewhere = frozenset(normal(name) for name in sources)
    yield from _pip_list(project.get("dependencies"), path, text, is_optional=False, elsewhere=elsewhere)
    extras = project.get("optional-dependencies")
    for group in extras.values() if isinstance(extras, dict) else ():
        yield from _pip_list(group, path, text, is_optional=True, elsewhere=elsewhere)


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}


def _pip_list(
    listed: object,
    path: str,
    text: str,
    *,
    is_optional: bool,
    base: int = 1,
    elsewhere: frozenset[str] = frozenset(),
) -> Iterator[Claim]:
    for item in listed if isinstance(listed, list) else ():
        found = pip_requirement(item) if isinstance(item, str) else None
        if found:
            place = Place(path, base + text.count("\n", 0, max(text.find(item), 0)))
            yield Claim(
                "pip",
                found[0],
                place,
                DECLARED,
                "inferred",
                found[1],
                is_optional=is_optional,
                is_elsewhere=is_direct(item) or normal(found[0]) in elsewhere,
            )


def _package_json(path: str, text: str) -> Iterator[Claim]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not isinstance(data, dict):
        return
    for key, is_optional in (
        ("dependencies", False),
        ("optionalDependencies", True),
        ("devDependencies", True),
    ):
        listed = data.get(key)
        for name, version in listed.items() if isinstance(listed, dict) else ():
            spec = version if isinstance(version, str) and re.fullmatch(r"[\w.^~<>=*| -]+", version) else None
            found = npm_requirement(name)
            if found:
                place = Place(path, 1 + text.count("\n", 0, max(text.find(f'"{name}"'), 0)))
                spec = None if spec in ("latest", "*") else spec
                # An address, a path, another name: the registry's package of this name is another one.
                elsewhere = isinstance(version, str) and (":" in version or "/" in version)
                yield Claim(
                    "npm",
                    found[0],
                    place,
                    DECLARED,
                    "inferred",
                    spec,
                    is_optional=is_optional,
                    is_elsewhere=elsewhere,
                )


def script_header_claims(path: str, text: str) -> Iterator[Claim]:
    """Inline script metadata (PEP 723)."""
    found = _HEADER.search(text) if "# /// script" in text else None
    if found is None:
        return
    try:
        data = tomllib.loads(
            "".join(line[1:].removeprefix(" ") for line in found[1].splitlines(keepends=True))
        )
    except tomllib.TOMLDecodeError:
        return
    yield from _pip_list(data.get("dependencies"), path, text, is_optional=False)


def frontmatter_claims(data: Mapping[str, Any], source: str, own: frozenset[str]) -> Iterator[Claim]:
    """What ``compatibility``, ``dependencies``, ``requires``, ``bins`` and ``install`` say.

    Args:
        data: The frontmatter.
        source: The text of ``SKILL.md``, for line numbers.
        own: Names the skill itself brings.
    """
    for key in ("compatibility", "requirements", "dependencies", "dependency", "prerequisites"):
        value = data.get(key)
        place = Place("SKILL.md", _line_of(source, key))
        for item in [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else ():
            if isinstance(item, str):
                yield from _declared_text(item, place, source, own)
        if isinstance(value, Mapping):
            yield from _declared_groups(value, place, source)
    metadata = data.get("metadata")
    if isinstance(metadata, str) and metadata.lstrip().startswith("{"):
        try:
            metadata = json.loads(metadata)
        except (ValueError, RecursionError):
            metadata = None
    for block in _blocks([data, metadata]):
        yield from _block_claims(block, source, own)


def _declared_text(item: str, place: Place, source: str, own: frozenset[str]) -> Iterator[Claim]:
    at = source.find(item.split("\n", maxsplit=1)[0][:40])
    place = Place(place.path, source.count("\n", 0, at) + 1 if at >= 0 else place.line)
    found = pip_requirement(item)
    if found and found[1] and " " not in item.strip():
        yield Claim("pip", found[0], place, DECLARED, "inferred", found[1])
        return
    for command in re.findall(r"\(((?:pip3?|npm|brew|apt) install [^)]+)\)", item):
        yield from shell_claims(command, place, own)
    for sentence in re.split(r"(?<=[.;])\s+", item):
        optional = OPTIONAL.search(sentence) is not None
        yield from requirement_claims(sentence, Place(place.path, place.line, optional), own)


def _declared_groups(value: Mapping[str, Any], place: Place, source: str) -> Iterator[Claim]:
    for group, kind in (("python", "pip"), ("pip", "pip"), ("npm", "npm"), ("node", "npm")):
        listed = value.get(group)
        for item in listed if isinstance(listed, list | tuple) else ():
            found = (
                (pip_requirement if kind == "pip" else npm_requirement)(item)
                if isinstance(item, str)
                else None
            )
            if found:
                at = source.find(item)
                line = source.count("\n", 0, at) + 1 if at >= 0 else place.line
                yield Claim(kind, found[0], Place("SKILL.md", line), DECLARED, "inferred", found[1])


def _blocks(values: list[Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Mappings that may hold ``requires``: the frontmatter, its metadata, and one below."""
    for value in values:
        if isinstance(value, Mapping):
            yield value
            if depth < 1 and value is not values[0]:
                yield from _blocks([None, *value.values()], depth + 1)


def _block_claims(block: Mapping[str, Any], source: str, own: frozenset[str]) -> Iterator[Claim]:
    requires = block.get("requires")
    if isinstance(requires, Mapping):
        place = Place("SKILL.md", _line_of(source, "requires"))
        for key, is_optional in (("bins", False), ("anyBins", True), ("optional", True)):
            for name in _strings(requires.get(key)):
                yield from _binary(name, Place(place.path, place.line, is_optional), own)
        for variable in _strings(requires.get("env")):
            stem = re.sub(
                r"_?(?:API_KEY|API_TOKEN|ACCESS_TOKEN|AUTH_TOKEN|BOT_TOKEN|TOKEN|KEY|URL|USERNAME|USER|EMAIL|PASSWORD|"
                r"PASS|SECRET|HOST|CLIENT_ID|CLIENT_SECRET|APP_PASSWORD|ADDRESS|MFA_SECRET)$",
                "",
                variable,
            )
            if stem and stem != variable:
                yield from key_service(stem, place)
    for name in _strings(block.get("bins")):
        yield from _binary(name, Place("SKILL.md", _line_of(source, "bins")), own)
    listed = block.get("install")
    for item in listed if isinstance(listed, list | tuple) else ():
        if isinstance(item, Mapping):
            yield from _install_claims(item, source)


def _install_claims(item: Mapping[str, Any], source: str) -> Iterator[Claim]:
    kind = _TYPES.get(str(item.get("kind")))
    name = item.get("package") or item.get("formula")
    if not isinstance(name, str) or not kind:
        return
    found = (pip_requirement if kind == "pip" else npm_requirement)(name)
    if found:
        place = Place("SKILL.md", _line_of(source, name))
        bins = tuple(_strings(item.get("bins")))
        yield Claim(kind, found[0], place, DECLARED, "inferred", found[1], commands=bins)


def _binary(name: str, place: Place, own: frozenset[str]) -> Iterator[Claim]:
    if name.startswith("python"):
        yield Claim("system", "python3", place, DECLARED, "inferred", is_optional=place.is_optional)
    elif name in ("node", "npm", "npx"):
        yield Claim("system", "node", place, DECLARED, "inferred", is_optional=place.is_optional)
    elif name in programs():
        yield from program_claim(name, place, own - {name}, is_sure=True)
    elif name not in BASE and name not in INSTALLERS and re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name):
        yield Claim(
            "system", name, place, DECLARED, "inferred", commands=(name,), is_optional=place.is_optional
        )


def _strings(value: object) -> list[str]:
    listed = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    return [item for item in listed if isinstance(item, str)]


def _line_of(source: str, word: str) -> int:
    return source.count("\n", 0, max(source.find(word), 0)) + 1
