"""Runs of a scripted model in a built-in harness, with boost on, recorded as runs are."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from skvm.evidence.blobs import BlobStore
from skvm.evidence.journal import Journal
from skvm.evidence.record import Outcome, RunRecord, RunStarted
from skvm.harness.contract import HARNESSES, RunContext
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.hooks import HookRun, Hooks
from skvm.harness.trajectory import Trajectory
from skvm.runtime.boost.hook import Boost, Mode
from skvm.runtime.boost.library import Library

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SKILL = ("sums", "sha256:s")


def table(column: str, group: str, rows: Sequence[tuple[str, int]], mark: str = ",") -> str:
    lines = [f"id{mark}{group}{mark}{column}"]
    lines += [f"{number}{mark}{name}{mark}{value}" for number, (name, value) in enumerate(rows, 1)]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Chore:
    """Totals of one column by another, from a file to a file."""

    source: str
    group: str
    column: str
    target: str
    rows: tuple[tuple[str, int], ...] = (("a", 3), ("b", 4), ("a", 5), ("c", 9))
    mark: str = ","

    @property
    def prompt(self) -> str:
        return (
            f"Sum the column {self.column} of {self.source} for each {self.group} and write the totals as a"
            f" JSON object to {self.target}."
        )

    @property
    def files(self) -> dict[str, str]:
        return {self.source: table(self.column, self.group, self.rows, self.mark)}

    @property
    def code(self) -> str:
        delimiter = "" if self.mark == "," else f', delimiter="{self.mark}"'
        return (
            "import csv, json\ntotals = {}\n"
            f'with open("{self.source}", newline="") as file:\n'
            f"    for row in csv.DictReader(file{delimiter}):\n"
            f'        key = row["{self.group}"]\n'
            f'        totals[key] = totals.get(key, 0) + int(row["{self.column}"])\n'
            f'with open("{self.target}", "w") as file:\n    json.dump(totals, file)\n'
        )

    @property
    def totals(self) -> dict[str, int]:
        return {
            name: sum(value for each, value in self.rows if each == name) for name, _ in sorted(self.rows)
        }

    def score(self, work: Path) -> float:
        try:
            return float(json.loads((work / self.target).read_text()) == self.totals)
        except (OSError, ValueError):
            return 0.0


CHORES = (
    Chore("sales.csv", "region", "amount", "totals.json"),
    Chore("orders.csv", "customer", "price", "per_customer.json", (("x", 1), ("y", 2), ("x", 7))),
    Chore("hours.csv", "project", "minutes", "time.json", (("p", 10), ("q", 20), ("q", 2), ("r", 8))),
    Chore("stock.csv", "store", "units", "stock.json", (("s1", 5), ("s2", 6), ("s1", 7), ("s3", 1))),
    Chore("fees.csv", "branch", "fee", "fees.json", (("york", 5), ("hull", 6), ("york", 8))),
    Chore("fuel.csv", "vehicle", "litres", "fuel.json", (("van", 50), ("truck", 90), ("van", 8))),
)


def command(code: str) -> str:
    """What the model answers to have Python code run."""
    text = f"python3 - <<'EOF'\n{code}EOF"
    return json.dumps({"name": "execute_command", "arguments": {"command": text}})


@dataclass
class World:
    """A journal, a library, and runs."""

    library: Library
    journal: Journal
    place: Path
    model: str = "any/m"
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def blobs(self) -> BlobStore:
        return self.library.blobs

    async def do(
        self,
        chore: Chore,
        *,
        mode: Mode = "on",
        code: str | None = None,
        score: float | None = -1.0,
        shadow_every: int = 0,
        model: str | None = None,
    ) -> Done:
        """One run from its start to its record."""
        model = model or self.model
        run_id = f"20260102T0000{next(self.numbers):02}000-aaaaaa"
        work = self.place / run_id
        work.mkdir()
        for name, text in chore.files.items():
            (work / name).write_text(text)
        hooks = Hooks((Boost(self.library, mode, shadow_every),))
        hooks = hooks.of_run(HookRun(run_id, "sha256:t", model, "bare-agent", work, *SKILL))
        session = ScriptedSession([command(chore.code if code is None else code), "Done."])
        shared = {"run_id": run_id, "task_id": "t", "task_digest": "sha256:t", "condition": "jit-boost"}
        target = {"model": model, "harness": "bare-agent", "skill_id": SKILL[0], "skill_digest": SKILL[1]}
        start = await self.journal.start_run(RunStarted(**shared, **target, started_at=NOW))
        context = RunContext(
            prompt=chore.prompt,
            model_id=model,
            session=session,
            cell=FakeCell(work),
            work_dir=work,
            hooks=hooks,
        )
        trajectory = await HARNESSES.get("bare-agent")().run(context)
        record = RunRecord(
            **shared,
            **target,
            outcome=Outcome.SCORED,
            score=chore.score(work) if score == -1.0 else score,
            trajectory_digest=self.blobs.put(trajectory.model_dump_json(by_alias=True).encode()),
            started_at=NOW,
            finished_at=NOW,
        )
        others = [*await hooks.after_record(record), *await hooks.reflect(record)]
        await self.journal.finish_run(start, record, others)
        return Done(record, trajectory, work, len(session.requests), tuple(each for _, each in others))


@dataclass(frozen=True)
class Done:
    """A run that is over."""

    record: RunRecord
    trajectory: Trajectory
    work: Path
    asked: int
    others: tuple[object, ...]

    @property
    def is_boosted(self) -> bool:
        return self.trajectory.turns[0].from_hook

    @property
    def files(self) -> Mapping[str, bytes]:
        return {path.name: path.read_bytes() for path in self.work.iterdir() if path.is_file()}
