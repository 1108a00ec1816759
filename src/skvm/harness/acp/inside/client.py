"""Drives one agent through one prompt: ``client.py CONFIG``, the prompt on standard input.

::

    initialize ─► session/new ─► the preset's settings ─► session/prompt ─► the end
                        the agent asks meanwhile ─► ``requests``

Every event is a line on standard output; the agent's own complaints go to standard error as they are.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from skvm.harness.acp.inside.events import say
from skvm.harness.acp.inside.requests import RefusedError, Requests, UnknownMethodError
from skvm.harness.acp.inside.terminals import kill_group

__all__ = ["main"]

PROTOCOL_VERSION = 1
MAX_LINE_BYTES = 64 << 20
"""Of one message; a longer line is passed over."""
START_TIMEOUT_S = 120.0
"""How long the agent may take for each step before the prompt."""
_LISTS = ("available_commands_update", "config_option_update")
_CHUNK = 256 << 10
_SETTLE_S = 0.3
_EXIT_S = 1.0
_LONGER_S = 60.0


class _FailedError(Exception):
    """The run is over, and why was written down."""


class _AnsweredError(Exception):
    """The agent answered a request with an error."""

    def __init__(self, message: str, code: int | None, data: Any) -> None:
        super().__init__(message)
        self.code, self.data = code, data


class _Client:
    """One run."""

    def __init__(self, config: Mapping[str, Any], prompt: str) -> None:
        self.config, self.prompt = config, prompt
        self.requests = Requests(
            work_dir=config["workDir"],
            readable=config["readable"],
            writable=config["writable"],
            is_allowing=config["isAllowing"],
            refused=config["refused"],
        )
        self.reader = asyncio.StreamReader(limit=2 * MAX_LINE_BYTES)
        self.agent: asyncio.subprocess.Process
        self.connection: Any = None
        self.deadline = asyncio.get_running_loop().time() + config["promptTimeoutS"]

    async def run(self) -> int:
        """Start everything, go through the steps, end everything; gives our exit code."""
        beside: list[asyncio.subprocess.Process] = []
        try:
            for each in self.config["before"]:
                process = await _start_beside(each)
                beside.append(process)
            self.agent = await _start(self.config["argv"], cwd=self.config["workDir"], has_pipes=True)
        except (OSError, TimeoutError) as error:
            say("failed", step="start", message=str(error) or type(error).__name__)
            return 1
        reading = asyncio.create_task(self._read_lines())
        from acp.connection import Connection

        writer: Any = self.agent.stdin
        self.connection = Connection(self._handle, writer, self.reader)
        try:
            await self._go()
        except _FailedError:
            return 1
        finally:
            self.requests.terminals.release_all()
            await self._end_agent()
            for process in beside:
                kill_group(process)
            reading.cancel()
        return 0

    async def _go(self) -> None:
        """The steps up to the end of the turn."""
        known = await self._step("initialize", _as_sent("InitializeRequest", self._hello()))
        say("initialized", result=known)
        version = known.get("protocolVersion")
        if version != PROTOCOL_VERSION:
            say("failed", step="initialize", message=f"it speaks version {version} of the protocol, not 1")
            raise _FailedError
        made = {"cwd": self.config["workDir"], "mcpServers": []}
        if self.config["sessionMeta"]:
            made["_meta"] = self.config["sessionMeta"]
        session = await self._step("session/new", _as_sent("NewSessionRequest", made))
        session_id = session.get("sessionId")
        if not isinstance(session_id, str):
            say("failed", step="session/new", message="it gave no session id")
            raise _FailedError
        say("session", sessionId=session_id)
        for each in self.config["session"]:
            await self._set(each["method"], {"sessionId": session_id, **each["params"]})
        await self._ask(session_id)

    def _hello(self) -> dict[str, Any]:
        return {
            "protocolVersion": PROTOCOL_VERSION,
            "clientCapabilities": self.config["capabilities"],
            "clientInfo": {"name": "skvm", "version": "1"},
        }

    async def _step(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """One request; whatever goes wrong ends the run."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                return await self._send(method, params)
        except TimeoutError:
            say("failed", step=method, message=f"no answer within {START_TIMEOUT_S:g} s")
        except _AnsweredError as error:
            say("failed", step=method, code=error.code, message=str(error), data=error.data)
        except ConnectionError:
            await self._say_gone(method)
        raise _FailedError

    async def _set(self, method: str, params: dict[str, Any]) -> None:
        """One setting of the session; an agent that does not know it does without."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._send(method, params)
        except (_AnsweredError, TimeoutError) as error:
            say("unset", method=method, message=str(error))
        except ConnectionError:
            await self._say_gone(method)
            raise _FailedError from None

    async def _ask(self, session_id: str) -> None:
        """The prompt; at the deadline the agent is told to stop, and given the time that is left for it."""
        content = [{"type": "text", "text": self.prompt}]
        params = _as_sent("PromptRequest", {"sessionId": session_id, "prompt": content})
        asked = asyncio.create_task(self._send("session/prompt", params))
        left_s = max(0.1, self.deadline - asyncio.get_running_loop().time())
        await asyncio.wait({asked}, timeout=left_s)
        if not asked.done():
            say("deadline")
            self.requests.terminals.release_all()
            with suppress(ConnectionError):
                await self.connection.send_notification("session/cancel", {"sessionId": session_id})
            # Whoever started us ends us at the true deadline.
            await asyncio.sleep(_LONGER_S)
            raise _FailedError
        try:
            result = await asked
        except _AnsweredError as error:
            say("failed", step="session/prompt", code=error.code, message=str(error), data=error.data)
            raise _FailedError from None
        except ConnectionError:
            await self._say_gone("session/prompt")
            raise _FailedError from None
        # Some send their last update after the answer.
        await asyncio.sleep(_SETTLE_S)
        say("end", result=result)

    async def _send(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        from acp.exceptions import RequestError

        try:
            result = await self.connection.send_request(method, params)
        except RequestError as error:
            raise _AnsweredError(str(error), error.code, error.data) from error
        return result if isinstance(result, dict) else {}

    async def _handle(self, method: str, params: Any, is_notification: bool) -> dict[str, Any] | None:
        """What the agent tells and asks."""
        from acp.exceptions import RequestError

        if is_notification:
            if method == "session/update" and isinstance(params, dict):
                say("update", update=_of_interest(params.get("update")))
            return None
        try:
            return await self.requests.answer(method, params)
        except RefusedError as error:
            raise RequestError(-32602, str(error)) from error
        except UnknownMethodError as error:
            raise RequestError.method_not_found(method) from error

    async def _read_lines(self) -> None:
        """Hand on the agent's lines that may be messages, within a bound; others are told of and dropped."""
        stdout, line, is_dropping = self.agent.stdout, bytearray(), False
        while stdout is not None and (data := await stdout.read(_CHUNK)):
            *whole, rest = data.split(b"\n")
            for part in whole:
                line += part
                self._hand_on(bytes(line), is_dropping)
                line, is_dropping = bytearray(), False
            line += rest
            if len(line) > MAX_LINE_BYTES:
                line, is_dropping = bytearray(line[:200]), True
        # Its very last line may lack its end.
        self._hand_on(bytes(line), is_dropping)
        self.reader.feed_eof()

    def _hand_on(self, line: bytes, is_cut: bool) -> None:
        stripped = line.strip()
        if stripped.startswith(b"{") and not is_cut:
            self.reader.feed_data(stripped + b"\n")
        elif stripped:
            say("noise", text=stripped[:200].decode("utf-8", "replace"))

    async def _say_gone(self, step: str) -> None:
        """It closed its output; wait a moment for how it ended."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.agent.wait(), _EXIT_S)
        say("gone", step=step, exitCode=self.agent.returncode)

    async def _end_agent(self) -> None:
        """Close its input, then insist; not all end by themselves."""
        with suppress(OSError, ConnectionError, RuntimeError):
            if self.agent.stdin is not None:
                self.agent.stdin.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(TimeoutError):
                await asyncio.wait_for(self.agent.wait(), _EXIT_S)
                break
            kill_group(self.agent, number)
        kill_group(self.agent)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.connection.close(), _EXIT_S)


def _of_interest(update: Any) -> Any:
    """An update without the long lists of what the agent could be asked to do."""
    kind = update.get("sessionUpdate") if isinstance(update, dict) else None
    return {"sessionUpdate": kind} if kind in _LISTS else update


def _as_sent(model: str, params: dict[str, Any]) -> dict[str, Any]:
    """Parameters as the protocol has them."""
    from acp import schema

    known = getattr(schema, model).model_validate(params)
    return dict(known.model_dump(mode="json", by_alias=True, exclude_none=True))


async def _start(argv: list[str], *, cwd: str, has_pipes: bool) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE if has_pipes else asyncio.subprocess.DEVNULL
    # Its complaints are ours.
    return await asyncio.create_subprocess_exec(
        *argv, stdin=pipe, stdout=pipe, cwd=cwd, start_new_session=True
    )


async def _start_beside(wanted: Mapping[str, Any]) -> asyncio.subprocess.Process:
    """Start what the agent needs beside it, and wait until it listens.

    Raises:
        TimeoutError: It does not.
    """
    process = await _start(wanted["argv"], cwd=wanted["cwd"], has_pipes=False)
    end = asyncio.get_running_loop().time() + wanted["timeoutS"]
    while asyncio.get_running_loop().time() < end and process.returncode is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", wanted["port"]), timeout=1):
            return process
        await asyncio.sleep(0.1)
    kill_group(process)
    raise TimeoutError(f"{Path(wanted['argv'][0]).name} does not listen on port {wanted['port']}")


async def _run(config: Mapping[str, Any], prompt: str) -> int:
    return await _Client(config, prompt).run()


def main(arguments: list[str]) -> int:
    """Run the client; gives its exit code."""
    # What the SDK complains of is told in events.
    logging.disable()
    config = json.loads(Path(arguments[0]).read_bytes())
    for place, target in config["links"].items():
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).symlink_to(target)
    prompt = sys.stdin.buffer.read().decode("utf-8", "replace")
    return asyncio.run(_run(config, prompt))
