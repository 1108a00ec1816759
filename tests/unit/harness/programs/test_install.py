"""Programs in private prefixes: whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest

from skvm.errors import InfrastructureError
from skvm.harness.confine import choose_sandbox
from skvm.harness.programs import catalogue
from skvm.harness.programs.asking import ask_version
from skvm.harness.programs.catalogue import Package, prefix_of
from skvm.harness.programs.find import find_program, using
from skvm.harness.programs.install import find_installed, install, uninstall
from skvm.harness.sandbox import Sandbox
from skvm.settings import load_settings
from tests.unit.harness.environment.making import wheel
from tests.unit.harness.programs.packaging import fake_npm, program


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    try:
        return choose_sandbox("auto")
    except InfrastructureError as error:
        pytest.skip(error.message)


@pytest.fixture(autouse=True)
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The npm of the user's PATH."""
    folder = fake_npm(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def left_over(cache: Path) -> list[str]:
    folder = cache / "harnesses" / "demo"
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_an_install_stands_with_its_record_and_runs(cache: Path, sandbox: Sandbox) -> None:
    entry = program()
    told: list[str] = []

    async def run() -> None:
        made = await install(cache, entry, sandbox, report=told.append)
        assert made.folder == prefix_of(cache, entry)
        assert made.record.version == "1.2.0"
        (package,) = made.record.packages
        assert (package.name, package.version) == (entry.packages[0].resolved.name, "1.2.0")
        assert package.digest == "sha512-made"
        assert made.record.size_bytes > 0
        found = find_program(entry, load_settings(cache_dir=str(cache), env={}), env={})
        assert found is not None
        assert await ask_version(found, sandbox) == "1.2.0"

    anyio.run(run)
    assert find_installed(cache, entry) is not None
    assert left_over(cache) == ["1.2.0"]
    assert any("demo-" in line for line in told)


def test_scripts_of_packages_run_where_they_must_and_without_a_network(cache: Path, sandbox: Sandbox) -> None:
    own = program(name="other", scripts_of=("demo",))
    for entry, expected in ((program(), []), (own, [["demo"]])):
        made = anyio.run(install, cache, entry, sandbox)
        first, *then = (made.folder / "npm-was-told").read_text().splitlines()
        assert {"install", "--ignore-scripts", "--omit=dev"} <= set(first.split())
        assert [line.split()[-1:] for line in then] == expected
    networks = (made.folder / "npm-networks").read_text()
    if sandbox.name == "bubblewrap":
        assert [line.split(":")[0].strip() for line in networks.splitlines() if ":" in line] == ["lo"]


def test_an_install_that_takes_too_long_is_given_up(cache: Path, npm: Path, sandbox: Sandbox) -> None:
    (npm / "mode").write_text("hang")

    async def run() -> None:
        await install(cache, program(), sandbox, timeout_s=1)

    with pytest.raises(InfrastructureError, match=r"demo 1\.2\.0: not installed within 1 s"):
        anyio.run(run)
    assert find_installed(cache, program()) is None
    assert left_over(cache) == []


def test_what_is_there_is_not_installed_again_unless_forced(cache: Path, npm: Path, sandbox: Sandbox) -> None:
    entry = program()
    made = anyio.run(install, cache, entry, sandbox)
    (npm / "mode").write_text("fail")
    assert anyio.run(install, cache, entry, sandbox) == made

    async def force() -> None:
        await install(cache, entry, sandbox, force=True)

    with pytest.raises(InfrastructureError):
        anyio.run(force)
    # The failed one took nothing away.
    assert find_installed(cache, entry) == made
    (npm / "mode").write_text("work")
    (made.executable).write_text("damaged")
    anyio.run(force)
    assert "echo demo" in made.executable.read_text()


def test_a_failure_says_what_npm_said_and_leaves_nothing(cache: Path, npm: Path, sandbox: Sandbox) -> None:
    (npm / "mode").write_text("fail")
    with pytest.raises(InfrastructureError) as caught:
        anyio.run(install, cache, program(), sandbox)
    assert caught.value.message.startswith("demo 1.2.0: npm install failed")
    assert caught.value.message.endswith("npm error network request failed, reason: nobody home")
    assert find_installed(cache, program()) is None
    assert left_over(cache) == []


def test_packages_without_the_executable_are_refused(cache: Path, npm: Path, sandbox: Sandbox) -> None:
    (npm / "mode").write_text("hollow")
    with pytest.raises(InfrastructureError, match=r"hold no npm/node_modules/demo-\w+/bin/demo"):
        anyio.run(install, cache, program(), sandbox)
    assert left_over(cache) == []


def test_another_package_under_a_known_version_is_refused(
    cache: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{program().packages[0].resolved.name}@1.2.0"
    monkeypatch.setattr(catalogue, "PINS", {name: "sha512-other"})
    with pytest.raises(InfrastructureError, match="not the package we know"):
        anyio.run(install, cache, program(), sandbox)
    assert find_installed(cache, program()) is None
    monkeypatch.setattr(catalogue, "PINS", {name: "sha512-made"})
    assert anyio.run(install, cache, program(), sandbox).record.version == "1.2.0"


_INSTALL = """
import anyio, sys
from pathlib import Path
from skvm.harness.confine import choose_sandbox
from skvm.harness.programs.install import install
from tests.unit.harness.programs.packaging import program
anyio.run(install, Path(sys.argv[1]), program(), choose_sandbox("auto"))
"""


def test_one_that_is_killed_counts_for_nothing_and_holds_nobody_up(
    cache: Path, npm: Path, sandbox: Sandbox
) -> None:
    (npm / "mode").write_text("hang")
    child = subprocess.Popen([sys.executable, "-c", _INSTALL, str(cache)])
    try:
        deadline = time.monotonic() + 30
        while not list(cache.glob("harnesses/demo/.1.2.0.new-*/npm-started")):
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with pytest.raises(InfrastructureError, match="another process"):
            anyio.run(install, cache, program(), sandbox)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert find_installed(cache, program()) is None
    assert left_over(cache) != []
    (npm / "mode").write_text("work")
    anyio.run(install, cache, program(), sandbox)
    assert left_over(cache) == ["1.2.0"]


def test_an_install_in_use_is_neither_removed_nor_replaced(cache: Path, sandbox: Sandbox) -> None:
    entry = program()

    async def run() -> None:
        await install(cache, entry, sandbox)
        found = find_program(entry, load_settings(cache_dir=str(cache), env={}), env={})
        assert found is not None
        async with using(found):
            with pytest.raises(InfrastructureError, match="uses this installation"):
                await uninstall(cache, entry)
            with pytest.raises(InfrastructureError, match="uses this installation"):
                await install(cache, entry, sandbox, force=True)
        assert await uninstall(cache, entry) > 0
        with pytest.raises(InfrastructureError, match="removed meanwhile"):
            async with using(found):
                pass

    anyio.run(run)
    assert find_installed(cache, entry) is None
    assert left_over(cache) == []


def test_removing_takes_every_version_and_nothing_is_fine(cache: Path, sandbox: Sandbox) -> None:
    assert anyio.run(uninstall, cache, program()) == 0
    anyio.run(install, cache, program(), sandbox)
    newer = program(version="1.3.0", packages=(Package("npm", "demo-{cpu}", "1.3.0"),))
    anyio.run(install, cache, newer, sandbox)
    assert find_installed(cache, program()) is not None
    assert anyio.run(uninstall, cache, newer) > 0
    assert left_over(cache) == []


def test_a_python_program_comes_from_wheels_alone(
    cache: Path, tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "wheels"
    wheel(folder, "demo_agent", "2.1", script="demo-agent")
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    (tmp_path / "pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {folder}\n")
    entry = program(
        packages=(Package("pypi", "demo-agent", "2.1"),),
        version="2.1",
        executable="venv/bin/demo-agent",
        variable="SKVM_DEMO_PYTHON",
        commands=("demo-agent",),
    )
    made = anyio.run(install, cache, entry, sandbox)
    assert [(each.type, each.version) for each in made.record.packages if "demo" in each.name] == [
        ("pip", "2.1")
    ]
    # Its starter names the folder it ended up in.
    assert str(made.folder) in made.executable.read_text()
    settings = load_settings(cache_dir=str(tmp_path / "elsewhere"), env={})
    python = str(made.folder / "venv" / "bin" / "python3")
    found = find_program(entry, settings, env={"SKVM_DEMO_PYTHON": python})
    assert found is not None
    assert (found.origin, found.version) == ("variable", "2.1")
    assert made.folder / "venv" in found.shown
