"""Grade with a bun test file, sealed as far as bun lets it be.

Such tests read files by names relative to the work directory, and import from it, so they must lie in it:
the test file is put into the snapshot before the cell opens, in place of whatever has its name, and settings
that would have bun load a file of the agent are taken out. The report has a name made for this run.

Without a report the exit code decides for all parts alike. But code of the agent that the test file imports
can end the process with any code it likes: where the test file imports anything relative, no report is a 0.
"""

from __future__ import annotations

import os
import re
import secrets
from functools import partial
from pathlib import Path, PurePosixPath

import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.evaluate.contract import Evidence
from skvm.evaluate.custom import unscored
from skvm.evaluate.junit.cases import grade_all_alike, grade_by_cases, read_xml
from skvm.evaluate.junit.payload import Payload, TestFile
from skvm.evaluate.workspace import place_file, remove_tree
from skvm.evidence.record import CriterionResult
from skvm.harness.confine.provision import find_program
from skvm.task.model import Task

__all__ = ["missing", "run"]

_SETTINGS = ("bunfig.toml", ".bunfig.toml", ".env", ".env.local", ".env.test", ".env.test.local")
_IMPORTS_WORK = re.compile(
    rb"""(?:from|import|require)\s*\(?\s*["'`][./]|import\s*\(\s*[^"'\s]|require\s*\(\s*[^"'\s]"""
)
_MAX_REPORT = 4 << 20
_NO_PROGRAM = 127


def missing(file: TestFile, task: Task) -> str | None:
    """Why no bun suite can be run here."""
    if find_program("bun") is None:
        return (
            "needs bun, which is not installed where a cell finds programs (https://bun.com; /usr/local/bin)"
        )
    return None


async def run(payload: Payload, file: TestFile, evidence: Evidence) -> CriterionResult:
    """Run the suite on what the agent left."""
    await anyio.to_thread.run_sync(_prepare, evidence.snapshot, file)
    report = f".{secrets.token_hex(16)}.xml"
    argv = ["bun", "test", f"./{file.name}", "--reporter=junit", f"--reporter-outfile={report}"]
    try:
        done = await evidence.cell.execute(argv, timeout_s=payload.timeout_s)
    except InfrastructureError as error:
        await _try_elsewhere(evidence, error)
        return grade_all_alike(payload, 0.0, f"the tests ended their cell: {error.message}")
    if done.is_timed_out:
        return grade_all_alike(payload, 0.0, f"the tests did not end within {payload.timeout_s:g} s")
    # Code of the work can end bun with any code it likes, this one, too.
    if (
        done.exit_code == _NO_PROGRAM
        and (await evidence.cell.execute("command -v bun", timeout_s=20)).exit_code
    ):
        return unscored("needs bun, which the cell does not find")
    try:
        cases = read_xml(await evidence.cell.read(report, max_bytes=_MAX_REPORT))
    except OSError:
        cases = []
    if cases:
        return await anyio.to_thread.run_sync(partial(grade_by_cases, payload, cases))
    if done.exit_code == 0 and _IMPORTS_WORK.search(file.source):
        return grade_all_alike(payload, 0.0, "bun gave no report, and code of the work may have ended it")
    return grade_all_alike(
        payload, float(done.exit_code == 0), f"bun ended with {done.exit_code}, without a report"
    )


async def _try_elsewhere(evidence: Evidence, error: InfrastructureError) -> None:
    """Raise an error of the sandbox unless it is well where the agent left nothing."""
    if evidence.untouched is None:
        raise error
    async with evidence.untouched() as nothing:
        await nothing.cell.execute("true", timeout_s=20)


def _prepare(snapshot: Path, file: TestFile) -> None:
    for name in _SETTINGS:
        _clear(snapshot, name)
    if file.graders is None:
        _put(snapshot, file.name, file.source)
        return
    # What the test file needs beside itself; the work keeps its own, all but what has these names.
    for path in sorted(file.graders.rglob("*")):
        if path.is_file():
            _put(snapshot, path.relative_to(file.graders).as_posix(), path.read_bytes())


def _put(snapshot: Path, name: str, data: bytes) -> None:
    """Write a file whatever the agent left at its place, and at the place of each folder above it."""
    for parent in reversed(PurePosixPath(name).parents[:-1]):
        if (snapshot / parent).is_symlink() or not (snapshot / parent).is_dir():
            _clear(snapshot, str(parent))
    _clear(snapshot, name)
    place_file(snapshot, name, data)


def _clear(snapshot: Path, name: str) -> None:
    """Remove what has a name; the folders above it are known to be folders."""
    if os.path.lexists(snapshot / name):
        remove_tree(snapshot / name)
