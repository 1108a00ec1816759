"""Importing profiles: every form there is, into the right place, and never over something better."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from skvm.errors import InfrastructureError, UsageError
from skvm.target.importing import Action, Imported, import_profiles
from skvm.target.store import MAX_BYTES, ProfileStore

MODEL, HARNESS = "prov/m:1", "openclaw"


def document(level: str = "L2", at: str = "2026-03-04T05:06:07.890Z", **more: object) -> dict[str, object]:
    return {
        "version": "1.0",
        "model": MODEL,
        "harness": HARNESS,
        "profiledAt": at,
        "capabilities": {"gen.regex": level},
        **more,
    }


def put(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def taken(source: Path, root: Path, *, force: bool = False) -> list[Imported]:
    return list(import_profiles(source, ProfileStore(root), force=force))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def level_of(folder: Path, name: str = "latest.json") -> str:
    level: str = json.loads((folder / name).read_text())["capabilities"]["gen.regex"]
    return level


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def folder(root: Path) -> Path:
    return root / HARNESS / "prov--m_1"


def test_what_a_profile_says_decides_where_it_goes(source: Path, root: Path, folder: Path) -> None:
    text = json.dumps(document(**{"_note": "keep me"}))
    put(source / "any" / "where" / "latest.json", "\ufeff" + text)
    (only,) = taken(source, root)
    assert only.action is Action.IMPORTED
    assert only.path == folder / "latest.json"
    assert names(folder) == {"latest.json", "v_20260304T050607Z.json"}
    # The very bytes, so that keys we do not know come along; only a byte order mark is no JSON.
    assert (folder / "latest.json").read_text() == text


def test_the_newest_is_latest_and_the_others_are_history(source: Path, root: Path, folder: Path) -> None:
    put(source / "v_1.json", document("L1", "2026-01-01T00:00:00Z"))
    put(source / "v_3.json", document("L3", "2026-01-03T00:00:00Z"))
    put(source / "latest.json", document("L2", "2026-01-02T00:00:00+02:00"))
    put(source / "v_4.json", document("L0", "2026-01-04T00:00:00Z", isPartial=True))
    assert [each.action for each in taken(source, root)] == [
        Action.IMPORTED,
        Action.HISTORY,
        Action.HISTORY,
        Action.SKIPPED,
    ]
    assert level_of(folder) == "L3"
    assert level_of(folder, "v_20260101T000000Z.json") == "L1"
    assert level_of(folder, "v_20260101T220000Z.json") == "L2"


def test_again_changes_nothing(source: Path, root: Path, folder: Path) -> None:
    put(source / "latest.json", document())
    put(source / "failure-reports.json", {"profiledAt": document()["profiledAt"], "reports": {"x": []}})
    taken(source, root)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert [each.reason for each in taken(source, root)] == ["is there already"]
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("stored", "incoming", "reason"),
    [
        (document(at="2026-05-01T00:00:00Z"), document("L1"), "not older"),
        (document(at="2026-01-01T00:00:00Z", requested=["gen.regex"]), document("L1"), "measured by skvm"),
        (document(), document("L1", "2026-09-01T00:00:00Z", isPartial=True), "partial"),
    ],
)
def test_something_better_stays_unless_forced(
    source: Path,
    root: Path,
    folder: Path,
    stored: dict[str, object],
    incoming: dict[str, object],
    reason: str,
) -> None:
    put(folder / "latest.json", stored)
    put(source / "latest.json", incoming)
    put(source / "v_old.json", document("L0", "2025-01-01T00:00:00Z", isPartial=True))
    first, second = taken(source, root)
    assert first.action is second.action is Action.SKIPPED
    assert reason in first.reason
    assert names(folder) == {"latest.json"}
    (forced, _) = taken(source, root, force=True)
    assert forced.action is Action.IMPORTED
    assert level_of(folder) == "L1"
    assert forced.kept is not None
    assert json.loads(forced.kept.read_text()) == stored


def test_history_of_what_was_skipped_is_skipped_too(source: Path, root: Path, folder: Path) -> None:
    put(folder / "latest.json", document(at="2026-05-01T00:00:00Z"))
    put(source / "latest.json", document("L1"))
    put(source / "v_old.json", document("L0", "2025-01-01T00:00:00Z"))
    assert [each.action for each in taken(source, root)] == [Action.SKIPPED, Action.SKIPPED]
    assert names(folder) == {"latest.json"}


def test_an_older_foreign_one_gives_way_and_is_kept(source: Path, root: Path, folder: Path) -> None:
    put(folder / "latest.json", document("L0", "2026-01-01T00:00:00Z"))
    put(source / "latest.json", document("L3"))
    (only,) = taken(source, root)
    assert only.kept == folder / "v_20260101T000000Z.json"
    assert level_of(folder, only.kept.name) == "L0"
    assert level_of(folder) == "L3"


def test_two_of_the_same_second_are_both_kept(source: Path, root: Path, folder: Path) -> None:
    put(folder / "v_20260304T050607Z.json", document("L1"))
    put(source / "latest.json", document("L3"))
    taken(source, root)
    assert level_of(folder, "v_20260304T050607Z.json") == "L1"
    assert level_of(folder, "v_20260304T050607Z-2.json") == "L3"


def test_failure_reports_come_with_their_profile_only(source: Path, root: Path, folder: Path) -> None:
    put(folder / "latest.json", document("L0", "2026-01-01T00:00:00Z"))
    put(folder / "failure-reports.json", {"profiledAt": "2026-01-01T00:00:00Z", "reports": {"old": []}})
    put(source / "latest.json", document("L3"))
    foreign = put(source / "failure-reports.json", {"profiledAt": "2020-01-01", "reports": {"other": []}})
    _, reports = taken(source, root)
    assert reports.action is Action.SKIPPED
    written = json.loads((folder / "failure-reports.json").read_text())
    assert written == {"profiledAt": document()["profiledAt"], "reports": {}}
    put(foreign, {"profiledAt": "2027-01-01T00:00:00Z", "reports": {"mine": []}})
    put(source / "latest.json", document("L1", "2027-01-01T00:00:00Z"))
    taken(source, root)
    assert json.loads((folder / "failure-reports.json").read_text())["reports"] == {"mine": []}


def test_a_lone_file_may_be_called_anything(source: Path, root: Path, folder: Path) -> None:
    (only,) = taken(put(source / "mine.json", document()), root)
    assert only.path == folder / "latest.json"
    with pytest.raises(UsageError, match="no profile below it"):
        taken(source, root)
    with pytest.raises(UsageError, match="no such file"):
        taken(source / "absent", root)


def test_garbage_is_told_and_the_rest_goes_on(source: Path, root: Path, folder: Path) -> None:
    put(source / "a" / "latest.json", json.dumps(document())[:60])
    put(source / "b" / "latest.json", {**document(), "version": "2.0"})
    (source / "c" / "latest.json").mkdir(parents=True)
    (source / "d").mkdir()
    os.mkfifo(source / "d" / "latest.json")
    put(
        source / "e" / "latest.json",
        '{"version": "1.0", "model": "m",\n "harness": "../h",\n"profiledAt": "2026"}',
    )
    (source / "f").mkdir()
    (source / "f" / "latest.json").write_bytes(b"\x89PNG\x00\xff" * 9)
    with put(source / "g" / "latest.json", "").open("wb") as huge:
        huge.truncate(MAX_BYTES + 1)
    (source / "loop").symlink_to(source)
    (source / "h").mkdir()
    (source / "h" / "latest.json").symlink_to("latest.json")
    put(source / "i" / "latest.json", json.dumps(document(), indent=1).replace("2026-03-04T05", "yesterday"))
    put(source / "j" / "latest.json", json.dumps(document(), indent=1).replace('"gen.regex": "L2"', ""))
    put(source / "k" / "failure-reports.json", "[")
    put(source / "z" / "latest.json", document())
    told = {each.source.relative_to(source).parts[0]: each for each in taken(source, root)}
    broken = {name: each.reason for name, each in told.items() if each.action is Action.BROKEN}
    assert set(broken) == set("abcdefghijk")
    assert ":1:" in broken["a"]
    assert ":1: version: " in broken["b"]
    assert "directory" in broken["c"]
    assert "not a regular file" in broken["d"]
    assert "latest.json:3: profiledAt: '2026'" in broken["e"]
    assert "not UTF-8" in broken["f"]
    assert "64 MB" in broken["g"]
    assert "latest.json:5: profiledAt: " in broken["i"]
    assert (told["i"].line, told["i"].field) == (5, "profiledAt")
    assert "capabilities: holds no level" in broken["j"]
    assert told["loop"].action is Action.SKIPPED
    assert told["z"].action is Action.IMPORTED
    assert names(root) == {HARNESS}
    assert level_of(folder) == "L2"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("harness", "../../etc"),
        ("harness", ".."),
        ("model", " .. "),
        ("model", "m" * 300),
        ("harness", "h" * 300),
    ],
)
def test_no_profile_leaves_the_store(source: Path, root: Path, key: str, value: str) -> None:
    (only,) = taken(put(source / "p.json", {**document(), key: value}), root)
    assert only.action is Action.BROKEN
    assert only.field == key
    assert not root.exists()


def test_a_broken_stored_one_stays_until_forced_and_is_moved_aside(
    source: Path, root: Path, folder: Path
) -> None:
    put(folder / "latest.json", "{")
    put(source / "latest.json", document())
    (first,) = taken(source, root)
    assert first.action is Action.SKIPPED
    assert "broken" in first.reason
    (forced,) = taken(source, root, force=True)
    assert forced.kept is not None
    assert forced.kept.read_text() == "{"
    assert level_of(folder) == "L2"


def test_a_store_that_cannot_be_written_is_told_and_loses_nothing(
    source: Path, root: Path, folder: Path
) -> None:
    put(root / HARNESS, "a file in the way")
    put(source / "latest.json", document())
    with pytest.raises(InfrastructureError, match="cannot be written"):
        taken(source, root)
    assert (root / HARNESS).read_text() == "a file in the way"


def test_every_public_profile_is_taken(public_data: Path, root: Path) -> None:
    data = public_data / "skvm-data"
    files = [
        path
        for tree in ("profiles", "profiles-heads")
        for path in (data / tree).rglob("*.json")
        if path.name != "failure-reports.json"
    ]
    told = taken(data, root)
    assert {each.source for each in told if each.action is Action.IMPORTED} >= set(files)
    assert not [each.reason for each in told if each.action is Action.BROKEN]
    stored = {(each.profile.model, each.profile.harness) for each in ProfileStore(root).list()}
    assert len(stored) == len(files)
    # Failure reports lie in another tree than their profile, and are brought together with it.
    assert (root / "bare-agent" / "qwen--qwen3.5-9b" / "failure-reports.json").is_file()
