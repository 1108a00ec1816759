"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib

import pytest
from tests.conftest import REPO

import skvm
from skvm.cli.main import COMMANDS

SOURCES = sorted((REPO / "src").rglob("*.py"))
MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(skvm.__path__, "skvm.")
    if not info.name.endswith("confine.worker")  # a program, run inside the confinement
)
HEAVY = (
    "pydantic",
    "pydantic_ai",
    "openai",
    "anthropic",
    "xllamacpp",
    "scipy",
    "numpy",
    "rich",
    "yaml",
    "httpx2",
    "altair",
    "cryptography",
    "jinja2",
    "mcp",
    "mkdocs",
    "pytest",
    "ray",
    "starlette",
    "uvicorn",
)


def test_import_contracts_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=REPO, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from skvm.cli.main import run; run(['--help']); "
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("HEAVY []"), done.stdout[-500:]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_line_of_command_is_true(name: str) -> None:
    command = importlib.import_module(f"skvm.cli.commands.{name.replace('-', '_')}").command
    assert command.name == name
    assert (command.help or "").strip().splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("name", MODULES)
def test_public_names_exist(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    for public in getattr(module, "__all__", ()):
        assert hasattr(module, public), f"{name}.__all__ names {public}, which does not exist"


def test_no_module_called_utils() -> None:
    bad = {"utils", "util", "common", "core", "types", "helpers", "misc"}
    assert not [path for path in SOURCES if path.stem in bad]


def test_no_swallowed_errors_and_no_stubs() -> None:
    found: list[str] = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and all(isinstance(item, ast.Pass) for item in node.body):
                caught = ast.unparse(node.type) if node.type else "everything"
                if caught in {"everything", "Exception", "BaseException"}:
                    found.append(f"{path}:{node.lineno} swallows {caught}")
            if isinstance(node, ast.Raise) and node.exc and "NotImplementedError" in ast.unparse(node.exc):
                found.append(f"{path}:{node.lineno} is a stub")
    assert not found


def test_pins_are_hashed_and_name_no_index() -> None:
    text = (REPO / "requirements.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text
    entries = re.split(r"(?<!\\)\n(?=\S)", text.strip())
    unhashed = [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert not unhashed


def test_pins_cover_every_declared_dependency() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [
        *project["dependencies"],
        *(d for group in project["optional-dependencies"].values() for d in group),
    ]
    pinned = {
        line.split("==")[0].lower()
        for line in (REPO / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    missing = [name for d in declared if (name := re.split(r"[\[<>=~ ]", d)[0].lower()) not in pinned]
    assert not missing


def test_nothing_names_a_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPO, capture_output=True, text=True, check=False
    ).stdout
    if not listed:
        pytest.skip("not a git checkout")
    machine_path = re.compile(r"(^|[^.\w])/(work/(main|shared)|root/[a-z.])")
    found = []
    for name in filter(None, listed.split("\0")):
        path = REPO / name
        if name == "tests/architecture/test_house.py" or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {m.group()}" for m in machine_path.finditer(text)]
    assert not found
