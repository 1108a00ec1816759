"""Runs the blocks of a page one after the other, as a reader would: in a checkout, with an empty home."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from docsite.blocks import SILENT, Block, Command, commands_of
from docsite.comparing import differences, is_as_told, normalised

__all__ = ["PageError", "Reader"]

_WIDTH = 110
_LIMIT_S = 120
_SHELL_SIGNS = re.compile(r"[|&;<>$`*?~(){}#\n]|(?:^|\s)\w+=")
_LINKED = ("src", "docs", "tests", "benchmarks", "pyproject.toml", "README.md")


class PageError(AssertionError):
    """A block is not true."""


class Reader:
    """Somebody who tries everything on a page.

    Args:
        repo: The checkout.
        folder: An empty folder for the copy and the home.
        recordings: What models answered, if the page asks one; made anew where ``SKVM_DOCS_RECORD`` is set.
    """

    def __init__(self, repo: Path, folder: Path, recordings: Path | None = None) -> None:
        self.repo, self.place, self.home = repo, folder / "checkout", folder / "home"
        self.home.mkdir(parents=True)
        self.place.mkdir()
        shutil.copytree(
            repo / "examples", self.place / "examples", ignore=shutil.ignore_patterns("skvm.lock")
        )
        for name in _LINKED:
            (self.place / name).symlink_to(repo / name)
        self.env = _environment(self.home, folder)
        if recordings is not None:
            self.env["SKVM_CASSETTE"] = str(recordings)
            self.env["SKVM_CASSETTE_MODE"] = "auto" if os.environ.get("SKVM_DOCS_RECORD") else "replay"
        self.told: Callable[[str], None] = lambda text: None
        self.complain: Callable[[str], None] = partial(_hold, False)
        self.code = 0
        self.names: dict[str, Any] = {"__name__": "__page__"}

    def give_weights(self, folder: Path) -> None:
        """Lay the weights of embedded models where a reader would have them."""
        (self.home / ".skvm").mkdir(exist_ok=True)
        (self.home / ".skvm" / "models").symlink_to(folder)

    def read(self, block: Block) -> None:
        """Try one block.

        Raises:
            AssertionError: It is not true; says where and how.
        """
        if "file" in block.notes:
            path = self.place / block.notes["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        if "from" in block.notes:
            self._check_source(block)
        elif "run by" in block.notes:
            _hold((self.repo / block.notes["run by"]).is_file(), f"there is no {block.notes['run by']}")
        elif block.language == "console":
            for command in commands_of(block.text):
                self._try(command)
        elif block.language in {"bash", "sh"}:
            code, printed = self._shell(f"set -eu\n{block.text}")
            _hold(code == 0, f"exit code {code}\n{printed}")
        elif block.language == "python" and "file" not in block.notes:
            self._python(block)
        elif block.language not in SILENT:
            _check_data(block, self.env)

    def finish(self) -> None:
        """Say that the page ends with a command that failed, if so.

        Raises:
            AssertionError: It does.
        """
        if self.code != 0:
            self.complain(f"the last command ended with {self.code}, and the page does not say so")

    def _check_source(self, block: Block) -> None:
        source = (self.repo / block.notes["from"]).read_text(encoding="utf-8")
        _hold(block.text.strip("\n") in source, f"this does not stand in {block.notes['from']}")

    def _try(self, command: Command) -> None:
        if command.line.strip() == "echo $?":
            printed, self.code = f"{self.code}\n", 0
        else:
            if self.code != 0:
                self.complain(f"the command before ended with {self.code}, and the page does not say so")
            self.code, printed = self._run(command.line)
        self.told(f"$ {command.line}\n{printed}")
        places = {str(self.place) + "/": "", str(self.place): ".", str(self.home): "~"}
        told, got = normalised(command.expected, {}), normalised(printed, places)
        if not told and self.code == 0 and "# prints" not in command.line:
            return
        if not is_as_told(told, got):
            self.complain(f"$ {command.line}\n{differences(told, got)}")

    def _run(self, line: str) -> tuple[int, str]:
        line = re.sub(r"\\\n\s*", " ", line)
        line = re.sub(r"\s+# .*$", "", line)
        is_plain = line.startswith("skvm ") and not _SHELL_SIGNS.search(_without_quoted(line))
        # Packages that a page has installed are seen by a new process only.
        if is_plain and self.env["PYTHONPATH"] == os.environ.get("PYTHONPATH", ""):
            return self._skvm(shlex.split(line)[1:])
        return self._shell(line)

    def _skvm(self, args: list[str]) -> tuple[int, str]:
        """In this process: a second that a start would take is saved at every command."""
        from skvm.cli import console
        from skvm.cli.main import run

        printed = io.StringIO()
        with self._as_reader(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            widths = [(each, each._width) for each in (console.out, console.err)]
            for each, _ in widths:
                each.width = _WIDTH
            try:
                code = run(args)
            finally:
                for each, width in widths:
                    each._width = width
        return code, printed.getvalue()

    def _shell(self, script: str) -> tuple[int, str]:
        """In bash; the folder and the variables it leaves are those of the next command."""
        after = self.home.parent / "after"
        script = f"{script}\ncode=$?\npwd > {after}\nenv -0 >> {after}\nexit $code"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.place, env=self.env, text=True, timeout=_LIMIT_S,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        if after.is_file():
            folder, _, variables = after.read_text(encoding="utf-8").partition("\n")
            self.place = Path(folder)
            self.env = dict(each.split("=", 1) for each in variables.split("\0") if "=" in each)
            after.unlink()
        return done.returncode, done.stdout

    def _python(self, block: Block) -> None:
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        made = compile(block.text, "<page>", "exec", flags=flags)
        with self._as_reader(), contextlib.redirect_stdout(io.StringIO()):
            waiting = eval(made, self.names)
            if waiting is not None:
                import anyio

                anyio.run(_awaited, waiting)

    @contextlib.contextmanager
    def _as_reader(self) -> Iterator[None]:
        before, place, temporary = dict(os.environ), Path.cwd(), tempfile.tempdir
        os.environ.clear()
        os.environ.update(self.env)
        os.chdir(self.place)
        tempfile.tempdir = None  # else the folder of the process that runs the tests is taken
        try:
            yield
        finally:
            tempfile.tempdir = temporary
            os.chdir(place)
            os.environ.clear()
            os.environ.update(before)


async def _awaited(waiting: Any) -> None:
    await waiting


def _environment(home: Path, folder: Path) -> dict[str, str]:
    temporary = folder / "tmp"
    temporary.mkdir()
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        # What a page installs goes nowhere but here, and comes from nowhere but the checkout.
        "PIP_TARGET": str(folder / "pip"),
        "PIP_NO_INDEX": "1",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "COLUMNS": str(_WIDTH),
        "TERM": "dumb",
    }


def _without_quoted(line: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"$`]*\"", "", line)


def _hold(is_true: bool, message: str) -> None:
    if not is_true:
        raise PageError(message)


def _check_data(block: Block, env: dict[str, str]) -> None:
    if block.language in {"yaml", "yml"}:
        value = yaml.safe_load(block.text)
    elif block.language in {"json", "jsonc"}:
        value = json.loads(block.text)
    elif block.language == "toml":
        value = tomllib.loads(block.text)
    elif block.language == "python":
        compile(block.text, "<page>", "exec")
        return
    else:
        raise PageError(f"nobody knows how to try a block of {block.language!r}")
    if "schema" in block.notes:
        _check_schema(value, block.notes["schema"], env)


def _check_schema(value: Any, name: str, env: dict[str, str]) -> None:
    if name == "settings":
        from skvm.settings import load_settings

        cache = Path(env["HOME"]) / ".skvm-settings"
        cache.mkdir(exist_ok=True)
        (cache / "skvm.config.json").write_text(json.dumps(value), encoding="utf-8")
        (cache / "skvm.config.json").chmod(0o600)
        found = load_settings(cache_dir=str(cache), env={}).diagnostics
        _hold(not found, "; ".join(each.message for each in found))
        return
    import jsonschema_rs

    from docsite.records import schemas

    known = schemas()
    _hold(name in known, f"there is no record {name!r}; there are {', '.join(sorted(known))}")
    jsonschema_rs.validator_for(known[name]).validate(value)
