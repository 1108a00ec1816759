"""Taking over another system's cache: what is sound comes over whole and once, what is not is told."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skvm.cache import trees
from skvm.cache.adopting import adopt
from skvm.cli.main import run
from skvm.errors import UsageError
from skvm.optimizer.proposals.store import ProposalStore
from skvm.runtime.boost.storage import BoostFolder
from skvm.settings import Settings, load_settings
from skvm.target.store import ProfileStore

STAMP = "20260401T101112123Z"
SKILL = "---\nname: sums\ndescription: Adds numbers.\n---\n\nAdd them.\n"
KEY = "sk-planted-0123456789abcdef"
TARGET = ("bare-agent", "openrouter--qwen--q")
MODEL = "openrouter/qwen/q"


def put(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def proposal(root: Path, skill: str = "sums", stamp: str = STAMP, **more: object) -> Path:
    folder = root.joinpath("proposals", "jit-optimize", *TARGET, skill, stamp)
    meta = {
        "schemaVersion": 1,
        "skillName": skill,
        "skillDir": "/home/somebody/skills/sums",
        "harness": TARGET[0],
        "optimizerModel": "openrouter/z/z",
        "targetModel": MODEL,
        "source": "synthetic-task (train=2, test=1)",
        "timestamp": stamp,
        "status": "pending",
        "acceptedRound": None,
        "bestRound": 1,
        "bestRoundReason": "higher",
        "roundCount": 1,
    }
    put(folder / "meta.json", meta | more)
    put(folder / "history.json", {"entries": [], "bestRound": 1, "bestRoundReason": "higher", "rounds": []})
    put(folder / "original" / "SKILL.md", SKILL)
    put(folder / "round-1" / "SKILL.md", SKILL + "Carefully.\n")
    put(folder / "round-1" / "scripts" / "add.sh", "echo\n").chmod(0o755)
    put(folder.parent / ".optimize.lock", "1")
    return folder


def templates(root: Path, skill: str = "sums") -> Path:
    candidate = {
        "purposeId": "add-numbers",
        "keywords": ["add"],
        "codeSignature": "python.*sum",
        "functionTemplate": "echo ${a}",
        "params": {"a": {"type": "string", "description": "x", "extractPattern": "add (\\d+)"}},
        "materializationType": "shell",
    }
    folder = root / "proposals" / "jit-boost" / skill
    put(folder / "boost-candidates.json", {"candidates": [candidate]})
    state = {"candidateId": "add-numbers", "hitCount": 5, "consecutiveMatches": 3, "promoted": True}
    entries = [{"candidate": candidate, "state": state | {"fallbackCount": 0}}]
    stood = {"skillId": skill, "entries": entries, "updatedAt": "2026-04-01T00:00:00Z"}
    put(folder / "solidification-state.json", stood)
    return folder


def variant(root: Path, *tag: str) -> Path:
    folder = root.joinpath("proposals", "aot-compile", *TARGET, "sums", *tag)
    put(folder / "SKILL.md", SKILL)
    meta = {"compiledAt": "2026-04-01T00:00:00Z", "model": MODEL, "harness": TARGET[0], "passes": ["a"]}
    put(folder / "meta.json", meta | {"passTag": "p1", "costUsd": 0, "durationMs": 1, "guardPassed": True})
    put(folder / "compilation-plan.json", {"skillName": "sums"})
    return folder


def profile(root: Path) -> Path:
    value = {
        "version": "1.0",
        "model": MODEL,
        "harness": TARGET[0],
        "profiledAt": "2026-04-01T00:00:00.000Z",
        "capabilities": {"gen.code.python": "L2"},
        "details": [],
        "cost": {"totalTokens": {"input": 1, "output": 1}, "totalUsd": 0, "durationMs": 1},
        "isPartial": False,
    }
    return put(root.joinpath("profiles", *TARGET, "latest.json"), value)


def configuration(root: Path) -> Path:
    routes = [
        {"match": "openrouter/*", "kind": "openrouter", "apiKey": KEY},
        {
            "match": "lab/*",
            "kind": "openai-compatible",
            "baseUrl": "http://127.0.0.1:1/v1",
            "apiKeyEnv": "LAB",
        },
        {"match": "bad/*", "kind": "openai-compatible", "baseUrl": f"http://u:{KEY}@h/v1", "apiKeyEnv": "B"},
    ]
    values = {
        "providers": {"routes": routes},
        "adapters": {"pi": "checkouts/pi"},
        "headlessAgent": {"driver": "pi", "modelPrefix": "x"},
        "paths": {"tmpDir": "/mnt/fast"},
        "defaults": {"adapterConfigMode": "native"},
    }
    return put(root / "skvm.config.json", values)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    root = tmp_path / "theirs"
    proposal(root)
    templates(root)
    variant(root, "p1")
    profile(root)
    configuration(root)
    return root


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return load_settings(cache_dir=str(tmp_path / "ours"), env={})


def outcome(theirs: Path, ours: Settings, **more: Any) -> dict[tuple[str, str], str]:
    return {(each.kind, each.name): f"{each.action}: {each.reason}" for each in adopt(theirs, ours, **more)}


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


PROPOSAL = ("proposal", "/".join((*TARGET, "sums", STAMP)))
VARIANT = ("variant", "/".join((*TARGET, "sums", "p1")))
TEMPLATES = ("templates", "sums")


def test_all_of_it_comes_over_and_is_read_by_our_readers(theirs: Path, ours: Settings) -> None:
    before = files(theirs)
    told = outcome(theirs, ours)
    assert {each.partition(":")[0] for each in told.values()} == {"adopted"}
    assert "would write to /home/somebody/skills/sums" in told[PROPOSAL]
    assert files(theirs) == before
    (listed,) = ProposalStore(ours).list()
    assert listed.round_skill(1).source.decode().endswith("Carefully.\n")
    assert os.access(listed.dir / "round-1" / "scripts" / "add.sh", os.X_OK)
    assert [each.purpose_id for each in BoostFolder(ours, "sums").load().candidates] == ["add-numbers"]
    assert [each.profile.model for each in ProfileStore(ours.profiles_dir, None).list()] == [MODEL]
    assert (
        ours.proposals_dir.joinpath("aot-compile", *TARGET, "sums", "p1", "SKILL.md")
    ).read_text() == SKILL
    assert not list(ours.cache_dir.rglob(".new-*"))
    assert not list(ours.cache_dir.rglob(".optimize.lock"))


def test_twice_changes_nothing_and_a_look_writes_nothing(theirs: Path, ours: Settings) -> None:
    looked = outcome(theirs, ours, is_dry=True)
    assert not ours.cache_dir.exists()
    assert outcome(theirs, ours) == looked
    after = files(ours.cache_dir)
    assert {each.partition(":")[0] for each in outcome(theirs, ours).values()} == {"skipped"}
    assert files(ours.cache_dir) == after


def test_what_is_ours_stays_unless_forced_and_is_then_kept_beside(theirs: Path, ours: Settings) -> None:
    mine = proposal(ours.cache_dir, bestRoundReason="mine")
    told = outcome(theirs, ours)
    assert told[PROPOSAL] == "skipped: another one is there; --force replaces it"
    assert "mine" in (mine / "meta.json").read_text()
    told = outcome(theirs, ours, force=True)
    assert told[PROPOSAL].endswith("the one that was there is kept beside it")
    assert "mine" not in (mine / "meta.json").read_text()
    (kept,) = mine.parent.glob(".replaced-*")
    assert "mine" in (kept / "meta.json").read_text()
    assert len(ProposalStore(ours).ids()) == 1


Harm = Callable[[Path], object]


@pytest.mark.parametrize(
    ("key", "harm", "said"),
    [
        (PROPOSAL, lambda f: (f / "round-1" / "x").symlink_to("/etc/passwd"), "a link"),
        (PROPOSAL, lambda f: os.mkfifo(f / "pipe"), "neither a file nor a folder"),
        (PROPOSAL, lambda f: put(f / "round-1" / "a\nb", "x"), "not a name"),
        (PROPOSAL, lambda f: put(f / "meta.json", "{"), "meta.json cannot be read"),
        (PROPOSAL, lambda f: put(f / "meta.json", "[" * 100_000), "meta.json cannot be read"),
        (PROPOSAL, lambda f: put(f / "history.json", "[]"), "history.json holds no object"),
        (PROPOSAL, lambda f: proposal(f.parents[5], targetModel="other/m"), "its place says otherwise"),
        (PROPOSAL, lambda f: proposal(f.parents[5], harness="../x"), "otherwise"),
        (PROPOSAL, lambda f: proposal(f.parents[5], skillName="../../x"), "its place says otherwise"),
        (PROPOSAL, lambda f: proposal(f.parents[5], bestRound=7), "there is no round-7/SKILL.md"),
        (PROPOSAL, lambda f: proposal(f.parents[5], status="of our own"), "meta.json cannot be read"),
        (PROPOSAL, lambda f: f.chmod(0) if os.geteuid() else os.mkfifo(f / "p"), ""),
    ],
)  # fmt: skip
def test_a_hostile_proposal_is_refused_and_the_rest_comes(
    theirs: Path, ours: Settings, key: tuple[str, str], harm: Harm, said: str
) -> None:
    harm(theirs.joinpath("proposals", "jit-optimize", *TARGET, "sums", STAMP))
    told = outcome(theirs, ours)
    assert told.pop(key).startswith("refused: ")
    assert said in outcome(theirs, ours)[key]
    assert {each.partition(":")[0] for each in told.values()} == {"adopted"}
    assert ProposalStore(ours).ids() == ()


def test_hostile_variants_templates_and_profiles_are_refused(theirs: Path, ours: Settings) -> None:
    put(theirs.joinpath("proposals", "aot-compile", *TARGET, "sums", "p1", "meta.json"), {"model": 3})
    put(theirs / "proposals" / "jit-boost" / "sums" / "boost-candidates.json", "{nonsense")
    put(theirs.joinpath("profiles", *TARGET, "latest.json"), {"model": "../../x"})
    told = outcome(theirs, ours)
    assert [told[key].partition(":")[0] for key in (VARIANT, TEMPLATES)] == ["refused", "refused"]
    assert told["profile", "/".join((*TARGET, "latest.json"))].startswith("refused")
    assert told[PROPOSAL].startswith("adopted")


def test_a_link_in_the_place_of_a_folder_is_not_followed(
    theirs: Path, ours: Settings, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere"
    (theirs / "proposals").rename(other)
    (theirs / "proposals").symlink_to(other)
    told = outcome(theirs, ours)
    assert {name for kind, name in told if kind == "folder"} == {
        "proposals/jit-optimize",
        "proposals/jit-boost",
        "proposals/aot-compile",
    }
    assert ProposalStore(ours).ids() == ()


def test_what_is_too_large_is_refused(theirs: Path, ours: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MAX_BYTES", 100)
    assert outcome(theirs, ours)[PROPOSAL].startswith("refused: more than")
    monkeypatch.setattr(trees, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(trees, "MAX_FILES", 3)
    assert outcome(theirs, ours)[PROPOSAL] == "refused: more than 3 files"


def test_a_flat_variant_and_a_running_session(theirs: Path, ours: Settings) -> None:
    folder = theirs.joinpath("proposals", "jit-optimize", *TARGET, "sums", STAMP)
    put(
        folder / "run-status.json",
        {"phase": "running", "pid": os.getpid(), "startedAt": "2026-04-01T00:00:00Z"},
    )
    variant(theirs)
    told = outcome(theirs, ours)
    assert told[PROPOSAL] == "skipped: its session still runs"
    assert told["variant", "/".join((*TARGET, "sums"))].startswith("adopted")


def dying(work: Callable[[int], None], steps: int) -> Callable[[int], None]:
    left = [steps]

    def call(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        work(descriptor)

    return call


def test_a_kill_half_way_leaves_whole_things(theirs: Path, ours: Settings) -> None:
    for number in range(3):
        proposal(theirs, stamp=f"20260401T10111212{number}Z")
    for steps in range(0, 40, 3):
        pid = os.fork()
        if pid == 0:
            os.fsync = dying(os.fsync, steps)
            try:
                list(adopt(theirs, ours))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        for each in ProposalStore(ours).list():
            assert {"meta.json", "history.json", "original/SKILL.md", "round-1/scripts/add.sh"} <= set(
                files(each.dir)
            )
    assert outcome(theirs, ours)
    assert len(ProposalStore(ours).list()) == 4


def test_no_cache_of_ours_and_no_folder(ours: Settings, tmp_path: Path) -> None:
    ours.cache_dir.mkdir()
    for folder in (ours.cache_dir, tmp_path / "nowhere"):
        with pytest.raises(UsageError):
            list(adopt(folder, ours))


def command(theirs: Path, ours: Settings, *flags: str) -> int:
    return run(["import-cache", str(theirs), f"--skvm-cache={ours.cache_dir}", *flags])


def test_the_configuration_comes_without_keys_unless_asked_for(
    theirs: Path, ours: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    put(
        ours.cache_dir / "skvm.config.json",
        {"providers": {"routes": [{"match": "mine/*", "kind": "anthropic", "apiKeyEnv": "MINE"}]}},
    )
    assert command(theirs, ours) == 1
    shown = capsys.readouterr()
    assert "refused" in shown.out
    assert KEY not in shown.out + shown.err
    assert not any(KEY.encode() in data for data in files(ours.cache_dir).values())
    path = ours.cache_dir / "skvm.config.json"
    written = json.loads(path.read_text())
    assert written["providers"]["routes"] == [
        {"match": "mine/*", "kind": "anthropic", "apiKeyEnv": "MINE"},
        {"match": "openrouter/*", "kind": "openrouter", "apiKeyEnv": "OPENROUTER_API_KEY"},
        {
            "match": "lab/*",
            "kind": "openai-compatible",
            "apiKeyEnv": "LAB",
            "baseUrl": "http://127.0.0.1:1/v1",
        },
    ]
    assert written["adapters"] == {"pi": {"repoPath": str(theirs / "checkouts/pi")}}
    assert written["defaults"] == {"adapterConfigMode": "native"}
    assert "headlessAgent" not in written
    assert path.stat().st_mode & 0o077 == 0
    before = path.read_bytes()
    assert command(theirs, ours, "--json") == 1
    assert path.read_bytes() == before
    counts = json.loads(capsys.readouterr().out)["summary"]
    assert (counts["adopted"], counts["refused"]) == (0, 1)


def test_keys_come_if_asked_for(theirs: Path, ours: Settings) -> None:
    assert command(theirs, ours, "--with-keys", "--dry-run") == 1
    assert not ours.cache_dir.exists()
    assert command(theirs, ours, "--with-keys") == 1
    written = json.loads((ours.cache_dir / "skvm.config.json").read_text())
    assert written["providers"]["routes"][0]["apiKey"] == KEY


def test_nothing_to_adopt_is_usage(ours: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert command(tmp_path / "empty", ours) == 2


def test_public_profiles_come_over(public_data: Path, ours: Settings) -> None:
    told = outcome(public_data / "skvm-data", ours)
    assert any(each.startswith("adopted") for each in told.values())
    assert not any(each.startswith("refused") for each in told.values())
