"""One requirement as people write it: name, extras, versions; for pip, npm and system packages."""

from __future__ import annotations

import re

__all__ = ["is_direct", "npm_requirement", "pip_requirement"]

_PIP = re.compile(
    r"\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(\[[\w\s,.-]*\])?\s*((?:[<>=!~]=?=?\s*[\w.*+!-]+\s*,?\s*)*)"
)
_DIRECT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(\[[\w\s,.-]*\])?\s*@\s*(?:\w+\+|https?:|ssh:|file:)")
_NPM = re.compile(r"((?:@[a-z0-9][\w.~-]*/)?[a-z0-9][\w.~-]*)(?:@([\w.^~<>=*| -]+))?", re.IGNORECASE)
_MOVING = frozenset({"latest", "next", "beta", "canary", "*", ""})


def pip_requirement(text: str) -> tuple[str, str | None] | None:
    """Name and extras plus constraint of a requirement; ``None`` for a path, an address or no requirement.

    Args:
        text: Without comment and environment marker, or with.
    """
    text = text.split(" #", 1)[0].split(";", 1)[0].strip().strip("'\"")
    direct = _DIRECT.match(text)
    if direct:
        return direct[1], _without_blanks(direct[2])
    found = _PIP.fullmatch(text)
    if found is None or found[1].lower() in ("pip", "setuptools", "wheel"):
        return None
    return found[1], _without_blanks((found[2] or "") + (found[3] or ""))


def is_direct(text: str) -> bool:
    """Whether a requirement names the address it comes from: ``name @ git+https://…``."""
    return _DIRECT.match(text.strip().strip("'\"")) is not None


def _without_blanks(text: str | None) -> str | None:
    return re.sub(r"\s+", "", text or "").rstrip(",") or None


def npm_requirement(text: str) -> tuple[str, str | None] | None:
    """Name and range of a package; ``None`` for a path, an address or an alias."""
    found = _NPM.fullmatch(text.strip())
    if found is None or text.startswith((".", "/")):
        return None
    return found[1].lower(), None if (found[2] or "") in _MOVING else found[2]
