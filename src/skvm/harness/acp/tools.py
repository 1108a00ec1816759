"""What tools of agents do, by the names they commonly have: for agents that have no table of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from skvm.harness.command_tool import CommandTool, find_command_tool
from skvm.harness.programs.contract import ToolTable
from skvm.harness.trajectory import ToolKind

if TYPE_CHECKING:
    from pydantic_ai.tools import ToolDefinition

__all__ = ["COMMON_TOOLS", "CommonTools"]

_NAMES: Mapping[ToolKind, tuple[str, ...]] = {
    ToolKind.READ: (
        *("read", "read_file", "read_many_files", "view", "view_file", "open_file", "cat", "readfile"),
        *("grep", "grep_search", "search_file_content", "read_text_file", "notebookread"),
    ),
    ToolKind.WRITE: (
        "write",
        "write_file",
        "create_file",
        "writefile",
        "create",
        "save_file",
        "write_text_file",
    ),
    ToolKind.EDIT: (
        *("edit", "edit_file", "multiedit", "multi_edit", "replace", "patch", "apply_patch", "str_replace"),
        *(
            "str_replace_editor",
            "str_replace_based_edit_tool",
            "search_replace",
            "notebookedit",
            "file_editor",
        ),
    ),
    ToolKind.RUN: (
        *("bash", "shell", "sh", "exec", "exec_command", "execute", "execute_command", "execute_bash"),
        *("execute_code", "run_command", "run_shell_command", "shell_command", "terminal", "local_shell"),
        *("powershell", "command", "run_commands"),
    ),
    ToolKind.LIST: (
        *("ls", "list", "list_dir", "list_directory", "list_files", "glob", "find", "search_files"),
        *("find_files", "glob_search"),
    ),
    ToolKind.FETCH: (
        *("fetch", "webfetch", "web_fetch", "fetch_url", "websearch", "web_search", "google_web_search"),
        *("web_extract", "browser_navigate"),
    ),
}
_COMMANDS = ("command", "cmd")
_FIXED = {"is_background": False, "run_in_background": False, "background": False}
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names}
_RENAMED = {
    **dict.fromkeys(("file_path", "filePath", "absolute_path", "filename", "notebook_path"), "path"),
    **dict.fromkeys(("contents", "file_text"), "content"),
    **dict.fromkeys(("cmd",), "command"),
}


class _SameForAll(Mapping[str, Mapping[str, str]]):
    """One table of arguments, whatever the tool."""

    def __getitem__(self, name: str) -> Mapping[str, str]:
        if _plain(name) not in _KINDS:
            raise KeyError(name)
        return _RENAMED

    def __iter__(self) -> Any:
        return iter(_KINDS)

    def __len__(self) -> int:
        return len(_KINDS)


@dataclass(frozen=True, slots=True)
class CommonTools(ToolTable):
    """A table by common names, whatever their case and whatever server they are prefixed with."""

    def kind_of(self, name: str, arguments: Mapping[str, Any]) -> ToolKind:
        """The normalized kind of a call."""
        return _KINDS.get(_plain(name), ToolKind.OTHER)

    def command_tool(self, offered: Sequence[ToolDefinition]) -> CommandTool | None:
        """The tool that runs commands here; one of a server may run them elsewhere."""
        own = {tool.name.lower(): tool.name for tool in offered}
        names = [own[name] for name in _NAMES[ToolKind.RUN] if name in own]
        return find_command_tool(offered, names, _COMMANDS, dict.fromkeys(names, _FIXED))


def _plain(name: str) -> str:
    """A name in lower case, without the server it comes from (``mcp__files__Read``)."""
    return name.rpartition("__")[2].lower()


COMMON_TOOLS = CommonTools(kinds=_KINDS, renamed=_SameForAll())
