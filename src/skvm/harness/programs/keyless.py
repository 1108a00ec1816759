"""A user's configuration without its keys: what has no business in a cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["without_keys"]

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECRET = re.compile(
    r"(?:^|[_-])(?:api_?key|key|token|secret|passw(?:or)?d|authorization|credentials?)(?:_hash)?$"
)


def without_keys(value: Any) -> Any:
    """A value of JSON or YAML without the texts, in it, whose names say that they are secret."""
    if isinstance(value, Mapping):
        items = ((str(name), inner) for name, inner in value.items())
        return {name: without_keys(inner) for name, inner in items if not _is_key(name, inner)}
    return [without_keys(each) for each in value] if isinstance(value, list) else value


def _is_key(name: str, value: Any) -> bool:
    return isinstance(value, str) and _SECRET.search(_CAPITAL.sub("_", name).lower()) is not None
