from __future__ import annotations

import struct
from pathlib import Path

import pytest

from skvm.errors import InfrastructureError
from skvm.llm.vocabulary import read_vocabulary, vocabulary_for
from skvm.settings import load_settings


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def header(*, model: str = "gpt2", pre: str = "qwen2", merges: tuple[str, ...] = ()) -> bytes:
    entries = [
        text("general.size") + struct.pack("<II", 4, 7),
        text("tokenizer.ggml.token_type") + struct.pack("<IIQ", 9, 5, 2) + struct.pack("<ii", 1, 1),
        text("tokenizer.ggml.model") + struct.pack("<I", 8) + text(model),
        text("tokenizer.ggml.pre") + struct.pack("<I", 8) + text(pre),
        text("tokenizer.ggml.merges") + struct.pack("<IIQ", 9, 8, len(merges)) + b"".join(map(text, merges)),
    ]
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(entries)


def test_pairs_are_joined_by_rank(tmp_path: Path) -> None:
    path = tmp_path / "weights.gguf"
    path.write_bytes(header(merges=("a b", "ab c", "b c", "Ġ a")))
    found = read_vocabulary(path)
    assert found.count("") == 0
    assert found.count("abc") == 1
    assert found.count("bc") == 1
    assert found.count("bcab") == 2
    assert found.count("abc abc") == 3  # " abc" becomes a blank and abc, because a b goes before the blank
    assert found.count("12") == 2
    assert found.count("é") == 2  # two bytes no pair joins


def test_digits_are_cut_first_where_the_vocabulary_says_so(tmp_path: Path) -> None:
    path = tmp_path / "weights.gguf"
    path.write_bytes(header(pre="smollm", merges=("Ġ 1", "1 2")))
    assert read_vocabulary(path).count(" 12") == 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GGUF",
        b"ZIP!" + header()[4:],
        header()[:60],
        header(model="llama"),
        header(pre="unheard-of"),
        header()[:16] + struct.pack("<Q", 1 << 60) + header()[24:],
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "weights.gguf"
    path.write_bytes(data)
    with pytest.raises(InfrastructureError, match=r"weights\.gguf"):
        read_vocabulary(path)


def test_a_model_elsewhere_has_none(tmp_path: Path) -> None:
    settings = load_settings(cache_dir=str(tmp_path), env={})
    assert vocabulary_for("openai/gpt-x", settings) is None
    assert vocabulary_for("local/no-such-model", settings) is None
    assert vocabulary_for("local/qwen2.5-coder-1.5b", settings) is None
