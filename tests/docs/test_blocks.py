"""Every code block of the documentation is true: it runs, and prints what the page says."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docsite.blocks import SILENT, Block, find_blocks, find_pages
from docsite.running import Reader

from tests.conftest import REPO

WEIGHTS = Path.home() / ".skvm" / "models"
# Read now: no test sees our variables.
ASKS_MODELS = bool(os.environ.get("SKVM_DOCS_LOCAL")) and any(WEIGHTS.glob("qwen2.5-coder-1.5b*.gguf"))
PAGES = {path.relative_to(REPO).as_posix(): path for path in find_pages(REPO)}
BLOCKS = {name: list(find_blocks(path.read_text(encoding="utf-8"))) for name, path in PAGES.items()}
NOT_RUN = [(name, block) for name, blocks in BLOCKS.items() for block in blocks if "not run" in block.notes]


def tried(blocks: list[Block]) -> list[Block]:
    return [each for each in blocks if each.is_tried]


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with a short name, as a reader's home has: long ones break lines; open, as cells want it."""
    with tempfile.TemporaryDirectory(prefix="d-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.parametrize("name", [name for name, blocks in BLOCKS.items() if tried(blocks)])
def test_blocks_of_a_page_are_true(name: str, short_path: Path) -> None:
    recordings = REPO / "docs" / "recordings" / Path(name).stem
    reader = Reader(REPO, short_path, recordings if recordings.is_dir() and not ASKS_MODELS else None)
    if ASKS_MODELS:
        reader.give_weights(WEIGHTS)
    for block in tried(BLOCKS[name]):
        if "local" in block.notes and not ASKS_MODELS:
            pytest.skip(f"{name}:{block.line} and what follows asks an embedded model (SKVM_DOCS_LOCAL=1)")
        fault = ""
        try:
            reader.read(block)
            if block is tried(BLOCKS[name])[-1]:
                reader.finish()
        except Exception as error:  # noqa: BLE001 - a page may break in any way
            fault = f"{name}:{block.line}: {type(error).__name__}: {error}"
        if fault:
            pytest.fail(fault, pytrace=False)


@pytest.mark.parametrize(("name", "block"), NOT_RUN, ids=[f"{name}:{block.line}" for name, block in NOT_RUN])
def test_a_block_that_is_not_run_says_why(name: str, block: Block) -> None:
    reason = block.notes["not run"]
    assert len(reason.split()) >= 3, f"{name}:{block.line}: {reason!r} is no reason"
    pytest.skip(f"{name}:{block.line}: {reason}")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_no_command_hides_in_a_block_that_is_not_tried(name: str) -> None:
    for block in BLOCKS[name]:
        if block.language in SILENT:
            assert not block.text.startswith("$ "), (
                f"{name}:{block.line}: a command, in a block without a language"
            )
