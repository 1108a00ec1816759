"""Whether a variant's proof holds: checked anew from the files alone, without a model."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skvm.compiler.builds.build import build_key, data_digest, profile_digest
from skvm.compiler.builds.faults import SKV285
from skvm.compiler.builds.proof import BY_MODEL, chain_of, edit_of, gaps_left
from skvm.compiler.builds.standing import skill_of, tampering
from skvm.compiler.contract import PASSES, PassResult
from skvm.compiler.guard import enforce
from skvm.compiler.requirements import analyse
from skvm.diagnostics import Diagnostic
from skvm.errors import SkvmError
from skvm.skill.bundle import digest_of
from skvm.skill.edit import Edit, apply_edits
from skvm.skill.emit import resource_bytes, rewrite_skill, skill_digest
from skvm.skill.frontend import parse_skill
from skvm.skill.ir import Skill
from skvm.target.contract import Level
from skvm.target.profile import Profile

__all__ = ["Verdict", "check_variant", "counted"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found.

    Args:
        findings: What does not hold; nothing does not hold where empty.
        checked: What was checked, one line each.
        notes: What could not be checked, and why.
    """

    findings: tuple[Diagnostic, ...] = ()
    checked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Book:
    """Collects what is found, under the path of the variant."""

    variant: Path
    findings: list[Diagnostic] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, path: str, message: str) -> None:
        self.findings.append(SKV285.at(f"{path}: {message}", path=self.variant / path))

    def verdict(self) -> Verdict:
        return Verdict(tuple(self.findings), tuple(self.checked), tuple(self.notes))


def check_variant(variant: Path, *, skill: Skill | None = None, profile: Profile | None = None) -> Verdict:
    """Check the proof of a variant.

    Args:
        variant: Its folder.
        skill: The original, if it is at hand; it is put together from the proof and compared anyway.
        profile: The target's, if it is at hand; else its levels are taken from the proof.
    """
    book = _Book(variant)
    for found in tampering(variant):
        book.add(found.path, found.message)
    if book.findings:
        # What stands in files somebody has changed proves nothing.
        return book.verdict()
    proof = json.loads((variant / "proof.json").read_bytes())
    book.checked.append(f"{len(proof['digests']) + 2} files are as they were written")
    try:
        _Check(variant, proof, book).run(skill, profile)
    except (KeyError, TypeError, ValueError, SkvmError) as error:
        what = f"{type(error).__name__} {error}" if not isinstance(error, SkvmError) else error.message
        book.add("proof.json", f"cannot be followed: {what}")
    return book.verdict()


def counted(number: int, what: str) -> str:
    """How many of a thing, in words."""
    return f"{number} {what}{'' if number == 1 else 's'}"


class _Check:
    def __init__(self, variant: Path, proof: Mapping[str, Any], book: _Book) -> None:
        self.proof = proof
        self.book = book
        self.made = skill_of(variant, proof)
        self.edits = [(record, edit_of(record)) for record in proof["edits"]]

    def run(self, skill: Skill | None, given: Profile | None) -> None:
        """All checks, each standing on those before it."""
        proof, book = self.proof, self.book
        book.checked.append(f"the compiled skill is {proof['variant']}")
        if skill_digest(self.made) != proof["variant"]:
            book.add("SKILL.md", "the compiled skill is not the one the proof speaks of")
        texts = self._texts()
        if texts is None:
            return
        added = set(proof["files"])
        original = self._skill_at(texts[0], added)
        if skill_digest(original) != proof["skill"]:
            book.add("SKILL.md", "without its edits it is not the original the proof speaks of")
            return
        if skill is not None and skill_digest(skill) != proof["skill"]:
            book.add("proof.json", "the skill given is not the one that was compiled")
        edits = counted(len(self.edits), "edit")
        book.checked.append(f"without its {edits} it is the original, {proof['skill']}")
        self._build(given)
        profile = self._levels()
        if self._is_same_compiler():
            self._replay(original, texts, profile)
            self._gaps(profile)
        else:
            self._reapply(original, texts)

    def _texts(self) -> list[bytes] | None:
        """``SKILL.md`` before each pass and after the last one, going backwards from what lies there."""
        texts = [self.made.source]
        for step in reversed(self.proof["steps"]):
            if digest_of(texts[0]) != step["after"]:
                self.book.add("SKILL.md", f"is not what pass {step['pass']} left")
                return None
            before = self._undone(texts[0], step["pass"])
            if before is None:
                return None
            if digest_of(before) != step["before"]:
                self.book.add("SKILL.md", f"without the edits of {step['pass']} it is not what it was before")
                return None
            texts.insert(0, before)
        return texts

    def _undone(self, source: bytes, pass_id: str) -> bytes | None:
        """The text before a pass."""
        mine = [(record, edit) for record, edit in self.edits if record["pass"] == pass_id]
        mine.sort(key=lambda found: found[1].span)
        parts: list[bytes] = []
        at, shift = 0, 0
        for record, edit in mine:
            start, new = edit.span.start + shift, edit.new_text.encode()
            old = base64.b64decode(record["oldBytes"]) if "oldBytes" in record else record["oldText"].encode()
            if start < at or source[start : start + len(new)] != new or len(old) != len(edit.span):
                self.book.add("SKILL.md", f"the edit of line {record['line']} ({edit.rule}) is not in it")
                return None
            parts += [source[at:start], old]
            at, shift = start + len(new), shift + len(new) - len(old)
        return b"".join([*parts, source[at:]])

    def _skill_at(self, source: bytes, without: set[str]) -> Skill:
        """The skill with another text and without some of its bundle."""
        made = self.made
        bundle = [resource for resource in made.resources if resource.path not in without]
        return parse_skill(source, id=made.id, root=made.root, resources=bundle)

    def _build(self, given: Profile | None) -> None:
        proof, book = self.proof, self.book
        inputs = proof["build"]["inputs"]
        if build_key(inputs, proof["build"]["answers"]) != proof["build"]["key"]:
            book.add("proof.json", "the build key is not that of its inputs")
        if inputs["skill"] != proof["skill"] or inputs["skillId"] != proof["skillId"]:
            book.add("proof.json", "the build was made from another skill")
        told = proof["target"]["profile"] if proof["target"] else None
        if inputs["profile"] != told:
            book.add("proof.json", "the build was made from another profile")
        if told is None:
            book.notes.append("no profile was given to the compile")
        elif given is None:
            book.notes.append(
                f"the profile {told} is not at hand (--profile gives it): levels as in the proof"
            )
        elif profile_digest(given) != told:
            book.add("proof.json", "the profile given is not the one that was compiled for")
        elif {name: str(level) for name, level in given.capabilities.items()} != proof["target"]["levels"]:
            book.add("proof.json", "the levels are not those of the profile")
        else:
            book.checked.append(f"the levels are those of the profile {told}")
        book.checked.append(f"the build key is {proof['build']['key']}")

    def _levels(self) -> Profile | None:
        """The target as the proof tells it."""
        target = self.proof["target"]
        if target is None:
            return None
        return Profile(
            model=target["model"],
            harness=target["harness"],
            profiled_at="",
            capabilities={name: Level(level) for name, level in target["levels"].items()},
        )

    def _is_same_compiler(self) -> bool:
        """Whether this version judges by the rules the variant was made by."""
        inputs = self.proof["build"]["inputs"]
        here = {registered.id: registered.version for registered in PASSES.all()}
        older = [found["id"] for found in inputs["passes"] if here.get(found["id"]) != found["version"]]
        if inputs["data"] != data_digest():
            older.append("data")
        if older:
            self.book.notes.append(
                f"made by another version of {', '.join(older)}: guard and chains are not judged anew"
            )
        return not older

    def _of(self, pass_id: str) -> list[tuple[Mapping[str, Any], Edit]]:
        return [(record, edit) for record, edit in self.edits if record["pass"] == pass_id]

    def _files(self, step: Mapping[str, Any]) -> dict[str, bytes]:
        return {path: resource_bytes(self.made, path) for path in step["files"]}

    def _reapply(self, original: Skill, texts: Sequence[bytes]) -> None:
        for index, step in enumerate(self.proof["steps"]):
            edits = [edit for _, edit in self._of(step["pass"])]
            if apply_edits(texts[index], edits) != texts[index + 1]:
                self.book.add("proof.json", f"the edits of {step['pass']} do not give what it left")
        self.book.checked.append(f"{counted(len(self.edits), 'edit')} applied anew: the variant comes out")

    def _replay(self, original: Skill, texts: Sequence[bytes], profile: Profile | None) -> None:
        """Every pass's edits once more, before the same guard."""
        skill = original
        lines = original.source.count(b"\n") + 1
        for index, step in enumerate(self.proof["steps"]):
            mine = self._of(step["pass"])
            files = self._files(step)
            self._chains(skill, mine, profile)
            kept = enforce(
                skill,
                PassResult(tuple(edit for _, edit in mine), files),
                profile=profile,
                added_lines=max(0, skill.source.count(b"\n") + 1 - lines),
                original_lines=lines,
            )
            for edit, why in kept.dropped:
                self.book.add("proof.json", f"{step['pass']}, {edit.rule}: the guard would drop it: {why}")
            if not kept.dropped and kept.skill.source != texts[index + 1]:
                self.book.add("proof.json", f"the edits of {step['pass']} do not give what it left")
            skill = rewrite_skill(self._skill_at(texts[index + 1], set(self.proof["files"])), (), files)
            skill = self._with_earlier(skill, index)
        self.book.checked.append(
            f"{counted(len(self.edits), 'edit')} applied anew: the variant comes out, "
            "no rule of the guard is broken"
        )

    def _with_earlier(self, skill: Skill, index: int) -> Skill:
        """The files of earlier passes stay."""
        earlier = {
            path: data for step in self.proof["steps"][:index] for path, data in self._files(step).items()
        }
        return rewrite_skill(skill, (), earlier) if earlier else skill

    def _chains(
        self, skill: Skill, mine: Sequence[tuple[Mapping[str, Any], Edit]], profile: Profile | None
    ) -> None:
        """The words need the level, the target holds less: for every edit a gap asked for."""
        linked = 0
        for record, edit in mine:
            if dict(chain_of(skill, edit, profile)) != record["chain"]:
                self.book.add("proof.json", f"the chain of the edit of line {record['line']} is not this one")
            elif edit.requirement is not None and edit.primitive_id:
                linked += 1
                for what in self._broken_links(skill, edit, profile):
                    self.book.add("proof.json", f"the edit of line {record['line']}: {what}")
        if linked:
            self.book.checked.append(
                f"{counted(linked, 'chain')} from the skill's words to the edit followed anew"
            )

    def _broken_links(self, skill: Skill, edit: Edit, profile: Profile | None) -> Iterator[str]:
        place = edit.requirement
        needed = [
            found.level
            for found in analyse(skill).requirements
            if found.primitive_id == edit.primitive_id and place is not None and found.span.overlaps(place)
        ]
        if chain_of(skill, edit, profile)["rule"] == BY_MODEL:
            if not self.proof["build"]["answers"]:
                yield "a model is said to need it, and none was asked"
        elif Level(edit.from_level) not in needed:
            yield f"those words do not need {edit.primitive_id} {edit.from_level}"
        held = profile.level_of(edit.primitive_id) if profile else None
        if held is None or held.rank >= Level(edit.from_level).rank:
            yield f"{edit.primitive_id} {edit.from_level} is no gap of this target"

    def _gaps(self, profile: Profile | None) -> None:
        if gaps_left(self.made, profile) != self.proof["gapsLeft"]:
            self.book.add("proof.json", "the gaps left are not those the compiled skill has")
        self.book.checked.append(f"gaps left: {len(self.proof['gapsLeft'])}, as the proof says")
