"""The fixtures of the fire tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from skvm.evaluate.schedule import run_many, run_persistently
from skvm.llm import tap
from skvm.llm.fake_faults import FaultyServer
from skvm.llm.retry import RetryPolicy
from tests.fire.ground import QUIET, Ground, Model


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience of tests: every wait is short, and an endless answer is a megabyte."""
    policy = RetryPolicy(base_s=0.001, max_s=0.01, jitter_s=0.0, max_retry_after_s=0.01)
    monkeypatch.setattr("skvm.llm.port.RetryPolicy", partial(replace, policy))
    monkeypatch.setattr(tap, "MAX_ANSWER_BYTES", 1 << 20)
    for function in (run_many, run_persistently):
        monkeypatch.setitem(function.__kwdefaults__, "pause_s", 0.0)
    monkeypatch.setattr("skvm.llm.port.PROBE_DEADLINE_S", 0.5, raising=False)
    monkeypatch.setattr("skvm.llm.probe.PROBE_DEADLINE_S", 0.5)
    monkeypatch.setattr("skvm.runtime.plan.running.assistant._STEP_TIMEOUT_S", 0.5)


@pytest.fixture
def ground(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    quick: None,
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
        made = Ground(tmp_path, server, capfd.readouterr)
        made.lay()
        yield made
