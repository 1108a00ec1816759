"""Node packages: installed from a registry of our own on the loopback."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest

from skvm.errors import FindingsError
from skvm.harness.confine import choose_sandbox
from skvm.harness.environment.bind import bind, find_bound
from skvm.harness.environment.build import cell_path
from skvm.harness.environment.check import State, check_manifest
from skvm.harness.sandbox import Policy
from tests.unit.harness.environment.making import entry, manifest, npm_tarball

pytestmark = pytest.mark.skipif(
    shutil.which("npm", path=cell_path()) is None, reason="npm is not in a system directory"
)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serves ``@demo/tool`` 1.2.3 and nothing else."""
    tarball = npm_tarball("@demo/tool", "1.2.3", "demo-node")
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
            name = self.path.replace("%2f", "/").replace("%2F", "/")
            if name.endswith(".tgz"):
                self.answer(200, tarball)
            elif name == "/@demo/tool":
                dist = {"tarball": f"{host}/tool.tgz", "integrity": integrity}
                version = {
                    "name": "@demo/tool",
                    "version": "1.2.3",
                    "bin": {"demo-node": "run.js"},
                    "dist": dist,
                }
                about = {
                    "name": "@demo/tool",
                    "dist-tags": {"latest": "1.2.3"},
                    "versions": {"1.2.3": version},
                }
                self.answer(200, json.dumps(about).encode())
            else:
                self.answer(404, b"{}")

        def answer(self, status: int, data: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.lower().startswith("npm_config_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/")
    try:
        yield "ok"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.usefixtures("registry")
def test_a_scoped_package_is_bound_and_found(tmp_path: Path) -> None:
    cache, wanted = tmp_path / "cache", manifest(entry("@demo/tool", "npm", spec="^1.2"))
    sandbox = choose_sandbox("auto")

    bound = anyio.run(bind, cache, wanted, sandbox)

    assert [(item.name, item.version) for item in bound.record.packages] == [("@demo/tool", "1.2.3")]
    assert (bound.record.packages[0].digest or "").startswith("sha512-")
    assert [item.state for item in check_manifest(wanted, find_bound(cache, wanted))] == [State.PRESENT]
    work = tmp_path / "work"
    work.mkdir()

    async def run() -> str:
        policy = Policy(work, read_only=(bound.folder,), path_prefix=bound.path_prefix, env=bound.env)
        async with sandbox.open(policy) as cell:
            return (await cell.execute("demo-node", timeout_s=30)).stdout.strip()

    assert anyio.run(run) == "made by node"


@pytest.mark.usefixtures("registry")
def test_a_package_nobody_has_leaves_nothing(tmp_path: Path) -> None:
    cache, wanted = tmp_path / "cache", manifest(entry("nobody-made-this", "npm"))

    with pytest.raises(FindingsError, match="npm install failed"):
        anyio.run(bind, cache, wanted, choose_sandbox("auto"))

    assert find_bound(cache, wanted) is None
    assert [path.suffix for path in (cache / "environments").iterdir()] == [".lock"]
