"""``tool.file.write``: sizes are what is claimed, and nothing shown has to be taken apart to be copied."""

from __future__ import annotations

from skvm.target.contract import LEVELS, PRIMITIVES, Level

WRITE = PRIMITIVES.get("tool.file.write")


def test_no_content_is_shown_with_an_indent() -> None:
    for level in LEVELS:
        for seed in range(50):
            assert not [line for line in WRITE.probe(level, seed).prompt.split("\n") if line.startswith(" ")]


def test_a_large_file_is_more_than_a_kilobyte_and_not_much_more() -> None:
    sizes = [
        len(text) for seed in range(200) for text in WRITE.probe(Level.L2, seed).reference.files.values()
    ]
    assert min(sizes) > 1024
    assert max(sizes) < 1400
