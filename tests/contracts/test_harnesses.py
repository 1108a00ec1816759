"""What every harness owes its callers, over every registered one and the fake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.errors import InfrastructureError
from skvm.evidence.record import Outcome
from skvm.harness.contract import (
    HARNESSES,
    Facility,
    Harness,
    ProgramInCell,
    RunContext,
    SkillDelivery,
    SkillMode,
)
from skvm.harness.fake import FakeCell, ScriptedSession, registered_fake
from skvm.harness.hooks import Hook, HookContext, Hooks
from skvm.harness.trajectory import Observation, ToolCall, ToolKind, Trajectory
from skvm.llm.contract import DeadlineExceededError, ProviderError

pytestmark = pytest.mark.anyio

# How each built-in harness is told to do the same thing; a new one adds a line here.
ACTIONS: dict[str, str] = {
    "bare-agent": '{"name": "execute_command", "arguments": {"command": "COMMAND"}}',
    "shell-agent": "```bash\nCOMMAND\n```",
}


# Programs are held to what they owe in test_program_adapters.py.
IN_PROCESS = [name for name in HARNESSES.names() if not isinstance(HARNESSES.get(name)(), ProgramInCell)]


def act(name: str, command: str) -> str:
    return ACTIONS[name].replace("COMMAND", command)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=[*IN_PROCESS, "fake"])
def any_name(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "fake":
        with registered_fake() as name:
            yield name
    else:
        yield request.param


@pytest.fixture(params=sorted(ACTIONS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(name: str) -> Harness:
    return HARNESSES.get(name)()


def context(tmp_path: Path, answers: list[Any], **options: Any) -> RunContext:
    return RunContext(
        prompt="Say hello.",
        model_id="local/scripted",
        session=ScriptedSession(answers),
        cell=FakeCell(tmp_path),
        work_dir=tmp_path,
        **options,
    )


def test_every_built_in_harness_has_actions_here() -> None:
    assert set(IN_PROCESS) == set(ACTIONS)


async def test_it_is_a_harness_that_says_what_it_can(any_name: str) -> None:
    harness = make(any_name)
    assert isinstance(harness, Harness)
    assert harness.facilities <= frozenset(Facility)


async def test_an_answer_without_action_ends_the_run(any_name: str, tmp_path: Path) -> None:
    trajectory = await make(any_name).run(context(tmp_path, ["Hello."]))
    assert trajectory.harness == any_name
    assert trajectory.outcome is Outcome.SCORED
    assert len(trajectory.turns) == 1
    assert trajectory.final_text in {"Hello.", "done"}
    assert Trajectory.model_validate_json(trajectory.model_dump_json(by_alias=True)) == trajectory


async def test_an_action_happens_in_the_cell_and_its_result_goes_back(name: str, tmp_path: Path) -> None:
    run = context(tmp_path, [act(name, "echo made > out.txt; cat out.txt"), "All done."])
    trajectory = await make(name).run(run)
    assert (tmp_path / "out.txt").read_text() == "made\n"
    [call] = trajectory.tool_calls
    assert call.kind is ToolKind.RUN
    [observation] = trajectory.turns[0].observations
    assert observation.tool_call_id == call.id
    assert "made" in observation.text
    assert observation.exit_code == 0
    assert "made" in str(run.session.requests[1][-1])
    assert trajectory.final_text == "All done."
    assert trajectory.usage.calls == 2
    assert sum(turn.usage.total_tokens for turn in trajectory.turns) == trajectory.usage.total_tokens


async def test_the_step_limit_is_an_outcome(name: str, tmp_path: Path) -> None:
    answers = [act(name, f"echo {number}") for number in range(9)]
    trajectory = await make(name).run(context(tmp_path, answers, max_steps=3))
    assert trajectory.outcome is Outcome.STEP_LIMIT
    assert len(trajectory.turns) == 3
    assert all(turn.observations for turn in trajectory.turns)


async def test_the_deadline_is_an_outcome_and_cancels_the_model(name: str, tmp_path: Path) -> None:
    cancelled = []

    async def hang(messages: Any) -> Any:
        try:
            await anyio.sleep(600)
        except anyio.get_cancelled_exc_class():
            cancelled.append(True)
            raise

    trajectory = await make(name).run(context(tmp_path, [hang], timeout_s=1))
    assert trajectory.outcome is Outcome.TIMED_OUT
    assert cancelled == [True]
    assert trajectory.turns == ()
    assert trajectory.llm_duration_ms


async def test_the_deadline_cancels_a_tool_and_keeps_the_turn(name: str, tmp_path: Path) -> None:
    trajectory = await make(name).run(context(tmp_path, [act(name, "sleep 25")], timeout_s=2))
    assert trajectory.outcome is Outcome.TIMED_OUT
    [turn] = trajectory.turns
    assert len(turn.observations) == len(turn.tool_calls) == 1
    assert turn.observations[0].is_error


async def test_the_ports_deadline_is_the_same_outcome(name: str, tmp_path: Path) -> None:
    trajectory = await make(name).run(context(tmp_path, [DeadlineExceededError()]))
    assert trajectory.outcome is Outcome.TIMED_OUT


@pytest.mark.parametrize("error", [ProviderError("no answer", status=503), InfrastructureError("cell died")])
async def test_infrastructure_failures_propagate(name: str, tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)):
        await make(name).run(context(tmp_path, [error]))


async def test_our_own_bugs_propagate(name: str, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        await make(name).run(context(tmp_path, [ZeroDivisionError()]))


async def test_being_cancelled_from_outside_is_no_outcome(name: str, tmp_path: Path) -> None:
    ended = []
    with anyio.move_on_after(0.3) as scope:
        await make(name).run(context(tmp_path, [act(name, "sleep 25")]))
        ended.append("returned")
    assert scope.cancelled_caught
    assert not ended


async def test_the_same_action_three_times_ends_the_run(name: str, tmp_path: Path) -> None:
    trajectory = await make(name).run(context(tmp_path, [act(name, "echo x >> log.txt")]))
    assert trajectory.outcome is Outcome.SCORED
    assert len(trajectory.turns) == 3
    assert "same action" in (trajectory.detail or "")
    assert (tmp_path / "log.txt").read_text() == "x\nx\n"


async def test_the_same_round_of_actions_three_times_ends_the_run(name: str, tmp_path: Path) -> None:
    script = [act(name, "echo x >> log.txt"), act(name, "echo done"), act(name, "ls")] * 8
    trajectory = await make(name).run(context(tmp_path, script))
    assert trajectory.outcome is Outcome.SCORED
    assert len(trajectory.turns) == 9
    assert "same action" in (trajectory.detail or "")


async def test_a_round_that_gives_something_new_goes_on(name: str, tmp_path: Path) -> None:
    script = [act(name, "echo x >> log.txt"), act(name, "wc -l < log.txt")] * 5
    trajectory = await make(name).run(context(tmp_path, [*script, "All done."]))
    assert len(trajectory.turns) == 11
    assert (tmp_path / "log.txt").read_text() == "x\n" * 5


async def test_hooks_see_everything_in_order_and_may_answer(name: str, tmp_path: Path) -> None:
    from pydantic_ai.messages import ModelResponse, TextPart

    seen: list[str] = []

    class Watch(Hook):
        async def before_model(self, context: HookContext) -> ModelResponse | None:
            seen.append(f"before_model {context.turn}")
            if context.turn == 0:
                return ModelResponse([TextPart(act(name, "echo hooked > hooked.txt"))])
            return None

        async def after_model(self, context: HookContext, response: ModelResponse) -> None:
            seen.append(f"after_model {context.turn}")

        async def before_tool(self, context: HookContext, call: ToolCall) -> Observation | None:
            seen.append(f"before_tool {context.turn}")
            if context.turn == 1:
                return Observation(tool_call_id="whatever", text="answered by the hook")
            return None

        async def after_tool(self, context: HookContext, call: ToolCall, observation: Observation) -> None:
            seen.append(f"after_tool {context.turn} {observation.tool_call_id == call.id}")

        async def after_run(self, trajectory: Trajectory) -> None:
            seen.append(f"after_run {len(trajectory.turns)}")

    run = context(tmp_path, [act(name, "echo real > real.txt"), "Done."], hooks=Hooks((Watch(),)))
    trajectory = await make(name).run(run)
    assert seen == [
        *("before_model 0", "after_model 0", "before_tool 0", "after_tool 0 True"),
        *("before_model 1", "after_model 1", "before_tool 1", "after_tool 1 True"),
        *("before_model 2", "after_model 2", "after_run 3"),
    ]
    assert (tmp_path / "hooked.txt").exists()
    assert not (tmp_path / "real.txt").exists()
    assert [turn.from_hook for turn in trajectory.turns] == [True, False, False]
    assert trajectory.turns[0].usage.calls == 0
    assert trajectory.turns[1].observations[0].text == "answered by the hook"
    assert trajectory.usage.calls == 2


SKILL = SkillDelivery("tidy up", "How to tidy.", "# Tidy\n\nPut **everything** away.\nThen sweep.")


async def test_an_injected_skill_is_in_the_system_text(name: str, tmp_path: Path) -> None:
    run = context(tmp_path, ["Done."], skill=SKILL)
    trajectory = await make(name).run(run)
    assert SKILL.content in trajectory.system
    assert SKILL.content in str(run.session.requests[0][0].parts[0].content)
    assert trajectory.skill_loaded is True


async def test_an_injected_skill_no_model_saw_is_not_loaded(name: str, tmp_path: Path) -> None:
    async def hang(messages: Any) -> Any:
        await anyio.sleep(600)

    trajectory = await make(name).run(context(tmp_path, [hang], skill=SKILL, timeout_s=0.1))
    assert trajectory.skill_loaded is False


async def test_a_listed_skill_is_loaded_only_if_the_model_loads_it(name: str, tmp_path: Path) -> None:
    skill = SkillDelivery("../../tidy", SKILL.description, SKILL.content, SkillMode.DISCOVER)
    load = {
        "bare-agent": '{"name": "load_skill", "arguments": {"name": "../../tidy"}}',
        "shell-agent": "```bash\ncat skills/tidy/SKILL.md\n```",
    }[name]
    ignored = await make(name).run(context(tmp_path, ["Done."], skill=skill))
    loaded = await make(name).run(context(tmp_path, [load, "Done."], skill=skill))
    assert SKILL.content not in loaded.system
    assert "How to tidy." in loaded.system
    assert ignored.skill_loaded is False
    assert loaded.skill_loaded is True
    assert "Then sweep." in loaded.turns[0].observations[0].text
    assert not (tmp_path.parent / "tidy").exists()


async def test_without_a_skill_nothing_is_said_of_one(name: str, tmp_path: Path) -> None:
    trajectory = await make(name).run(context(tmp_path, ["Done."]))
    assert trajectory.skill_loaded is None
    assert "skill" not in trajectory.system


async def test_settings_are_passed_on(name: str, tmp_path: Path) -> None:
    run = context(tmp_path, ["Done."], temperature=0.25, max_output_tokens=77, seed=5)
    await make(name).run(run)
    settings = run.session.settings[0]
    assert (settings["temperature"], settings["max_tokens"], settings["seed"]) == (0.25, 77, 5)


async def test_a_turn_is_bounded_where_nobody_asks_for_a_bound(name: str, tmp_path: Path) -> None:
    run = context(tmp_path, ["Done."])
    await make(name).run(run)
    assert run.session.settings[0]["max_tokens"] == 2048


async def test_a_full_context_is_shortened_once(name: str, tmp_path: Path) -> None:
    full = ProviderError("the request exceeds the available context size", status=400)
    talk = [act(name, "seq 1 3000"), full, "Done."]
    run = context(tmp_path, talk)
    trajectory = await make(name).run(run)
    assert trajectory.outcome is Outcome.SCORED
    assert trajectory.final_text == "Done."
    before, after = (len(str(run.session.requests[turn])) for turn in (1, 2))
    assert after < before


async def test_a_context_that_stays_full_is_the_agents_end(name: str, tmp_path: Path) -> None:
    full = ProviderError("prompt is too long: 9000 tokens > 8192 maximum", status=400)
    trajectory = await make(name).run(context(tmp_path, [act(name, "seq 1 3000"), full]))
    assert trajectory.outcome is Outcome.SCORED
    assert "context exhausted" in (trajectory.detail or "")
    assert len(trajectory.turns) == 1


async def test_other_bad_requests_are_not_taken_for_a_full_context(name: str, tmp_path: Path) -> None:
    with pytest.raises(ProviderError):
        await make(name).run(context(tmp_path, [ProviderError("unknown parameter 'seed'", status=400)]))


async def test_observations_are_bounded(name: str, tmp_path: Path) -> None:
    trajectory = await make(name).run(context(tmp_path, [act(name, "seq 1 20000"), "Done."]))
    [observation] = trajectory.turns[0].observations
    assert observation.is_truncated
    assert len(observation.text) < 11_000
    assert "20000" in observation.text


async def test_two_runs_of_one_harness_do_not_meet(name: str, tmp_path: Path) -> None:
    harness = make(name)
    results: dict[str, Trajectory] = {}

    async def one(folder: str) -> None:
        (tmp_path / folder).mkdir()
        run = context(tmp_path / folder, [act(name, f"echo {folder} > who.txt"), f"I am {folder}."])
        results[folder] = await harness.run(run)

    async with anyio.create_task_group() as group:
        group.start_soon(one, "a")
        group.start_soon(one, "b")
    for folder in ("a", "b"):
        assert (tmp_path / folder / "who.txt").read_text() == f"{folder}\n"
        assert results[folder].final_text == f"I am {folder}."
