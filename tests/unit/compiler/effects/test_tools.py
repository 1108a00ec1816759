from __future__ import annotations

import pytest

from skvm.compiler.effects.model import ANYTHING, ENVIRONMENT
from skvm.compiler.effects.tools import tool_effects


@pytest.mark.parametrize(
    ("line", "reads", "writes"),
    [
        ("cat a.txt b.txt", {"a.txt", "b.txt"}, set()),
        ("grep -n TODO src/main.py", {"src/main.py"}, set()),
        ("cp in.csv out/copy.csv", {"in.csv"}, {"out/copy.csv"}),
        ("mv old.txt new.txt", {"old.txt"}, {"new.txt", "old.txt"}),
        ("sed -i s/a/b/ notes.md", {"notes.md"}, {"notes.md"}),
        ("sed s/a/b/ notes.md", {"notes.md"}, set()),
        ("tee log.txt", set(), {"log.txt"}),
        ("pandoc in.md -o out.docx", {"in.md"}, {"out.docx"}),
        ("ffmpeg -i in.mp4 -y out.mp3", {"in.mp4"}, {"out.mp3"}),
        ("tesseract page.png stdout", {"page.png"}, set()),
        ("curl -s https://api.example.org/v1", {"host:api.example.org"}, set()),
        ("curl -o page.html https://example.org/", {"host:example.org"}, {"page.html"}),
        (
            "curl -X POST -d @b.json https://example.org/",
            {"b.json", "host:example.org"},
            {"host:example.org"},
        ),
        ("sqlite3 app.db 'SELECT 1'", {"app.db"}, set()),
        ("tar -czf all.tgz src", {"src"}, {"all.tgz"}),
        ("unzip in.zip -d out", {"in.zip"}, {"out/"}),
        ("unzip in.zip", {"in.zip"}, {ANYTHING}),
    ],
)
def test_reads_and_writes(line: str, reads: set[str], writes: set[str]) -> None:
    import shlex

    found = tool_effects(tuple(shlex.split(line)))
    assert found is not None
    assert set(found.reads) - {ENVIRONMENT} == reads
    assert set(found.writes) == writes
    assert not found.is_open


def test_an_unknown_program_is_not_guessed() -> None:
    assert tool_effects(("frobnicate", "a.txt")) is None


def test_a_question_about_a_program_reads_only_the_environment() -> None:
    found = tool_effects(("frobnicate", "--version"))
    assert found is not None
    assert (found.reads, found.writes, found.is_open) == ((ENVIRONMENT,), (), False)


def test_installing_changes_the_environment_and_asks_its_registry() -> None:
    found = tool_effects(("npm", "install", "-g", "pinme"))
    assert found is not None
    assert found.writes == (ENVIRONMENT,)
    assert found.hosts == ("registry.npmjs.org",)
    local = tool_effects(("npm", "install", "left-pad"))
    assert local is not None
    assert "package.json" in local.writes


@pytest.mark.parametrize(
    "line", ["cd src", "source .env", "find . -name x -delete", "git checkout main", "git pull"]
)
def test_what_may_touch_anything_is_open(line: str) -> None:
    found = tool_effects(tuple(line.split()))
    assert found is not None
    assert found.is_open


def test_git_reads_do_not_write() -> None:
    found = tool_effects(("git", "diff", "--stat"))
    assert found is not None
    assert found.writes == ()
    pushed = tool_effects(("git", "push", "origin", "main"))
    assert pushed is not None
    assert pushed.hosts == ("*",)
