"""The skills we ship, put into a user's home by ``skvm skills install``, really reach the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from skvm.cli.main import run as run_skvm
from skvm.evidence.record import Outcome
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.skills.places import LOOKERS
from skvm.skills.shipped import shipped_skills
from tests.harness.conftest import GetProgram
from tests.harness.staging import Stage, Steps

pytestmark = [pytest.mark.anyio, pytest.mark.harness]

BODY = "One report for each task, once the user has what they asked for."
"""What stands in the body of skvm-jit, and not in what is listed of it."""


@dataclass(frozen=True)
class User:
    """A user of a program.

    Args:
        config: A file of theirs, without which there is nothing to be ``native`` with, and its text.
        load: The call that loads skvm-jit; sees what the model was told.
    """

    config: tuple[str, str]
    load: Callable[[Any], FakeToolCall]


def call(name: str, /, **arguments: str) -> Callable[[Any], FakeToolCall]:
    return lambda _: FakeToolCall(name, arguments)


def read_what_is_listed(body: Any) -> FakeToolCall:
    (place,) = set(re.findall(r"<location>(\S*/skvm-jit/SKILL\.md)</location>", str(body["messages"])))
    return FakeToolCall("read", {"path": place})


USERS = {
    "claude-code": User((".claude/settings.json", "{}"), call("Skill", skill="skvm-jit")),
    "codex": User(
        (".codex/config.toml", ""), call("exec_command", cmd="cat ~/.codex/skills/skvm-jit/SKILL.md")
    ),
    "hermes": User((".hermes/config.yaml", "agent: {}\n"), call("skill_view", name="skvm-jit")),
    "openclaw": User((".openclaw/openclaw.json", "{}"), read_what_is_listed),
    "opencode": User((".config/opencode/opencode.json", "{}"), call("skill", name="skvm-jit")),
    "pi": User((".pi/agent/settings.json", "{}"), read_what_is_listed),
}


class LoadOnce(Steps):
    """A model that loads the skill once it is told of it, then says its last words."""

    def __init__(self, load: Callable[[Any], FakeToolCall]) -> None:
        super().__init__(FakeToolCall("none", {}))
        self.load = load

    def __call__(self, body: dict[str, Any]) -> FakeAnswer:
        """Answer one request."""
        if "skvm-jit" in str(body):
            self.calls: Sequence[FakeToolCall] = (self.load(body),)
        return super().__call__(body)


@pytest.fixture(params=sorted(USERS))
def name(request: pytest.FixtureRequest, get_program: GetProgram) -> str:
    get_program(request.param)
    return str(request.param)


async def test_installed_skills_are_told_to_the_model_and_can_be_loaded(
    name: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, user = tmp_path / "user", USERS[name]
    config = home / user.config[0]
    config.parent.mkdir(parents=True)
    config.write_text(user.config[1])
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setenv("HOME", str(home))
    for looker in LOOKERS:
        for variable in filter(None, (looker.variable, looker.parent_variable)):
            monkeypatch.delenv(variable, raising=False)
    # Where the program is found by its folder, nobody has to name it.
    assert run_skvm(["skills", "install"]) == 0
    steps = LoadOnce(user.load)
    done = await stage.run(name, steps, prompt="Say hello.", config_mode="native", sandbox="auto")
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    told = " ".join(str([request.body for request in done.requests]).split())
    for skill in shipped_skills():
        assert skill.name in told
    assert "Reports what a skill got wrong in a task that has just ended" in told
    assert BODY in told
