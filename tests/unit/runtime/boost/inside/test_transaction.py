"""A step is taken whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from skvm.runtime.boost.inside import shapes
from skvm.runtime.boost.model import Check, ParamType, Place, Relation
from skvm.runtime.boost.outfit import lay_outfit
from tests.unit.runtime.boost.inside.steps import TICKET, candidate_of, python_step, shell_step, take, tree_of

SALES = b"region,amount\nnorth,10.5\nsouth,20\nnorth,3\n"
TOTALS = """
import csv, json
totals = {}
for row in csv.DictReader(open(P["source"], newline="")):
    totals[row["region"]] = totals.get(row["region"], 0) + float(row["amount"])
json.dump(totals, open("totals.json", "w"))
print("regions:", len(totals))
"""
SUMS = Relation(
    name="groups",
    input=0,
    arguments={"at": "", "by": "region", "field": None, "op": "sum", "of": "amount", "digits": 2},
)
PATH = {"source": ParamType.PATH}


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "sales.csv").write_bytes(SALES)
    return folder


def totals(code: str = TOTALS, **more: object):
    source = Check(place=Place(param="source"), shape=shapes.describe(SALES, "sales.csv"))
    made = Check(place=Place(path="totals.json"), relations=(SUMS,))
    return python_step(code, made, params=PATH, inputs=(source,), **more)


def test_a_step_whose_checks_hold_leaves_its_outputs_and_nothing_else(work_dir: Path) -> None:
    taken = take(totals(), work_dir, {"source": "sales.csv"})
    assert taken.verdict is not None
    assert taken.verdict.is_done
    assert taken.verdict.stdout == "regions: 2"
    assert taken.verdict.outputs == "wrote totals.json (2 keys)"
    assert taken.code == 0
    assert sorted(tree_of(work_dir)) == ["sales.csv", "totals.json"]
    assert json.loads((work_dir / "totals.json").read_text()) == {"north": 13.5, "south": 20}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (TOTALS.replace("+ float", "- float"), "output: totals.json: north is not sum"),
        (TOTALS + "\nraise SystemExit(3)", "code: exit code 3"),
        (TOTALS + "\nraise ValueError('odd')", "code: exit code 1: ValueError: odd"),
        (TOTALS + "\nopen('more.txt', 'w').close()", "output: more.txt was written, and is no output"),
        (TOTALS + "\nopen('sales.csv', 'a').write('x')", "output: sales.csv was written, and is no output"),
        (TOTALS + "\nimport os; os.remove('sales.csv')", "output: sales.csv was removed"),
        (TOTALS + "\nimport os; os.mkdir('deep')", "output: deep was made"),
        (TOTALS + "\nimport os; os.chmod('sales.csv', 0o600)", "output: sales.csv was written"),
        (TOTALS + "\nimport os; os.link('sales.csv', 'twin.csv')", "output: sales.csv was changed"),
        ("print('nothing')", "output: totals.json was not written"),
        ("import os; os.symlink('/etc/passwd', 'totals.json')", "output: totals.json was changed"),
        ("import os; os.mkfifo('totals.json')", "output: totals.json was changed"),
        ("import os; os.mkdir('totals.json')", "output: totals.json was made"),
        ("import os; os.link('sales.csv', 'totals.json')", "output: sales.csv was changed"),
        ("print('x' * 3_000_000)", "code: it printed too much"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "code: exit code -9"),
        ("this is no code", "code: exit code 1: SyntaxError"),
        ("open('totals.json', 'wb').write(bytes(17 << 20))", "output: totals.json is larger than 16 MB"),
        ("import sys; sys.stdin.read() or sys.exit('no input')", "code: exit code 1: no input"),
    ],
)
def test_a_step_that_does_not_hold_changes_nothing(work_dir: Path, code: str, why: str) -> None:
    (work_dir / "totals.json").write_text("old") if "mk" not in code and "link" not in code else None
    before = tree_of(work_dir)
    taken = take(totals(code), work_dir, {"source": "sales.csv"})
    assert taken.reason.startswith(why)
    assert taken.code == 75
    assert tree_of(work_dir) == before


def test_a_new_step_keeps_the_mode_of_an_old_output_and_gives_a_new_one_the_code_s_own(
    work_dir: Path,
) -> None:
    (work_dir / "totals.json").write_text("old")
    (work_dir / "totals.json").chmod(0o640)
    template = shell_step("echo x > totals.json; echo '#!/bin/sh' > run; chmod 755 run", "totals.json", "run")
    assert take(template, work_dir).code == 0
    assert (work_dir / "totals.json").stat().st_mode & 0o777 == 0o640
    assert (work_dir / "run").stat().st_mode & 0o777 == 0o755


def test_folders_of_outputs_are_made_and_others_are_not(work_dir: Path) -> None:
    template = shell_step("mkdir -p a/b && echo x > a/b/c.txt", "a/b/c.txt")
    assert take(template, work_dir).code == 0
    assert (work_dir / "a/b/c.txt").read_text() == "x\n"
    other = shell_step("mkdir -p q/r && echo x > q/s.txt", "q/s.txt")
    assert take(other, work_dir).reason == "output: q/r was made, and is no output"
    assert not (work_dir / "q").exists()


def test_an_optional_output_may_be_absent_or_left_alone(work_dir: Path) -> None:
    optional = Check(place=Place(path="maybe.txt"), is_optional=True)
    assert take(shell_step("echo x > a.txt", "a.txt", optional), work_dir).code == 0
    (work_dir / "maybe.txt").write_text("mine")
    assert take(shell_step("echo x > a.txt", "a.txt", optional), work_dir).code == 0
    assert (work_dir / "maybe.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({}, "values: these are needed: source"),
        ({"source": "sales.csv", "more": 1}, "values: these are needed: source"),
        ({"source": 7}, "values: source is not a text"),
        ({"source": "/etc/passwd"}, "values: source is not a relative path"),
        ({"source": "../work/sales.csv"}, "values: source is a path that leads out"),
        ({"source": "-sales.csv"}, "values: source is not a relative path"),
        ({"source": "sales.csv\n"}, "values: source is a path with characters that cannot be seen"),
        ({"source": "nothing.csv"}, "input: nothing.csv is absent"),
        ({"source": "sales.csv/x"}, "input: sales.csv/x is no file of the work directory"),
    ],
)
def test_values_that_are_none_of_the_type_are_refused(
    work_dir: Path, params: dict[str, object], why: str
) -> None:
    before = tree_of(work_dir)
    assert take(totals(), work_dir, params).reason.startswith(why)
    assert tree_of(work_dir) == before


def test_an_input_in_another_format_is_left_to_the_model(work_dir: Path) -> None:
    (work_dir / "sales.csv").write_bytes(SALES.replace(b",", b";"))
    assert take(totals(), work_dir, {"source": "sales.csv"}).reason.startswith(
        "input: sales.csv: has its columns"
    )
    assert not (work_dir / "totals.json").exists()


def test_an_input_without_the_column_a_value_names_is_left_to_the_model(work_dir: Path) -> None:
    has = Relation(name="has-column", arguments={"column": "$by"})
    source = Check(place=Place(path="sales.csv"), relations=(has,))
    template = python_step("print(P['by'])", params={"by": ParamType.STRING}, inputs=(source,))
    assert take(template, work_dir, {"by": "region"}).code == 0
    assert take(template, work_dir, {"by": "city"}).reason == "input: sales.csv: it has no column 'city'"


def test_printed_text_must_be_of_its_shape(work_dir: Path) -> None:
    shape = shapes.describe(b'{"n": 1}\n', "")
    assert take(python_step("print('{\"n\": 4}')", stdout=shape), work_dir).code == 0
    assert take(python_step("print('n is 4')", stdout=shape), work_dir).reason == "stdout: is lines, not json"


def test_an_input_and_an_output_of_one_name_are_refused_unless_they_are_one_place(work_dir: Path) -> None:
    kinds = {"source": ParamType.PATH, "target": ParamType.PATH}
    code = "open(P['target'], 'w').write(open(P['source']).read().upper())"
    source, target = Check(place=Place(param="source")), Check(place=Place(param="target"))
    step = python_step(code, target, params=kinds, inputs=(source,))
    before = tree_of(work_dir)
    assert take(step, work_dir, {"source": "sales.csv", "target": "./sales.csv"}).reason.startswith(
        "output: sales.csv"
    )
    assert take(step, work_dir, {"source": "sales.csv", "target": ".git/hooks/x"}).reason.endswith(
        "is hidden"
    )
    assert tree_of(work_dir) == before
    same = python_step(
        "p = P['source']; open(p, 'r+').write('R')",
        source,
        params={"source": ParamType.PATH},
        inputs=(source,),
    )
    assert take(same, work_dir, {"source": "sales.csv"}).code == 0
    assert (work_dir / "sales.csv").read_bytes() == b"R" + SALES[1:]


def test_links_and_other_odd_things_are_neither_followed_nor_waited_for(
    work_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(SALES)
    for name, why in (
        ("link.csv", "a link that leads out"),
        ("up.csv", "a link that leads out"),
        ("fifo", "no file"),
    ):
        odd = work_dir / name
        if name == "fifo":
            os.mkfifo(odd)
        else:
            odd.symlink_to(secret if name == "link.csv" else "../secret.csv")
        assert take(totals(), work_dir, {"source": "sales.csv"}).reason == f"folder: {name} is {why}"
        odd.unlink()
    monkeypatch.chdir(work_dir)
    with socket.socket(socket.AF_UNIX) as held:
        held.bind("socket")
        assert take(totals(), work_dir, {"source": "sales.csv"}).reason == "folder: socket is no file"
        (work_dir / "socket").unlink()
    (work_dir / "inner.csv").symlink_to("sales.csv")
    assert take(totals(), work_dir, {"source": "inner.csv"}).reason.startswith("input: inner.csv is no file")
    assert take(totals(), work_dir, {"source": "sales.csv"}).code == 0
    (work_dir / ".tool").mkdir()
    (work_dir / ".tool" / "out").symlink_to(secret)
    os.mkfifo(work_dir / ".tool" / "fifo")
    assert take(totals(), work_dir, {"source": "sales.csv"}).code == 0


def test_an_output_is_never_written_through_a_link(work_dir: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    template = shell_step("mkdir -p deep; echo x > deep/a.txt; echo x > a.txt", "a.txt", "deep/a.txt")
    os.link(outside, work_dir / "a.txt")
    assert take(template, work_dir).reason == "output: a.txt is a link"
    (work_dir / "a.txt").unlink()
    (work_dir / "other").mkdir()
    (work_dir / "deep").symlink_to("other")
    assert "deep" in take(template, work_dir).reason
    assert tree_of(work_dir / "other") == {}
    assert not (work_dir / "a.txt").exists()
    assert outside.read_text() == "mine"


@pytest.mark.parametrize(
    "what",
    [
        "open('{work}/sales.csv', 'a').write('east,1\\n')",
        "open('{work}/new.txt', 'w').close()",
        "os.remove('{work}/sales.csv')",
        "os.replace('{work}/twin.csv', '{work}/sales.csv')",
        "open('{work}/totals.json', 'w').close()",
    ],
)
def test_a_work_directory_that_changes_meanwhile_is_left_alone(work_dir: Path, what: str) -> None:
    (work_dir / "twin.csv").write_bytes(SALES)
    code = f"import os\n{what.format(work=work_dir)}\n{TOTALS}"
    taken = take(totals(code), work_dir, {"source": "sales.csv"})
    assert taken.reason.startswith("folder: ")
    assert taken.reason.endswith("changed meanwhile")
    assert not (work_dir / "totals.json").exists() or "totals.json" in what


def test_a_work_directory_that_is_too_large_is_left_alone(work_dir: Path) -> None:
    for index in range(2_001):
        (work_dir / f"{index}.txt").touch()
    assert take(totals(), work_dir, {"source": "sales.csv"}).reason == (
        "folder: the work directory holds more than 2000 files"
    )


def test_what_tools_keep_for_themselves_is_not_copied_unless_it_is_named(work_dir: Path) -> None:
    for name in (".git", "node_modules", "deep/.cache"):
        (work_dir / name).mkdir(parents=True)
        for index in range(900):
            (work_dir / name / str(index)).touch()
    listed = "import os, json; json.dump(sorted(os.listdir('.')), open('seen.json', 'w'))"
    assert take(python_step(listed, "seen.json"), work_dir).code == 0
    assert json.loads((work_dir / "seen.json").read_text()) == ["deep", "sales.csv"]
    kept = python_step("open('.git/config', 'w').write('x')", ".git/config")
    assert take(kept, work_dir).code == 0
    assert (work_dir / ".git/config").read_text() == "x"
    stray = python_step("import os; os.mkdir('.hidden')")
    assert take(stray, work_dir).reason == "output: .hidden was made, and is no output"


def test_a_work_directory_of_too_many_bytes_is_left_alone(work_dir: Path) -> None:
    with (work_dir / "large.bin").open("wb") as file:
        file.truncate(65 << 20)
    assert take(totals(), work_dir, {"source": "sales.csv"}).reason.endswith("more than 64 MB")


def test_a_step_that_takes_too_long_is_ended_with_all_it_started(work_dir: Path, tmp_path: Path) -> None:
    marker = tmp_path / "alive"
    code = f"sleep 30 & echo $! $$ > '{marker}'; wait"
    assert take(shell_step(code, timeout_s=0.5), work_dir).reason == "code: it took too long"
    assert not any(is_alive(int(each)) for each in marker.read_text().split())


def test_a_step_that_leaves_a_program_running_does_not_hold(work_dir: Path, tmp_path: Path) -> None:
    marker = tmp_path / "alive"
    template = shell_step(f"sleep 30 & echo $! > '{marker}'; echo x > a.txt", "a.txt")
    assert take(template, work_dir).reason == "code: it left a program running"
    assert not is_alive(int(marker.read_text()))
    assert not (work_dir / "a.txt").exists()


def test_the_code_sees_little_of_its_surroundings(work_dir: Path) -> None:
    code = "import json, os, sys; seen = [dict(os.environ), sys.path[0], os.getcwd()]\n"
    code += "json.dump(seen, open('seen.json', 'w'))"
    (work_dir / "json.py").write_text("raise SystemExit('shadowed')")
    taken = take(python_step(code, "seen.json"), work_dir, env={"SECRET_API_KEY": "x", "PYTHONPATH": "/odd"})
    assert taken.code == 0
    environment, first, where = json.loads((work_dir / "seen.json").read_text())
    assert set(environment) <= {
        "PATH", "HOME", "LANG", "LC_CTYPE", "TMPDIR", "PYTHONHASHSEED", "PYTHONUSERBASE", "SKVM_BOOST_PARAMS"
    }  # fmt: skip
    assert not any(
        place.startswith(str(work_dir)) for place in (environment["HOME"], environment["TMPDIR"], first)
    )
    assert where != str(work_dir)
    assert not Path(where).exists()


def test_the_code_is_left_no_open_file(work_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("x")
    code = "import json, os; json.dump([n for n in range(3, 64) if os.path.exists(f'/proc/self/fd/{n}')]"
    with (tmp_path / "private").open() as file:
        line = f"exec {file.fileno() + 20}< {tmp_path / 'private'}; "
        step = python_step(code + ", open('open.json', 'w'))", "open.json")
        shell = ("bash", "-c", f'{line} eval "$0"')
        taken = take(step, work_dir, shell=shell)
    assert taken.verdict is not None
    assert taken.verdict.is_done, taken.text
    assert json.loads((work_dir / "open.json").read_text()) == []


def test_a_file_of_the_work_directory_never_stands_for_a_program(work_dir: Path) -> None:
    mine = work_dir / "sort"
    mine.write_text("#!/bin/sh\necho taken\n")
    mine.chmod(0o755)
    path = f".::{work_dir.name}:{os.environ['PATH']}"
    taken = take(shell_step("printf 'b\\na\\n' | sort > out.txt", "out.txt"), work_dir, env={"PATH": path})
    assert taken.verdict is not None
    assert taken.verdict.is_done, taken.text
    assert (work_dir / "out.txt").read_text() == "a\nb\n"


def test_what_code_left_is_removed_however_deep_it_is(work_dir: Path, tmp_path: Path) -> None:
    deep = tmp_path / "tmp"
    deep.mkdir()
    code = "import os\nfor _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\n"
    taken = take(python_step(code, "out.txt"), work_dir, env={"TMPDIR": str(deep)})
    assert taken.reason.startswith("code: ")
    assert tree_of(deep) == {}


def test_code_may_begin_as_any_program_may(work_dir: Path) -> None:
    code = 'from __future__ import annotations\nif __name__ == "__main__":\n    print(P["n"], __file__ != "")'
    taken = take(python_step(code, params={"n": ParamType.NUMBER}), work_dir, {"n": 1.5})
    assert taken.verdict is not None
    assert taken.verdict.stdout == "1.5 True"


@pytest.mark.parametrize(
    "words",
    [
        ["x"],
        ["x", "../../etc/x", TICKET, "{}"],
        ["x", "0" * 12, TICKET, "{}"],
        ["x", "", TICKET, "[" * 99_999],
    ],
)
def test_a_call_that_makes_no_sense_changes_nothing(work_dir: Path, words: list[str]) -> None:
    take(totals(), work_dir, {"source": "sales.csv"})
    before = tree_of(work_dir)
    runner = work_dir.parent / "outfit" / "boost.py"
    ended = subprocess.run(
        [sys.executable, "-I", "-S", runner, *words], cwd=work_dir, capture_output=True, check=False
    )
    assert ended.returncode == 75
    assert b": bailed out: call: " in ended.stdout
    assert not ended.stderr
    assert tree_of(work_dir) == before


def test_a_template_that_was_changed_is_not_run(work_dir: Path) -> None:
    take(totals(), work_dir, {"source": "sales.csv"})
    laid = work_dir.parent / "outfit" / "templates" / f"{totals().digest[7:19]}.json"
    laid.write_text(laid.read_text().replace("totals", "tota1s"))
    line = [
        sys.executable,
        "-I",
        "-S",
        work_dir.parent / "outfit" / "boost.py",
        "x",
        totals().digest[7:19],
        TICKET,
    ]
    ended = subprocess.run([*line, '{"source": "sales.csv"}'], cwd=work_dir, capture_output=True, check=False)
    assert b"the template was changed" in ended.stdout


def test_a_step_that_is_asked_to_stop_cleans_up_and_says_so(work_dir: Path, tmp_path: Path) -> None:
    started, stage = tmp_path / "started", tmp_path / "stage"
    stage.mkdir()
    template = shell_step(f"echo x > a.txt; touch '{started}'; sleep 30", "a.txt")
    outfit = lay_outfit(tmp_path / "outfit", [template])
    line = outfit.command_line(candidate_of(template), TICKET, {})
    with subprocess.Popen(
        ["bash", "-c", f"exec {line}"],
        cwd=work_dir,
        env={**os.environ, "TMPDIR": str(stage)},
        stdout=subprocess.PIPE,
    ) as running:
        while not started.exists():
            assert running.poll() is None
        running.send_signal(signal.SIGTERM)
        told = running.communicate()[0]
    assert b"bailed out: call: stopped by signal 15" in told
    assert list(stage.iterdir()) == []
    assert sorted(tree_of(work_dir)) == ["sales.csv"]


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
