"""Which modules a suite imports are packages it needs, and which are the work it grades.

The two look alike when an import fails, and to take one for the other is unfair either way: a suite that
lacks a package grades everybody 0, and a module of the work that is "only a missing package" is a way out
of a bad score. So it is decided beforehand, by what no agent can change.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from skvm.evaluate.junit.payload import TestFile
from skvm.harness.confine.provision import interpreter_prefix
from skvm.task.model import Task

__all__ = ["is_well_known", "lacking_packages"]

_WELL_KNOWN = frozenset(
    {
        "PIL", "aiohttp", "anthropic", "attr", "bs4", "cv2", "dateutil", "django", "docx", "duckdb",
        "fastapi", "fitz", "flask", "freezegun", "httpx", "hypothesis", "jinja2", "jsonschema", "lxml",
        "markdown", "matplotlib", "mock", "networkx", "numpy", "openai", "openpyxl", "pandas",
        "pdfplumber", "plotly", "polars", "pptx", "pyarrow", "pydantic", "pypdf", "pytz", "regex",
        "reportlab", "requests", "responses", "rich", "scipy", "seaborn", "sklearn", "sqlalchemy",
        "statsmodels", "sympy", "tabulate", "toml", "torch", "tqdm", "xlsxwriter", "yaml",
    }
)  # fmt: skip
"""Modules of packages that nobody is asked to write."""
_OURS = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")


def is_well_known(module: str) -> bool:
    """Whether a top-level module is of a well-known package."""
    return module in _WELL_KNOWN


def lacking_packages(file: TestFile, task: Task) -> list[str]:
    """Modules a Python test file imports as it is loaded that are neither here nor work, sorted.

    Work is what the prompt or the name of a fixture mentions, unless it is a well-known package.
    """
    names = {name.partition(".")[0] for name in _imported(ast.parse(file.source))}
    names -= {*sys.stdlib_module_names, *_OURS}
    own = file.graders.joinpath(file.name).parent if file.graders else None
    places = [each for each in (file.graders, own, *_sites()) if each is not None]
    absent = [name for name in sorted(names) if not any(_is_in(place, name) for place in places)]
    return [name for name in absent if is_well_known(name) or not _is_mentioned(name, task)]


def _imported(module: ast.Module) -> Iterator[str]:
    """Names of the modules imported for sure: not within a function, a condition or a ``try``."""
    for node in module.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def _sites() -> list[Path]:
    """Where the Python of a cell has packages; see ``inside/channel.py``."""
    prefix = interpreter_prefix() or Path("/usr")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    folders = [prefix / "lib" / version / "site-packages", Path("/usr/local/lib", version, "dist-packages")]
    return [*folders, Path("/usr/lib/python3/dist-packages")]


def _is_in(folder: Path, module: str) -> bool:
    return (folder / module).is_dir() or any(folder.glob(f"{module}.*"))


def _is_mentioned(module: str, task: Task) -> bool:
    folder = task.root / "fixtures" if task.root else None
    names = [*task.fixtures, *(path.name for path in (folder.rglob("*") if folder else ()))]
    return bool(re.search(rf"(?<!\w){re.escape(module)}(?!\w)", "\n".join([task.prompt, *names])))
