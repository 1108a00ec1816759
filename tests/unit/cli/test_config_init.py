"""``skvm config init`` as people use it: on a terminal, with Ctrl-C and nonsense; and by flags."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from skvm.cli.config_document import BACKUPS, Document, suggest_prefix, tidy_url
from skvm.cli.main import run
from skvm.errors import UsageError
from tests.unit.cli.terminal import Terminal, on_terminal

KEY = "sk-pasted-0123456789abcdef"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def config(cache: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((cache / "skvm.config.json").read_text())
    return found


def put(cache: Path, values: object) -> bytes:
    cache.mkdir(exist_ok=True)
    path = cache / "skvm.config.json"
    path.write_text(json.dumps(values))
    path.chmod(0o600)
    return path.read_bytes()


@contextmanager
def wizard(cache: Path, *, columns: int = 100) -> Iterator[Terminal]:
    with on_terminal(
        lambda: run(["config", "init", "--skvm-cache", str(cache)]), columns=columns
    ) as terminal:
        yield terminal


@pytest.mark.parametrize("columns", [100, 20])
def test_the_whole_way(cache: Path, columns: int) -> None:
    with wizard(cache, columns=columns) as term:
        term.answer("step [1]: ", "")
        term.answer("Enter to go on: ", "1")
        term.answer("key: variable or paste [variable]: ", "p")
        term.until("(it is not shown): ")
        term.send(f"x\x7f{KEY}\n")
        term.answer("Enter to go on: ", "3")
        term.answer("base URL: ", "http://127.0.0.1:11434/v1/chat/completions")
        term.answer("prefix of its model ids [ollama]: ", "")
        term.answer("which ids it serves [ollama/*]: ", "")
        term.answer("none [none]: ", "")
        term.answer("Enter to go on: ", "")
        term.answer("step [2]: ", "")
        term.answer("default mode [managed]: ", "nat")
        term.answer("step [3]: ", "")
        term.answer("Enter to go on: ", "1")
        term.until("built checkout: ")
        term.send("/opt/harness\n")
        for _ in range(2):
            term.until(": ")
            term.send("\n")
        term.send("\n")
        term.until("step [4]: ")
        term.send("\n")
        term.until("write it [yes]: ")
        term.send("\n")
        assert term.end() == 0
        assert KEY not in term.seen
        assert "try it: skvm config doctor --live" in term.seen
    path = cache / "skvm.config.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = config(cache)
    assert written["providers"]["routes"] == [
        {"match": "openrouter/*", "kind": "openrouter", "apiKey": KEY},
        {"match": "ollama/*", "kind": "openai-compatible", "baseUrl": "http://127.0.0.1:11434/v1"},
    ]
    assert written["defaults"] == {"adapterConfigMode": "native"}
    assert [each["repoPath"] for each in written["adapters"].values()] == ["/opt/harness"]


def test_control_c_leaves_a_step_and_loses_nothing_finished(cache: Path) -> None:
    with wizard(cache) as term:
        term.answer("step [1]: ", "1")
        term.answer("Enter to go on: ", "1")
        term.answer("[variable]: ", "v")
        term.answer("holds it [OPENROUTER_API_KEY]: ", "MINE")
        # A key half given is dropped with its question, the route before it stays.
        term.answer("Enter to go on: ", "2")
        term.answer("[variable]: ", "paste")
        term.until("(it is not shown): ")
        term.send("sk-half\x03")
        term.until("left; what was finished in it stays")
        for question in ("default mode [managed]: ", "Enter to go on: ", "write it [yes]: "):
            step = {"default": "2", "Enter": "3", "write": "4"}[question.split()[0]]
            term.until("step [")
            term.send(step + "\n")
            term.until(question)
            term.send("\x03")
            term.until("left;")
        term.until("step [")
        term.send("4\n")
        term.answer("write it [yes]: ", "y")
        assert term.end() == 0
    assert config(cache)["providers"]["routes"] == [
        {"match": "openrouter/*", "kind": "openrouter", "apiKeyEnv": "MINE"}
    ]


def lead_to(term: Terminal, place: str) -> None:
    """Walk to a question."""
    walk = {
        "step": [],
        "providers": [("step [", "1")],
        "key": [("step [", "1"), ("go on: ", "2")],
        "paste": [("step [", "1"), ("go on: ", "2"), ("[variable]: ", "p")],
        "url": [("step [", "1"), ("go on: ", "3")],
        "mode": [("step [", "2")],
        "adapter": [("step [", "3"), ("go on: ", "1")],
    }[place]
    for question, answer in walk:
        term.until(question)
        term.send(answer + "\n")
    ends = {"paste": "not shown): ", "key": "[variable]: ", "url": "base URL: ", "adapter": "checkout: "}
    term.until(ends.get(place, "]: " if place in {"step", "mode"} else "go on: "))


PLACES = ["step", "providers", "key", "paste", "url", "mode", "adapter"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("how", ["end of input", "hang-up", "q"])
def test_leaving_anywhere_writes_nothing(cache: Path, place: str, how: str) -> None:
    before = put(cache, {"providers": {"routes": [{"match": "a/*", "kind": "anthropic", "apiKeyEnv": "A"}]}})
    with wizard(cache) as term:
        lead_to(term, place)
        if how == "hang-up":
            os.kill(term.pid, signal.SIGHUP)
        else:
            if place == "paste" and how == "q":
                # A key may well be a q, so there it is no way out.
                term.send("\x03")
                term.until("step [")
            term.send("\x04" if how == "end of input" else "q\n")
        assert term.end() == (0 if how == "q" else 130)
        assert "nothing was written" in term.seen
        assert "Traceback" not in term.seen
    assert (cache / "skvm.config.json").read_bytes() == before
    assert [each.name for each in cache.iterdir()] == ["skvm.config.json"]


def test_control_c_between_steps_ends(cache: Path) -> None:
    with wizard(cache) as term:
        term.until("step [1]: ")
        term.send("\x03")
        assert term.end() == 130
    assert not cache.exists()


def test_garbage_is_asked_again(cache: Path) -> None:
    with wizard(cache) as term:
        for nonsense in (b"\xff\xfe zz\n", b"\x1b[3~zz\n", b"0\n", b"99999999999\n", "²\n".encode(), b"-1\n"):
            term.until("step [1]: ")
            term.send(nonsense)
        term.answer("step [1]: ", "1")
        term.answer("go on: ", "3")
        for address in (
            "nonsense",
            "ftp://x",
            "http://",
            "http://u:p@h/v1",
            "http://h:0/",
            "http://h:99999/",
        ):
            term.answer("base URL: ", address if address != "nonsense" else "::::")
        term.answer("base URL: ", "api.deepseek.com")
        term.answer("add it [yes]: ", "maybe")
        term.answer("add it [yes]: ", "")
        for prefix in ("a b", "a/b", "..;"):
            term.answer("[deepseek]: ", prefix)
        term.answer("[deepseek]: ", "")
        term.answer("[deepseek/*]: ", "no-slash")
        term.answer("[deepseek/*]: ", "")
        term.answer("[variable]: ", "vv")
        term.answer("[variable]: ", "v")
        term.answer("[DEEPSEEK_API_KEY]: ", "sk-oops-0123456789")
        term.answer("[DEEPSEEK_API_KEY]: ", "")
        term.answer("go on: ", "")
        term.until("step [2]: ")
        term.send("4\n")
        term.answer("write it [yes]: ", "")
        assert term.end() == 0
        assert "Traceback" not in term.seen
    assert config(cache)["providers"]["routes"] == [
        {
            "match": "deepseek/*",
            "kind": "openai-compatible",
            "baseUrl": "https://api.deepseek.com/v1",
            "apiKeyEnv": "DEEPSEEK_API_KEY",
        }
    ]


def test_what_is_not_asked_for_stays_and_unticking_removes(cache: Path) -> None:
    old = {
        "_note": "mine",
        "providers": {
            "more": 1,
            "routes": [
                {"match": "a/*", "kind": "anthropic", "apiKey": "sk-kept-0123456789", "discoveredAt": "x"},
                {"match": "b/*", "kind": "openrouter", "apiKeyEnv": "B"},
            ],
        },
        "adapters": {"pi": {"repoPath": "/x", "own": True}},
        "paths": {"tmpDir": "/var/tmp"},
        "headlessAgent": {"driver": "pi", "modelPrefix": "x"},
    }
    before = put(cache, old)
    with wizard(cache) as term:
        term.answer("step [1]: ", "1")
        term.answer("go on: ", "2")
        term.answer("[keep]: ", "remove")
        term.answer("go on: ", "1")
        term.answer("[keep]: ", "edit")
        term.answer("[keep]: ", "")
        term.answer("go on: ", "")
        term.until("step [2]: ")
        term.send("4\n")
        term.answer("remove from the file [yes]: ", "")
        term.answer("write it [yes]: ", "")
        assert term.end() == 0
        assert "sk-kept" not in term.seen
    assert config(cache) == {
        **old,
        "providers": {"more": 1, "routes": [old["providers"]["routes"][0]]},  # type: ignore[index]
        "headlessAgent": {"driver": "pi"},
    }
    (backup,) = cache.glob("*.bak.*")
    assert backup.read_bytes() == before
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_without_a_terminal_it_says_how_else(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "init", "--skvm-cache", str(cache)]) == 2
    told = capsys.readouterr().err
    assert '"providers"' in told
    assert "--route" in told
    assert not cache.exists()


def init(cache: Path, *flags: str) -> int:
    return run(["config", "init", "--skvm-cache", str(cache), *flags])


def test_flags_write_once(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = (
        *("--route", "openrouter", "--route", "openai-compatible,url=http://127.0.0.1:8000/v1,key-env=LAB"),
        *("--adapter", "codex=/opt/codex", "--adapter-mode", "native", "--json"),
    )
    assert init(cache, *flags) == 0
    assert json.loads(capsys.readouterr().out)["written"] is True
    assert config(cache) == {
        "providers": {
            "routes": [
                {"match": "openrouter/*", "kind": "openrouter", "apiKeyEnv": "OPENROUTER_API_KEY"},
                {
                    "match": "vllm/*",
                    "kind": "openai-compatible",
                    "baseUrl": "http://127.0.0.1:8000/v1",
                    "apiKeyEnv": "LAB",
                },
            ]
        },
        "adapters": {"codex": {"repoPath": "/opt/codex"}},
        "defaults": {"adapterConfigMode": "native"},
    }
    assert init(cache, *flags) == 0
    assert json.loads(capsys.readouterr().out)["written"] is False
    assert init(cache, "--remove-route", "vllm/*", "--route", "anthropic,match=openrouter/claude-*") == 0
    # The narrower pattern comes before the one that would take its models.
    assert [each["match"] for each in config(cache)["providers"]["routes"]] == [
        "openrouter/claude-*",
        "openrouter/*",
    ]


def test_a_key_comes_by_standard_input_alone(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(f"{KEY}\n"))
    assert init(cache, "--route", "anthropic,key=-") == 0
    assert config(cache)["providers"]["routes"][0]["apiKey"] == KEY
    assert init(cache, "--route", f"anthropic,key={KEY}") == 2
    shown = capsys.readouterr()
    assert KEY not in shown.out + shown.err


@pytest.mark.parametrize(
    "flags",
    [
        ("--route", "nonsense"),
        ("--route", "openai-compatible"),
        ("--route", "openai-compatible,url=::"),
        ("--route", "openrouter,what=1"),
        ("--route", "openrouter,key-env=a-b"),
        ("--remove-route", "zz/*"),
        ("--adapter", "nobody=/x"),
        ("--adapter", "codex"),
        ("--adapter-mode", "both"),
        ("--route", "openrouter,key=-", "--route", "anthropic,key=-"),
    ],
)
def test_wrong_flags_write_nothing(cache: Path, flags: tuple[str, ...]) -> None:
    assert init(cache, *flags) == 2
    assert not cache.exists()


def test_a_broken_file_is_not_overwritten(cache: Path) -> None:
    cache.mkdir()
    path = cache / "skvm.config.json"
    for broken in (b"{", b'{"providers": 3}', b'{"providers": {"routes": {}}}', b'{"adapters": []}'):
        path.write_bytes(broken)
        assert init(cache, "--route", "openrouter") == 2
        assert path.read_bytes() == broken
    put(cache, {"headlessAgent": {"modelPrefix": "x"}})
    assert init(cache, "--route", "openrouter") == 2
    assert init(cache, "--route", "openrouter", "--migrate") == 0
    assert "headlessAgent" not in config(cache)


def test_five_old_files_are_kept_and_a_link_stays_a_link(cache: Path, tmp_path: Path) -> None:
    cache.mkdir()
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    (cache / "skvm.config.json").symlink_to(real)
    other = cache / "skvm.config.json.bak.mine"
    other.write_text("not ours")
    (cache / "skvm.config.json.bak.1").write_text("nor is this")
    for number in range(BACKUPS + 3):
        assert init(cache, "--route", f"openrouter,key-env=K{number}") == 0
    assert (cache / "skvm.config.json").is_symlink()
    assert json.loads(real.read_text())["providers"]["routes"][0]["apiKeyEnv"] == f"K{BACKUPS + 2}"
    kept = sorted(cache.glob("skvm.config.json.bak.[0-9][0-9]*"))
    assert len(kept) == BACKUPS
    assert json.loads(kept[-1].read_text())["providers"]["routes"][0]["apiKeyEnv"] == f"K{BACKUPS + 1}"
    assert other.exists()
    assert (cache / "skvm.config.json.bak.1").read_text() == "nor is this"


def test_two_writers_lose_nothing(cache: Path) -> None:
    put(cache, {})
    first = Document.open(cache / "skvm.config.json")
    second = Document.open(cache / "skvm.config.json")
    first.put_route({"match": "a/*", "kind": "anthropic", "apiKeyEnv": "A"})
    second.put_route({"match": "b/*", "kind": "anthropic", "apiKeyEnv": "B"})
    first.write()
    with pytest.raises(UsageError, match="changed by another process"):
        second.write()
    assert [each["match"] for each in config(cache)["providers"]["routes"]] == ["a/*"]


def _dies_writing(cache: Path, steps: int) -> bool:
    """Write in a child that is killed before its n-th change of the disk; whether it came so far."""
    pid = os.fork()
    if pid == 0:
        left = [steps]

        def counted(work: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **more: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return work(*args, **more)

            return call

        try:
            for name in ("write", "fsync", "replace", "rename", "unlink", "fchmod"):
                setattr(os, name, counted(getattr(os, name)))
            init(cache, "--route", f"openrouter,key-env=N{steps}", "--json")
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) != 0


def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one(cache: Path) -> None:
    old = put(cache, {"_note": "x" * 9000})
    steps = 0
    while _dies_writing(cache, steps):
        steps += 1
        assert steps < 50
        now = (cache / "skvm.config.json").read_bytes()
        assert now == old or json.loads(now)["providers"]["routes"]
        assert stat.S_IMODE((cache / "skvm.config.json").stat().st_mode) == 0o600
        old = now
    assert steps > 4
    assert config(cache)["_note"] == "x" * 9000


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("http://localhost:1234/v1", "lmstudio"),
        ("http://192.168.1.5:11434/v1", "ollama"),
        ("http://127.0.0.1:9999/v1", "server"),
        ("https://api.together.xyz/v1", "together"),
        ("https://openrouter.ai/api/v1", "openrouter2"),
        ("https://api.openai.com/v1", "openai2"),
        ("http://[::1]:8080/v1", "llamacpp"),
        ("https://example/v1", "example"),
    ],
)
def test_a_prefix_is_suggested(url: str, prefix: str) -> None:
    assert suggest_prefix(tidy_url(url), set()) == prefix
    assert suggest_prefix(tidy_url(url), {prefix}) != prefix
