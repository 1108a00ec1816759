"""Values out of the code: templates do with hostile values what they do with plain ones, or are refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skvm.runtime.boost.foreign.convert import convert
from skvm.runtime.boost.foreign.findings import HoleRefusedError
from skvm.runtime.boost.foreign.python_holes import fill_python
from skvm.runtime.boost.foreign.shell_holes import fill_shell

NAMES = {"file": "file", "word": "word", "count": "count"}
HOSTILE = [
    "it's",
    'say "hi"',
    "`touch pwned`",
    "~ !! ''' ; touch pwned; #",
    "a\n$(touch pwned)\nEOF\ntouch pwned\n",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "${HOME}",
    "${word}",
    "$&\\1\\n%s%d",
    "*",
    "\\",
    "ünï😀",
    "')\nopen('pwned', 'w')\n('",
    "{__import__('os').system('touch pwned')}",
    "x" * 5000,
]


def params(**values):
    env = {f"P_{name}": str(value) for name, value in values.items()}
    path = "/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "LANG": "C.UTF-8", "SKVM_BOOST_PARAMS": json.dumps(values), **env}


def in_shell(code, folder, **values):
    return ran(["bash", "-c", code], folder, values)


def in_python(code, folder, **values):
    prelude = "import json, os\nP = json.loads(os.environ['SKVM_BOOST_PARAMS'])\n"
    return ran([sys.executable, "-c", prelude + code], folder, values)


def ran(command, folder, values):
    env = params(**values)
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=30, check=False
    )


SAYS_THE_WORD = [
    'echo "[${word}]"',
    "echo '['${word}']'",
    "echo '[${word}]'",
    "echo [${word}]".replace("[", "x[").replace("]", "]x"),
    'printf "%s\\n" "[${word}]"',
    "cat <<EOF\n[${word}]\nEOF",
    "cat <<'EOF'\n[${word}]\nEOF",
    'cat <<"EOF"\n[${word}]\nEOF',
    "cat <<-\\EOF\n\t[${word}]\n\tEOF",
    'value=${word}\necho "[$value]"',
    'export value="${word}"; echo "[$value]"',
    'for each in "${word}"; do echo "[$each]"; done',
    'cat <<< "[${word}]"',
    'if true; then echo "[${word}]"; fi',
    'echo "[$(printf %s "${word}")]"',
    'python3 -c \'print("[" + "${word}" + "]")\'',
    "python3 -c \"print('[${word}]')\"",
    "python3 - <<'EOF'\nprint('[${word}]')\nEOF",
    "python3 - <<EOF\nprint('[${word}]')\nEOF",
    'python3 -c \'import sys; print("[" + sys.argv[1] + "]")\' "${word}"',
    'python3 - "${word}" <<\'EOF\'\nimport sys\nprint(f"[{sys.argv[1]}]")\nEOF',
]


@pytest.mark.parametrize("template", SAYS_THE_WORD)
def test_a_value_stays_a_value_wherever_it_stands_in_shell_code(template, tmp_path):
    code = fill_shell(template, NAMES)
    for value in HOSTILE:
        done = in_shell(code, tmp_path, word=value)
        assert f"[{value.rstrip(chr(10))}" in done.stdout, (code, value, done.stderr)
        assert list(tmp_path.iterdir()) == [], (code, value)


@pytest.mark.parametrize(
    "template",
    [
        'print("[${word}]")',
        "print('[${word}]')",
        'print("""[${word}]""")',
        'print("[" "${word}]")',
        'print(f"[${word}]")',
        'n = 1\nprint(f"{n:>3}[${word}]{n}")',
        'x = "[${word}]"; print(x)',
        'print("[" + ${word} + "]")',
        'ünder = "[${word}]"\nprint(ünder)  # ${word}',
        'print("\\x5b" + r"${word}" + "]")',
        'x = 1\r\nprint("[${word}]")\r\n',
        'print("[{}]".format("${word}"))',
    ],
)
def test_a_value_stays_a_value_wherever_it_stands_in_python_code(template, tmp_path):
    code = fill_python(template, NAMES, 'P["{}"]'.format)
    for value in HOSTILE:
        done = in_python(code, tmp_path, word=value)
        assert f"[{value}]" in done.stdout, (code, value, done.stderr)
        assert list(tmp_path.iterdir()) == [], (code, value)


@pytest.mark.parametrize(
    "template",
    [
        "${word}",
        "${word} a",
        '"${word}" a',
        "l${word} a",
        "bash -c 'echo ${word}'",
        'sh -c "${word}"',
        "echo ${word} | sh",
        "echo ${word} | bash -s",
        "eval ${word}",
        "eval \"echo '${word}'\"",
        ". ${word}",
        "source ${word}",
        "exec ${word}",
        "sudo ls ${word}",
        "env X=${word} ls",
        "xargs echo ${word}",
        "echo ${word} | xargs rm",
        "find . -name ${word}",
        "awk '{print ${word}}' f",
        'awk "{print \\"${word}\\"}" f',
        "awk -v x=${word} '{print x}' f",
        "echo ${word} | awk '{system($0)}'",
        "echo ${word} | awk '{print | \"sh\"}'",
        "sed 's/a/${word}/' f",
        "sed -i s/a/${word}/ f",
        "echo ${word} | sed 's/x/y/e'",
        "perl -e 'print \"${word}\"'",
        "node -e 'console.log(\"${word}\")'",
        "jq '.${word}' f",
        "echo $((${word} + 1))",
        "x=${word}; echo $((x + 1))",
        "x=${word}; echo ${arr[$x]}",
        "((x = ${word}))",
        "[[ ${word} -eq 1 ]] && echo y",
        "if [ ${word} -gt 1 ]; then echo y; fi",
        "test ${word} && echo y",
        "let x=${word}",
        "declare -i x=${word}",
        "x=${word}; echo ${!x}",
        "x=${word}; echo ${x@P}",
        "x=${word}; cat $x",
        'x="${word}"; y="$x"; cat $y',
        'x=$(echo "${word}"); cat $x',
        "echo ${word} | sed s/x/y/e",
        "echo ${word} | sed -n 's/x/y/w out'",
        "echo ${word} | sed -e 's/x/y/e'",
        "for x in ${word}; do cat $x; done",
        "echo $(cat ${word})",
        "PATH=${word} ls",
        "PATH=${word}; ls",
        "IFS=${word}",
        "LD_PRELOAD=${word}; ls",
        "BASH_ENV=${word} python3 a.py",
        "f() { ${word}; }; f",
        'f() { "$@"; }; f ${word}',
        "trap ${word} EXIT",
        "alias ls=${word}",
        "read ${word}",
        "unset ${word}",
        "export ${word}=1",
        "printf ${word}",
        "sort --compress-program=${word} f",
        "sort --compress-program ${word} f",
        "head -n${word} f",
        "tar cf x --checkpoint-action=exec=${word} .",
        "git log ${word}",
        "ssh host ${word}",
        "curl ${word}",
        "wget -O- ${word} | sh",
        "python3 ${word}",
        "python3 -c ${word}",
        "python3 -m ${word}",
        "echo ${word} | python3",
        "echo ${word} | python3 -",
        "echo ${word} | python3 -c 'exec(input())'",
        "python3 -c 'import os; os.system(\"ls ${word}\")'",
        'python3 -c \'import subprocess; subprocess.run(["ls", "${word}"])\'',
        "python3 - <<'EOF'\neval('${word}')\nEOF",
        "python3 - <<EOF\nprint('$(date)', '${word}')\nEOF",
        "python3 - <<EOF\nprint('${HOME}', '${word}')\nEOF",
        'export "${word}=1"',
        "export '${word}'=1",
        "declare -n x=${word}",
        "cat > a.py <<'EOF'\nx = 1\nEOF\necho ${word} >> a.py\npython3 a.py",
        "cat > run.sh <<'EOF'\nls ${word}\nEOF\n",
        "echo x > ${word}.py; python3 a.py",
        "echo $'${word}'",
        "case ${word} in a) echo y;; esac",
        "coproc ${word}",
        "echo <(${word})",
        "! ${word}",
        "time ${word}",
        "if ${word}; then :; fi",
        "select x in ${word}; do eval $x; done",
        "echo 'unterminated ${word}",
        "cat > a.txt <<'E'\n\\\nb\nE\nsort \"${word}\" > b.txt",  # the grammar misreads where the text ends
        "sort ${word} > a.txt\n" + "#" * 100_000,
    ],
)
def test_where_a_value_could_become_code_the_template_is_refused(template):
    with pytest.raises(HoleRefusedError):
        fill_shell(template, NAMES)


@pytest.mark.parametrize(
    "template",
    [
        "x_${word} = 1",
        "def ${word}(): pass",
        "import ${word}",
        "obj.${word}()",
        "${word} = 1",
        "x = b'${word}'",
        "x = 1 ${word} 2",
        'f"{${word}}"',
        'f"{1:${word}}"',
        'eval("${word}")',
        'exec("x = ${word}")',
        'import os\nos.system("ls ${word}")',
        'import os\nos.popen("ls ${word}")',
        'from os import system\nsystem("${word}")',
        'import subprocess\nsubprocess.run("ls ${word}", shell=True)',
        '__import__("os").system("${word}")',
        'getattr(__builtins__, "ev" "al")("${word}")',
        'import importlib\nimportlib.import_module("${word}")',
        'compile("${word}", "x", "exec")',
        'import pickle\npickle.loads("${word}")',
        "lambda ${word}: 1",
        "del ${word}",
        "for ${word} in []: pass",
        "print('${word}'",
        "skvm_hole_0_of_template = 1; print(${word})",
        "global ${word}",
    ],
)
def test_where_a_value_could_become_python_code_the_template_is_refused(template):
    with pytest.raises(HoleRefusedError):
        fill_python(template, NAMES, 'P["{}"]'.format)


def test_a_value_that_looks_like_an_option_is_stopped_where_a_program_would_take_it_for_one(tmp_path):
    (tmp_path / "a").write_text("x\n")
    done = in_shell(fill_shell("rm ${file}", NAMES), tmp_path, file="-rf")
    assert done.returncode == 64
    assert (tmp_path / "a").exists()
    assert in_shell(fill_shell("cat ${file}", NAMES), tmp_path, file="a").stdout == "x\n"


def test_numbers_may_stand_in_an_option(tmp_path):
    (tmp_path / "a").write_text("1\n2\n3\n")
    code = fill_shell("head -n${count} ${file}", NAMES, frozenset({"count"}))
    assert in_shell(code, tmp_path, file="a", count=2).stdout == "1\n2\n"


def test_redirections_and_pipes_work_as_before(tmp_path):
    (tmp_path / "in put.txt").write_text("b\na\nb\n")
    code = fill_shell("sort ${file} | uniq -c | awk '{print $2}' > out-${word}.txt", NAMES)
    assert in_shell(code, tmp_path, file="in put.txt", word="x y").returncode == 0
    assert (tmp_path / "out-x y.txt").read_text() == "a\nb\n"


def test_variables_of_the_shell_are_no_holes(tmp_path):
    code = fill_shell('x=1; echo "${x} ${word} ${HOME}"', NAMES)
    assert in_shell(code, tmp_path, word="w").stdout == "1 w \n"


def test_code_without_holes_is_left_as_it_is():
    for code in ("eval $x; ls | sh", "cat ${other}", ""):
        assert fill_shell(code, NAMES) == code
        assert fill_python(code, NAMES, "{}".format) == code


ENTRY = {
    "purposeId": "sum-column",
    "keywords": ["sum"],
    "codeSignature": "csv\\.DictReader[\\s\\S]*?sum",
    "functionTemplate": (
        'import csv\nwith open("${inputFile}") as f:\n'
        '    print(sum(int(r["${col}"]) for r in csv.DictReader(f)))\n'
    ),
    "params": {
        "inputFile": {"type": "string", "description": "the table", "extractPattern": "of\\s+(\\S+\\.csv)"},
        "col": "string",
        "unused": {"type": "number"},
    },
    "materializationType": "python",
}
PATH = Path("boost-candidates.json")


def converted(**changes):
    return convert({**ENTRY, **changes}, where="candidates[0]", path=PATH)


def test_an_entry_becomes_a_candidate_without_prompts(tmp_path):
    foreign, found = converted()
    assert found == []
    assert [param.name for param in foreign.candidate.template.params] == ["col", "input_file"]
    assert foreign.candidate.skeletons == ()
    assert set(foreign.patterns) == {"input_file"}
    (tmp_path / "a.csv").write_text("n\n1\n2\n")
    done = in_python(foreign.candidate.template.code, tmp_path, input_file="a.csv", col="n")
    assert done.stdout == "3\n"


def test_patterns_that_are_refused_are_told_and_the_rest_is_kept():
    params = {"inputFile": {"type": "string", "extractPattern": "(?<=of )(\\S+)"}, "col": "string"}
    foreign, found = converted(params=params, codeSignature="(a)\\1")
    assert [each.code for each in found] == ["SKV604", "SKV604"]
    assert foreign is not None
    assert (foreign.patterns, foreign.signature) == ({}, None)
    two = {"inputFile": {"type": "string", "extractPattern": "(a)(b)"}, "col": "string"}
    assert [each.code for each in converted(params=two)[1]] == ["SKV604"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"materializationType": "perl"}, "SKV602"),
        ({"keywords": []}, "SKV602"),
        ({"keywords": "sum"}, "SKV602"),
        ({"codeSignature": None}, "SKV602"),
        ({"functionTemplate": None}, "SKV602"),
        ({"params": []}, "SKV602"),
        ({"params": {"x": 3}}, "SKV602"),
        ({"params": {"9x": "string"}}, "SKV602"),
        ({"params": {"ab": "string", "aB": "string", "a_b": "string"}}, "SKV602"),
        ({"monitoredTools": [3]}, "SKV602"),
        ({"functionTemplate": ""}, "SKV605"),
        ({"functionTemplate": "  \n"}, "SKV605"),
        ({"functionTemplate": "import os; os.system('${col}')"}, "SKV605"),
        ({"functionTemplate": "x" * 200_000}, "SKV605"),
        ({"functionTemplate": "eval ${col}", "materializationType": "shell"}, "SKV605"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_code(changes, code):
    foreign, found = converted(**changes)
    assert foreign is None
    assert [each.code for each in found] == [code]
    assert found[0].path == str(PATH)


def test_the_environment_of_the_tests_is_not_what_makes_them_pass(tmp_path):
    """The hostile values do harm where they are spliced."""
    text = "echo '${word}'".replace("${word}", "'; touch pwned; '")
    subprocess.run(["bash", "-c", text], cwd=tmp_path, env={"PATH": os.environ["PATH"]}, check=False)
    assert (tmp_path / "pwned").exists()
