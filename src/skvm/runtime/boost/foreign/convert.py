"""An entry of the existing system as a candidate: patterns on RE2, values out of the code.

Such a candidate says which words are in its prompts, not how they read, and nothing of what it leaves behind.
So it answers nothing by itself. It is watched: a run whose prompt its patterns find the values in gives it a
skeleton, and what that run left gives it a postcondition (``binding``); then it proves itself like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from skvm.diagnostics import Diagnostic
from skvm.runtime.boost.foreign.findings import SKV602, SKV604, SKV605, HoleRefusedError
from skvm.runtime.boost.foreign.patterns import Pattern, compile_pattern
from skvm.runtime.boost.foreign.python_holes import HOLE, fill_python
from skvm.runtime.boost.foreign.shell_holes import fill_shell
from skvm.runtime.boost.foreign.translation import PatternRefusedError
from skvm.runtime.boost.model import Candidate, Language, Origin, Param, ParamType, Template

__all__ = ["Foreign", "convert"]

_MAX_CODE = 100_000
_LANGUAGES = {"python": Language.PYTHON, "shell": Language.SHELL}


@dataclass(frozen=True, slots=True)
class Foreign:
    """A candidate of the existing system.

    Args:
        candidate: What it is here; it has no skeleton.
        patterns: How each parameter is found in a prompt, as far as that can be told.
        signature: What code of a run looks like that does the same; ``None`` if that cannot be told.
        tools: Which tools are looked at, if the entry names any.
    """

    candidate: Candidate
    patterns: Mapping[str, Pattern] = field(default_factory=dict)
    signature: Pattern | None = None
    tools: tuple[str, ...] = ()


class _MalformedError(Exception):
    """An entry is not of the format."""


def convert(entry: Mapping[str, Any], *, where: str, path: Path) -> tuple[Foreign | None, list[Diagnostic]]:
    """Make a candidate of an entry.

    Args:
        entry: As it stands in the file.
        where: Its place in the file, for findings.
        path: The file, for findings.

    Returns:
        The candidate, ``None`` where it is refused, and what was found.
    """
    found: list[Diagnostic] = []
    try:
        return _Reading(entry, where, path, found).foreign(), found
    except _MalformedError as error:
        found.append(SKV602.at(f"{where}: {error}", path=path))
    except HoleRefusedError as error:
        found.append(SKV605.at(f"{where}: {error.reason}", path=path))
    return None, found


@dataclass(frozen=True, slots=True)
class _Reading:
    entry: Mapping[str, Any]
    where: str
    path: Path
    found: list[Diagnostic]

    def foreign(self) -> Foreign:
        language = _LANGUAGES.get(str(self.entry.get("materializationType")))
        if language is None:
            raise _MalformedError("materializationType is neither shell nor python")
        keywords, tools = self._words("keywords"), self._words("monitoredTools", is_optional=True)
        params = self._params()
        code = self._text("functionTemplate")
        if not code.strip():
            raise HoleRefusedError("the template is empty")
        if len(code) > _MAX_CODE:
            raise HoleRefusedError(f"the template is longer than {_MAX_CODE} characters")
        names = {old: param.name for old, param in params.items()}
        if language is Language.PYTHON:
            filled = fill_python(code, names, 'P["{}"]'.format)
        else:
            numbers = frozenset(each.name for each in params.values() if each.type is ParamType.NUMBER)
            filled = fill_shell(code, names, numbers)
        used = sorted({names[each[1]] for each in HOLE.finditer(code) if each[1] in names})
        kept = [param for param in sorted(params.values(), key=lambda each: each.name) if param.name in used]
        candidate = Candidate(
            purpose_id=self._text("purposeId"),
            template=Template(language=language, code=filled, params=tuple(kept)),
            keywords=keywords,
            origin=Origin(kind="foreign"),
        )
        signature = self._pattern(self._text("codeSignature"), "codeSignature")
        return Foreign(candidate, self._patterns(names, used), signature, tools)

    def _text(self, key: str) -> str:
        value = self.entry.get(key)
        if not isinstance(value, str):
            raise _MalformedError(f"{key} is no text")
        return value

    def _words(self, key: str, *, is_optional: bool = False) -> tuple[str, ...]:
        value = self.entry.get(key)
        if value is None and is_optional:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or not value:
            raise _MalformedError(f"{key} is no list of texts")
        return tuple(value)

    def _params(self) -> dict[str, Param]:
        """Parameters by the names the template has for them."""
        listed = self.entry.get("params", {})
        if not isinstance(listed, dict):
            raise _MalformedError("params is no object")
        params: dict[str, Param] = {}
        for old, said in listed.items():
            spec = {"type": said} if isinstance(said, str) else said
            if not isinstance(spec, dict) or not isinstance(spec.get("type"), str):
                raise _MalformedError(f"params.{old} has no type")
            is_number = spec["type"] == "number"
            try:
                params[old] = Param(
                    name=_name(old),
                    type=ParamType.NUMBER if is_number else ParamType.STRING,
                    description=str(spec.get("description") or ""),
                )
            except ValidationError as error:
                raise _MalformedError(f"params.{old[:40]} is no name of a parameter") from error
        if len({param.name for param in params.values()}) < len(params):
            raise _MalformedError("two names of parameters differ in their letters' case only")
        return params

    def _patterns(self, names: Mapping[str, str], used: list[str]) -> dict[str, Pattern]:
        patterns = {}
        for old, spec in self.entry.get("params", {}).items():
            source = spec.get("extractPattern") if isinstance(spec, dict) else None
            if names[old] not in used or not isinstance(source, str):
                continue
            pattern = self._pattern(source, f"params.{old}.extractPattern")
            if pattern is not None and pattern.groups != 1:
                said = f"{self.where}.params.{old}.extractPattern has {pattern.groups} groups, not one"
                self.found.append(SKV604.at(said, path=self.path))
            elif pattern is not None:
                patterns[names[old]] = pattern
        return patterns

    def _pattern(self, source: str, key: str) -> Pattern | None:
        try:
            return compile_pattern(source)
        except PatternRefusedError as error:
            self.found.append(SKV604.at(f"{self.where}.{key}: {error}", path=self.path))
            return None


def _name(old: str) -> str:
    """``inputFile`` → ``input_file``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", old).replace("-", "_").lower()
