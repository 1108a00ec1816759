"""No value becomes code, wherever it stands in shell code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.unit.runtime.boost.compiling.scripted import execute

from skvm.runtime.boost.compiling.align_python import read_python
from skvm.runtime.boost.compiling.align_shell import read_shell_code
from skvm.runtime.boost.compiling.slots import Ref, Spot, UnfillableError
from skvm.runtime.boost.model import ParamType

DATA = "region,amount\nNorth,3\nSouth,4\nNorth,5\n"
SNIPPETS = (
    "cat data.csv > out.txt",
    "grep North data.csv > out.txt",
    "grep -c 'North' data.csv > out.txt",
    "sed 's/North/East/' data.csv > out.txt",
    "sed -n '2p' data.csv > out.txt",
    "awk -F, '$1 == \"North\" {print $2 + 1}' data.csv > out.txt",
    "awk -F , -v region=North '$1 == region {print $2}' data.csv > out.txt",
    "awk -F, '{print > \"out.txt\"}' data.csv",
    "awk -F, '{print | \"cat > out.txt\"}' data.csv",
    "awk 'BEGIN {system(\"echo North > out.txt\")}'",
    "x=North; awk -F, \"\\$1 == \\\"$x\\\" {print \\$2}\" data.csv > out.txt",
    "x=North; awk -F, '$1 == \"'$x'\"' data.csv > out.txt",
    "echo '{\"a\": \"North\"}' | jq -r '.a == \"North\"' > out.txt",
    "echo 5 | xargs echo > out.txt",
    "echo 'echo North' | sh > out.txt",
    "echo 'echo North' > s.sh && bash s.sh > out.txt",
    "eval 'echo North' > out.txt",
    "n=5; echo $((n + 1)) > out.txt",
    "n=5; if [[ $n -eq 5 ]]; then echo North > out.txt; fi",
    "n=5; if [ \"$n\" -eq 5 ]; then echo North > out.txt; fi",
    "declare -i n=5; echo $n > out.txt",
    "printf 'North %s\\n' x > out.txt",
    "printf -v made '%s' North; echo \"$made\" > out.txt",
    "find . -name 'data.csv' -exec cat {} \\; > out.txt",
    "python3 -c 'print(\"North\")' > out.txt",
    "python3 - <<'EOF' > out.txt\nprint('North')\nEOF",
    "python3 - North <<'EOF' > out.txt\nimport sys\nprint(sys.argv)\nEOF",
    "cat > out.txt <<EOF\nNorth $(echo x)\nEOF",
    "cat > out.txt <<EOF\nNorth\nEOF",
    "sh <<'EOF'\necho North > out.txt\nEOF",
    "f=data.csv; cat $f > out.txt",
    "for f in data.csv; do wc -l $f; done > out.txt",
    "sort -t, -k2 --reverse --output=out.txt data.csv",
    "tar cf out.txt data.csv",
    "PATH=/usr/bin:/bin cat data.csv > out.txt",
    "timeout 5 cat data.csv > out.txt",
    "echo North | bc > out.txt || true",
    "echo \"a${x:-North}b\" > out.txt",
    "name=North; echo \"$name's\" > out.txt",
    "python3 -c 'print(\"echo North\")' | sh > out.txt",
    "awk 'BEGIN {print \"echo North\"}' | bash > out.txt",
    "cat > x.py <<'EOF'\nprint('North')\nEOF\npython3 x.py > out.txt",
    "echo 'print(1)' > x.py; python3 ./x.py > out.txt",
    "python3 -c 'open(\"s.sh\", \"w\").write(\"echo North\")' && bash ./s.sh > out.txt",
    "echo '#!/bin/sh' > s.sh; echo 'echo North' >> s.sh; chmod +x s.sh; ./s.sh > out.txt",
    "cat <<'EOF' | sh > out.txt\necho North\nEOF",
    "cat <<'EOF' | python3 > out.txt\nprint('North')\nEOF",
    "echo 'print(1)' | python3 - > out.txt",
    "cat <<'EOF' | sort > out.txt\nNorth\nEOF",
    "make() { echo \"$1\"; }; make North > out.txt",
    "trap 'echo North' EXIT; echo x > out.txt",
    "tr 'N' 'M' < data.csv > out.txt",
    "head -n 2 data.csv | tail -n 1 | cut -d, -f1 | tee out.txt",
)  # fmt: skip
VALUES = (
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "a[$(touch pwned)]",
    "x\ntouch pwned\n",
    "|touch pwned",
    "touch pwned",
    '"); system("touch pwned"); ("',
    "{system(\"touch pwned\")}",
    "w pwned",
    "s/a/b/w pwned",
    "-o pwned",
    "--output=pwned",
    "--to-command=touch pwned",
    "EOF\ntouch pwned\n",
    "/dev/tcp/127.0.0.1/9",
    "#",
    "\\",
    "*",
)  # fmt: skip


ALL_VALUES = f"""
for number in {{0..{len(VALUES) - 1}}}; do
  value=VALUE_$number json=JSON_$number
  printf %s "$DATA" > data.csv
  ( export P_v="${{!value}}" SKVM_BOOST_PARAMS="${{!json}}"; eval "$CODE" )
  [ -e pwned ] && exit
  rm -rf -- ./*
done
"""


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_no_value_is_run(tmp_path: Path, snippet: str) -> None:
    if "jq" in snippet and shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    reading = read_shell_code(snippet)
    assert reading is not None
    for index, slot in enumerate(reading.slots):
        end = "\n" if isinstance(slot.value, str) and slot.value.endswith("\n") else ""
        for filling in (
            [Ref("v", ParamType.STRING), *([end] if end else [])],
            ["x ", Ref("v", ParamType.ENUM), end],
        ):
            try:
                code = reading.render({Spot(index): filling})
            except UnfillableError:
                continue
            (tmp_path / "data.csv").write_text(DATA)
            pairs = {f"VALUE_{number}": value for number, value in enumerate(VALUES)}
            params = {f"JSON_{number}": json.dumps({"v": value}) for number, value in enumerate(VALUES)}
            execute(ALL_VALUES, tmp_path, env={**pairs, **params, "CODE": code, "DATA": DATA})
            left = {path.name for path in tmp_path.iterdir()}
            assert "pwned" not in left or snippet.startswith("awk -F, '{print > "), code


def filled(snippet: str, said: object, value: str, tmp_path: Path) -> tuple[int, str]:
    """Run a snippet with a value in place of the constants that say something."""
    reading = read_shell_code(snippet)
    assert reading is not None
    kind = ParamType.STRING if isinstance(said, str) else ParamType.INTEGER
    spots = [Spot(index) for index, slot in enumerate(reading.slots) if slot.value == said]
    code = reading.render({spot: [Ref("v", kind)] for spot in spots})
    (tmp_path / "data.csv").write_text(DATA)
    done = execute(code, tmp_path, env={"P_v": value, "SKVM_BOOST_PARAMS": json.dumps({"v": value})})
    written = tmp_path / "out.txt"
    return done.returncode, written.read_text() if written.exists() else ""


@pytest.mark.parametrize(
    ("snippet", "said", "value", "text"),
    [
        ("awk -F, '$1 == \"North\" {print $2 + 1}' data.csv > out.txt", "North", "South", "5\n"),
        ("awk -F, '$1 == \"North\" {print $2 + 1}' data.csv > out.txt", 2, "1", "1\n1\n"),
        ("awk -F, 'NR > 1 {print $1}' data.csv > out.txt", 1, "2", "4\n5\n"),
        ("awk -F , -v r=North '$1 == r {print $2}' data.csv > out.txt", "r=North", "r=South", "4\n"),
        ("head -n 2 data.csv > out.txt", 2, "1", "region,amount\n"),
        ("cut -d, -f1 'data.csv' | tail -n 1 > out.txt", "data.csv", "data.csv", "North\n"),
        ("echo \"n: North!\" > out.txt", "n: North!", "a $b 'c'", "a $b 'c'\n"),
        ("name=North\necho \"is $name\" > out.txt", "North", "So uth", "is So uth\n"),
        ("grep -F North data.csv | wc -l > out.txt", "data.csv", "data.csv", "2\n"),
        ("cat > out.txt <<'EOF'\nNorth $x\nEOF", "North $x\n", "a\n", "a\n"),
    ],
)  # fmt: skip
def test_a_value_has_its_meaning(tmp_path: Path, snippet: str, said: object, value: str, text: str) -> None:
    if said == "North $x\n":
        reading = read_shell_code(snippet)
        assert reading is not None
        code = reading.render({Spot(1): [Ref("v", ParamType.STRING), " $x\n"]})
        execute(code, tmp_path, env={"P_v": "So `uth`"})
        assert (tmp_path / "out.txt").read_text() == "So `uth` $x\n"
        return
    assert filled(snippet, said, value, tmp_path) == (0, text)


@pytest.mark.parametrize("value", ["-n", "--help"])
def test_a_value_that_reads_as_an_option_ends_the_step(tmp_path: Path, value: str) -> None:
    assert filled("cat data.csv > out.txt", "data.csv", value, tmp_path) == (64, "")


@pytest.mark.parametrize("value", ["a b.csv", "*.csv", ""])
def test_a_value_the_shell_would_split_ends_the_step(tmp_path: Path, value: str) -> None:
    assert filled("f=data.csv\ncat $f > out.txt", "data.csv", value, tmp_path) == (64, "")


@pytest.mark.parametrize(
    ("snippet", "said"),
    [
        ("sed 's/North/East/' data.csv > out.txt", "s/North/East/"),
        ("grep 'North' data.csv > out.txt", "North"),
        ("python3 fill.py report.json", "fill.py"),
        ("bash make.sh report.json", "make.sh"),
        ("eval 'echo x'", "echo x"),
        ("echo 'echo x' | sh", "echo x"),
        ("n=5; echo $((n + 1))", "x"),
    ],
)
def test_what_is_code_takes_no_value(snippet: str, said: str) -> None:
    reading = read_shell_code(snippet)
    assert reading is not None
    for index, slot in enumerate(reading.slots):
        if slot.value in (said, 5):
            with pytest.raises(UnfillableError):
                reading.render({Spot(index): [Ref("v", ParamType.STRING)]})


def test_arguments_of_a_skills_script_are_values() -> None:
    reading = read_shell_code("python3 scripts/fill.py report.json --employee 'Jo B' --month=2026-02")
    assert reading is not None
    assert [slot.value for slot in reading.slots] == ["scripts/fill.py", "report.json", "Jo B", "2026-02"]
    code = reading.render(
        {Spot(2): [Ref("who", ParamType.STRING)], Spot(3): [Ref("month", ParamType.STRING)]}
    )
    assert code == (
        'case "$P_who" in -*) exit 64;; esac\n'
        'python3 scripts/fill.py report.json --employee "$P_who" --month="$P_month"'
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import sqlite3\nc = sqlite3.connect('d')\nc.execute(\"SELECT * FROM t WHERE r = 'North'\")",
            "North",
        ),
        ("import sqlite3\nc = sqlite3.connect('d')\nq = 'North'\nq = 'SELECT ' + q\nc.execute(q)", "North"),
        ("import sqlite3\nc = sqlite3.connect('d')\nc.execute(\"SELECT '%s'\" % 'North')", "North"),
        ("import pandas as pd\npd.read_csv('a').query(\"r == 'North'\")", "North"),
        ("import pandas as pd\nd = pd.read_csv('a')\nd[d.r.str.contains('North')]", "North"),
        ("print('North {}'.format(1))", "North"),
        ("print('North %s' % 1)", "North"),
        ("print(getattr(1, 'real'))", "real"),
        ("from re import search\nprint(search('North', 'x'))", "North"),
    ],
)
def test_a_text_that_is_code_in_python_takes_no_value(code: str, said: str) -> None:
    reading = read_python(code)
    assert reading is not None
    spots = [Spot(index) for index, slot in enumerate(reading.slots) if said in str(slot.value)]
    assert spots
    for spot in spots:
        with pytest.raises(UnfillableError, match="would become code"):
            reading.render({spot: ["x ", Ref("v", ParamType.STRING)]})


def test_values_beside_a_query_and_files_are_free() -> None:
    code = "import sqlite3\nc = sqlite3.connect('d.db')\nc.execute('SELECT 1 WHERE 1 = ?', ('North',))"
    reading = read_python(code)
    assert reading is not None
    spots = [Spot(index, 0 if slot.kind == "list" else None) for index, slot in enumerate(reading.slots)]
    free = [spots[index] for index, slot in enumerate(reading.slots) if slot.value in ("d.db", ("North",))]
    assert len(free) == 2
    assert reading.render({spot: [Ref("v", ParamType.STRING)] for spot in free}).count("P['v']") == 2


def test_a_value_in_a_pattern_is_taken_as_it_is() -> None:
    reading = read_python("import re\nprint(re.findall('n:North', open('a').read()))")
    assert reading is not None
    spot = next(Spot(index) for index, slot in enumerate(reading.slots) if slot.value == "n:North")
    assert "re.findall('n:' + re.escape(P['v'])," in reading.render(
        {spot: ["n:", Ref("v", ParamType.STRING)]}
    )
