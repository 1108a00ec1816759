"""Plan runs on a real journal whose process dies at a chosen moment, and a world that their steps change."""

import hashlib
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from skvm.evidence.journal import Journal
from skvm.runtime.plan.executor import execute
from skvm.runtime.plan.model import PlanStarted, StepResult, StepState
from skvm.runtime.plan.recording import PlanLog, newest_run, standing_of
from skvm.runtime.plan.recording.files import digests_of

DIGEST = "d" * 64


class Killed(BaseException):
    """The process is gone: nothing of it is written any more."""


class MortalJournal(Journal):
    """A journal whose process can die: what it would write then is lost."""

    def __init__(self, path):
        super().__init__(path)
        self.is_dead = False
        self.appends = []

    async def append_all(self, records, parent=None):
        if self.is_dead:
            raise Killed
        records = list(records)
        self.appends.append([kind for kind, _ in records])
        return await super().append_all(records, parent)


class Everything:
    """A share of a machine without bounds."""

    def width(self, needs):
        return 64

    @asynccontextmanager
    async def held(self, needs):
        yield


def begun(plan_run="r1", *, work_dir="/w", resumed=False):
    return PlanStarted(
        plan_run=plan_run,
        plan_digest=DIGEST,
        skill="demo",
        skill_digest="0" * 64,
        work_dir=str(work_dir),
        jobs=4,
        nodes=0,
        resumed=resumed,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


class World:
    """Files in a folder; a step writes into its own what it reads, and into a list that it was done."""

    def __init__(self, folder):
        self.folder = folder
        self.effects = []

    def change(self, node):
        """What it reads and writes it changes in its place: adds its line, once if it may be repeated."""
        self.effects.append(node.id)
        read = [(self.folder / name).read_text() for name in node.reads if name not in node.writes]
        line = hashlib.sha256(f"{node.id}:{read}".encode()).hexdigest() + "\n"
        for name in node.writes:
            file = self.folder / name
            before = file.read_text() if name in node.reads else ""
            if line not in before or not node.is_idempotent:
                file.write_text(before + line)

    def files(self):
        return {path.name: path.read_text() for path in sorted(self.folder.iterdir())}


async def live(path, graph, world, dies_at=None, *, done=(), repeat=()):
    """One process: goes on with what is on record; dies at the so-manyth moment, if it comes.

    Returns what was finished as it began, and the report, ``None`` if it died.
    """
    moments = 0

    async with MortalJournal(path) as journal:

        def moment():
            nonlocal moments
            moments += 1
            if moments - 1 == dies_at:
                journal.is_dead = True
                raise Killed

        async def do(node):
            moment()
            world.change(node)
            moment()
            return StepResult(StepState.DONE, digests=digests_of(world.folder, node.writes))

        earlier = await newest_run(journal, DIGEST, str(world.folder))
        standing = standing_of(graph, earlier, world.folder, done=done, repeat=repeat)
        started = begun(work_dir=world.folder, resumed=earlier is not None)
        try:
            async with PlanLog.open(
                journal,
                started,
                parent=earlier.record if earlier else None,
                attempts=earlier.attempts if earlier else None,
            ) as log:
                for name in standing.said:
                    await log.finished(graph.nodes[name], standing.finished[name], 0.0)
                report = await execute(graph, do, share=Everything(), log=log, finished=standing.finished)
                log.ended(report)
        except BaseException as error:
            if not journal.is_dead or not _is_killed(error):
                raise
            return standing, None
        return standing, report


async def live_to_the_end(path, graph, world):
    """Processes that live, and a person who knows what became of the steps that are uncertain.

    Gives what the first of them found; ``None`` where a step cannot be run again although it may be.
    """
    standing, report = await live(path, graph, world)
    while uncertain := report.of(StepState.UNCERTAIN):
        if any(graph.nodes[name].is_idempotent for name in uncertain):
            return None
        done = [name for name in uncertain if name in world.effects]
        again = [name for name in uncertain if name not in done]
        _, report = await live(path, graph, world, done=done, repeat=again)
    assert report.is_done
    return standing


def _is_killed(error):
    if isinstance(error, BaseExceptionGroup):
        return all(_is_killed(each) for each in error.exceptions)
    return isinstance(error, Killed)
