"""What an agent may ask of its client: permissions, files and terminals, all answered here in the cell.

The cell confines whatever is done here as it confines the agent; containing paths in the work directory keeps
an agent to what its user would have opened for it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from skvm.harness.acp.inside.events import say
from skvm.harness.acp.inside.terminals import Terminals

__all__ = ["MAX_FILE_BYTES", "RefusedError", "Requests", "UnknownMethodError"]

MAX_FILE_BYTES = 8 << 20
"""Of a file that is read or written for the agent."""
_ALLOWING = ("allow_once", "allow_always")
_REJECTING = ("reject_once", "reject_always")


class RefusedError(Exception):
    """What was asked for is not done; the text says why, for the agent."""


class UnknownMethodError(Exception):
    """Nobody here knows the method."""


class Requests:
    """Answers what the agent asks.

    Args:
        work_dir: Where terminals start.
        readable: Folders whose files may be read.
        writable: Folders whose files may be written.
        is_allowing: Whether permissions are given.
        refused: Kinds of tools (``fetch``, ``delete`` …) whose permissions are never given.
    """

    def __init__(
        self,
        *,
        work_dir: str,
        readable: Sequence[str],
        writable: Sequence[str],
        is_allowing: bool,
        refused: Sequence[str],
    ) -> None:
        self._readable, self._writable = readable, writable
        self._is_allowing, self._refused = is_allowing, frozenset(refused)
        self._work_dir = work_dir
        self.terminals = Terminals()
        self._answers: dict[str, Callable[[Mapping[str, Any]], Awaitable[dict[str, Any] | None]]] = {
            "session/request_permission": self._permission,
            "fs/read_text_file": self._read,
            "fs/write_text_file": self._write,
            "terminal/create": self._create,
            "terminal/output": self._output,
            "terminal/wait_for_exit": self._wait,
            "terminal/kill": self._kill,
            "terminal/release": self._release,
        }

    async def answer(self, method: str, params: Any) -> dict[str, Any] | None:
        """The result of a request, which is written down either way.

        Raises:
            RefusedError: It is malformed, or not allowed.
            UnknownMethodError: There is no such request.
        """
        about = params if isinstance(params, dict) else {}
        known = self._answers.get(method)
        if known is None:
            say("asked", method=method, params=about, error="unknown method")
            raise UnknownMethodError(method)
        try:
            result = await known(about)
        except OSError as error:
            why = f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
            say("asked", method=method, params=about, error=why)
            raise RefusedError(why) from error
        except RefusedError as error:
            say("asked", method=method, params=about, error=str(error))
            raise
        say("asked", method=method, params=about, result=result)
        return result

    async def _permission(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Give or refuse one by what kind of tool asks; who offers no such choice is told to stop."""
        call = about.get("toolCall")
        kind = call.get("kind") if isinstance(call, dict) else None
        wanted = _ALLOWING if self._is_allowing and kind not in self._refused else _REJECTING
        options = about.get("options")
        listed = [each for each in options if isinstance(each, dict)] if isinstance(options, list) else []
        for each in wanted:
            for option in listed:
                if option.get("kind") == each and isinstance(option.get("optionId"), str):
                    return {"outcome": {"outcome": "selected", "optionId": option["optionId"]}}
        return {"outcome": {"outcome": "cancelled"}}

    async def _read(self, about: Mapping[str, Any]) -> dict[str, Any]:
        path = _contained(_text(about, "path"), self._readable)
        first, count = _number(about, "line"), _number(about, "limit")
        descriptor = _open_regular(path, os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise RefusedError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        content = data.decode("utf-8", "replace")
        if first is not None or count is not None:
            lines = content.splitlines(keepends=True)
            start = max(0, (first or 1) - 1)
            content = "".join(lines[start : None if count is None else start + count])
        return {"content": content}

    async def _write(self, about: Mapping[str, Any]) -> dict[str, Any]:
        path = _contained(_text(about, "path"), self._writable)
        data = _text(about, "content").encode("utf-8", "replace")
        if len(data) > MAX_FILE_BYTES:
            raise RefusedError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _open_regular(path, os.O_WRONLY | os.O_CREAT)
        with os.fdopen(descriptor, "wb") as file:
            file.truncate(0)
            file.write(data)
        return {}

    async def _create(self, about: Mapping[str, Any]) -> dict[str, Any]:
        arguments, variables = about.get("args"), about.get("env")
        cwd = _contained(about.get("cwd") or self._work_dir, self._writable)
        env = {}
        for each in variables if isinstance(variables, list) else ():
            if isinstance(each, dict) and isinstance(each.get("name"), str):
                env[each["name"]] = str(each.get("value", ""))
        terminal_id = await self.terminals.create(
            _text(about, "command"),
            [str(each) for each in arguments] if isinstance(arguments, list) else [],
            env=env,
            cwd=cwd,
            kept_bytes=_number(about, "outputByteLimit"),
        )
        return {"terminalId": terminal_id}

    async def _output(self, about: Mapping[str, Any]) -> dict[str, Any]:
        return self.terminals.output(self._terminal(about))

    async def _wait(self, about: Mapping[str, Any]) -> dict[str, Any]:
        return await self.terminals.wait(self._terminal(about))

    async def _kill(self, about: Mapping[str, Any]) -> dict[str, Any]:
        self.terminals.kill(self._terminal(about))
        return {}

    async def _release(self, about: Mapping[str, Any]) -> dict[str, Any]:
        self.terminals.release(self._terminal(about))
        return {}

    def _terminal(self, about: Mapping[str, Any]) -> str:
        terminal_id = _text(about, "terminalId")
        if not self.terminals.has(terminal_id):
            raise RefusedError(f"there is no terminal {terminal_id!r}")
        return terminal_id


def _text(about: Mapping[str, Any], name: str) -> str:
    value = about.get(name)
    if not isinstance(value, str):
        raise RefusedError(f"{name} must be a text")
    return value


def _number(about: Mapping[str, Any], name: str) -> int | None:
    value = about.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RefusedError(f"{name} must be a number, 0 or more")
    return value


def _contained(path: Any, folders: Sequence[str]) -> Path:
    """A path, links followed, that lies in one of the folders."""
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        raise RefusedError("a path must be absolute")
    real = os.path.realpath(path)
    if not any(Path(real).is_relative_to(os.path.realpath(folder)) for folder in folders):
        raise RefusedError(f"{path}: lies outside of the work directory")
    return Path(real)


def _open_regular(path: Path, flags: int) -> int:
    # Without O_NONBLOCK, opening a FIFO would wait for its other end.
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RefusedError(f"{path}: not a regular file")
    return descriptor
