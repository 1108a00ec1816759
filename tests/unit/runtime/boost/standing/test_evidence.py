from datetime import UTC, datetime

import anyio

from skvm.evidence.journal import Journal
from skvm.runtime.boost.evidence import EVENT_KIND, load_events
from skvm.runtime.boost.model import BoostEvent, Event

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def event(run, **more):
    return BoostEvent(
        event=Event.SHADOWED,
        run_id=run,
        is_good=True,
        at=NOW,
        params={"source": "a.csv", "rows": [1, 2]},
        **{
            "skill_id": "s",
            "skill_digest": "d",
            "model": "m",
            "harness": "h",
            "purpose_id": "p",
            "template_digest": "t",
            **more,
        },
    )


def in_journal(path, work):
    async def main():
        async with Journal(path) as journal:
            return await work(journal)

    return anyio.run(main)


def test_events_come_back_as_they_were_written_and_by_what_is_asked(tmp_path):
    first, second, other = event("r1"), event("r2", model="m2"), event("r3", skill_id="s2")

    async def work(journal):
        await journal.append_all([(EVENT_KIND, first), (EVENT_KIND, other)])
        await journal.append(EVENT_KIND, second)
        await journal.append("note", {"skillId": "s"})
        return (
            await load_events(journal),
            await load_events(journal, skill_id="s"),
            await load_events(journal, skill_id="s", model="m2"),
            await load_events(journal, skill_id="s", skill_digest="no"),
        )

    everything, mine, on_target, none = in_journal(tmp_path / "j.sqlite", work)
    assert everything == (first, other, second)
    assert mine == (first, second)
    assert on_target == (second,)
    assert none == ()


def test_a_record_of_an_unknown_form_is_no_evidence(tmp_path):
    async def work(journal):
        body = event("r1").model_dump(mode="json", by_alias=True)
        await journal.append(EVENT_KIND, {**body, "schema": 2})
        await journal.append(EVENT_KIND, {**body, "event": "praised"})
        await journal.append(EVENT_KIND, {"skillId": "s"})
        await journal.append(EVENT_KIND, {**body, "later": 1})
        return await load_events(journal, skill_id="s")

    assert in_journal(tmp_path / "j.sqlite", work) == (event("r1"),)


def test_a_skill_is_found_by_an_index(tmp_path):
    async def work(journal):
        await journal.append(EVENT_KIND, event("r1"))
        plan = journal._connection.execute(
            "EXPLAIN QUERY PLAN SELECT body FROM records WHERE kind = 'boost'"
            " AND kind IN ('boost', 'boost_watch') AND json_extract(body, '$.skillId') = 's' ORDER BY id"
        ).fetchall()
        return " ".join(str(row) for row in plan)

    plan = in_journal(tmp_path / "j.sqlite", work)
    assert "boost_by_skill" in plan
    assert "TEMP B-TREE" not in plan
