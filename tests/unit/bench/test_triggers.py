"""Trigger cases: read, derived, asked for, run by real harnesses, and judged."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.bench.situations import REPO, plan_of, settings_in, write_skill

from skvm.bench.history import attempts_of, counted, counts
from skvm.bench.plan import BenchPlan, PlannedSkill, PlannedTrigger, Target
from skvm.bench.triggering.running import MAX_STEPS, task_id_of, wish_of
from skvm.bench.triggers import (
    CONDITION,
    TriggerReport,
    derive_triggers,
    load_triggers,
    plan_triggers,
    report_triggers,
    trigger_report,
    trigger_specs,
)
from skvm.errors import FindingsError, UsageError
from skvm.evaluate.bench import open_bench
from skvm.evaluate.run import run_once
from skvm.evidence.record import Outcome, RunRecord, Usage
from skvm.harness.contract import SkillMode
from skvm.harness.fake import FakeSandbox
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from skvm.settings import Route, Settings
from skvm.skill.frontend import load_skill, parse_skill
from skvm.skill.ir import Skill

pytestmark = pytest.mark.anyio
A = PlannedSkill(id="a", path="/skills/a", digest="sha256:a")
B = PlannedSkill(id="b", path="/skills/b", digest="sha256:b")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def file_of(folder: Path, value: Any, name: str = "t.json") -> Path:
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def told(cases: tuple[PlannedTrigger, ...]) -> list[tuple[str, str, bool]]:
    return [(case.skill.id, case.prompt, case.should_trigger) for case in cases]


def skill_of(description: str, name: str = "demo") -> Skill:
    source = f"---\nname: {name}\ndescription: {json.dumps(description)}\n---\n\nDo it.\n"
    return parse_skill(source.encode(), id=name)


# Reading.


def test_a_list_of_prompts_is_read(tmp_path: Path):
    entries = [
        {"prompt": "  do a ", "should_trigger": True, "id": "First one!", "fixtures": {"x/y.txt": "1"}},
        {"query": "do b", "should_trigger": False},
        {"prompt": "do c", "shouldTrigger": True, "id": 7},
    ]
    for name in ("t.json", "t.yaml"):
        cases = load_triggers(file_of(tmp_path, entries, name), [A])
        assert told(cases) == [("a", "do a", True), ("a", "do b", False), ("a", "do c", True)]
        assert [cases[0].id, cases[2].id] == ["First-one", "7"]
        assert cases[0].fixtures == {"x/y.txt": "1"}
        assert len(cases[1].id) == 10
        assert {case.source for case in cases} == {"file"}


@pytest.mark.parametrize(
    "value",
    [
        {"skill": "b", "queries": [{"query": "q", "should_trigger": True}]},
        {"skill_name": "b", "triggers": [{"prompt": "q", "should_trigger": True}]},
        {"b": [{"prompt": "q", "should_trigger": True}]},
        [{"prompt": "q", "should_trigger": True, "skill": "/skills/b"}],
        {"skill": "a", "triggers": [{"prompt": "q", "should_trigger": True, "skill": "b"}]},
        {"skill_name": "b", "evals": [{"id": 1, "prompt": "q", "expected_output": "x", "files": []}]},
    ],
)
def test_every_form_names_its_skill(tmp_path: Path, value: Any):
    assert told(load_triggers(file_of(tmp_path, value), [A, B])) == [("b", "q", True)]


def test_what_is_said_twice_counts_once_and_ids_stay_apart(tmp_path: Path):
    entries = [
        {"prompt": "Do it", "should_trigger": True, "id": "x"},
        {"prompt": "do  it", "should_trigger": True, "id": "y"},
        {"prompt": "another", "should_trigger": True, "id": "x"},
        {"prompt": "a third", "should_trigger": False, "id": "x"},
    ]
    cases = load_triggers(file_of(tmp_path, entries), [A])
    assert [case.id for case in cases] == ["x", "x-2", "x-3"]


PROMPT = {"prompt": "p", "should_trigger": True}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ([], "no triggers"),
        ("7", "must be a list"),
        ('"x"', "must be a list"),
        ([7], "entry 1 is no object"),
        ([PROMPT, {"should_trigger": True}], "entry 2: prompt must be a text"),
        ([{**PROMPT, "prompt": " "}], "prompt must be a text"),
        ([{**PROMPT, "prompt": "a\0"}], "prompt must be a text"),
        ([{**PROMPT, "prompt": "x" * 20_001}], "over 20,000 characters"),
        ([{"prompt": "p"}], "should_trigger must be true or false"),
        ([{**PROMPT, "should_trigger": "yes"}], "should_trigger must be true or false"),
        ([{**PROMPT, "should_trigger": 1}], "should_trigger must be true or false"),
        ([{**PROMPT, "shoud_trigger": True}], "unknown key 'shoud_trigger'"),
        ([{**PROMPT, "expected_output": "x"}], "unknown key 'expected_output'"),
        ([{**PROMPT, "id": []}], "id must be"),
        ([{**PROMPT, "id": True}], "id must be"),
        ([{**PROMPT, "fixtures": []}, {**PROMPT, "fixtures": [1]}], "fixtures must be texts"),
        ([{**PROMPT, "fixtures": {"../x": ""}}], "leads out of the work directory"),
        ([{**PROMPT, "fixtures": {"/etc/x": ""}}], "leads out of the work directory"),
        ([{**PROMPT, "skill": "c"}], "names a skill that is not benched: 'c'"),
        ([{**PROMPT, "skill": ["a"]}], "names a skill that is not benched"),
        ({"c": [PROMPT]}, "neither a list of triggers nor a skill"),
        ({"triggers": [PROMPT], "skil": "a"}, "unknown key 'skil'"),
        ({"triggers": [PROMPT], "skill": 7}, "skill must be a text"),
        ([PROMPT, {**PROMPT, "should_trigger": False}], "should load it, and should not"),
        ([{**PROMPT, "prompt": f"p{index}"} for index in range(2001)], "over 2,000 triggers"),
    ],
)
def test_a_malformed_file_is_told(tmp_path: Path, value: Any, said: str):
    with pytest.raises(UsageError) as raised:
        load_triggers(file_of(tmp_path, value), [A])
    assert said in raised.value.message


def test_a_file_that_is_none_is_told(tmp_path: Path):
    (tmp_path / "bytes.json").write_bytes(b"\xff\xff")
    (tmp_path / "big.json").write_bytes(b" " * ((4 << 20) + 1))
    (tmp_path / "bomb.yaml").write_text("!!python/object/apply:os.system ['true']\n")
    for name in ("none.json", "bytes.json", "big.json", "bomb.yaml", "."):
        with pytest.raises(UsageError):
            load_triggers(tmp_path / name, [A])


def test_with_several_skills_an_entry_has_to_name_one(tmp_path: Path):
    with pytest.raises(UsageError, match="names no skill") as raised:
        load_triggers(file_of(tmp_path, [PROMPT]), [A, B])
    assert raised.value.help == "this bench has: a, b"


# Deriving.


def test_the_occasions_of_a_description_become_requests():
    skill = skill_of(
        "Turns a list of expenses into a report. Use it when somebody asks for an expense report, a "
        "reimbursement or the totals of a trip. Do not use it for invoices."
    )
    cases = derive_triggers(skill, A)
    assert [case.prompt for case in cases if case.should_trigger] == [
        "Please help me with an expense report.",
        "Please help me with a reimbursement.",
        "Please help me with the totals of a trip.",
        "Please turn a list of expenses into a report.",
    ]
    held = [case.prompt for case in cases if not case.should_trigger]
    assert held[0] == "I need help with invoices."
    assert len(held) == 6


@pytest.mark.parametrize(
    ("description", "prompt"),
    [
        ("Use when the user wants to merge two files.", "Can you merge two files?"),
        (
            "Use this skill if a customer asks whether an order is late.",
            "Can you tell me whether an order is late?",
        ),
        ("Use before scans are archived.", "What has to be done before scans are archived? Please do it."),
        ("Use for stock counts, or when a sheet is checked.", "I need help with stock counts."),
        ('Use when the user says "set up the tests" or "add e2e".', "set up the tests"),
        ("Use when building servers.", "I am building servers. Please do what is needed."),
        ("Copies the files.", "Please copy the files."),
        ("Goes through the log.", "Please go through the log."),
        ("Catches the faults.", "Please catch the faults."),
        ("Toolkit for themes.", "Please help me with this: Toolkit for themes."),
        ("处理表格。", "Please help me with this: 处理表格."),
    ],
)
def test_what_a_person_would_say(description: str, prompt: str):
    assert prompt in [
        case.prompt for case in derive_triggers(skill_of(description), A) if case.should_trigger
    ]


def test_near_misses_come_from_neighbours_that_share_words_but_not_the_purpose():
    skill = skill_of("Sums up the monthly fuel statement of the vehicles.")
    near = skill_of("Turns a list of expenses of an employee into a monthly report.", "near")
    same = skill_of("Sums up the fuel statement of vehicles.", "same")
    far = skill_of("Prints poems.", "far")
    cases = derive_triggers(skill, A, [far, same, near, skill])
    neighbours = [case.prompt for case in cases if case.source == "neighbour"]
    assert neighbours == ["Please turn a list of expenses of an employee into a monthly report."]


def test_every_example_gets_cases_of_both_kinds_and_always_the_same():
    folders = [REPO / "examples/skills/expense-report", *sorted((REPO / "examples/more/skills").iterdir())]
    skills = [load_skill(folder) for folder in folders]
    for skill in skills:
        cases = derive_triggers(skill, A, skills)
        assert sum(case.should_trigger for case in cases) >= 2
        assert sum(not case.should_trigger for case in cases) >= 4
        assert cases == derive_triggers(skill, A, skills[::-1])
        assert all(skill.name not in case.prompt for case in cases if case.should_trigger)


def test_a_description_that_says_nothing_gives_nothing():
    assert derive_triggers(skill_of(""), A) == ()


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_description_gives_cases_that_can_be_run(one: str, other: str):
    skills = [skill_of(text.encode("utf-8", "replace").decode()) for text in (one, other)]
    for case in derive_triggers(skills[0], A, skills):
        assert case.prompt.strip()
        assert case.prompt.isprintable()
        assert len(case.prompt) <= 320


def test_an_endless_description_gives_short_prompts():
    cases = derive_triggers(skill_of("use when you " * 100_000), A)
    assert all(len(case.prompt) <= 320 for case in cases)


# Asking.


def asking(settings: Settings, server: FakeServer) -> Settings:
    route = Route("fake/*", "openai-compatible", base_url=server.base_url, api_key="k-0123456789")
    return replace(settings, auto_probe=False, routes=(route,))


def planned(folder: Path) -> tuple[list[PlannedSkill], dict[str, Skill]]:
    skill = load_skill(folder)
    one = PlannedSkill(id=skill.id, path=str(folder), digest="sha256:1")
    return [one, one], {one.path: skill}


async def test_a_model_adds_cases_once_and_never_contradicts(tmp_path: Path):
    folder = write_skill(
        tmp_path, "tides", front="name: tides\ndescription: Use when somebody asks for tides.\n"
    )
    says = {
        "should_trigger": ["When is high water?", "  ", "x" * 2000, "Please help me with tides."],
        "should_not_trigger": ["when is HIGH water?", "Where is the school?", "a\0b"],
    }
    async with FakeServer([FakeAnswer(json.dumps(says))]) as server:
        settings = asking(settings_in(tmp_path), server)
        cases = await plan_triggers(settings, "auto", *planned(folder), compiler_model="fake/adviser")
        again = await plan_triggers(settings, "auto", *planned(folder), compiler_model="fake/adviser")
        assert len(server.requests) == 1
    assert cases == again
    added = [(case.prompt, case.should_trigger) for case in cases if case.source == "model"]
    assert added == [("When is high water?", True), ("Where is the school?", False)]


async def test_a_model_that_gives_no_answer_is_told(tmp_path: Path):
    folder = write_skill(tmp_path, "tides")
    async with FakeServer([FakeAnswer("no")]) as server:
        settings = asking(settings_in(tmp_path), server)
        with pytest.raises(FindingsError):
            await plan_triggers(settings, "auto", *planned(folder), compiler_model="fake/adviser")


async def test_a_plan_needs_a_skill_that_says_something(tmp_path: Path):
    settings = settings_in(tmp_path)
    with pytest.raises(UsageError, match="needs a skill"):
        await plan_triggers(settings, "auto", [], {})
    folder = write_skill(tmp_path, "mute", front="name: mute\n")
    with pytest.raises(UsageError, match="mute"):
        await plan_triggers(settings, "auto", *planned(folder))
    path = file_of(tmp_path, [PROMPT])
    assert told(await plan_triggers(settings, str(path), *planned(folder))) == [("mute", "p", True)]


# Running.


def case_of(skill: PlannedSkill, prompt: str, *, wish: bool) -> PlannedTrigger:
    return PlannedTrigger(id=prompt.split(maxsplit=1)[0], skill=skill, prompt=prompt, should_trigger=wish)


def plan_with(*triggers: PlannedTrigger, **options: Any) -> BenchPlan:
    return plan_of("no-skill", **options).model_copy(update={"triggers": triggers})


def test_specs_list_the_skill_and_have_keys_of_their_own():
    skill = skill_of("Does.")
    triggers = (case_of(A, "one", wish=True), case_of(A, "two", wish=False))
    plan = plan_with(*triggers, repetitions=2, seed=5, timeout_s=30.0)
    specs = trigger_specs(plan, {A.path: skill})
    assert [(spec.repetition, spec.task.id) for spec in specs] == [
        (0, "fire-a-one"),
        (0, "hold-a-two"),
        (1, "fire-a-one"),
        (1, "hold-a-two"),
    ]
    assert {spec.skill_mode for spec in specs} == {SkillMode.DISCOVER}
    assert {(spec.condition, spec.max_steps, spec.timeout_s) for spec in specs} == {
        (CONDITION, MAX_STEPS, 30.0)
    }
    assert [spec.seed for spec in specs] == [5, 5, 6, 6]
    assert len({spec.cell for spec in specs}) == 4
    assert [spec.cell for spec in trigger_specs(plan, {A.path: skill})] == [spec.cell for spec in specs]
    other = trigger_specs(plan, {A.path: skill_of("Does more.")})
    assert not {spec.cell for spec in other} & {spec.cell for spec in specs}
    assert trigger_specs(plan_with(), {}) == []
    assert BenchPlan.model_validate_json(plan.model_dump_json(by_alias=True)) == plan


@pytest.mark.parametrize("harness", ["bare-agent", "shell-agent"])
async def test_a_harness_that_loads_the_skill_when_the_model_wants_it(tmp_path: Path, harness: str):
    folder = write_skill(tmp_path, "tides", "# Tides\n\nLook at the moon.\n\nAdd an hour.\n")
    skill = load_skill(folder)
    named = PlannedSkill(id="tides", path=str(folder), digest="sha256:1")
    loads = {
        "bare-agent": FakeAnswer("", [FakeToolCall("load_skill", {"name": "tides"})]),
        "shell-agent": FakeAnswer("```bash\ncat skills/tides/SKILL.md\n```"),
    }

    def answer(body: dict[str, Any]) -> FakeAnswer:
        text = json.dumps(body["messages"])
        if "greedy" in text or "wanted" in text:
            return FakeAnswer("done") if "Look at the moon" in text else loads[harness]
        return FakeAnswer("DONE")

    triggers = (
        case_of(named, "wanted tides", wish=True),
        case_of(named, "missed tides", wish=True),
        case_of(named, "greedy word", wish=False),
        case_of(named, "plain word", wish=False),
    )
    plan = plan_with(*triggers, target=Target(model="fake/m", harness=harness))
    async with FakeServer(answer) as server:
        settings = asking(settings_in(tmp_path), server)
        async with open_bench(settings, sandbox=FakeSandbox()) as bench:
            for spec in trigger_specs(plan, {named.path: skill}):
                assert counts(await run_once(spec, bench))
            runs = await attempts_of(bench.journal, plan.session_id)
            assert set(counted(runs)) == {spec.cell for spec in trigger_specs(plan, {named.path: skill})}
    (result,) = trigger_report(runs, plan.triggers).results
    assert (result.skill_id, result.model, result.harness) == ("tides", "fake/m", harness)
    counted_as = (
        result.true_positives,
        result.false_negatives,
        result.false_positives,
        result.true_negatives,
    )
    assert counted_as == (1, 1, 1, 1)
    assert (result.recall, result.precision, result.unanswered, result.unknown) == (0.5, 0.5, 0, 0)
    assert [case.prompt for case in result.cases] == [
        "missed tides",
        "wanted tides",
        "greedy word",
        "plain word",
    ]
    assert result.usage.calls > 4


# Judging.


def run_of(task: str, loaded: bool | None = None, **changes: Any) -> RunRecord:
    fixed: dict[str, Any] = {
        "run_id": f"{task}-{changes.get('repetition', 0)}-{loaded}",
        "task_id": task,
        "condition": CONDITION,
        "model": "fake/m",
        "harness": "h",
        "skill_id": "a",
        "task_digest": "sha256:t",
        "outcome": Outcome.SCORED,
        "turns": 2,
        "skill_loaded": loaded,
        "usage": Usage(calls=1),
        "started_at": NOW,
        "finished_at": NOW,
    }
    return RunRecord(**{**fixed, **changes})


def test_recall_and_precision_with_exact_intervals():
    runs = [
        *(run_of(f"fire-a-{index}", index < 8) for index in range(10)),
        *(run_of(f"hold-a-{index}", index < 2) for index in range(10)),
    ]
    (result,) = trigger_report(reversed(runs)).results
    assert (result.recall, result.precision) == (0.8, 0.8)
    assert result.recall_interval is not None
    # Clopper and Pearson's for 8 of 10.
    assert (round(result.recall_interval.low, 4), round(result.recall_interval.high, 4)) == (0.4439, 0.9748)
    assert result.recall_interval == result.precision_interval
    assert result.runs == 20


def test_a_prompt_counts_once_and_an_even_split_is_a_failure_on_either_side():
    runs = [
        run_of(task, loaded, repetition=index)
        for task, loads in (
            ("fire-a-most", (True, True, False)),
            ("fire-a-half", (True, False)),
            ("hold-a-half", (True, False)),
            ("hold-a-few", (True, False, False)),
        )
        for index, loaded in enumerate(loads)
    ]
    (result,) = trigger_report(runs).results
    assert (result.true_positives, result.false_negatives) == (1, 1)
    assert (result.false_positives, result.true_negatives) == (1, 1)
    assert result.runs == 10


def test_what_was_never_decided_is_counted_apart():
    runs = [
        run_of("fire-a-1", True),
        run_of("fire-a-2", outcome=Outcome.INFRA_FAILED, turns=0),
        run_of("fire-a-3", outcome=Outcome.HARNESS_FAILED),
        run_of("fire-a-4", False, outcome=Outcome.TIMED_OUT, turns=0),
        run_of("fire-a-5", None),
        run_of("hold-a-6", False, outcome=Outcome.TIMED_OUT),
        run_of("hold-a-7", True, outcome=Outcome.STEP_LIMIT),
        run_of("fire-a-8", True, condition="original"),
        run_of("task-of-the-matrix", True),
    ]
    (result,) = trigger_report(runs).results
    assert (result.runs, result.unanswered, result.unknown, result.undecided) == (3, 3, 1, 4)
    assert (result.recall, result.precision) == (1.0, 0.5)


def test_without_a_decision_there_is_no_figure():
    (result,) = trigger_report([run_of("fire-a-1", outcome=Outcome.INFRA_FAILED)]).results
    assert (result.recall, result.precision) == (None, None)
    assert result.recall_interval is None
    assert trigger_report([]).results == ()


def test_an_attempt_that_was_redone_counts_once():
    runs = [
        run_of("fire-a-1", outcome=Outcome.INFRA_FAILED, cell="c"),
        run_of("fire-a-1", True, cell="c"),
        run_of("fire-a-1", False, cell="c", run_id="late"),
    ]
    (result,) = trigger_report(runs).results
    assert (result.true_positives, result.runs, result.unanswered) == (1, 1, 0)


def test_targets_and_skills_stand_apart_and_the_record_survives_a_disk():
    runs = [
        run_of("fire-a-1", True, model="fake/z"),
        run_of("fire-a-1", False, skill_id="b"),
        run_of("fire-a-1", True),
    ]
    report = trigger_report(runs)
    assert [(each.model, each.skill_id, each.recall) for each in report.results] == [
        ("fake/m", "a", 1.0),
        ("fake/m", "b", 0.0),
        ("fake/z", "a", 1.0),
    ]
    text = report.model_dump_json(by_alias=True)
    assert TriggerReport.model_validate_json(text) == report
    assert json.loads(text)["schema"] == 1
    assert json.loads(text)["results"][0]["truePositives"] == 1
    shown = report_triggers(report)
    assert [(each.fired, each.should_fire, each.adapter) for each in shown] == [
        (1, 1, "h"),
        (0, 1, "h"),
        (1, 1, "h"),
    ]


@pytest.mark.parametrize(("wish", "task"), [(True, "fire-a-x"), (False, "hold-a-x")])
def test_what_should_happen_is_read_off_the_task(wish: bool, task: str):
    trigger = PlannedTrigger(id="x", skill=A, prompt="p", should_trigger=wish)
    assert task_id_of(trigger) == task
    assert wish_of(task) is wish
    assert wish_of("firefighter") is None
