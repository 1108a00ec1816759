"""A site: pages an evaluator serves to an agent, as data.

Its pages live outside the work directory and are seen only by asking for them. Inside a cell a site is
always at ``SITE_ORIGIN``, so that a prompt that names it is the same text in every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

__all__ = ["SITE_ORIGIN", "SITE_PORT", "Page", "Site", "Visit"]

SITE_PORT = 8017
SITE_ORIGIN = f"http://127.0.0.1:{SITE_PORT}"
"""Where a site is, as an agent sees it."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a site, and the requests that get it.

    Args:
        path: Decoded path, from ``/``.
        body: The answer's text, UTF-8.
        method: Request method; a ``HEAD`` is answered like its ``GET``.
        query: Query fields, all of them, in any order.
        form: Fields a request body must hold, form-encoded or a JSON object; ``None`` takes any body.
        headers: Header fields a request must carry, names in lower case. A ``cookie`` must be among the
            request's cookies (``name=value``).
        status: Status code.
        content_type: Of the answer.
        answer_headers: Further header fields of the answer (``set-cookie``, ``location``).
    """

    path: str
    body: str
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    answer_headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request a site got.

    Args:
        method: In upper case.
        path: Decoded path.
        query: Query fields.
        status: What was answered.
        form: Body fields, where the body was form-encoded or a JSON object.
    """

    method: str
    path: str
    query: Mapping[str, str]
    status: int
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """Pages; the first one that fits a request answers it.

    Args:
        pages: In order of precedence.
    """

    pages: tuple[Page, ...]

    def find(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Page | None:
        """The page that answers a request, ``None`` for not found.

        Args:
            method: Request method.
            target: Path and query as they were sent, or a whole URL.
            headers: Header fields, names in lower case.
            form: Body fields.
        """
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        method = "GET" if method.upper() == "HEAD" else method.upper()
        return next(
            (
                page
                for page in self.pages
                if page.method == method
                and page.path == (_decoded(parts.path) or "/")
                and dict(page.query) == query
                and _carries(headers or {}, page.headers)
                and (page.form is None or page.form.items() <= (form or {}).items())
            ),
            None,
        )


def _decoded(path: str) -> str:
    from urllib.parse import unquote

    return unquote(path)


def _carries(sent: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    for name, value in wanted.items():
        if name == "cookie":
            cookies = {each.strip() for each in sent.get("cookie", "").split(";")}
            if value not in cookies:
                return False
        elif sent.get(name) != value:
            return False
    return True
