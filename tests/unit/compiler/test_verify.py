from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skvm.compiler.builds.proof_checking import Verdict, check_variant
from skvm.compiler.builds.standing import skill_of, tampering
from skvm.compiler.builds.variant import json_bytes
from skvm.compiler.contract import CompileOptions, PassContext, PassResult, RegisteredPass
from skvm.compiler.pipeline import resolve_passes
from skvm.diagnostics import Span
from skvm.skill.bundle import digest_of
from skvm.skill.edit import Edit
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill
from tests.unit.compiler.making import make_profile, make_skill
from tests.unit.compiler.test_driver import BODY, compile_in

PROFILE = make_profile("L1")


@pytest.fixture
def variant(tmp_path: Path) -> Path:
    skill = make_skill(tmp_path, BODY + "\nYou must keep this.\n", notes_dot_md="n", scripts__go_dot_sh="ls")
    result = compile_in(tmp_path, skill, PROFILE)
    assert result.variant is not None
    assert result.proof["edits"]
    return result.variant


def said(verdict: Verdict) -> str:
    return "\n".join(found.message for found in verdict.findings)


def test_a_fresh_variant_holds(variant: Path, tmp_path: Path) -> None:
    skill = make_skill(tmp_path, BODY + "\nYou must keep this.\n", notes_dot_md="n", scripts__go_dot_sh="ls")
    verdict = check_variant(variant, skill=skill, profile=PROFILE)
    assert verdict.findings == ()
    assert verdict.notes == ()
    assert any("from the skill's words to the edit" in line for line in verdict.checked)
    assert any("no rule of the guard is broken" in line for line in verdict.checked)


def test_it_stands_alone(variant: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(variant, elsewhere)
    shutil.rmtree(tmp_path / "sample")
    shutil.rmtree(tmp_path / "cache")
    verdict = check_variant(elsewhere)
    assert verdict.findings == ()
    assert any("not at hand (--profile gives it)" in line for line in verdict.notes)


def test_every_byte_of_every_file_counts(variant: Path) -> None:
    for path in sorted(found for found in variant.rglob("*") if found.is_file()):
        data = path.read_bytes()
        name = path.relative_to(variant).as_posix()
        for at in sorted({0, len(data) // 3, len(data) // 2, len(data) - 1}):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            found = {tampered.path for tampered in tampering(variant)}
            assert name in found or (name == "proof.json" and found), (name, at)
        path.write_bytes(data)
    assert not list(tampering(variant))


def test_the_command_names_what_was_touched(variant: Path) -> None:
    (variant / "scripts/calc.py").write_bytes((variant / "scripts/calc.py").read_bytes() + b"#")
    assert "scripts/calc.py: is not as it was written" in said(check_variant(variant))


def test_missing_added_and_linked_files_are_named(variant: Path) -> None:
    (variant / "notes.md").unlink()
    (variant / "more.txt").write_text("x")
    (variant / "link").symlink_to("SKILL.md")
    found = said(check_variant(variant))
    assert "notes.md: is missing" in found
    assert "more.txt: was not written by the compile" in found
    assert "link: is a link" in found


@pytest.mark.parametrize("name", ["meta.json", "proof.json"])
@pytest.mark.parametrize("data", [None, b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_broken_record_is_a_finding(name: str, data: bytes | None, variant: Path) -> None:
    if data is None:
        (variant / name).unlink()
    else:
        (variant / name).write_bytes(data)
    assert f"{name}: " in said(check_variant(variant))


def reseal(variant: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a proof and make every digest fit again, as somebody would who wants to deceive."""
    proof = json.loads((variant / "proof.json").read_bytes())
    change(proof)
    for path in proof.get("digests", {}):
        proof["digests"][path] = digest_of((variant / path).read_bytes())
    (variant / "proof.json").write_bytes(json_bytes(proof))
    meta = json.loads((variant / "meta.json").read_bytes())
    meta["provenance"]["proofDigest"] = digest_of(json_bytes(proof))
    del meta["digest"]
    (variant / "meta.json").write_bytes(json_bytes({**meta, "digest": digest_of(json_bytes(meta))}))


def _set(*place: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(proof: dict[str, Any]) -> None:
        at: Any = proof
        for part in place[:-1]:
            at = at[part]
        at[place[-1]] = value

    return change


FORGED = [
    (_set("skill", value="sha256:0"), "not the original"),
    (_set("variant", value="sha256:0"), "not the one the proof speaks of"),
    (_set("edits", 0, "newText", value="other"), "is not in it"),
    (_set("edits", 0, "oldText", value="other words"), "is not in it"),
    (_set("edits", 0, "chain", "required", value="L3"), "chain"),
    (_set("edits", 0, "chain", "held", value="L0"), "chain"),
    (_set("edits", 0, "fromLevel", value="L3"), "chain"),
    (_set("target", "levels", "reason.arithmetic", value="L3"), "chain"),
    (_set("build", "key", value="sha256:0"), "build key"),
    (_set("build", "inputs", "skill", value="sha256:0"), "another skill"),
    (_set("build", "inputs", "profile", value="sha256:0"), "another profile"),
    (_set("gapsLeft", value=[{}]), "gaps left"),
    (_set("edits", value=None), "cannot be followed"),
    (_set("steps", 0, "after", value="sha256:0"), "is not what pass"),
    (_set("files", value=[]), "not the original"),
]


@pytest.mark.parametrize(("change", "words"), FORGED)
def test_a_proof_forged_with_fitting_digests_does_not_hold(
    change: Callable[[dict[str, Any]], None], words: str, variant: Path
) -> None:
    reseal(variant, change)
    assert not list(tampering(variant))
    assert words in said(check_variant(variant))


def test_a_rule_taken_out_with_fitting_digests_is_found(variant: Path) -> None:
    text = (variant / "SKILL.md").read_bytes()
    (variant / "SKILL.md").write_bytes(text.replace(b"\nYou must keep this.\n", b"\n"))
    reseal(
        variant, lambda proof: proof["steps"][0].update(after=digest_of((variant / "SKILL.md").read_bytes()))
    )
    assert said(check_variant(variant))


def test_another_skill_or_profile_is_told(variant: Path, tmp_path: Path) -> None:
    other = make_skill(tmp_path, "Other.\n")
    found = said(check_variant(variant, skill=other, profile=make_profile("L2")))
    assert "the skill given is not the one that was compiled" in found
    assert "the profile given is not the one that was compiled for" in found


def test_a_build_of_another_version_is_only_applied_anew(variant: Path) -> None:
    from skvm.compiler.builds.build import build_key

    def older(proof: dict[str, Any]) -> None:
        build = proof["build"]
        build["inputs"]["passes"][0]["version"] = 999
        build["key"] = build_key(build["inputs"], build["answers"])

    reseal(variant, older)
    verdict = check_variant(variant)
    assert verdict.findings == ()
    assert "another version of rewrite-skill" in "\n".join(verdict.notes)


def test_bytes_that_are_no_text_are_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        async def apply(self, skill: Skill, ctx: PassContext) -> PassResult:
            at = skill.source.index(b"caf\xe9")
            return PassResult((Edit(Span(at, at + 4), "coffee", "it is no text", rule="decode"),))

    make_skill(tmp_path, "x\n")
    (tmp_path / "sample/SKILL.md").write_bytes(
        b"---\nname: sample\ndescription: S.\n---\n\nA caf\xe9 is near.\n"
    )
    odd = RegisteredPass("odd", 99, Odd)
    monkeypatch.setattr("skvm.compiler.driver.resolve_passes", lambda _: (odd,))
    monkeypatch.setattr("skvm.compiler.builds.proof_checking.PASSES", _Only(odd))
    result = compile_in(tmp_path, tmp_path / "sample", PROFILE)
    assert result.variant is not None
    assert result.proof["edits"][0]["oldBytes"]
    assert check_variant(result.variant).findings == ()


class _Only:
    def __init__(self, *passes: RegisteredPass) -> None:
        self._passes = passes

    def all(self) -> tuple[RegisteredPass, ...]:
        return self._passes


def test_the_skill_in_a_variant_is_without_our_files(variant: Path) -> None:
    proof = json.loads((variant / "proof.json").read_bytes())
    skill = skill_of(variant, proof)
    assert [found.path for found in skill.resources] == ["notes.md", "scripts/calc.py", "scripts/go.sh"]
    assert skill_digest(skill) == proof["variant"]


def test_options_are_part_of_the_key() -> None:
    from skvm.compiler.builds.build import build_key, inputs_of

    skill = Skill("s", b"x")
    passes = resolve_passes(["1"])
    keys = {
        build_key(
            inputs_of(
                skill, model="a/b", harness="h", profile=profile, passes=passes, options=options
            ).record(),
            answers,
        )
        for profile in (PROFILE, make_profile("L2"))
        for options in (CompileOptions(), CompileOptions(eliminate=False), CompileOptions(refused=("pip:x",)))
        for answers in ({}, {"k": "sha256:1"})
    }
    assert len(keys) == 12
