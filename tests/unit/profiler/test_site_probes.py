"""Probes with a site, through the whole profiler: what the site was asked reaches the oracle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skvm.profiler.measure import measure
from skvm.profiler.plan import Request
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.store import ProfileStore
from tests.unit.profiler.solver import bench_in

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("name", ["tool.web", "tool.browser"])
async def test_who_asks_the_site_is_measured_at_its_level(tmp_path: Path, name: str) -> None:
    path = tmp_path / "dials.json"
    path.write_text(json.dumps({"primitives": {name: {"L1": 1, "L2": 1}}}))
    request = Request(f"sim/{path}", "sim", [PRIMITIVES.get(name)])
    async with bench_in(tmp_path) as bench:
        found = await measure(request, bench, ProfileStore(tmp_path / "profiles"))
    assert found.profile.capabilities == {name: Level.L2}
