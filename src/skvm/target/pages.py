"""What probes with a site share: pages, values that can only be had by asking, and a look at who asked."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from skvm.harness.sandbox import Cell
from skvm.harness.site import SITE_ORIGIN, Page, Visit
from skvm.harness.trajectory import ToolKind
from skvm.target.answers import same_value
from skvm.target.checks import file_text
from skvm.target.contract import Act, Verdict

__all__ = ["PROPERTIES", "asked", "code", "grade_json", "grade_text", "html_page", "json_page", "missing"]

# No letter that is taken for a digit, and no vowel that would make a word.
_CODE_LETTERS = "bcdfghjkmnpqrstvwxz23456789"
_CODE_GROUPS, _CODE_GROUP_CHARS = 3, 4

PROPERTIES: tuple[str, ...] = (
    *("badge", "batch", "crate", "docket", "label", "locker", "permit", "pledge", "route", "seal"),
    *("shelf", "stamp", "ticket", "token", "vault", "voucher"),
)
"""Names of properties whose values are codes."""


def code(rng: random.Random) -> str:
    """A value nobody can guess, easy to copy: ``k7qd-93mz-x4vt``."""
    drawn = rng.choices(_CODE_LETTERS, k=_CODE_GROUPS * _CODE_GROUP_CHARS)
    groups = ["".join(drawn[at : at + _CODE_GROUP_CHARS]) for at in range(0, len(drawn), _CODE_GROUP_CHARS)]
    return "-".join(groups)


def json_page(path: str, value: Any, **options: Any) -> Page:
    """A JSON document; ``options`` as in ``Page``."""
    return Page(path, json.dumps(value) + "\n", content_type="application/json", **options)


def html_page(path: str, title: str, body: str, **options: Any) -> Page:
    """A web page with a heading; ``options`` as in ``Page``."""
    text = (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )
    return Page(path, text, **options)


def asked(
    path: str,
    *,
    query: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> Act:
    """The request of an agent for a page of its site; with a ``form`` it is a POST."""
    url = SITE_ORIGIN + path + (f"?{urlencode(query)}" if query else "")
    arguments: dict[str, Any] = {"url": url, "method": "GET" if form is None else "POST"}
    if headers:
        arguments["headers"] = dict(headers)
    if form is not None:
        arguments["form"] = dict(form)
    return Act(ToolKind.FETCH, arguments)


def missing(visits: Sequence[Visit] | None, wanted: Sequence[str]) -> str | None:
    """The first request of ``wanted`` the site did not get and grant, ``None`` if it got all.

    Args:
        visits: What it got; ``None`` where given work is judged by its evidence alone.
        wanted: ``GET /path?a=1``, the query in order of name.
    """
    if visits is None:
        return None
    granted = {_line(visit) for visit in visits if visit.status < 400}
    return next((line for line in wanted if line not in granted), None)


def _line(visit: Visit) -> str:
    query = urlencode(sorted(visit.query.items()))
    return f"{visit.method} {visit.path}{'?' if query else ''}{query}"


async def grade_text(cell: Cell, path: str, expected: str) -> Verdict:
    """Whether a file holds one value and nothing else; quotation marks around it do not matter."""
    said = await file_text(cell, path)
    if said is None:
        return Verdict(False, f"{path} was not written")
    right = said.strip().strip("\"'") == expected
    return Verdict(right, f"expected {expected!r}, {path} says {said[:100]!r}")


async def grade_json(cell: Cell, path: str, expected: Any, *, unordered: str | None = None) -> Verdict:
    """Whether a file holds a JSON value.

    Args:
        cell: Where.
        path: Of the file.
        expected: The value.
        unordered: Field of the value, a list, whose order is free.
    """
    said = await file_text(cell, path)
    if said is None:
        return Verdict(False, f"{path} was not written")
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        return Verdict(False, f"{path} is not JSON: {said[:100]!r}")
    if unordered is not None and isinstance(value, dict) and isinstance(value.get(unordered), list):
        value = {**value, unordered: sorted(value[unordered], key=str)}
        expected = {**expected, unordered: sorted(expected[unordered], key=str)}
    right = same_value(value, expected)
    return Verdict(right, f"expected {json.dumps(expected)}, {path} says {said[:300]}")
