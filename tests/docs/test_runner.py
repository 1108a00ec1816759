"""The runner of code blocks finds what is not true; one that believes everything is worth nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from docsite.blocks import Block, commands_of, find_blocks
from docsite.comparing import is_as_told, normalised
from docsite.running import Reader

from tests.conftest import REPO


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(REPO, tmp_path_factory.mktemp("reader") / "reader")


@pytest.fixture
def reader(shared: Reader) -> Iterator[Reader]:
    place, env = shared.place, dict(shared.env)
    yield shared
    shared.place, shared.env, shared.code = place, env, 0


def read(reader: Reader, text: str) -> None:
    for block in find_blocks(text):
        if block.is_tried:
            reader.read(block)
    reader.finish()


def console(*lines: str) -> str:
    return "\n".join(("```console", *lines, "```", ""))


@pytest.mark.parametrize(
    "page",
    [
        console("$ skvm explain SKV150", "error[SKV150]: an unbroken link"),
        console("$ skvm explain SKV150", "error[SKV150]: broken link"),
        console("$ skvm explain SKV999"),
        console("$ skvm explain SKV999", "…", "$ echo $?", "0"),
        console("$ skvm explain SKV999", "…", "$ skvm --version", "…"),
        console("$ skvm no-such-verb", "nothing"),
        console("$ printf 'a\\nb\\n'", "a"),
        console("$ printf 'a\\nb\\n'", "b", "a"),
        console("$ echo two spaces", "twospaces"),
        console("$ skvm explain SKV999", "…"),
        "```bash\nfalse\n```\n",
        "```python\nassert 1 == 2, 3\n```\n",
        "```json\n{,}\n```\n",
        "```yaml\na: [\n```\n",
        "```toml\n= 1\n```\n",
        "```cobol\nSTOP RUN.\n```\n",
        "<!-- from: README.md -->\n```python\nthis stands nowhere\n```\n",
        "<!-- run by: tests/no_such_test.py -->\n```console\n$ true\n```\n",
        '<!-- schema: task-Task -->\n```json\n{"id": 3}\n```\n',
        '<!-- schema: no-such -->\n```json\n{"id": 3}\n```\n',
        '<!-- schema: settings -->\n```json\n{"adapters": {"pi": {"repoPaht": "x"}}}\n```\n',
    ],
)
def test_what_is_not_true_is_found(reader: Reader, page: str) -> None:
    with pytest.raises(Exception, match=r"(?s).+") as found:
        read(reader, page)
    assert not isinstance(found.value, FileNotFoundError)


@pytest.mark.parametrize(
    "page",
    [
        console("$ skvm explain SKV150", "error[SKV150]: broken link", "…"),
        console("$ skvm explain SKV999", "…", "$ echo $?", "2"),
        console("$ cd examples && export WHERE=here", "$ echo $WHERE ${PWD##*/}", "here examples"),
        console("$ echo $HOME", "~"),
        console("$ echo 12 ms", "7 ms"),
        console("$ echo a \\", "    b", "a b"),
        '<!-- file: made/by.json -->\n```json\n{"a": 1}\n```\n' + console("$ cat made/by.json", '{"a": 1}'),
        "```python\nimport anyio\nawait anyio.sleep(0)\nkept = 3\n```\n\n```python\nassert kept == 3\n```\n",
        "<!-- not run: it is only a thought -->\n```bash\nfalse\n```\n",
    ],
)
def test_what_is_true_passes(reader: Reader, page: str) -> None:
    read(reader, page)


def test_a_reader_leaves_the_checkout_and_the_environment_alone(reader: Reader) -> None:
    before = sorted((REPO / "examples").rglob("*"))
    read(reader, console("$ rm -r examples/ci && touch examples/new", "$ export HOME=/nowhere"))
    assert sorted((REPO / "examples").rglob("*")) == before
    assert Path.home() != Path("/nowhere")


def test_notes_belong_to_the_block_below_them() -> None:
    first, second = find_blocks("<!-- not run: a b c -->\n```bash\nx\n```\n\n```bash\ny\n```\n")
    assert first.notes == {"not run": "a b c"}
    assert second == Block(6, "bash", "y\n")
    (only,) = find_blocks("<!-- not run: a b c -->\nwords between\n```bash\nx\n```\n")
    assert only.notes == {}


def test_a_fence_ends_at_a_fence_as_long() -> None:
    (only,) = find_blocks("````text\n```\ninner\n```\n````\n")
    assert only.text == "```\ninner\n```\n"
    with pytest.raises(ValueError, match="line 1: the block is not closed"):
        list(find_blocks("```bash\nx\n"))


def test_output_before_any_command_is_no_console_block() -> None:
    with pytest.raises(ValueError, match="output without a command"):
        commands_of("words\n$ true\n")


def test_digits_that_mean_something_are_compared() -> None:
    assert not is_as_told(normalised("3 tasks", {}), normalised("4 tasks", {}))
    assert not is_as_told(normalised("score 0.20", {}), normalised("score 0.30", {}))
    assert is_as_told(normalised("took 0.20 s", {}), normalised("took 1.3 s", {}))


def test_ellipses_stand_for_anything_but_a_line() -> None:
    assert is_as_told(["a … z"], ["a b z"])
    assert not is_as_told(["a … z"], ["a b", "c z"])
    assert is_as_told(["a", "…", "z"], ["a", "b", "c", "z"])
    assert not is_as_told(["…", "z"], ["a", "b"])
