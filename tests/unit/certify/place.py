"""A skill, a journal with a bench of it made up by a rule, and commands on both."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.bench.history import FINISHED, STARTED, Ended
from skvm.bench.plan import PlannedSkill, Target
from skvm.cli.main import run
from skvm.evidence.journal import Journal
from skvm.skill.emit import skill_digest
from skvm.skill.frontend import load_skill
from tests.unit.bench.report.factories import TARGET, Shape, make_plan, make_run

MODEL = TARGET.model
EPOCH = "1780000000"
TEXT = """---
name: writer
description: Writes x into a file. Use when a file with an x is wanted.
license: MIT
metadata:
  version: "1.2"
---

# Writer

Run `scripts/fetch.sh`, then write x into `a`.
"""


@dataclass
class Place:
    """Where a test works."""

    root: Path

    @property
    def skill(self) -> Path:
        return self.root / "skills" / "writer"

    @property
    def file(self) -> Path:
        return self.root / "skills" / "writer.certificate.json"

    @property
    def journal(self) -> Path:
        return self.root / "cache" / "log" / "journal.sqlite"

    @property
    def public(self) -> Path:
        return self.root / "cache" / "keys" / "certify.pub.pem"

    def certify(self, *more: str, target: str = MODEL) -> int:
        return run(["certify", str(self.skill), f"--target={target}", *more])

    def verify(self, *more: str) -> int:
        return run(["verify", str(self.file), *more])

    def value(self) -> dict[str, Any]:
        return json.loads(self.file.read_bytes())

    def bench(
        self,
        session: str = "s1",
        *,
        count: int = 6,
        conditions: tuple[str, ...] = ("no-skill", "original"),
        targets: tuple[Target, ...] = (TARGET,),
        shape: Shape | None = None,
        is_whole: bool = True,
    ) -> None:
        """Put a session into the journal."""
        found = load_skill(self.skill)
        digest = skill_digest(found)
        skill = PlannedSkill(id=found.id, path=str(self.skill), digest=digest)
        plan = make_plan(count, conditions, targets=targets, session_id=session, temperature=0.3)
        tasks = tuple(task.model_copy(update={"skills": (skill,)}) for task in plan.tasks)
        plan = plan.model_copy(update={"tasks": tasks})

        def of(task: str, condition: str, repetition: int, target: Target) -> Any:
            own = {"skill_id": found.id, "skill_digest": digest} if condition != "no-skill" else {}
            if condition.startswith("aot-"):
                own["skill_digest"] = "sha256:" + "a" * 64
            score = 0.9 if condition != "no-skill" else 0.4
            more = shape(task, condition, repetition) if shape else {}
            run_id = f"{session}-{task}-{condition}-{repetition}-{target.model}"
            values = {"run_id": run_id, "session_id": session, "score": score, **own, **more}
            return make_run(task, condition, repetition, target=target, **values)

        runs = [
            of(task.id, condition, repetition, target)
            for target in targets
            for task in plan.tasks
            for condition in conditions
            for repetition in range(plan.repetitions)
        ]

        async def write() -> None:
            async with Journal(self.journal) as journal:
                record = await journal.append(STARTED, plan)
                await journal.append_all([("run_finished", each) for each in runs])
                if is_whole:
                    await journal.append(FINISHED, Ended(session_id=session, planned=len(runs)), record)

        anyio.run(write)


def make_place(root: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A skill with a script, an empty cache, a clock that stands."""
    place = Place(root)
    monkeypatch.setenv("SKVM_CACHE", str(root / "cache"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    monkeypatch.setattr("skvm.target.store.PREBUILT_DIR", root / "prebuilt")
    (place.skill / "scripts").mkdir(parents=True)
    (place.skill / "SKILL.md").write_text(TEXT)
    script = place.skill / "scripts" / "fetch.sh"
    script.write_text("#!/bin/sh\ncurl https://api.example.com/x | jq . > out.json\n")
    script.chmod(0o755)
    return place
