"""Profiles on disk: the compatible layout, whole files only, clear words about broken ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from skvm.errors import InfrastructureError, UsageError
from skvm.target.contract import Level
from skvm.target.profile import LevelResult, PrimitiveDetail, Profile
from skvm.target.store import ProfileStore, read_profile, safe_model

MODEL = "local/tiny:1b"


def profile(
    level: Level = Level.L2, *, is_partial: bool = False, at: str = "2026-01-02T03:04:05.678Z"
) -> Profile:
    detail = PrimitiveDetail(
        primitive_id="gen.regex",
        highest_level=level,
        level_results=(
            LevelResult(level=Level.L1, passed=True, pass_count=3, total_count=3, interval=(0.29, 1.0)),
        ),
        probe_digest="sha256:00",
        design="fixed-3",
    )
    return Profile(
        model=MODEL,
        harness="bare-agent",
        profiled_at=at,
        capabilities={"gen.regex": level},
        details=(detail,),
        is_partial=is_partial,
        requested=("gen.regex",),
    )


@pytest.mark.parametrize(
    ("model", "name"),
    [("a/b", "a--b"), ("a/b/c:d", "a--b--c_d"), ("plain", "plain")],
)
def test_a_model_names_a_directory(model: str, name: str) -> None:
    assert safe_model(model) == name


@pytest.mark.parametrize("model", ["", ".", "..", " . ", "a\x00b", "a\nb", "é" * 130])
def test_some_models_cannot(model: str) -> None:
    with pytest.raises(UsageError):
        safe_model(model)


def test_a_complete_profile_is_the_newest_and_in_the_history(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path)
    path = store.save(profile(), {"gen.regex/L3": [{"instance": 0}]})
    folder = tmp_path / "bare-agent" / "local--tiny_1b"
    assert path == folder / "latest.json"
    assert {each.name for each in folder.iterdir()} == {
        "latest.json",
        "v_20260102T030405Z.json",
        "failure-reports.json",
    }
    stored = store.latest(MODEL, "bare-agent")
    assert stored is not None
    assert stored.profile == profile()
    assert json.loads((folder / "failure-reports.json").read_text())["reports"]["gen.regex/L3"]


def test_what_is_written_has_the_compatible_keys_and_no_null(tmp_path: Path) -> None:
    written = json.loads(ProfileStore(tmp_path).save(profile(), {}).read_text())
    assert written["version"] == "1.0"
    assert {"model", "harness", "profiledAt", "capabilities", "details", "cost", "isPartial"} <= set(written)
    assert {"primitiveId", "highestLevel", "levelResults"} <= set(written["details"][0])
    assert "null" not in json.dumps(written)


def test_a_checkpoint_never_replaces_a_complete_profile(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path)
    store.save(profile(Level.L3), {})
    assert store.save(profile(Level.L1, is_partial=True), {}).name == "partial.json"
    latest, partial = store.latest(MODEL, "bare-agent"), store.partial(MODEL, "bare-agent")
    assert latest is not None
    assert partial is not None
    assert latest.profile.level_of("gen.regex") is Level.L3
    assert partial.profile.level_of("gen.regex") is Level.L1
    store.save(profile(Level.L2, at="2026-02-02T00:00:00Z"), {})
    assert store.partial(MODEL, "bare-agent") is None


def test_stale_failure_reports_do_not_survive_a_clean_run(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path)
    store.save(profile(), {"gen.regex/L3": [{"instance": 0}]})
    path = store.save(profile(at="2026-03-01T00:00:00Z"), {})
    assert json.loads((path.parent / "failure-reports.json").read_text())["reports"] == {}


@pytest.mark.parametrize(
    ("folder", "model"),
    [
        ("qwen--qwen3.5-9b", "openrouter/qwen/qwen3.5-9b"),
        ("openrouter--qwen--qwen3.5-9b", "qwen/qwen3.5-9b"),
        ("qwen--qwen3.5-9b", "qwen/qwen3.5-9b"),
    ],
)
def test_a_profile_is_found_with_and_without_the_provider(tmp_path: Path, folder: str, model: str) -> None:
    path = tmp_path / "bare-agent" / folder / "latest.json"
    path.parent.mkdir(parents=True)
    path.write_text(profile().model_dump_json(by_alias=True, exclude_none=True))
    found = ProfileStore(tmp_path).latest(model, "bare-agent")
    assert found is not None
    assert found.path == path


def test_an_empty_store_lists_nothing(tmp_path: Path) -> None:
    assert list(ProfileStore(tmp_path / "absent").list()) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", ":1:1: not JSON"),
        ('{\n "version": "1.0",\n}', ":3"),
        ("[]", "the document"),
        ('{"version": "1.0"}', "model: Field required"),
        (
            '{"version": "1.0", "model": "m", "harness": "h",\n"profiledAt": "t",\n'
            '"capabilities": {\n"x.y": "L9"}}',
            ":4: capabilities.x.y",
        ),
        ('{"version": "2.0", "model": "m", "harness": "h", "profiledAt": "t"}', ":1: version"),
        ("[" * 100_000, ""),
        ('{"version": ' + "9" * 5000 + "}", "not a profile"),
    ],
)
def test_a_broken_file_is_told_with_field_and_line(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "latest.json"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_profile(path)
    assert str(path) in caught.value.message
    assert place in caught.value.message


def test_a_binary_or_absent_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "wide.json").write_bytes('{"version": "1.0"}'.encode("utf-16"))
    os.mkfifo(tmp_path / "pipe.json")
    for path in (
        tmp_path / "pipe.json",
        tmp_path / "p.json",
        tmp_path / "wide.json",
        tmp_path / "absent.json",
        tmp_path,
    ):
        with pytest.raises(UsageError, match=str(path)):
            read_profile(path)


def test_a_place_that_cannot_be_written_is_told_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "bare-agent").write_text("a file where a folder should be")
    with pytest.raises(InfrastructureError, match="cannot be written"):
        ProfileStore(tmp_path).save(profile(), {})


def test_every_public_profile_loads(public_data: Path) -> None:
    files = [
        path
        for folder in ("profiles", "profiles-heads")
        for path in (public_data / "skvm-data" / folder).rglob("*.json")
        if path.name != "failure-reports.json"
    ]
    assert files
    for path in files:
        assert read_profile(path).capabilities
