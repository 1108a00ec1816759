"""A cell on demand: opened by its first use, once, whoever uses it; what goes wrong reaches who asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from skvm.errors import InfrastructureError
from skvm.harness.fake import FakeSandbox
from skvm.harness.lazy_cell import open_on_demand
from skvm.harness.sandbox import Cell, Policy, Sandbox

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Counting:
    """Counts what is opened and closed."""

    inner: Sandbox
    opened: int = 0
    closed: int = 0
    name: str = "counting"

    @asynccontextmanager
    async def open(self, policy: Policy) -> AsyncIterator[Cell]:
        """Open, and count."""
        self.opened += 1
        # A scope that must be left in the task that entered it, as a real cell has.
        with anyio.CancelScope():
            async with self.inner.open(policy) as cell:
                yield cell
        self.closed += 1


async def test_it_is_never_opened_if_nobody_uses_it(tmp_path: Path) -> None:
    sandbox = Counting(FakeSandbox())
    async with open_on_demand(sandbox, Policy(tmp_path)):
        pass
    assert (sandbox.opened, sandbox.closed) == (0, 0)


async def test_it_is_opened_once_by_whoever_comes_first(tmp_path: Path) -> None:
    sandbox = Counting(FakeSandbox())
    async with open_on_demand(sandbox, Policy(tmp_path)) as cell:
        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(cell.write, f"{number}.txt", b"x")
        assert [entry.name for entry in await cell.list()] == [f"{n}.txt" for n in range(4)]
        assert (await cell.read("0.txt")) == b"x"
        assert (await cell.execute("echo hi", timeout_s=10)).stdout == "hi\n"
        assert sandbox.closed == 0
    assert (sandbox.opened, sandbox.closed) == (1, 1)


async def test_an_error_of_its_user_is_passed_on_as_it_is(tmp_path: Path) -> None:
    sandbox = Counting(FakeSandbox())

    async def use() -> None:
        async with open_on_demand(sandbox, Policy(tmp_path)) as cell:
            await cell.list()
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await use()
    assert sandbox.closed == 1


async def test_what_opening_raises_reaches_every_call(tmp_path: Path) -> None:
    class Broken:
        name = "broken"

        @asynccontextmanager
        async def open(self, policy: Policy) -> AsyncIterator[Cell]:
            raise InfrastructureError("no namespaces here")
            yield

    async with open_on_demand(Broken(), Policy(tmp_path)) as cell:
        for _ in range(2):
            with pytest.raises(InfrastructureError, match="no namespaces"):
                await cell.read("x")


async def test_a_cancelled_user_closes_it(tmp_path: Path) -> None:
    sandbox = Counting(FakeSandbox())
    with anyio.move_on_after(0.2) as scope:
        async with open_on_demand(sandbox, Policy(tmp_path)) as cell:
            await cell.list()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert sandbox.opened == 1


async def test_a_used_cell_outlives_the_task_that_opened_it(tmp_path: Path) -> None:
    async with open_on_demand(FakeSandbox(), Policy(tmp_path)) as cell:

        async def once() -> None:
            await cell.write("a.txt", b"a")

        async with anyio.create_task_group() as group:
            group.start_soon(once)
        assert await cell.read("a.txt") == b"a"
