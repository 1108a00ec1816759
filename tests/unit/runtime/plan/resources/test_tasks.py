"""Random programs of real tasks, cancelled at any time, and a provider that really refuses."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models import ModelRequestParameters

from skvm.llm.contract import CallScope
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.llm.port import ModelPort
from skvm.llm.retry import RetryPolicy
from skvm.runtime.plan.resources import Commons, Standing
from skvm.runtime.plan.resources.locks import FileLock
from skvm.settings import Route, load_settings
from tests.unit.runtime.plan.resources.test_commons import Room

ORDER = ("branch", "only:x", "only:y", "cpu", "model:p")
"""Whoever holds one asks within for later ones only, or for what it holds: so do agents."""


@dataclass
class Play:
    """Tasks that hold places, others within them, and what they saw."""

    room: Room
    dice: random.Random
    most: dict[str, int]
    scopes: list[anyio.CancelScope]

    async def work(self, share, lowest):
        if lowest >= len(ORDER):
            return
        held = self.dice.sample(ORDER[lowest:], self.dice.randint(1, min(3, len(ORDER) - lowest)))
        async with share.held(held):
            self.check()
            for _ in range(self.dice.randrange(3)):
                await checkpoint()
            following = max(ORDER.index(need) for need in held) + 1
            if self.dice.random() < 0.3:
                async with share.held([self.dice.choice(held)]):
                    await checkpoint()
            if self.dice.random() < 0.5:
                async with anyio.create_task_group() as group:
                    for _ in range(self.dice.randint(1, 3)):
                        group.start_soon(self.within, share, following)

    async def within(self, share, following):
        with anyio.CancelScope() as scope:
            self.scopes.append(scope)
            await self.work(share, following)

    def check(self):
        for name, standing in self.room.commons.standing().items():
            # Places that were taken away are held until whoever has them is through.
            assert standing.taken <= self.most.get(name, standing.now)

    async def disturb(self):
        while True:
            for _ in range(self.dice.randint(1, 4)):
                await checkpoint()
            event = self.dice.randrange(5)
            self.room.at_s += 0.7
            if event == 0 and self.scopes:
                self.dice.choice(self.scopes).cancel()
            elif event == 1:
                self.room.commons.throttled("p")
            elif event == 2:
                self.room.commons.pause("asked")
            elif event == 3:
                self.room.commons.resume("asked")
            else:
                self.room.commons.try_locks()


async def played(seed, tasks, folder):
    dice = random.Random(seed)
    room = Room(folder, jobs=2, p=4, branch=3)
    play = Play(room, dice, {"cpu": 2, "branch": 3, "model:p": 4, "only:x": 1, "only:y": 1}, [])
    shares = [room.commons.share("a"), room.commons.share("b", 3)]
    with anyio.fail_after(60):
        async with anyio.create_task_group() as outer:
            outer.start_soon(play.disturb)
            async with anyio.create_task_group() as group:
                for _ in range(tasks):
                    group.start_soon(play.within, dice.choice(shares), dice.randrange(3))
            outer.cancel_scope.cancel()
    for standing in room.commons.standing().values():
        assert (standing.taken, standing.waiting) == (0, 0)
    assert room.commons.arbiter.active == 0
    assert not room.commons.arbiter._lanes


@given(seed=st.integers(0, 10**6), tasks=st.integers(1, 25))
def test_tasks_that_are_cancelled_anywhere_leak_nothing_and_never_wait_for_each_other(seed, tasks):
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(played, seed, tasks, Path(folder))


def test_a_provider_that_refuses_gets_fewer_calls_and_all_are_answered(tmp_path):
    under_way, most, refused = 0, 0, 0

    def answer(_):
        nonlocal refused
        if refused < 3:
            refused += 1
            return FakeAnswer("slow down", status=429, headers={"retry-after": "0"})
        return FakeAnswer("ok")

    async def main():
        heard = []
        async with FakeServer(answer) as server:
            route = Route("p/*", "openai-compatible", base_url=server.base_url, api_key="k")
            settings = replace(
                load_settings(cache_dir=str(tmp_path), env={}), routes=(route,), auto_probe=False
            )
            async with (
                ModelPort(settings, retry=RetryPolicy(base_s=0.0, jitter_s=0.0)) as port,
                port.session(CallScope("t")) as session,
            ):
                model = await session.model("p/m")
                commons = Room(tmp_path).commons
                share = commons.share("r")

                async def call():
                    nonlocal under_way, most
                    async with share.held(["model:p"]):
                        under_way += 1
                        most = max(most, under_way)
                        request = ModelRequest([UserPromptPart("go on")])
                        await model.request([request], None, ModelRequestParameters())
                        under_way -= 1

                with commons.heeding(port), port.listening(lambda endpoint: heard.append(endpoint.model_id)):
                    async with anyio.create_task_group() as group:
                        for _ in range(12):
                            group.start_soon(call)
                port.throttled(port.resolve("p/m"))
                return heard, commons.standing()["model:p"]

    heard, standing = anyio.run(main)
    assert heard == ["p/m"] * 3, "and none after they stopped listening"
    assert most == 8
    assert standing.now < 8
    assert standing == Standing(standing.now, 0, 0)


def test_commons_that_close_are_not_waited_for(tmp_path):
    other = FileLock(tmp_path / "exclusive", "only:x", pytest.fail)

    async def main():
        async with Commons(jobs=1, state_dir=tmp_path) as commons, anyio.create_task_group() as group:
            group.start_soon(wait, commons.share("r"))
            while commons.standing().get("only:x") != Standing(1, 0, 1):
                await checkpoint()
            group.cancel_scope.cancel()

    async def wait(share):
        async with share.held(["only:x"]):
            pytest.fail("another one has it")

    assert other.acquire()
    anyio.run(main)
    assert not other.release()
