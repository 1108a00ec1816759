"""The rendered script: valid Bash, nothing of an entry runs, checks say what is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from skvm.harness.environment.manifest import Manifest
from skvm.harness.environment.script import render_setup
from tests.unit.harness.environment.making import entry, manifest

EVERYTHING = manifest(
    entry("pandas", spec="[excel]>=2,<3"),
    entry("unsure", confidence=0.5),
    entry("forbidden", refused=True),
    entry("@scope/tool", "npm", spec="^1.2"),
    entry("poppler-utils", "system", commands=("pdftotext", "pdfimages"), required=False),
    entry("小红书", "service"),
)


@pytest.mark.parametrize("wanted", [EVERYTHING, Manifest(skill="none")], ids=["everything", "nothing"])
def test_bash_takes_it(wanted: Manifest) -> None:
    done = subprocess.run(["bash", "-n"], input=render_setup(wanted), check=False, capture_output=True)

    assert (done.returncode, done.stderr) == (0, b"")


def test_only_what_is_sure_and_allowed_is_in_it() -> None:
    text = render_setup(EVERYTHING).decode()

    assert "python_package required pandas 'pandas[excel]>=2,<3'" in text
    assert "npm_package required @scope/tool '@scope/tool@^1.2'" in text
    assert "system_command optional poppler-utils pdftotext pdfimages" in text
    assert "unsure" not in text
    assert "forbidden" not in text
    for refresh in ("apt-get update", "brew update", "upgrade"):
        assert refresh not in text


def test_it_reports_and_installs_nothing_by_itself(tmp_path: Path) -> None:
    wanted = manifest(
        entry("sh", "system", commands=("sh",)),
        entry("no-such-program-here", "system", commands=("no-such-program-here",)),
    )
    script = tmp_path / "env-setup.sh"
    script.write_bytes(render_setup(wanted))

    runs = [
        subprocess.run(["bash", str(script)], check=False, capture_output=True, text=True) for _ in range(2)
    ]

    assert [run.returncode for run in runs] == [1, 1]
    assert runs[0].stdout == runs[1].stdout
    assert "present   sh" in runs[0].stdout
    assert "missing   no-such-program-here (required)" in runs[0].stdout


def test_names_that_are_no_names_are_refused() -> None:
    for name in ("x; rm -rf ~", "$(id)", "--index-url=http://evil", "a b", "-r", "x\ny", ""):
        with pytest.raises(ValueError, match="not a name"):
            entry(name)
    for name in ("local.whl", "a.tar.gz", "@scope/x"):
        with pytest.raises(ValueError, match="not a name"):
            entry(name)
    with pytest.raises(ValueError, match="not a name"):
        entry("local.tgz", "npm")
    # apt-get removes the one, and installs whatever fits the other.
    for name in ("openssh-server-", "lib.+"):
        with pytest.raises(ValueError, match="not a name"):
            entry(name, "system")
    assert [entry(name, "system").name for name in ("g++", "python3.11")] == ["g++", "python3.11"]
    for spec in (">=1; touch x", "$(id)", "`id`", "==1\n-r x", "'"):
        with pytest.raises(ValueError, match="not a version"):
            entry("x", spec=spec)


def test_a_version_pip_does_not_know_is_left_out() -> None:
    assert entry("x", spec="3+").requirement == "x"
    assert entry("x", spec="[a,b]").requirement == "x[a,b]"
    assert entry("x", spec="~=1.4,!=1.5").requirement == "x~=1.4,!=1.5"


def test_a_range_is_no_file() -> None:
    for spec in ("..", ".", "1.tgz"):
        assert entry("x", "npm", spec=spec).requirement == "x"
    assert entry("x", "npm", spec="1.x").requirement == "x@1.x"


def test_a_check_runs_nothing_of_the_folder_it_is_started_in(tmp_path: Path) -> None:
    script = tmp_path / "env-setup.sh"
    script.write_bytes(render_setup(manifest(entry("no-such-distribution"))))
    for name in ("importlib", "csv", "email", "pip"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("open('ran', 'w').write('x')\n")

    done = subprocess.run(["bash", str(script)], check=False, capture_output=True, text=True, cwd=tmp_path)

    assert "missing   no-such-distribution (required)" in done.stdout
    assert not (tmp_path / "ran").exists()
