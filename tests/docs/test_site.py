"""The site as it is built: nothing remote, no link into the void, no page that nobody finds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.conftest import REPO

_LOADS = {"src", "srcset", "poster", "data"}


class Page(HTMLParser):
    """What a page loads, links to and names."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.in_nav: list[str] = []
        self._nav = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[key] for key in ("id", "name") if key in given}
        self.loads += [given[key] for key in _LOADS & set(given) if tag != "svg"]
        if tag == "link" and given.get("rel") not in {"canonical", "prev", "next"}:
            self.loads.append(given.get("href", ""))
        if tag == "nav":
            self._nav += 1
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
            if self._nav:
                self.in_nav.append(given["href"])

    def handle_endtag(self, tag: str) -> None:
        self._nav -= tag == "nav"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=REPO, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_no_page_needs_anything_from_elsewhere(pages: dict[Path, Page]) -> None:
    remote = {
        f"{path.name}: {address}"
        for path, page in pages.items()
        for address in page.loads
        if urlsplit(address).netloc
    }
    assert not remote
    assert any(page.loads for page in pages.values())


def test_no_style_needs_anything_from_elsewhere(site: Path) -> None:
    styles = sorted(site.rglob("*.css"))
    assert styles
    for path in styles:
        text = path.read_text(encoding="utf-8")
        assert "@import" not in text, path
        assert "url(http" not in text, path
        assert "url(//" not in text, path


def test_every_link_and_anchor_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":  # it is shown at any depth, so its links begin at the root
            continue
        for link in page.links:
            to = urlsplit(link)
            if to.scheme or to.netloc:
                continue
            target = (path.parent / unquote(to.path)).resolve() if to.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                broken.append(f"{path.relative_to(site)}: {link}: no such file")
            elif to.fragment and target in pages and unquote(to.fragment) not in pages[target].anchors:
                broken.append(f"{path.relative_to(site)}: {link}: no such place")
    assert not broken


def test_every_page_is_in_the_navigation(site: Path, pages: dict[Path, Page]) -> None:
    front = site / "index.html"
    seen, todo = set(), [front]
    while todo:
        path = todo.pop()
        if path in seen or path not in pages:
            continue
        seen.add(path)
        todo += [(path.parent / unquote(urlsplit(link).path)).resolve() for link in pages[path].in_nav]
    left = {path.relative_to(site).as_posix() for path in set(pages) - seen} - {"404.html"}
    assert not left


def test_the_search_knows_every_guide(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    known = {entry["location"].partition("#")[0] for entry in index["docs"]}
    guides = {f"guides/{path.stem}.html" for path in (REPO / "docs" / "guides").glob("*.md")}
    assert guides
    assert guides <= known


def test_the_search_works_from_a_folder(site: Path) -> None:
    text = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    assert text.startswith("var __index = ")
    assert (site / "javascripts" / "local-worker.js").is_file()


def test_notes_to_the_runner_are_not_shown(pages: dict[Path, Page]) -> None:
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert "<!-- not run:" not in text, path
