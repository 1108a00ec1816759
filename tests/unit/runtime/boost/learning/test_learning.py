"""From runs to answers: what is learnt after a run, stored, trusted, and found wrong again."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from skvm.evidence.blobs import BlobStore
from skvm.evidence.journal import Journal
from skvm.runtime.boost import trials
from skvm.runtime.boost.library import Library
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import BoostEvent, Candidate, Event
from skvm.runtime.boost.proving.proof import Proof
from skvm.runtime.boost.standing import Standing, Status
from skvm.settings import load_settings
from tests.confinement import working
from tests.unit.runtime.boost.learning.world import CHORES, SKILL, Chore, World

pytestmark = pytest.mark.anyio
TARGET = (*SKILL, "any/m", "bare-agent")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def ground() -> Iterator[Path]:
    # Not pytest's tmp_path: the user of a cell must be able to pass its parents.
    folder = Path(tempfile.mkdtemp(prefix="skvm-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextlib.asynccontextmanager
async def opened(place: Path, first: int = 0) -> AsyncIterator[World]:
    """A world in a folder, whose next run has this number."""
    settings = load_settings(cache_dir=str(place / "cache"), tmp_dir=str(place), env={})
    async with Journal(settings.journal_path) as journal:
        library = Library.open(settings, journal, BlobStore(settings.blobs_dir), working("auto"))
        yield World(library, journal, place, numbers=itertools.count(first))


@pytest.fixture
async def world(ground: Path) -> AsyncIterator[World]:
    async with opened(ground) as world:
        yield world


def stubbed(patch: pytest.MonkeyPatch) -> dict[str, Proof]:
    said = {"proof": Proof(True), "times": 0}

    async def fuzz_in(*_: object, **__: object) -> Proof:
        said["times"] += 1
        return said["proof"]

    patch.setattr(trials, "fuzz_in", fuzz_in)
    return said


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> dict[str, Proof]:
    """Fuzzing has tests of its own; here it says what it is told to."""
    return stubbed(monkeypatch)


@pytest.fixture(scope="module")
def three_runs() -> Iterator[Path]:
    """What three good runs leave on a disk, made once."""
    place = Path(tempfile.mkdtemp(prefix="skvm-test-"))
    place.chmod(0o755)

    async def run_them() -> None:
        async with opened(place) as world:
            for chore in CHORES[:3]:
                await world.do(chore)

    with pytest.MonkeyPatch.context() as patch:
        said = stubbed(patch)
        anyio.run(run_them)
        assert said["times"] == 1
    yield place / "cache"
    shutil.rmtree(place)


@pytest.fixture
async def learnt(ground: Path, three_runs: Path, fuzz: dict[str, Proof]) -> AsyncIterator[World]:
    """A world that has three good runs behind it and trusts what it made of them, opened anew."""
    shutil.copytree(three_runs, ground / "cache")
    async with opened(ground, first=3) as world:
        _, standing = await only(world)
        assert standing.status is Status.PROMOTED
        yield world


async def standings(world: World, *target: str) -> dict[str, Standing]:
    shelf = await world.library.shelf(*(target or TARGET))
    return {each.purpose_id: shelf.standing(each) for each in shelf.candidates}


async def only(world: World) -> tuple[Candidate, Standing]:
    shelf = await world.library.shelf(*TARGET)
    (candidate,) = shelf.candidates
    return candidate, shelf.standing(candidate)


def kinds(done: object) -> list[tuple[Event, bool | None]]:
    return [(each.event, each.is_good) for each in done.others if isinstance(each, BoostEvent)]


async def test_three_runs_that_went_well_and_the_fourth_is_answered(world: World) -> None:
    for chore in CHORES[:3]:
        done = await world.do(chore)
        assert not done.is_boosted
    candidate, standing = await only(world)
    assert (standing.status, standing.good) == (Status.PROMOTED, 3)
    assert len(candidate.template.params) == 4
    done = await world.do(CHORES[3])
    assert (done.is_boosted, done.asked, done.record.score) == (True, 0, 1.0)
    assert set(done.files) == {"stock.csv", "stock.json"}
    assert kinds(done) == [(Event.ANSWERED, True)]


async def test_runs_of_one_task_are_learnt_from_too(world: World, fuzz: dict[str, Proof]) -> None:
    for _ in range(3):
        assert not (await world.do(CHORES[0])).is_boosted
    done = await world.do(CHORES[0])
    assert (done.is_boosted, done.record.score) == (True, 1.0)


async def test_two_runs_are_not_enough(world: World, fuzz: dict[str, Proof]) -> None:
    for chore in CHORES[:2]:
        await world.do(chore)
    _, standing = await only(world)
    assert standing.status is Status.WATCHED
    assert not (await world.do(CHORES[2])).is_boosted


async def test_runs_that_failed_or_were_not_graded_teach_nothing(
    world: World, fuzz: dict[str, Proof]
) -> None:
    for score in (0.0, 0.4, None):
        await world.do(CHORES[0], score=score)
    assert await standings(world) == {}
    assert not world.library.store(SKILL[0]).path.exists()


async def test_a_candidate_that_fails_fuzzing_is_removed_and_not_tried_again(
    world: World, fuzz: dict[str, Proof]
) -> None:
    fuzz["proof"] = Proof(False, "a value became code")
    for chore in CHORES[:4]:
        await world.do(chore)
    assert fuzz["times"] == 1
    assert not any(each.status is Status.PROMOTED for each in (await standings(world)).values())


async def test_files_of_a_new_form_end_the_answers_within_a_run_and_are_learnt(learnt: World) -> None:
    old, _ = await only(learnt)
    drifted = [replace(chore, mark=";") for chore in CHORES[3:6]]
    first = await learnt.do(drifted[0])
    assert (first.is_boosted, first.record.score) == (False, 1.0)
    assert (Event.DRIFTED, False) in kinds(first)
    new, standing = await only(learnt)
    assert new.digest != old.digest
    assert standing.status is Status.WATCHED
    for chore in (*drifted[1:], *(replace(each, mark=";") for each in CHORES[:2])):
        assert not (await learnt.do(chore)).is_boosted
    again = await learnt.do(replace(CHORES[2], mark=";"))
    assert (again.is_boosted, again.record.score) == (True, 1.0)


async def test_nothing_is_compiled_where_a_candidate_answers_already(
    learnt: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skvm.runtime.boost import learning

    def never(*_: object, **__: object) -> None:
        raise AssertionError("compiled")

    monkeypatch.setattr(learning, "compile_candidates", never)
    await learnt.do(CHORES[3])
    done = await learnt.do(CHORES[4], shadow_every=1)
    assert not done.is_boosted
    assert kinds(done) == [(Event.SHADOWED, True)]


async def test_what_a_person_turned_off_is_not_learnt_again(learnt: World) -> None:
    candidate, _ = await only(learnt)
    learnt.library.store(SKILL[0]).set_enabled(candidate.purpose_id, is_enabled=False)
    for chore in CHORES[3:]:
        assert not (await learnt.do(chore)).is_boosted
    found, _ = await only(learnt)
    assert not found.is_enabled


async def test_another_target_gathers_its_own_evidence_and_fuzzes_nothing_again(
    learnt: World, fuzz: dict[str, Proof]
) -> None:
    other = (*SKILL, "any/other", "bare-agent")
    for count, chore in enumerate(CHORES[:3]):
        (standing,) = (await standings(learnt, *other)).values()
        assert (standing.status, standing.good) == (Status.WATCHED, count)
        assert not (await learnt.do(chore, model="any/other")).is_boosted
    assert (await learnt.do(CHORES[3], model="any/other")).is_boosted
    assert fuzz["times"] == 0, "it passed on the first target"


async def test_a_removed_candidate_is_learnt_anew_without_its_old_evidence(learnt: World) -> None:
    await learnt.library.forget(SKILL[0])
    learnt.library.store(SKILL[0]).remove()
    assert await standings(learnt) == {}
    assert not (await learnt.do(CHORES[4])).is_boosted
    _, standing = await only(learnt)
    assert (standing.status, standing.good) == (Status.WATCHED, 0), "old recordings say nothing any more"


async def test_runs_beside_each_other_learn_one_candidate(world: World, fuzz: dict[str, Proof]) -> None:
    async with anyio.create_task_group() as group:
        for chore in CHORES:
            group.start_soon(world.do, chore)
    shelf = await world.library.shelf(*TARGET)
    for chore in CHORES:
        assert len(Matcher(shelf.candidates).match(chore.prompt)) == 1


async def test_the_state_file_follows(learnt: World) -> None:
    await learnt.do(CHORES[3])
    path = learnt.library.store(SKILL[0]).path / "solidification-state.json"
    (entry,) = json.loads(path.read_text(encoding="utf-8"))["entries"]
    assert entry["state"]["candidateId"] == entry["candidate"]["purposeId"]
    (target,) = entry["skvm"]["targets"]
    assert (target["model"], target["harness"]) == ("any/m", "bare-agent")


async def test_a_wrong_answer_that_scored_nothing_is_blamed_on_a_terminal_candidate(
    learnt: World,
) -> None:
    candidate, _ = await only(learnt)
    done = await learnt.do(CHORES[3], score=0.0)
    assert done.is_boosted
    _, standing = await only(learnt)
    assert candidate.is_terminal, "nothing but it did anything in the run"
    assert standing.status is Status.QUARANTINED


async def test_a_run_whose_code_is_no_template_leaves_nothing(world: World, fuzz: dict[str, Proof]) -> None:
    chore = Chore("a.csv", "k", "v", "o.json")
    risky = chore.code + "import urllib.request\n"
    for _ in range(2):
        await world.do(chore, code=risky + "print(urllib.request.__name__)\n")
    assert await standings(world) == {}


FOREIGN = {
    "purposeId": "column-totals",
    "keywords": ["totals"],
    "codeSignature": "csv[\\s\\S]*?totals",
    "functionTemplate": (
        'import csv, json\ntotals = {}\nfor row in csv.DictReader(open("${source}")):\n'
        '    key = row["${group}"]\n    totals[key] = totals.get(key, 0) + int(row["${column}"])\n'
        'json.dump(totals, open("${target}", "w"))\n'
    ),
    "params": {
        "source": {"type": "string", "description": "", "extractPattern": "of (\\S+\\.csv)"},
        "group": {"type": "string", "description": "", "extractPattern": "each (\\w+)"},
        "column": {"type": "string", "description": "", "extractPattern": "column (\\w+)"},
        "target": {"type": "string", "description": "", "extractPattern": "to (\\S+\\.json)"},
    },
    "materializationType": "python",
}


async def test_a_candidate_of_the_existing_system_is_bound_by_a_run_and_proves_itself(
    world: World, fuzz: dict[str, Proof]
) -> None:
    folder = world.library.store(SKILL[0])
    folder.path.mkdir(parents=True)
    (folder.path / "boost-candidates.json").write_text(json.dumps({"candidates": [FOREIGN]}))
    await world.do(CHORES[0])
    candidate, standing = await only(world)
    assert (candidate.purpose_id, candidate.origin.kind) == ("column-totals", "foreign")
    assert len(candidate.skeletons) == 1
    assert standing.status is Status.WATCHED
    boosted = [(await world.do(chore)).is_boosted for chore in CHORES[1:]]
    assert boosted[:2] == [False, False]
    assert boosted[-1] is True
    candidate, _ = await only(world)
    assert (candidate.purpose_id, candidate.origin.kind) == ("column-totals", "foreign")


async def test_a_wrong_candidate_of_the_existing_system_is_not_bound(
    world: World, fuzz: dict[str, Proof]
) -> None:
    wrong = {**FOREIGN, "functionTemplate": FOREIGN["functionTemplate"].replace("+ int", "- int")}
    folder = world.library.store(SKILL[0])
    folder.path.mkdir(parents=True)
    (folder.path / "boost-candidates.json").write_text(json.dumps({"candidates": [wrong]}))
    for chore in CHORES[:2]:
        await world.do(chore)
    shelf = await world.library.shelf(*TARGET)
    (theirs,) = [each for each in shelf.candidates if each.origin.kind == "foreign"]
    assert theirs.skeletons == ()
