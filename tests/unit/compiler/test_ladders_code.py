from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import anyio
import pytest

from skvm.compiler.builds.proof import remaining_gaps
from skvm.compiler.contract import CompileOptions, PassContext
from skvm.compiler.pipeline import PipelineResult, resolve_passes, run_passes
from skvm.compiler.reading.forms_listed import patterns_of
from skvm.compiler.reading.page_words import skeleton_of
from skvm.compiler.reading.shell_code import split_pipeline
from skvm.skill.emit import emit_skill
from skvm.skill.ir import Skill
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.profile import Profile
from tests.unit.compiler.making import make_skill


def target(**levels: str) -> Profile:
    """A target that holds L3 of everything but what is named."""
    held = dict.fromkeys(PRIMITIVES.names(), Level.L3)
    held |= {name.replace("_", "."): Level(level) for name, level in levels.items()}
    return Profile(model="sim/x", harness="sim", profiled_at="2026-01-02T03:04:05Z", capabilities=held)


def compiled(skill: Skill, profile: Profile) -> PipelineResult:
    context = PassContext(profile.model, profile.harness, profile, options=CompileOptions(eliminate=False))
    return anyio.run(run_passes, skill, resolve_passes(["1"]), context)


def fence(language: str, code: str, lead: str) -> str:
    return f"{lead}\n\n```{language}\n{code}\n```\n"


JOIN = "SELECT a.x FROM a JOIN b ON a.id = b.id;"
PAGE = "<!DOCTYPE html>\n<html>\n<body>\n<table><tr><td>1</td></tr></table>\n</body>\n</html>"
FORM = (
    "Create an HTML page with a table with the columns Name and Price, and a form that posts to `/buy` "
    "with labelled fields for the buyer's name, a choice of colour and an email address, inside `main`.\n"
)
FORMS = (
    "Write one regular expression that accepts all of these forms:\n\n"
    "- `AB-123`, also without the hyphen: `AB123`\n- `AB-123/X`, where the last letter is X to Z\n"
    "- `OLD 7`, one to three digits\n"
)
ARGPARSE = (
    "import argparse\np = argparse.ArgumentParser()\np.add_argument('--input', required=True)\n"
    "p.parse_args()\n"
)
# fmt: off
LOWERED = [
    ("gen_code_python", "L1", "ready file", fence("python", "import csv\nprint(csv)", "Write the following program to `a.py`:"), "`cp scripts/a.py a.py`", {}),  # noqa: E501
    ("gen_code_python", "L1", "ready script", fence("python", "import csv\nprint(csv)", "Run this program:"), "`python3 scripts/program-1.py`", {}),  # noqa: E501
    ("gen_code_javascript", "L1", "ready file", fence("js", "const p = require('path');\nconsole.log(p.sep);", "Create `a.js` with this program:"), "`cp scripts/a.js a.js`", {}),  # noqa: E501
    ("gen_code_javascript", "L2", "ready file", fence("ts", "export async function f() { return 1; }", "Create `src/a.ts` with this code:"), "`cp scripts/a.ts src/a.ts` (make the folder `src` first)", {}),  # noqa: E501
    ("gen_code_sql", "L1", "ready file", fence("sql", JOIN, "Write this query into `q.sql`, exactly so:"), "`cp assets/q.sql q.sql`", {}),  # noqa: E501
    ("gen_code_html", "L1", "ready file", fence("html", PAGE, "Save this page as `p.html`:"), "`cp assets/p.html p.html`", {}),  # noqa: E501
    ("gen_code_html", "L1", "skeleton", FORM + "\n\nBe brief.\n" * 5, "<th>Price</th>", {}),
    ("gen_code_shell", "L1", "ready file", fence("bash", "for f in *.txt; do\n  wc -l \"$f\"\ndone", "Save this script as `c.sh`:"), "`cp scripts/c.sh c.sh`", {}),  # noqa: E501
    ("gen_code_shell", "L1", "single commands", fence("bash", "grep a x | sort | head -1", "Adapt this to the question:"), "sort < step-1.txt > step-2.txt", {}),  # noqa: E501
    ("gen_regex", "L1", "one pattern a form", FORMS, "`AB-[0-9]{3}` and `AB[0-9]{3}`", {}),
    ("tool_exec", "L2", "one script", fence("bash", "sort a.txt > b.txt\nuniq b.txt", "Do this:"), "`bash scripts/run-1.sh`", {}),  # noqa: E501
    ("tool_exec", "L1", "exact command", "Run `scripts/a.py` with the report.\n", "Run `python3 scripts/a.py --input <input>`.", {"scripts__a_dot_py": ARGPARSE}),  # noqa: E501
    ("tool_exec", "L1", "exact command", "Run the bundled script on the data.\n", "Run `sh scripts/a.sh <file>`.", {"scripts__a_dot_sh": "FILE=$1\nwc -l \"$FILE\"\n"}),  # noqa: E501
    ("tool_exec", "L1", "exact command", "Run `scripts/a.py` with the report.\n\n# Use\n\n```bash\npython scripts/a.py report.md\n```\n", "`python scripts/a.py report.md`", {}),  # noqa: E501
]
# fmt: on


@pytest.mark.parametrize(("primitive", "level", "rule", "body", "made", "files"), LOWERED)
def test_a_rule_makes_the_weak_form_real(
    primitive: str, level: str, rule: str, body: str, made: str, files: dict[str, str], tmp_path: Path
) -> None:
    skill = make_skill(tmp_path, body, **files)
    profile = target(**{primitive: level})
    assert remaining_gaps(skill, profile)
    result = compiled(skill, profile)
    assert {edit.rule for edit in result.steps[0].edits} == {rule}
    assert result.steps[0].dropped == ()
    assert made in result.skill.text()
    assert not remaining_gaps(result.skill, profile)
    again = compiled(result.skill, profile)
    assert again.skill == result.skill


LEFT_ALONE = [
    ("gen_code_python", fence("python", "import csv\nprint(csv)", "Use something like this:")),
    ("gen_code_python", fence("python", "import csv\nprint(rows)", "Write the following program to `a.py`:")),
    ("gen_code_python", fence("python", "import csv\nprint('<your name>')", "Write this to `a.py`:")),
    ("gen_code_python", fence("python", "import sys\nprint(sys.argv[1])", "Run this program:")),
    ("gen_code_python", fence("python", "from scripts.x import y\ny()", "Run this program:")),
    (
        "gen_code_javascript",
        fence("js", "const p = require('path');\n// ...", "Create `a.js` with this program:"),
    ),
    (
        "gen_code_javascript",
        fence("js", "const p = require('path'); f({", "Create `a.js` with this program:"),
    ),
    ("gen_code_javascript", "Write a Node script that sorts the files.\n"),
    ("gen_code_sql", fence("sql", "SELECT a FROM b JOIN <table> ON 1=1;", "Write this query into `q.sql`:")),
    ("gen_code_sql", fence("sql", JOIN, "Adapt this query, which goes into `q.sql`:")),
    ("gen_code_html", "Create an HTML page with a table of the prices.\n"),
    ("gen_code_shell", fence("bash", "for f in *; do sort $f | uniq | wc; done", "Adapt this:")),
    ("gen_code_shell", "Write a bash script that renames every file.\n"),
    ("gen_regex", "Write one regex that accepts all of these forms:\n\n- `AB-1`, any two letters\n- `AB2`\n"),
    ("gen_regex", "Write a regex with an optional suffix.\n"),
    ("tool_exec", fence("bash", "export A=$(make-a)\nuse-a $A", "Do this:")),
    ("tool_exec", fence("bash", "pg_dump db > b.dump\npg_restore b.dump", "Do this:")),
    (
        "tool_exec",
        fence("bash", "sign() {\n  sha1sum\n}", "Helper:")
        + fence("bash", "K=$(sign x)\nuse $K", "In this order:"),
    ),
    ("tool_exec", fence("bash", "gh pr diff $PR > a.diff\nwc -l a.diff", "Do this:")),
    ("tool_exec", fence("bash", "# One\nsort a.txt > b.txt\n# Two\nuniq b.txt", "Do this:")),
    ("tool_exec", fence("bash", "mkdir out.d\ncd out.d", "Do this:")),
    ("tool_exec", "Run `scripts/gone.py` with the report.\n"),
    ("tool_exec", "Run `scripts/a.py` with it.\n\n# Use\n\n```bash\npython scripts/a.py --list\n```\n"),
]


@pytest.mark.parametrize(("primitive", "body"), LEFT_ALONE)
def test_what_no_rule_fits_stays_as_it_is(primitive: str, body: str, tmp_path: Path) -> None:
    skill = make_skill(tmp_path, body)
    profile = target(**{primitive: "L1"})
    assert remaining_gaps(skill, profile)
    result = compiled(skill, profile)
    assert result.skill.source == skill.source
    assert {found.code for found in result.diagnostics} == {"SKV201"}


def test_without_commands_nothing_is_copied(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, fence("sql", JOIN, "Write this query into `q.sql`, exactly so:"))
    result = compiled(skill, target(gen_code_sql="L1", tool_exec="L0"))
    assert result.skill == skill


def test_a_bundle_file_that_differs_answers_nothing(tmp_path: Path) -> None:
    body = fence("sql", JOIN, "Write this query into `q.sql`:") + "\nCopy it: `cp assets/q.sql q.sql`\n"
    profile = target(gen_code_sql="L1")
    assert remaining_gaps(make_skill(tmp_path, body, assets__q_dot_sql="SELECT 1;\n"), profile)
    assert not remaining_gaps(make_skill(tmp_path, body, assets__q_dot_sql=JOIN + "\n"), profile)


def test_ready_files_hold_the_code_and_run(tmp_path: Path) -> None:
    body = "1. Run this program:\n\n   ```python\n   import json\n   print(json.dumps([1]))\n   ```\n"
    result = compiled(make_skill(tmp_path, body.replace("\n", "\r\n")), target(gen_code_python="L1"))
    emit_skill(result.skill, tmp_path / "out")
    script = tmp_path / "out" / "scripts" / "program-1.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "[1]\n"
    assert b"\r" not in script.read_bytes()


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("printf 'b\\na\\nb\\n' | sort | uniq -c | sort -rn | head -1", 5),
        ("printf 'b\\na\\n' | sort > out.txt", 1),
        ("printf 'a;b\\n' | cut -d';' -f2", 2),
    ],
)
def test_single_commands_give_what_the_pipeline_gives(line: str, files: int, tmp_path: Path) -> None:
    commands = split_pipeline(line, 1)
    assert commands is not None
    subprocess.run(["bash", "-ec", "\n".join(commands)], cwd=tmp_path, check=True)
    steps = sorted(tmp_path.glob("step-*.txt"))
    assert len(steps) == files
    last = tmp_path / "out.txt" if ">" in line else steps[-1]
    whole = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert last.read_text() == (last.read_text() if ">" in line else whole.stdout)
    assert last.read_text()


@pytest.mark.parametrize(
    "line",
    [
        "a && b | c",
        "a | b 2>&1",
        "a < x | b",
        "a | xargs b",
        "a",
        "a | while read x; do y; done",
        "a | tee f",
    ],
)
def test_more_than_a_pipeline_is_not_split(line: str) -> None:
    assert split_pipeline(line, 1) is None


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("`KD-4821`", ("KD-[0-9]{4}",)),
        ("`KD-4821`, also without the hyphen: `KD4821`", ("KD-[0-9]{4}", "KD[0-9]{4}")),
        ("`v1.2 (x)`", ("v[0-9][.][0-9] [(]x[)]",)),
        ("`OLD 17`, two or three digits", ("OLD [0-9]{2,3}",)),
        ("`K-1/B`, where the last letter is A to D", ("K-[0-9]/[A-D]",)),
        ("`K-1`, codes of the former company", ("K-[0-9]",)),
        ("`K-1`, any letter in front", None),
        ("`K-1/7`, where the last letter is A to D", None),
        ("`abc`", None),
        ("codes in words", None),
        ("`K-1`, see `K-2`", None),
    ],
)
def test_forms_as_patterns(text: str, patterns: tuple[str, ...] | None) -> None:
    assert patterns_of(text) == patterns


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag != "input":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_skeleton_is_well_formed_and_has_every_part() -> None:
    made = skeleton_of(FORM)
    assert made is not None
    tags = _Tags()
    tags.feed(made)
    assert tags.open == []
    assert [tags.seen.count(tag) for tag in ("main", "th", "td", "label", "select", "input", "form")] == [
        1, 2, 2, 3, 1, 2, 1
    ]  # fmt: skip
    assert '<label>Buyer\'s name <input type="text" name="buyer-name"></label>' in made
    assert '<input type="email"' in made
    assert 'action="/buy"' in made


@pytest.mark.parametrize(
    "text",
    [
        "Put a table with the prices.",
        "Add a form.",
        "Put a table with the columns A and B, and a form.",
        "Be kind.",
    ],
)
def test_parts_without_names_give_no_skeleton(text: str) -> None:
    assert skeleton_of(text) is None
