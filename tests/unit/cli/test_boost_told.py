"""What a run with boost says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from skvm.cli.boost_told import told_of
from skvm.evidence.journal import Journal
from skvm.evidence.record import Outcome, RunRecord
from skvm.runtime.boost.model import BoostEvent, Event
from tests.unit.runtime.boost.hitting.samples import candidate

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 5, 1, tzinfo=UTC)
RECORD = RunRecord(
    run_id="run-1",
    task_id="t",
    condition="original",
    model="fake/m",
    harness="pi",
    skill_id="totals",
    skill_digest="sha256:1",
    task_digest="sha256:t",
    outcome=Outcome.SCORED,
    score=1.0,
    started_at=NOW,
    finished_at=NOW,
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def told(tmp_path: Path, kind: Event, **more: object) -> tuple[str, ...]:
    fixed = {"run_id": "run-1", **more}
    event = BoostEvent(
        event=kind,
        skill_id="totals",
        skill_digest="sha256:1",
        model="fake/m",
        harness="pi",
        purpose_id="city-totals",
        template_digest=candidate().digest,
        at=NOW,
        **fixed,
    )
    async with Journal(tmp_path / "journal.sqlite") as journal:
        await journal.append("boost", event)
        return await told_of(journal, RECORD)


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        (
            Event.ANSWERED,
            {"is_good": True, "match_ms": 2.0, "step_ms": 80.4},
            "model's place in 82 ms",
        ),
        (Event.ANSWERED, {"is_good": False, "reason": "input: x"}, "gave the step back: input: x"),
        (Event.DRIFTED, {"reason": "other columns"}, "another form: other columns"),
        (Event.SHADOWED, {"is_good": True}, "does what the model did"),
        (Event.SHADOWED, {"is_good": False, "reason": "a.json differs"}, "something else: a.json differs"),
        (Event.COMPILED, {"run_id": None}, "learnt city-totals; `skvm boost show totals city-totals`"),
    ],
)
async def test_each_thing_that_happens_is_said(tmp_path, kind, more, said):
    (line,) = await told(tmp_path, kind, **more)
    assert said in line


async def test_other_runs_are_their_own_business(tmp_path):
    (line,) = await told(tmp_path, Event.ANSWERED, run_id="run-0", is_good=True)
    assert line == "nothing it knows, and nothing it could learn"
