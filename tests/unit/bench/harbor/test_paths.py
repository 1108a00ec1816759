"""Container paths, in text and in Python that runs."""

import subprocess
import sys

import pytest

from skvm.bench.harbor.paths import relative, relative_text, rewrite_python


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/app/x/y", "x/y"),
        ("/root", "."),
        ("/workspace/", "."),
        ("/application/x", None),
        ("/etc/x", None),
        ("/app/../etc", None),
        ("x", None),
    ],
)
def test_a_path_seen_from_the_work_directory(path, expected):
    assert relative(path) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Read `/app/data/in.csv`.", "Read `data/in.csv`."),
        ("Put it in /app/ or /root, please", "Put it in ./ or ., please"),
        ("'/workspace/a b'", "'a b'"),
        ("https://x.org/app/y and ~/app/z and my/app/q", "https://x.org/app/y and ~/app/z and my/app/q"),
        ("/app-data /apple /approot", "/app-data /apple /approot"),
        ("PATH=/app/bin:/workspace/bin", "PATH=bin:/workspace/bin"),
    ],
)
def test_text_becomes_relative(text, expected):
    assert relative_text(text) == expected


SOURCE = '''\
#!/usr/bin/env python3
"""About /app: a docstring stays."""
from __future__ import annotations
import os
ROOT = "/app"; NAME = f"{ROOT}/x{len('/root')}"
TESTS = ("/tests/"
         "data.txt")
BYTES = b"/app"
ELSE = "/etc/app"
LATIN = "ü /workspace/ß"
def where(at="/app/y", *, also={"/workspace/z": 1}):
    """Under /app."""
    match at:
        case "/app/y":
            return "literal"
    return at, also
print([ROOT, NAME, TESTS, BYTES, ELSE, LATIN, where("/app/y"), where(), where.__doc__, __doc__])
'''


def test_rewritten_python_maps_its_strings_while_it_runs(tmp_path):
    file = tmp_path / "t.py"
    file.write_text(rewrite_python(SOURCE), encoding="utf-8")
    work = tmp_path / "work"
    work.mkdir()
    env = {"SKVM_GRADERS": "/sealed", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-I", str(file)], cwd=work, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    w = str(work)
    assert done.stdout.strip() == repr(
        [
            w,
            f"{w}/x{len(w)}",
            "/sealed/tests/data.txt",
            b"/app",
            "/etc/app",
            f"ü {w}/ß",
            (f"{w}/y", {f"{w}/z": 1}),
            (f"{w}/y", {f"{w}/z": 1}),
            "Under /app.",
            "About /app: a docstring stays.",
        ]
    )


def test_python_without_such_strings_stays_as_it_is():
    text = 'x = "/application"\r\ny = 1\r\n'
    assert rewrite_python(text) == text


@pytest.mark.parametrize("text", ["def (", "x" * 10 + "(" * 5_000, "a = '\0'"])
def test_what_is_no_python_is_a_syntax_error(text):
    with pytest.raises(SyntaxError):
        rewrite_python(text)
