"""The fixtures of the fire tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from skvm.compiler.counsel import open_counsel
from skvm.evaluate.judging import Judge, judge_of
from skvm.evaluate.schedule import run_many, run_persistently
from skvm.llm import tap
from skvm.llm.fake_faults import FaultyServer
from skvm.llm.retry import RetryPolicy
from tests.fire.ground import HASTE_S, QUIET, Ended, Ground, Model

_WARM: list[Ended] = []
"""The first run of a process: it starts what stays, such as the server that forks workers."""


def _hasty_judge(*given: Any, **named: Any) -> Judge:
    return replace(judge_of(*given, **named), timeout_s=HASTE_S)


@pytest.fixture(scope="session")
def warm() -> None:
    """What is loaded or started once, and stays: it would count against whoever comes first."""
    import anthropic
    import openai
    import pydantic_ai.models.anthropic
    import pydantic_ai.models.openrouter  # noqa: F401

    assert anthropic
    assert openai


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of tests: every wait before another try is short, and an endless answer is a megabyte."""
    policy = RetryPolicy(base_s=0.001, max_s=0.01, jitter_s=0.0, max_retry_after_s=0.01)
    monkeypatch.setattr("skvm.llm.port.RetryPolicy", partial(replace, policy))
    monkeypatch.setattr(tap, "MAX_ANSWER_BYTES", 1 << 20)
    monkeypatch.setattr("skvm.optimizer.loop.running.PAUSE_S", 0.0)
    for function in (run_many, run_persistently):
        monkeypatch.setitem(function.__kwdefaults__, "pause_s", 0.0)


@contextmanager
def hurry() -> Iterator[None]:
    """No command waits longer than a moment for its model: what has no flag for that is told here."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("skvm.bench.opening", "skvm.optimizer.loop.opening"):
            patch.setattr(f"{module}.judge_of", _hasty_judge)
        patch.setitem(open_counsel.__wrapped__.__kwdefaults__, "timeout_s", HASTE_S)
        patch.setattr("skvm.llm.probe.PROBE_DEADLINE_S", HASTE_S)
        patch.setattr("skvm.runtime.plan.running.assistant._STEP_TIMEOUT_S", HASTE_S)
        yield


@pytest.fixture
def ground(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    quick: None,
    warm: None,
) -> Iterator[Ground]:
    """A ground whose server answers rightly until its schedule is changed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKVM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SKVM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SKVM_TMP_DIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("skvm.target.store.PREBUILT_DIR", tmp_path / "prebuilt")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    with FaultyServer.under(QUIET, Model(), late_s=0.05, drip_s=0.02) as server:
        made = Ground(tmp_path, server, capfd.readouterr, hurry)
        made.lay()
        if not _WARM:
            _WARM.append(made.skvm("run", "--task=t0", "--model=fake/m", "--sandbox=none"))
        yield made


@pytest.fixture(scope="session")
def open_temp() -> Iterator[Path]:
    """For what a process keeps as long as it lives, such as what its cells see of ``/etc``."""
    folder = Path(tempfile.mkdtemp(prefix="skvm-fire-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_ground(ground: Ground, open_temp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """A ground whose temporary folder other users may pass, as the user of a cell has to."""
    outer = Path(tempfile.mkdtemp(prefix="skvm-fire-", dir="/tmp"))
    outer.chmod(0o755)
    (outer / "tmp").mkdir()
    monkeypatch.setenv("SKVM_TMP_DIR", str(outer / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(open_temp))
    ground.tmp_dir = outer / "tmp"
    yield ground
    shutil.rmtree(outer)
