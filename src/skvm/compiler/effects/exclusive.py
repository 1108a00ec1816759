"""What a program must have for itself while it runs: a browser, a database file, the installed packages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.compiler.effects.programs import GIT_READS, INSTALLERS, INSTALLING
from skvm.compiler.effects.resources import path_name
from skvm.compiler.reading.names import FILE

__all__ = ["BROWSER", "BROWSER_MODULES", "GIT", "PACKAGES", "database", "exclusive_of", "in_words"]

BROWSER, PACKAGES, GIT = "browser", "packages", "git"
BROWSER_MODULES = frozenset(
    {"playwright", "selenium", "pyppeteer", "helium", "splinter", "undetected_chromedriver", "seleniumbase"}
)
"""Python modules that drive a browser."""
_BROWSERS = frozenset(
    {
        *("playwright", "chromium", "chromium-browser", "google-chrome", "chrome", "firefox", "msedge"),
        *("chromedriver", "geckodriver", "puppeteer", "agent-browser", "browser-use", "playwright-cli"),
    }
)
_DATABASES = frozenset({"sqlite3", "sqlite", "duckdb", "sqlite-utils"})
_DATABASE_FILE = re.compile(r"[\w./*-]+\.(?:db|sqlite3?|duckdb)\b")
_SAYS_BROWSER = re.compile(
    r"\b(?:playwright|selenium|puppeteer|chromium|headless (?:browser|chrome)|web ?browser|"
    r"(?:in|with|using) (?:the|a) browser)\b",
    re.IGNORECASE,
)
_STARTERS = frozenset({"npx", "pnpx", "bunx", "uvx", "python", "python3", "-m", "uv", "run", "exec", "-y"})


def database(file: str) -> str:
    """The name of a database file as something to be had alone.

    Args:
        file: Its path as written; ``*`` where it is not known.
    """
    return f"db:{path_name(file)}"


def exclusive_of(words: Sequence[str]) -> tuple[str, ...]:
    """What the program some words start must have for itself, sorted.

    Args:
        words: A command, the program first.
    """
    rest = list(words)
    while len(rest) > 1 and rest[0] in _STARTERS:
        rest = rest[1:]
    if not rest:
        return ()
    program = rest[0].rsplit("/", 1)[-1].partition("@")[0]
    found: set[str] = set()
    if program in _BROWSERS:
        found.add(BROWSER)
    installs = program in INSTALLERS and set(rest[1:3]) & INSTALLING
    if installs or (program in {"apt", "apt-get", "dpkg"} and "remove" in rest):
        found.add(PACKAGES)
    if program == "git" and _git_verb(rest) not in GIT_READS:
        found.add(GIT)
    if program in _DATABASES:
        files = [word for word in rest[1:] if _DATABASE_FILE.fullmatch(word)]
        found.add(database(files[0] if files else "*"))
    return tuple(sorted(found))


def _git_verb(words: Sequence[str]) -> str:
    """The verb of a git command, past its own options."""
    rest = list(words[1:])
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in {"-C", "-c"} else rest[1:]
    return rest[0] if rest else ""


def in_words(text: str) -> tuple[str, ...]:
    """What a step without a command must have for itself, by its words, sorted."""
    found = {BROWSER} if _SAYS_BROWSER.search(FILE.sub(" ", text)) else set[str]()
    if ".db" in text or "sqlite" in text or "duckdb" in text:
        found |= {database(name) for name in _DATABASE_FILE.findall(text)}
    return tuple(sorted(found))
