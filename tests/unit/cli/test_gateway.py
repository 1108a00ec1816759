"""``skvm gateway`` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from skvm.cli.commands import gateway
from skvm.cli.main import COMMANDS
from skvm.llm.fake import FakeAnswer, FakeServer

SKVM = [sys.executable, "-c", "from skvm.cli.main import main; main()"]
KEY = "sk-planted-0123456789abcdef"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache whose configuration has a route to a model server."""
    (tmp_path / "cache").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKVM_CACHE", str(tmp_path / "cache"))
    with FakeServer.running([FakeAnswer("hello", output_tokens=5)]) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": KEY}
        (tmp_path / "cache" / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        yield tmp_path


@contextmanager
def standing(*options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*SKVM, "gateway", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said, process.stderr.read() if process.stderr else ""
    found: dict[str, Any] = json.loads(said)
    return found


def test_help_says_what_the_list_says() -> None:
    assert (gateway.command.help or "").splitlines()[0] == COMMANDS["gateway"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_says_what_passes_and_ends_when_told(place: Path, number: signal.Signals) -> None:
    with standing("--model=fake/m", "--json") as process:
        start = line(process)
        token_file = Path(start["tokenFile"])
        assert token_file.stat().st_mode & 0o777 == 0o600
        assert token_file.parent.stat().st_mode & 0o777 == 0o700
        token = token_file.read_text().strip()
        body = {"model": "x", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        with httpx2.Client(trust_env=False, timeout=20) as web:
            for base, headers, status in (
                (start["messages"] + "/v1", {"x-api-key": token}, 200),
                (start["messages"] + "/v1", {"x-api-key": "wrong"}, 401),
            ):
                answer = web.post(f"{base}/messages", json=body, headers=headers)
                assert answer.status_code == status
        call = line(process)
        assert (call["event"], call["dialect"], call["status"]) == ("call", "messages", 200)
        assert (call["usage"]["output_tokens"], call["error"]) == (5, None)
        process.send_signal(number)
        rest, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (0, "")
    assert json.loads(rest)["usage"]["calls"] == 1
    assert not token_file.exists()
    assert not [path for path in place.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    assert KEY not in rest + json.dumps([start, call])


def test_a_token_of_ones_own_is_kept(place: Path) -> None:
    mine = place / "token"
    for _ in range(2):
        with standing(f"--token-file={mine}") as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(5)]
            assert lines[-1] == f"token      in {mine}\n"
            token = mine.read_text()
            process.send_signal(signal.SIGINT)
            assert "0 calls" in process.communicate(timeout=30)[0]
        assert mine.read_text() == token
    assert mine.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "mode"), [("a" * 40, 0o644), ("short", 0o600), ("two words of some length", 0o600)]
)
def test_a_bad_token_file_is_refused(place: Path, text: str, mode: int) -> None:
    (place / "token").write_text(text)
    (place / "token").chmod(mode)
    done = subprocess.run(
        [*SKVM, "gateway", "--token-file=token"], check=False, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert "token" in done.stderr
    assert text not in done.stderr


def test_a_port_in_use_and_a_model_without_a_route_are_said_in_a_line(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [*SKVM, "gateway", f"--port={taken.getsockname()[1]}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert (done.returncode, "Traceback" in done.stderr) == (3, False)
    done = subprocess.run(
        [*SKVM, "gateway", "--model=m"], check=False, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, "provider/model" in done.stderr) == (2, True)
