"""Giving what one slot has read to the others: nothing depends on it, whatever the server answers."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import pytest

from skvm.llm.slots import spread

SLOTS = [{"id": 0, "id_task": 3}, {"id": 1, "id_task": 7}, {"id": 2, "id_task": 5, "is_processing": True}]


@contextmanager
def serving(status, answer):
    """A server whose slots are told so; gives its address and what was asked of it."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._say(status, answer)

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            asked.append(self.path)
            self._say(200, {})

        def _say(self, status, value):
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_idle_slots_are_given_what_the_last_one_read(tmp_path):
    with serving(200, SLOTS) as (address, asked):
        assert anyio.run(spread, address, "key", tmp_path) == 1
    assert asked == ["/slots/1?action=save", "/slots/0?action=restore"]


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (503, {"error": {"message": "Loading model"}}),
        (501, {"error": "no slots"}),
        (200, {"a": 1}),
        (200, ["a"]),
    ],
)
def test_a_server_that_tells_no_slots_gives_nothing(tmp_path, status, answer):
    with serving(status, answer) as (address, asked):
        assert anyio.run(spread, address, "key", tmp_path) == 0
    assert asked == []
