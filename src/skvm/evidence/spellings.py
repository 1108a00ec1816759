"""The forms one secret takes in what is written: plain, in JSON, in a URL, in base64, and cut off."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

__all__ = ["Form", "forms_of"]

_PART_CHARS = 12
"""So much of the beginning or the end of a secret is treated as one: whoever shortens a text may cut it."""
_MIN_REST_CHARS = 4
_BASE64_PART_CHARS = 16

# What keys of a kind begin with is no secret, and stands in every manual.
_PUBLIC = re.compile(
    r"(?:sk-(?:ant-api\d\d-|ant-|or-v\d-|proj-|svcacct-|admin-|lf-)?|github_pat_|gh._|glpat-|xox.-|hf_)"
)


@dataclass(frozen=True, slots=True)
class Form:
    """One spelling of a secret.

    Args:
        whole: All of it.
        head: Its beginning, enough of it to be a secret; all of it where it is short.
        tail: Its end, likewise.
    """

    whole: str
    head: str
    tail: str

    def replaced(self, text: str, mark: str) -> str:
        """The text with every longest beginning and every longest end of this spelling replaced."""
        if self.head in text:
            text = self._without_heads(text, mark)
        if self.tail in text:
            text = self._without_tails(text, mark)
        return text

    def _without_heads(self, text: str, mark: str) -> str:
        kept, done = [], 0
        while (at := text.find(self.head, done)) >= 0:
            end, known = at + len(self.head), len(self.head)
            while known < len(self.whole) and text[end : end + 1] == self.whole[known]:
                end, known = end + 1, known + 1
            kept += [text[done:at], mark]
            done = end
        return "".join(kept) + text[done:]

    def _without_tails(self, text: str, mark: str) -> str:
        kept, done = [], 0
        while (at := text.find(self.tail, done)) >= 0:
            begin, left = at, len(self.whole) - len(self.tail)
            while left > 0 and begin > done and text[begin - 1] == self.whole[left - 1]:
                begin, left = begin - 1, left - 1
            kept += [text[done:begin], mark]
            done = at + len(self.tail)
        return "".join(kept) + text[done:]


def forms_of(secret: str) -> set[Form]:
    """Every form of a secret: as it is, in JSON, in JSON inside JSON, in URLs, in base64 at any offset."""
    public = _PUBLIC.match(secret)
    head_chars = _PART_CHARS + (public.end() if public else 0)
    is_long = len(secret) >= head_chars + _MIN_REST_CHARS
    head, tail = (secret[:head_chars], secret[-_PART_CHARS:]) if is_long else (secret, secret)
    spelled = zip(_spellings(secret), _spellings(head), _spellings(tail), strict=True)
    found = {Form(whole, begins, ends) for whole, begins, ends in spelled}
    cores = zip(_base64_cores(secret), _base64_cores(head), strict=True)
    # Where in its groups of three an end begins depends on the whole; its last characters do not.
    found |= {
        Form(whole, begins, whole[-_BASE64_PART_CHARS:] if is_long else whole) for whole, begins in cores
    }
    return found


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="", errors="surrogatepass")
    yield quote_plus(secret, errors="surrogatepass")
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]


def _base64_cores(secret: str) -> Iterator[str]:
    """What is the same whatever stands before and behind the secret in the bytes that are encoded."""
    data = secret.encode("utf-8", "surrogatepass")
    for offset in range(3):
        length = offset + len(data)
        begin, end = -(-offset * 8 // 6), length * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * offset + data).decode("ascii")[begin:end]
