from __future__ import annotations

import pytest

from skvm.runtime.plan.touching.python import Opened, opened_by

ARGUMENTS = ("s.py", "in.txt", "out.txt")


@pytest.mark.parametrize(
    ("code", "reads", "writes"),
    [
        ("print(1 + 1)", (), ()),
        ("print(open('a').read())", ("a",), ()),
        ("with open('a', 'w') as f: f.write('x')", (), ("a",)),
        ("open('a', mode='a', encoding='utf-8')", (), ("a",)),
        ("open('a', 'r+')", (), ("a",)),
        ("import sys\nopen(sys.argv[1])\nopen(sys.argv[2], 'w')", ("in.txt",), ("out.txt",)),
        ("import sys\nopen(sys.argv[3], 'w')", (), ()),
        ("name = 'a'\nopen(name, 'w')", (), ("a",)),
        ("import sys\nname = sys.argv[2]\nopen(name, 'wb')", (), ("out.txt",)),
        ("import json, csv\njson.dump({}, open('o', 'w'))\nr = csv.reader(open('i'))", ("i",), ("o",)),
        ("def main():\n    print(len(open('a').read()))\nif __name__ == '__main__':\n    main()", ("a",), ()),
        ("text = 'a'.replace('a', 'b')\nprint(text)", (), ()),
    ],
)
def test_what_opens_files_by_name_is_known(
    code: str, reads: tuple[str, ...], writes: tuple[str, ...]
) -> None:
    assert opened_by(code, ARGUMENTS) == Opened(reads, writes)


def test_modules_that_are_not_of_the_library_are_named() -> None:
    assert opened_by("from helper import x\nimport other, json", ARGUMENTS) == Opened(
        modules=("helper", "other")
    )


@pytest.mark.parametrize(
    "code",
    [
        *("open(name, 'w')", "open('d' + '/a', 'w')", "open(f'{1}', 'w')", "open('a', mode)", "open(*['a'])"),
        *("open('a', **{'mode': 'w'})", "open('a', opener=f)", "o = open\no('a', 'w')", "map(open, ['a'])"),
        *(
            "p = 'a'\np = 'b'\nopen(p, 'w')",
            "def f(p='a'): open(p, 'w')\np = 'b'",
            "for p in 'ab': open(p, 'w')",
        ),
        *(
            "p = 'a'\nfor p in 'b': pass\nopen(p, 'w')",
            "p = 'a'\ndef f():\n global p\n p = 'b'\nopen(p, 'w')",
        ),
        *(
            "import os\nos.remove('a')",
            "from os import remove",
            "import os.path",
            "import pathlib",
            "import shutil",
        ),
        *("import subprocess", "import tempfile", "import logging", "import io", "import glob as json.x"),
        *(
            "exec('x')",
            "eval('x')",
            "getattr(x, 'y')",
            "__import__('os')",
            "().__class__",
            "globals()['open']",
        ),
        *("from json import *", "from . import x", "import sys as s", "from sys import argv", "sys = 1"),
        *("import sys\nsys.modules", "import sys\nx = sys", "import sys\nopen(sys.argv[-1], 'w')"),
        *(
            "import sys\nopen(sys.argv[int('1')], 'w')",
            "import random\nrandom._os.remove('a')",
            "def open(): pass",
        ),
        *(
            "import package.module",
            "import json\njson.codecs.open('a')",
            "open(1)",
            "open('')",
            "open()",
            "x =",
        ),
        *(
            "lambda open: open('a')",
            "x = [open for open in []]",
            "class open: pass\nopen('a')",
            "import open",
        ),
        *("import x as open\nopen('a', 'w')", "try: pass\nexcept E as open: open('a')", "a\0b", "(" * 500),
    ],
)
def test_whatever_else_is_not_known(code: str) -> None:
    assert opened_by(code, ARGUMENTS) is None
