"""The calculator of the bundle, run as a variant tells to run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from skvm.compiler.carried.calculator import calculator_bytes

TABLE = "item;price;n;when\npen;$1.10;3;2025-01-02\nink;2,250.005;1;2025-01-03\npen;;2;2025-01-04\n"


def calc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "calc.py").write_bytes(calculator_bytes())
    (folder / "t.csv").write_text(TABLE, encoding="utf-8-sig")
    return subprocess.run(
        [sys.executable, "calc.py", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


GIVES = [
    (("sum", "t.csv", "price"), "2251.105"),
    (("sum", "t.csv", "price * n", "--by", "item", "--digits", "2"), "pen: 3.30\nink: 2250.01"),
    (("mean", "t.csv", "n"), "2"),
    (("median", "t.csv", "n", "--where", "item == 'pen' and n > 2"), "3"),
    (("max", "t.csv", "n"), "3  (item=pen, price=1.1, n=3, when=2025-01-02)"),
    (("count", "t.csv", "--by", "item"), "pen: 2\nink: 1"),
    (("rows", "t.csv", "--where", "not n > 1"), "item=ink, price=2250.005, n=1, when=2025-01-03"),
    (("each", "t.csv", "0 - n"), "pen, 2025-01-02: -3\nink, 2025-01-03: -1\npen, 2025-01-04: -2"),
    (("columns", "t.csv"), "item, price, n, when"),
    (("eval", "a * (1 + 19/100)", "a=100"), "119"),
    (("eval", "0.1 + 0.2"), "0.3"),
    (("eval", "a", "a=2.345", "--digits", "2"), "2.35"),
    (("sum", "t.csv", "n", "--where", "n > 99"), "0"),
]


@pytest.mark.parametrize(("arguments", "printed"), GIVES)
def test_gives(arguments: tuple[str, ...], printed: str, tmp_path: Path) -> None:
    done = calc(tmp_path, *arguments)
    assert (done.stdout.rstrip("\n"), done.stderr, done.returncode) == (printed, "", 0)


WRONG = [
    (("sum", "none.csv", "n"), "No such file"),
    (("sum", "t.csv", "cost"), "nothing is called 'cost'; there are: item, price, n, when"),
    (("eval", "__import__('os')"), "only + - * /"),
    (("eval", "1 /"), "invalid syntax"),
    (("eval", "1 / 0"), "calc.py:"),
    (("eval", "a + 1", "a=x"), "calc.py:"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_says_what_is_wrong(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = calc(tmp_path, *arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
