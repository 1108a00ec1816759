"""What a run did, as code that can be run again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.runtime.boost.compiling.scripted import Call, carry_out, execute

from skvm.harness.trajectory import ToolKind
from skvm.runtime.boost.compiling.actions import actions_of
from skvm.runtime.boost.compiling.refusals import refusals, refusals_of_code
from skvm.runtime.boost.model import Language
from skvm.runtime.boost.watching import WatchedRun

SALES = "region,amount\nNorth,1\nSouth,2\n"
COUNT = "open('n.txt', 'w').write(str(len(open('sales.csv').readlines())))\n"


def code_of(folder: Path, calls: list[Call], prompt: str = "Count the lines.") -> tuple[Language, str]:
    actions = actions_of(carry_out(folder, prompt, {"sales.csv": SALES}, calls))
    return actions[0].language, actions[0].code


@pytest.mark.parametrize(
    "calls",
    [
        [f"python3 - <<'EOF'\n{COUNT}EOF"],
        [f"python3 <<EOF\n{COUNT}EOF\n"],
        [f'python3 -c "{COUNT.strip()}"'],
        [f"cd {{work_dir}} && python3 - <<'EOF'\n{COUNT}EOF"],
        [f"cd {{work_dir}}\npython3 - <<'EOF'\n{COUNT}EOF\ncat n.txt"],
        [f"cat > count.py <<'EOF'\n{COUNT}EOF\npython3 count.py"],
        [f"cat > count.py <<'EOF'\n{COUNT}EOF\npython3 count.py && cat n.txt"],
        [("write", "count.py", COUNT), "python3 count.py"],
        [("write", "count.py", COUNT), "ls -la", "python3 ./count.py"],
        [("write", "count.py", COUNT.replace("sales", "sale")), "python3 count.py",
         ("edit", "count.py", "sale.csv", "sales.csv"), "python3 count.py"],
        [f"python3 - <<'EOF'\n{COUNT.replace('sales', 'sale')}EOF", f"python3 - <<'EOF'\n{COUNT}EOF"],
        [f"python3 - <<'EOF'\n{COUNT}"],
    ],
)  # fmt: skip
def test_all_ways_to_run_a_program_are_the_same(tmp_path: Path, calls: list[Call]) -> None:
    assert code_of(tmp_path, calls) == (Language.PYTHON, COUNT)


def test_paths_into_the_work_directory_are_relative(tmp_path: Path) -> None:
    code = COUNT.replace("'n.txt'", "'{work_dir}/n.txt'").replace("'sales", "'{work_dir}/sales")
    assert code_of(tmp_path, [f'python3 -c "{code.strip()}"']) == (Language.PYTHON, COUNT)


def test_a_script_the_prompt_asks_for_is_no_helper(tmp_path: Path) -> None:
    calls: list[Call] = [("write", "count.py", COUNT), "python3 count.py"]
    run = carry_out(tmp_path, "Write count.py and run it.", {"sales.csv": SALES}, calls)
    action = actions_of(run)[0]
    assert action.helpers == frozenset()
    assert set(action.changed or ()) == {"count.py", "n.txt"}


def test_helpers_are_left_out_of_what_changed(tmp_path: Path) -> None:
    calls: list[Call] = [("write", "count.py", COUNT), "python3 count.py"]
    action = actions_of(carry_out(tmp_path, "Count.", {"sales.csv": SALES}, calls))[0]
    assert action.helpers == {"count.py"}
    assert action.changed == {"n.txt": b"3"}
    assert action.turns == (0, 1)


def test_everything_a_run_did_comes_first_and_then_each(tmp_path: Path) -> None:
    calls: list[Call] = ["wc -l sales.csv > n.txt", "cat n.txt", "sort sales.csv > sorted.csv"]
    actions = actions_of(carry_out(tmp_path, "Count and sort.", {"sales.csv": SALES}, calls))
    assert [(action.turns, action.is_whole) for action in actions] == [
        ((0, 2), True), ((0,), False), ((2,), False),
    ]  # fmt: skip
    assert actions[0].code == "wc -l sales.csv > n.txt\nsort sales.csv > sorted.csv\n"
    assert set(actions[0].changed or ()) == {"n.txt", "sorted.csv"}


def test_programs_and_commands_together_are_shell(tmp_path: Path) -> None:
    language, code = code_of(tmp_path, [f"mkdir -p out && python3 - <<'EOF'\n{COUNT}EOF", "cp n.txt out/"])
    assert language is Language.SHELL
    assert code == f"mkdir -p out\npython3 - <<'EOF'\n{COUNT}EOF\ncp n.txt out/\n"


def test_arguments_reach_a_program(tmp_path: Path) -> None:
    code = "import sys\nopen(sys.argv[2], 'w').write(open(sys.argv[1]).read())\n"
    language, made = code_of(tmp_path, [("write", "copy.py", code), "python3 copy.py sales.csv 'a b.csv'"])
    assert language is Language.PYTHON
    assert "['program.py', 'sales.csv', 'a b.csv']" in made


@pytest.mark.parametrize(
    "command",
    [
        "python3 say.py > out.txt",
        "python3 say.py sales.csv >out.txt 2>/dev/null",
        "python3 say.py > 'out.txt' 2>&1",
    ],
)
def test_what_a_program_says_can_go_into_a_file(tmp_path: Path, command: str) -> None:
    language, code = code_of(tmp_path, [("write", "say.py", "print('x')\n"), command])
    assert language is Language.SHELL
    assert code.startswith("python3 -")
    assert "say.py" not in code
    assert code.endswith("\nprint('x')\nEOF\n")
    (tmp_path / "again").mkdir()
    assert execute(code, tmp_path / "again").returncode == 0
    assert (tmp_path / "again" / "out.txt").read_text() == "x\n"


@pytest.mark.parametrize("command", ["python3 say.py < sales.csv > o.txt", "python3 say.py <<< abc > o.txt"])
def test_a_program_that_is_fed_stays_as_it_is(tmp_path: Path, command: str) -> None:
    language, code = code_of(tmp_path, [("write", "say.py", "print(input())\n"), command])
    assert language is Language.SHELL
    assert code.endswith(f"\n{command}\n")
    (tmp_path / "sales.csv").write_text("abc\n")
    assert execute(code, tmp_path).returncode == 0
    assert (tmp_path / "o.txt").read_text() == "abc\n"


def test_a_run_that_changed_nothing_did_nothing(tmp_path: Path) -> None:
    assert actions_of(carry_out(tmp_path, "Look.", {"sales.csv": SALES}, ["cat sales.csv"])) == ()


@pytest.mark.parametrize(
    ("language", "code", "why"),
    [
        (Language.PYTHON, "import requests\nrequests.get('http://a.example/')", "uses the network"),
        (Language.PYTHON, "import urllib.request as u\nu.urlopen('x')", "uses the network"),
        (Language.PYTHON, "from datetime import date\nprint(date.today())", "asks the clock"),
        (Language.PYTHON, "import time\nprint(time.time())", "asks the clock"),
        (Language.PYTHON, "import random\nprint(random.random())", "depends on chance"),
        (Language.PYTHON, "import uuid\nprint(uuid.uuid4())", "depends on chance"),
        (Language.PYTHON, "open('/etc/passwd').read()", "touches /etc/passwd, which is outside"),
        (Language.PYTHON, "open('../x').read()", "touches ../x, which may be outside"),
        (Language.PYTHON, "import os\nos.system('ls')", "starts programs"),
        (Language.PYTHON, "import subprocess\nsubprocess.run(['ls'])", "starts programs"),
        (Language.PYTHON, "eval('1')", "asks or runs what is no part of it"),
        (Language.PYTHON, "x = input()", "asks or runs what is no part of it"),
        (Language.PYTHON, "def (", "is no Python"),
        (Language.SHELL, "curl http://a.example/ > x", "uses the network"),
        (Language.SHELL, "date > now.txt", "asks the clock"),
        (Language.SHELL, "echo $(date +%F) > now.txt", "asks the clock"),
        (Language.SHELL, "echo $RANDOM > x", "depends on chance"),
        (Language.SHELL, "echo $HOSTNAME > x", "depends on where it runs"),
        (Language.SHELL, "whoami > x", "depends on where it runs"),
        (Language.PYTHON, "import os\nprint(os.environ['HOME'])", "depends on where it runs"),
        (Language.PYTHON, "import os\nprint(os.path.getmtime('a'))", "asks the clock"),
        (Language.PYTHON, "print(hash('a'))", "depends on chance"),
        (Language.SHELL, "shuf a > b", "depends on chance"),
        (Language.SHELL, "sudo cp a b", "runs sudo"),
        (Language.SHELL, "sleep 5 & echo x > y", "leaves programs running"),
        (Language.SHELL, "pip install x", "installs programs"),
        (Language.SHELL, "cp a ../b", "touches ../b, which may be outside"),
        (Language.SHELL, "cp /etc/hosts b", "touches /etc/hosts, which is outside"),
        (Language.SHELL, "python3 -c 'import random'", "depends on chance"),
        (Language.SHELL, "python3 - <<'EOF'\nimport random\nEOF", "depends on chance"),
        (Language.SHELL, "ln -s a b", "runs ln"),
    ],
)
def test_what_can_be_no_template_is_told(language: Language, code: str, why: str) -> None:
    assert why in refusals_of_code(language, code)


@pytest.mark.parametrize(
    ("language", "code"),
    [
        (Language.PYTHON, COUNT),
        (Language.PYTHON, "from datetime import datetime\ndatetime.strptime('1', '%d')"),
        (Language.PYTHON, "from urllib.parse import urlparse\nprint(urlparse('http://a.example/b').path)"),
        (Language.PYTHON, "print('a/../b', '/x/y')"),
        (Language.SHELL, "sort a.csv > b.csv 2>&1 && rm -f tmp.txt"),
        (Language.SHELL, "date -d '2020-01-01' +%F > x"),
        (Language.SHELL, "printf 'the date is x' > date; grep -c date date > b; date=1; echo $date > c"),
        (Language.SHELL, "cat > a.md <<'EOF'\nhttp://x.example ../a /etc/x date $RANDOM\nEOF"),
        (Language.PYTHON, "open('a.md', 'w').write('see http://a.example/b and /etc/hosts')"),
        (Language.SHELL, "cat > a.html <<'EOF'\nTom & Jerry &\nEOF"),
    ],
)
def test_ordinary_code_may_be_a_template(language: Language, code: str) -> None:
    assert refusals_of_code(language, code) == ()


def test_an_input_that_is_gone_is_a_reason(tmp_path: Path) -> None:
    run = carry_out(tmp_path, "Move it.", {"sales.csv": SALES}, ["mv sales.csv old.csv"])
    assert refusals(actions_of(run)[0]) == ("deletes sales.csv",)


def with_call(run: WatchedRun, **changes: object) -> WatchedRun:
    """A run whose first call another harness would have made."""
    first, *rest = run.trajectory.turns
    call = first.tool_calls[0].model_copy(update=changes)
    turns = (first.model_copy(update={"tool_calls": (call,)}), *rest)
    return replace(run, trajectory=run.trajectory.model_copy(update={"turns": turns}), _read={})


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "exec_command", "arguments": {"cmd": f"python3 - <<'EOF'\n{COUNT}EOF"}},
        {"name": "shell", "arguments": {"command": ["bash", "-lc", f"python3 - <<'EOF'\n{COUNT}EOF"]}},
        {"name": "execute_code", "arguments": {"code": COUNT}},
    ],
)
def test_the_tools_of_all_harnesses_are_read(tmp_path: Path, changes: dict[str, object]) -> None:
    run = carry_out(tmp_path, "Count.", {"sales.csv": SALES}, [f"python3 - <<'EOF'\n{COUNT}EOF"])
    assert [action.code for action in actions_of(with_call(run, **changes))] == [COUNT]


def test_a_patch_is_what_it_left(tmp_path: Path) -> None:
    run = carry_out(tmp_path, "Write.", {"sales.csv": SALES}, [("write", "a.txt", "x\n")])
    patched = with_call(run, name="apply_patch", kind=ToolKind.EDIT, arguments={"input": "*** Begin Patch"})
    assert "f.write" in actions_of(patched)[0].code.replace("text_file", "f")
    assert "'a.txt'" in actions_of(patched)[0].code


def test_an_unknown_tool_that_changed_files_cannot_be_repeated(tmp_path: Path) -> None:
    run = carry_out(tmp_path, "Write.", {"sales.csv": SALES}, [("write", "a.txt", "x\n")])
    assert actions_of(with_call(run, name="magic", kind=ToolKind.OTHER)) == ()


def test_a_run_a_template_answered_in_is_nothing_to_learn_from(tmp_path: Path) -> None:
    run = carry_out(tmp_path, "Count.", {"sales.csv": SALES}, [f"python3 - <<'EOF'\n{COUNT}EOF"])
    assert actions_of(replace(run, boosted_turns=(0,))) == ()
