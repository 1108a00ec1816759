"""One process at a time runs a plan in a folder."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest

from skvm.errors import InfrastructureError, UsageError
from skvm.runtime.plan.running.alone import alone


def test_the_second_is_told_who_the_first_is(tmp_path):
    work = Path("/some/where")
    with alone(tmp_path / "locks", "d" * 64, work):
        with (
            pytest.raises(UsageError, match=f"being run here now by process {os.getpid()}"),
            alone(tmp_path / "locks", "d" * 64, work),
        ):
            pytest.fail("two at once")
        with alone(tmp_path / "locks", "d" * 64, Path("/elsewhere")):
            pass
        with alone(tmp_path / "locks", "e" * 64, work):
            pass
    with alone(tmp_path / "locks", "d" * 64, work):
        pass
    assert list((tmp_path / "locks").iterdir()) == []


def test_many_that_come_and_go_never_meet(tmp_path):
    guard, entered = Lock(), []

    def try_often(_):
        for _ in range(200):
            try:
                with alone(tmp_path, "d" * 64, Path("/w")):
                    assert guard.acquire(blocking=False), "two at once"
                    entered.append(1)
                    guard.release()
            except UsageError:
                continue

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(try_often, range(6)))
    assert entered


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "locks").write_text("a file")
    with pytest.raises(InfrastructureError, match="locks"), alone(tmp_path / "locks", "d" * 64, Path("/w")):
        pytest.fail("no lock")
