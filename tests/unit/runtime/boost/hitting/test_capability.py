"""The capability: a template answers in the place of the model of any pydantic-ai agent."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from skvm.evidence.journal import Journal
from skvm.harness.hooks import Hooks
from skvm.runtime.boost.alone import BoostAlone, Served
from skvm.runtime.boost.capability import BoostCapability
from tests.unit.runtime.boost.hitting.samples import PROMPT, SALES, FakeLibrary, candidate

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class World:
    """An agent with a shell in a folder, and a model that only says that it was asked."""

    def __init__(self, folder: Path, boost: BoostCapability) -> None:
        self.folder, self.asked = folder, 0

        def run_command(command: str) -> str:
            """Run a shell command."""
            done = subprocess.run(
                ["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False
            )
            return done.stdout + done.stderr

        self.agent = Agent(FunctionModel(self._answer), tools=[run_command], capabilities=[boost])

    def _answer(self, messages: list[object], info: AgentInfo) -> ModelResponse:
        self.asked += 1
        return ModelResponse([TextPart("the model was asked")])


@pytest.fixture
async def library(tmp_path):
    async with Journal(tmp_path / "journal.sqlite") as journal:
        made = FakeLibrary(tmp_path, (candidate(is_terminal=True, closing="Done. {outputs}"),))
        made.journal = journal
        yield made


def world(tmp_path: Path, library: FakeLibrary, tool: str = "run_command") -> World:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "sales.csv").write_bytes(SALES)
    hook = BoostAlone(library, [Served("totals", "sha256:0", "fake/m", "bare-agent")])
    return World(folder, BoostCapability(Hooks((hook,)), tool))


async def test_a_template_answers_through_the_agents_own_tool(tmp_path, library):
    here = world(tmp_path, library)
    result = await here.agent.run(PROMPT)
    assert json.loads((here.folder / "totals.json").read_bytes()) == {"Rome": 8, "Oslo": 4}
    assert result.output == "Done. wrote totals.json (2 keys)"
    assert here.asked == 0
    kinds = [part.part_kind for message in result.all_messages() for part in message.parts]
    assert kinds == ["user-prompt", "tool-call", "tool-return", "text"]
    (event,) = await library.journal.query("boost")
    assert (event.body["event"], event.body["isGood"]) == ("answered", None)


async def test_another_prompt_is_the_models(tmp_path, library):
    here = world(tmp_path, library)
    result = await here.agent.run(PROMPT + " Leave out Rome.")
    assert result.output == "the model was asked"
    assert not (here.folder / "totals.json").exists()


async def test_after_a_bail_out_the_model_goes_on(tmp_path, library):
    here = world(tmp_path, library)
    (here.folder / "sales.csv").write_bytes(SALES.replace(b",", b";"))
    result = await here.agent.run(PROMPT)
    assert result.output == "the model was asked"
    assert not (here.folder / "totals.json").exists()


async def test_without_the_tool_there_is_no_answer(tmp_path, library):
    here = world(tmp_path, library, tool="bash")
    assert (await here.agent.run(PROMPT)).output == "the model was asked"


async def test_an_earlier_conversation_may_change_what_a_prompt_means(tmp_path, library):
    here = world(tmp_path, library)
    before = (await here.agent.run("Amounts are in cents.")).all_messages()
    result = await here.agent.run(PROMPT, message_history=before)
    assert result.output == "the model was asked"
