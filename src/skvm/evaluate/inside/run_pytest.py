"""Run one test file under pytest and send home what became of each test.

Nothing of the work directory configures it: no conftest.py, no settings file, no plugin, no cache. The work
directory comes last on the import path, and only once pytest is there.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing takes longer than all else here
if TYPE_CHECKING:
    from typing import Any

_MAX_TEXT, _MAX_TESTS = 200, 20_000


class _Recorder:
    """A plugin that notes what was collected and how each test ended."""

    def __init__(self) -> None:
        self.collected: list[str] = []
        self.failed: dict[str, str] = {}
        self.passed: set[str] = set()
        self.errors: list[str] = []

    def pytest_collection_finish(self, session: Any) -> None:
        self.collected = [item.nodeid for item in session.items[:_MAX_TESTS]]

    def pytest_collectreport(self, report: Any) -> None:
        if report.outcome != "passed":
            self.errors.append(_why(report))

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.outcome != "passed":
            self.failed.setdefault(report.nodeid, _why(report))
        elif report.when == "call":
            self.passed.add(report.nodeid)


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Answer with ``tests`` (node id to why it did not pass), ``errors`` of collection and ``exit``."""
    sys.path.insert(0, request["packages"])
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        import pytest
    except Exception as error:  # noqa: BLE001 - whatever it lacks here, nothing of the agent was near
        return {"absent": f"{type(error).__name__}: {error}"}
    recorder, root = _Recorder(), request["root"]
    sys.path += [root, os.getcwd()]  # noqa: PTH109
    arguments = [f"{root}/{request['test_file']}", "-c", request["settings"], "--rootdir", root]
    arguments += ["--confcutdir", root, "--import-mode=importlib", "-p", "no:cacheprovider", "-q"]
    arguments += ["--color=no", "--tb=line", "-p", "no:faulthandler"]
    code = int(pytest.main(arguments, plugins=[recorder]))
    tests = {node: "" if node in recorder.passed else "it did not end" for node in recorder.collected}
    tests.update(recorder.failed)
    return {"exit": code, "tests": tests, "errors": [each[:_MAX_TEXT] for each in recorder.errors[:20]]}


def _why(report: Any) -> str:
    detail = report.longrepr
    crash = getattr(detail, "reprcrash", None)
    if crash is not None:
        return str(crash.message).strip().split("\n")[0][:_MAX_TEXT]
    if isinstance(detail, tuple):  # a skipped one: file, line, reason
        return str(detail[-1])[:_MAX_TEXT]
    lines = [line for line in str(detail).splitlines() if line.strip()]
    return lines[-1].strip()[:_MAX_TEXT] if lines else str(report.outcome)
