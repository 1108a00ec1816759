from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from skvm.errors import ConfigError
from skvm.settings import VARIABLES, load_settings


def write(folder: Path, content: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "skvm.config.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(0o600)
    return path


def test_a_flag_beats_the_environment_which_beats_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "cache", {"paths": {"tmpDir": str(tmp_path / "filed")}})
    cache = str(tmp_path / "cache")
    assert load_settings(cache_dir=cache, env={}).tmp_dir == tmp_path / "filed"
    env = {"SKVM_TMP_DIR": str(tmp_path / "env"), "SKVM_CACHE": str(tmp_path / "other")}
    assert load_settings(cache_dir=cache, env=env).tmp_dir == tmp_path / "env"
    assert (
        load_settings(cache_dir=cache, tmp_dir=str(tmp_path / "flag"), env=env).tmp_dir == tmp_path / "flag"
    )
    assert load_settings(env=env).cache_dir == tmp_path / "other"
    assert load_settings(cache_dir=cache, env=env).cache_dir == tmp_path / "cache"


def test_places_follow_the_cache_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = load_settings(cache_dir=str(tmp_path), env={"SKVM_LOGS_DIR": str(tmp_path / "elsewhere")})
    assert found.profiles_dir == tmp_path / "profiles"
    assert found.proposals_dir == tmp_path / "proposals"
    assert found.journal_path == tmp_path / "elsewhere" / "journal.sqlite"
    assert found.data_dir == tmp_path / "data"
    (tmp_path / "skvm-data").mkdir()
    assert load_settings(cache_dir=str(tmp_path), env={}).data_dir == tmp_path / "skvm-data"


def test_the_file_of_the_cache_comes_before_that_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"providers": {"routes": [{"match": "here/*", "kind": "anthropic"}]}})
    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "cache"
    assert [r.match for r in load_settings(cache_dir=str(cache), env={}).routes] == ["here/*"]
    write(cache, {"providers": {"routes": [{"match": "there/*", "kind": "anthropic"}]}})
    assert [r.match for r in load_settings(cache_dir=str(cache), env={}).routes] == ["there/*"]


def test_a_misspelt_key_of_a_route_is_a_finding_and_a_key_is_never_shown(tmp_path: Path) -> None:
    route = {"match": "a/*", "kind": "anthropic", "apiKey": "sk-hidden-0123456789", "apikey": "x"}
    path = write(tmp_path, {"providers": {"routes": [route]}})
    found = load_settings(cache_dir=str(tmp_path), env={})
    (finding,) = found.diagnostics
    assert (finding.code, finding.path) == ("SKV401", str(path))
    assert "providers.routes[0].apikey" in finding.message
    assert "sk-hidden" not in repr(found)
    assert found.routes[0].credential() == "sk-hidden-0123456789"


def routes(*listed: object) -> dict[str, object]:
    return {"providers": {"routes": list(listed)}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"[]", "must hold a JSON object"),
        ({"providers": 3}, "providers.routes must be a list"),
        ({"paths": 3}, "tmpDir is a string"),
        ({"paths": {"tmpDir": 5}}, "tmpDir is a string"),
        ({"paths": {"tmpDir": "a\0b"}}, "tmpDir is a string"),
        (routes(3), r"routes\[0\] must be an object"),
        (routes({"match": "a", "kind": "x"}), "kind must be one of"),
        (routes({"match": "a", "kind": ["x"]}), "kind must be one of"),
        (routes({"match": "a", "kind": "anthropic", "apiKey": 5}), "apiKey must be a string"),
        (routes({"match": "a", "kind": "openai-compatible"}), "baseUrl is required"),
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, content: object, said: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ConfigError, match=said) as caught:
        load_settings(cache_dir=str(tmp_path), env={})
    assert str(path) in caught.value.message


def test_a_pipe_is_no_file_of_settings(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "skvm.config.json")
    with pytest.raises(ConfigError, match="not a regular file"):
        load_settings(cache_dir=str(tmp_path), env={})


def test_what_the_file_says_of_harnesses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path / "cache",
        {
            "adapters": {
                "pi": "/opt/pi",
                "codex": {"repoPath": "../codex", "extraCliArgs": ["-c", "x=1"], "nativeAgent": ""},
                "openclaw": {"nativeAgent": "mine", "nativeSourceAgent": "main", "native_agent": "no"},
            }
        },
    )
    found = load_settings(cache_dir=str(tmp_path / "cache"), env={})
    assert found.adapters["pi"].path == Path("/opt/pi")
    assert found.adapters["codex"].path == tmp_path / "cache" / "../codex"
    assert found.adapters["codex"].extra_args == ("-c", "x=1")
    assert found.adapters["codex"].native_agent is None
    assert found.adapters["openclaw"].path is None
    assert found.adapters["openclaw"].native_source_agent == "main"
    assert [item.message for item in found.diagnostics] == ["adapters.openclaw.native_agent is not read"]


@pytest.mark.parametrize(
    "adapters",
    [
        ["pi"],
        {"pi": 3},
        {"pi": {"repoPath": 3}},
        {"pi": {"extraCliArgs": "-x"}},
        {"pi": {"extraCliArgs": [1]}},
        {"pi": "a\0b"},
    ],
)
def test_malformed_settings_of_harnesses_are_refused(
    adapters: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "cache", {"adapters": adapters})
    with pytest.raises(ConfigError, match="SKV402 adapters"):
        load_settings(cache_dir=str(tmp_path / "cache"), env={})


def test_unknown_keys_are_told_at_every_level_with_what_was_meant(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "provider": {},
            "providers": {
                "route": [],
                "routes": [{"match": "a/*", "kind": "anthropic", "api_key_env": "A", "zzz": 1}],
            },
            "adapters": {"pi": {"repo_path": "/x", "extraArgs": []}},
            "paths": {"tmpdir": "/x"},
            "defaults": {"adapterconfig": "native"},
            "headlessAgent": {"drivers": "pi", "driver": "pi"},
            "_note": "a remark",
            "$schema": "a remark",
        },
    )
    found = load_settings(cache_dir=str(tmp_path), env={}).diagnostics
    assert {(item.code, item.message, item.help) for item in found} == {
        ("SKV401", "provider is not read", "did you mean providers?"),
        ("SKV401", "providers.route is not read", "did you mean routes?"),
        ("SKV401", "providers.routes[0].api_key_env is not read", "did you mean apiKeyEnv?"),
        ("SKV401", "providers.routes[0].zzz is not read", None),
        ("SKV401", "adapters.pi.repo_path is not read", "did you mean repoPath?"),
        ("SKV401", "adapters.pi.extraArgs is not read", "did you mean extraCliArgs?"),
        ("SKV401", "paths.tmpdir is not read", "did you mean tmpDir?"),
        ("SKV401", "defaults.adapterconfig is not read", "did you mean adapterConfigMode?"),
        ("SKV401", "headlessAgent.drivers is not read", "did you mean driver?"),
        ("SKV406", "headlessAgent.driver has no effect: skvm edits skills itself", None),
    }


@pytest.mark.parametrize("key", ["providerOverride", "modelPrefix"])
def test_what_had_to_be_migrated_stops_a_command(tmp_path: Path, key: str) -> None:
    write(tmp_path, {"headlessAgent": {key: "x"}})
    with pytest.raises(ConfigError, match=f"SKV404 headlessAgent.{key}") as caught:
        load_settings(cache_dir=str(tmp_path), env={})
    assert "providers.routes" in (caught.value.help or "")


def test_a_key_others_can_read_is_told_and_a_variable_is_not(tmp_path: Path) -> None:
    path = write(tmp_path, routes({"match": "a/*", "kind": "anthropic", "apiKey": "sk-hidden-0123456789"}))
    path.chmod(0o640)
    (finding,) = load_settings(cache_dir=str(tmp_path), env={}).diagnostics
    assert (finding.code, finding.help) == ("SKV405", f"chmod 600 {path}")
    assert "0640" in finding.message
    path.chmod(0o600)
    assert load_settings(cache_dir=str(tmp_path), env={}).diagnostics == ()
    write(tmp_path, routes({"match": "a/*", "kind": "anthropic", "apiKeyEnv": "A"})).chmod(0o644)
    assert load_settings(cache_dir=str(tmp_path), env={}).diagnostics == ()


def test_every_variable_is_read_and_every_value_tells_where_it_is_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "cache"
    path = write(cache, {"paths": {"tmpDir": "t"}, "defaults": {"adapterConfigMode": "native"}})
    bare = load_settings(cache_dir=str(cache), env={})
    assert bare.tmp_dir == cache / "t"
    assert bare.adapter_mode == "native"
    assert dict(bare.origins) == {
        "cache_dir": "--skvm-cache",
        "profiles_dir": "default",
        "logs_dir": "default",
        "proposals_dir": "default",
        "data_dir": "default",
        "tmp_dir": str(path),
        "auto_probe": "default",
        "adapter_mode": str(path),
    }
    env = {variable: str(tmp_path / name) for name, variable in VARIABLES.items()}
    found = load_settings(env=env | {"SKVM_AUTO_PROBE": "0"})
    for name, variable in VARIABLES.items():
        assert found.origins[name] == variable
        assert getattr(found, name) == (False if name == "auto_probe" else tmp_path / name)
    flagged = load_settings(data_dir="d", tmp_dir="t", auto_probe=False, env=env)
    assert flagged.origins["data_dir"] == "--skvm-data-dir"
    assert flagged.origins["tmp_dir"] == "--tmp-dir"
    assert flagged.origins["auto_probe"] == "--no-auto-probe"


@pytest.mark.parametrize("mode", ["other", 3, ["native"]])
def test_a_mode_is_one_of_two(tmp_path: Path, mode: object) -> None:
    write(tmp_path, {"defaults": {"adapterConfigMode": mode}})
    with pytest.raises(ConfigError, match="adapterConfigMode must be one of managed, native"):
        load_settings(cache_dir=str(tmp_path), env={})


def test_a_mark_at_the_start_of_the_file_is_no_fault_and_a_huge_file_is(tmp_path: Path) -> None:
    write(tmp_path, b"\xef\xbb\xbf{}")
    assert load_settings(cache_dir=str(tmp_path), env={}).diagnostics == ()
    write(tmp_path, b"{" + b" " * (1 << 20) + b"}")
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        load_settings(cache_dir=str(tmp_path), env={})
