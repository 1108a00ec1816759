"""``install.sh`` in an empty home: what it puts there, what it leaves alone, what it takes away."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest

from tests.conftest import REPO

SCRIPT = REPO / "install.sh"


def small_wheel(folder: Path, version: str) -> Path:
    """A wheel called as ours, that needs nothing and only says its version."""
    info = f"skvm-{version}.dist-info"
    path = folder / f"skvm-{version}-py3-none-any.whl"
    code = f"def main():\n    print('skvm, version {version}')\n"
    with ZipFile(path, "w") as archive:
        archive.writestr("skvm_small.py", code)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: skvm\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\nskvm = skvm_small:main\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def user(tmp_path) -> SimpleNamespace:
    """Somebody with nothing but Python and the programs of the system."""
    home, programs = tmp_path / "ho me", tmp_path / "bin"
    home.mkdir()
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    for name in ("cat", "grep", "head", "ln", "mkdir", "mv", "readlink", "rm", "rmdir", "sed", "dirname"):
        (programs / name).symlink_to(shutil.which(name))

    def install(*arguments: object, expect: int = 0, **variables: str) -> str:
        done = subprocess.run(
            ["/bin/sh", str(SCRIPT), *map(str, arguments)],
            env={"HOME": str(home), "PATH": str(programs), "PIP_NO_INDEX": "1", **variables},
            cwd=home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def program(name: str, text: str) -> None:
        path = programs / name
        path.write_text("#!/bin/sh\n" + textwrap.dedent(text))
        path.chmod(0o755)

    return SimpleNamespace(
        home=home,
        install=install,
        program=program,
        link=home / ".local/bin/skvm",
        data=home / ".local/share/skvm",
        wheel=lambda version: small_wheel(tmp_path, version),
    )


def version_of(user: SimpleNamespace) -> str:
    return subprocess.run([user.link], capture_output=True, text=True, check=True).stdout


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_an_empty_home_gets_an_environment_and_a_link(user):
    said = user.install(user.wheel("1.0"))
    assert "export PATH=" in said
    assert version_of(user) == "skvm, version 1.0\n"
    assert "not ours" not in user.install(user.wheel("1.1"))
    assert version_of(user) == "skvm, version 1.1\n"
    assert [path.name for path in user.data.glob("env-*")] == ["env-2"]
    # What fails leaves what is there.
    assert "there is no file" in user.install("/nowhere/skvm-2.0-py3-none-any.whl", expect=1)
    assert version_of(user) == "skvm, version 1.1\n"
    cache = user.home / ".skvm"
    cache.mkdir()
    assert "still in" in user.install("--uninstall")
    assert files(user.home) == [".local", ".local/bin", ".local/share", ".skvm"]
    assert "nothing to do" in user.install("--uninstall")


def test_what_is_not_ours_stays(user):
    user.link.parent.mkdir(parents=True)
    user.link.write_text("mine")
    assert "not ours" in user.install(user.wheel("1.0"), expect=1)
    assert user.link.read_text() == "mine"
    assert not list(user.data.glob("env-*"))


def test_what_is_not_ours_stays_with_every_method(user):
    """uv and pipx are called with --force, which would replace it."""
    log = user.home / "log"
    for name in ("pipx", "uv"):
        user.program(name, f'echo {name} >> "{log}"\n')
    user.link.parent.mkdir(parents=True)
    user.link.write_text("mine")
    elsewhere = user.home / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "skvm").symlink_to("/opt/mine/skvm")
    for method, variables in (
        ("uv", {}),
        ("pipx", {}),
        ("uv", {"UV_TOOL_BIN_DIR": str(elsewhere)}),
        ("pipx", {"PIPX_BIN_DIR": str(elsewhere)}),
    ):
        assert "not ours" in user.install("--method", method, expect=1, **variables)
    assert not log.exists()
    assert user.link.read_text() == "mine"
    # What they made themselves is theirs to replace.
    for method, made in (("uv", "uv/tools/skvm/bin/skvm"), ("pipx", "pipx/venvs/skvm/bin/skvm")):
        user.link.unlink()
        user.link.symlink_to(user.home / ".local/share" / made)
        user.install("--method", method)
    assert log.read_text().split() == ["uv", "pipx"]


def test_another_method_later_leaves_no_link_to_nowhere(user):
    user.install(user.wheel("1.0"))
    (user.data / "env-of-mine").mkdir()
    user.program("uv", "exit 0\n")
    user.install("--method", "uv")
    user.install("--uninstall")
    assert files(user.home) == [
        ".local",
        ".local/bin",
        ".local/share",
        ".local/share/skvm",
        ".local/share/skvm/env-of-mine",
    ]


def test_folders_that_are_no_whole_paths_count_as_none(user):
    user.install(user.wheel("1.0"), XDG_DATA_HOME="share", XDG_BIN_HOME="bin")
    assert version_of(user) == "skvm, version 1.0\n"
    assert [path.name for path in user.home.iterdir()] == [".local"]


def test_without_a_home_it_says_so(user):
    assert "error: HOME is not set" in user.install("--help", expect=1, HOME="")


def test_what_manages_tools_is_preferred(user):
    log = user.home / "log"
    for name in ("pipx", "uv"):
        user.program(name, f'printf "%s " {name} "$@" >> "{log}"; echo >> "{log}"\n')
        user.install("--version=1.2", "--extras=web,local")
        (user.data / ".made-by-install-sh").unlink()
    user.install("--method", "pipx")
    user.install()
    user.install("--uninstall")
    assert log.read_text().splitlines() == [
        "pipx install --force skvm[web,local]==1.2 ",
        "uv tool install --force --python >=3.11 skvm[web,local]==1.2 ",
        "pipx install --force skvm ",
        "pipx install --force skvm ",
        "pipx uninstall skvm ",
    ]
    assert files(user.home) == [".local", ".local/share", "log"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--version"], "needs a value"),
        (["--version=1;reboot"], "no version"),
        (["--extras=$(reboot)"], "no version"),
        (["--root"], "unknown option"),
        (["--method=apt"], "unknown method"),
        (["--version=1", "x.whl"], "says nothing"),
    ],
)
def test_nonsense_is_refused(user, arguments, said):
    assert said in user.install(*arguments, expect=1)
    assert not files(user.home)


def test_help_says_what_the_guide_says(user):
    said = user.install("--help").splitlines()
    guide = (REPO / "docs/guides/install.md").read_text(encoding="utf-8")
    assert f"$ sh install.sh --help\n{said[0]}\n" in guide
    assert any("--uninstall" in line for line in said)


def test_an_old_python_is_told(user):
    (user.home.parent / "bin" / "python3").unlink()
    user.program("python3", "exit 1\n")
    assert "no Python 3.11" in user.install(user.wheel("1.0"), expect=1)


def test_a_script_that_was_cut_off_does_nothing(user, tmp_path):
    lines = SCRIPT.read_text(encoding="utf-8").splitlines(keepends=True)
    for count in range(1, len(lines) - 1, 7):
        part = tmp_path / "part.sh"
        part.write_text("".join(lines[:count]))
        subprocess.run(
            ["/bin/sh", str(part)], env={"HOME": str(user.home), "PATH": ""}, capture_output=True, check=False
        )
    assert not files(user.home)


def test_nothing_of_it_needs_root_or_bash():
    text = SCRIPT.read_text(encoding="utf-8")
    assert text.startswith("#!/bin/sh\nset -eu") or "\nset -eu\n" in text
    assert os.access(SCRIPT, os.X_OK)
    assert not re.search(r"\bsudo\b|\[\[|\blocal [a-z]|\bfunction |<<<|\$'|&>", text)
    assert subprocess.run(["/bin/sh", "-n", str(SCRIPT)], check=False).returncode == 0
