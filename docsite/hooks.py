"""Hooks of the site's build: pages that are generated, pages that lie elsewhere, links out of the site."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPO = Path(__file__).resolve().parent.parent
if str(REPO) not in sys.path:
    # mkdocs loads this file by its path; the rest is imported by name.
    sys.path.insert(0, str(REPO))

from docsite.navigation import navigation  # noqa: E402

_REMOTE_WORKER = "https://unpkg.com/iframe-worker/shim"
_WORKER = "javascripts/local-worker.js"
_LINK = re.compile(r"(?P<text>\[(?:[^\]\[]|\[[^\]]*\])*\])\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is generated and the figures of ``benchmarks/``; put all in order."""
    from docsite.generated import generated_files

    for uri, content in generated_files().items():
        if (kept := files.get_file_from_path(uri)) is not None:
            files.remove(kept)  # drawn anew, so that it is never old
        files.append(File.generated(config, uri, content=content))
    for path in sorted((REPO / "benchmarks").rglob("*")):
        if path.suffix in {".md", ".png", ".svg"}:
            uri = f"benchmarks/{path.relative_to(REPO / 'benchmarks').as_posix()}"
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    files.append(File.generated(config, "changelog.md", abs_src_path=str(REPO / "CHANGELOG.md")))
    pages = [file.src_uri for file in files.documentation_pages() if file.inclusion.is_included()]
    config.nav = navigation(pages)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Take out notes to the runner of code blocks, and turn links that leave the site into names."""
    here = _place_in_repository(page.file.src_uri)
    parts = re.split(r"(^```.*?^```[ \t]*$)", _COMMENT.sub("", markdown), flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _relinked(part, here, page, files) for part in parts)


def _relinked(text: str, here: str, page: Page, files: Files) -> str:
    def link(found: re.Match[str]) -> str:
        target = found["target"]
        if re.match(r"[a-z]+:", target):
            return found[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        uri = _uri_of(place, files)
        if uri is None:
            return f"{found['text'][1:-1]} (`{place}`)" if _is_there(place) else found[0]
        relative = posixpath.relpath(uri, posixpath.dirname(page.file.src_uri) or ".")
        return f"{found['text']}({relative}{found['anchor'] or ''})"

    return _LINK.sub(link, text)


def _uri_of(place: str, files: Files) -> str | None:
    """The file of the site for a path of the repository, if it has one."""
    names = [place.removeprefix("docs/")] if place.startswith("docs/") else []
    if place == "benchmarks" or place.startswith("benchmarks/"):
        names = [place, f"{place}/README.md"]
    if place == "CHANGELOG.md":
        names = ["changelog.md"]
    return next((name for name in names if name in files.src_uris), None)


def _is_there(place: str) -> bool:
    return not PurePosixPath(place).is_absolute() and (REPO / place).exists()


def _place_in_repository(uri: str) -> str:
    if uri == "changelog.md":
        return "CHANGELOG.md"
    return uri if uri.startswith("benchmarks/") else f"docs/{uri}"


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Take the worker for pages opened from a folder from the site itself."""
    return _with_own_worker(output, posixpath.relpath(_WORKER, posixpath.dirname(page.file.dest_uri) or "."))


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """The same for the page of what is not there."""
    return _with_own_worker(output_content, _WORKER)


def _with_own_worker(output: str, own: str) -> str:
    return output.replace(_REMOTE_WORKER, own)


__all__ = ["on_files", "on_page_markdown", "on_post_page", "on_post_template"]
