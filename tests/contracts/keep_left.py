"""Keeps what a real program leaves of one small run, for ``test_program_adapters.py``.

``python -m tests.contracts.keep_left NAME CASE`` runs the installed program (of the cache that
``SKVM_TEST_HARNESSES`` names, if it does) against a scripted model and writes ``left/NAME/CASE/``. Paths of
the run become ``/home/agent`` and ``/work``. Look through it before it is committed: what a program keeps in
its home is left out, and has to be added by hand if it is read.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import anyio

from skvm.cli.harness_check import check_harness
from skvm.harness.contract import path_name
from skvm.harness.programs import driver
from skvm.harness.programs.contract import Launch, Told
from skvm.harness.sandbox import Execution
from skvm.settings import load_settings

LEFT = Path(__file__).parent / "left"


@contextmanager
def keeping(folder: Path) -> Iterator[None]:
    """Keep what the next run leaves, and what its adapter reads there."""
    read = driver._Run._read

    def read_and_keep(run: Any, ran: Execution, launch: Launch) -> Told:
        told = read(run, ran, launch)
        folder.mkdir(parents=True, exist_ok=True)
        for stream, name in (("stdout", "stdout"), ("stderr", "stderr"), ("then-stdout", "then")):
            path = run.place.output_dir / stream
            if path.exists() and (text := path.read_text(encoding="utf-8", errors="replace")):
                text = text.replace(str(run.place.home), "/home/agent")
                (folder / name).write_text(text.replace(str(run.context.work_dir), "/work"))
        members = {
            "exitCode": ran.exit_code,
            "finalText": told.final_text,
            "usage": told.usage.model_dump(exclude_defaults=True) if told.usage else None,
            "error": told.error,
            "hint": told.hint,
            "isStepLimit": told.is_step_limit or None,
        }
        said = {name: value for name, value in members.items() if value is not None or name == "exitCode"}
        (folder / "told.json").write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n")
        return told

    with patch.object(driver._Run, "_read", read_and_keep):
        yield


def main(name: str, case: str) -> int:
    """Run one program once, and keep what it left."""
    with keeping(LEFT / path_name(name) / case):
        checked = anyio.run(
            check_harness, name, load_settings(cache_dir=os.environ.get("SKVM_TEST_HARNESSES"))
        )
    sys.stderr.write(f"{checked.detail}\n")
    return 0 if checked.ok else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
