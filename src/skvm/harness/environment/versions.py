"""Whether a version fits a constraint; as much of PEP 440 as lists of requirements use."""

from __future__ import annotations

import re

__all__ = ["fits"]

_CLAUSE = re.compile(r"(===?|>=|<=|~=|!=|<|>)\s*v?([\w.*+!-]+)")


def fits(version: str, spec: str | None) -> bool:
    """Whether a version is among those a constraint allows; what cannot be compared is allowed.

    Args:
        version: Of an installed distribution.
        spec: Extras and clauses, as in a requirements file.
    """
    clauses = _CLAUSE.findall(re.sub(r"^\[[^\]]*\]", "", spec or ""))
    return all(_allows(_release(version), operator, bound) for operator, bound in clauses)


def _release(version: str) -> tuple[int, ...]:
    found = re.match(r"(?:\d+!)?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _allows(have: tuple[int, ...], operator: str, bound: str) -> bool:
    want = _release(bound)
    if not have or not want:
        return True
    is_prefix = bound.endswith(".*")
    width = max(len(have), len(want))
    left, right = _padded(have, width), _padded(want, width)
    if operator in ("==", "===", "!="):
        equal = have[: len(want)] == want if is_prefix else left == right
        return equal != (operator == "!=")
    if operator == "~=":
        return left >= right and have[: len(want) - 1] == want[:-1]
    return {">=": left >= right, "<=": left <= right, ">": left > right, "<": left < right}[operator]


def _padded(release: tuple[int, ...], width: int) -> tuple[int, ...]:
    return release + (0,) * (width - len(release))
