from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.errors import UsageError
from skvm.runtime.plan.working.items import fill_command, fill_path, find_files, safe_path


def lay(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def test_a_pattern_means_sorted_files_of_one_folder(tmp_path: Path):
    lay(tmp_path, "in/b.txt", "in/a.txt", "in/c.md", "in/.hidden.txt", "in/deep/d.txt", "other/e.txt")

    assert find_files(tmp_path, "in/*.txt") == ("in/a.txt", "in/b.txt")
    assert find_files(tmp_path, "./in/*.txt") == ("in/a.txt", "in/b.txt")
    assert find_files(tmp_path, "in/?.txt") == ("in/a.txt", "in/b.txt")
    assert find_files(tmp_path, "*/*.txt") == ("in/a.txt", "in/b.txt", "other/e.txt")
    assert find_files(tmp_path, "in/a.txt") == ("in/a.txt",)
    assert find_files(tmp_path, "in/.*.txt") == ("in/.hidden.txt",)
    assert find_files(tmp_path, "in/*") == ("in/a.txt", "in/b.txt", "in/c.md")


def test_two_stars_stand_for_any_folders(tmp_path: Path):
    lay(tmp_path, "a.txt", "in/b.txt", "in/deep/c.txt", ".git/d.txt")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")

    assert find_files(tmp_path, "**/*.txt") == ("a.txt", "in/b.txt", "in/deep/c.txt")
    assert find_files(tmp_path, "in/**") == ("in/b.txt", "in/deep/c.txt")


def test_nothing_outside_is_found(tmp_path: Path):
    work = tmp_path / "work"
    lay(tmp_path, "work/in/a.txt", "secret/s.txt", "work-not/t.txt")
    (work / "in" / "s.txt").symlink_to(tmp_path / "secret" / "s.txt")
    (work / "in" / "t.txt").symlink_to(tmp_path / "work-not" / "t.txt")
    (work / "in" / "same.txt").symlink_to("a.txt")
    (work / "out").symlink_to(tmp_path / "secret")
    (work / "in" / "gone.txt").symlink_to("nowhere")

    assert find_files(work, "in/*.txt") == ("in/a.txt", "in/same.txt")
    assert find_files(work, "out/*.txt") == ()
    assert find_files(work, "**/*.txt") == ("in/a.txt", "in/same.txt")
    for pattern in ("../secret/*.txt", "/etc/*", "in/../../secret/*", "", "."):
        with pytest.raises(UsageError):
            find_files(work, pattern)


def test_a_name_nobody_can_write_down_is_told(tmp_path: Path):
    (tmp_path / "bad\udcff.txt").write_text("x")

    with pytest.raises(UsageError, match="UTF-8"):
        find_files(tmp_path, "*.txt")


def test_names_are_filled_in():
    assert fill_path("out/{name}.json", "in/a.b.txt") == "out/a.b.json"
    assert fill_path("{item}.bak", "in/a.txt") == "in/a.txt.bak"
    assert fill_command("wc {item} > out/{name}.n", "in/a b.txt") == "wc 'in/a b.txt' > out/'a b'.n"
    assert fill_command("awk '{print $1}' {item}", "a.txt") == "awk '{print $1}' a.txt"
    assert fill_command("cat {item}", "-n") == "cat ./-n"


LINES = [
    "printf %s {item}",
    'printf %s "{item}"',
    "printf %s '{item}'",
    'printf %s "$(printf %s {item})"',
    "printf %s \"$(printf %s '{item}')\"",
    'x={item}; printf %s "$x"',
    'printf %s "`printf %s {item}`"',
    "printf %s \"`printf %s '{item}'`\"",
    'x=`printf %s {item}`; printf %s "$x"',
    "printf %s {item} # it's {item}",
    "printf %s {item}`true # it's`; true {item}",
    "true # it's {item}\nprintf %s {item}",
    'x="a#b"; printf %s {item}',
]
VALUES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=12
)


@given(st.sampled_from(LINES), VALUES)
def test_an_item_is_one_word_whatever_it_holds(line: str, value: str):
    item = f"f{value}f"  # substitutions drop what newlines stand at the end

    done = subprocess.run(["sh", "-c", fill_command(line, item)], capture_output=True, check=False)

    assert (done.returncode, done.stdout.decode()) == (0, item)


@given(VALUES)
def test_outside_quotes_an_item_is_quoted_as_usual(value: str):
    item = f"d/{value}"

    assert fill_command("run {item} > x", item) == f"run {shlex.quote(item)} > x"


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "..", ".", "", "x\0y"])
def test_a_path_that_leads_out_is_refused(path: str):
    with pytest.raises(UsageError):
        safe_path(path)


def test_a_path_is_made_plain():
    assert safe_path("./a//b/../c.txt") == "a/c.txt"
