"""``skvm config doctor`` and ``show``, ``.env``, the default mode: what is looked at and told."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest

from skvm.cli import config_live
from skvm.cli.command import SkvmCommand, adapter_config_option
from skvm.cli.config_env import take_project_env
from skvm.cli.main import run
from skvm.llm.fake import FakeAnswer, FakeServer
from tests.unit.cli.terminal import on_terminal

KEY = "sk-planted-0123456789abcdef"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "cache"


def put(cache: Path, values: object) -> None:
    cache.mkdir(exist_ok=True)
    path = cache / "skvm.config.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    path.chmod(0o600)


def doctor(cache: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, dict[Any, Any]]:
    code = run(["config", "doctor", "--json", f"--skvm-cache={cache}", *flags])
    shown = capsys.readouterr()
    assert KEY not in shown.out + shown.err
    checks = json.loads(shown.out)["checks"]
    return code, {(each["group"], each["name"]): each for each in checks}


def route(match: str, url: str, **more: str) -> dict[str, str]:
    return {"match": match, "kind": "openai-compatible", "baseUrl": url, **more}


def test_rows_say_what_is_wrong_and_the_way_out(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UGLY", "käy")
    put(
        cache,
        {
            "providers": {
                "routes": [
                    route("good/*", "http://127.0.0.1:1/v1", apiKey=KEY),
                    route("good/narrow", "http://127.0.0.1:1/v1"),
                    route("lost/*", "nowhere"),
                    route("secret/*", f"http://u:{KEY}@h/v1"),
                    route("unset/*", "http://127.0.0.1:1/v1", apiKeyEnv="NOBODY_SET_IT"),
                    route("ugly/*", "http://127.0.0.1:1/v1", apiKeyEnv="UGLY"),
                ]
            },
            "adapters": {"codez": "/x", "codex": "/not/there"},
            "defaults": {"adapterConfigMode": "native"},
            "headlessAgent": {"driver": "pi"},
            "pathz": {},
        },
    )
    code, rows = doctor(cache, capsys)
    assert code == 1
    status = {
        name: (row["status"], row["help"]) for (group, name), row in rows.items() if group == "providers"
    }
    assert status["good/*"] == ("ok", None)
    assert status["good/narrow"][0] == "warning"
    assert "good/* comes first" in rows["providers", "good/narrow"]["detail"]
    assert status["lost/*"][0] == status["secret/*"][0] == status["ugly/*"][0] == "failed"
    assert status["unset/*"] == ("warning", "set NOBODY_SET_IT")
    assert rows["adapters", "codez"]["help"] == "did you mean codex?"
    assert rows["adapters", "codex"]["status"] == "failed"
    assert rows["adapters", "native"]["status"] == "warning"
    assert rows["configuration", "SKV401"]["help"] == "did you mean paths?"
    assert rows["configuration", "SKV406"]["status"] == "info"
    assert {group for group, _ in rows} >= {"folders", "dataset", "sandbox", "embedded model"}


@pytest.mark.parametrize("values", ["{", '{"headlessAgent": {"modelPrefix": "x"}}', '{"paths": 3}'])
@pytest.mark.parametrize("name", [["config", "doctor"], ["doctor"]])
def test_a_file_that_cannot_be_read_is_a_row(
    cache: Path, capsys: pytest.CaptureFixture[str], values: str, name: list[str]
) -> None:
    put(cache, values)
    assert run([*name, "--json", f"--skvm-cache={cache}"]) == 1
    checks = json.loads(capsys.readouterr().out)["checks"]
    failed = [each for each in checks if each["status"] == "failed"]
    assert [(each["group"], each["name"]) for each in failed] == [("configuration", "file")]
    assert failed[0]["help"] or "must be" in failed[0]["detail"]


class _Lister(BaseHTTPRequestHandler):
    """Lists models, and refuses whoever has no key."""

    def do_GET(self) -> None:
        is_known = self.headers.get("authorization") == f"Bearer {KEY}"
        body = json.dumps({"data": [{"id": "text-embed"}, {"id": "talker"}]}).encode() if is_known else b"{}"
        self.send_response(200 if is_known else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = {"id": "x", "object": "chat.completion", "created": 1, "model": asked["model"]}
        message = {"role": "assistant", "content": "ready"}
        answer["choices"] = [{"index": 0, "finish_reason": "stop", "message": message}]
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def lister() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Lister)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_live_calls_every_route_and_says_what_failed(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def no_such_name(host: Any, *args: Any, **more: Any) -> Any:
        if "nowhere" in str(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *args, **more)

    # A resolver without a network may take half a minute to say so.
    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    with lister() as url, FakeServer.running([FakeAnswer("bad key", status=401)]) as refusing:
        put(
            cache,
            {
                "providers": {
                    "routes": [
                        route("listed/*", url, apiKey=KEY),
                        route("barred/*", url, apiKey="sk-another-0123456789"),
                        route("named/m", refusing.base_url, apiKey=KEY),
                        route("refused/m", "http://127.0.0.1:9/v1"),
                        route("dns/m", "http://nowhere.invalid/v1"),
                        route("keyless/*", url, apiKeyEnv="NOBODY_SET_IT"),
                    ]
                }
            },
        )
        code, rows = doctor(cache, capsys, "--live")
    live = {name: row for (group, name), row in rows.items() if group == "live"}
    assert code == 1
    assert live["listed/*"]["status"] == "ok"
    assert live["listed/*"]["detail"].startswith("listed/talker answered in ")
    for name, word in {"barred/*": "401", "named/m": "401", "refused/m": "refused", "dns/m": "DNS"}.items():
        assert live[name]["detail"].startswith(f"{word}: ")
        assert live[name]["help"]
    assert "keyless/*" not in live


def test_live_waits_so_long_and_no_longer(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_live, "DEADLINE_S", 0.5)
    with FakeServer.running([FakeAnswer("late", delay_s=60)]) as silent:
        put(cache, {"providers": {"routes": [route("silent/m", silent.base_url)]}})
        code, rows = doctor(cache, capsys, "--live")
    assert code == 1
    assert "timeout" in rows["live", "silent/m"]["detail"]


def test_live_is_no_replay(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKVM_CASSETTE", str(cache))
    put(cache, {"providers": {"routes": [route("a/m", "http://127.0.0.1:9/v1")]}})
    code, rows = doctor(cache, capsys, "--live")
    assert (code, rows["live", "routes"]["help"]) == (1, "unset SKVM_CASSETTE")


def test_show_tells_sources_and_no_part_of_a_key(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKVM_LOGS_DIR", str(cache / "elsewhere"))
    put(
        cache,
        {
            "providers": {"routes": [route("a/*", f"http://user:{KEY}@h/v1", apiKey=KEY)]},
            "adapters": {"pi": {"extraCliArgs": ["--key", KEY]}},
            "paths": {"tmpDir": "t"},
        },
    )
    for flags in ([], ["--json"]):
        assert run(["config", "show", f"--skvm-cache={cache}", *flags]) == 0
        shown = capsys.readouterr()
        assert not any(KEY[start : start + 8] in shown.out + shown.err for start in range(len(KEY) - 8))
    found = json.loads(shown.out)
    assert found["values"]["cacheDir"]["source"] == "--skvm-cache"
    assert found["values"]["logsDir"] == {"value": str(cache / "elsewhere"), "source": "SKVM_LOGS_DIR"}
    assert found["values"]["tmpDir"]["source"] == str(cache / "skvm.config.json")
    assert found["values"]["profilesDir"]["source"] == "default"


def test_a_project_env_gives_keys_and_redirects_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "# a remark\n"
        "export LAB_API_KEY='abc # def' # remark\n"
        "OPENROUTER_API_KEY=mine\n"
        'SKVM_DATA_DIR="/data"\n'
        "OPENAI_BASE_URL=http://evil.example\n"
        "SKVM_CACHE=evil\n"
        "SKVM_CODEX_CMD=./evil\n"
        "PATH=.\nLD_PRELOAD=x\nHTTPS_PROXY=http://evil\nnot a line\n=x\nA_TOKEN=a\x00b\n"
    )
    env = {"OPENROUTER_API_KEY": "set before"}
    assert take_project_env(env, path) == ("LAB_API_KEY", "SKVM_DATA_DIR")
    assert env == {"OPENROUTER_API_KEY": "set before", "LAB_API_KEY": "abc # def", "SKVM_DATA_DIR": "/data"}
    path.write_text("A_API_KEY=" + "x" * 70_000)
    assert take_project_env(env, path) == ()
    assert take_project_env(env, tmp_path) == ()
    assert take_project_env(env, tmp_path / "absent") == ()


@pytest.mark.parametrize(
    ("flags", "mode"),
    [
        (["--adapter=codex"], "native"),
        (["--adapter=codex", "--adapter-config=managed"], "managed"),
        (["--adapter=bare-agent"], None),
        (["--adapter=jiuwenclaw"], None),
        (["--adapter=codex", "--resume=x"], None),
        ([], None),
    ],
)
def test_the_default_mode_holds_where_a_harness_can(cache: Path, flags: list[str], mode: str | None) -> None:
    put(cache, {"defaults": {"adapterConfigMode": "native"}})
    seen: list[str | None] = []

    @click.command("x", cls=SkvmCommand)
    @click.option("--adapter")
    @click.option("--resume")
    @adapter_config_option
    def command(adapter: str | None, resume: str | None, adapter_config: str | None) -> None:
        seen.append(adapter_config)

    command.main([*flags, f"--skvm-cache={cache}"], standalone_mode=False)
    assert seen == [mode]


@pytest.mark.parametrize(("value", "has_colours"), [("1", False), ("", True)])
def test_no_color_is_heeded_by_errors(
    cache: Path, monkeypatch: pytest.MonkeyPatch, value: str, has_colours: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", value)
    with on_terminal(lambda: run(["import-cache", "nowhere", f"--skvm-cache={cache}"])) as terminal:
        assert terminal.end() == 2
    assert ("\x1b[31m" in terminal.raw) is has_colours


def test_a_verb_of_profile_hears_its_own_flags(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(cache, {})
    assert run(["profile", "list", f"--skvm-cache={tmp_path / 'other'}"]) == 0
    assert str(tmp_path / "other" / "profiles") in "".join(capsys.readouterr().out.split("\n"))
