"""What a command refuses before it starts a cluster, and what it tells workers."""

import sys
from dataclasses import replace

import pytest

from skvm.cli.main import run as skvm
from skvm.cluster.joining import joined
from skvm.cluster.opening import Executor, worker_order
from skvm.errors import ConfigError, UsageError
from skvm.settings import Route

TASK = """
{"id": "t", "prompt": "Do", "eval": [{"method": "file-check", "path": "a", "mode": "exact", "expected": "x"}]}
"""
SECRET = "sk-proj-0123456789abcdefghijkl"


def test_a_key_in_the_configuration_does_not_travel(settings):
    held = replace(
        settings, routes=(Route("a/*", "openai-compatible", api_key=SECRET, base_url="http://h/v1"),)
    )
    with pytest.raises(ConfigError, match=r"'a/\*' holds its key") as caught:
        worker_order(held, 1, is_ours=True)
    assert "apiKeyEnv" in caught.value.help


def test_of_a_key_only_the_name_of_its_variable_travels(settings, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", SECRET)
    route = Route("a/*", "openai-compatible", api_key_env="SOME_API_KEY", base_url="http://h/v1")
    sent = worker_order(replace(settings, routes=(route,)), 1, is_ours=False).model_dump_json()
    assert "SOME_API_KEY" in sent
    assert SECRET not in sent
    assert str(settings.cache_dir) not in sent


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="not installed") as caught, joined(None, 1):
        raise AssertionError("there is no Ray to join")
    assert "skvm[ray]" in caught.value.help


@pytest.fixture
def task_folder(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "tasks" / "t"
    folder.mkdir(parents=True)
    (folder / "task.json").write_text(TASK)
    monkeypatch.setenv("SKVM_DATA_DIR", str(tmp_path / "data"))
    return folder


@pytest.mark.parametrize("command", ["bench", "profile", "jit-optimize", "analyze"])
def test_options_of_a_cluster_need_one(command, capsys, tmp_path, task_folder):
    (tmp_path / "SKILL.md").write_text("---\nname: a\ndescription: b\n---\n")
    more = {
        "bench": ["--model=local/x", "--conditions=no-skill"],
        "profile": ["--model=a/b"],
        "jit-optimize": [
            *(f"--skill={tmp_path}", "--task-source=real", "--target-model=a/b"),
            *("--optimizer-model=none", f"--tasks={task_folder}"),
        ],
        "analyze": [str(tmp_path)],
    }
    assert skvm([command, *more[command], "--workers=2"]) == 2
    assert "--workers is of a cluster" in capsys.readouterr().err


def test_a_bench_on_a_cluster_keeps_no_folders_here(capsys, task_folder):
    asked = ["bench", "--model=local/x", "--conditions=no-skill", "--executor=ray", "--keep-workdirs"]
    assert skvm(asked) == 2
    assert "--keep-workdirs keeps folders of this machine" in capsys.readouterr().err


def test_as_many_runs_at_once_as_there_are_places():
    assert Executor("ray", workers=4, slots=16).places == 64
    assert Executor("ray", address="auto", slots=2).places > Executor("ray", workers=8, slots=2).places
    assert Executor("ray", address="auto").wanted(nodes=5) == 5
