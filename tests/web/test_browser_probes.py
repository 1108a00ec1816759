"""The pages of ``tool.browser`` in a real browser: each level solved by a harness that has one.

The browser runs beside us, so these runs are unconfined, and their site is on the host's loopback.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.confinement import working

from skvm.evaluate.bench import Bench, RunSpec
from skvm.evaluate.run import open_bench, run_once
from skvm.evidence.record import Outcome, Usage
from skvm.harness.contract import HARNESSES, Facility, RunContext
from skvm.harness.fake import ScriptedSession
from skvm.harness.site import SITE_ORIGIN
from skvm.harness.trajectory import Trajectory
from skvm.llm.contract import CallScope
from skvm.profiler.ask import Asker, probe_task
from skvm.settings import load_settings
from skvm.target.contract import LEVELS, PRIMITIVES, Level

CHROMIUM = shutil.which("chromium")
HAS_PLAYWRIGHT = importlib.util.find_spec("playwright") is not None

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here (package 'chromium')"),
    pytest.mark.skipif(not HAS_PLAYWRIGHT, reason="playwright is not installed (it is in the extra 'dev')"),
]
SEEDS = range(3)
BROWSER = PRIMITIVES.get("tool.browser")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Port:
    """A port no model is behind."""

    @asynccontextmanager
    async def session(
        self, scope: CallScope, *, deadline_s: float | None = None
    ) -> AsyncIterator[ScriptedSession]:
        yield ScriptedSession(["done"], scope=scope, usage=Usage(calls=1))


@asynccontextmanager
async def bench_in(folder: Path) -> AsyncIterator[Bench]:
    settings = load_settings(cache_dir=str(folder / "cache"), tmp_dir=str(folder / "tmp"), env={})
    async with open_bench(settings, sandbox=working("none"), port=Port()) as bench:
        yield bench


@asynccontextmanager
async def real_browser() -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


Answers = Mapping[str, str]
Solve = Callable[[Any, str], Awaitable[Answers]]


@dataclass(frozen=True)
class BrowserAgent:
    """A harness with a browser; what to do in it is written down here, level by level."""

    browser: Any
    solve: Solve

    @property
    def facilities(self) -> frozenset[Facility]:
        return frozenset({Facility.BROWSER, Facility.FILES})

    async def run(self, context: RunContext) -> Trajectory:
        profile = await self.browser.new_context()
        page = await profile.new_page()
        page.set_default_timeout(30_000)
        try:
            files = await self.solve(page, context.prompt)
        finally:
            await profile.close()
        for path, text in files.items():
            await context.cell.write(path, text.encode())
        return Trajectory(
            harness="browser", model=context.model_id, prompt=context.prompt, final_text="Done."
        )


def words(pattern: str, prompt: str) -> tuple[str, ...]:
    found = re.search(pattern, prompt)
    assert found is not None, prompt
    return found.groups()


async def start(page: Any, prompt: str) -> None:
    await page.goto(words(r"Open (\S+) in the browser", prompt)[0])


async def cell(page: Any, name: str) -> str:
    """The cell of a table beside a name, once the script has filled it in."""
    from playwright.async_api import expect

    found = page.get_by_role("row", name=name).get_by_role("cell")
    await expect(found).not_to_have_text("…")
    text: str = await found.inner_text()
    return text


async def read_filled_page(page: Any, prompt: str) -> Answers:
    link, field = words(r"follow the link (\w+)\. .*value of (\w+) in", prompt)
    await start(page, prompt)
    await page.get_by_role("link", name=link, exact=True).click()
    return {"result.txt": await cell(page, field)}


async def fill_in_form(page: Any, prompt: str) -> Answers:
    name, city, seats, place = words(
        r"the name (\w+), the city (\w+), (\d) seats and the place (\w+),", prompt
    )
    await start(page, prompt)
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("City").select_option(city)
    await page.get_by_label("Seats").fill(seats)
    await page.get_by_label(place).check()
    await page.get_by_role("button", name="Find").click()
    return {"result.txt": await page.locator("strong").inner_text()}


async def log_in_and_collect(page: Any, prompt: str) -> Answers:
    user, password = words(r"the user (\w+) with the password ([\w-]+)\.", prompt)
    field, customer = words(r"Find the (\w+) of every order of the customer (\w+) and", prompt)
    await start(page, prompt)
    await page.get_by_role("link", name="Log in").click()
    await page.get_by_label("User").fill(user)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("link", name="Orders").click()
    found: dict[str, str] = {}
    while True:
        rows = page.get_by_role("row", name=customer)
        for at in range(await rows.count()):
            link = rows.nth(at).get_by_role("link")
            number = await link.inner_text()
            await link.click()
            found[number] = await cell(page, field)
            await page.go_back()
        following = page.get_by_role("link", name="Next")
        if not await following.count():
            return {"result.json": json.dumps(found)}
        await following.click()


SOLVE: Mapping[Level, Solve] = {
    Level.L1: read_filled_page,
    Level.L2: fill_in_form,
    Level.L3: log_in_and_collect,
}


@pytest.mark.parametrize("level", LEVELS)
async def test_a_browser_gets_every_level_right(tmp_path: Path, level: Level) -> None:
    async with real_browser() as browser, bench_in(tmp_path) as bench:
        with HARNESSES.temporarily("browser", lambda: BrowserAgent(browser, SOLVE[level])):
            asker = Asker.of(bench, "fake/m", "browser", 120.0, None)
            for seed in SEEDS:
                asked = await asker.ask(BROWSER, level, seed)
                assert asked.verdict is not None, asked.fault
                assert asked.verdict.passed, f"seed {seed}: {asked.verdict.reason}"


@pytest.mark.parametrize("level", LEVELS)
async def test_looking_without_the_scripts_is_not_enough(tmp_path: Path, level: Level) -> None:
    async def look(page: Any, prompt: str) -> Answers:
        probe = BROWSER.probe(level, 0)
        # The right file, but the browser has only been to the first page.
        await start(page, prompt)
        return probe.reference.files

    async with real_browser() as browser, bench_in(tmp_path) as bench:
        with HARNESSES.temporarily("browser", lambda: BrowserAgent(browser, look)):
            asked = await Asker.of(bench, "fake/m", "browser", 120.0, None).ask(BROWSER, level, 0)
    assert asked.verdict is not None, asked.fault
    assert not asked.verdict.passed


async def look_around(folder: Path, level: Level, look: Solve) -> None:
    """Run a browser on the site of a probe, whatever comes of it."""
    probe = BROWSER.probe(level, 0)
    task = probe_task(BROWSER, level, 0, probe, 120.0)
    async with real_browser() as browser, bench_in(folder) as bench:
        spec = RunSpec(task, "fake/m", harness=BrowserAgent(browser, look), site=probe.site)
        record = await run_once(spec, bench)
    assert record.outcome is Outcome.SCORED, record.detail


async def test_wrong_fields_and_no_session_lead_nowhere(tmp_path: Path) -> None:
    seen: list[str] = []

    async def look(page: Any, prompt: str) -> Answers:
        await start(page, prompt)
        origin = page.url.rstrip("/")
        assert origin != SITE_ORIGIN
        for path in ("/desk", BROWSER.probe(Level.L3, 0).secret["wanted"][1].removeprefix("GET ")):
            answer = await page.goto(origin + path)
            seen.append(f"{answer.status} {await page.locator('h1').inner_text()}")
        await page.get_by_role("link", name="Log in").click()
        await page.get_by_label("User").fill("nobody")
        await page.get_by_label("Password").fill("nothing")
        await page.get_by_role("button", name="Log in").click()
        seen.append(await page.locator("p").inner_text())
        return {}

    await look_around(tmp_path, Level.L3, look)
    assert seen == ["403 Not logged in", "403 Not logged in", "Wrong user or password."]


async def test_a_form_sent_with_another_choice_finds_another_booking(tmp_path: Path) -> None:
    seen: list[str] = []

    async def look(page: Any, prompt: str) -> Answers:
        await start(page, prompt)
        await page.get_by_label("Name").fill("Nobody")
        await page.get_by_label("City").select_option(index=1)
        await page.get_by_label("Seats").fill("1")
        await page.get_by_role("button", name="Find").click()
        seen.append(await page.locator("p").first.inner_text())
        await page.get_by_role("link", name="Try again").click()
        await page.get_by_label("Name").wait_for()
        return {}

    await look_around(tmp_path, Level.L2, look)
    assert seen == ["There is no booking like that."]
