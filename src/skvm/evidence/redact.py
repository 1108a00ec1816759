"""Secrets are replaced as evidence is written, so that no reader has to be careful.

Two kinds of thing are replaced: values known to be secret (credentials of the routes, environment
variables named like keys), in every spelling they may have inside JSON or a URL; and text that has the
shape of a well-known key, wherever it came from.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from skvm.settings import Settings

__all__ = ["REDACTED", "Redactor"]

REDACTED = "[redacted]"
"""What stands in a secret's place; safe inside a JSON string."""

# What servers that want no key are given for one; replacing these would eat ordinary words and model ids.
_MIN_SECRET_CHARS = 8
_PLACEHOLDERS = frozenset(
    {
        "anything",
        "changeme",
        "dummy-key",
        "lm-studio",
        "llama.cpp",
        "localhost",
        "no-key-needed",
        "no-key-required",
        "not-needed",
        "not-required",
        "placeholder",
        "sk-no-key-required",
    }
)

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:API_?KEY|ACCESS_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)(?:_|\d|$)",
    re.IGNORECASE,
)

# Not within a word; but the letter of an escaped line break in JSON, or the end of a colour, is no word.
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4})|(?<=[0-9]m))"
# Quantifiers are bounded or over disjoint classes: a hostile text costs linear time.
_SHAPES = re.compile(
    _START
    + r"(?:"
    + "|".join(
        (
            r"sk-(?:ant|or|proj|svcacct|admin|lf)-[A-Za-z0-9_-]{16,}",
            r"sk-[A-Za-z0-9]{20,}",
            r"(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])",
            r"gh[pousr]_[A-Za-z0-9]{36,}",
            r"github_pat_[A-Za-z0-9_]{40,}",
            r"glpat-[A-Za-z0-9_-]{20,}",
            r"xox[abeoprs]-[A-Za-z0-9-]{16,}",
            r"AIza[0-9A-Za-z_-]{35}",
            r"hf_[A-Za-z0-9]{30,}",
            r"(?:gsk|xai|pplx|npm|dop_v1)[_-][A-Za-z0-9]{32,}",
            r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
        )
    )
    + r")"
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{20,}"
    # No quotation mark: a block never spans two strings of JSON.
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:(?!-----)[^\"]){0,16384}"
    r"-----END [A-Z ]{0,20}PRIVATE KEY-----"
)


# Looking for the shapes takes a hundred times as long as looking whether any can begin at all.
_MARKS = (
    *("sk-", "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "AIza"),
    *("hf_", "gsk_", "gsk-", "xai_", "xai-", "pplx_", "pplx-", "npm_", "npm-", "dop_v1_", "dop_v1-", "eyJ"),
    *("earer ", "PRIVATE KEY-----"),
)
_MIN_SHAPE_CHARS = 20
"""No shape is shorter."""


def _spellings(secret: str) -> set[str]:
    """The forms a secret takes inside JSON text, JSON text inside JSON text, and URLs."""
    forms = {secret, quote(secret, safe=""), quote_plus(secret)}
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        forms |= {once, json.dumps(once, ensure_ascii=ascii_only)[1:-1]}
    return forms


class Redactor:
    """Replaces secrets in text, bytes and JSON values.

    Args:
        secrets: Known secret values; those under 8 characters and well-known placeholders are left alone.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spelled = {
            form
            for secret in secrets
            if len(secret) >= _MIN_SECRET_CHARS and secret.lower() not in _PLACEHOLDERS
            for form in _spellings(secret)
        }
        # Longest first, so that a secret that contains another is replaced whole.
        ordered = sorted(spelled, key=lambda form: (-len(form), form))
        self._forms = tuple(ordered)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    @classmethod
    def of(cls, settings: Settings, env: Mapping[str, str] | None = None) -> Redactor:
        """A redactor that knows the credentials of the routes and of the environment."""
        env = os.environ if env is None else env
        routed = [route.credential() or "" for route in settings.routes]
        named = [value for name, value in env.items() if _SECRET_NAME.search(name)]
        return cls([*routed, *named])

    def text(self, value: str) -> str:
        """The text with every secret replaced."""
        # One search for each is far quicker than one for all, and as a rule there is none.
        if self._known is not None and any(form in value for form in self._forms):
            value = self._known.sub(REDACTED, value)
        if len(value) < _MIN_SHAPE_CHARS or not any(mark in value for mark in _MARKS):
            return value
        return _SHAPES.sub(REDACTED, value)

    def data(self, value: bytes) -> bytes:
        """The bytes with every secret replaced; key shapes are looked for only in UTF-8 text."""
        try:
            return self.text(value.decode("utf-8")).encode("utf-8")
        except UnicodeDecodeError:
            if self._known is None:
                return value
            # Surrogates keep foreign bytes as they are; a secret never contains one.
            text = value.decode("utf-8", "surrogateescape")
            return self._known.sub(REDACTED, text).encode("utf-8", "surrogateescape")

    def json(self, value: Any) -> Any:
        """A JSON value with every string in it, keys too, redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.json(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.json(item) for item in value]
        return value
