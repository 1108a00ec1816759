"""What goes wrong leaves a coded message and no half variant."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from skvm.compiler.builds.standing import tampering
from skvm.compiler.contract import CompileOptions, PassContext, PassResult, RegisteredPass
from skvm.compiler.counsel import open_counsel
from skvm.compiler.driver import compile_skill, is_complete
from skvm.errors import InfrastructureError, SkvmError
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.settings import Route, Settings, load_settings
from skvm.skill.ir import Skill
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill
from tests.unit.compiler.test_driver import BODY, START, compile_in, tree

PLACE = "cache/proposals/aot-compile/shell-agent/local--weak/sample/p1"
PROFILE = make_profile("L1")

KILLED = """
import os, signal, sys
from pathlib import Path
what, nth = sys.argv[1], int(sys.argv[2])
owner, name = (os, "fsync") if what == "fsync" else (Path, "rename") if what == "rename" else (os, "link")
real, seen = getattr(owner, name), [0]
def counted(*args, **more):
    seen[0] += 1
    if seen[0] == nth:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **more)
setattr(owner, name, counted)
from skvm.cli.main import run
sys.exit(run(sys.argv[3:]))
"""


def arguments(folder: Path, *more: str) -> list[str]:
    (folder / "profile.json").write_text(PROFILE.model_dump_json(by_alias=True))
    return [
        "aot-compile",
        f"--skill={folder / 'sample'}",
        f"--model={MODEL}",
        f"--adapter={HARNESS}",
        f"--profile={folder / 'profile.json'}",
        f"--skvm-cache={folder / 'cache'}",
        *more,
    ]


STAGES = [("link", 1), ("fsync", 1), ("fsync", 2), ("fsync", 5), ("rename", 1), ("rename", 2), ("rename", 3)]


@pytest.mark.parametrize("had", [False, True])
@pytest.mark.parametrize(("what", "nth"), STAGES)
def test_killed_at_any_stage(what: str, nth: int, had: bool, tmp_path: Path) -> None:
    place = tmp_path / PLACE
    before: dict[str, bytes] = {}
    if had:
        compile_in(tmp_path, make_skill(tmp_path, BODY + "\nOlder.\n"), PROFILE)
        before = tree(place)
    skill = make_skill(tmp_path, BODY)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, what, str(nth), *arguments(tmp_path)], capture_output=True, check=False
    )
    if done.returncode == -signal.SIGKILL:
        # The one moment without a variant is that between the two renames; the old one comes back then.
        assert not place.exists() or tree(place) == before or is_complete(place)
    else:
        assert done.returncode == 0, done.stderr
    after = compile_in(tmp_path, skill, PROFILE)
    assert after.variant == place
    assert is_complete(place)
    assert not list(tampering(place))
    assert [path.name for path in place.parent.iterdir()] == ["p1"]


def test_a_full_disk_says_so_and_the_old_variant_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_in(tmp_path, make_skill(tmp_path, BODY + "\nOlder.\n"), PROFILE)
    before = tree(tmp_path / PLACE)
    written = []

    def full(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) > 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InfrastructureError, match=r"SKV283: .*No space left"):
        compile_in(tmp_path, make_skill(tmp_path, BODY), PROFILE)
    assert tree(tmp_path / PLACE) == before
    assert [path.name for path in (tmp_path / PLACE).parent.iterdir()] == ["p1"]


@pytest.mark.parametrize("limit", [100, 3000])
def test_a_real_limit_on_file_size_is_met_without_a_traceback(limit: int, tmp_path: Path) -> None:
    import resource

    make_skill(tmp_path, BODY)
    done = subprocess.run(
        [sys.executable, "-B", "-c", START, *arguments(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode in (1, 3), done.stderr
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr
    assert not (tmp_path / PLACE).exists()


def test_two_at_once(tmp_path: Path) -> None:
    make_skill(tmp_path, BODY)
    command = [sys.executable, "-c", START, *arguments(tmp_path, "--force")]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for process in running:
        _, said = process.communicate()
        assert process.returncode == 0 or (process.returncode == 3 and "SKV282" in said)
    assert is_complete(tmp_path / PLACE)
    assert not list(tampering(tmp_path / PLACE))
    assert [path.name for path in (tmp_path / PLACE).parent.iterdir()] == ["p1"]


def _as_folder(path: Path) -> None:
    path.mkdir()


def _as_pipe(path: Path) -> None:
    os.mkfifo(path)


def _as_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize("make", [_as_folder, _as_pipe, _as_link])
def test_an_unreadable_skill(
    make: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from skvm.cli.main import run

    (tmp_path / "sample").mkdir()
    make(tmp_path / "sample" / "SKILL.md")
    assert run(arguments(tmp_path)) == 1
    assert "SKV281" in capsys.readouterr().err
    assert not (tmp_path / "cache" / "proposals").exists()


class Word(BaseModel):
    word: str


class Asking:
    async def apply(self, skill: Skill, ctx: PassContext) -> PassResult:
        assert ctx.counsel is not None
        await ctx.counsel.ask("Which word?", Word)
        return PassResult()


def settings_with(folder: Path, url: str) -> Settings:
    route = Route("fake/*", "openai-compatible", base_url=url, api_key="k-0123456789")
    return replace(load_settings(cache_dir=str(folder / "cache"), env={}), auto_probe=False, routes=(route,))


async def _compile_asking(skill: Skill, settings: Settings, timeout_s: float) -> None:
    async with open_counsel(settings, "fake/adviser", timeout_s=timeout_s) as counsel:
        await compile_skill(
            skill,
            model=MODEL,
            harness=HARNESS,
            profile=PROFILE,
            settings=settings,
            counsel=counsel,
            options=CompileOptions(compiler_model="fake/adviser"),
        )


ANSWERS: list[tuple[str, Any, str]] = [
    ("nonsense", [FakeAnswer("I would rather talk about the weather.")] * 8, "SKV252"),
    ("another form", [FakeAnswer('{"number": 1}')] * 8, "SKV252"),
    ("a late answer", [FakeAnswer('{"word": "x"}', delay_s=30.0)] * 8, "SKV289: .*no answer within"),
    ("refused", [FakeAnswer("no such key", status=401)] * 8, "SKV289: .*401"),
    ("unreachable", None, "SKV289: fake/adviser"),
]


@pytest.mark.parametrize(
    ("answers", "words"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS]
)
def test_a_model_that_fails_leaves_no_variant(
    answers: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skvm.compiler.driver.resolve_passes", lambda _: (RegisteredPass("ask", 1, Asking),))
    skill = make_skill(tmp_path, BODY)

    async def run() -> None:
        if answers is None:
            await _compile_asking(skill, settings_with(tmp_path, "http://127.0.0.1:9/v1"), 2.0)
            return
        late = any(answer.delay_s for answer in answers)
        async with FakeServer(answers) as server:
            await _compile_asking(skill, settings_with(tmp_path, server.base_url), 1.0 if late else 60.0)

    with pytest.raises(SkvmError) as failed:
        anyio.run(run)
    assert failed.value.exit_code in (1, 3)
    assert re.search(words, failed.value.message)
    assert not (tmp_path / "cache" / "proposals").exists()
