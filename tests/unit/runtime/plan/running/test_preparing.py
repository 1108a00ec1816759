"""What a run begins with, given what is on record and what was merged when a process was killed."""

import hashlib
from datetime import UTC, datetime

import anyio

from skvm.compiler.plans.plan import Plan
from skvm.evidence.journal import Journal
from skvm.runtime.plan.model import STARTED_KIND, PlanStarted, Target
from skvm.runtime.plan.running.preparing import Prepared, prepare
from skvm.runtime.plan.running.request import PlanRequest
from skvm.runtime.plan.running.source import PlanSource, digest_of_plan
from tests.unit.cli.plans import plan, step


def test_what_a_killed_process_had_merged_is_not_done_again(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "notes.md").write_text("one line\n")
    merged = {"1.1": {"notes.md": hashlib.sha256(b"one line\n").hexdigest()}}
    made = Plan.model_validate(plan(step("1.1", writes=["notes.md"]), step("1.2", writes=["other.md"])))
    source = PlanSource(made, tmp_path, tmp_path)
    request = PlanRequest(source, work, jobs=1, target=Target("some/model", "bare-agent"), arm="parallel")
    started = PlanStarted(
        plan_run="r1",
        plan_digest=digest_of_plan(made, None),
        skill=made.skill,
        skill_digest=made.skill_digest,
        work_dir=str(work),
        jobs=1,
        nodes=2,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
    )

    async def begin() -> Prepared:
        async with Journal(tmp_path / "journal.sqlite") as journal:
            await journal.append(STARTED_KIND, started)
            return await prepare(request, journal, merged=merged)

    prepared = anyio.run(begin)
    assert prepared.earlier is not None
    assert prepared.standing.said == ("1.1",)
    assert [node.id for node in prepared.pending] == ["1.2"]
