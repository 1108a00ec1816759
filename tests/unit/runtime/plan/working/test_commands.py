from __future__ import annotations

import hashlib
from pathlib import Path

import anyio
import pytest

from skvm.evidence.redact import Redactor
from skvm.harness.trajectory import Turn
from skvm.runtime.plan.model import CommandJob, LeftJob, Node, StepState
from skvm.runtime.plan.working.commands import digests_of
from skvm.runtime.plan.working.limits import RunLimits
from tests.unit.runtime.plan.working.benches import a_bench

pytestmark = pytest.mark.anyio


def a_node(*lines: str, **more: object) -> Node:
    return Node("1.1", title="Work", job=CommandJob(lines), **more)  # type: ignore[arg-type]


async def test_lines_run_one_after_the_other(tmp_path: Path):
    node = a_node("echo one > a.txt", "cat a.txt; echo two", writes=("a.txt", "host:x", "out/*.txt"))

    result = await a_bench(tmp_path).do(node)

    assert (result.state, result.text, result.exit_code) == (StepState.DONE, "one\ntwo", 0)
    assert result.digests == {"a.txt": hashlib.sha256(b"one\n").hexdigest()}


async def test_the_first_line_that_fails_ends_it(tmp_path: Path):
    result = await a_bench(tmp_path).do(a_node("echo so far", "echo sorry >&2; exit 3", "touch never"))

    assert (result.state, result.exit_code) == (StepState.FAILED, 3)
    assert "exit code 3" in result.reason
    assert result.reason.endswith("sorry")
    assert result.text == "so far"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("a = b\n    ^^^^~~\nValueError: no", "a = b\nValueError: no"),
        ("x" * 290 + "\n" + "y" * 20, "y" * 20),
        ("z" * 400, "…" + "z" * 299),
        ("left out\n" + "w" * 300, "w" * 300),
    ],
)
async def test_the_reason_is_the_end_of_what_was_said_in_whole_lines(tmp_path: Path, words: str, reason: str):
    (tmp_path / "words").write_text(words)

    result = await a_bench(tmp_path).do(a_node("cat words >&2; exit 1"))

    assert result.reason.partition(": exit code 1: ")[2] == reason
    assert not (tmp_path / "never").exists()


async def test_each_line_has_a_shell_of_its_own_with_words_of_bash(tmp_path: Path):
    node = a_node("cd / && X=1", 'pwd; echo "${X:-unset}"; [[ a == a* ]] && echo yes')

    result = await a_bench(tmp_path).do(node)

    assert result.text.split() == [str(tmp_path), "unset", "yes"]


async def test_a_line_that_hangs_is_stopped(tmp_path: Path):
    node = Node("1.1", job=CommandJob(("sleep 60",), timeout_s=0.2))

    result = await a_bench(tmp_path).do(node)

    assert result.state is StepState.FAILED
    assert "stopped" in result.reason


async def test_what_was_run_is_told_as_a_turn_no_model_took(tmp_path: Path):
    told: list[Turn] = []
    bench = a_bench(tmp_path, on_turns=lambda _, turns: told.extend(turns))

    await bench.do(a_node("echo hello", "exit 1"))

    assert [(turn.from_hook, len(turn.tool_calls)) for turn in told] == [(True, 2)]
    assert [seen.exit_code for seen in told[0].observations] == [0, 1]
    assert told[0].observations[0].text == "[exit code 0]\nhello"


async def test_nothing_begins_after_the_deadline(tmp_path: Path):
    bench = a_bench(tmp_path, limits=RunLimits(deadline=anyio.current_time() - 1))

    result = await bench.do(a_node("touch made"))

    assert (result.state, "deadline" in result.reason) == (StepState.FAILED, True)
    assert not (tmp_path / "made").exists()


async def test_what_is_for_somebody_else_is_left(tmp_path: Path):
    result = await a_bench(tmp_path).do(Node("1.1", job=LeftJob("a person has to look")))

    assert (result.state, result.reason) == (StepState.LEFT, "a person has to look")


async def test_no_file_outside_the_work_directory_is_digested(tmp_path: Path):
    work, outside = tmp_path / "work", tmp_path / "outside"
    work.mkdir()
    outside.mkdir()
    (outside / "key").write_text("secret")
    (work / "own").write_text("mine")
    (work / "link").symlink_to(outside)

    found = await digests_of(work, ["own", "../outside/key", "link/key"])

    assert list(found) == ["own"]


KEY = "sk-or-v1-" + "0123456789abcdef" * 4


@pytest.mark.parametrize("before", [*range(1_250, 1_340, 7), 20_000])
async def test_no_cut_leaves_half_a_secret(tmp_path: Path, before: int):
    (tmp_path / "words").write_text("x" * before + KEY + "y" * 40_000)
    told: list[Turn] = []
    bench = a_bench(tmp_path, clean=Redactor([KEY]).text, on_turns=lambda node, turns: told.extend(turns))

    done = await bench.do(a_node("cat words"))
    failed = await bench.do(a_node(f"echo '{KEY}' | tail -c 500 >&2; echo {'z' * 240}>&2; exit 1"))

    shown = [
        done.text,
        failed.text,
        failed.reason,
        *(each.text for turn in told for each in turn.observations),
    ]
    assert all(KEY[:20] not in text and KEY[-9:] not in text for text in shown)
