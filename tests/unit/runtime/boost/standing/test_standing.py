import itertools
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from skvm.evidence.record import Outcome, RunRecord
from skvm.runtime.boost.model import BoostEvent, Event
from skvm.runtime.boost.posterior import lower_bound
from skvm.runtime.boost.standing import Bounds, Status, gated, key_of, standing_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SHADOW, ANSWER, REPLAY, DRIFT = Event.SHADOWED, Event.ANSWERED, Event.REPLAYED, Event.DRIFTED


def event(kind, run=None, good=None, **more):
    return BoostEvent(
        event=kind,
        run_id=run,
        is_good=good,
        at=NOW,
        **{
            "skill_id": "sums",
            "skill_digest": "sha256:s",
            "model": "m",
            "harness": "bare-agent",
            "purpose_id": "csv-totals",
            "template_digest": "sha256:t",
            **more,
        },
    )


FUZZED = event(Event.FUZZED, good=True)


def good_runs(count, kind=SHADOW, start=0):
    return [event(kind, f"r{index:04}", True) for index in range(start, start + count)]


def promoted(start=0):
    return [FUZZED, *good_runs(3, start=start)]


def test_three_good_runs_promote_and_two_do_not():
    assert standing_of([FUZZED, *good_runs(2)]).status is Status.WATCHED
    three = standing_of(promoted())
    assert (three.status, three.good, three.runs) == (Status.PROMOTED, 3, 3)
    assert three.lower_bound >= 0.45
    assert three.promoted_at == NOW


def test_replayed_recordings_count_like_runs():
    assert standing_of([FUZZED, *good_runs(3, REPLAY)]).status is Status.PROMOTED
    mixed = [FUZZED, *good_runs(2, REPLAY), *good_runs(1, SHADOW, start=2)]
    assert standing_of(mixed).status is Status.PROMOTED


def test_nothing_is_promoted_that_was_not_fuzzed():
    waiting = standing_of(good_runs(5))
    assert waiting.status is Status.WATCHED
    assert waiting.reason == "not fuzzed"
    failed = [event(Event.FUZZED, good=False, reason="a value became code"), *good_runs(5)]
    assert standing_of(failed).status is Status.WATCHED
    assert "a value became code" in standing_of(failed).reason
    assert standing_of([*failed, FUZZED]).status is Status.PROMOTED


def test_one_run_counts_once_however_often_it_matched():
    three_in_one = [event(SHADOW, "r1", True)] * 3
    assert standing_of([FUZZED, *three_in_one]).good == 1
    both = [event(REPLAY, "r1", True), event(SHADOW, "r1", True), event(ANSWER, "r1", True)]
    assert standing_of([FUZZED, *both]).good == 1
    assert standing_of([FUZZED, event(SHADOW, None, True)]).good == 0


def test_chatter_between_good_runs_changes_nothing():
    chatter = [event(SHADOW, f"x{index}", None, reason="ungraded") for index in range(9)]
    mixed = [FUZZED]
    for good in good_runs(3):
        mixed += [*chatter, good]
    assert standing_of(mixed).status is Status.PROMOTED


@pytest.mark.parametrize("kind", [ANSWER, SHADOW, REPLAY, DRIFT])
def test_one_bad_run_quarantines_a_promoted_candidate_at_once(kind):
    after = standing_of([*promoted(), event(kind, "bad", False, reason="2 rows too few")])
    assert after.status is Status.QUARANTINED
    assert after.cooldown_left == 3
    assert "run bad" in after.reason
    assert "2 rows too few" in after.reason


def test_fuzzing_that_fails_later_quarantines_too():
    after = standing_of([*promoted(), event(Event.FUZZED, good=False, reason="canary")])
    assert after.status is Status.QUARANTINED


def test_a_bad_event_of_a_run_outweighs_good_ones_of_it_before():
    events = [FUZZED, *good_runs(2), event(SHADOW, "r9", True), event(ANSWER, "r9", False)]
    after = standing_of(events)
    assert after.status is Status.QUARANTINED
    assert after.failures == 1


def test_a_drift_before_promotion_is_no_evidence():
    after = standing_of([FUZZED, *good_runs(2), event(DRIFT, "d"), *good_runs(1, start=2)])
    assert after.status is Status.PROMOTED
    assert after.runs == 4


@pytest.mark.parametrize(("bad", "needed"), [(0, 3), (1, 5), (2, 6), (3, 7)])
def test_bad_shadows_before_promotion_ask_for_more_good_ones(bad, needed):
    events = [FUZZED, *(event(SHADOW, f"b{index}", False) for index in range(bad))]
    assert standing_of([*events, *good_runs(needed - 1)]).status is Status.WATCHED
    assert standing_of([*events, *good_runs(needed)]).status is Status.PROMOTED


def test_a_quarantine_cools_down_and_evidence_begins_anew():
    events = [*promoted(), event(ANSWER, "bad", False)]
    cooling = [*events, *good_runs(2, start=10)]
    assert standing_of(cooling).cooldown_left == 1
    cool = [*events, *good_runs(3, start=10)]
    assert standing_of(cool).status is Status.WATCHED
    assert standing_of(cool).good == 0
    # The runs of the cool-down, and those before it, are spent.
    assert standing_of([*cool, *good_runs(3), *good_runs(3, start=10)]).good == 0
    assert standing_of([*cool, *good_runs(4, start=20)]).status is Status.WATCHED
    assert standing_of([*cool, *good_runs(5, start=20)]).status is Status.PROMOTED


def test_recordings_do_not_lead_out_of_a_quarantine():
    events = [*promoted(), event(DRIFT, "drift")]
    assert standing_of([*events, *good_runs(30, REPLAY, start=50)]).status is Status.QUARANTINED
    cool = [*events, *good_runs(3, start=10)]
    assert standing_of([*cool, *good_runs(30, REPLAY, start=50)]).status is Status.WATCHED


def test_trouble_during_the_cool_down_begins_it_again():
    events = [*promoted(), event(ANSWER, "bad", False), *good_runs(2, start=10)]
    assert standing_of([*events, event(DRIFT, "again")]).cooldown_left == 3


def test_the_third_quarantine_is_for_good_until_a_person_says_otherwise():
    events, start = [*promoted()], 100
    for round_ in range(2):
        events.append(event(ANSWER, f"bad{round_}", False))
        events += good_runs(3 * 2**round_ + 10, start=start)
        start += 100
        assert standing_of(events).status is Status.PROMOTED
    events.append(event(ANSWER, "bad2", False))
    out = standing_of([*events, *good_runs(50, start=start)])
    assert out.status is Status.DISABLED
    assert "3 times" in out.reason
    again = [*events, event(Event.ENABLED)]
    assert standing_of(again).status is Status.WATCHED
    assert standing_of([*again, *good_runs(10, start=start)]).status is Status.PROMOTED


def test_a_person_turns_it_off_and_on_and_evidence_stays():
    off = standing_of([*promoted(), event(Event.DISABLED)])
    assert off.status is Status.DISABLED
    assert standing_of([*promoted(), event(Event.DISABLED), event(Event.ENABLED)]).status is Status.PROMOTED


def test_evidence_is_kept_apart_by_skill_target_and_template():
    others = [
        event(SHADOW, f"r{index}", True, **{name: "other"})
        for index, name in enumerate(
            ["skill_id", "skill_digest", "model", "harness", "purpose_id", "template_digest"]
        )
    ]
    by_key = defaultdict(list)
    for each in [*promoted(), *others]:
        by_key[key_of(each)].append(each)
    standings = {key: standing_of(events) for key, events in by_key.items()}
    assert len(standings) == 7
    assert standings[key_of(FUZZED)].status is Status.PROMOTED
    assert {standing.good for key, standing in standings.items() if key != key_of(FUZZED)} == {1}


def record(outcome=Outcome.SCORED, score=1.0):
    return RunRecord(
        run_id="r",
        task_id="t",
        condition="c",
        model="m",
        harness="h",
        task_digest="sha256:0",
        outcome=outcome,
        score=score,
        started_at=NOW,
        finished_at=NOW,
    )


def test_good_needs_a_run_that_did_its_task():
    held = event(ANSWER, "r", True)
    assert gated(held, record()).is_good is True
    assert gated(held, record(score=0.5)).is_good is True
    assert gated(held, record(score=0.49)).is_good is None
    assert gated(held, record(score=None)).is_good is None
    assert gated(held, record(Outcome.TIMED_OUT, 1.0)).is_good is True
    assert gated(held, record(Outcome.INFRA_FAILED, None)).is_good is None
    assert gated(event(SHADOW, "r", True), record(score=0.0)).is_good is None
    assert gated(event(ANSWER, "r", False), record()).is_good is False


def test_a_terminal_answer_is_to_blame_for_the_run_it_ended():
    ended = event(ANSWER, "r", True, is_terminal=True)
    assert gated(ended, record(score=0.0)).is_good is False
    assert gated(ended, record(score=None)).is_good is None


def test_taking_every_event_twice_changes_nothing():
    """Events of this process are known before they are read back from the journal."""
    rng = random.Random(7)
    kinds = [SHADOW, SHADOW, SHADOW, ANSWER, REPLAY, DRIFT]
    for _ in range(300):
        events = [FUZZED]
        for index in range(rng.randrange(1, 25)):
            kind = rng.choice(kinds)
            events.append(event(kind, f"r{index}", rng.choice([True, True, True, False, None])))
        doubled = list(itertools.chain.from_iterable((each, each) for each in events))
        assert standing_of(doubled) == standing_of(events)


def test_whatever_happens_a_bad_answer_is_followed_by_no_promotion_without_new_good_runs():
    rng = random.Random(11)
    for _ in range(300):
        events = [FUZZED]
        for index in range(30):
            kind = rng.choice([SHADOW, ANSWER, REPLAY, DRIFT])
            events.append(event(kind, f"r{index}", rng.random() < 0.9))
            at_end = standing_of([*events, event(ANSWER, "last", False)])
            assert at_end.status in (Status.QUARANTINED, Status.DISABLED)
            assert at_end.good == 0


def test_bounds_may_be_stricter():
    strict = Bounds(good_runs=10, floor=0.7)
    assert standing_of([FUZZED, *good_runs(9)], strict).status is Status.WATCHED
    assert standing_of([FUZZED, *good_runs(12)], strict).status is Status.PROMOTED


@pytest.mark.parametrize(
    ("good", "bad"), [(0, 0), (1, 0), (3, 0), (2.85, 0.9), (20, 3.3), (500, 500), (0, 5)]
)
def test_the_lower_bound_is_the_quantile_of_the_posterior(good, bad):
    stats = pytest.importorskip("scipy.stats")
    assert lower_bound(good, bad, 0.95) == pytest.approx(stats.beta.ppf(0.05, 1 + good, 1 + bad), abs=1e-9)


def test_time_is_no_evidence():
    late = [each.model_copy(update={"at": NOW + timedelta(days=900)}) for each in promoted()]
    assert standing_of(late).good == standing_of(promoted()).good
