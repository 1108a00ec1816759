"""A page described in one sentence: its table, form and parts, written out as a skeleton."""

from __future__ import annotations

import html
import re

__all__ = ["skeleton_of"]

_ITEMS = (
    r"((?:[^,.;:()]{1,40},\s+(?:and\s+)?){0,9}[^,.;:()]{1,40}?\s+and\s+[^,.;:()]{1,40}?|"
    r"[^,.;:()]{1,40}?)"
)
_END = (
    r"(?=$|[.;:(]|,\s+(?:and\s+)?(?:a|an|the|inside|with|all|both|each|then|below|above|"
    r"under|followed)\b"
    r"|\s+(?:inside|below|above|under)\b)"
)
_COLUMNS = re.compile(
    rf"\btable\s+(?:with|of|that has)\s+(?:the\s+)?columns?:?\s+{_ITEMS}{_END}", re.IGNORECASE
)
_FORM = re.compile(r"\bform\b", re.IGNORECASE)
_POSTS = re.compile(
    r"\bform\s+that\s+(posts|sends|"
    r"submits)(?:\s+\w+)?\s+to\s+`([^`\n]+)`",
    re.IGNORECASE,
)
_FIELDS = re.compile(rf"\b(?:fields?|inputs?)\s+for\s+{_ITEMS}{_END}", re.IGNORECASE)
_TABLE = re.compile(r"\btables?\b", re.IGNORECASE)
_PARTS = ("header", "main", "footer", "nav")


def skeleton_of(text: str) -> str | None:
    """The skeleton of what a sentence asks for.

    Returns:
        Markup with a cell for each column and a labelled control for each field; ``None`` where it asks for a
        table or form without naming what is in it, or for nothing of the kind.
    """
    table, form = _table(text), _form(text)
    if (table is None and _TABLE.search(text)) or (form is None and _FORM.search(text)):
        return None
    inner = [*(table or []), *(form or [])]
    if not inner:
        return None
    parts = {part for part in _PARTS if re.search(rf"`<?{part}>?`", text)}
    lines: list[str] = []
    if "header" in parts:
        lines += ["<header>", "</header>"]
    if "nav" in parts:
        lines += ["<nav>", "</nav>"]
    lines += ["<main>", *(f"  {line}" for line in inner), "</main>"] if "main" in parts else inner
    if "footer" in parts:
        lines += ["<footer>", "</footer>"]
    return "\n".join(lines)


def _names(listed: str) -> list[str]:
    found = (part.strip(" `*\"'") for part in re.split(r",\s*(?:and\s+)?|\s+and\s+", listed))
    return [part for part in found if part]


def _table(text: str) -> list[str] | None:
    found = _COLUMNS.search(text)
    columns = _names(found.group(1)) if found else []
    if len(columns) < 2:
        return None
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    return [
        "<table>",
        f"  <tr>{head}</tr>",
        f"  <tr>{'<td></td>' * len(columns)}</tr>",
        "</table>",
    ]


def _form(text: str) -> list[str] | None:
    found = _FIELDS.search(text)
    fields = _names(found.group(1)) if found and _FORM.search(text) else []
    if not fields:
        return None
    posts = _POSTS.search(text)
    method = ' method="post"' if posts and posts.group(1).lower() == "posts" else ""
    action = f' action="{html.escape(posts.group(2))}"' if posts else ""
    lines = [f"<form{method}{action}>"]
    for field in fields:
        label = re.sub(r"^(?:an?|the|their|his|her|your)\s+", "", field, flags=re.IGNORECASE)
        choice = re.match(r"(?:choice|selection) of (?:an?\s+|the\s+)?(.+)", label, re.IGNORECASE)
        label = choice.group(1) if choice else label
        name = re.sub(r"[^a-z0-9]+", "-", label.lower().replace("'s", "")).strip("-")
        shown = html.escape(label[0].upper() + label[1:], quote=False)
        control = (
            f'<select name="{name}"><option></option></select>'
            if choice
            else f'<input type="{_type(label)}" name="{name}">'
        )
        lines.append(f"  <label>{shown} {control}</label>")
    return [*lines, "  <button></button>", "</form>"]


def _type(label: str) -> str:
    words = set(re.findall(r"[a-z]+", label.lower()))
    if words & {"mail", "email"}:
        return "email"
    return "date" if "date" in words else "number" if "number" in words and "phone" not in words else "text"
