"""What the words of a prompt say a task cannot do without, and no sandbox has."""

from __future__ import annotations

import re

__all__ = ["prompt_reasons"]

_NO_REAL_HOST = (
    r"localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|(?:[\w-]+\.)*(?:example(?:\.\w+)?|w3\.org|schema\.org|"
    r"json-schema\.org|xmlsoap\.org|openxmlformats\.org|invalid|test|local|internal)(?=[/:\s\"'`)>,.]|$)"
)
_ADDRESS = re.compile(rf"https?://(?!{_NO_REAL_HOST})[\w-]+\.", re.IGNORECASE)
_NETWORK = re.compile(
    r"\b(?:download(?:s|ed|ing)? (?:it|them|the|all|from|data|these|this)|"
    r"(?:search|look|find|fetch|research)(?:\s+[\w']+){0,4}\s+online|online\s+(?:search|services?)|"
    r"(?:search|browse|surf|scrape)\s+the\s+(?:web|internet)|web\s+search|(?:from|on)\s+the\s+(?:web|internet)|"
    r"(?:current|latest|today'?s)\s+(?:stock\s+price|share\s+price|weather|news|exchange\s+rates?)|"
    r"stock\s+price|upcoming\s+(?:events?|conferences?)|(?:market|competitive)\s+research|"
    r"clawd?hub|install\s+(?:the|a)\s+(?:[\w-]+\s+)?skill|api[- ]keys?|github\s+(?:api|repo\w*|issues?))\b",
    re.IGNORECASE,
)
_IMAGE = re.compile(r"\bgenerate\s+an?\s+(?:\w+\s+)?image\b|\bimage\s+generation\b", re.IGNORECASE)


def prompt_reasons(prompt: str) -> list[str]:
    """Why a task of these words cannot run here, as far as plain words tell; mostly nothing."""
    found = ["needs an image generator"] if _IMAGE.search(prompt) else []
    return [*found, "needs the network"] if _ADDRESS.search(prompt) or _NETWORK.search(prompt) else found
