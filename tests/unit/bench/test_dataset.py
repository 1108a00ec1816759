"""Fetching a dataset: whole or not at all, with the reason and the way out."""

import os
import shutil
import subprocess

import pytest
from tests.unit.bench.importers.sources import skvm_data, write

from skvm.bench.dataset import fetch_dataset
from skvm.errors import InfrastructureError, UsageError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


def repository(folder):
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "core.autocrlf=false"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "Add tasks"]):
        subprocess.run(["git", *command], cwd=folder, env=env, check=True)
    return folder


@pytest.fixture
def source(tmp_path):
    return repository(skvm_data(tmp_path / "source"))


def test_a_dataset_is_cloned_whole(source, tmp_path):
    fetched = fetch_dataset(tmp_path / "deep" / "data", url=str(source))
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=source, capture_output=True, text=True, check=True
    )
    assert (fetched.tasks, fetched.revision) == (1, head.stdout.strip())
    assert (fetched.path / "tasks/sum_task/fixtures/in.csv").read_bytes() == b"a,b\r\n1,2\r\n"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["data"]


def test_links_of_the_repository_become_text(source, tmp_path):
    (source / "tasks/sum_task/fixtures/link").symlink_to("/etc/hostname")
    repository(source)
    fetched = fetch_dataset(tmp_path / "data", url=str(source))
    link = fetched.path / "tasks/sum_task/fixtures/link"
    assert not link.is_symlink()
    assert link.read_text() == "/etc/hostname"


def test_a_dataset_that_is_there_is_left_alone(source, tmp_path):
    write(tmp_path, {"data/mine.txt": "mine"})
    with pytest.raises(UsageError, match="there already"):
        fetch_dataset(tmp_path / "data", url=str(source))
    assert (tmp_path / "data/mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("{tmp}/absent", "cannot be fetched"),
        ("{tmp}/empty", "holds no tasks"),
        ("ext::sh -c touch% {tmp}/forged", "cannot be fetched"),
        ("ssh://127.0.0.1:1/x", "cannot be fetched"),
        ("--upload-pack=touch {tmp}/forged", "cannot be fetched"),
        ("https://name.invalid/x.git", "cannot be fetched"),
    ],
)
def test_what_fails_leaves_nothing_behind(tmp_path, url, said):
    repository(write(tmp_path / "empty", {"README": "no tasks"}))
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(InfrastructureError, match=said) as caught:
        fetch_dataset(tmp_path / "data", url=url.format(tmp=tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == before
    if "invalid" in url:
        assert "--skvm-data-dir" in caught.value.help


def test_no_git_is_told(source, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfrastructureError, match="no git") as caught:
        fetch_dataset(tmp_path / "data", url=str(source))
    assert "install git" in caught.value.help
