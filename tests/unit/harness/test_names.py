"""Names of harnesses: in paths, and those of families."""

from __future__ import annotations

import pytest

from skvm.harness.contract import path_name


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("pi", "pi"),
        ("claude-code", "claude-code"),
        ("acp:opencode acp", "acp-opencode-8d9499"),
        ("acp:/opt/x/bin/qwen --acp --yolo", "acp-qwen-545f04"),
        ("acp:", "acp-agent-e3b0c4"),
        ("acp:../.. x", "acp-agent-4d725d"),
    ],
)
def test_a_command_becomes_one_segment_of_a_path(name: str, segment: str) -> None:
    assert path_name(name) == segment


def test_two_commands_of_one_program_have_two_names() -> None:
    assert path_name("acp:opencode acp") != path_name("acp:opencode acp --pure")
