"""Which ways to write the same code are the same, and which are not."""

from __future__ import annotations

import pytest

from skvm.runtime.boost.compiling.align_python import read_python
from skvm.runtime.boost.compiling.align_shell import read_shell_code

BASE = """\
import csv
import json

totals = {}
with open('sales.csv', newline='') as f:
    for row in csv.DictReader(f):
        totals[row['region']] = totals.get(row['region'], 0) + int(row['amount'])
with open('totals.json', 'w') as f:
    json.dump(totals, f, indent=2)
"""
SAME = {
    "other names": BASE.replace("totals", "sums").replace(" f:", " handle:").replace("(f)", "(handle)")
    .replace(", f,", ", handle,").replace("row", "record"),
    "a name for each file": BASE.replace("json', 'w') as f", "json', 'w') as out").replace(", f,", ", out,"),
    "double quotes and comments": '"""Sum it."""\n' + BASE.replace("'", '"').replace("totals = {}", "totals = {}  # sums"),  # noqa: E501
    "order of imports, and one nobody uses": BASE.replace("import csv\nimport json", "import os, json\nimport csv"),  # noqa: E501
    "encodings and modes that are meant anyway": BASE.replace("newline=''", "'r', encoding='utf-8'")
    .replace("'w'", "mode='w', encoding='UTF-8'"),
    "opened and closed": BASE.replace("with open('sales.csv', newline='') as f:\n", "f = open('sales.csv')\n")
    .replace("    for row", "for row").replace("        totals[", "    totals[")
    .replace("with open('totals", "f.close()\nwith open('totals"),
    "named constants": BASE.replace("totals = {}", "SOURCE = 'sales.csv'\ntarget: str = \"totals.json\"\ntotals = {}")  # noqa: E501
    .replace("open('sales.csv'", "open(SOURCE").replace("open('totals.json'", "open(target"),
    "another layout of the same JSON": BASE.replace(", indent=2", ", indent=4, ensure_ascii=False"),
    "other values": BASE.replace("sales", "orders").replace("region", "city").replace("amount", "price"),
    "annotated": BASE.replace("totals = {}", "totals: dict[str, int] = {}"),
    "in a function": (
        "import csv\nimport json\n\ndef main() -> None:\n    \"\"\"Do it.\"\"\"\n"
        + "".join(f"    {line}\n" for line in BASE.splitlines()[3:])
        + "\nif __name__ == '__main__':\n    main()\n"
    ),
}  # fmt: skip
OTHER = {
    "another column for the key": BASE.replace("totals.get(row['region'], 0)", "totals.get(row, 0)"),
    "another operation": BASE.replace("0) + int", "0) - int"),
    "another function": BASE.replace("int(", "float("),
    "another module": BASE.replace("DictReader", "reader"),
    "a file that is added to": BASE.replace("'w'", "'a'"),
    "another encoding": BASE.replace("newline=''", "encoding='latin-1'"),
    "a condition more": BASE.replace("        totals[", "        if row['region']:\n            totals["),
    "another name": BASE.replace("json.dump(totals", "json.dump(row"),
    "one step less": BASE.replace("    json.dump(totals, f, indent=2)\n", "    pass\n"),
    "sorted keys": BASE.replace("indent=2", "sort_keys=True"),
    "a name a function takes from outside": BASE + "def get():\n    return totals\n",
}


def key(code: str, *, without_prints: bool = False) -> tuple[str, ...]:
    reading = read_python(code, without_prints=without_prints)
    assert reading is not None
    return reading.key


@pytest.mark.parametrize("name", SAME)
def test_the_same_code_is_the_same(name: str) -> None:
    assert SAME[name] != BASE
    assert key(SAME[name]) == key(BASE)
    reading, base = read_python(SAME[name]), read_python(BASE)
    assert reading is not None
    assert base is not None
    assert [slot.kind for slot in reading.slots] == [slot.kind for slot in base.slots]


@pytest.mark.parametrize("name", OTHER)
def test_other_code_is_other(name: str) -> None:
    assert OTHER[name] != BASE
    assert key(OTHER[name]) != key(BASE)
    assert key(OTHER[name], without_prints=True) != key(BASE, without_prints=True)


@pytest.mark.parametrize(
    "said",
    [
        "print('Done.')\n",
        'print(f"Wrote {len(totals)} regions to totals.json")\n',
        "print('Totals:', totals)\n",
        "for region, total in totals.items():\n    print(f'{region}: {total:.2f}')\n",
        "print()\nprint('=' * 20)\nprint(json.dumps(totals, indent=2))\n",
    ],
)
def test_what_only_prints_does_not_matter(said: str) -> None:
    assert key(BASE + said, without_prints=True) == key(BASE, without_prints=True)
    assert key(BASE + said) != key(BASE)


@pytest.mark.parametrize(
    "said", ["print(totals.pop('x'))\n", "print(x := 1)\n", "print('x', file=open('y', 'w'))\n"]
)
def test_what_does_more_than_print_matters(said: str) -> None:
    assert key(BASE + said, without_prints=True) != key(BASE, without_prints=True)


def test_files_are_told_from_other_texts() -> None:
    reading = read_python(BASE + "from pathlib import Path\nPath('note.txt').write_text('sales.csv')\n")
    assert reading is not None
    assert {slot.value for slot in reading.slots if slot.is_path_read} == {"sales.csv"}
    assert {slot.value for slot in reading.slots if slot.is_path_written} == {"totals.json", "note.txt"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1\ndef f(x):\n    return x\nprint(f(x))", "y = 1\ndef g(z):\n    return z\nprint(g(y))"),
        ("print([a for a in 'ab'])", "print([b for b in 'ab'])"),
        ("print((lambda a, b: a)(1, 2))", "print((lambda c, d: c)(1, 2))"),
        ("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    print(e)", "try:\n    1 / 0\nexcept ZeroDivisionError as err:\n    print(err)"),  # noqa: E501
        ("import pandas as pd\npd.read_csv('a')", "import pandas\npandas.read_csv('a')"),
        ("import json as j\nj.dumps(1)", "import json\njson.dumps(1)"),
        ("print(f'a')", "print('a')"),
        ("x = 'a' 'b'\nprint(x)", "print('a' + 'b')"),
    ],
)  # fmt: skip
def test_names_and_spellings_do_not_matter(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a = b = 1\nprint(a)\na = 2", "a = b = 1\nprint(b)\na = 2"),
        ("def f(a, b):\n    return a\nprint(f(1, 2))", "def f(a, b):\n    return b\nprint(f(1, 2))"),
        ("print(len('a'))", "print(max('a'))"),
        ("print(locals())\na = 1", "print(locals())\nb = 1"),
        ("a.x = 1", "a.y = 1"),
        ("print(1, 'a')", "print('a', 1)"),
        ("print(None)", "print(True)"),
        ("print(b'a')", "print(b'b')"),
    ],
)
def test_what_is_meant_matters(one: str, other: str) -> None:
    assert key(one) != key(other)


SHELL = "grep -v '^$' names.txt | sort -u > out.txt"


@pytest.mark.parametrize(
    "code",
    [
        "# first\ngrep -v '^$' 'names.txt'|sort -u>out.txt",
        'grep -v "^$" "my tags.txt" | sort -u > "out/x.txt"',
        "grep -v '^$' \\\n  names.txt \\\n  | sort -u > out.txt",
    ],
)
def test_the_same_command_is_the_same(code: str) -> None:
    one, other = read_shell_code(code), read_shell_code(SHELL)
    assert one is not None
    assert other is not None
    assert one.key == other.key


@pytest.mark.parametrize(
    "code",
    [
        SHELL.replace("-u", "-r"),
        SHELL.replace("sort", "uniq"),
        SHELL.replace(">", ">>"),
        SHELL.replace("|", "||"),
        SHELL.replace("names.txt", "*.txt"),
        SHELL.replace("names.txt", "$NAMES"),
        SHELL.replace("names.txt", "a.txt b.txt"),
        SHELL + " && rm names.txt",
    ],
)
def test_another_command_is_another(code: str) -> None:
    one, other = read_shell_code(code), read_shell_code(SHELL)
    assert one is not None
    assert other is not None
    assert one.key != other.key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a=1; echo $a", "b=1\necho $b"),
        ("mkdir x && cp a x/", "mkdir y; cp b y/z"),
        ("for f in a b; do cat $f; done", "for name in c d\ndo\n  cat $name\ndone"),
        ("python3 -c 'print(1)'", 'python3 -c "print(2)  # two"'),
        ("awk -F, '$1 == \"a\" {print $2}' x", "awk -F, '$1==\"b\"{print $3}  # that' y"),
        ("jq '.a[] | select(.b == \"x\")' f", "jq '.a[]|select(.b==\"y\")' f"),
        ("python3 - <<'EOF'\nx = 1\nprint(x + x)\nEOF", "python3 - <<'PY'\ny = 2\nprint(y + y)\nPY"),
    ],
)
def test_commands_that_differ_in_names_and_blanks_are_the_same(one: str, other: str) -> None:
    first, second = read_shell_code(one), read_shell_code(other)
    assert first is not None
    assert second is not None
    assert first.key == second.key


@pytest.mark.parametrize(
    "code", ["if true; then", "echo 'a", "((", "x" * 200_000, "cat > a <<'E'\n\\\nb\nE\n"]
)
def test_what_is_no_shell_is_not_read(code: str) -> None:
    assert read_shell_code(code) is None


@pytest.mark.parametrize("code", ["def f(:", "x = (", "\0", "x = 1\n" * 60_000, "(" * 500 + ")" * 500])
def test_what_is_no_python_is_not_read(code: str) -> None:
    assert read_python(code) is None
