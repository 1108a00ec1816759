"""Keys planted wherever a key can come from, a model that repeats them, and a search that trusts nobody.

The search is written apart from what it searches for: it knows nothing of how secrets are redacted.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from skvm.llm.fake import FakeAnswer, FakeToolCall

KEYS = {
    "literal": "cnry-literal-4f1d7a90be3265c8",
    "variable": 'cnry/variable+"8c52e1\\d09b7f3a64',
    "openai": "cnry-openai-b07e93f1c5d8426a",
    "anthropic": "sk-ant-api03-Cnry2b9E5f70c1D8a43B6e9F0d7A",
    "openrouter": "sk-or-v1-cnry6d1f8a0b93e7c254f6d1a8b0",
    "password": "cnry-password-51e8c0d79ab3f264",
    "query": "cnry-query-e93b6f07d15ac824",
    "proxy": "cnry-proxy-7ad20f6c9be81543",
}
"""Where a key comes from → the key. One holds what JSON and addresses have to escape."""

SAID = (
    "The keys are "
    + ", ".join(KEYS.values())
    + "; base64 "
    + ", ".join(
        base64.b64encode(f"{'x' * at}{key}".encode()).decode() for at, key in enumerate(KEYS.values())
    )
)

_SHELL = "cat > leak.txt <<'EOF'\n" + SAID + "\nEOF\ncat leak.txt; cat leak.txt >&2"
_CUT = "i=0; while [ $i -lt 90 ]; do i=$((i+1)); printf '%02000d' 0; cat leak.txt; done"


class Model:
    """A model that repeats every key it can, in words, calls and errors."""

    def __init__(self, skill: str) -> None:
        self.skill = skill
        self.is_failing = False

    def __call__(self, body: dict) -> FakeAnswer:
        if self.is_failing:
            return FakeAnswer(f"invalid key. {SAID}", status=401)
        asked = json.dumps(body)
        turns = sum(message.get("role") == "tool" for message in body.get("messages", ()))
        tools = {each.get("function", {}).get("name") for each in body.get("tools") or ()}
        if not tools:
            return FakeAnswer(json.dumps({"reasoning": SAID, "score": 1, "verdict": "pass"}))
        if ".optimize" in asked:
            return self._edit() if not turns else FakeAnswer(f"edited. {SAID}")
        steps = [name for name in ("execute_command", "write_file") if name in tools]
        if turns >= 3 or not steps:
            return FakeAnswer(f"done. {SAID}")
        if turns == 0 and "execute_command" in tools:
            return FakeAnswer(SAID, [FakeToolCall("execute_command", {"command": _SHELL})])
        if turns == 1 and "execute_command" in tools:
            return FakeAnswer("", [FakeToolCall("execute_command", {"command": _CUT})])
        return FakeAnswer("", [FakeToolCall("write_file", {"path": "a", "content": f"x\n{SAID}"})])

    def _edit(self) -> FakeAnswer:
        told = json.dumps({"rootCause": SAID, "reasoning": SAID, "changedFiles": ["SKILL.md"]})
        edited = self.skill.replace("Odds: 0.3", "Odds: 0.9") + f"\nThe log says: {KEYS['literal']}\n"
        calls = [
            FakeToolCall("write_file", {"path": path, "content": content})
            for path, content in (("SKILL.md", edited), (".optimize/submission.json", told))
        ]
        return FakeAnswer("", calls)


def needles(key: str) -> set[bytes]:
    """What would give a key away: all of it or half, plain, escaped, in an address, in base64."""
    half = len(key) // 2 + 4
    found = {key, key[:half], key[-half:]}
    found |= {json.dumps(each)[1:-1] for each in found} | {quote(each, safe="") for each in found}
    raw = {each.encode() for each in found}
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            raw.add(encode(b"\0" * offset + key.encode())[4 : 4 + len(key)])
    return raw


NEEDLES = {name: needles(key) for name, key in KEYS.items()}


def found_in(data: bytes) -> set[str]:
    """Names of the keys that some form of the bytes holds."""
    return {
        name
        for view in _views(data, 0)
        for name, wanted in NEEDLES.items()
        if any(needle in view for needle in wanted)
    }


def keys_below(root: Path) -> dict[str, set[str]]:
    """File → names of the keys it holds, its own name and the target of a link included."""
    found = {}
    for path in sorted(root.rglob("*")):
        held = found_in(str(path.relative_to(root)).encode("utf-8", "surrogateescape"))
        if path.is_symlink():
            held |= found_in(str(path.readlink()).encode())
        elif path.is_file():
            held |= found_in(path.read_bytes())
        if held:
            found[str(path.relative_to(root))] = held
    return found


def _views(data: bytes, depth: int) -> Iterator[bytes]:
    yield data
    # A terminal or a table may break a line within a word.
    yield re.sub(rb"[ \t]*\r?\n[ \t]*", b"", data)
    if b'"' in data:
        yield from _joined(data)
    if depth < 3:
        for inner in _unpacked(data):
            yield from _views(inner, depth + 1)


def _joined(data: bytes) -> Iterator[bytes]:
    """What the strings of each name say one after the other, over all documents of a stream."""
    texts: dict[str, list[str]] = {}

    def take(value: object, name: str) -> None:
        if isinstance(value, str):
            texts.setdefault(name, []).append(value)
        elif isinstance(value, dict):
            for key, each in value.items():
                take(each, key)
        elif isinstance(value, list):
            for each in value:
                take(each, name)

    text = data.decode("utf-8", "replace")
    documents = [text] if text.lstrip()[:1] in ("{", "[") else []
    documents += [line.removeprefix("data:") for line in text.split("\n") if "{" in line]
    for document in documents:
        try:
            take(json.loads(document), "")
        except (ValueError, RecursionError):
            continue
    yield from ("".join(parts).encode("utf-8", "replace") for parts in texts.values())


def _unpacked(data: bytes) -> Iterator[bytes]:
    if data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)
    elif data[:1] == b"\x78":
        try:
            yield zlib.decompress(data)
        except zlib.error:
            return
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield archive.read(name)
