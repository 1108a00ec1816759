from __future__ import annotations

import pytest

from skvm.compiler.reading.chains import is_chain, is_unbroken
from skvm.compiler.reading.exact import is_command, is_listing
from skvm.compiler.reading.javascript import read_javascript
from skvm.compiler.reading.markup import has_drawing, has_parts, is_whole_page
from skvm.compiler.reading.sql import read_sql


@pytest.mark.parametrize(
    ("code", "is_complete"),
    [
        ("const a = [1];", True),
        ("const a = {...b,\n  ...c\n};", True),
        ("f(`${x}`, '(');", True),
        ("const a = [1;", False),
        ("f({", False),
        ("// ... the rest", False),
        ("...\n", False),
        ("const key = 'your-key';", False),
    ],
)
def test_javascript_is_complete(code: str, is_complete: bool) -> None:
    assert read_javascript(code).is_complete is is_complete


def test_javascript_imports() -> None:
    code = (
        "import a, { b } from 'node:fs/promises';\nimport '@scope/pkg/sub';\n"
        "import type { T } from './own';\nconst { c } = require(\"crypto\");\n"
        "const d = await import('left-pad');\n// import 'gone';\n"
    )
    found = read_javascript(code)
    assert found.standard == ("crypto", "fs")
    assert found.third_party == ("@scope/pkg", "left-pad")


@pytest.mark.parametrize(
    ("code", "has_steps", "combines", "is_complete"),
    [
        ("SELECT 1 FROM a;", False, False, True),
        ("SELECT 1 FROM a -- JOIN\nWHERE x = 'GROUP BY';", False, False, True),
        ("SELECT 1 FROM a, b", False, True, True),
        ("SELECT rank() OVER (ORDER BY x) FROM a", False, True, True),
        ("SELECT 1 FROM (SELECT 2 FROM a)", False, True, True),
        ("WITH RECURSIVE t(n) AS (SELECT 1) SELECT n FROM t;", True, True, True),
        ("SELECT DISTINCT ON (a) a FROM t", True, False, True),
        ("MERGE INTO a USING b ON a.id = b.id", False, True, True),
        ("SELECT 1 FROM a; SELECT 1 FROM b; SELECT 1 FROM c;", False, False, True),
        ("FROM a WHERE x", False, False, False),
        ("SELECT ... FROM a", False, False, False),
        ("SELECT <column> FROM a", False, False, False),
    ],
)
def test_sql(code: str, has_steps: bool, combines: bool, is_complete: bool) -> None:
    found = read_sql(code)
    assert (found.has_steps, found.combines, found.is_complete) == (has_steps, combines, is_complete)


def test_markup() -> None:
    assert has_drawing("<svg><path d='M0 0'/></svg>")
    assert not has_drawing("<svg><use href='#a'/></svg>")
    assert has_parts("<nav></nav>")
    assert not has_parts("<h1>a table</h1>")
    assert is_whole_page("<!doctype html>\n<html lang='en'></html>\n")
    assert not is_whole_page("<body></body>")


@pytest.mark.parametrize(
    "code",
    ["git log --oneline", "./go.sh", "scripts/a.py --x", "mytool sub --json", "python3 a.py", "npx thing x"],
)
def test_commands(code: str) -> None:
    assert is_command(code)


@pytest.mark.parametrize(
    "code", ["name", "--flag x", "a = b", "Total -x", "key: value", "list(a, b)", "scripts/a.py", "the end"]
)
def test_no_commands(code: str) -> None:
    assert not is_command(code)


def test_listings() -> None:
    assert is_listing("", "$ git status\n# a comment\nnpm test")
    assert is_listing("powershell", "anything")
    assert not is_listing("", "git is a tool\nand more")
    assert not is_listing("", "find the file")
    assert not is_listing("yaml", "git status")
    assert not is_listing("", "")


@pytest.mark.parametrize(
    ("code", "lead", "chained"),
    [
        ("a > x.txt\nb x.txt", "", True),
        ("a > x.txt\nb y.txt", "", False),
        ("a > ./out/x\nb out/x", "", True),
        ("mkdir out.d\nb --to=out.d/x", "", True),
        ("KEY=abc\na $KEY\nb $KEY", "", False),
        ("X=$(a)\nb $X", "", True),
        ("for f in *; do\n  x=$(a $f)\n  echo $x\ndone\nb", "", False),
        ("a > x.txt\n# or\nb x.txt", "", False),
        ("a > x.txt\nb x.txt", "Usage:", False),
        ("tool install <name> --dir\ntool list <name>", "", False),
        ("a > x.txt && b x.txt", "", False),
        ("a\nb", "Run these in this order:", True),
        ("a\nb", "依次运行：", True),
        ("a \\\n  --b c", "in this order", False),
    ],
)
def test_chains(code: str, lead: str, chained: bool) -> None:
    assert is_chain(code, lead) is chained


def test_unbroken() -> None:
    assert is_unbroken("a > x.txt\nb x.txt > y.txt\nc y.txt")
    assert not is_unbroken("a > x.txt\nb x.txt\nc")
    assert not is_unbroken("")
