"""Private environments: built from packages made on the spot, whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from skvm.errors import FindingsError, InfrastructureError
from skvm.harness.confine import choose_sandbox
from skvm.harness.environment.bind import bind, environment_dir, find_bound, unbind, using
from skvm.harness.environment.check import State, check_manifest, missing_required
from skvm.harness.sandbox import Cell, Policy, Sandbox
from tests.unit.harness.environment.making import entry, manifest, wheel


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    try:
        return choose_sandbox("auto")
    except InfrastructureError as error:
        pytest.skip(error.message)


@pytest.fixture(autouse=True)
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only source of packages, given as anybody would configure it."""
    folder = tmp_path / "wheels"
    wheel(folder, "demo_tool", "2.1", needs=("demo-base>=1",), script="demo-run")
    wheel(folder, "demo_base", "1.5")
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    (tmp_path / "pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {folder}\n")
    return folder


def left_over(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "environments").iterdir() if not path.name.endswith(".lock"))


def test_what_is_bound_is_found_by_a_cell(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, wanted = tmp_path / "cache", manifest(entry("demo-tool", spec=">=2"))
    assert [item.entry.name for item in missing_required(check_manifest(wanted))] == ["demo-tool"]

    bound = anyio.run(bind, cache, wanted, sandbox)

    assert [(item.name, item.version) for item in bound.record.packages if "demo" in item.name] == [
        ("demo_base", "1.5"),
        ("demo_tool", "2.1"),
    ]
    assert all(item.digest for item in bound.record.packages if "demo" in item.name)
    assert [item.state for item in check_manifest(wanted, find_bound(cache, wanted))] == [State.PRESENT]
    work = tmp_path / "work"
    work.mkdir()

    async def run() -> list[str]:
        policy = Policy(work, read_only=(bound.folder,), path_prefix=bound.path_prefix, env=bound.env)
        async with sandbox.open(policy) as cell:
            by_name = await cell.execute("demo-run", timeout_s=30)
            by_import = await cell.execute(
                "python3 -c 'import demo_base; print(demo_base.VERSION)'", timeout_s=30
            )
            written = await cell.execute(["touch", str(bound.folder / "x")], timeout_s=30)
        return [by_name.stdout.strip(), by_import.stdout.strip(), str(written.exit_code)]

    said = anyio.run(run)
    assert said[:2] == ["made by demo_tool 2.1", "1.5"]
    assert said[2] != "0"
    assert left_over(cache) == [bound.folder.name]
    assert anyio.run(unbind, cache, wanted) is True
    assert left_over(cache) == []
    assert anyio.run(unbind, cache, wanted) is False


def test_a_failed_install_leaves_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, wanted = tmp_path / "cache", manifest(entry("demo-base"), entry("nobody-made-this"))

    with pytest.raises(FindingsError, match="nobody-made-this"):
        anyio.run(bind, cache, wanted, sandbox)

    assert find_bound(cache, wanted) is None
    assert left_over(cache) == []


def test_two_at_once_and_a_killed_one(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, wanted = tmp_path / "cache", manifest(entry("demo-base"))
    folder = environment_dir(cache, wanted)
    folder.parent.mkdir(parents=True)
    rubbish = folder.parent / f".{folder.name}.new-killed"
    rubbish.mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder.parent / f".{folder.name}.lock")], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()

    with pytest.raises(InfrastructureError, match="another process"):
        anyio.run(bind, cache, wanted, sandbox)
    assert rubbish.is_dir()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    anyio.run(bind, cache, wanted, sandbox)

    assert left_over(cache) == [folder.name]


_HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def test_one_killed_between_the_two_renames_gets_its_old_folder_back(tmp_path: Path) -> None:
    cache, wanted = tmp_path / "cache", manifest(entry("demo-base"))
    folder = environment_dir(cache, wanted)
    old = folder.parent / f".{folder.name}.old-1"
    old.mkdir(parents=True)
    (old / "environment.json").write_text(f'{{"schema": 1, "manifest": "{wanted.digest}"}}')

    assert find_bound(cache, wanted) is None
    with pytest.raises(InfrastructureError):
        anyio.run(bind, cache, wanted, _Refusing())  # type: ignore[arg-type]

    assert find_bound(cache, wanted) is not None
    assert not old.exists()


class _Refusing:
    name = "refusing"

    def open(self, policy: Policy) -> object:
        raise InfrastructureError("no sandbox")


def test_optional_and_refused_packages_are_not_bound(tmp_path: Path, sandbox: Sandbox) -> None:
    cache = tmp_path / "cache"
    wanted = manifest(
        entry("demo-base"),
        entry("not-there", required=False),
        entry("forbidden", refused=True),
        entry("unsure", confidence=0.5),
    )

    bound = anyio.run(bind, cache, wanted, sandbox)

    assert {item.name for item in bound.record.packages if item.type == "pip"} >= {"demo_base"}
    states = {item.entry.name: item.state for item in check_manifest(wanted, bound)}
    assert states == {
        "demo-base": State.PRESENT,
        "not-there": State.MISSING,
        "forbidden": State.REFUSED,
        "unsure": State.UNSURE,
    }
    assert missing_required(check_manifest(wanted, bound)) == ()


def test_the_lock_is_a_file_lock(tmp_path: Path) -> None:
    cache, wanted = tmp_path / "cache", manifest(entry("demo-base"))
    folder = environment_dir(cache, wanted)
    folder.parent.mkdir(parents=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InfrastructureError, match="another process"):
            anyio.run(unbind, cache, wanted)


def test_what_a_run_stands_on_is_not_taken_away(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, wanted = tmp_path / "cache", manifest(entry("demo-base"))
    bound = anyio.run(bind, cache, wanted, sandbox)

    async def run() -> None:
        async with using(bound), using(bound):
            for taking in (unbind(cache, wanted), bind(cache, wanted, sandbox)):
                with pytest.raises(InfrastructureError, match="uses"):
                    await taking
            assert find_bound(cache, wanted) is not None
        assert await unbind(cache, wanted)
        with pytest.raises(InfrastructureError, match="removed meanwhile"):
            async with using(bound):
                pass

    anyio.run(run)


def test_an_environment_whose_python_is_gone_is_none(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, wanted = tmp_path / "cache", manifest(entry("demo-base"))
    bound = anyio.run(bind, cache, wanted, sandbox)
    starter, real = bound.folder / "venv" / "bin" / "python3", tmp_path / "python3.99"
    real.write_text("")
    starter.unlink()
    starter.symlink_to(real)
    assert find_bound(cache, wanted) is None
    real.unlink()
    assert find_bound(cache, wanted) is None


class _Planting:
    """A sandbox whose installer leaves links behind once it is done."""

    def __init__(self, inner: Sandbox, links: dict[str, Path]) -> None:
        self.inner, self.links, self.name = inner, links, inner.name

    @asynccontextmanager
    async def open(self, policy: Policy) -> AsyncIterator[Cell]:
        async with self.inner.open(policy) as cell:
            yield cell
        for name, target in self.links.items():
            place = policy.work_dir / name
            if place.is_dir():
                shutil.rmtree(place)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target)


def test_links_of_an_installer_lead_nowhere(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, wanted = tmp_path / "cache", manifest(entry("demo-base"))
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("mine")
    for name in ("npm/node_modules/.bin", "venv/bin"):
        with pytest.raises(FindingsError, match="link out of the environment"):
            anyio.run(bind, cache, wanted, _Planting(sandbox, {name: secret}))
    assert left_over(cache) == []

    bound = anyio.run(bind, cache, wanted, _Planting(sandbox, {"environment.json": secret / "key"}))
    assert (secret / "key").read_text() == "mine"
    (bound.folder / "npm" / "node_modules").mkdir(parents=True)
    (bound.folder / "npm" / "node_modules" / ".bin").symlink_to(secret)
    assert bound.path_prefix == (bound.folder / "venv" / "bin",)
