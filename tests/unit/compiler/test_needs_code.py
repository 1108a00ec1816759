from __future__ import annotations

from pathlib import Path

import pytest

from skvm.compiler.requirements import analyse
from tests.unit.compiler.making import make_skill


def fence(language: str, code: str, lead: str = "") -> str:
    return f"{lead}\n\n```{language}\n{code}\n```\n" if lead else f"```{language}\n{code}\n```\n"


JS_SKILL = "Write a Node program for the user.\n\n"
SQL_FRONT = "name: queries\ndescription: Writes SQL for the shop.\n"
HTML_FRONT = "name: pages\ndescription: Creates an HTML page for the shop.\n"
REGEX_FRONT = "name: patterns\ndescription: Writes patterns, regular expressions, for forms.\n"
# fmt: off
CASES = [
    # JavaScript
    ("gen.code.javascript", "L1", fence("js", "const rows = text.split('\\n');")),
    ("gen.code.javascript", "L1", fence("javascript", "import { Mesh } from 'three';\nimport fs from 'fs';")),
    ("gen.code.javascript", "L2", fence("js", "const path = require('path');")),
    ("gen.code.javascript", "L2", fence("ts", "const when = new Date(text);")),
    ("gen.code.javascript", "L3", fence("ts", "const all = await Promise.all(jobs);")),
    ("gen.code.javascript", "L2", "Write a Node script that renames files."),
    ("gen.code.javascript", "L3", "Write a Node script that reads both files at the same time."),
    ("gen.code.javascript", "L2", "编写一个 Node 脚本来整理文件。"),
    ("gen.code.javascript", None, fence("js", "{ ok: true }", "Output:")),
    ("gen.code.javascript", None, fence("js", "// Bad\nvar a = await b;")),
    ("gen.code.javascript", None, fence("javascript", 'send(method: "Page.reload")')),
    ("gen.code.javascript", None, fence("ts", "interface Job {\n  title: string; // return it\n}")),
    ("gen.code.javascript", "L1", fence("ts", "type Job = string;\nconst job: Job = 'x';")),
    ("gen.code.javascript", None, '- "create a Next.js app"'),
    ("gen.code.javascript", None, "Do not write a Node script for this."),
    ("gen.code.javascript", None, "Node.js 18 is required."),
    # Python
    ("gen.code.python", "L3", fence("python", "y = np.exp(-t / tau)")),
    ("gen.code.python", "L3", "To test pages, write native Python Playwright scripts."),
    ("gen.code.python", "L2", fence("python", "data = json.loads(text)")),
    ("gen.code.python", "L1", fence("python", "total = sum(values)")),
    ("gen.code.python", "L1", fence("python", "from __future__ import annotations\ntotal = sum(values)")),
    ("gen.code.python", "L2", "编写一个 Python 脚本统计字数。"),
    ("gen.code.python", None, fence("python", "[1, 2, 3]", "Expected output:")),
    ("gen.code.python", None, fence("python", "1. list_pods(namespace)\n2. get_events(namespace)")),
    ("gen.code.python", None, fence("python", 'list_pods_tool(namespace="default")\n# all of them')),
    ("gen.code.python", None, fence("python", "# 1.0.0-alpha.1, then 1.0.0-alpha.2")),
    ("gen.code.python", "L1", fence("python", "print(1)")),
    ("gen.code.python", "L3", "Use pandas for the tables."),
    ("gen.code.python", None, "Some scrapers use pandas."),
    ("gen.code.python", None, 'Ask: "Build me an API. Use FastAPI with SQLite."'),
    ("gen.code.python", None, "> Use FastAPI with SQLite."),
    ("gen.code.python", None, "Never write a Python script for this."),
    # Shell
    ("gen.code.shell", "L1", fence("bash", "#!/bin/bash\nmake test")),
    ("gen.code.shell", "L2", fence("bash", "for f in *.txt; do\n  wc -l $f\ndone", "Save this shell script as `count.sh`:")),  # noqa: E501
    ("gen.code.shell", "L2", fence("sh", "grep a x | sort | uniq -c", "Adapt this to the question:")),
    ("gen.code.shell", "L3", fence("sh", "awk '{print $1}' x", "Adapt this command:")),
    ("gen.code.shell", "L2", "Write a bash script that renames every file."),
    ("gen.code.shell", "L3", "Give one awk pipeline that sums by group."),
    ("gen.code.shell", "L2", "编写一个 bash 脚本。"),
    ("gen.code.shell", None, fence("bash", "for f in *.txt; do wc -l $f; done")),
    ("gen.code.shell", None, fence("bash", "cat > a.sh <<'EOF'\nmake\nEOF", "Create the script:")),
    ("gen.code.shell", None, fence("bash", "python -m venv env", "Create a virtual environment:")),
    ("gen.code.shell", None, "Build a CI/CD pipeline."),
    # SQL
    ("gen.code.sql", "L1", fence("sql", "SELECT name FROM users WHERE id = 1;")),
    ("gen.code.sql", "L2", fence("sql", "SELECT a.x FROM a JOIN b ON a.id = b.id")),
    ("gen.code.sql", "L2", fence("sql", "SELECT day, count(*) FROM a GROUP BY day")),
    ("gen.code.sql", "L3", fence("sql", "WITH t AS (SELECT 1) SELECT * FROM t")),
    ("gen.code.sql", "L3", fence("sql", "SELECT 1 FROM a JOIN b ON 1=1 JOIN c ON 1=1")),
    ("gen.code.sql", "L1", "Write an SQL query for the request."),
    ("gen.code.sql", "L2", "Write an SQL query that counts the orders for each customer."),
    ("gen.code.sql", "L3", "Write an SQL query with the latest order of each customer."),
    ("gen.code.sql", "L1", "根据需求编写SQL。"),
    ("gen.code.sql", None, fence("sql", "SELECT u.id FROM u JOIN o ON 1=1", "## Output Example")),
    ("gen.code.sql", None, "Write a search query for the engine."),
    ("gen.code.sql", None, "The database speaks SQL."),
    # HTML
    ("gen.code.html", "L1", fence("html", "<h1>Title</h1><ul><li>a</li></ul>")),
    ("gen.code.html", "L2", fence("html", "<table><tr><td>1</td></tr></table>")),
    ("gen.code.html", "L3", fence("html", '<svg role="img"><rect x="1" y="2"/></svg>')),
    ("gen.code.html", "L1", "Write the result as an HTML file."),
    ("gen.code.html", "L2", "Create an HTML page with a table of the prices."),
    ("gen.code.html", "L3", "Create an HTML report with an inline SVG chart."),
    ("gen.code.html", "L1", "生成一个网页。"),
    ("gen.code.html", "L1", fence("html", "<table><tr><td></td></tr></table>", "Copy this skeleton and fill it in:")),  # noqa: E501
    ("gen.code.html", None, "Errors return HTML with the message in the body."),
    ("gen.code.html", None, "Use `--static out` to write a standalone HTML file."),
    ("gen.code.html", None, "Read the HTML of the page."),
    # Regular expressions
    ("gen.regex", "L1", "Write a regular expression for order numbers."),
    ("gen.regex", "L2", "Write a regex with an optional suffix and a capturing group."),
    ("gen.regex", "L3", "Write a regex for amounts preceded by a dollar sign."),
    ("gen.regex", "L1", "编写正则表达式来匹配编号。"),
    ("gen.regex", "L1", fence("", "sig=[0-9a-f]{64}", "Regex for hex strings:")),
    ("gen.regex", None, "Regular expressions are explained in the manual."),
    ("gen.regex", None, 'Generate regex patterns.\n\n```bash\nnpx ai-regex "match dates"\n```'),
    ("gen.regex", None, "Follow the naming pattern of the team."),
    # Commands
    ("tool.exec", "L1", fence("bash", "a | b | c && d")),
    ("tool.exec", "L1", fence("bash", "tool --a x.json\n# or\ntool --b x.json > y.json")),
    ("tool.exec", "L1", fence("", "git status\ngit diff")),
    ("tool.exec", "L1", "If it is set already: `obsidian-cli print-default --path-only`."),
    ("tool.exec", "L1", "Run scripts/fetch.py which prints all comments."),
    ("tool.exec", "L2", "Run `scripts/metrics.py` with the user's inputs."),
    ("tool.exec", "L2", "Write a script that checks the links and run it."),
    ("tool.exec", "L2", "运行所有测试。"),
    ("tool.exec", "L1", "Run the bundled script:\n\n- `python3 go.py --all`"),
    ("tool.exec", "L2", fence("bash", "python your_automation.py --port 1")),
    ("tool.exec", "L3", fence("bash", "tool -l /tmp/out --fast\njq . /tmp/out/eve.json")),
    ("tool.exec", "L3", fence("bash", "ID=$(make-one)\nuse-one $ID")),
    ("tool.exec", "L3", fence("bash", "git clone https://x.test/a/tool.git\ncd tool")),
    ("tool.exec", "L3", fence("bash", "git add .\ngit commit -m x")),
    ("tool.exec", "L3", fence("bash", "first\nsecond", "Run these one after the other:")),
    ("tool.exec", "L1", "## Results\n\n" + fence("bash", "jq . out.json", "They lie in a folder:")),
    ("tool.exec", "L1", fence("bash", "# Before any other call:\ntool login --now")),
    ("tool.exec", None, "## Output\n\n" + fence("bash", "3 passed", "")),
    ("tool.exec", None, fence("bash", "3 passed", "Expected output:")),
    ("tool.exec", None, "Never run the tests yourself."),
    ("tool.exec", None, "Run the appropriate test for two means."),
    ("tool.exec", None, "The flag `-r <pcap>` replays a file."),
    ("tool.exec", None, 'Ask for "run any command" requests.'),
]
# fmt: on


@pytest.mark.parametrize(("primitive_id", "level", "body"), CASES)
def test_level_of_a_place(primitive_id: str, level: str | None, body: str, tmp_path: Path) -> None:
    found = analyse(make_skill(tmp_path, body + "\n")).requirements
    levels = [str(needed.level) for needed in found if needed.primitive_id == primitive_id]
    assert levels == ([level] if level else [])


IN_CONTEXT = [
    (
        "gen.code.javascript",
        "L3",
        "name: feeds\ndescription: Supplies small Node programs that merge feeds.\n",
        "It reads all feeds with promises and prints them.\n",
    ),
    (
        "gen.code.sql",
        "L2",
        SQL_FRONT,
        "Every month: list the grams of each plant, from seeds joined with loans.\n",
    ),
    ("gen.code.html", "L2", HTML_FRONT, "Below that put a table with the prices.\n"),
    ("gen.code.html", "L3", HTML_FRONT, "Under it, draw the week as an inline SVG chart.\n"),
    (
        "gen.regex",
        "L2",
        REGEX_FRONT,
        "Give a single expression with anchors.\n\nA regular expression is tested whole.\n",
    ),
]


@pytest.mark.parametrize(("primitive_id", "level", "front", "body"), IN_CONTEXT)
def test_words_count_where_the_skill_makes_such_code(
    primitive_id: str, level: str, front: str, body: str, tmp_path: Path
) -> None:
    found = analyse(make_skill(tmp_path, body, front=front)).requirements
    assert level in [str(needed.level) for needed in found if needed.primitive_id == primitive_id]
    without = analyse(make_skill(tmp_path, body)).requirements
    assert level not in [str(needed.level) for needed in without if needed.primitive_id == primitive_id]


def test_a_library_imported_once_counts_for_later_fences(tmp_path: Path) -> None:
    body = (
        fence("python", "from pypdf import PdfReader") + "\n" + fence("python", 'reader = PdfReader("a.pdf")')
    )
    found = analyse(make_skill(tmp_path, body)).requirements
    assert [str(need.level) for need in found if need.primitive_id == "gen.code.python"] == ["L3", "L3"]


def test_only_what_was_imported_counts_for_other_fences(tmp_path: Path) -> None:
    body = fence("python", "from openai import (\n    OpenAI,  # the client\n)\nimport json, math") + "\n"
    body += fence("python", "import json\ntotal = math.ceil(client)")
    found = analyse(make_skill(tmp_path, body)).requirements
    assert [str(need.level) for need in found if need.primitive_id == "gen.code.python"] == ["L3", "L2"]


def test_modules_of_the_bundle_are_no_libraries(tmp_path: Path) -> None:
    skill = make_skill(
        tmp_path, fence("python", "from helper import go\ngo()"), helper_dot_py="def go(): ...\n"
    )
    found = analyse(skill).requirements
    assert [str(need.level) for need in found if need.primitive_id == "gen.code.python"] == ["L2"]


BUNDLED = [
    (
        "gen.code.python",
        "L3",
        "Edit `scripts/go.py` to your needs.",
        {"scripts__go_dot_py": "import pandas\nprint(1)\n"},
    ),
    (
        "gen.code.python",
        "L1",
        "Complete scripts/go.py first.",
        {"scripts__go_dot_py": "x = 1  # TODO: implement the sum\n"},
    ),
    ("gen.code.python", "L1", "Run `scripts/go.py`.", {"scripts__go_dot_py": "raise NotImplementedError\n"}),
    ("gen.code.javascript", "L3", "Modify `go.js`.", {"go_dot_js": "await fetch(url)\n"}),
    ("gen.code.shell", "L2", "Adapt `go.sh` to the host.", {"go_dot_sh": "for a in x; do echo $a; done\n"}),
    ("gen.code.sql", "L2", "Extend the SQL in `go.sql`.", {"go_dot_sql": "SELECT 1 FROM a JOIN b ON 1=1\n"}),
    ("gen.code.html", "L2", "Customize `page.html`, it is HTML.", {"page_dot_html": "<form></form>\n"}),
    ("gen.code.python", "L1", "请修改 `go.py`。", {"go_dot_py": "print(1)\n"}),
]


@pytest.mark.parametrize(("primitive_id", "level", "body", "files"), BUNDLED)
def test_a_script_to_be_changed_needs_what_it_is_made_of(
    primitive_id: str, level: str, body: str, files: dict[str, str], tmp_path: Path
) -> None:
    found = [
        needed
        for needed in analyse(make_skill(tmp_path, body + "\n", **files)).requirements
        if needed.primitive_id == primitive_id
    ]
    assert [str(needed.level) for needed in found] == [level]
    assert found[0].path is not None
    assert found[0].path.replace("/", "__").replace(".", "_dot_") in files


@pytest.mark.parametrize(
    "body", ["Run `scripts/go.py`.", "Do not edit `scripts/go.py`.", "Edit `other.py`.", "See scripts/go.py."]
)
def test_a_script_that_stays_as_it_is_needs_no_code(body: str, tmp_path: Path) -> None:
    skill = make_skill(tmp_path, body + "\n", scripts__go_dot_py="import pandas\nprint(1)\n")
    assert not [need for need in analyse(skill).requirements if need.primitive_id == "gen.code.python"]
