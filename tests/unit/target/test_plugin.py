"""Primitives of third parties: an installed package, packages that do harm, and the guide that says how."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.confinement import working
from tests.conftest import REPO

EXAMPLE = REPO / "examples" / "plugins" / "skvm-primitive-example"
GUIDE = REPO / "docs" / "guides" / "add-a-primitive.md"
# Read now: no test sees our variables.
REGENERATES = os.environ.get("SKVM_REGENERATE") == "1"
SKVM = "from skvm.cli.main import main; main()"


def run(
    arguments: list[str], path: Path, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run our Python with a directory before everything else on its path."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{REPO / 'src'}", "COLUMNS": "100", **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def skvm(path: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return run(["-c", SKVM, *arguments], path, cwd)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory into which the example was installed as a user installs it."""
    pytest.importorskip("pip")
    pytest.importorskip("hatchling")
    target, source = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("source") / "example"
    shutil.copytree(EXAMPLE, source)
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def test_an_installed_package_is_listed_and_shown(installed: Path) -> None:
    listed = skvm(installed, "primitives", "list", "--json")
    assert (listed.returncode, listed.stderr) == (0, "")
    by_id = {each["id"]: each for each in json.loads(listed.stdout)}
    assert by_id["reason.units"]["distribution"] == "skvm-primitive-example"
    assert by_id["reason.units"]["category"] == "reasoning"
    assert by_id["reason.logic"]["distribution"] == "skvm"
    shown = skvm(installed, "primitives", "show", "reason.units", "--level", "L2", "--seed", "3", "--json")
    assert "How many" in json.loads(shown.stdout)["prompt"]
    assert skvm(REPO / "tests", "primitives", "show", "reason.units").returncode == 2


def test_an_installed_package_is_checked(installed: Path) -> None:
    done = skvm(installed, "primitives", "check", "reason.units", "--json", "--sandbox", "none")
    report = json.loads(done.stdout)
    assert (done.returncode, report["findings"], report["sound"]) == (0, [], True)
    assert report["levels"]["L3"]["rightPassed"] == {"asked": 15, "good": 15}


def test_the_example_has_tests_that_pass(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    done = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], installed, tmp_path)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


# --- packages that do harm

GOOD = """\
    import random
    from skvm.target.contract import *
    from skvm.target.contract import Answer, Degradations

    def generate(rng):
        number = rng.randrange(10**9)
        said = str(number)[::-1]
        return Probe(f"Say {number} backwards.", Answer(said), secret={"said": said})

    async def grade(probe, work):
        return Verdict(probe.secret["said"] in work.response, "read")

    def guess(probe, rng):
        return Answer(str(rng.randrange(10**9)))

    def made(id="reason.backwards", generate=generate, grade=grade, guess=guess, **more):
        levels = {
            level: LevelSpec(claim=f"{level} {id}", generate=generate, grade=grade, guess=guess, **more)
            for level in LEVELS
        }
        return Primitive(id=id, description="Says things backwards.", levels=levels,
                         degradations=Degradations("Say less.", None))

    thing = made()
"""


def plug(folder: Path, name: str, entry: str, code: str = "") -> Path:
    """Lay out an installed distribution with one primitive; gives the directory it lies in."""
    module = name.replace("-", "_")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[skvm.primitives]\n{entry} = {module}:thing\n")
    (folder / f"{module}.py").write_text(textwrap.dedent(GOOD) + textwrap.dedent(code))
    return folder


@pytest.mark.parametrize(
    ("entry", "code", "why"),
    [
        ("reason.backwards", "import a_module_that_is_not_there", "No module named"),
        ("reason.backwards", "raise SystemExit('no licence')", "no licence"),
        ("reason.backwards", "1 / 0", "division by zero"),
        ("reason.forwards", "", "its id is 'reason.backwards'"),
        ("reason.Backwards", "thing = made('reason.Backwards')", "is no id of a primitive"),
        ("magic.backwards", "thing = made('magic.backwards')", "is no id of a primitive"),
        ("reason", "thing = made('reason')", "is no id of a primitive"),
        ("reason.a.b.c", "thing = made('reason.a.b.c')", "is no id of a primitive"),
        ("reason.backwards", "thing = 'backwards'", "is a str, not a Primitive"),
        (
            "reason.backwards",
            "import dataclasses; thing = dataclasses.replace(thing, levels={})",
            "exactly L1",
        ),
        ("reason.backwards", "primitive(made('reason.logic'))", "'reason.logic' is registered twice"),
    ],
)
def test_a_package_that_cannot_be_used_is_a_warning_that_names_it(
    tmp_path: Path, entry: str, code: str, why: str
) -> None:
    plug(tmp_path, "bad-things", entry, code)
    listed = skvm(tmp_path, "primitives", "list", "--json")
    assert listed.returncode == 0
    assert "warning[SKV403]" in listed.stderr
    assert "of bad-things cannot be imported" in listed.stderr
    assert why in listed.stderr
    assert "uninstall bad-things" in listed.stderr
    ids = {each["id"] for each in json.loads(listed.stdout)}
    assert "reason.logic" in ids
    assert not {entry, "reason.backwards"} & ids
    asked = skvm(tmp_path, "primitives", "show", entry)
    assert asked.returncode == 2
    assert "bad-things" in asked.stderr


def test_profiling_goes_on_without_a_package_that_cannot_be_used(tmp_path: Path) -> None:
    plug(tmp_path, "bad-things", "reason.backwards", "1 / 0")
    done = skvm(tmp_path, "profile", "--model", "local/smollm2-135m", "--estimate")
    assert done.returncode == 0
    assert "'reason.backwards' of bad-things cannot be imported" in done.stderr
    assert "primitives" in done.stdout


def test_a_name_that_is_taken_is_told(tmp_path: Path) -> None:
    plug(tmp_path, "thieves", "reason.logic", "thing = made('reason.logic')")
    plug(tmp_path, "twins-one", "reason.backwards")
    plug(tmp_path, "twins-two", "reason.backwards")
    listed = skvm(tmp_path, "primitives", "list", "--json")
    by_id = {each["id"]: each for each in json.loads(listed.stdout)}
    assert by_id["reason.logic"]["distribution"] == "skvm"
    assert "'reason.logic' of thieves is left out: skvm has one of that name" in listed.stderr
    first = by_id["reason.backwards"]["distribution"]
    second = ({"twins-one", "twins-two"} - {first}).pop()
    assert f"'reason.backwards' of {second} is left out: {first} has one of that name" in listed.stderr


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("", None),
        ("def grade(probe, work): ...\nthing = made(grade=grade)", r"L1 seed 0 reference: the oracle raised"),
        (
            "async def grade(probe, work): return Verdict(True, 'fine')\nthing = made(grade=grade)",
            r"L1 seed 0 refusal: passed: fine",
        ),
        (
            "async def grade(probe, work): return Verdict(False, 'never')\nthing = made(grade=grade)",
            r"L1 seed 0 reference: was refused: never",
        ),
        (
            "def fixed(rng): return generate(random.Random(1))\nthing = made(generate=fixed)",
            r"L1 seed None probes: only 1 of 200 probes differ",
        ),
        (
            "def free(rng): return generate(random)\nthing = made(generate=free)",
            r"L1 seed 0 probes: the same seed gave another probe",
        ),
        (
            "def sets(rng):\n"
            "    words = set('abcdefghijkl')\n"
            "    return generate(random.Random(rng.random() + ord(''.join(words)[0])))\n"
            "thing = made(generate=sets)",
            r"L1 seed None probes: another process makes other probes",
        ),
        ("thing = made(accepts=frozenset())", r"L1 seed 0 coat bold: passed: read"),
        ("thing = made(guess=None)", r"L1 seed None words: no guess"),
        (
            "def half(probe, rng): return Answer(probe.secret['said'] if rng.random() < 0.5 else 'no')\n"
            "thing = made(guess=half)",
            r"L1 seed None guesses: \d+ of 100 random guesses passed; at most 1 in 100 may",
        ),
        (
            "def long(rng):\n"
            "    from dataclasses import replace\n"
            "    return replace(generate(rng), prompt='x ' * 2000 + str(rng.random()))\n"
            "thing = made(generate=long)",
            r"L1 seed \d+ probes: the prompt has 4,0\d\d characters",
        ),
        (
            "def outside(rng):\n"
            "    from dataclasses import replace\n"
            "    return replace(generate(rng), files={'../x': 'x'})\n"
            "async def grade(probe, work):\n"
            "    await work.cell.list('.')\n"
            "    return Verdict(True, 'fine')\n"
            "thing = made(generate=outside, grade=grade)",
            r"leads out of the work directory",
        ),
    ],
)
def test_a_check_finds_what_is_unsound(tmp_path: Path, code: str, found: str | None) -> None:
    plug(tmp_path, "unsound", "reason.backwards", code)
    done = skvm(tmp_path, "primitives", "check", "reason.backwards", "--json", "--sandbox", "none")
    lines = [
        f"{each['level']} seed {each['seed']} {each['trial']}: {each['reason']}"
        for each in json.loads(done.stdout)["findings"]
    ]
    if found is None:
        assert (done.returncode, lines) == (0, [])
    else:
        assert done.returncode == 1
        assert any(re.search(found, line) for line in lines), lines


def test_a_level_whose_program_is_missing_is_not_called_sound(tmp_path: Path) -> None:
    plug(tmp_path, "needy", "reason.backwards", "thing = made(commands=['a-program-nobody-has'])")
    done = skvm(tmp_path, "primitives", "check", "reason.backwards", "--sandbox", "none")
    assert done.returncode == 3
    assert "L1 was not checked: the sandbox has no a-program-nobody-has" in done.stdout
    assert "sound" not in done.stdout


# --- the guide

CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
QUOTED = re.compile(r"^```(python|toml)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_guide_prints_what_the_commands_print(installed: Path, tmp_path: Path) -> None:
    """Rewritten with ``SKVM_REGENERATE=1``."""
    working("auto")
    shim = tmp_path / "bin" / "skvm"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{SKVM}" "$@"\n')
    shim.chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{installed}{os.pathsep}{REPO / 'src'}",
        "COLUMNS": "100",
    }

    def printed(block: re.Match[str]) -> str:
        lines = []
        for line in block[1].splitlines():
            if line.startswith("$ "):
                done = subprocess.run(
                    line.removeprefix("$ "), shell=True, cwd=tmp_path, env=env, check=False,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                )  # fmt: skip
                lines += [line, *(said.rstrip() for said in done.stdout.splitlines())]
        return "```console\n" + "\n".join(lines) + "\n```"

    guide = GUIDE.read_text(encoding="utf-8")
    assert len(CONSOLE.findall(guide)) == 4
    now = CONSOLE.sub(printed, guide)
    if REGENERATES:
        GUIDE.write_text(now, encoding="utf-8")
    assert now == guide


def test_the_guide_quotes_what_stands_in_the_example() -> None:
    files = [path for path in EXAMPLE.rglob("*") if path.suffix in {".py", ".toml"}]
    texts = [path.read_text(encoding="utf-8") for path in files]
    quotes = QUOTED.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(quotes) >= 10
    for _, quote in quotes:
        assert any(quote in text for text in texts), f"no file of the example holds:\n{quote}"
