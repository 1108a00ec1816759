"""The site server by itself, over plain sockets of the host."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.abc
import httpx2
import pytest

from skvm.evaluate import site_server
from skvm.evaluate.site_server import MAX_BODY_BYTES, SiteServer, serve_site
from skvm.harness.site import SITE_ORIGIN, Page, Site, Visit

pytestmark = pytest.mark.anyio

SITE = Site(
    (
        Page("/", f"<a href='{SITE_ORIGIN}/next'>home</a>"),
        Page("/items", "[2]", query={"page": "2", "tag": "a b"}, content_type="application/json"),
        Page("/private", "secret", headers={"x-token": "t"}),
        Page("/private", "who are you?", status=401),
        Page("/caf\u00e9", "hot"),
        Page(
            "/login",
            "",
            method="POST",
            form={"user": "ann"},
            status=303,
            answer_headers={"set-cookie": "s=1; Path=/", "location": f"{SITE_ORIGIN}/home"},
        ),
        Page("/home", "welcome", headers={"cookie": "s=1"}),
        Page("/gone", "unseen", method="DELETE", status=204),
    )
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def serving(site: Site = SITE) -> AsyncIterator[SiteServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with serve_site(site, listener) as server:
            yield server


def client(server: SiteServer, **options: object) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=server.origin, trust_env=False, timeout=20, **options)  # type: ignore[arg-type]


async def exchange(server: SiteServer, sent: bytes) -> bytes:
    """All a server says to these bytes until it closes the connection, or nothing is left to say."""
    host, port = server.origin.removeprefix("http://").split(":")
    async with await anyio.connect_tcp(host, int(port)) as stream:
        with suppress(anyio.BrokenResourceError):
            await stream.send(sent)
            await stream.send_eof()
        return await rest(stream)


async def rest(stream: anyio.abc.ByteStream) -> bytes:
    received = b""
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            received += await stream.receive()
    return received


async def test_pages_are_found_and_visits_remembered() -> None:
    async with serving() as server, client(server) as web:
        home = await web.get("/")
        assert home.text == f"<a href='{server.origin}/next'>home</a>"
        assert home.headers["content-type"] == "text/html; charset=utf-8"
        items = await web.get("/items", params={"tag": "a b", "page": "2"})
        assert (items.json(), items.headers["content-type"]) == ([2], "application/json")
        assert (await web.get("/items")).status_code == 404
        assert (await web.get("/private")).status_code == 401
        assert (await web.get("/private", headers={"X-Token": "t"})).text == "secret"
        assert (await web.get("/caf\u00e9")).text == "hot"
        head = await web.head("/")
        assert (head.text, head.headers["content-length"]) == ("", str(len(home.content)))
        gone = await web.delete("/gone")
        assert (gone.status_code, gone.content) == (204, b"")
    assert server.visits == [
        Visit("GET", "/", {}, 200),
        Visit("GET", "/items", {"tag": "a b", "page": "2"}, 200),
        Visit("GET", "/items", {}, 404),
        Visit("GET", "/private", {}, 401),
        Visit("GET", "/private", {}, 200),
        Visit("GET", "/caf\u00e9", {}, 200),
        Visit("HEAD", "/", {}, 200),
        Visit("DELETE", "/gone", {}, 204),
    ]


async def test_forms_json_and_cookies() -> None:
    async with serving() as server, client(server, follow_redirects=True) as web:
        assert (await web.get("/home")).status_code == 404
        assert (await web.post("/login", data={"user": "bob"})).status_code == 404
        assert (await web.post("/login", data={"user": "ann", "more": "1"})).text == "welcome"
    async with serving() as server, client(server) as web:
        for options in (
            {"json": {"user": "ann", "n": 5, "ok": True, "list": [1, "x"]}},
            # As curl names any body.
            {"content": '{"user": "ann"}', "headers": {"content-type": "application/x-www-form-urlencoded"}},
            {"content": b'{"user": "ann"}'},
        ):
            answer = await web.post("/login", **options)  # type: ignore[arg-type]
            assert answer.status_code == 303
            assert answer.headers["location"] == f"{server.origin}/home"
        for content in ("{", '{"a":' * 9000, "[1]", "null", b"\xff\xfe", "user=ann"):
            answer = await web.post("/login", content=content, headers={"content-type": "application/json"})
            assert answer.status_code == 404
    assert server.visits[0].form == {"user": "ann", "n": "5", "ok": "true", "list": '[1, "x"]'}
    assert all(visit.form == {} for visit in server.visits[3:])


async def test_a_connection_is_kept_or_closed_as_asked() -> None:
    async with serving() as server:
        get = b"GET /private HTTP/1.1\r\nHost: x\r\n\r\n"
        twice = await exchange(server, get + get)
        assert twice.count(b"who are you?") == 2
        closed = await exchange(server, get.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + get)
        assert closed.count(b"who are you?") == 1
        assert b"connection: close" in closed.lower()
        old = await exchange(server, b"GET /private HTTP/1.0\r\n\r\n")
        assert old.startswith(b"HTTP/1.1 401")
        body = b"user=ann"
        waiting = (
            b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        host, port = server.origin.removeprefix("http://").split(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(waiting)
            assert (await stream.receive()).startswith(b"HTTP/1.1 100 ")
            await stream.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            assert (await stream.receive()).startswith(b"HTTP/1.1 303 ")


GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n",
    b"GET / HTTQ/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"G\xc3\x89T / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000,
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
]


@pytest.mark.parametrize("sent", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_is_a_bad_request_and_the_site_goes_on(sent: bytes) -> None:
    async with serving() as server:
        answer = await exchange(server, sent)
        assert answer[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 431", b"HTTP/1.1 501"}
        assert server.visits == []
        async with client(server) as web:
            assert (await web.get("/private")).status_code == 401


async def test_noise_never_raises() -> None:
    rng = random.Random(1)
    request = b"POST /login?x=%zz&y HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\":\"b\"}"  # fmt: skip  # noqa: E501
    async with serving() as server:
        for _ in range(300):
            spoiled = bytearray(request)
            for _ in range(rng.randint(1, 6)):
                spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
            await exchange(server, bytes(spoiled[: rng.randint(1, len(spoiled))]))
        assert (await exchange(server, request)).startswith(b"HTTP/1.1 404")
    assert server.visits[-1] == Visit("POST", "/login", {"x": "%zz", "y": ""}, 404, {"a": "b"})


async def test_a_body_is_capped() -> None:
    async with serving() as server, client(server) as web:
        whole = await web.post("/login", content=b"x" * MAX_BODY_BYTES)
        assert whole.status_code == 404
        assert (await web.post("/login", content=b"x" * (MAX_BODY_BYTES + 1))).status_code == 413
    assert len(server.visits) == 1


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_server, "MAX_VISITS", 2)
    async with serving() as server, client(server) as web:
        statuses = [(await web.get("/private")).status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert len(server.visits) == 2


async def test_bytes_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_server, "MAX_VISIT_BYTES", 1000)
    async with serving() as server, client(server) as web:
        statuses = [(await web.post("/x", content=b"y" * 400)).status_code for _ in range(4)]
    assert statuses == [404, 404, 429, 429]


async def test_silent_and_idle_connections_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_server, "IDLE_S", 0.1)
    async with serving() as server:
        host, port = server.origin.removeprefix("http://").split(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(b"GET / HT")
            with anyio.fail_after(20):
                assert b"200" not in await rest(stream)


async def test_more_connections_than_places_are_all_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_server, "MAX_CONNECTIONS", 3)
    said = []
    async with serving() as server, anyio.create_task_group() as group:

        async def ask() -> None:
            said.append(await exchange(server, b"GET /private HTTP/1.1\r\nHost: x\r\n\r\n"))

        for _ in range(20):
            group.start_soon(ask)
    assert len(said) == len(server.visits) == 20
    assert all(answer.startswith(b"HTTP/1.1 401") for answer in said)


async def test_the_end_of_the_block_ends_open_connections_and_passes_errors_on() -> None:
    places: list[tuple[str, int]] = []
    streams: list[anyio.abc.ByteStream] = []

    async def fail() -> None:
        async with serving() as server:
            host, port = server.origin.removeprefix("http://").split(":")
            places.append((host, int(port)))
            streams.append(await anyio.connect_tcp(host, int(port)))
            await streams[0].send(b"GET / HTTP/1.1\r\n")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await fail()
    assert await rest(streams[0]) == b""
    await streams[0].aclose()
    with pytest.raises(OSError, match=r"refused|failed"):
        await anyio.connect_tcp(*places[0])


def test_json_values_keep_their_json_form() -> None:
    fields = site_server._fields(json.dumps({"a": None, "b": 1.5, "c": "d"}).encode(), "")
    assert fields == {"a": "null", "b": "1.5", "c": "d"}
