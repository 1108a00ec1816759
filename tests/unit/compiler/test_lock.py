from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from pydantic import BaseModel

from skvm.compiler.builds.build import json_digest
from skvm.compiler.builds.lock_checking import check_lock
from skvm.compiler.builds.lockfile import LockedBuild, read_lock, record_build
from skvm.compiler.contract import CompileOptions, PassContext, PassResult, RegisteredPass
from skvm.compiler.driver import BuildMode, CompileResult, compile_skill
from skvm.errors import FindingsError, UsageError
from skvm.skill.edit import Edit
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.target.profile import Profile
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill
from tests.unit.compiler.test_driver import BODY, settings_in, tree

PROFILE = make_profile("L1")
LOCKED = BuildMode(lock=True)
FROZEN = BuildMode(lock=True, frozen=True)
NAME = f"{HARNESS} {MODEL} p1"

A = TypeVar("A", bound=BaseModel)


class Told:
    """A counsel with one answer."""

    def __init__(self, says: str) -> None:
        self.says = says
        self._answers: dict[str, Any] = {}

    @property
    def model(self) -> str:
        return "test/counsel"

    @property
    def answers(self) -> Mapping[str, Any]:
        return self._answers

    async def ask(self, prompt: str, answer: type[A], *, system: str = "") -> A:
        said = {"word": self.says}
        self._answers[json_digest([prompt, system])[7:]] = said
        return answer.model_validate(said)


class Word(BaseModel):
    word: str


class Asking:
    """A pass that puts a counsel's word at the end."""

    async def apply(self, skill: Skill, ctx: PassContext) -> PassResult:
        if ctx.counsel is None:
            return PassResult()
        said = await ctx.counsel.ask("Which word?", Word)
        from skvm.diagnostics import Span

        end = len(skill.source)
        return PassResult((Edit(Span(end, end), f"\nThe word is {said.word}.\n", "asked for", rule="ask"),))


def build(
    folder: Path,
    skill: Skill | Path,
    mode: BuildMode,
    *,
    profile: Profile = PROFILE,
    counsel: Told | None = None,
    options: CompileOptions | None = None,
) -> CompileResult:
    async def run() -> CompileResult:
        return await compile_skill(
            skill,
            model=MODEL,
            harness=HARNESS,
            profile=profile,
            settings=settings_in(folder),
            mode=mode,
            counsel=counsel,
            options=options or CompileOptions(compiler_model=counsel.model if counsel else "none"),
        )

    return anyio.run(run)


@pytest.fixture
def skill(tmp_path: Path) -> Skill:
    return make_skill(tmp_path, BODY)


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skvm.compiler.driver.resolve_passes", lambda _: (RegisteredPass("ask", 1, Asking),))


def test_the_lock_lies_beside_the_skill_and_is_no_part_of_it(skill: Skill, tmp_path: Path) -> None:
    result = build(tmp_path, skill, LOCKED)
    assert skill.root is not None
    lock = read_lock(skill.root / "skvm.lock")
    assert lock.targets[NAME].build_key == result.build_key
    assert set(lock.targets[NAME].inputs["options"]) >= {"compilerModel", "acceptTasks"}
    assert load_skill(skill.root) == skill
    assert sorted(path.name for path in skill.root.iterdir()) == ["SKILL.md", "skvm.lock"]


def test_without_the_mode_nothing_is_written_beside_the_skill(skill: Skill, tmp_path: Path) -> None:
    build(tmp_path, skill, BuildMode())
    assert skill.root is not None
    assert sorted(path.name for path in skill.root.iterdir()) == ["SKILL.md"]


def test_a_standing_build_is_reused_and_force_builds_again(skill: Skill, tmp_path: Path) -> None:
    first = build(tmp_path, skill, LOCKED)
    assert first.variant is not None
    made = (first.variant / "meta.json").stat().st_ino
    again = build(tmp_path, skill, LOCKED)
    assert (first.is_reused, again.is_reused) == (False, True)
    assert (first.variant / "meta.json").stat().st_ino == made
    assert again.skill.source == first.skill.source
    assert again.proof == json.loads(json.dumps(first.proof))
    assert again.is_unchanged == first.is_unchanged
    forced = build(tmp_path, skill, BuildMode(lock=True, force=True))
    assert not forced.is_reused
    assert (first.variant / "meta.json").stat().st_ino != made
    assert forced.build_key == first.build_key


def test_what_was_found_is_told_again(skill: Skill, tmp_path: Path) -> None:
    profile = make_profile("L1", tool_exec="L0")
    first = build(tmp_path, skill, LOCKED, profile=profile)
    again = build(tmp_path, skill, LOCKED, profile=profile)
    assert again.is_reused
    assert "SKV206" in {found.code for found in first.diagnostics}
    assert again.diagnostics == first.diagnostics


@pytest.mark.parametrize("name", ["SKILL.md", "proof.json", "meta.json", "_artifacts/scr.json"])
def test_a_build_somebody_touched_is_made_again(name: str, skill: Skill, tmp_path: Path) -> None:
    first = build(tmp_path, skill, LOCKED)
    assert first.variant is not None
    before = tree(first.variant)
    (first.variant / name).write_bytes(before[name] + b" ")
    assert not build(tmp_path, skill, LOCKED).is_reused
    after = tree(first.variant)
    assert {**before, "meta.json": b""} == {**after, "meta.json": b""}


def test_other_inputs_make_another_build(skill: Skill, tmp_path: Path) -> None:
    first = build(tmp_path, skill, LOCKED)
    other = build(tmp_path, skill, LOCKED, profile=make_profile("L3"))
    assert not other.is_reused
    assert other.build_key != first.build_key
    third = build(tmp_path, skill, LOCKED, options=CompileOptions(refused=("pip:x",)))
    assert not third.is_reused
    assert len({first.build_key, other.build_key, third.build_key}) == 3


def test_frozen_gives_the_same_build(skill: Skill, tmp_path: Path) -> None:
    first = build(tmp_path, skill, LOCKED)
    again = build(tmp_path / "other", skill, FROZEN)
    assert again.build_key == first.build_key
    assert first.variant is not None
    assert again.variant is not None
    assert {**tree(first.variant), "meta.json": b""} == {**tree(again.variant), "meta.json": b""}


def test_frozen_without_a_lock_fails(skill: Skill, tmp_path: Path) -> None:
    with pytest.raises(FindingsError, match=r"SKV284: .* holds no build"):
        build(tmp_path, skill, FROZEN)
    assert not (tmp_path / "cache").exists()


DIFFERING = [
    ("skill", lambda folder: (folder / "more.md").write_text("x"), {}),
    ("profile", lambda _: None, {"profile": make_profile("L2")}),
    ("options", lambda _: None, {"options": CompileOptions(eliminate=False)}),
]


@pytest.mark.parametrize(("what", "change", "more"), DIFFERING)
def test_frozen_fails_where_the_lock_disagrees(
    what: str, change: Any, more: dict[str, Any], skill: Skill, tmp_path: Path
) -> None:
    build(tmp_path, skill, LOCKED)
    assert skill.root is not None
    change(skill.root)
    with pytest.raises(FindingsError, match=rf"SKV284: .*: .*{what}.* differ"):
        build(tmp_path / "other", skill.root, FROZEN, **more)
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("asking")
def test_answers_are_part_of_the_build_and_lie_in_the_lock(skill: Skill, tmp_path: Path) -> None:
    first = build(tmp_path, skill, LOCKED, counsel=Told("red"))
    assert b"The word is red." in first.skill.source
    assert skill.root is not None
    lock = read_lock(skill.root / "skvm.lock")
    assert list(lock.answers.values()) == [{"word": "red"}]
    assert build(tmp_path, skill, LOCKED, counsel=Told("never asked")).is_reused
    other = build(tmp_path, skill, BuildMode(force=True), counsel=Told("blue"))
    assert other.build_key != first.build_key
    assert build(tmp_path / "b", skill, FROZEN, counsel=Told("red")).build_key == first.build_key
    with pytest.raises(FindingsError, match="used other answers"):
        build(tmp_path / "c", skill, FROZEN, counsel=Told("green"))
    assert not (tmp_path / "c").exists()


@pytest.mark.usefixtures("asking")
def test_answers_nobody_needs_any_more_go(skill: Skill, tmp_path: Path) -> None:
    build(tmp_path, skill, LOCKED, counsel=Told("red"))
    build(tmp_path, skill, BuildMode(lock=True, force=True))
    assert skill.root is not None
    assert read_lock(skill.root / "skvm.lock").answers == {}


def test_a_lock_that_cannot_be_written_is_told_and_the_variant_stands(skill: Skill, tmp_path: Path) -> None:
    assert skill.root is not None
    (skill.root / "skvm.lock").mkdir()
    result = build(tmp_path, skill, LOCKED)
    assert [found.code for found in result.diagnostics] == ["SKV286"]
    assert result.variant is not None
    assert (result.variant / "meta.json").is_file()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"schema": 2}',
        b'{"schema": 1, "other": 1}',
        b"[" * 100_000,
        rb'{"schema": 1, "answers": {"a": "\ud800"}}',
    ],
)
def test_what_is_no_lock_is_an_error(data: bytes, skill: Skill, tmp_path: Path) -> None:
    assert skill.root is not None
    (skill.root / "skvm.lock").write_bytes(data)
    with pytest.raises(FindingsError, match=r"SKV285: .*skvm\.lock: not a lock: \S"):
        read_lock(skill.root / "skvm.lock")
    with pytest.raises(FindingsError, match="SKV285"):
        build(tmp_path, skill, FROZEN)
    [found] = check_lock(skill.root / "skvm.lock", settings_in(tmp_path)).findings
    assert found.message.startswith(str(skill.root / "skvm.lock"))
    for _ in range(2):  # the second time it stands
        [told] = build(tmp_path, skill, LOCKED).diagnostics
        assert (told.code, told.message[:10]) == ("SKV286", "not a lock")
        assert told.help == found.help == "move it away; the next compile writes a new one"


def test_a_lost_lock_is_written_for_a_build_that_stands(skill: Skill, tmp_path: Path) -> None:
    assert skill.root is not None
    lock = skill.root / "skvm.lock"
    assert build(tmp_path, skill, LOCKED).lock == lock
    before = lock.read_bytes()
    assert build(tmp_path, skill, LOCKED).lock is None
    lock.unlink()
    again = build(tmp_path, skill, LOCKED)
    assert (again.is_reused, again.lock) == (True, lock)
    assert lock.read_bytes() == before
    assert build(tmp_path, skill, FROZEN).is_reused


@pytest.mark.usefixtures("asking")
def test_a_lost_lock_gets_its_answers_by_building_again(skill: Skill, tmp_path: Path) -> None:
    assert skill.root is not None
    lock = skill.root / "skvm.lock"
    build(tmp_path, skill, LOCKED, counsel=Told("red"))
    before = lock.read_bytes()
    lock.unlink()
    again = build(tmp_path, skill, LOCKED, counsel=Told("red"))
    assert (again.is_reused, again.lock) == (False, lock)
    assert lock.read_bytes() == before


def test_many_at_once_lose_no_entry(tmp_path: Path) -> None:
    entry = LockedBuild(build_key="sha256:0", inputs={}, variant="sha256:0")
    path = tmp_path / "skvm.lock"
    threads = [threading.Thread(target=record_build, args=(path, f"t{n}", entry, {})) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_lock(path).targets) == sorted(f"t{n}" for n in range(16))
    assert [found.name for found in tmp_path.iterdir()] == ["skvm.lock"]


def test_a_lock_is_the_same_in_whatever_order_it_came_to_be(tmp_path: Path) -> None:
    entry = LockedBuild(build_key="sha256:0", inputs={"b": 1, "a": 2}, variant="sha256:0")
    for folder, names in (("x", "abc"), ("y", "cab")):
        (tmp_path / folder).mkdir()
        for name in names:
            record_build(tmp_path / folder / "skvm.lock", name, entry, {})
    assert (tmp_path / "x/skvm.lock").read_bytes() == (tmp_path / "y/skvm.lock").read_bytes()


def test_recording_the_same_build_changes_nothing(skill: Skill, tmp_path: Path) -> None:
    entry = LockedBuild(build_key="sha256:0", inputs={}, variant="sha256:0")
    assert record_build(tmp_path / "skvm.lock", "t", entry, {})
    assert not record_build(tmp_path / "skvm.lock", "t", entry, {})


def test_a_fresh_lock_holds(skill: Skill, tmp_path: Path) -> None:
    build(tmp_path, skill, LOCKED)
    assert skill.root is not None
    verdict = check_lock(skill.root / "skvm.lock", settings_in(tmp_path))
    assert verdict.findings == ()
    assert verdict.notes == ()


def test_every_byte_of_a_lock_counts(skill: Skill, tmp_path: Path) -> None:
    build(tmp_path, skill, LOCKED)
    assert skill.root is not None
    path = skill.root / "skvm.lock"
    data = path.read_bytes()
    for at in range(0, len(data), 37):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert _holds(path, tmp_path) is False, at
    path.write_bytes(data)
    assert _holds(path, tmp_path)


def _holds(path: Path, folder: Path) -> bool:
    try:
        return not check_lock(path, settings_in(folder)).findings
    except UsageError:
        return False


def test_a_lock_beside_a_changed_skill_does_not_hold(skill: Skill, tmp_path: Path) -> None:
    build(tmp_path, skill, LOCKED)
    assert skill.root is not None
    (skill.root / "more.md").write_text("x")
    found = check_lock(skill.root / "skvm.lock", settings_in(tmp_path)).findings
    assert "another state of the skill" in found[0].message


def test_a_missing_or_other_answer_is_found(tmp_path: Path) -> None:
    from skvm.compiler.builds.build import build_key

    answers = {"k1": json_digest({"a": 1}), "k2": json_digest({"b": 1})}
    entry = LockedBuild(build_key=build_key({}, answers), inputs={}, answers=answers, variant="v")
    record_build(tmp_path / "skvm.lock", "t", entry, {"k1": {"a": 2}})
    said = " ".join(
        found.message for found in check_lock(tmp_path / "skvm.lock", settings_in(tmp_path)).findings
    )
    assert "k1 is not the one that was recorded" in said
    assert "k2 is missing" in said


def test_a_pipe_in_the_place_of_a_lock_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "skvm.lock")
    with pytest.raises(FindingsError, match="not a regular file"):
        read_lock(tmp_path / "skvm.lock")
    [found] = check_lock(tmp_path / "nowhere.lock", settings_in(tmp_path)).findings
    assert "there is no lock" in found.message
