"""What we ship: it is whole, it is the same each time, and it works where nothing else of ours is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from tests.conftest import REPO
from tests.release.base_environment import BaseEnvironment, build, needed_by

WHOLE = ("src", "examples", "docs", "tests/release", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
MODEL = "fake/m"
NOT_OURS = "pydantic_ai pydantic pydantic_core openai anthropic httpx2 genai_prices rich click regex yaml"


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The tree as it stands, apart from what others may write into it while we build; it has no git."""
    folder = tmp_path_factory.mktemp("source") / "tree"
    folder.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "_version.py", "*.pyc")
    for name in WHOLE:
        if (REPO / name).is_dir():
            shutil.copytree(REPO / name, folder / name, ignore=ignore)
        else:
            shutil.copy(REPO / name, folder / name)
    for path in [*REPO.glob("requirements*.txt"), *REPO.glob("README.*.md")]:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def shipped(source, tmp_path_factory) -> SimpleNamespace:
    """The sdist and the wheel."""
    sdist, wheel = sorted(build(source, tmp_path_factory.mktemp("dist")), key=lambda path: path.suffix)
    return SimpleNamespace(sdist=sdist, wheel=wheel)


@pytest.fixture(scope="module")
def installed(shipped, tmp_path_factory) -> BaseEnvironment:
    """The wheel in an environment of its own."""
    return BaseEnvironment.made(shipped.wheel, tmp_path_factory.mktemp("base") / "env")


@pytest.fixture
def user(installed, tmp_path, monkeypatch) -> SimpleNamespace:
    """Somebody with an empty home and a model that answers from a script."""
    home = tmp_path / "home"
    home.mkdir()

    def call(*arguments: str, expect: int = 0, program: Path = installed.skvm) -> SimpleNamespace:
        done = subprocess.run(
            [program, *arguments],
            cwd=home,
            env={
                "HOME": str(home),
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "COLUMNS": "160",
                "LANG": "C.UTF-8",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return SimpleNamespace(out=done.stdout, err=done.stderr)

    (examples,) = installed.folder.glob("lib/python*/site-packages/skvm/examples")
    return SimpleNamespace(call=call, home=home, examples=examples)


def members(wheel: Path) -> dict[str, bytes]:
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_wheel_has_everything_that_is_needed_and_nothing_else(shipped, source):
    found = members(shipped.wheel)
    missing = {
        f"skvm/{path.relative_to(source / 'src/skvm')}"
        for path in (source / "src/skvm").rglob("*")
        if path.is_file()
    } - set(found)
    assert not missing
    assert {"skvm/py.typed", "skvm/_version.py", "skvm/examples/skills/expense-report/SKILL.md"} <= set(found)
    assert any(name.startswith("skvm/web/templates/") for name in found)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in found)
    tops = {name.split("/")[0] for name in found}
    assert tops == {"skvm", next(top for top in tops if top.endswith(".dist-info"))}
    assert not [
        name
        for name in found
        if re.search(r"(^|/)(__pycache__|\.\w+_cache|test_\w+\.py)(/|$)", name) and "/examples/" not in name
    ]
    assert "Requires-Python: >=3.11" in found[next(n for n in found if n.endswith("/METADATA"))].decode()


def test_the_same_tree_gives_the_same_bytes(shipped, source, tmp_path):
    again = build(
        source, tmp_path / "again", environment={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    )
    assert {path.name: path.read_bytes() for path in again} == {
        path.name: path.read_bytes() for path in (shipped.sdist, shipped.wheel)
    }


def test_an_sdist_gives_the_same_wheel(shipped, tmp_path):
    with tarfile.open(shipped.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    (wheel,) = build(folder, tmp_path / "out", "wheel")
    assert wheel.name == shipped.wheel.name
    assert members(wheel) == members(shipped.wheel)


def test_the_pins_of_a_base_install_are_what_the_wheel_needs(shipped):
    pins = [
        Requirement(line.rstrip(" \\"))
        for line in (REPO / "requirements-base.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    ]
    here = {canonicalize_name(pin.name) for pin in pins if pin.marker is None or pin.marker.evaluate()}
    assert here == set(needed_by(shipped.wheel))
    assert len(here) + 1 <= 50
    every = (REPO / "requirements.txt").read_text(encoding="utf-8")
    base = (REPO / "requirements-base.txt").read_text(encoding="utf-8")
    assert "://" not in base
    for entry in re.split(r"(?<!\\)\n(?=\S)", base.strip()):
        assert "--hash=sha256:" in entry
        assert entry.split()[0] in every


def test_it_works_where_nothing_else_is(user):
    version = user.call("--version").out
    assert re.fullmatch(r"skvm, version \d+\.\d+\.\d+\S*\n", version)
    assert "aot-compile" in user.call("--help").out
    # Nothing here has a key, and no embedded model can run: doctor says so and how to go on.
    assert "skvm[local]" in user.call("doctor", expect=1).out
    skill = user.examples / "skills" / "expense-report"
    assert json.loads(user.call("lint", str(skill), "--json").out)
    assert "SKV203" in user.call("explain", "SKV203").out
    compiled = json.loads(
        user.call(
            *("aot-compile", f"--skill={skill}", "--model=local/qwen2.5-coder-1.5b", "--adapter=shell-agent"),
            *("--pass=1,2,3", "--no-lock", "--json"),
        ).out
    )
    assert [each["skill"] for each in compiled["compiled"]] == ["expense-report"]


def test_a_task_runs_on_a_model(user):
    task = user.home / "t"
    task.mkdir()
    criterion = {"method": "file-check", "id": "there", "path": "a.txt", "mode": "exact", "expected": "hi"}
    (task / "task.json").write_text(
        json.dumps({"id": "t", "prompt": "Write hi into a.txt", "eval": [criterion]})
    )
    write = FakeToolCall("write_file", {"path": "a.txt", "content": "hi"})
    with FakeServer.running([FakeAnswer("", [write]), FakeAnswer("done")]) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        config = user.home / ".skvm" / "skvm.config.json"
        config.parent.mkdir()
        config.write_text(json.dumps({"providers": {"routes": [route]}}))
        config.chmod(0o600)
        shown = json.loads(user.call("run", "--task=t", f"--model={MODEL}", "--json").out)
    assert (shown["outcome"], shown["score"]) == ("scored", 1.0)
    assert shown["run_id"] in user.call("logs").out


def test_its_types_are_seen(installed, tmp_path):
    """A type checker knows the verbs of the installed package: what is right passes, the rest does not."""
    config = tmp_path / "mypy.ini"
    # The types of what we stand on take long to read, and say nothing of ours.
    skipped = ",".join(f"{name}.*" for name in NOT_OURS.split())
    config.write_text(f"[mypy]\nstrict = True\n[mypy-{skipped}]\nfollow_imports = skip\n")
    right = (Path(__file__).parent / "consumer.py").read_text(encoding="utf-8")
    wrong = right.replace('models=["m/x"]', 'modles=["m/x"]').replace("folder: Path", "folder: int")
    (tmp_path / "right.py").write_text(right)
    (tmp_path / "wrong.py").write_text(wrong)

    def checked(name: str) -> str:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "mypy", "--config-file", str(config), "--python-executable"),
                *(str(installed.python), "--cache-dir", str(tmp_path / "cache"), name),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.stderr
        return done.stdout

    assert checked("right.py").startswith("Success")
    found = checked("wrong.py")
    assert 'Unexpected keyword argument "modles" for "bench"' in found
    assert '(expression has type "Path", variable has type "int")' in found


def test_what_needs_an_extra_says_which(user):
    """A base install says what is missing by the name of the extra that has it."""
    task = str(user.examples / "tasks" / "expense-report-small")
    skills = str(user.examples / "skills")
    for extra, arguments in (
        ("local", ("run", f"--task={task}", "--model=local/qwen2.5-coder-1.5b")),
        ("local", ("gateway", "--model=local/qwen2.5-coder-1.5b")),
        ("local", ("quickstart",)),
        ("bench", ("analyze", skills, "--chart=chart.png")),
        ("web", ("proposals", "serve")),
        ("mcp", ("mcp",)),
        ("sign", ("certify", "keygen")),
    ):
        said = user.call(*arguments, expect=2).err
        assert f"skvm[{extra}]" in said, arguments
        assert "Traceback" not in said
    assert not list(user.home.rglob("*.gguf"))
    assert "skvm[acp]" in user.call("harness", "check", "acp:opencode", expect=1).out
