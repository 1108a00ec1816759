"""A model that knows one thing: to write a file with whatever tool a program offers.

It looks at nothing but the request, so it works for any program, whatever it says beforehand, in every
dialect. A request without tools (a title, a summary) is answered in plain words, or with a fence of shell
commands where it asks for those.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.llm.fake import FakeAnswer, FakeToolCall

__all__ = ["ScriptedModel", "offered_tools", "tool_results"]

WRITERS = ("write", "write_file", "create_file", "writefile", "edit_file")
"""Tools that write a file, by their names in lower case, the plainest first."""
RUNNERS = (
    "bash",
    "exec_command",
    "shell",
    "run_shell_command",
    "shell_command",
    "execute_command",
    "run_command",
    "terminal",
    "exec",
    "execute",
    "execute_bash",
)
"""Tools that run a command."""
_PATHS = ("path", "file_path", "filepath", "absolute_path", "filename", "file_name", "target_file")
_CONTENTS = ("content", "contents", "file_text", "text", "data")
_COMMANDS = ("command", "cmd", "commands", "script", "code")
_BLANKS: Mapping[str, Any] = {"boolean": False, "integer": 1, "number": 1, "array": [], "object": {}}


@dataclass(frozen=True, slots=True)
class ScriptedModel:
    """Answers for ``FakeServer``: first a call that writes the file, then plain words.

    Args:
        path: The file, as the program sees it; absolute, because some tools want that.
        content: What is written.
        final_text: The last words.
    """

    path: str
    content: str
    final_text: str = "The file is written."

    def __call__(self, body: Mapping[str, Any]) -> FakeAnswer:
        """Answer one request."""
        tools = offered_tools(body)
        if not tools:
            return _answer(self._fence() if _wants_fence(body) else "The file is written. DONE")
        call = None if tool_results(body) else self._call(tools)
        return _answer(self.final_text) if call is None else _answer("I write it.", call)

    def _fence(self) -> str:
        return f"```bash\n{self._command()}\n```"

    def _command(self) -> str:
        return f"printf %s {shlex.quote(self.content)} > {shlex.quote(self.path)}"

    def _call(self, tools: Mapping[str, Mapping[str, Any]]) -> FakeToolCall | None:
        by_name = {name.lower(): name for name in tools}
        for wanted in (*WRITERS, *RUNNERS):
            if wanted in by_name:
                name = by_name[wanted]
                return FakeToolCall(name, self._arguments(tools[name]))
        return None

    def _arguments(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        properties = schema.get("properties")
        known = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required") if isinstance(schema.get("required"), list) else []
        found = {}
        for key, said in known.items():
            about = said if isinstance(said, Mapping) else {}
            value = self._value(str(key).lower(), about)
            if value is None and key in (required or ()):
                value = _blank(about)
            if value is not None:
                found[key] = value
        return found

    def _value(self, key: str, about: Mapping[str, Any]) -> Any:
        if key in _PATHS:
            return self.path
        if key in _CONTENTS:
            return self.content
        if key in _COMMANDS:
            command = self._command()
            return ["bash", "-c", command] if about.get("type") == "array" else command
        return None


def _answer(text: str, *calls: FakeToolCall) -> FakeAnswer:
    # Some tokens come from the cache: programs count those differently, and the gateway must not.
    return FakeAnswer(text, tool_calls=calls, input_tokens=100, output_tokens=20, cache_read_tokens=7)


def _wants_fence(body: Mapping[str, Any]) -> bool:
    """Whether a conversation without tools asks for commands in a fence, and has got none yet."""
    said = [*_items(body.get("messages"))]
    has_answer = any(each.get("role") == "assistant" for each in said)
    return not has_answer and any("```" in _text(each.get("content")) for each in said)


def _blank(about: Mapping[str, Any]) -> Any:
    """Something a schema allows, for an argument that does not matter."""
    choices = about.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    return _BLANKS.get(str(about.get("type")), "write a file")


def offered_tools(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The tools a request offers, with the schemas of their arguments, in any dialect."""
    found = {}
    for tool in _items(body.get("tools")):
        inner = tool.get("function")
        about = inner if isinstance(inner, Mapping) else tool
        schema = about.get("parameters") or about.get("input_schema")
        if isinstance(about.get("name"), str) and isinstance(schema, Mapping):
            found[about["name"]] = schema
    return found


def tool_results(body: Mapping[str, Any]) -> list[str]:
    """What tools have answered so far in a conversation, in any dialect."""
    found = []
    for message in (*_items(body.get("messages")), *_items(body.get("input"))):
        if message.get("role") == "tool":
            found.append(_text(message.get("content")))
        elif str(message.get("type")).endswith("_call_output"):
            found.append(_text(message.get("output")))
        else:
            blocks = _items(message.get("content"))
            found += [_text(each.get("content")) for each in blocks if each.get("type") == "tool_result"]
    return found


def _items(value: Any) -> Iterator[Mapping[str, Any]]:
    listed: Sequence[Any] = value if isinstance(value, list) else ()
    return (each for each in listed if isinstance(each, Mapping))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "".join(str(each.get("text", "")) for each in _items(value))
