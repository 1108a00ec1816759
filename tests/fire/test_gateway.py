"""``skvm gateway`` over a model that fails: its clients hear of it, and it goes on for the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2

from skvm.llm.fake_faults import FaultKind, FaultSchedule
from tests.fire.ground import QUIET, Ground

SKVM = [sys.executable, "-c", "from skvm.cli.main import main; main()"]
# Those for which nobody waits before another try.
WHOLE = (FaultKind.RATE_LIMIT_SECONDS, FaultKind.RATE_LIMIT_DATE)
STREAMED = (*WHOLE, FaultKind.RESET_STREAM)
HELLO = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def test_a_gateway_under_fire(ground: Ground) -> None:
    serve = [*SKVM, "gateway", "--model=fake/m", "--json"]
    with subprocess.Popen(
        serve, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        try:
            assert process.stdout is not None
            start = json.loads(process.stdout.readline())
            token = Path(start["tokenFile"]).read_text().strip()
            headers = {"authorization": f"Bearer {token}", "x-api-key": token}
            with httpx2.Client(trust_env=False, timeout=60, headers=headers) as web:
                urls = [f"{start['messages']}/v1/messages", f"{start['chat']}/chat/completions"]
                assert [web.post(url, json=HELLO).status_code for url in urls] == [200, 200]
                before = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
                for url in urls:
                    _fire(ground, web, url)
                ground.heal()
                assert [web.post(url, json=HELLO).status_code for url in urls] == [200, 200]
                assert len(list(Path(f"/proc/{process.pid}/fd").iterdir())) <= before + 1
            process.send_signal(signal.SIGINT)
            _, complaints = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in complaints


def _fire(ground: Ground, web: httpx2.Client, url: str) -> None:
    for kind in WHOLE:
        ground.server.schedule = FaultSchedule(kinds=(kind,))
        answer = web.post(url, json=HELLO)
        assert answer.status_code >= 400, kind
        assert "fake/m" in answer.text or "429" in answer.text
    for kind in STREAMED:
        ground.server.schedule = FaultSchedule(kinds=(kind,))
        try:
            answer = web.post(url, json=HELLO | {"stream": True})
        except httpx2.TransportError:
            continue  # a stream that broke, broken off for the client, too
        assert answer.status_code >= 400 or "error" in answer.text, kind
    ground.server.schedule = QUIET
