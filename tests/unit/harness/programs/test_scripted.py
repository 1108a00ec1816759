"""The scripted model: a write call from whatever tools are offered, in every dialect."""

from __future__ import annotations

from typing import Any

import pytest

from skvm.harness.programs.scripted import ScriptedModel

MODEL = ScriptedModel("/work/it's.txt", "hello $HOME")
WRITE = {
    "type": "object",
    "properties": {
        "file_path": {"type": "string"},
        "content": {"type": "string"},
        "mode": {"enum": ["create", "append"]},
        "dry": {"type": "boolean"},
        "note": {"type": "string"},
    },
    "required": ["file_path", "content", "mode", "dry"],
}
RUN = {"properties": {"cmd": {"type": "array"}, "why": {"type": "string"}}, "required": ["cmd", "why"]}
READ = {"properties": {"path": {"type": "string"}}, "required": ["path"]}


def chat(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def responses(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": schema}


def messages(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "input_schema": schema}


@pytest.mark.parametrize("dialect", [chat, responses, messages])
def test_the_writing_tool_is_called_with_what_its_schema_asks_for(dialect: Any) -> None:
    answer = MODEL({"tools": [dialect("read", READ), dialect("bash", RUN), dialect("Write", WRITE)]})
    (call,) = answer.tool_calls
    assert call.name == "Write"
    assert call.arguments == {
        "file_path": "/work/it's.txt",
        "content": "hello $HOME",
        "mode": "create",
        "dry": False,
    }


def test_without_a_writing_tool_a_command_does_it() -> None:
    tools = [{"type": "web_search"}, responses("exec_command", RUN), responses("read", READ)]
    (call,) = MODEL({"tools": tools}).tool_calls
    assert call.name == "exec_command"
    assert isinstance(call.arguments, dict)
    command = call.arguments["cmd"]
    assert command == ["bash", "-c", """printf %s 'hello $HOME' > '/work/it'"'"'s.txt'"""]
    assert call.arguments["why"]
    assert MODEL({"tools": [chat("read", READ)]}).tool_calls == ()


@pytest.mark.parametrize(
    "said",
    [
        {"messages": [{"role": "user", "content": "go"}, {"role": "tool", "content": "done"}]},
        {"input": [{"type": "function_call"}, {"type": "function_call_output", "output": "done"}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "done"}]}]},
    ],
)
def test_after_a_result_it_ends(said: dict[str, Any]) -> None:
    answer = MODEL({"tools": [chat("write", WRITE)], **said})
    assert answer.tool_calls == ()
    assert answer.text == MODEL.final_text


def test_a_title_gets_words_and_a_shell_agent_its_fence() -> None:
    assert "```" not in MODEL({"messages": [{"role": "user", "content": "A title for this"}]}).text
    asked = [{"role": "system", "content": "Answer with one ```bash block."}]
    assert MODEL({"messages": asked}).text.startswith("```bash\nprintf")
    answered = [*asked, {"role": "assistant", "content": "```bash\ntrue\n```"}]
    assert "```" not in MODEL({"messages": answered}).text
