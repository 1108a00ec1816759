"""The public API: what it names, that naming it costs nothing, and that its verbs do what the commands do."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

import skvm
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from tests.conftest import REPO

MODEL = "fake/m"
TARGET = {"model": "local/qwen2.5-coder-1.5b", "harness": "shell-agent"}
VERBS = ("bench", "compile", "optimize", "profile", "run")
SKILL = REPO / "examples/skills/expense-report"


@pytest.fixture
def anyio_backend() -> str:
    """Verbs run on asyncio."""
    return "asyncio"


@pytest.fixture
def place(tmp_path) -> SimpleNamespace:
    """A cache with a route to a model that writes what it is asked to, and a task."""
    cache, task = tmp_path / "cache", tmp_path / "t"
    cache.mkdir()
    task.mkdir()
    criterion = {"method": "file-check", "id": "there", "path": "a.txt", "mode": "exact", "expected": "hi"}
    (task / "task.json").write_text(
        json.dumps({"id": "t", "prompt": "Write hi into a.txt", "eval": [criterion]})
    )
    with FakeServer.running(_write_then_say) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        yield SimpleNamespace(
            settings=skvm.load_settings(cache_dir=str(cache), auto_probe=False),
            task=task,
            cache=cache,
            server=server,
        )


def _write_then_say(body: dict) -> FakeAnswer:
    if body["messages"][-1]["role"] == "tool":
        return FakeAnswer("done")
    return FakeAnswer("", [FakeToolCall("write_file", {"path": "a.txt", "content": "hi"})])


def test_the_public_names_are_these():
    """Taking one away, or adding one, is a decision: see docs/explanation/api.md."""
    assert skvm.__all__ == [
        "BoostCapability",
        "Progress",
        "SkvmError",
        "__version__",
        "bench",
        "compile",
        "load_settings",
        "optimize",
        "profile",
        "run",
    ]
    assert set(skvm.__all__) <= set(dir(skvm))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        skvm.nothing  # noqa: B018


def test_types_name_the_same():
    stub = (REPO / "src/skvm/__init__.pyi").read_text(encoding="utf-8")
    source = (REPO / "src/skvm/__init__.py").read_text(encoding="utf-8")
    assert _all_of(stub) == _all_of(source)
    for name in skvm.__all__:
        assert f" as {name}\n" in stub or f"{name}: str" in stub


def _all_of(text: str) -> str:
    return text[text.index("__all__ = [") :].partition("]")[0]


def test_importing_it_imports_nothing_of_it():
    code = "import sys, skvm; print([m for m in sys.modules if m.startswith('skvm.') or m == 'click'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout in {"['skvm._version']\n", "[]\n"}


def test_a_verb_needs_no_command_line():
    """The verbs work where click and rich are not there at all."""
    code = (
        "import sys; sys.modules.update(click=None, rich=None)\n"
        "import skvm, anyio\n"
        f"made = anyio.run(lambda: skvm.compile({str(SKILL)!r}, dry_run=True, **{TARGET}))\n"
        "print(made.skill.id, any(m.startswith('skvm.cli') for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "expense-report False\n", done.stderr


@pytest.mark.parametrize("name", VERBS)
def test_verbs_are_described(name):
    verb = inspect.unwrap(getattr(skvm, name))
    assert inspect.iscoroutinefunction(verb)
    assert list(inspect.signature(getattr(skvm, name)).parameters) == list(inspect.signature(verb).parameters)
    doc = inspect.getdoc(verb)
    described, _, rest = doc.partition("\nArgs:\n")[2].partition("\n\nReturns:\n")
    parameters = inspect.signature(verb).parameters
    assert [line.split(":")[0].strip() for line in described.splitlines() if line[4:5].strip()] == list(
        parameters
    )
    assert "\n\nRaises:\n" in rest
    positional = [each.name for each in parameters.values() if each.kind is not each.KEYWORD_ONLY]
    assert len(positional) == 1
    assert {"on_progress", "settings"} < set(parameters)


@pytest.mark.anyio
async def test_a_task_runs(place):
    told: list[skvm.Progress] = []
    ran = await skvm.run(place.task, model=MODEL, settings=place.settings, on_progress=told.append)
    assert (ran.score, ran.final_text, ran.record.outcome.value) == (1.0, "done", "scored")
    assert [each.text for each in told][:2] == ["t: turn 1, waiting for the model", "t: turn 1, write_file"]
    assert {each.verb for each in told} == {"run"}
    assert '"run"' in (place.cache / "log" / "sessions.jsonl").read_text()


@pytest.mark.anyio
async def test_a_skill_compiles_and_its_variant_runs(place):
    made = await skvm.compile(SKILL, **TARGET, passes=["1", "3"], lock=False, settings=place.settings)
    assert made.variant is not None
    assert (made.variant / "SKILL.md").is_file()
    again = await skvm.compile(SKILL, **TARGET, passes=["1", "3"], lock=False, settings=place.settings)
    assert again.is_reused
    ran = await skvm.run(place.task, model=MODEL, skill=made.variant, settings=place.settings)
    assert (ran.record.condition, ran.record.skill_id) == ("aot-compiled", "expense-report")
    assert not (SKILL / "skvm.lock").exists()


@pytest.mark.anyio
async def test_a_target_is_measured(place):
    told: list[skvm.Progress] = []
    measured = await skvm.profile(
        MODEL, primitives=["gen.regex"], instances=1, settings=place.settings, on_progress=told.append
    )
    assert list(measured.profile.capabilities) == ["gen.regex"]
    assert measured.runs > 0
    assert told[-1].done == told[-1].total == 1
    again = await skvm.profile(MODEL, primitives=["gen.regex"], instances=1, settings=place.settings)
    assert again.is_reused


@pytest.mark.anyio
async def test_a_bench_reports(place):
    told: list[skvm.Progress] = []
    result = await skvm.bench(
        [place.task],
        models=[MODEL],
        conditions=["no-skill"],
        repetitions=2,
        settings=place.settings,
        on_progress=told.append,
    )
    assert result.is_whole
    assert [run.score for run in result.runs] == [1.0, 1.0]
    (report,) = result.reports
    assert report.summary.per_condition["no-skill"].avg_score == 1.0
    assert json.loads((result.folder / "report.json").read_text())["sessionId"] == result.session_id
    assert (told[-1].done, told[-1].total) == (2, 2)


@pytest.mark.anyio
async def test_a_session_of_the_optimizer_ends_in_a_proposal(place, tmp_path):
    told: list[skvm.Progress] = []
    skill = tmp_path / "expense-report"
    shutil.copytree(SKILL, skill)
    proposal = await skvm.optimize(
        skill,
        model=MODEL,
        optimizer_model="none",
        tasks=[place.task],
        rounds=1,
        runs_per_task=1,
        budget_runs=2,
        settings=place.settings,
        on_progress=told.append,
    )
    assert proposal.meta.verdict is not None
    assert proposal.dir.is_relative_to(place.settings.proposals_dir)
    assert {each.verb for each in told} == {"optimize"}
    assert (skill / "SKILL.md").read_bytes() == (SKILL / "SKILL.md").read_bytes()


@pytest.mark.anyio
async def test_what_makes_no_sense_is_refused_before_anything_is_written(place):
    both = {"tasks": ["a"], "logs": ["b"]}
    for asked in (
        skvm.run("nowhere", model=MODEL, settings=place.settings),
        skvm.run(place.task, model=MODEL, boost="on", settings=place.settings),
        skvm.run(place.task, model=MODEL, harness="bare-agnt", settings=place.settings),
        skvm.compile(place.task, model=MODEL, settings=place.settings),
        skvm.profile(MODEL, primitives=["gen.jsn"], settings=place.settings),
        skvm.bench([place.task], models=[], settings=place.settings),
        skvm.bench([place.task], models=[MODEL], conditions=["orignal"], settings=place.settings),
        skvm.optimize(SKILL, model=MODEL, optimizer_model="none", settings=place.settings, **both),
    ):
        with pytest.raises(skvm.SkvmError) as refused:
            await asked
        assert refused.value.exit_code == 2
    assert not (place.cache / "log").exists()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("verb", "arguments", "said"),
    [
        ("bench", {"repetitions": 0}, "repetitions must be 1 or more, not 0"),
        ("bench", {"concurrency": -1}, "concurrency must be 1 or more"),
        ("bench", {"timeout_s": 0}, "timeout_s must be more than 0"),
        ("bench", {"temperature": float("nan")}, "temperature must lie between 0 and 2"),
        ("bench", {"skill_mode": "x"}, "skill_mode is none of inject, discover"),
        ("bench", {"conditions": "no-skill"}, "conditions wants a list"),
        ("bench", {"models": MODEL}, "models wants a list"),
        ("run", {"skill_mode": "x"}, "skill_mode is none of"),
        ("run", {"boost": "yes"}, "boost is none of off, shadow, on"),
        ("run", {"plan": "yes"}, "plan is none of"),
        ("run", {"timeout_s": -1}, "timeout_s must be more than 0"),
        ("run", {"max_steps": 0}, "max_steps must be 1 or more"),
        ("run", {"max_tokens": 0}, "max_tokens must be 1 or more"),
        # This one waited for ever for its first place.
        ("profile", {"concurrency": 0}, "concurrency must be 1 or more"),
        ("profile", {"instances": 0}, "instances must be 1 or more"),
        ("profile", {"primitives": "gen.json"}, "primitives wants a list"),
        ("compile", {"timeout_s": -5}, "timeout_s must be more than 0"),
        ("compile", {"passes": "13"}, "passes wants a list"),
        ("optimize", {"rounds": 0}, "rounds must be 1 or more"),
        ("optimize", {"logs": "log.jsonl"}, "logs wants a list"),
        ("optimize", {"temperature": 3}, "temperature must lie between"),
    ],
)
async def test_arguments_out_of_range_are_refused(place, verb, arguments, said):
    given = {
        "bench": {"tasks": [place.task], "models": [MODEL]},
        "run": {"task": place.task, "model": MODEL},
        "profile": {"model": MODEL},
        "compile": {"skill": SKILL, **TARGET},
        "optimize": {"skill": SKILL, "model": MODEL, "optimizer_model": "none"},
    }[verb]
    with pytest.raises(skvm.SkvmError) as refused:
        await getattr(skvm, verb)(**{**given, **arguments, "settings": place.settings})
    assert said in str(refused.value)
    assert not (place.cache / "log").exists()
