"""What every program that is a harness of its own does alike, each really run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.evidence.record import Outcome
from skvm.harness.contract import SkillMode
from skvm.harness.programs.scripted import offered_tools, tool_results
from skvm.llm.fake import FakeAnswer
from skvm.skill.ir import Skill
from tests.harness.conftest import GetProgram
from tests.harness.staging import SKILL_LINES, Done, Stage, Steps
from tests.harness.table import CREDENTIAL, DRIVEN, Driven

pytestmark = pytest.mark.anyio


@pytest.fixture(params=sorted(DRIVEN))
def driven(request: pytest.FixtureRequest, get_program: GetProgram) -> Driven:
    get_program(request.param)
    return DRIVEN[request.param]


@pytest.fixture
def work(stage: Stage) -> Path:
    return stage.outer / "work"


def texts_of(value: Any) -> Iterator[str]:
    """All texts of a request."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_of(each)


def observed(done: Done) -> list[str]:
    return [each.text for turn in done.told.turns for each in turn.observations]


@pytest.mark.parametrize(
    ("driven", "upstream"),
    [(name, upstream) for name in sorted(DRIVEN) for upstream in DRIVEN[name].upstreams],
    indirect=["driven"],
)
async def test_it_writes_a_file_with_its_own_tool(
    driven: Driven, upstream: Any, stage: Stage, work: Path
) -> None:
    stage.upstream = upstream
    path = driven.path(work, "hello.txt")
    write, look = driven.write(path, "hello"), driven.run("pwd; cat hello.txt")
    done = await stage.run(driven.name, Steps(write, look, watch=stage.watch_for_keys), work_dir=work)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello"}
    told = done.told
    writing, looking = told.tool_calls
    assert (writing.name, writing.kind) == driven.writes_by
    in_our_words = ({"path": path, "content": "hello"}, {"command": f"printf hello > {path}"})
    assert writing.arguments in in_our_words
    assert looking.arguments["command"] == "pwd; cat hello.txt"
    first, second = (turn.observations[0] for turn in told.turns[:2])
    assert not first.is_error
    assert str(work) in second.text
    assert "hello" in second.text
    assert told.final_text == "It is all done."
    assert told.skill_loaded is None
    # What passed the gateway is what was asked, nothing beside it, and what the program itself counted.
    assert told.usage.calls == len(done.requests) == len(told.turns) == 3
    assert told.usage.cache_read_tokens == 21
    assert told.reported_usage is not None
    assert told.reported_usage.total_tokens == told.usage.total_tokens
    assert told.reported_usage.cache_read_tokens == 21
    assert told.reported_usage.calls == driven.calls_counted.get(upstream, 3)
    assert told.reported_usage.cost_usd is None
    assert stage.leaks == []
    assert stage.left == []


async def test_calls_of_one_answer_are_all_made(driven: Driven, stage: Stage, work: Path) -> None:
    calls = [driven.write(driven.path(work, name), "hello") for name in ("a.txt", "b.txt")]

    def model(body: dict[str, Any]) -> FakeAnswer:
        return FakeAnswer("Done.") if tool_results(body) else FakeAnswer("Both.", tool_calls=calls)

    done = await stage.run(driven.name, model, work_dir=work)
    assert done.files == {"a.txt": "hello", "b.txt": "hello"}
    assert [len(turn.observations) for turn in done.told.turns] == [2, 0]
    assert not any(each.is_error for each in done.told.turns[0].observations)


async def test_an_injected_skill_is_told_to_the_model(driven: Driven, stage: Stage, skill: Skill) -> None:
    done = await stage.run(driven.name, Steps(), skill=skill)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    where = done.told.system if driven.is_system else "\n".join(texts_of(done.requests[0].body))
    assert all(line in where for line in SKILL_LINES)
    assert done.told.skill_loaded is True
    assert done.files == {"references/words.md": "hello, hi\n"}


@pytest.mark.parametrize("is_loaded", [True, False])
async def test_a_skill_to_be_discovered_is_listed_and_loaded_if_it_is_asked_for(
    driven: Driven, is_loaded: bool, stage: Stage, skill: Skill
) -> None:
    def model(body: dict[str, Any]) -> FakeAnswer:
        return Steps(*(driven.load(body) if is_loaded else ()))(body)

    done = await stage.run(driven.name, model, skill=skill, skill_mode=SkillMode.DISCOVER)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    asked = "\n".join(texts_of(done.requests[0].body))
    assert "How greetings are written." in asked
    assert SKILL_LINES[0] not in asked
    assert done.told.skill_loaded is is_loaded
    if is_loaded:
        assert all(line in "\n".join(texts_of(done.requests[-1].body)) for line in SKILL_LINES)
        # The bundle lies beside SKILL.md.
        assert "hello, hi" in observed(done)[-1]


async def test_many_at_once_do_not_meet(driven: Driven, stage: Stage) -> None:
    found: dict[str, Done] = {}

    async def one(word: str) -> None:
        work = stage.outer / word
        steps = Steps(driven.write(driven.path(work, f"{word}.txt"), word), final_text=f"Made {word}.")
        found[word] = await stage.run(driven.name, steps, prompt=f"Make {word}.txt.", work_dir=work)

    words = [f"w{number}" for number in range(driven.at_once)]
    async with anyio.create_task_group() as group:
        for word in words:
            group.start_soon(one, word)
    for word in words:
        assert found[word].files == {f"{word}.txt": word}, found[word].record.detail
        assert found[word].told.final_text == f"Made {word}."
        assert found[word].told.usage.calls == 2
    assert stage.left == []


async def test_the_step_limit_ends_it(driven: Driven, stage: Stage) -> None:
    calls = [driven.run(f"touch {number}") for number in range(9)]
    done = await stage.run(driven.name, Steps(*calls), max_steps=3)
    assert done.record.outcome is Outcome.STEP_LIMIT
    assert sorted(done.files) == ["0", "1", "2"]
    assert len(done.told.turns) == 3


async def test_the_deadline_ends_it(driven: Driven, stage: Stage) -> None:
    done = await stage.run(driven.name, [FakeAnswer(hang=True)], timeout_s=8)
    assert done.record.outcome is Outcome.TIMED_OUT
    assert stage.left == []


async def test_the_prompt_reaches_the_model_as_it_is(driven: Driven, stage: Stage) -> None:
    prompt = '--help @notes.md "quoted"\n\n$HOME `id` päivää 你好 ' + "word " * 40_000 + "end"
    done = await stage.run(driven.name, Steps(), prompt=prompt)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    [request] = done.requests
    assert any(prompt in text for text in texts_of(request.body))


async def test_native_runs_with_a_copy_of_the_users_configuration(
    driven: Driven, stage: Stage, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    native, home = driven.native, tmp_path / "user"
    for name, text in native.files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    monkeypatch.setattr(Path, "home", lambda: home)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    call = driven.run(native.look) if native.look else driven.write(driven.path(work, "a.txt"), "hello")
    done = await stage.run(driven.name, Steps(call), config_mode="native", work_dir=work)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == ({} if native.look else {"a.txt": "hello"})
    said = "\n".join(texts_of(done.requests[0].body))
    assert all(words in said for words in native.told)
    assert native.offers(frozenset(offered_tools(done.requests[0].body)))
    [seen] = observed(done)
    assert all(words in seen for words in native.shown)
    assert not any(words in seen for words in native.hidden)
    assert CREDENTIAL not in str([request.body for request in done.requests])
    # What is theirs stays as it is.
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before
    assert {name: (home / name).read_text() for name in native.files} == dict(native.files)
    assert stage.left == []
