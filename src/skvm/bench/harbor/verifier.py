"""The tests of a Harbor task as sealed grader files and criteria.

Tests that are one pytest file, whatever installs pytest for them, are graded test by test (``junit-grade``):
the share that passes, where Harbor gives 1 only if all do. Any other ``test.sh`` is run as it is and its
reward counts.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePosixPath

from skvm.bench.harbor.needs import Needs
from skvm.bench.harbor.paths import rewrite_python
from skvm.bench.source_files import TaskFile, read_text, tree
from skvm.compiler.dependencies.tables import distribution_of
from skvm.compiler.reading.shell import read_shell
from skvm.errors import UsageError
from skvm.task.model import Criterion

__all__ = ["Verifier", "read_verifier"]

_OUTPUTS = "test_outputs.py"


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SHELL = _names("""
apt-get apt pip pip3 uv uvx curl source . export set cd mkdir echo exit if [ [[ test cat cp rm true : sh chmod
ls pwd hash command which return trap tee
""")
_NETWORK = frozenset({"apt-get", "apt", "curl", "wget", "uv", "uvx", "pip", "pip3", "npm", "npx", "git"})


@dataclass(slots=True)
class Verifier:
    """How a task is graded.

    Args:
        criteria: The criteria.
        files: Grader files, below ``graders/``.
        reasons: Why they cannot be run here.
        notes: What is graded otherwise than in Harbor.
    """

    criteria: tuple[Criterion, ...] = ()
    files: tuple[TaskFile, ...] = ()
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_verifier(root: Path, prefixes: tuple[str, ...], timeout_ms: int) -> Verifier:
    """Read ``tests/``.

    Args:
        root: The task's folder.
        prefixes: Container folders that stand for the work directory.
        timeout_ms: Wall clock of the tests.

    Raises:
        UsageError: Files cannot be read, or are too many.
    """
    folder = root / "tests"
    content = tree(folder, root=root)
    names = {file.path: file for file in content.files}
    verifier = Verifier(notes=list(content.notes))
    script = read_text(folder / "test.sh", root=root) if "test.sh" in names else None
    outputs = read_text(folder / _OUTPUTS, root=root) if _OUTPUTS in names else None
    if script is None and outputs is None:
        verifier.reasons.append("its tests are not here")
        verifier.criteria = (_run_criterion((), timeout_ms),)
        return verifier
    verifier.files = tuple(_mapped(file, root, prefixes, verifier) for file in content.files)
    if outputs is not None and (script is None or _only_runs_pytest(script)):
        verifier.criteria = (_pytest_criterion(outputs, timeout_ms),)
        verifier.reasons += [
            f"its tests import {name}, which sealed tests have not"
            for name in _foreign(root, content.files)
            if distribution_of(name)[1]  # else it may be what the agent is to write
        ]
        verifier.notes.append("graded by the share of tests that pass; Harbor gives 1 only if all do")
        return verifier
    verifier.reasons += _network(script or "")
    needs = Needs(root)
    for name in _foreign(root, content.files):
        needs.module(name)
    verifier.reasons += [f"its tests: {reason}" for reason in needs.missing()]
    verifier.criteria = (_run_criterion(prefixes, timeout_ms),)
    runner = resources.files("skvm.bench.harbor").joinpath("run_tests.py").read_bytes()
    verifier.files += (TaskFile("graders/run_tests.py", runner),)
    return verifier


def _mapped(file: TaskFile, root: Path, prefixes: tuple[str, ...], verifier: Verifier) -> TaskFile:
    """A grader file; Python with its container paths mapped."""
    path = f"graders/tests/{file.path}"
    if not isinstance(file.data, Path) or not file.path.endswith(".py"):
        return TaskFile(path, file.data, file.is_executable)
    try:
        text = rewrite_python(read_text(file.data, root=root), prefixes)
    except SyntaxError as error:
        verifier.reasons.append(f"tests/{file.path} is no Python of this version (line {error.lineno})")
        return TaskFile(path, file.data, file.is_executable)
    return TaskFile(path, text.encode(), file.is_executable)


def _only_runs_pytest(script: str) -> bool:
    """Whether a script does nothing but get pytest and run it on the one file."""
    runs = 0
    for command in read_shell(script).commands:
        words = command.effective
        program = PurePosixPath(words[0]).name if words else ""
        is_pytest = program == "pytest" or (
            "pytest" in words[1:] and program in ("uvx", "uv", "python", "python3")
        )
        if is_pytest and words[1:3] != ("pip", "install"):
            files = [word for word in words if word.endswith(".py")]
            if (
                [PurePosixPath(word).name for word in files] != [_OUTPUTS]
                or "-k" in words
                or "-m" in words[3:]
            ):
                return False
            runs += 1
        elif program in ("python", "python3") and words[1:3] == ("-m", "pip"):
            continue
        elif program not in _SHELL:
            return False
    return runs == 1


def _network(script: str) -> Iterator[str]:
    for command in read_shell(script).commands:
        program = PurePosixPath(command.program).name
        if program in _NETWORK:
            yield f"its tests fetch something from the network ({program})"


def _foreign(root: Path, files: Sequence[TaskFile]) -> list[str]:
    """Modules the tests import that neither they nor Python nor pytest bring, sorted."""
    brought = {PurePosixPath(file.path).parts[0].removesuffix(".py") for file in files}
    brought |= {*sys.stdlib_module_names, "pytest", "_pytest"}
    python = [file.data for file in files if file.path.endswith(".py") and isinstance(file.data, Path)]
    texts = [read_text(path, root=root) for path in python]
    return sorted({module for text in texts for module in _imports(text)} - brought)


def _imports(source: str) -> Iterator[str]:
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def _run_criterion(prefixes: tuple[str, ...], timeout_ms: int) -> Criterion:
    command = " ".join(['python3 -I "$SKVM_GRADERS/run_tests.py"', *prefixes])
    return Criterion(method="script", id="reward", options={"command": command, "timeoutMs": timeout_ms})


def _pytest_criterion(source: str, timeout_ms: int) -> Criterion:
    tests = list(_tests(source))
    if not tests:
        raise UsageError(f"tests/{_OUTPUTS} holds no test function")
    weight = round(1 / len(tests), 9)
    criteria = [
        {"id": name, "weight": weight, "description": said, "testPattern": _pattern(name)}
        for name, said in tests
    ]
    payload = {
        "testFile": f"tests/{_OUTPUTS}",
        "runner": "pytest",
        "timeoutMs": timeout_ms,
        "criteria": criteria,
    }
    return Criterion(method="custom", id="tests", options={"evaluatorId": "junit-grade", "payload": payload})


def _pattern(name: str) -> str:
    """Matches ``classname > name`` of a test and of all its parameters."""
    holder, _, test = name.rpartition(".")
    inside = rf"\.{re.escape(holder)}" if holder else ""
    return rf"test_outputs{inside} > {re.escape(test)}(?:\[.*)?$"


def _tests(source: str) -> Iterator[tuple[str, str]]:
    """Names and first words of the test functions, in order; ``Class.name`` for methods."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        body = []
    seen = set()
    for node in body:
        inner = node.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test") else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for each in inner:
            if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if each.name.startswith("test") and prefix + each.name not in seen:
                seen.add(prefix + each.name)
                said = (ast.get_docstring(each) or each.name).strip().splitlines()[0]
                yield prefix + each.name, said
