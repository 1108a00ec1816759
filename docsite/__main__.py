"""``python -m docsite try PAGE``: run the blocks of a page, and print what its commands really print.

``python -m docsite pictures``: make every picture of ``docs/pictures/`` anew.
``SKVM_DOCS_RECORD=1`` asks embedded models what ``docs/recordings/<page>/`` does not hold.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from docsite import pictures
from docsite.blocks import find_blocks
from docsite.running import Reader

REPO = Path(__file__).resolve().parent.parent


def main() -> int:
    """Try one page, or make the pictures; returns the exit code."""
    if sys.argv[1:] == ["pictures"]:
        return pictures.main()
    if len(sys.argv) != 3 or sys.argv[1] != "try":
        print(__doc__)
        return 2
    page = Path(sys.argv[2])
    recordings = REPO / "docs" / "recordings" / page.stem
    weights = Path(os.environ.get("SKVM_TEST_MODELS") or Path.home() / ".skvm" / "models")
    code = 0
    with tempfile.TemporaryDirectory() as folder:
        is_recording = bool(os.environ.get("SKVM_DOCS_RECORD"))
        reader = Reader(REPO, Path(folder), recordings if recordings.is_dir() or is_recording else None)
        reader.told = lambda text: print(text.replace(folder, "FOLDER"), flush=True)
        reader.complain = lambda text: print(f"--- not as told: {text}\n", flush=True)
        if os.environ.get("SKVM_DOCS_HOME"):
            shutil.copytree(os.environ["SKVM_DOCS_HOME"], reader.home, dirs_exist_ok=True)
        elif weights.is_dir():
            reader.give_weights(weights)
        for block in find_blocks(page.read_text(encoding="utf-8")):
            if not block.is_tried:
                continue
            try:
                reader.read(block)
            except Exception as error:  # noqa: BLE001 - a page may break in any way
                code, reader.code = 1, 0
                print(f"--- {page}:{block.line}: {type(error).__name__}: {error}\n", flush=True)
        reader.finish()
    return code


if __name__ == "__main__":
    sys.exit(main())
