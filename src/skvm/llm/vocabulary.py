"""How many tokens a text is to an embedded model, from the header of its weights; the model is not loaded.

Only byte-level pair encodings are read, which is what every model of the catalogue uses. Special tokens are
not looked for: a text that quotes one counts as the words it consists of.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import regex  # type: ignore[import-untyped]

from skvm.errors import InfrastructureError, UsageError
from skvm.llm.catalog import find_entry
from skvm.llm.weights import weights_path
from skvm.settings import Settings

__all__ = ["Vocabulary", "read_vocabulary", "vocabulary_for"]

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_MAX_ITEMS = 1 << 22
_WANTED = frozenset({"tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.merges"})
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL = r"\s+(?!\S)|\s+"
_PIECES: Mapping[str, tuple[str, ...]] = {
    "qwen2": (
        rf"{_SHORT}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|{_TAIL}",
    ),
    # A text is cut at the first rule's matches, what lies between by the second.
    "smollm": (r"\p{N}", rf"'s|'t|'re|'ve|'m|'ll|'d| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|{_TAIL}"),
}


@dataclass(frozen=True)
class Vocabulary:
    """A byte-level pair encoding.

    Args:
        name: The rule by which it cuts a text into pieces (``qwen2``).
        ranks: Which pair is joined first, by pair; lower ranks before higher ones.
    """

    name: str
    ranks: Mapping[tuple[str, str], int] = field(repr=False)
    _known: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def count(self, text: str) -> int:
        """The tokens of a text, without any a chat template would add."""
        return sum(self._count_piece(piece) for piece in _pieces(text, _PIECES[self.name]))

    def _count_piece(self, piece: str) -> int:
        if (known := self._known.get(piece)) is None:
            known = len(_joined([_LETTERS[byte] for byte in piece.encode()], self.ranks))
            self._known[piece] = known
        return known


def read_vocabulary(path: Path) -> Vocabulary:
    """The vocabulary in the header of a weights file.

    Raises:
        InfrastructureError: The file cannot be read, or holds a vocabulary of another kind.
    """
    try:
        with path.open("rb") as file:
            found = _header(file)
    except (OSError, ValueError, struct.error) as error:
        raise InfrastructureError(f"{path}: its vocabulary cannot be read: {error}") from error
    name = str(found.get("tokenizer.ggml.pre", ""))
    if found.get("tokenizer.ggml.model") != "gpt2" or name not in _PIECES:
        kind = f"{found.get('tokenizer.ggml.model', 'none')}/{name or 'none'}"
        raise InfrastructureError(f"{path}: vocabularies of the kind {kind} are not read")
    pairs = (tuple(merge.split(" ", 1)) for merge in found.get("tokenizer.ggml.merges", ()))
    return Vocabulary(name, {(pair[0], pair[-1]): rank for rank, pair in enumerate(pairs)})


def vocabulary_for(model: str, settings: Settings) -> Vocabulary | None:
    """The vocabulary of a target's model, read once a process.

    Args:
        model: Full model id.
        settings: Where the weights lie.

    Returns:
        ``None`` where it is not known: a remote model, or one whose weights are not here.

    Raises:
        InfrastructureError: The weights are here but cannot be read.
    """
    if not model.startswith("local/"):
        return None
    try:
        path = weights_path(settings, find_entry(model))
    except UsageError:
        return None
    return _remembered(path, path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=4)
def _remembered(path: Path, _mtime_ns: int) -> Vocabulary:
    return read_vocabulary(path)


def _header(file: BinaryIO) -> dict[str, Any]:
    if file.read(4) != _MAGIC:
        raise ValueError("it is no GGUF file")
    _, _, count = struct.unpack("<IQQ", file.read(20))
    found: dict[str, Any] = {}
    for _ in range(min(count, _MAX_ITEMS)):
        key = _string(file).decode("utf-8", "replace")
        (kind,) = struct.unpack("<I", file.read(4))
        value = _value(file, kind, keep=key in _WANTED)
        if key in _WANTED:
            found[key] = value
    return found


def _string(file: BinaryIO) -> bytes:
    (size,) = struct.unpack("<Q", file.read(8))
    return file.read(_bounded(size))


def _value(file: BinaryIO, kind: int, *, keep: bool) -> Any:
    if kind == _STRING:
        return _string(file).decode("utf-8", "replace")
    if kind != _ARRAY:
        return file.read(_size(kind))
    inner, count = struct.unpack("<IQ", file.read(12))
    if inner == _STRING:
        items = [_string(file) for _ in range(_bounded(count))]
        return [item.decode("utf-8", "replace") for item in items] if keep else None
    file.seek(_size(inner) * _bounded(count), 1)
    return None


def _size(kind: int) -> int:
    if kind not in _SIZES:
        raise ValueError(f"it holds a value of the unknown kind {kind}")
    return _SIZES[kind]


def _bounded(count: int) -> int:
    if count > _MAX_ITEMS:
        raise ValueError(f"it says that {count} things follow")
    return count


def _letters() -> list[str]:
    """One printable character for every byte, as byte-level vocabularies write them."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    table = {byte: chr(byte) for byte in plain} | {byte: chr(256 + at) for at, byte in enumerate(others)}
    return [table[byte] for byte in range(256)]


_LETTERS = _letters()


def _pieces(text: str, rules: Sequence[str]) -> list[str]:
    first = regex.compile(rules[0])
    if len(rules) == 1:
        return [str(piece) for piece in first.findall(text)]
    found: list[str] = []
    position = 0
    for match in first.finditer(text):
        found += _pieces(text[position : match.start()], rules[1:])
        found.append(match[0])
        position = match.end()
    return found + _pieces(text[position:], rules[1:])


def _joined(parts: list[str], ranks: Mapping[tuple[str, str], int]) -> list[str]:
    """Join neighbours, the pair of the lowest rank first and everywhere it stands, until none has a rank."""
    while len(parts) > 1:
        best = min(itertools.pairwise(parts), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        made: list[str] = []
        at = 0
        while at < len(parts):
            if at + 1 < len(parts) and (parts[at], parts[at + 1]) == best:
                made.append(parts[at] + parts[at + 1])
                at += 2
            else:
                made.append(parts[at])
                at += 1
        parts = made
    return parts
