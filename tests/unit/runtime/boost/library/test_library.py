from datetime import UTC, datetime

import anyio
import pytest

from skvm.evidence.blobs import BlobStore
from skvm.evidence.journal import Journal
from skvm.harness.fake import FakeSandbox
from skvm.runtime.boost.evidence import EVENT_KIND
from skvm.runtime.boost.library import Library
from skvm.runtime.boost.model import BoostEvent, Candidate, Event, Origin, Skeleton, Template
from skvm.runtime.boost.standing import Status
from skvm.settings import load_settings

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TARGET = ("sums", "sha256:s", "m", "bare-agent")


def candidate(purpose="hello", code="print(1)\n", **more):
    return Candidate(
        purpose_id=purpose,
        skeletons=(Skeleton(texts=("Say hello.",)),),
        template=Template(language="python", code=code),
        origin=Origin(kind="runs"),
        **more,
    )


def event(kind, of, run=None, good=None, **more):
    skill_id, skill_digest, model, harness = TARGET
    return BoostEvent(
        event=kind,
        run_id=run,
        is_good=good,
        at=NOW,
        **{
            "skill_id": skill_id,
            "skill_digest": skill_digest,
            "model": model,
            "harness": harness,
            "purpose_id": of.purpose_id,
            "template_digest": of.digest,
            **more,
        },
    )


def promotion(of, **more):
    good = [event(Event.SHADOWED, of, f"r{index}", True, **more) for index in range(3)]
    return [event(Event.FUZZED, of, good=True, **more), *good]


async def record(journal, events):
    await journal.append_all([(EVENT_KIND, each) for each in events])


@pytest.fixture
def place(tmp_path):
    def run(work):
        async def main():
            settings = load_settings(cache_dir=str(tmp_path), env={})
            async with Journal(settings.journal_path) as journal:
                blobs = BlobStore(settings.blobs_dir)
                await work(Library.open(settings, journal, blobs, FakeSandbox()), journal)

        anyio.run(main)

    return run


def test_a_candidate_answers_once_the_journal_says_it_may(place):
    async def work(library, journal):
        one = candidate()
        library.store("sums").save([one])
        shelf = await library.shelf(*TARGET)
        assert shelf.watched == (one,)
        await record(journal, promotion(one))
        assert not shelf.is_promoted(one)
        shelf = await library.shelf(*TARGET)
        assert (shelf.promoted, shelf.watched, shelf.resting) == ((one,), (), ())
        assert shelf.is_promoted(one)
        command = shelf.outfit.command_line(one, "TICKET-1", {})
        assert str(library.folder("sums")) in command

    place(work)


def test_what_one_run_finds_wrong_holds_at_once_for_the_runs_beside_it(place):
    async def work(library, journal):
        one = candidate()
        library.store("sums").save([one])
        await record(journal, promotion(one))
        beside = await library.shelf(*TARGET)
        bad = event(Event.ANSWERED, one, "bad", False, reason="a row is missing")
        library.note([bad])
        assert not beside.is_promoted(one)
        assert beside.resting == (one,)
        # The same event, once it is in the journal, is no second one.
        await record(journal, [bad])
        after = (await library.shelf(*TARGET)).standing(one)
        assert (after.status, after.failures, after.cooldown_left) == (Status.QUARANTINED, 1, 3)

    place(work)


def test_good_news_waits_until_the_run_is_recorded(place):
    async def work(library, journal):
        one = candidate()
        library.store("sums").save([one])
        await library.shelf(*TARGET)
        library.note(promotion(one))
        assert (await library.shelf(*TARGET)).promoted == ()

    place(work)


def test_evidence_on_another_target_or_another_form_of_it_says_nothing(place):
    async def work(library, journal):
        one = candidate()
        library.store("sums").save([one])
        for name in ("model", "harness", "skill_digest", "template_digest"):
            await record(journal, promotion(one, **{name: "other"}))
        assert (await library.shelf(*TARGET)).promoted == ()

    place(work)


def test_a_recompiled_candidate_has_to_prove_itself_anew(place):
    async def work(library, journal):
        one, two = candidate(), candidate(code="print(2)\n")
        store = library.store("sums")
        store.save([one])
        await record(journal, promotion(one))
        store.save([two])
        shelf = await library.shelf(*TARGET)
        assert (shelf.promoted, shelf.watched) == ((), (two,))
        reworded = two.model_copy(update={"skeletons": (Skeleton(texts=("Hello!",)),)})
        await record(journal, promotion(two))
        assert (await library.shelf(*TARGET)).promoted == (two,)
        store.save([reworded])
        assert (await library.shelf(*TARGET)).watched == (reworded,)

    place(work)


def test_what_a_person_turned_off_does_not_answer(place):
    async def work(library, journal):
        one = candidate()
        library.store("sums").save([one])
        await record(journal, promotion(one))
        library.store("sums").set_enabled("hello", is_enabled=False)
        shelf = await library.shelf(*TARGET)
        assert (shelf.promoted, shelf.watched, shelf.resting) == ((), (), ())
        assert shelf.standing(shelf.candidates[0]).status is Status.DISABLED

    place(work)


def test_a_candidate_without_prompts_answers_none(place):
    async def work(library, journal):
        silent = candidate().model_copy(update={"skeletons": ()})
        library.store("sums").save([silent])
        await record(journal, promotion(silent))
        shelf = await library.shelf(*TARGET)
        assert shelf.candidates == (silent,)
        assert (shelf.promoted, shelf.watched) == ((), ())

    place(work)


def test_two_libraries_see_what_the_other_recorded(place):
    async def work(library, journal):
        one = candidate()
        other = Library.open(library.settings, journal, library.blobs, library.sandbox)
        await other.shelf(*TARGET)
        library.store("sums").save([one])
        await record(journal, promotion(one))
        assert (await other.shelf(*TARGET)).promoted == (one,)

    place(work)


def test_forgetting_takes_evidence_away_on_that_target_only(place):
    async def work(library, journal):
        one = candidate()
        library.store("sums").save([one])
        await record(journal, [*promotion(one), *promotion(one, model="m2")])
        assert len(await library.forget("sums", model="m", at=NOW)) == 1
        assert (await library.shelf(*TARGET)).watched == (one,)
        assert (await library.shelf("sums", "sha256:s", "m2", "bare-agent")).promoted == (one,)
        assert len(await library.forget("sums", at=NOW)) == 1
        assert await library.forget("sums", at=NOW) == ()
        again = Library.open(library.settings, journal, library.blobs, library.sandbox)
        assert (await again.shelf("sums", "sha256:s", "m2", "bare-agent")).promoted == ()

    place(work)


def test_the_state_file_is_written_from_the_journal(place):
    async def work(library, journal):
        await library.write_state("sums")
        assert not library.store("sums").path.exists()
        one = candidate()
        library.store("sums").save([one])
        await record(journal, promotion(one))
        await library.write_state("sums")
        text = (library.store("sums").path / "solidification-state.json").read_text(encoding="utf-8")
        assert '"promoted": true' in text
        assert '"updatedAt": "2026-01-02T00:00:00.000Z"' in text

    place(work)
