from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from skvm.compiler.builds.variant import variant_lock
from skvm.compiler.contract import PASSES
from skvm.compiler.driver import CompileResult, compile_skill, is_complete
from skvm.compiler.pipeline import pass_tag, resolve_passes
from skvm.errors import FindingsError, InfrastructureError, SkvmError, UsageError
from skvm.settings import Settings, load_settings
from skvm.skill.ir import Skill
from skvm.target.profile import Profile
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill

START = "import sys; from skvm.cli.main import run; sys.exit(run(sys.argv[1:]))"
BODY = "Orders: `orders.csv` with the columns `item`, `price`.\n\nCalculate the average `price`.\n"


def settings_in(folder: Path) -> Settings:
    return load_settings(cache_dir=str(folder / "cache"), env={})


def compile_in(
    folder: Path,
    skill: Skill | Path,
    profile: Profile | None,
    *,
    dry_run: bool = False,
    passes: tuple[str, ...] = ("1",),
) -> CompileResult:
    async def run() -> CompileResult:
        return await compile_skill(
            skill,
            model=MODEL,
            harness=HARNESS,
            profile=profile,
            settings=settings_in(folder),
            passes=passes,
            dry_run=dry_run,
        )

    return anyio.run(run)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_layout_and_records(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, BODY, notes_dot_md="n")
    result = compile_in(tmp_path, skill, make_profile("L1"))
    place = tmp_path / "cache/proposals/aot-compile/shell-agent/local--weak/sample/p1"
    assert result.variant == place
    assert is_complete(place)
    found = tree(place)
    assert set(found) >= {
        "SKILL.md",
        "_artifacts/_meta/rewrite-skill.json",
        "_artifacts/gaps.json",
        "_artifacts/scr.json",
        "compilation-plan.json",
        "meta.json",
        "notes.md",
        "proof.json",
        "scripts/calc.py",
    }
    plan = json.loads(found["compilation-plan.json"])
    assert (plan["skillName"], plan["model"], plan["harness"]) == ("sample", MODEL, HARNESS)
    assert plan["compiledAt"] == "2026-01-02T03:04:05Z"
    assert plan["guardPassed"] is True
    assert plan["passRuns"][0]["passId"] == "rewrite-skill"
    meta = json.loads(found["meta.json"])
    assert (meta["passTag"], meta["passes"], meta["schema"]) == ("p1", ["rewrite-skill"], 1)
    assert meta["provenance"]["skillDigest"].startswith("sha256:")
    assert meta["buildKey"] == result.build_key
    assert meta["provenance"]["passes"][0]["number"] == 1
    proof = json.loads(found["proof.json"])
    assert proof["edits"][0]["chain"]["required"] == "L2"
    assert proof["edits"][0]["chain"]["heldClaim"]
    gap = json.loads(found["_artifacts/gaps.json"])[0]
    assert (gap["primitiveId"], gap["requiredLevel"], gap["modelLevel"], gap["gapType"]) == (
        "reason.arithmetic",
        "L2",
        "L1",
        "weak",
    )
    assert [path.name for path in place.parent.iterdir()] == ["p1"]


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    skill = make_skill(
        tmp_path, BODY + "\n1. Read it.\n2. Sort it.\n3. Cut it.\n4. Write it.\n", b_dot_md="b", a_dot_md="a"
    )
    profile = tmp_path / "profile.json"
    profile.write_text(make_profile("L0", tool_exec="L2").model_dump_json(by_alias=True))
    trees = []
    for seed in ("1", "2"):
        cache = tmp_path / f"cache-{seed}"
        subprocess.run(
            [sys.executable, "-c", START, "aot-compile", f"--skill={skill.root}", f"--model={MODEL}",
             f"--adapter={HARNESS}", f"--profile={profile}", f"--skvm-cache={cache}"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        )  # fmt: skip
        found = tree(cache / "proposals")
        found = {name: data for name, data in found.items() if not name.endswith("/meta.json")}
        assert found
        trees.append(found)
    assert trees[0] == trees[1]


def test_no_gaps_leaves_the_skill_as_it_was(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, BODY)
    result = compile_in(tmp_path, skill, make_profile("L3"))
    assert result.is_unchanged
    assert result.variant is not None
    assert (result.variant / "SKILL.md").read_bytes() == skill.source


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    result = compile_in(tmp_path, make_skill(tmp_path, BODY), make_profile("L1"), dry_run=True)
    assert result.variant is None
    assert not result.is_unchanged
    assert not (tmp_path / "cache").exists()


def _other(**changes: str) -> Profile:
    return make_profile("L1").model_copy(update=changes)


REFUSED = [
    (BODY, _other(model="local/other"), FindingsError, "local/other"),
    (BODY, _other(harness="bare-agent"), FindingsError, "bare-agent"),
    (BODY, make_profile(None, follow_format="L1", partial=True), FindingsError, "SKV204.*reason.arithmetic"),
    (BODY, None, UsageError, "needs a profile"),
]


@pytest.mark.parametrize(("body", "profile", "error", "words"), REFUSED)
def test_refused_before_anything_is_written(
    body: str, profile: Profile | None, error: type[SkvmError], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        compile_in(tmp_path, make_skill(tmp_path, body), profile)
    assert not (tmp_path / "cache").exists()


def test_a_partial_profile_that_holds_all_that_is_needed_will_do(tmp_path: Path) -> None:
    profile = make_profile(None, reason_arithmetic="L1", tool_exec="L1", partial=True)
    result = compile_in(tmp_path, make_skill(tmp_path, BODY), profile)
    assert "SKV204" in {found.code for found in result.diagnostics}


@pytest.mark.parametrize("data", [b"", b"   \n", b"\x00\x01\x02" * 99])
def test_empty_and_binary_skills_are_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "SKILL.md").write_bytes(data)
    with pytest.raises(SkvmError):
        compile_in(tmp_path, tmp_path / "odd", make_profile("L1"))
    assert not (tmp_path / "cache").exists()


def test_a_variant_is_not_compiled_again(tmp_path: Path) -> None:
    result = compile_in(tmp_path, make_skill(tmp_path, BODY), make_profile("L1"))
    assert result.variant is not None
    with pytest.raises(FindingsError, match="compiled variant already"):
        compile_in(tmp_path, result.variant, make_profile("L1"))


@pytest.mark.parametrize("tokens", [(), ("",), ("7",), ("0",), ("bind-nothing",)])
def test_unknown_passes(tokens: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        compile_in(tmp_path, make_skill(tmp_path, BODY), make_profile("L1"), passes=tokens)


def test_recompiling_replaces_the_variant_and_its_leftovers(tmp_path: Path) -> None:
    first = compile_in(tmp_path, make_skill(tmp_path, BODY), make_profile("L1"))
    assert first.variant is not None
    (first.variant / "stale.txt").write_text("x")
    for left in (".p1.new-1", ".p1.old-1", "..p1.new-1.abc"):
        (first.variant.parent / left).mkdir()
    compile_in(tmp_path, make_skill(tmp_path, "Return JSON.\n"), make_profile("L1"))
    assert sorted(path.name for path in first.variant.parent.iterdir()) == ["p1"]
    assert not (first.variant / "stale.txt").exists()
    assert not (first.variant / "scripts").exists()


def test_a_compile_killed_between_the_renames_gives_the_old_variant_back(tmp_path: Path) -> None:
    first = compile_in(tmp_path, make_skill(tmp_path, BODY), make_profile("L1"))
    assert first.variant is not None
    first.variant.rename(first.variant.parent / ".p1.old-1")
    assert not is_complete(first.variant)
    (tmp_path / "sample" / "SKILL.md").write_text("")
    with pytest.raises(SkvmError):
        compile_in(tmp_path, tmp_path / "sample", make_profile("L1"))
    compile_in(tmp_path, make_skill(tmp_path, BODY), make_profile("L1"))
    assert is_complete(first.variant)


def test_a_living_lock_holds_and_a_dead_one_does_not(tmp_path: Path) -> None:
    place = tmp_path / "cache/proposals/aot-compile/shell-agent/local--weak/sample/p1"
    skill = make_skill(tmp_path, BODY)
    with variant_lock(place), pytest.raises(InfrastructureError, match=f"process {os.getpid()} compiles"):
        compile_in(tmp_path, skill, make_profile("L1"))
    assert not place.exists()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (place.parent / ".p1.lock").write_text(str(gone.pid))
    compile_in(tmp_path, skill, make_profile("L1"))
    assert is_complete(place)
    assert not (place.parent / ".p1.lock").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "proposals").write_text("a file")
    with pytest.raises(InfrastructureError, match="cannot be written"):
        compile_in(tmp_path, make_skill(tmp_path, BODY), make_profile("L1"))


def test_the_epoch_decides_over_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    result = compile_in(tmp_path, make_skill(tmp_path, BODY), make_profile("L1"))
    assert json.loads(result.records["compilation-plan.json"])["compiledAt"] == "1970-01-01T00:00:00Z"


def _failures(count: int, text: str = "wrong") -> dict[str, list[dict[str, object]]]:
    reports = [
        {
            "primitiveId": "reason.arithmetic",
            "level": "L2",
            "instance": n,
            "evalDetails": text,
            "durationMs": n,
        }
        for n in range(count)
    ]
    return {"reason.arithmetic/L2": reports, "reason.arithmetic/L3": reports, "tool.exec/L1": reports}


def _with_failures(folder: Path, failures: dict[str, list[dict[str, object]]]) -> CompileResult:
    async def run() -> CompileResult:
        return await compile_skill(
            make_skill(folder, BODY),
            model=MODEL,
            harness=HARNESS,
            profile=make_profile("L1"),
            settings=settings_in(folder),
            failures=failures,
        )

    return anyio.run(run)


def test_evidence_of_the_levels_gaps_stand_on_is_kept(tmp_path: Path) -> None:
    result = _with_failures(tmp_path, _failures(9))
    kept = sorted(path for path in result.records if path.startswith("_profiling/"))
    assert kept == [f"_profiling/reason.arithmetic/L2/{n}.json" for n in (1, 2, 3)]
    assert json.loads(result.records[kept[0]])["evalDetails"] == "wrong"
    assert result.build_key != compile_in(tmp_path, make_skill(tmp_path, BODY), make_profile("L1")).build_key


def test_large_evidence_is_cut(tmp_path: Path) -> None:
    result = _with_failures(tmp_path, _failures(1, "x" * 100_000))
    kept = result.records["_profiling/reason.arithmetic/L2/1.json"]
    assert len(kept) < 3000
    assert json.loads(kept)["shortened"] is True


def test_a_bundle_file_with_a_name_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FindingsError, match=r"SKV287.*proof\.json"):
        compile_in(tmp_path, make_skill(tmp_path, BODY, proof_dot_json="{}"), make_profile("L1"))
    assert not (tmp_path / "cache").exists()


def test_a_tag_names_its_passes() -> None:
    every = sorted(PASSES.all(), key=lambda registered: registered.number)
    tag = pass_tag(every)
    assert {found.id for found in resolve_passes([tag])} == {found.id for found in every}
    assert pass_tag(resolve_passes([tag])) == tag
    with pytest.raises(UsageError, match="no pass number 99"):
        resolve_passes(["p1p99"])


def test_half_a_variant_is_not_complete(tmp_path: Path) -> None:
    result = compile_in(tmp_path, make_skill(tmp_path, BODY), make_profile("L1"))
    assert result.variant is not None
    (result.variant / "meta.json").write_text("{")
    assert not is_complete(result.variant)
    assert not is_complete(tmp_path / "nowhere")
