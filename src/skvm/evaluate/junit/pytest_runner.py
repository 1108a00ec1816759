"""Grade with a pytest file, sealed.

The test file, pytest and the settings lie in a folder the cell may only read, and the suite runs on the
snapshot as its current directory: an agent's file of the same name, its ``conftest.py``, settings, plugins
or ``pytest.py`` are never looked at. A report counts only as ``evaluate/isolated.py`` says; without one
every part is 0, whatever the exit code.

What the test file defines in plain sight is read from its source beforehand, and what pytest collected is
noted before a test runs: a test of either list that is missing from the report has failed. So an import
that ends the process, skips the module or empties the list of tests gains nothing.

What is not tight: a test that *imports* the agent's module runs it in pytest's own process, where it can
replace what decides (an assertion's operands, the recorder itself). Grade hostile work with tests that start
programs, or read files.

Whose fault is a suite that cannot be collected? As for ``python-grade``: an agent that did nothing is graded
too, and if collecting fails there as well, the suite is at fault, unless what it lacks there is work: a
file, or a module. A suite that imports a package which is not here is not run at all; see ``packages.py``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import anyio.to_thread

from skvm.evaluate.contract import Evidence
from skvm.evaluate.custom import unscored
from skvm.evaluate.isolated import Answer, ask
from skvm.evaluate.junit.cases import Case, grade_all_alike, grade_by_cases, named_tests, of_node
from skvm.evaluate.junit.packages import is_well_known, lacking_packages
from skvm.evaluate.junit.payload import Payload, TestFile
from skvm.evaluate.workspace import copy_tree
from skvm.evidence.record import CriterionResult
from skvm.harness.confine.provision import interpreter
from skvm.task.model import Task

__all__ = ["missing", "run"]

_PACKAGES = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments")
_LEXERS = ("__init__.py", "_mapping.py", "diff.py", "python.py")
"""Of pygments, which colours what nobody sees here, only what pytest imports: the rest is 8 MB."""
_HELP = "pip install 'skvm[bench]'"
_ABSENCE = ("ImportError", "ModuleNotFoundError", "FileNotFoundError", "NotADirectoryError")
_NO_MODULE = re.compile(r"No module named '(\w+)")
_NOTHING_COLLECTED = 2


def missing(file: TestFile, task: Task) -> str | None:
    """Why this suite cannot be run here."""
    if lacking := [name for name in _PACKAGES if importlib.util.find_spec(name) is None]:
        return f"needs pytest, of which {', '.join(lacking)} cannot be imported ({_HELP})"
    if lacking := lacking_packages(file, task):
        return (
            f"needs the Python module {', '.join(lacking)}, which is not installed for {interpreter()}; "
            "if it is for the agent to write, the prompt must name it"
        )
    return None


async def run(payload: Payload, file: TestFile, evidence: Evidence) -> CriterionResult:
    """Run the suite on what the agent left."""
    answer = await _ask(payload, file, evidence)
    if answer.is_timed_out:
        return grade_all_alike(payload, 0.0, f"the tests {answer.why}")
    if why := _is_unfit(answer):
        return unscored(why)
    why = _fault(answer)
    if why and not _lacks_work(why) and evidence.untouched is not None:
        async with evidence.untouched() as nothing:
            again = _fault(await _ask(payload, file, nothing))
        if again and not _lacks_work(again):
            return unscored(f"the tests fail on untouched fixtures, too: {again}")
    if answer.value is None:
        return grade_all_alike(payload, 0.0, f"the tests gave no result: {answer.why}")
    cases = _cases(answer.value, named_tests(file), why)
    return await anyio.to_thread.run_sync(partial(grade_by_cases, payload, cases, note=""))


async def _ask(payload: Payload, file: TestFile, evidence: Evidence) -> Answer:
    if evidence.equipped is None:
        return Answer(None, "no cell can be equipped with pytest here", is_absent=True)
    async with evidence.equipped(_filler(file)) as (cell, tools):
        request = {
            "packages": str(tools / "packages"),
            "root": str(tools / "tests"),
            "settings": str(tools / "pytest.ini"),
            "test_file": _inner_name(file),
        }
        return await ask(cell, "run_pytest", request, timeout_s=payload.timeout_s)


def _is_unfit(answer: Answer) -> str:
    """Why nothing could be run at all, ``""`` if it could."""
    if answer.is_absent:
        return answer.why
    absent = (answer.value or {}).get("absent")
    return f"pytest cannot be imported by the Python of the cell: {absent}" if absent else ""


def _fault(answer: Answer) -> str:
    """What kept the tests from being run, ``""`` if they were."""
    if answer.value is None:
        return "" if answer.is_timed_out else answer.why
    errors = answer.value.get("errors") or []
    if errors:
        return str(errors[0])
    code = answer.value.get("exit")
    return f"pytest ended with {code}" if not isinstance(code, int) or code >= _NOTHING_COLLECTED else ""


def _lacks_work(fault: str) -> bool:
    """Whether a suite failed because something is not there that an agent was to make."""
    if named := _NO_MODULE.search(fault):
        return not is_well_known(named[1])
    return any(word in fault for word in _ABSENCE)


def _cases(value: dict[str, Any], named: list[str], fault: str) -> list[Case]:
    tests = value.get("tests")
    cases = [
        Case(of_node(str(node)), not why, str(why))
        for node, why in (tests.items() if isinstance(tests, dict) else ())
    ]
    seen = {case.name.partition("[")[0] for case in cases}
    return [*cases, *(Case(name, False, fault or "it was not run") for name in named if name not in seen)]


def _inner_name(file: TestFile) -> str:
    """Where the test file lies in the folder of tests: below ``graders/`` as it is, a fixture alone."""
    return file.name if file.graders else PurePosixPath(file.name).name


def _filler(file: TestFile) -> Callable[[Path], None]:
    def fill(tools: Path) -> None:
        tests, packages = tools / "tests", tools / "packages"
        tests.mkdir()
        if file.graders:
            copy_tree(file.graders, tests)
        else:
            (tests / _inner_name(file)).write_bytes(file.source)
        (tools / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        packages.mkdir()
        for name in _PACKAGES:
            _copy_package(name, packages)

    return fill


def _copy_package(name: str, target: Path) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return
    origin = Path(spec.origin)
    if origin.stem != "__init__":
        _link(str(origin), str(target / origin.name))
        return
    # With what is compiled already: to do that takes longer than all the tests of most tasks.
    shutil.copytree(origin.parent, target / name, ignore=_ignored, copy_function=_link)


def _link(source: str, target: str) -> None:
    """Give a file a second name, or copy it where that cannot be, or where others may not read it."""
    if os.stat(source).st_mode & stat.S_IROTH:  # noqa: PTH116 - a string, and hundreds of them
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)
    os.chmod(target, 0o644)  # noqa: PTH101


def _ignored(folder: str, names: list[str]) -> list[str]:
    place = Path(folder)
    if "lexers" not in place.parts[-2:] or "pygments" not in place.parts[-3:]:
        return []
    stems = tuple(f"{Path(kept).stem}." for kept in _LEXERS)
    return [name for name in names if name != "__pycache__" and not name.startswith(stems)]
