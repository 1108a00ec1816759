"""The page of a plan run in a real browser, opened from a file."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.test_plan_trace import failed
from tests.unit.runtime.plan.tracing.legs import begun, diamond, ended, finished, started
from tests.web.test_bench_report import CONTRAST

from skvm.cli.plan_trace_page import trace_page
from skvm.runtime.plan.tracing.timeline import LegRecords, timeline_of

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


@asynccontextmanager
async def opened(folder: Path, legs: list[LegRecords], **options: Any) -> AsyncIterator[Any]:
    """The page in a browser; faults and everything it asks for are noted."""
    from playwright.async_api import async_playwright

    file = folder / "run.html"
    file.write_text(trace_page(timeline_of(legs)), encoding="utf-8")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            page = await (await browser.new_context(**options)).new_page()
            page.set_default_timeout(20_000)
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda said: faults.append(said.text))
            page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
            page.on("request", lambda request: faults.append(request.url))
            await page.goto(file.as_uri())
            yield page
            assert faults == [file.as_uri()]
        finally:
            await browser.close()


async def drawn(page: Any) -> list[str]:
    """What stands in the bars."""
    found: list[str] = await page.locator("#bars text").all_text_contents()
    return found


async def test_every_step_is_drawn_and_told_when_it_is_clicked(tmp_path: Path) -> None:
    async with opened(tmp_path, [diamond()]) as page:
        assert sorted(await drawn(page)) == ["1 Step 1", "2 Step 2", "3 Step 3", "4 Step 4"]
        box = await page.locator("#rows").bounding_box()
        await page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 33)
        told = page.locator("#node")
        assert await told.get_by_role("heading").inner_text() == "2 Step 2"
        assert "3.0 s, from 1.0 s to 4.0 s" in await told.inner_text()
        assert await page.locator("#bars .arrow.before").count() == 1
        assert await page.locator("#bars .arrow.behind").count() == 1
        await told.get_by_role("button", name="4 Step 4").click()
        assert await told.get_by_role("heading").inner_text() == "4 Step 4"
        assert page.url.endswith("#step-3")


async def test_everything_is_reached_by_keys(tmp_path: Path) -> None:
    from playwright.async_api import expect

    async with opened(tmp_path, [diamond()]) as page:
        await page.locator("#rows").focus()
        heading = page.locator("#node h2")
        seen = []
        for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "End", "Home"):
            await page.keyboard.press(key)
            seen.append((await heading.inner_text())[0])
        assert seen == ["1", "3", "2", "3", "4", "1"]
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.tagName") == "H2"
        await page.keyboard.press("Escape")
        assert await page.evaluate("document.activeElement.id") == "rows"
        await page.keyboard.press("+")
        await page.keyboard.press("+")
        await expect(page.locator("#bars")).not_to_contain_text("4 Step")
        await page.keyboard.press("0")
        await expect(page.locator("#bars")).to_contain_text("4 Step")
        await page.keyboard.press("Escape")
        assert await heading.count() == 0


async def test_words_of_strangers_stay_words(tmp_path: Path) -> None:
    async with opened(tmp_path, [failed()], color_scheme="dark") as page:
        assert await page.locator("img").count() == 0
        await page.get_by_role("link", name="2", exact=True).first.click()
        told = await page.locator("#node").inner_text()
        assert "</script><img" in told
        assert "Exit code" in told
        assert "\u202e" not in await page.content()
        await page.locator("#tools select").select_option("left")
        assert await page.locator("#steps tbody tr").count() == 1
        assert "1 of 6 steps" in await page.locator("#tools output").inner_text()


async def test_a_run_that_was_cut_short_and_taken_up_again_shows_both(tmp_path: Path) -> None:
    first = LegRecords(started(), begun=(begun("2", 1.0),), ended=(ended("1", 0.0, 2.0),))
    again = LegRecords(
        started(3600, resumed=True), ended=(ended("2", 0.0, 2.0, attempt=2),), finished=finished(2.0)
    )
    async with opened(tmp_path, [first, again]) as page:
        assert await page.locator("#bars .leg.cut").count() == 1
        assert "taken up again after 59 min 58 s" in await page.locator("#levels").text_content()
        assert await page.locator("#bars .s-again").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_and_nothing_is_wider_than_the_window(tmp_path: Path, scheme: str) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": 380, "height": 800}}
    async with opened(tmp_path, [failed()], **options) as page:
        await page.get_by_role("link", name="2", exact=True).first.click()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 380
        assert await page.evaluate(CONTRAST) == []


async def test_ten_thousand_steps_are_drawn_with_few_elements(tmp_path: Path) -> None:
    many = [ended(f"s{at}", at // 500 * 1.0, at // 500 + 0.75) for at in range(10_000)]
    leg = LegRecords(started(), ended=tuple(many), finished=finished(20.0))
    async with opened(tmp_path, [leg]) as page:
        assert await page.locator("#bars *").count() < 1500
        assert await page.locator("#steps tbody tr").count() == 100
        await page.locator("#rows").focus()
        await page.keyboard.press("End")
        assert (await page.locator("#node h2").inner_text()).startswith("s9999")
        assert await page.evaluate("document.getElementById('rows').scrollTop") > 9_000
        await page.get_by_label("search").fill("s4242")
        assert await page.locator("#steps tbody tr").count() == 1
