"""The page of a bench report in a real browser, opened from a file."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.bench.report.factories import failed, make_plan, make_runs
from tests.unit.bench.report.test_written import EVIL, evil_session, evil_trajectory

from skvm.bench.report.html import report_html
from skvm.bench.report.session import build_session
from skvm.bench.report.write import write_session
from skvm.evidence.record import Outcome

CHROMIUM = shutil.which("chromium")
HAS_PLAYWRIGHT = importlib.util.find_spec("playwright") is not None

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here (package 'chromium')"),
    pytest.mark.skipif(not HAS_PLAYWRIGHT, reason="playwright is not installed (it is in the extra 'dev')"),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Seen:
    """What went wrong in a page, and what it asked for."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.requests: list[str] = []


@asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[tuple[Any, Seen]]:
    """The page in a browser, which notes faults and requests."""
    from playwright.async_api import async_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            page = await (await browser.new_context(**options)).new_page()
            page.set_default_timeout(20_000)
            seen = Seen()
            page.on("pageerror", lambda error: seen.faults.append(str(error)))
            page.on("console", lambda said: seen.faults.append(said.text))
            page.on("dialog", lambda dialog: seen.faults.append(f"dialog: {dialog.message}"))
            page.on("request", lambda request: seen.requests.append(request.url))
            await page.goto(path.as_uri())
            yield page, seen
        finally:
            await browser.close()


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A session with something of everything; the folder of its reports."""
    plan = make_plan(9, ("no-skill", "original", "aot-compiled"))

    def shape(task: str, condition: str, repetition: int) -> dict[str, Any]:
        if (task, repetition) == ("task-001", 0):
            return failed(Outcome.INFRA_FAILED)
        return {"outcome": Outcome.TIMED_OUT} if (task, condition) == ("task-004", "original") else {}

    runs = [
        run for run in make_runs(plan, shape) if (run.task_id, run.condition) != ("task-008", "aot-compiled")
    ]
    parent, subs = build_session(plan, runs)
    write_session(tmp_path, parent, subs, runs, load=lambda run: evil_trajectory())
    return tmp_path


async def shown_tasks(page: Any) -> list[str]:
    found: list[str] = await page.locator("#tasks tbody tr:visible th").all_inner_texts()
    return [each.split()[0] for each in found]


async def test_the_filter_shows_what_fits(session: Path) -> None:
    async with opened(session / "report.html") as (page, seen):
        assert len(await shown_tasks(page)) == 9
        await page.get_by_label("Task", exact=True).fill("003")
        assert await shown_tasks(page) == ["task-003"]
        assert await page.locator("output").inner_text() == "1 of 9 tasks"
        await page.get_by_label("Task", exact=True).fill("")
        await page.get_by_role("combobox", name="Category").select_option("code")
        assert await shown_tasks(page) == ["task-002", "task-005", "task-008"]
        await page.get_by_role("combobox", name="Category").select_option("all")
        await page.get_by_role("combobox", name="Outcome").select_option("a run timed out")
        assert await shown_tasks(page) == ["task-004"]
        await page.get_by_role("combobox", name="Condition").select_option("no-skill")
        assert await shown_tasks(page) == []
        await page.get_by_role("combobox", name="Outcome").select_option("any")
        assert await page.locator("#tasks thead th:visible").all_inner_texts() == [
            "task",
            "category",
            "no-skill",
        ]
        await page.get_by_role("combobox", name="Condition").select_option("aot-compiled")
        await page.get_by_role("combobox", name="Outcome").select_option("not run")
        assert await shown_tasks(page) == ["task-008"]
        assert seen.faults == []


async def test_a_cell_opens_its_runs_by_keyboard_and_gives_the_focus_back(session: Path) -> None:
    async with opened(session / "report.html") as (page, seen):
        cell = page.locator("#tasks tbody tr").nth(1).get_by_role("link").nth(1)
        await cell.focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="task-001 Task 1 · original")
        await dialog.wait_for()
        text = await dialog.inner_text()
        assert "Repetition 0: –, infra failed" in text
        assert "the provider answered 503" in text
        assert "of the rows are right" in text
        await page.keyboard.press("Escape")
        await dialog.wait_for(state="hidden")
        assert await cell.evaluate("link => link === document.activeElement")
        await cell.click()
        await dialog.get_by_role("link").nth(1).click()
        await page.get_by_role("heading", name="Trajectory").wait_for()
        await page.get_by_role("link", name="Back to the report").click()
        await page.get_by_role("heading", name="Conditions", exact=True).wait_for()
        assert seen.faults == []


async def test_an_address_opens_its_cell_at_once(session: Path) -> None:
    async with opened(session / "report.html") as (page, _):
        address = page.url
        await page.goto(f"{address}#cell-3-2")
        await page.get_by_role("dialog", name="task-003 Task 3 · aot-compiled").wait_for()
        await page.get_by_role("button", name="Close").click()
        assert page.url == address
        await page.goto(f"{address}#cell-99-0")
        assert not await page.get_by_role("dialog").is_visible()


async def test_hostile_texts_run_nothing_and_load_nothing(tmp_path: Path) -> None:
    report, runs = evil_session()
    path = tmp_path / "report.html"
    path.write_text(report_html(report, runs), encoding="utf-8")
    async with opened(path) as (page, seen):
        await page.locator("#tasks tbody tr").first.get_by_role("link").first.click()
        dialog = page.get_by_role("dialog")
        await dialog.wait_for()
        visible = " ".join(EVIL.split()).partition("\x00")[0]
        assert visible in await dialog.inner_text()
        assert await page.locator("img").count() == 0
        assert await page.locator("script").count() == 2
        assert seen.faults == []
        assert seen.requests == [path.as_uri()]


@pytest.mark.parametrize(("tasks", "conditions"), [(0, 2), (1, 1), (3, 100)])
async def test_degenerate_sessions_are_pages_too(tmp_path: Path, tasks: int, conditions: int) -> None:
    plan = make_plan(tasks, [f"a-rather-long-condition-{number}" for number in range(conditions)])
    runs = make_runs(plan)
    parent, subs = build_session(plan, runs)
    write_session(tmp_path, parent, subs, runs)
    async with opened(tmp_path / "report.html", viewport={"width": 900, "height": 800}) as (page, seen):
        await page.get_by_role("heading", name="What it cost").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 900
        await page.screenshot(path=tmp_path / "page.png", full_page=True)
        assert seen.faults == []


async def test_the_policy_stops_a_script_that_was_not_written_here(session: Path) -> None:
    path = session / "report.html"
    broken = path.read_text(encoding="utf-8").replace(
        "</main>", "<script>document.title = 'taken'</script></main>"
    )
    path.write_text(broken, encoding="utf-8")
    async with opened(path) as (page, seen):
        assert await page.title() != "taken"
        assert any("Content Security Policy" in fault for fault in seen.faults)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_the_page_fits_and_can_be_read(session: Path, scheme: str, width: int) -> None:
    viewport = {"width": width, "height": 800}
    async with opened(session / "report.html", viewport=viewport, color_scheme=scheme) as (page, seen):
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        low = await page.evaluate(CONTRAST)
        assert low == []
        assert seen.faults == []


CONTRAST = """() => {
  const channels = value => value.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const found = channels(getComputedStyle(each).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const low = [];
  const texts = "h1, h2, p, li, td, th, td a, caption, summary, dd, dt, label, .plot span";
  for (const element of document.querySelectorAll(texts)) {
    if (!element.innerText || !element.innerText.trim() || element.matches("td:has(a)")) continue;
    const ink = light(channels(getComputedStyle(element).color));
    const pair = [ink, light(ground(element))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) low.push(element.className + ": " + element.innerText.slice(0, 30) + ": " + ratio);
  }
  return low;
}"""
