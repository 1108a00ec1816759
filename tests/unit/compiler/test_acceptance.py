"""Measured acceptance: paired, interleaved, resumable; a variant stands only if shown to be no worse."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.cli.main import run
from skvm.compiler.acceptance.evals import criterion_of, eval_tasks
from skvm.compiler.acceptance.trials import TEMPERATURE, Trial, TrialTask, check_tasks, run_trial
from skvm.compiler.acceptance.verdict import MIN_PAIRS, Acceptance, Bound, bound_of, judge, losses_of
from skvm.compiler.asking.tasks import TrialTasks, tasks_of
from skvm.compiler.builds.proof_checking import check_variant
from skvm.compiler.driver import CompileResult, compile_skill
from skvm.errors import FindingsError, UsageError
from skvm.evaluate.bench import open_bench
from skvm.evidence.record import Outcome, RunRecord, Usage
from skvm.harness.contract import Facility, RunContext
from skvm.harness.fake import FakeSandbox, ScriptedSession, registered_fake
from skvm.harness.trajectory import Trajectory
from skvm.llm.contract import CallScope
from skvm.settings import Settings, load_settings
from skvm.skill.ir import Skill
from skvm.task.model import Criterion, Task
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill

BODY = "Orders: `orders.csv` with the columns `item`, `price`.\n\nCalculate the average `price`.\n"
MARK = "scripts/calc.py"


@dataclass
class Agent:
    """Does a task right as often as the skill it was given lets it; a simulated processor without a model.

    Args:
        original: Share of seeds (of 10) it is right with the original.
        variant: The same with the variant.
        outcome: How it says it ended.
        seen: Whether each run had the variant, with its seed.
    """

    original: int = 10
    variant: int = 10
    outcome: Outcome = Outcome.SCORED
    seen: list[tuple[bool, int | None]] = field(default_factory=list)
    temperatures: set[float] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    @property
    def facilities(self) -> frozenset[Facility]:
        return frozenset(Facility)

    async def run(self, context: RunContext) -> Trajectory:
        is_variant = context.skill is not None and MARK in context.skill.content
        self.seen.append((is_variant, context.seed))
        self.temperatures.add(context.temperature)
        self.files |= {entry.name for entry in await context.cell.list()}
        if (context.seed or 0) % 10 < (self.variant if is_variant else self.original):
            await context.cell.write("out.txt", b"right\n")
        return Trajectory(harness="fake", model=context.model_id, prompt=context.prompt, outcome=self.outcome)


class Port:
    @asynccontextmanager
    async def session(
        self, scope: CallScope, *, deadline_s: float | None = None
    ) -> AsyncIterator[ScriptedSession]:
        yield ScriptedSession(["done"], scope=scope, usage=Usage(input_tokens=7, calls=1))


def settings_in(folder: Path) -> Settings:
    return load_settings(cache_dir=str(folder / "cache"), tmp_dir=str(folder / "tmp"), env={})


def task(name: str = "t1", expected: str = "right") -> Task:
    check = Criterion(
        method="file-check", options={"path": "out.txt", "mode": "contains", "expected": expected}
    )
    return Task(id=name, prompt="Do it.", eval=(check,))


def trial_of(folder: Path, pairs: int, *tasks: Task, **changes: Any) -> Trial:
    original = make_skill(folder, BODY)
    made = replace(original, source=original.source + f"\nRun {MARK}.\n".encode())
    held = [TrialTask(found) for found in tasks or (task(),)]
    return replace(Trial(original, made, held, pairs, "fake/m", "fake"), **changes)


def measure(
    folder: Path, trial: Trial, agent: Agent, on_done: Callable[[RunRecord], None] = lambda _: None
) -> Acceptance:
    async def work() -> Acceptance:
        with registered_fake(agent):
            async with open_bench(settings_in(folder), sandbox=FakeSandbox(), port=Port()) as bench:
                return await run_trial(trial, bench, on_done)

    return anyio.run(work)


# The verdict


@pytest.mark.parametrize(
    ("bound", "pairs", "best", "lost", "expected"),
    [
        ((-0.05, 0.2), 10, 1.0, (), "kept"),
        ((-0.1, 0.2), 10, 1.0, (), "undecided"),
        ((-0.3, 0.2), 10, 1.0, (), "undecided"),
        ((-0.3, -0.01), 10, 1.0, (), "worse"),
        ((-0.05, 0.2), MIN_PAIRS - 1, 1.0, (), "undecided"),
        ((0.0, 0.0), 10, 0.0, (), "undecided"),
        ((0.5, 0.9), 10, 1.0, ("a heading",), "worse"),
        (None, 10, 1.0, (), "undecided"),
    ],
)
def test_the_verdict(
    bound: tuple[float, float] | None, pairs: int, best: float, lost: Sequence[str], expected: str
) -> None:
    held = Bound(low=bound[0], high=bound[1], method="bca", over="tasks") if bound else None
    assert judge(held, scored_pairs=pairs, best=best, lost=lost)[0] == expected


def test_pairs_that_all_differ_alike_are_bounded_by_their_number() -> None:
    few = bound_of({"a": [1.0] * 3}, {"a": [0.0] * 3})[1]
    many = bound_of({"a": [1.0] * 30}, {"a": [0.0] * 30})[1]
    worse = bound_of({"a": [0.0] * 30}, {"a": [1.0] * 30})[1]
    assert few is not None
    assert many is not None
    assert worse is not None
    assert few.method == many.method == "exact"
    assert few.low < 0 < many.low < few.high == many.high == 1
    assert worse.high < 0
    assert bound_of({}, {}) == (bound_of({}, {})[0], None)


# The runs


def test_a_variant_that_is_no_worse_is_kept(tmp_path: Path) -> None:
    agent = Agent(original=5, variant=10)
    accepted = measure(tmp_path, trial_of(tmp_path, 10), agent)
    assert accepted.verdict == "kept"
    assert accepted.difference == pytest.approx(0.5)
    assert (accepted.original.runs, accepted.variant.runs, accepted.scored_pairs) == (10, 10, 10)
    assert (accepted.original.mean, accepted.variant.mean) == (0.5, 1.0)
    assert accepted.seeds == tuple(range(10))
    assert accepted.tasks[0].variant == (1.0,) * 10
    assert agent.temperatures == {TEMPERATURE}


def test_the_order_turns_round_and_seeds_are_shared(tmp_path: Path) -> None:
    agent = Agent()
    measure(tmp_path, trial_of(tmp_path, 4, task("a"), task("b")), agent)
    assert agent.seen == [
        (False, 0), (True, 0), (True, 0), (False, 0),
        (False, 1), (True, 1), (True, 1), (False, 1),
    ]  # fmt: skip


def test_a_variant_that_is_worse_is_not_kept(tmp_path: Path) -> None:
    accepted = measure(tmp_path, trial_of(tmp_path, 20), Agent(original=10, variant=2))
    assert accepted.verdict == "worse"
    assert accepted.interval is not None
    assert accepted.interval.high < 0


def test_too_few_runs_decide_nothing(tmp_path: Path) -> None:
    assert measure(tmp_path, trial_of(tmp_path, 2), Agent()).verdict == "undecided"


def test_noise_decides_nothing(tmp_path: Path) -> None:
    assert measure(tmp_path, trial_of(tmp_path, 10), Agent(original=6, variant=5)).verdict == "undecided"


def test_tasks_nobody_can_do_decide_nothing(tmp_path: Path) -> None:
    assert measure(tmp_path, trial_of(tmp_path, 6), Agent(0, 0)).verdict == "undecided"


def test_what_was_lost_outweighs_every_score(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, 4, lost=("a code block would change or go",))
    assert measure(tmp_path, trial, Agent(0, 10)).verdict == "worse"


def test_a_time_out_counts_as_nothing_and_a_failed_harness_not_at_all(tmp_path: Path) -> None:
    late = measure(tmp_path / "a", trial_of(tmp_path, 3), Agent(outcome=Outcome.TIMED_OUT))
    assert (late.variant.mean, late.variant.outcomes) == (0.0, {"timed_out": 3})
    broken = measure(tmp_path / "b", trial_of(tmp_path, 3), Agent(outcome=Outcome.HARNESS_FAILED))
    assert (broken.scored_pairs, broken.difference, broken.verdict) == (0, None, "undecided")


def test_a_trial_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    done: list[str] = []

    def stop(record: RunRecord) -> None:
        done.append(record.run_id)
        if len(done) == 5:
            raise StopError

    with pytest.raises(StopError):
        measure(tmp_path, trial_of(tmp_path, 6), Agent(), stop)
    rest = Agent()
    resumed = measure(tmp_path, trial_of(tmp_path, 6), rest)
    assert len(rest.seen) == 12 - 5
    again = Agent()
    assert measure(tmp_path, trial_of(tmp_path, 6), again) == resumed
    assert again.seen == []
    more = Agent()
    assert measure(tmp_path, trial_of(tmp_path, 8), more).pairs == 8
    assert len(more.seen) == 4


def test_what_a_skill_is_graded_by_is_not_shown(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, 3)
    seen = make_skill(tmp_path, BODY, evals__evals_dot_json="{}", notes_dot_md="n")
    agent = Agent()
    measure(tmp_path, replace(trial, original=seen, variant=seen), agent)
    assert "notes.md" in agent.files
    assert "evals" not in agent.files


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        ([Task(id="t", prompt="p")], "no criterion"),
        ([Task(id="t", prompt="p", eval=(Criterion(method="nobody"),))], "no criterion"),
        ([Task(id="t", prompt="p", eval=(Criterion(method="file-check"),))], "SKV312"),
        ([task("t"), task("t")], "two tasks"),
    ],
)
def test_tasks_that_cannot_be_graded_are_refused(tasks: list[Task], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        check_tasks([TrialTask(found) for found in tasks])


# The variant folder


def verdict(result: CompileResult, name: str) -> Acceptance:
    return Acceptance(
        verdict=name,  # type: ignore[arg-type]
        reason="as told",
        pairs=3,
        original_digest=result.proof["skill"],
        variant_digest=result.proof["variant"],
        model=MODEL,
        harness=HARNESS,
    )


def compile_in(
    folder: Path, skill: Skill, accepted: Callable[[CompileResult], Acceptance] | None = None
) -> CompileResult:
    async def work() -> CompileResult:
        about: dict[str, Any] = {
            "model": MODEL,
            "harness": HARNESS,
            "profile": make_profile("L1"),
            "settings": settings_in(folder),
        }
        proposed = await compile_skill(skill, dry_run=True, **about)
        if accepted is None:
            return proposed
        return await compile_skill(skill, acceptance=accepted(proposed), **about)

    return anyio.run(work)


@pytest.mark.parametrize("name", ["undecided", "worse"])
def test_a_variant_that_is_not_accepted_leaves_the_original(tmp_path: Path, name: str) -> None:
    skill = make_skill(tmp_path, BODY)
    result = compile_in(tmp_path, skill, lambda proposed: verdict(proposed, name))
    place = result.variant
    assert place is not None
    assert (place / "SKILL.md").read_bytes() == skill.source
    assert not (place / MARK).exists()
    assert json.loads((place / "acceptance.json").read_text())["verdict"] == name
    assert json.loads((place / "meta.json").read_text())["provenance"]["acceptance"] == name
    proof = json.loads((place / "proof.json").read_text())
    assert proof["edits"] == []
    assert proof["acceptance"]["record"]["verdict"] == name
    assert len(proof["acceptance"]["refusedEdits"]) == 1
    assert result.is_unchanged
    assert "SKV256" in {found.code for found in result.diagnostics}
    assert check_variant(place, skill=skill).findings == ()


def test_a_variant_that_is_accepted_stands(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, BODY)
    result = compile_in(tmp_path, skill, lambda proposed: verdict(proposed, "kept"))
    assert result.variant is not None
    assert MARK in (result.variant / "SKILL.md").read_text()
    assert (result.variant / MARK).is_file()
    assert result.proof["acceptance"]["refusedEdits"] == []
    assert check_variant(result.variant, skill=skill).findings == ()


def test_a_verdict_on_another_variant_is_refused(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, BODY)
    with pytest.raises(FindingsError, match="SKV255"):
        compile_in(
            tmp_path,
            skill,
            lambda proposed: verdict(proposed, "kept").model_copy(update={"variant_digest": "sha256:0"}),
        )
    assert not list((tmp_path / "cache").rglob("meta.json"))


def test_a_compile_loses_nothing_it_must_keep(tmp_path: Path) -> None:
    result = compile_in(tmp_path, make_skill(tmp_path, BODY))
    assert not result.is_unchanged
    assert losses_of(result.pipeline) == ()
    (step,) = result.pipeline.steps
    other = make_skill(tmp_path, "Something else.\n", front="name: other\ndescription: Other.\n")
    spoilt = replace(result.pipeline, skill=other)
    assert step.edits
    assert losses_of(spoilt)


# Derived tasks


@pytest.mark.parametrize(
    ("assertion", "mode", "expected"),
    [
        ("The output includes a file named report.md", "contains", ""),
        ("`out/report.json` exists", "contains", ""),
        ("report.md contains 'Total: 12'", "contains", "Total: 12"),
        ("The file `data.json` is valid JSON", "json-schema", {}),
        ("notes.txt has exactly 3 lines.", "regex", r"\A(?:[^\n]*\n){2}[^\n]+\n?\Z"),
        ('The file notes.txt starts with "# Notes"', "regex", r"\A\#\ Notes"),
        ({"method": "file-check", "path": "a", "mode": "contains", "expected": "b"}, "contains", "b"),
        ({"text": "`a.txt` exists"}, "contains", ""),
    ],
)
def test_assertions_of_plain_forms_become_criteria(assertion: Any, mode: str, expected: Any) -> None:
    found = criterion_of(assertion)
    assert found is not None
    assert (found.options["mode"], found.options["expected"]) == (mode, expected)


@pytest.mark.parametrize(
    "assertion",
    [
        "Both axes are labeled",
        "The chart shows exactly 3 months",
        "The output is a good summary",
        3,
        {"x": 1},
    ],
)
def test_other_assertions_become_none(assertion: Any) -> None:
    assert criterion_of(assertion) is None


def evals(*cases: dict[str, Any]) -> str:
    return json.dumps({"skill_name": "sample", "evals": list(cases)})


def test_test_cases_become_tasks_with_their_files(tmp_path: Path) -> None:
    good = {
        "id": 1,
        "prompt": "Sum data/sales.csv into out.txt",
        "files": ["evals/files/sales.csv", "evals/files/more.csv"],
        "assertions": ["out.txt contains '12'", "It looks nice"],
    }
    vague = {"prompt": "Make it nice", "assertions": ["It looks nice"]}
    gone = {**good, "files": ["evals/files/none.csv"]}
    skill = make_skill(
        tmp_path,
        BODY,
        evals__evals_dot_json=evals(good, vague, gone, {"prompt": "x"}),
        evals__files__sales_dot_csv="a\n12\n",
        evals__files__more_dot_csv="b\n",
    )
    found = eval_tasks(skill)
    (made,) = found.tasks
    assert made.fixtures == {"data/sales.csv": "a\n12\n", "more.csv": "b\n"}
    assert len(made.criteria) == 1
    assert (len(found.skipped), found.ungraded) == (3, 1)
    check_tasks([TrialTask(made)])


@pytest.mark.parametrize("text", ["{", "[]", '{"evals": 3}'])
def test_broken_test_cases_are_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"evals/evals\.json"):
        eval_tasks(make_skill(tmp_path, BODY, evals__evals_dot_json=text))


def test_a_skill_without_test_cases_makes_no_tasks(tmp_path: Path) -> None:
    assert eval_tasks(make_skill(tmp_path, BODY)).tasks == ()


def invented(**changes: Any) -> TrialTasks:
    check = {"path": "out.txt", "mode": "contains", "expected": "12"}
    value = {"prompt": "Write the sum of a.csv into out.txt.", "checks": [check], **changes}
    return TrialTasks.model_validate({"tasks": [value]})


def test_invented_tasks_can_be_graded(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, BODY)
    (made,) = tasks_of(skill, invented(files=[{"path": "a.csv", "text": "5\n7\n"}]))
    check_tasks([TrialTask(made, "model")])
    assert made.fixtures == {"a.csv": "5\n7\n"}


@pytest.mark.parametrize(
    "changes",
    [
        {"files": [{"path": "../a.csv", "text": ""}]},
        {"files": [{"path": "/etc/a", "text": ""}]},
        {"files": [{"path": "_setup.sh", "text": "rm -rf ."}]},
        {"files": [{"path": "out.txt", "text": "12"}]},
        {"checks": [{"path": "../x", "mode": "contains", "expected": "1"}]},
        {"checks": [{"path": "x", "mode": "regex", "expected": "("}]},
    ],
)
def test_invented_tasks_that_prove_nothing_or_reach_out_are_left_out(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    assert tasks_of(make_skill(tmp_path, BODY), invented(**changes)) == ()


# The command


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_skill(tmp_path, BODY)
    profile = make_profile("L1").model_copy(update={"model": "fake/m", "harness": "fake"})
    (tmp_path / "profile.json").write_text(profile.model_dump_json(by_alias=True))
    route = {
        "match": "fake/*",
        "kind": "openai-compatible",
        "baseUrl": "http://127.0.0.1:9/v1",
        "apiKey": "k",
    }
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
    folder = tmp_path / "t1"
    folder.mkdir()
    check = {"method": "file-check", "path": "out.txt", "mode": "contains", "expected": "right"}
    (folder / "task.json").write_text(json.dumps({"id": "t1", "prompt": "Do it.", "eval": [check]}))
    return tmp_path


def accept(place: Path, agent: Agent, *more: str) -> int:
    with registered_fake(agent):
        return run(
            [
                "aot-compile",
                f"--skill={place / 'sample'}",
                "--model=fake/m",
                "--adapter=fake",
                f"--profile={place / 'profile.json'}",
                f"--skvm-cache={place / 'cache'}",
                "--accept=6",
                *more,
            ]
        )


def test_the_command_keeps_and_refuses(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = f"--tasks={place / 't1'}"
    variant = place / "cache/proposals/aot-compile/fake/fake--m/sample/p1"
    assert accept(place, Agent(2, 10), tasks) == 0
    assert json.loads((variant / "acceptance.json").read_text())["verdict"] == "kept"
    assert MARK in (variant / "SKILL.md").read_text()
    # The same command again runs nothing: the journal knows all of it.
    again = Agent()
    assert accept(place, again, tasks) == 0
    assert again.seen == []
    frozen = Agent()
    assert accept(place, frozen, tasks, "--frozen", "--force") == 0
    assert frozen.seen == []
    (place / "cache/log/journal.sqlite").unlink()
    capsys.readouterr()
    assert accept(place, Agent(10, 2), tasks, "--force") == 0
    assert json.loads((variant / "acceptance.json").read_text())["verdict"] in {"undecided", "worse"}
    assert MARK not in (variant / "SKILL.md").read_text()
    assert "SKV256" in capsys.readouterr().out


def test_the_command_names_the_way_out_without_tasks(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = Agent()
    assert accept(place, agent) == 1
    assert "--tasks" in capsys.readouterr().err
    assert agent.seen == []
    assert not (place / "cache/proposals").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--dry-run"], "exclude each other"),
        (["--accept=0", "--tasks=t1"], "--tasks is for --accept"),
        (["--tasks=nowhere"], "there is no task"),
    ],
)
def test_flags_that_do_not_go_together(
    place: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = Agent()
    assert accept(place, agent, *more) == 2
    assert said in capsys.readouterr().err
    assert agent.seen == []
