"""Scripts a variant carries, as they lie in the package."""

from __future__ import annotations

import importlib.resources
from functools import cache

__all__ = ["shipped"]


@cache
def shipped(name: str) -> bytes:
    """The bytes of ``scripts/<name>``, as they are put into a bundle."""
    return (importlib.resources.files("skvm.compiler.carried") / "scripts" / name).read_bytes()
