"""``tool.browser`` from its words: follows links, runs what the scripts say by hand, keeps the cookie."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from skvm.harness.site import SITE_ORIGIN, Page
from skvm.harness.trajectory import ToolKind
from skvm.target.contract import Act, Answer, Level, Probe


class Browser:
    """A browser by hand: one page at a time, one cookie, the scripts of these pages."""

    def __init__(self, probe: Probe) -> None:
        assert probe.site is not None
        self.site = probe.site
        self.cookie = ""
        self.acts: list[list[Act]] = []
        self.text = ""

    def ask(self, path: str, form: Mapping[str, str] | None = None) -> Page:
        """Get a page or post a form, and follow where it leads."""
        headers = {"cookie": self.cookie} if self.cookie else {}
        method, url = "GET" if form is None else "POST", SITE_ORIGIN + path
        page = self.site.find(method, url, headers=headers, form=form)
        assert page is not None, path
        assert page.status < 400, path
        self.acts.append(
            [
                Act(
                    ToolKind.FETCH,
                    {"url": url, "method": method, "headers": headers, "form": dict(form or {})},
                )
            ]
        )
        if "set-cookie" in page.answer_headers:
            self.cookie = page.answer_headers["set-cookie"].split(";")[0]
        if "location" in page.answer_headers:
            return self.ask(page.answer_headers["location"])
        self.text = page.body
        return page

    def follow(self, name: str) -> None:
        """Follow the link of that name."""
        self.ask({text: path for path, text in self.links()}[name])

    def links(self) -> list[tuple[str, str]]:
        """Path and text of every link."""
        return re.findall(r'<a href="([^"]*)">([^<]*)</a>', self.text)

    def table(self) -> dict[str, str]:
        """The table a script fills in."""
        backwards = re.search(r'\[\.\.\."([^"]*)"\]', self.text)[1]  # type: ignore[index]
        key = int(re.search(r"mark \^ (\d+)", self.text)[1])  # type: ignore[index]
        names = {id: name for name, id in re.findall(r'<th[^>]*>(\w+)</th><td id="(\w+)">', self.text)}
        filled = json.loads(self.ask(f"/parts/{backwards[::-1]}").body)
        return {names[id]: bytes(mark ^ key for mark in marks).decode() for id, marks in filled.items()}


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _filled_page, Level.L2: _form, Level.L3: _session}[level](probe)


def _filled_page(probe: Probe) -> list[Answer]:
    link, field = re.search(r"the link (\w+)\..* value of (\w+) in", probe.prompt).groups()  # type: ignore[union-attr]
    browser = Browser(probe)
    browser.ask("/")
    browser.follow(link)
    return [Answer("", {"result.txt": browser.table()[field]}, browser.acts)]


def _form(probe: Probe) -> list[Answer]:
    words = re.search(r"name (\w+), the city (\w+), (\d) seats and the place (\w+),", probe.prompt)
    assert words is not None
    browser = Browser(probe)
    browser.ask("/")
    form = browser.text
    labels = re.findall(r'<label>(\w+) <\w+ name="(\w+)"', form)
    fields = dict(zip((name for _, name in labels), words.groups()[:3], strict=True))
    assert [label for label, _ in labels] == ["Name", "City", "Seats"]
    assert f"<option>{words[2]}</option>" in form
    fields["place"] = re.search(rf'value="(\w+)"> {words[4]}<', form)[1]  # type: ignore[index]
    fields["stamp"] = re.search(r'\[\.\.\."([^"]*)"\]', form)[1][::-1]  # type: ignore[index]
    browser.ask(re.search(r'action="([^"]*)"', form)[1], fields)  # type: ignore[index]
    found = re.findall(r"Booking code: <strong>([^<]*)<", browser.text)
    return [Answer("", {"result.txt": each}, browser.acts) for each in found]


def _session(probe: Probe) -> list[Answer]:
    user, password = re.search(r"user (\w+) with the password ([\w-]+)\.", probe.prompt).groups()  # type: ignore[union-attr]
    field, customer = re.search(
        r"Find the (\w+) of every order of the customer (\w+) and", probe.prompt
    ).groups()  # type: ignore[union-attr]
    browser = Browser(probe)
    browser.ask("/")
    browser.follow("Log in")
    browser.ask("/login", {"user": user, "password": password})
    browser.follow("Orders")
    found: dict[str, str] = {}
    while True:
        shown = browser.text
        for path, number, owner in re.findall(r'href="([^"]*)">(\d+)</a></td><td>(\w+)<', shown):
            if owner == customer:
                if number in found:
                    return []
                browser.ask(path)
                found[number] = browser.table()[field]
        browser.text = shown
        if not any(text == "Next" for _, text in browser.links()):
            return [Answer("", {"result.json": json.dumps(found)}, browser.acts)] if found else []
        browser.follow("Next")
