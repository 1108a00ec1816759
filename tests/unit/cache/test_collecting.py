"""Keeping the cache in bounds: what refers to what, two processes at once, a kill at every step."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.cache.collecting import Bounds, Collected, collect
from skvm.cache.places import measure
from skvm.cli.main import run
from skvm.errors import InfrastructureError
from skvm.evidence.blobs import BlobStore, digest_of
from skvm.evidence.journal import Journal
from skvm.evidence.record import RunStarted
from skvm.harness.programs.catalogue import RECORD, find_entry, prefix_of
from skvm.llm.catalog import CATALOG
from skvm.settings import Settings, load_settings

OLD = 60 * 86_400.0


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    env = {"SKVM_TMP_DIR": str(tmp_path / "tmp")}
    found = load_settings(cache_dir=str(tmp_path / "cache"), env=env)
    found.tmp_dir.mkdir()
    found.cache_dir.mkdir()
    return found


def age(path: Path, age_s: float = OLD) -> Path:
    moment = time.time() - age_s
    for each in [*path.rglob("*"), path] if path.is_dir() else [path]:
        os.utime(each, (moment, moment), follow_symlinks=False)
    return path


def record(settings: Settings, kind: str, body: object) -> None:
    async def work() -> None:
        async with Journal(settings.journal_path) as journal:
            await journal.append(kind, body)  # type: ignore[arg-type]

    anyio.run(work)


def old_blob(settings: Settings, data: bytes) -> str:
    digest = BlobStore(settings.blobs_dir).put(data)
    age(BlobStore(settings.blobs_dir).path_of(digest))
    return digest


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def removed(done: Collected, kind: str) -> dict[str, str]:
    return {each.name: each.reason for each in done.fates if each.is_removed and each.kind == kind}


def kept(done: Collected, kind: str) -> dict[str, str]:
    return {each.name: each.reason for each in done.fates if not each.is_removed and each.kind == kind}


def test_only_blobs_nobody_refers_to_go(settings: Settings) -> None:
    inner = old_blob(settings, b"named by a blob")
    outer = old_blob(settings, json.dumps({"files": {"a": inner}}).encode())
    recorded = old_blob(settings, b"named by a record")
    proposed = old_blob(settings, b"named by a proposal")
    certified = old_blob(settings, b"named by a certificate")
    loose = old_blob(settings, b"named by nobody")
    of_loose = old_blob(settings, f"{loose} names".encode())
    young = BlobStore(settings.blobs_dir).put(b"just put")
    record(settings, "call", {"request_digest": recorded, "more": [outer]})
    put(settings.proposals_dir / "jit-optimize/a/b/c/d/history.json", json.dumps({"evidence": proposed}))
    put(settings.cache_dir / "x.certificate.json", json.dumps({"hash": certified.removeprefix("sha256:")}))
    dry = collect(settings, Bounds(), is_dry=True)
    assert set(BlobStore(settings.blobs_dir).names()) == {
        *(inner, outer, recorded, proposed, certified, loose, of_loose, young)
    }
    done = collect(settings, Bounds())
    assert done.fates == dry.fates
    assert set(BlobStore(settings.blobs_dir).names()) == {
        *(inner, outer, recorded, proposed, certified, young)
    }
    assert done.after_bytes < done.before_bytes
    assert {each.name: each.count for each in done.fates if each.kind == "blobs"} == {
        "referred to": 5,
        "nobody refers to": 2,
        "too young": 1,
    }


def test_without_a_journal_or_with_a_broken_one_no_blob_goes(settings: Settings) -> None:
    loose = old_blob(settings, b"named by nobody")
    done = collect(settings, Bounds())
    assert "no journal" in kept(done, "blobs")["all others"]
    settings.journal_path.write_bytes(b"not a database at all, but long enough to look" * 40)
    with pytest.raises(InfrastructureError, match="nobody knows what it refers to"):
        collect(settings, Bounds())
    assert BlobStore(settings.blobs_dir).get(loose)


def test_a_run_that_goes_on_keeps_what_it_put_long_ago(settings: Settings) -> None:
    loose = old_blob(settings, b"put by a run that takes weeks")
    started = RunStarted(
        run_id="r", task_id="t", task_digest="d", condition="c", model="m", harness="h",
        started_at=datetime.now(UTC),
    )  # fmt: skip
    record(settings, "run_started", started)
    with sqlite3.connect(settings.journal_path) as connection:
        connection.execute("DROP TRIGGER records_no_update")
        connection.execute("UPDATE records SET created_at = '2020-01-01T00:00:00+00:00'")
    connection.close()
    done = collect(settings, Bounds(older_than_s=1.0))
    assert list(kept(done, "blobs")) == ["too young"]
    assert BlobStore(settings.blobs_dir).get(loose)


def test_a_blob_that_is_put_again_while_another_process_collects_is_never_lost(settings: Settings) -> None:
    """All are old and nobody's when they are put: only the renewal and the lock keep them."""
    data = [f"body {number}".encode() for number in range(80)]
    for each in data:
        old_blob(settings, each)
    spare = [old_blob(settings, f"spare {number}".encode()) for number in range(40)]
    record(settings, "start", {})
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            stop_at = time.monotonic() + 30
            while time.monotonic() < stop_at and not (settings.tmp_dir / "stop").exists():
                collect(settings, Bounds(grace_s=4.0))
            code = 0
        finally:
            os._exit(code)
    blobs = BlobStore(settings.blobs_dir)
    put_since = []

    async def work() -> None:
        async with Journal(settings.journal_path) as journal:
            for start in range(0, len(data), 4):
                digests = [blobs.put(each) for each in data[start : start + 4]]
                put_since.extend(digests)
                await anyio.sleep(0.02)
                await journal.append("call", {"digests": digests})

    try:
        anyio.run(work)
    finally:
        put(settings.tmp_dir / "stop")
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert [blobs.get(digest) for digest in put_since] == data
    assert not any(blobs.has(digest) for digest in spare)


def furnish(settings: Settings) -> dict[str, Path]:
    """One old thing of every kind that may go, beside things that must not."""
    record(settings, "call", {"request_digest": old_blob(settings, b"kept"), "model": "local/smollm2-135m"})
    for number in range(3):
        old_blob(settings, f"loose {number}".encode())
    entry = find_entry("pi")
    made = {
        "old program": settings.cache_dir / "harnesses" / entry.name / "0.0.1",
        "environment": settings.cache_dir / "environments" / ("a" * 32),
        "answer": settings.cache_dir / "answers" / f"{'b' * 64}.json",
        "bench variant": settings.cache_dir / "bench" / "variants" / ("c" * 32),
        "leftover": settings.proposals_dir / "aot-compile" / "bare-agent" / ".new-x1abcdef",
        "half a file": settings.cache_dir / ".tmp-abcdefgh",
        "temporary": settings.tmp_dir / "skvm-run-999999999-1-abcdef",
    }
    for name, path in made.items():
        if name in ("answer", "half a file"):
            put(path)
        else:
            put(path / RECORD)
            put(path / "deep" / "er" / "file")
    weights = {entry.id: settings.models_dir / entry.file for entry in CATALOG}
    for path in weights.values():
        put(path)
    made["weights"] = weights["qwen2.5-coder-0.5b"]
    for path in [*made.values(), *weights.values()]:
        age(path)
    put(settings.profiles_dir / "pi" / "local--m" / "latest.json", '{"model": "local/m", "harness": "pi"}')
    put(settings.proposals_dir / "aot-compile" / "pi" / "m" / "s" / "p1" / "SKILL.md")
    put(prefix_of(settings.cache_dir, entry) / RECORD)
    age(prefix_of(settings.cache_dir, entry))
    return made


def holdings(settings: Settings) -> set[str]:
    return {
        str(path.relative_to(settings.cache_dir.parent))
        for folder in (settings.cache_dir, settings.tmp_dir)
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".gc.lock" and "journal" not in path.name
    }


def test_what_can_be_made_again_goes_only_with_a_bound(settings: Settings) -> None:
    made = furnish(settings)
    always = {"leftover", "half a file", "temporary"}
    collect(settings, Bounds())
    assert {name for name, path in made.items() if not path.exists()} == always
    done = collect(settings, Bounds(older_than_s=90 * 86_400.0))
    assert {name for name, path in made.items() if not path.exists()} == always
    assert "used 60 days ago" in kept(done, "answers").values()
    collect(settings, Bounds(older_than_s=30 * 86_400.0))
    assert [name for name, path in made.items() if path.exists()] == []
    left = holdings(settings)
    assert "cache/proposals/aot-compile/pi/m/s/p1/SKILL.md" in left
    assert "cache/profiles/pi/local--m/latest.json" in left
    # A profile names the harness, a record the model.
    assert (prefix_of(settings.cache_dir, find_entry("pi")) / RECORD).exists()
    names = {entry.id: entry.file for entry in CATALOG}
    assert f"cache/models/{names['smollm2-135m']}" in left
    assert not any("trash" in name for name in left)


def test_a_bound_of_size_takes_the_oldest_first_and_says_when_it_cannot_be_met(settings: Settings) -> None:
    answers = settings.cache_dir / "answers"
    for number in range(4):
        put(answers / f"{number}{'d' * 63}.json", "x" * 100_000)
        age(answers / f"{number}{'d' * 63}.json", OLD - number * 86_400)
    total = sum(each.size_bytes for each in measure(settings))
    done = collect(settings, Bounds(max_bytes=total - 150_000))
    assert sorted(path.name[0] for path in answers.iterdir()) == ["2", "3"]
    assert done.fits
    assert "fits without removing it" in " ".join(kept(done, "answers").values())
    put(settings.profiles_dir / "keep.json", "x" * 100_000)
    assert run(["cache", "gc", "--max-size=50kB", f"--skvm-cache={settings.cache_dir}"]) == 1
    assert list(answers.iterdir()) == []
    assert (settings.profiles_dir / "keep.json").exists()


def test_what_somebody_holds_or_refers_to_stays(settings: Settings) -> None:
    made = furnish(settings)
    environment = made["environment"]
    put(settings.proposals_dir / "jit-optimize" / "x" / "skvm.lock", json.dumps({"answers": {"b" * 64: 1}}))
    record(settings, "bench", {"variant": "sha256:" + "c" * 64})
    lock = environment.parent / f".{environment.name}.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        done = collect(settings, Bounds(older_than_s=86_400.0))
    assert list(kept(done, "environments").values()) == ["somebody uses it now"]
    for name in ("environment", "answer", "bench variant"):
        assert made[name].exists()
    collect(settings, Bounds(older_than_s=86_400.0))
    assert not environment.exists()


def test_a_session_that_goes_on_keeps_everything(settings: Settings) -> None:
    made = furnish(settings)
    entry = {"id": "s", "type": "bench", "status": "running", "logDir": "x"}
    line = json.dumps(entry | {"startedAt": datetime.now(UTC).isoformat()})
    put(settings.logs_dir / "sessions.jsonl", line + "\n")
    done = collect(settings, Bounds(max_bytes=0))
    assert not done.fits
    assert made["answer"].exists()
    assert "a run or session goes on" in " ".join(kept(done, "answers").values())


def test_two_collections_do_not_mix(settings: Settings) -> None:
    with (settings.cache_dir / ".gc.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InfrastructureError, match="another process collects"):
            collect(settings, Bounds())


def _dies_after(settings: Settings, steps: int) -> bool:
    """Collect in a child that is killed before its n-th change of the disk; whether it came so far."""
    pid = os.fork()
    if pid == 0:
        left = [steps]

        def counted(work: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **more: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return work(*args, **more)

            return call

        code = 1
        try:
            for name in ("unlink", "remove", "rename", "rmdir", "replace"):
                setattr(os, name, counted(getattr(os, name)))
            collect(settings, Bounds(older_than_s=86_400.0))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def test_a_kill_at_any_step_leaves_a_sound_cache(settings: Settings) -> None:
    made = furnish(settings)
    kept_blob = digest_of(b"kept")
    # Each starts on what the one before left.
    steps = 0
    while _dies_after(settings, 1):
        steps += 1
        assert BlobStore(settings.blobs_dir).get(kept_blob) == b"kept"
        for name in ("old program", "environment", "bench variant"):
            # Whoever still has its name is whole.
            folder = made[name]
            assert folder.exists() is (folder / "deep" / "er" / "file").exists()
            assert folder.exists() is (folder / RECORD).exists()
        assert steps < 200
    assert steps > 10
    # What was half removed was touched just now.
    for path in [*settings.cache_dir.rglob(".trash-*"), made["temporary"]]:
        if path.exists():
            age(path)
    collect(settings, Bounds(older_than_s=86_400.0))
    assert [str(path) for path in settings.cache_dir.rglob(".trash-*")] == []
    assert [name for name, path in made.items() if path.exists()] == []
    assert BlobStore(settings.blobs_dir).get(kept_blob) == b"kept"


def test_what_is_not_ours_by_its_name_stays(settings: Settings) -> None:
    """A folder of logs or proposals may be one that other things are kept in, too."""
    variant = settings.proposals_dir / "aot-compile" / "a" / "b" / "s"
    mine = [
        put(settings.logs_dir / "my-project" / ".tmp-abcdefgh"),
        put(settings.logs_dir / ".old-notes"),
        put(settings.cache_dir / "harnesses" / "pi" / "0.1" / "lib" / ".new-abcdefgh"),
        put(settings.proposals_dir / "jit-optimize" / "a" / "b" / "s" / "x" / "round-1" / ".tmp-abcdefgh"),
        # The only copy of a variant whose writer died between two renames.
        put(variant / ".p1.old-123" / "SKILL.md"),
    ]
    gone = put(variant / ".p2.old-123" / "SKILL.md")
    put(variant / "p2" / "SKILL.md")
    age(settings.cache_dir)
    collect(settings, Bounds())
    assert [path for path in mine if not path.exists()] == []
    assert not gone.exists()


def test_every_file_is_counted_once(settings: Settings) -> None:
    furnish(settings)
    os.link(settings.cache_dir / ".tmp-abcdefgh", settings.cache_dir / "second-name")
    (settings.cache_dir / "loop").symlink_to(settings.cache_dir)
    usage = measure(settings)
    whole = {
        (path.lstat().st_dev, path.lstat().st_ino): path.lstat().st_blocks * 512
        for folder in (settings.cache_dir, settings.tmp_dir)
        for path in folder.rglob("*")
    }
    # Folders that lead to a place are no part of one.
    apart = {"log", "proposals", "bench"}
    leading = sum((settings.cache_dir / name).lstat().st_blocks * 512 for name in apart)
    assert sum(each.size_bytes for each in usage) == sum(whole.values()) - leading


@pytest.mark.parametrize(
    "flags", [["--max-size=abc"], ["--max-size=-1"], ["--older-than=5"], ["--older-than=1y"]]
)
def test_what_is_no_size_or_age_is_usage(settings: Settings, flags: list[str]) -> None:
    assert run(["cache", "gc", *flags, f"--skvm-cache={settings.cache_dir}"]) == 2


def test_the_commands_print_what_they_found(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    furnish(settings)
    flags = [f"--skvm-cache={settings.cache_dir}", f"--tmp-dir={settings.tmp_dir}"]
    assert run(["cache", "du", "--json", *flags]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["totalBytes"] == sum(each["sizeBytes"] for each in told["places"])
    assert run(["cache", "gc", "--dry-run", "--json", "--older-than=30d", *flags]) == 0
    dry = json.loads(capsys.readouterr().out)
    assert run(["cache", "gc", "--json", "--older-than=30d", *flags]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["removed"] == dry["removed"]
    assert done["kept"] == dry["kept"]
    assert run(["cache", "du", *flags]) == 0
    assert run(["cache", "gc", *flags]) == 0
    assert "in all" in capsys.readouterr().out


def test_an_empty_cache_is_no_fault(tmp_path: Path) -> None:
    flags = [f"--skvm-cache={tmp_path / 'nowhere'}", f"--tmp-dir={tmp_path / 'no-tmp'}"]
    assert run(["cache", "du", *flags]) == 0
    assert run(["cache", "gc", "--max-size=1GB", *flags]) == 0
    assert not (tmp_path / "nowhere").exists()


def test_what_a_run_put_stays_if_it_ends_while_the_journal_is_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skvm.cache import collecting

    digest = old_blob(settings, b"put by a long run")
    alive = [time.time() - OLD - 3600]
    find = collecting.find_references

    def ends_meanwhile(*given: Any) -> Any:
        found = find(*given)
        alive.clear()
        return found

    record(settings, "call", {})
    monkeypatch.setattr(collecting, "find_references", ends_meanwhile)
    monkeypatch.setattr(collecting, "_oldest_run", lambda *_: min(alive, default=None))
    collect(settings, Bounds())
    assert list(BlobStore(settings.blobs_dir).names()) == [digest]


def test_a_lock_that_cannot_be_read_is_somebody_elses(tmp_path: Path) -> None:
    from skvm.cache.candidates import locked

    with locked(tmp_path) as is_free:
        assert not is_free


def test_copies_for_a_cluster_go_when_nobody_asked_for_them_in_a_week(settings: Settings) -> None:
    store = BlobStore(settings.cache_dir / "cluster" / "blobs")
    asked, unasked = store.put(b"asked for"), store.put(b"not asked for")
    left = put(store.folder / "ab" / ".tmp-abcdefgh")
    for path in (store.path_of(asked), store.path_of(unasked), left):
        age(path)
    assert store.has(asked)
    dry = collect(settings, Bounds(), is_dry=True)
    assert set(store.names()) == {asked, unasked}
    done = collect(settings, Bounds())
    assert done.fates == dry.fates
    assert list(removed(done, "cluster")) == ["copies"]
    assert list(store.names()) == [asked]
    assert not left.exists()
