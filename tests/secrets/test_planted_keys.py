"""Distinct keys are planted wherever a key can come from; then everything written anywhere is searched."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest

from skvm.cli.main import run as skvm
from skvm.llm.fake import FakeServer
from tests.secrets.planting import KEYS, SAID, Model, found_in, keys_below
from tests.unit.cli.plans import step, write_plan
from tests.unit.compiler.making import make_profile, make_skill
from tests.unit.optimizer.loop.sessions import SKILL

CONFIG = "skvm.config.json"


def test_the_search_finds_what_is_there(tmp_path: Path):
    key = KEYS["literal"]
    events = "".join(f'data: {{"delta": {{"text": "{letter}"}}}}\n\n' for letter in key)
    hidden = [
        key,
        json.dumps(SAID),
        f"{key[:14]}\n   {key[14:]}",
        events,
        base64.b64encode(b"ab" + key.encode()).decode(),
        f"cut: {key[:22]}",
    ]
    for text in hidden:
        assert "literal" in found_in(text.encode()), text
        assert "literal" in found_in(gzip.compress(text.encode()))
    with contextlib.closing(sqlite3.connect(tmp_path / "a.sqlite")) as base:
        base.execute("create table t (x)")
        base.execute("insert into t values (?)", (key,))
        base.commit()
    assert keys_below(tmp_path) == {"a.sqlite": {"literal"}}
    assert found_in(SAID.encode()) == set(KEYS)
    assert not found_in(b"cnry-literal and cnry-openai")


@contextmanager
def quietly() -> Iterator[io.StringIO]:
    """Everything printed meanwhile."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        yield printed


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A machine with keys everywhere and a model that repeats them; every verb adds what it printed."""
    root = tmp_path_factory.mktemp("planted")
    for name in ("cache", "work", "tmp", "home"):
        (root / name).mkdir()
    model = Model(SKILL)
    patch = pytest.MonkeyPatch()
    with FakeServer.running(model) as server, patch.context() as env:
        env.chdir(root / "work")
        for name, value in {
            "SKVM_CACHE": str(root / "cache"),
            "SKVM_DATA_DIR": str(root / "work" / "data"),
            "SKVM_TMP_DIR": str(root / "tmp"),
            "TMPDIR": str(root / "tmp"),
            "HOME": str(root / "home"),
            "COLUMNS": "200",
            "MODEL_ACCESS": KEYS["variable"],
            "OPENAI_API_KEY": KEYS["openai"],
            "OPENAI_BASE_URL": server.base_url,
            "ANTHROPIC_API_KEY": KEYS["anthropic"],
            "OPENROUTER_API_KEY": KEYS["openrouter"],
            "ALL_PROXY_OF_THE_HOUSE": f"http://me:{KEYS['proxy']}@127.0.0.1:9",
        }.items():
            env.setenv(name, value)
        env.setattr(tempfile, "tempdir", None)
        _configure(root / "cache", server)
        _write_inputs(root / "work")
        made = SimpleNamespace(root=root, printed={})
        # Here, for the keys are gone from the environment of a test.
        for name, words in VERBS.items():
            (root / "work" / "leak.txt").write_text(SAID)
            made.printed[name] = _printed_by(words)
        (root / "work" / "leak.txt").unlink()
        made.printed["gateway"] = _gateway()
        model.is_failing = True
        made.printed["refused"] = _printed_by(VERBS["run, openai"])
        yield made


def _printed_by(words: list[str]) -> str:
    with quietly() as printed:
        code = skvm(words)
    return f"{printed.getvalue()}exit code {code}"


def _gateway() -> str:
    """What a gateway prints while it answers in a stream, event by event, what holds the keys."""
    command = [
        sys.executable,
        "-c",
        "from skvm.cli.main import main; main()",
        "gateway",
        "--json",
        "--no-auto-probe",
    ]
    gateway = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    first = gateway.stdout.readline()
    try:
        told = json.loads(first)
        url = next(each for each in told.values() if isinstance(each, str) and each.startswith("http"))
        request = {"model": "lit/m", "stream": True, "messages": [{"role": "user", "content": SAID}]}
        headers = {"authorization": f"Bearer {Path(told['tokenFile']).read_text().strip()}"}
        url = f"{url.rstrip('/').removesuffix('/v1')}/v1/chat/completions"
        answer = httpx2.post(url, json=request, headers=headers, trust_env=False, timeout=30)
        assert "data:" in answer.text, answer.text
    finally:
        gateway.send_signal(signal.SIGINT)
        rest, _ = gateway.communicate(timeout=30)
    return first + rest


def _configure(cache: Path, server: FakeServer) -> None:
    address = server.base_url.removeprefix("http://")
    routes = [
        {"match": "lit/*", "apiKey": KEYS["literal"], "baseUrl": server.base_url},
        {"match": "var/*", "apiKeyEnv": "MODEL_ACCESS", "baseUrl": server.base_url},
        {"match": "pass/*", "apiKey": "none", "baseUrl": f"http://me:{KEYS['password']}@{address}"},
        {"match": "query/*", "apiKey": "none", "baseUrl": f"{server.base_url}?key={KEYS['query']}"},
        {"match": "bad/*", "apiKey": "none", "baseUrl": f"ftp://me:{KEYS['password']}@{address}"},
    ]
    routed = [{"kind": "openai-compatible", **route} for route in routes]
    routed.append({"match": "claude/*", "kind": "anthropic", "baseUrl": server.root_url})
    path = cache / CONFIG
    path.write_text(json.dumps({"providers": {"routes": routed}}))
    path.chmod(0o600)


def _write_inputs(work: Path) -> None:
    for number in range(4):
        folder = work / "data" / "tasks" / f"t{number}"
        folder.mkdir(parents=True)
        shell = {"method": "script", "id": "said", "command": "cat leak.txt a; exit 1"}
        there = {"method": "file-check", "id": "there", "path": "a", "mode": "exact", "expected": "x"}
        judged = {"method": "llm-judge", "id": "judged", "rubric": "Is it good?"}
        grades = [shell, there, judged] if number < 2 else [there]
        (folder / "task.json").write_text(
            json.dumps({"id": f"t{number}", "prompt": f"Do {number}", "eval": grades})
        )
    writer = work / "skills" / "writer"
    writer.mkdir(parents=True)
    (writer / "SKILL.md").write_text(SKILL)
    make_skill(work, "Orders: `orders.csv` with the columns `item`, `price`.\n\nCalculate the average.\n")
    (work / "profile.json").write_text(make_profile("L1").model_dump_json(by_alias=True))
    write_plan(
        work,
        step("1.1", "cat leak.txt"),
        step("1.2", is_open=True, after=["1.1"]),
        step("1.3", "cat leak.txt; cat leak.txt >&2; exit 1", after=["1.2"]),
    )


COMMON = ("--no-auto-probe", "--sandbox=none")
VERBS = {
    "run": ["run", "--task=t0", "--model=lit/m", "--atif=run.atif", "--cassette=tape", *COMMON],
    "run again": ["run", "--task=t0", "--model=lit/m", "--json", "--cassette=tape", *COMMON],
    "run, variable": ["run", "--task=t0", "--model=var/m", "--skill=skills/writer", *COMMON],
    "run, openai": ["run", "--task=t0", "--model=openai/m", "--json", *COMMON],
    "run, anthropic": ["run", "--task=t0", "--model=claude/m", "--adapter=shell-agent", *COMMON],
    "run, password": ["run", "--task=t0", "--model=pass/m", "--cassette=other", *COMMON],
    "run, query": ["run", "--task=t0", "--model=query/m", *COMMON],
    "run, no address": ["run", "--task=t0", "--model=bad/m", *COMMON],
    "boost": ["run", "--task=t0", "--model=lit/m", "--skill=skills/writer", "--boost=on", *COMMON],
    "boost again": ["run", "--task=t0", "--model=lit/m", "--skill=skills/writer", "--boost=on", *COMMON],
    "boost, third": ["run", "--task=t0", "--model=lit/m", "--skill=skills/writer", "--boost=on", *COMMON],
    "boost list": ["boost", "list", "--json"],
    "bench": [
        *(
            "bench",
            "--model=lit/m",
            "--tasks=t0,t1",
            "--skill=skills/writer",
            "--conditions=no-skill,original",
        ),
        *("--judge-model=lit/judge", "--export=csv,junit,atif", "--with-trajectories", *COMMON),
    ],
    "bench, judged later": [
        *("bench", "--model=lit/m", "--tasks=t0", "--conditions=no-skill", "--judge-model=lit/judge"),
        *("--async-judge", "--json", *COMMON),
    ],
    "profile": ["profile", "--model=lit/m", "--primitives=follow.format,tool.exec", "--instances=1", *COMMON],
    "compile": [
        *(
            "aot-compile",
            "--skill=sample",
            "--model=local/weak",
            "--adapter=shell-agent",
            "--profile=profile.json",
        ),
        *("--compiler-model=lit/compiler", "--explain", "--no-auto-probe"),
    ],
    "optimize": [
        *(
            "jit-optimize",
            "--skill=skills/writer",
            "--task-source=real",
            "--tasks=t2",
            "--test-tasks=t3",
            "--rounds=1",
        ),
        *("--optimizer-model=lit/editor", "--target-model=lit/m", *COMMON),
    ],
    "optimize from logs": [
        *("jit-optimize", "--skill=skills/writer", "--task-source=log", "--logs=run.atif"),
        *("--optimizer-model=lit/editor", "--target-model=lit/m", *COMMON),
    ],
    "proposals": ["proposals", "list", "--json"],
    "proposals report": ["proposals", "report", "--out=proposals.html"],
    "plan run": ["plan", "run", "plan.json", "--model=lit/m", "--json", *COMMON],
    "certify": ["certify", "skills/writer", "--target=lit/m@bare-agent"],
    "certify show": ["certify", "show", "skills/writer.certificate.json", "--html=c.html", "--markdown=c.md"],
    "verify": ["verify", "skills/writer.certificate.json", "--allow-unknown-key"],
    "logs": ["logs", "--type=run", "--json"],
    "doctor": ["doctor", "--json"],
    "config": ["config", "show"],
}


def test_every_verb_did_what_it_does(place: SimpleNamespace):
    """A verb that refuses to start would keep every secret."""
    codes = {name: int(place.printed[name].rpartition(" ")[2]) for name in VERBS}
    # One of the routes has an address that is none.
    assert codes.pop("doctor") in {0, 1}
    assert codes == dict.fromkeys(codes, 0) | {
        "run, no address": 2,
        "compile": 1,
        "plan run": 1,
    }
    written = {path.name for path in place.root.rglob("*")}
    assert {
        "journal.sqlite",
        "blobs",
        "report.html",
        "run.atif",
        "proposals.html",
        "latest.json",
        "c.html",
    } <= written
    assert "[redacted]" in place.printed["run"]


@pytest.mark.parametrize("name", [*VERBS, "gateway", "refused"])
def test_nothing_printed_holds_a_key(place: SimpleNamespace, name: str):
    assert not found_in(place.printed[name].encode("utf-8", "replace")), place.printed[name]


def test_nothing_written_anywhere_holds_a_key(place: SimpleNamespace):
    found = keys_below(place.root)
    # The key the user wrote down, and the file the plan was to make where the user stands.
    assert {found.pop(f"cache/{CONFIG}") and None, found.pop("work/a") and None} == {None}
    assert not found
