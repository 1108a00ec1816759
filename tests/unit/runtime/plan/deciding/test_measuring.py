from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.evidence.journal import Journal
from skvm.runtime.plan.deciding.history import history_of
from skvm.runtime.plan.deciding.measuring import measured_groups, unit_seconds
from skvm.runtime.plan.model import MEASURED_KIND, PlanStarted, StepFinished, StepState, Target
from tests.unit.runtime.plan.test_instancing import command, plan, step

GROUPS = (
    {"id": "g1", "type": "ilp", "steps": ["1.1", "1.2"]},
    {
        "id": "g2",
        "type": "dlp",
        "steps": ["1.3"],
        "items": {"kind": "glob", "over": "in/*", "output": "out/{name}"},
    },
)
PLAN = plan(command("1.1", "a"), command("1.2", "b"), step("1.3", kind="write"), groups=GROUPS)
STARTED = PlanStarted(
    plan_run="r1",
    plan_digest="d",
    skill="a-skill",
    skill_digest="s",
    model="local/x",
    harness="bare-agent",
    work_dir="/w",
    jobs=2,
    nodes=3,
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def ended(node: str, began_s: float, end_s: float, **more: Any) -> StepFinished:
    given = {"state": StepState.DONE, "started_s": began_s, "ended_s": end_s}
    return StepFinished.model_validate({"plan_run": "r1", "node": node, **given, **more})


ROWS = [
    ended("1.1", 0.0, 2.0),
    ended("1.2", 0.5, 3.0),
    ended("1.3[in/a]", 3.0, 4.0, parent="1.3"),
    ended("1.3[in/b]", 3.5, 5.0, parent="1.3"),
    ended("1.3", 3.0, 5.0),
]


def test_agents_that_became_one_tell_of_the_group_they_stand_for():
    (found,) = measured_groups(PLAN, STARTED, [ended("1.1+1.2", 1.0, 4.0)], fused=("g1",))
    assert (found.group, found.arm, found.units, found.wall_s) == ("g1", "serial", 2, 3.0)
    # What it did for other steps cannot be told from what it did for these.
    assert measured_groups(PLAN, STARTED, [ended("1.0+1.1+1.2", 1.0, 4.0)], fused=("g1",)) == ()
    assert measured_groups(PLAN, STARTED, [ended("1.1", 1.0, 4.0)], fused=("g1",)) == ()


def test_a_group_takes_the_time_in_which_one_of_it_was_under_way():
    first, second = measured_groups(PLAN, STARTED, ROWS)
    assert (first.group, first.arm, first.units, first.wall_s, first.work_s) == (
        "g1",
        "parallel",
        2,
        3.0,
        4.5,
    )
    assert (second.group, second.units, second.wall_s, second.work_s) == ("g2", 2, 2.0, 2.5)
    assert (first.model, first.harness, first.skill_digest) == ("local/x", "bare-agent", "s")


def test_a_map_that_one_agent_did_counts_its_items():
    row = ended("1.3", 3.0, 5.0)
    (found,) = measured_groups(PLAN, STARTED, [row], fused={"g2"}, counts={"1.3": 4})
    assert (found.group, found.arm, found.units, found.wall_s) == ("g2", "serial", 4, 2.0)
    assert measured_groups(PLAN, STARTED, [row], fused={"g2"}) == ()


def test_a_gap_between_members_is_not_theirs():
    rows = [ended("1.1", 0.0, 1.0), ended("1.2", 5.0, 6.0)]
    (found,) = measured_groups(PLAN, STARTED, rows, fused={"g1"})
    assert (found.arm, found.wall_s) == ("serial", 2.0)


@pytest.mark.parametrize(
    "row",
    [
        ended("1.2", 0.5, 3.0, state=StepState.FAILED),
        ended("1.2", 0.5, 3.0, attempt=2),
        ended("1.2", 0.0, 3.0, state=StepState.CANCELLED, started_s=None),
    ],
)
def test_a_group_that_did_not_go_well_says_nothing(row: StepFinished):
    assert [found.group for found in measured_groups(PLAN, STARTED, [ROWS[0], row, *ROWS[2:]])] == ["g2"]


def test_a_unit_takes_what_its_items_take_on_average():
    assert unit_seconds(ROWS) == {"1.1": 2.0, "1.2": 2.5, "1.3": 1.25}


def test_history_is_kept_by_target_and_makes_the_forecast(tmp_path: Path):
    async def go() -> None:
        async with Journal(tmp_path / "j.db") as journal:
            for record in measured_groups(PLAN, STARTED, ROWS, fused={"g1", "g2"}):
                await journal.append(MEASURED_KIND, record)
            known = await history_of(journal, "s", Target("local/x", "bare-agent"))
            other = await history_of(journal, "s", Target("local/y", "bare-agent"))
        assert not other.runs
        assert set(known.runs) == {"g1", "g2"}
        first, second = known.forecast(PLAN).groups
        assert first.forecast is not None
        assert second.forecast is not None
        assert (first.forecast.basis, first.forecast.serial_s) == ("measured", 4.5)
        assert (second.forecast.basis, second.forecast.serial_s) == ("measured", 2.5)
        decisions = known.decisions(PLAN)
        assert decisions["g1"].reason == "tried both ways first: 0 runs at once, 1 in a row"
        assert other.decisions(PLAN)["g2"].arm == "parallel"

    anyio.run(go)
