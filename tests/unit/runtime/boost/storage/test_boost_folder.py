import json
import multiprocessing
import os
import re
from datetime import UTC, datetime

import pytest

from skvm.errors import UsageError
from skvm.runtime.boost.model import Candidate, Check, Origin, Param, ParamType, Place, Skeleton, Template
from skvm.runtime.boost.standing import Key, Standing, Status
from skvm.runtime.boost.storage import CANDIDATES, STATE, BoostFolder
from skvm.settings import load_settings

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def settings_at(path):
    return load_settings(cache_dir=str(path), env={})


def candidate(purpose="csv-totals", code='print(P["source"])\n', **more):
    return Candidate(
        purpose_id=purpose,
        skeletons=(Skeleton(texts=("Sum the totals of ", " into totals.json."), params=("source",)),),
        template=Template(
            language="python",
            code=code,
            params=(Param(name="source", type=ParamType.PATH, description="The table.", seen=("a.csv",)),),
            inputs=(Check(place=Place(param="source"), shape={"kind": "csv"}),),
            outputs=(Check(place=Place(path="totals.json"), shape={"kind": "json"}),),
        ),
        keywords=("totals", "sum"),
        origin=Origin(kind="runs", run_ids=("r1", "r2")),
        **more,
    )


LEGACY = {
    "purposeId": "list-files",
    "keywords": ["list"],
    "codeSignature": "ls[\\s\\S]*?head",
    "functionTemplate": 'ls "${folder}" | head',
    "params": {"folder": {"type": "string", "description": "which", "extractPattern": "in (\\S+)"}},
    "materializationType": "shell",
    "monitoredTools": ["execute_command"],
}


@pytest.fixture
def folder(tmp_path):
    return BoostFolder(settings_at(tmp_path), "sums")


def write(folder, document, name=CANDIDATES):
    folder.path.mkdir(parents=True, exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document)
    (folder.path / name).write_text(text, encoding="utf-8")


def stored(folder, name=CANDIDATES):
    return json.loads((folder.path / name).read_text(encoding="utf-8"))


def codes(loaded):
    return [finding.code for finding in loaded.findings]


def test_candidates_come_back_as_they_were_saved(folder):
    one, two = (
        candidate(),
        candidate("other", code="print('ü \\udc80')\n", is_terminal=True, closing="{outputs}"),
    )
    assert folder.save([one, two]) == (one, two)
    assert folder.load().candidates == (one, two)
    assert folder.load().findings == ()


def test_nothing_there_is_nothing_found(folder):
    loaded = folder.load()
    assert (loaded.candidates, loaded.findings) == ((), ())
    assert not folder.path.exists()


def test_the_file_has_the_fields_of_the_existing_system(folder):
    folder.save([candidate()])
    document = stored(folder)
    (entry,) = document["candidates"]
    assert set(document) == {"candidates"}
    assert entry["purposeId"] == "csv-totals"
    assert entry["keywords"] == ["totals", "sum"]
    assert entry["materializationType"] in ("shell", "python")
    assert set(entry["params"]) == {"source"}
    assert entry["params"]["source"]["type"] == "string"
    pattern = re.compile(entry["params"]["source"]["extractPattern"], re.IGNORECASE)
    assert pattern.groups == 1
    assert pattern.search("Sum the  totals of north.csv into totals.json.")[1] == "north.csv"
    assert re.compile(entry["codeSignature"])
    assert "${source}" in entry["functionTemplate"]


def test_what_a_reader_of_the_existing_system_would_run_takes_the_value_as_a_value(folder, tmp_path):
    """It puts the value into the text; here the value stands where the shell expands nothing."""
    import subprocess

    folder.save([candidate()])
    (entry,) = stored(folder)["candidates"]
    hostile = "a.csv'; touch pwned; \"$(touch pwned)`touch pwned`${HOME}\\"
    text = entry["functionTemplate"].replace("${source}", hostile)
    ran = subprocess.run(["sh", "-c", text], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == hostile + "\n"
    assert not (tmp_path / "pwned").exists()


def test_the_same_candidates_give_the_same_bytes(folder, tmp_path):
    folder.save([candidate(), candidate("b")])
    other = BoostFolder(settings_at(tmp_path / "other"), "sums")
    other.save([candidate(), candidate("b")])
    assert (folder.path / CANDIDATES).read_bytes() == (other.path / CANDIDATES).read_bytes()
    before = (folder.path / CANDIDATES).stat()
    assert folder.save([candidate()]) == ()
    assert (folder.path / CANDIDATES).stat().st_mtime_ns == before.st_mtime_ns


def test_a_recompiled_candidate_replaces_the_old_one_in_place(folder):
    folder.save([candidate(), candidate("b")])
    new = candidate(code="print(1)\n")
    assert folder.save([new]) == (new,)
    assert [each.purpose_id for each in folder.load().candidates] == ["csv-totals", "b"]
    assert folder.load().candidates[0] == new


def test_what_a_person_turned_off_stays_off(folder):
    folder.save([candidate()])
    assert folder.set_enabled("csv-totals", is_enabled=False).is_enabled is False
    folder.save([candidate(code="print(2)\n")])
    (found,) = folder.load().candidates
    assert found.template.code == "print(2)\n"
    assert found.is_enabled is False
    folder.set_enabled("csv-totals", is_enabled=True)
    assert folder.load().candidates[0].is_enabled is True
    with pytest.raises(UsageError, match="no candidate 'none'"):
        folder.set_enabled("none", is_enabled=True)


def test_entries_of_the_existing_system_are_read_and_kept(folder):
    write(folder, {"candidates": [LEGACY], "note": "mine"})
    loaded = folder.load()
    assert codes(loaded) == []
    (found,) = loaded.candidates
    assert found.origin.kind == "foreign"
    assert found.skeletons == ()
    assert loaded.foreign[0].patterns["folder"].find("what is in /tmp now") == (11, 15)
    folder.save([candidate()])
    document = stored(folder)
    assert document["note"] == "mine"
    assert document["candidates"][0] == LEGACY


def test_a_foreign_candidate_that_was_bound_keeps_its_plain_fields(folder):
    write(folder, {"candidates": [LEGACY]})
    (found,) = folder.load().candidates
    bound = found.model_copy(update={"skeletons": (Skeleton(texts=("list ", ""), params=("folder",)),)})
    assert folder.save([bound]) == (bound,)
    (entry,) = stored(folder)["candidates"]
    assert {key: entry[key] for key in LEGACY} == LEGACY
    loaded = folder.load()
    assert loaded.candidates == (bound,)
    assert loaded.findings == ()


def test_the_state_of_the_existing_system_stands_in_for_a_missing_file(folder):
    write(folder, {"skillId": "sums", "entries": [{"candidate": LEGACY, "state": {"promoted": True}}]}, STATE)
    (found,) = folder.load().candidates
    assert found.purpose_id == "list-files"
    folder.save([candidate()])
    assert [each["purposeId"] for each in stored(folder)["candidates"]] == ["list-files", "csv-totals"]


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "{",
        "[]",
        "null",
        '{"candidates": 3}',
        '{"candidates": {}}',
        "[" * 100_000,
        "\x00\xff",
        '"\\ud800"',
    ],
)
def test_a_file_that_cannot_be_read_is_a_finding_and_is_not_lost(folder, garbage):
    write(folder, garbage)
    loaded = folder.load()
    assert (loaded.candidates, codes(loaded)) == ((), ["SKV601"])
    folder.save([candidate()])
    assert folder.load().candidates == (candidate(),)
    (aside,) = [path for path in folder.path.iterdir() if ".broken-" in path.name]
    assert aside.read_text(encoding="utf-8") == garbage


def test_entries_that_cannot_be_read_are_findings_and_stay(folder):
    folder.save([candidate()])
    good = stored(folder)["candidates"][0]
    newer = {**good, "purposeId": "newer", "skvm": {"schema": 99, "candidate": {}}}
    other = {**good, "purposeId": "swapped"}
    torn = {**good, "purposeId": "torn", "skvm": {"schema": 1, "candidate": {"purposeId": "torn"}}}
    odd = [7, None, "x", [], {}, {"purposeId": 3}, newer, other, torn, {"purposeId": "half"}, good]
    write(folder, {"candidates": [good, *odd]})
    loaded = folder.load()
    assert loaded.candidates == (candidate(),)
    assert len(loaded.findings) == len(odd)
    assert set(codes(loaded)) == {"SKV602"}
    folder.save([candidate("b")])
    assert stored(folder)["candidates"][:-1] == [good, *odd]


def test_plain_fields_changed_by_hand_are_told_and_not_used(folder):
    folder.save([candidate()])
    document = stored(folder)
    document["candidates"][0]["functionTemplate"] = "rm -rf ${source}"
    write(folder, document)
    loaded = folder.load()
    assert codes(loaded) == ["SKV603"]
    assert loaded.candidates == (candidate(),)


def test_a_pipe_or_a_folder_in_the_place_of_the_file_is_a_finding(folder):
    folder.path.mkdir(parents=True)
    os.mkfifo(folder.path / CANDIDATES)
    assert codes(folder.load()) == ["SKV601"]
    (folder.path / CANDIDATES).unlink()
    (folder.path / CANDIDATES).mkdir()
    assert codes(folder.load()) == ["SKV601"]
    folder.save([candidate()])
    assert folder.load().candidates == (candidate(),)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\x00b", "x" * 300, "\n"])
def test_an_id_that_is_no_name_of_a_folder_is_refused(tmp_path, name):
    with pytest.raises(UsageError):
        BoostFolder(settings_at(tmp_path), name)


def key(**more):
    return Key(
        **{
            "skill_id": "sums",
            "skill_digest": "sha256:s",
            "model": "m",
            "harness": "h",
            "purpose_id": "csv-totals",
            "digest": candidate().digest,
            **more,
        }
    )


def test_the_state_file_tells_readers_of_the_existing_system_where_a_candidate_stands(folder):
    folder.save([candidate(), candidate("b")])
    up = Standing(Status.PROMOTED, runs=4, good=3, lower_bound=0.459, streak=3, promoted_at=NOW)
    standings = {
        key(): up,
        key(skill_id="other"): Standing(failures=9),
        key(digest="sha256:old"): Standing(Status.QUARANTINED, failures=5),
    }
    folder.save_state(standings, updated_at=NOW)
    document = stored(folder, STATE)
    assert document["skillId"] == "sums"
    assert document["updatedAt"] == "2026-01-02T00:00:00.000Z"
    first, second = document["entries"]
    assert first["state"] == {
        "candidateId": "csv-totals",
        "hitCount": 4,
        "consecutiveMatches": 3,
        "promoted": True,
        "fallbackCount": 0,
    }
    assert first["promotedAt"] == "2026-01-02T00:00:00.000Z"
    assert first["candidate"]["purposeId"] == "csv-totals"
    assert "skvm" not in first["candidate"]
    assert first["skvm"]["targets"][0]["status"] == "promoted"
    assert second["state"]["promoted"] is False
    assert "promotedAt" not in second
    before = (folder.path / STATE).read_bytes()
    folder.save_state(standings, updated_at=NOW)
    assert (folder.path / STATE).read_bytes() == before


def test_quarantine_on_one_target_is_no_promotion_for_a_reader_who_knows_no_targets(folder):
    folder.save([candidate()])
    both = {
        key(): Standing(Status.PROMOTED, promoted_at=NOW),
        key(model="m2"): Standing(Status.QUARANTINED, failures=1),
    }
    folder.save_state(both, updated_at=NOW)
    (entry,) = stored(folder, STATE)["entries"]
    assert entry["state"]["promoted"] is False
    assert len(entry["skvm"]["targets"]) == 2


def test_state_of_another_program_is_kept_for_candidates_that_are_not_ours(folder):
    theirs = {"candidate": {"purposeId": "theirs"}, "state": {"candidateId": "theirs", "hitCount": 7}}
    write(folder, {"skillId": "sums", "entries": [theirs], "updatedAt": "x"}, STATE)
    write(folder, {"candidates": []})
    folder.save([candidate()])
    folder.save_state({}, updated_at=NOW)
    assert theirs in stored(folder, STATE)["entries"]


def test_removing_really_removes(folder):
    folder.save([candidate(), candidate("b")])
    folder.save_state({}, updated_at=NOW)
    assert folder.remove("csv-totals") == (folder.path / CANDIDATES, folder.path / STATE)
    assert [each.purpose_id for each in folder.load().candidates] == ["b"]
    assert folder.remove("csv-totals") == ()
    (folder.path / f"{CANDIDATES}.broken-12345678").write_text("x", encoding="utf-8")
    assert len(folder.remove()) == 3
    assert not folder.path.exists()
    assert folder.remove() == ()


def test_other_files_in_the_folder_are_left(folder):
    folder.save([candidate()])
    (folder.path / "notes.md").write_text("mine", encoding="utf-8")
    folder.remove()
    assert [path.name for path in folder.path.iterdir()] == ["notes.md"]


def test_all_folders_there_are(tmp_path):
    settings = settings_at(tmp_path)
    assert BoostFolder.all(settings) == ()
    for name in ("b", "a"):
        BoostFolder(settings, name).save([candidate()])
    assert [each.skill_id for each in BoostFolder.all(settings)] == ["a", "b"]


def _learn_many(cache, worker):
    folder = BoostFolder(settings_at(cache), "sums")
    for index in range(12):
        folder.save(
            [candidate(f"w{worker}-{index}"), candidate("shared", code=f"print({worker}, {index})\n")]
        )
        folder.save_state({}, updated_at=NOW)


def test_two_processes_that_learn_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_learn_many, args=(str(tmp_path), number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    loaded = BoostFolder(settings_at(tmp_path), "sums").load()
    assert loaded.findings == ()
    names = {each.purpose_id for each in loaded.candidates}
    assert names == {"shared", *(f"w{worker}-{index}" for worker in range(3) for index in range(12))}
    state = stored(BoostFolder(settings_at(tmp_path), "sums"), STATE)
    assert {each["candidate"]["purposeId"] for each in state["entries"]} <= names
