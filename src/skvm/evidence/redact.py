"""Secrets are replaced as evidence is written, so that no reader has to be careful.

Two kinds of thing are replaced: values known to be secret (credentials of the routes, environment
variables named like keys), in every spelling they may have inside JSON or a URL; and text that has the
shape of a well-known key, wherever it came from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from skvm.evidence.redact_stream import is_event_stream, redacted_stream
from skvm.evidence.spellings import forms_of
from skvm.settings import Settings

__all__ = ["PLACEHOLDERS", "REDACTED", "Redactor", "keys_of_url", "without_keys", "without_provider_keys"]

REDACTED = "[redacted]"
"""What stands in a secret's place; safe inside a JSON string."""

# What servers that want no key are given for one; replacing these would eat ordinary words and model ids.
_MIN_SECRET_CHARS = 8
PLACEHOLDERS = frozenset(
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
        "password",
        "placeholder",
        "postgres",
        "redacted",
        "[redacted]",
        "sk-no-key-required",
    }
)

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:API_?KEY|ACCESS_?KEY|KEY|TOKEN|SECRET|(?:PG)?PASSWORD|PASSWD|(?:SSH)?PASS|PASSPHRASE|CREDENTIALS?)"
    # PWD alone is where a shell is.
    r"(?:_|\d|$)|_PWD$",
    re.IGNORECASE,
)

_PROVIDER_KEY_NAME = re.compile(r"API_?KEY|ANTHROPIC_AUTH_TOKEN", re.IGNORECASE)

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


# Letters written by number in JSON, but for the quotation mark and the backslash.
_ESCAPED = re.compile(r"(?<!\\)\\u00(2[013-9A-Fa-f]|[346][0-9A-Fa-f]|5[0-9ABD-Fabd-f]|7[0-9A-Ea-e])")
_KEY_END = re.compile(r"-----END [A-Z ]{0,20}PRIVATE KEY-----")
_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:[A-Za-z0-9+/=\r\n]|\\+[nrt]){0,16384}")
_BLOCK_CHARS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\\r\n")


def _without_cut_blocks(text: str) -> str:
    """The text without what a cut has left of the block of a private key: its beginning, or its end."""
    if "PRIVATE KEY-----" not in text:
        return text
    text = _KEY_BEGIN.sub(REDACTED, text)
    kept, done = [], 0
    for found in _KEY_END.finditer(text):
        begin = found.start()
        while begin > done and text[begin - 1] in _BLOCK_CHARS:
            begin -= 1
        kept += [text[done:begin], REDACTED]
        done = found.end()
    return "".join(kept) + text[done:]


def keys_of_url(url: str) -> tuple[str, ...]:
    """What an address holds of secrets: its password and keys of its query.

    Of a page also its user, where there is no password: that is how tokens are put into such an address.
    """
    try:
        parts = urlsplit(url.strip())
        found = [parts.password or (parts.username if "http" in parts.scheme else "") or ""]
        found += [value for name, value in parse_qsl(parts.query) if _SECRET_NAME.search(name)]
    except ValueError:
        return ()
    # Both as it is written and as a client sends it.
    return tuple(dict.fromkeys(form for each in found if each for form in (each, unquote(each))))


def without_keys(url: str) -> str:
    """The address as it may be shown: without user, password and query."""
    try:
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:
        return re.sub(r"//[^/]*@", "//", url.partition("?")[0])


def without_provider_keys(env: Mapping[str, str]) -> dict[str, str]:
    """An environment for programs of others on this machine: all of it but the keys of providers.

    Their own credentials (a token for git, the password of a package index) stay.
    """
    return {name: value for name, value in env.items() if not _PROVIDER_KEY_NAME.search(name)}


def _is_path(value: str) -> bool:
    """Whether a value says where a key lies; its beginning is that of many another path."""
    # A long key is no path either, which a Path would raise.
    return value.startswith("/") and value.count("/") > 1 and os.path.isdir(os.path.dirname(value))  # noqa: PTH112, PTH120


class Redactor:
    """Replaces secrets in text, bytes and JSON values.

    Args:
        secrets: Known secret values; those under 8 characters and well-known placeholders are left alone.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spelled = {
            form
            for secret in secrets
            if len(secret) >= _MIN_SECRET_CHARS and secret.lower() not in PLACEHOLDERS
            for form in forms_of(secret)
        }
        # Longest first, so that a secret that contains another is replaced whole.
        self._forms = tuple(sorted(spelled, key=lambda form: (-len(form.whole), form.whole, form.head)))

    @classmethod
    def of(cls, settings: Settings, env: Mapping[str, str] | None = None) -> Redactor:
        """A redactor that knows the credentials of the routes and of the environment."""
        env = os.environ if env is None else env
        routed = [route.credential() or "" for route in settings.routes]
        addressed = [key for route in settings.routes for key in keys_of_url(route.base_url or "")]
        named = [value for name, value in env.items() if _SECRET_NAME.search(name) and not _is_path(value)]
        # The address of a proxy or a database often holds its password.
        linked = [key for value in env.values() if "://" in value for key in keys_of_url(value)]
        # A key pasted from a file often ends in a line break, which is not sent.
        return cls({key.strip() for key in (*routed, *addressed, *named, *linked)})

    def text(self, value: str) -> str:
        """The text with every secret replaced, and what a cut has left of one."""
        if "\\u00" in value:
            # JSON may spell any letter by its number.
            plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
            value = plain if self._redacted(plain) != plain else value
        return self._redacted(value)

    def known(self, value: str) -> str:
        """The text with every known secret replaced, and nothing that only looks like one."""
        # One search for each is far quicker than one for all, and as a rule there is none.
        found = [form for form in self._forms if form.head in value or form.tail in value]
        # Whole ones first: what two secrets have in common must not hide the rest of one.
        for form in found:
            value = value.replace(form.whole, REDACTED)
        for form in found:
            value = form.replaced(value, REDACTED)
        return value

    def _redacted(self, value: str) -> str:
        value = self.known(value)
        if len(value) < _MIN_SHAPE_CHARS or not any(mark in value for mark in _MARKS):
            return value
        return _without_cut_blocks(_SHAPES.sub(REDACTED, value))

    def data(self, value: bytes) -> bytes:
        """The bytes with every secret replaced; key shapes are looked for only in UTF-8 text.

        In the text of an event stream a secret is found also where several events hold a piece of it each.
        """
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            # Surrogates keep foreign bytes as they are; a secret never contains one.
            text = value.decode("utf-8", "surrogateescape")
            return self.known(text).encode("utf-8", "surrogateescape")
        if is_event_stream(text):
            text = redacted_stream(text, self.text)
        return self.text(text).encode("utf-8")

    def json(self, value: Any) -> Any:
        """A JSON value with every string in it, keys too, redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.json(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.json(item) for item in value]
        return value
