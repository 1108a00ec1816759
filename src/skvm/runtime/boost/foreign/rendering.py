"""What a reader of the existing system sees of a candidate of ours.

It puts values into the text of a template. So the template it is shown is shell code that hands every value
over in a here-document whose end no prompt says: nothing is expanded there. Guard and postcondition do not
stand in its format; it goes without, as it does with its own.
"""

from __future__ import annotations

import json
import re
from typing import Any

from skvm.runtime.boost.model import Candidate, Language, Param, ParamType, Skeleton, Template

__all__ = ["rendered"]

_SPECIAL = re.compile(r"[\^$\\.*+?()\[\]{}|/]")
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]{4,}")
_COMMON = frozenset({"import", "print", "write", "return", "range", "params", "encoding", "newline", "P"})
_NUMBERS = frozenset({ParamType.INTEGER, ParamType.NUMBER})
_AROUND = 24
"""Characters of a prompt that are asked for on either side of a value."""


def rendered(candidate: Candidate) -> dict[str, Any]:
    """The fields of the existing format, in its order."""
    template = candidate.template
    return {
        "purposeId": candidate.purpose_id,
        "keywords": list(candidate.keywords) or candidate.purpose_id.split("-"),
        "codeSignature": _signature(template),
        "functionTemplate": _function(template),
        "params": {param.name: _param(param, candidate) for param in template.params},
        "materializationType": "shell",
    }


def _param(param: Param, candidate: Candidate) -> dict[str, str]:
    shown = {
        "type": "number" if param.type in _NUMBERS else "string",
        "description": param.description or f"{param.type} {param.name}",
    }
    for skeleton in candidate.skeletons:
        if param.name in skeleton.params:
            shown["extractPattern"] = _pattern(skeleton, skeleton.params.index(param.name))
            break
    return shown


def _pattern(skeleton: Skeleton, hole: int) -> str:
    """A JavaScript pattern for a hole: some text before it, the value, some text after it."""
    before, after = skeleton.texts[hole][-_AROUND:], skeleton.texts[hole + 1][:_AROUND]
    return f"{_literal(before)}([\\s\\S]+?){_literal(after) or '$'}"


def _literal(text: str) -> str:
    return re.sub(r"\s+", r"\\s+", _SPECIAL.sub(lambda found: "\\" + found[0], text))


def _signature(template: Template) -> str:
    """A loose pattern of code like the template's: its first three names that say something."""
    words = [word for word in _WORD.findall(template.code) if word not in _COMMON]
    chosen = list(dict.fromkeys(words))[:3]
    # Nothing to go by: a pattern that never matches, rather than one that always does.
    return r"[\s\S]*?".join(chosen) if chosen else "(?!)"


def _function(template: Template) -> str:
    tag = f"SKVM_{template.digest.removeprefix('sha256:')[:12]}"
    lines = []
    for param in template.params:
        lines += [
            f"P_{param.name}=$(cat <<'{tag}'",
            "${" + param.name + "}",
            tag,
            ")",
            f"export P_{param.name}",
        ]
    if template.language is Language.SHELL:
        return "\n".join([*lines, template.code])
    values = ", ".join(f"{json.dumps(param.name)}: {_value(param)}" for param in template.params)
    code = f"import os\nP = {{{values}}}\n{template.code}"
    return "\n".join([*lines, f"python3 - <<'{tag}'", code, tag])


def _value(param: Param) -> str:
    value = f'os.environ["P_{param.name}"]'
    if param.type is ParamType.INTEGER:
        return f"int({value})"
    if param.type is ParamType.NUMBER:
        return f"float({value})"
    return f"{value}.splitlines()" if param.type is ParamType.LIST else value
