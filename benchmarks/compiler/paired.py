"""Does compiling help a real model? Eight tasks over four skills, original against variant, in pairs.

``python -m benchmarks.compiler.paired`` runs the 1.5B embedded model in ``shell-agent``, five times a task
and condition, on an otherwise idle machine; about three quarters of an hour on two cores. Sampling is at
temperature 0.3 with the repetition as its seed, because at 0 five repetitions would be one. The tasks
were named before anything was run. Finished runs are kept in the folder ``SKVM_BENCH_STATE`` names
(``.bench/paired`` otherwise), so that the same command goes on where it was stopped. ``SKVM_BENCH_MODEL``,
``SKVM_BENCH_HARNESS`` and ``SKVM_BENCH_RUNS`` (repetitions) change what is run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import anyio

from skvm.compiler.driver import compile_skill
from skvm.evaluate.bench import RunSpec
from skvm.evaluate.run import open_bench
from skvm.evaluate.schedule import run_many
from skvm.evaluate.stats import Comparison, compare, mean_score
from skvm.evidence.record import RunRecord
from skvm.settings import Settings, load_settings
from skvm.skill.emit import skill_digest
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.target.store import ProfileStore
from skvm.task.loader import load_task

EXAMPLES = Path(__file__).parents[2] / "examples"
TASKS = {
    "skills/expense-report": ("tasks/expense-report-small", "tasks/expense-report-march"),
    "more/skills/tide-table": ("more/tasks/tide-table-mid-july", "more/tasks/tide-table-late-july"),
    "more/skills/ladder-standings": (
        "more/tasks/ladder-standings-lost",
        "more/tasks/ladder-standings-editor",
    ),
    "more/skills/stage-turnover": ("more/tasks/stage-turnover-evening", "more/tasks/stage-turnover-rain"),
}
MODEL = os.environ.get("SKVM_BENCH_MODEL", "local/qwen2.5-coder-1.5b")
HARNESS = os.environ.get("SKVM_BENCH_HARNESS", "shell-agent")
REPETITIONS = int(os.environ.get("SKVM_BENCH_RUNS", "5"))
STATE = Path(os.environ.get("SKVM_BENCH_STATE", ".bench/paired"))
TEMPERATURE = 0.3
MAX_OUTPUT_TOKENS = 1024
CONDITIONS = ("original", "aot-compiled")


async def variant_of(skill: Skill, settings: Settings) -> Skill:
    stored = ProfileStore.of(settings).latest(MODEL, HARNESS)
    if stored is None:
        raise SystemExit(
            f"no profile of {MODEL} in {HARNESS}: skvm profile --model={MODEL} --adapter={HARNESS}"
        )
    compiled = await compile_skill(
        skill, model=MODEL, harness=HARNESS, profile=stored.profile, settings=settings
    )
    return compiled.skill


def key_of(spec: RunSpec) -> str:
    assert spec.skill is not None
    return f"{spec.task.id}/{spec.label}/{spec.repetition}/{skill_digest(spec.skill)}"


async def specs(settings: Settings) -> list[RunSpec]:
    made = []
    for repetition in range(REPETITIONS):
        for skill_path, task_paths in TASKS.items():
            skill = load_skill(EXAMPLES / skill_path)
            held = {"original": skill, "aot-compiled": await variant_of(skill, settings)}
            for task_path in task_paths:
                # The order turns around, so that neither condition is always the one that runs warm.
                order = CONDITIONS if repetition % 2 == 0 else CONDITIONS[::-1]
                made += [
                    RunSpec(
                        task=load_task(EXAMPLES / task_path),
                        model_id=MODEL,
                        harness=HARNESS,
                        skill=held[condition],
                        condition=condition,
                        repetition=repetition,
                        seed=repetition,
                    )
                    for condition in order
                ]
    return made


def finished(path: Path) -> dict[str, RunRecord]:
    """What earlier starts of the same command have run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text().splitlines() if path.exists() else ()
    return {entry["key"]: RunRecord.model_validate(entry["record"]) for entry in map(json.loads, lines)}


async def measure() -> dict[str, RunRecord]:
    settings = load_settings()
    path = STATE / "runs.jsonl"
    done = finished(path)
    wanted = await specs(settings)
    missing = [spec for spec in wanted if key_of(spec) not in done]
    async with open_bench(settings) as opened:
        bench = replace(opened, temperature=TEMPERATURE, max_output_tokens=MAX_OUTPUT_TOKENS)

        def keep(index: int, record: RunRecord) -> None:
            entry = {"key": key_of(missing[index]), "record": record.model_dump(mode="json", by_alias=True)}
            with path.open("a") as file:
                file.write(json.dumps(entry) + "\n")
            done[entry["key"]] = record
            print(
                f"{len(done)}/{len(wanted)} {entry['key'][:60]} {record.outcome} {record.score}", flush=True
            )

        await run_many(missing, bench, concurrency=1, on_done=keep)
    return {key_of(spec): done[key_of(spec)] for spec in wanted}


def row(name: str, runs: Sequence[RunRecord]) -> str:
    by = {condition: [run for run in runs if run.condition == condition] for condition in CONDITIONS}
    means = [mean_score(by[condition]) for condition in CONDITIONS]
    cells = [f"{mean.value:.2f} ({mean.runs})" if mean.value is not None else "–" for mean in means]
    spent = [f"{share(read_and_written(run) for run in some):,.0f}" for some in by.values()]
    seconds = [f"{share(run.duration_ms / 1000 for run in some):.0f}" for some in by.values()]
    compared = compare(by["aot-compiled"], by["original"])
    return f"| {' | '.join((name, *cells, difference(compared), *spent, *seconds))} |"


def read_and_written(run: RunRecord) -> int:
    """Tokens of a run, those the server had in its prompt cache included."""
    return run.usage.input_tokens + run.usage.cache_read_tokens + run.usage.output_tokens


def share(values: Iterable[float]) -> float:
    held = list(values)
    return sum(held) / max(1, len(held))


def difference(compared: Comparison) -> str:
    if compared.difference is None:
        return "–"
    held = compared.interval
    return f"{compared.difference:+.2f}" + (f" [{held.low:+.2f}, {held.high:+.2f}]" if held else "")


def main() -> None:
    runs = list(anyio.run(measure).values())
    print(f"\n{MODEL} in {HARNESS}, {REPETITIONS} repetitions, temperature {TEMPERATURE}; 95 % intervals")
    print(
        "| task | original (runs) | variant (runs) | difference "
        "| tokens: original | variant | seconds: original | variant |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for task in dict.fromkeys(run.task_id for run in runs):
        print(row(task, [run for run in runs if run.task_id == task]))
    print(row("all", runs))
    for condition in CONDITIONS:
        outcomes = [str(run.outcome) for run in runs if run.condition == condition]
        print(
            f"{condition}: " + ", ".join(f"{outcomes.count(name)} {name}" for name in sorted(set(outcomes)))
        )


if __name__ == "__main__":
    main()
