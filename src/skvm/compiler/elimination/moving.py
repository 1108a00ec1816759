"""From the passages that leave to edits, and the files they leave for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skvm.compiler.elimination.choice import Chosen
from skvm.compiler.elimination.passages import Outline, Passage, Stretch
from skvm.compiler.elimination.pieces import Piece, PieceKind
from skvm.compiler.elimination.pointers import (
    contents_of,
    lead_of,
    listing_pointer,
    section_pointer,
)
from skvm.compiler.elimination.titles import bare_title, moment_of, slug_of
from skvm.compiler.elimination.tokens import ESTIMATE, estimate_tokens
from skvm.compiler.reading.norms import is_normative, plain
from skvm.skill.edit import Edit
from skvm.skill.ir import Heading
from skvm.target.contract import Level

__all__ = ["Move", "Moves", "move_out"]

RULE = "move out"


@dataclass(frozen=True, slots=True)
class Move:
    """One passage that leaves.

    Args:
        edit: What stands in its place.
        path: Where it goes.
        title: The heading it stood under.
        saved_tokens: Tokens fewer in ``SKILL.md``, estimated.
    """

    edit: Edit
    path: str
    title: str
    saved_tokens: int

    def record(self) -> dict[str, Any]:
        """The move as the artifact holds it."""
        span = self.edit.span
        return {
            "path": self.path,
            "title": self.title,
            "span": [span.start, span.end],
            "tokensSaved": self.saved_tokens,
        }


@dataclass(slots=True)
class Moves:
    """All moves of a skill, and the files they fill."""

    moves: list[Move] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)


def move_out(outline: Outline, chosen: Sequence[Chosen]) -> Moves:
    """Turn chosen passages into edits and files.

    Args:
        outline: The skill.
        chosen: Passages in order of place.
    """
    mover = _Mover(outline)
    by_heading: dict[int | None, list[Chosen]] = {}
    for found in chosen:
        by_heading.setdefault(found.passage.heading, []).append(found)
    for members in by_heading.values():
        if members[0].passage.is_section:
            mover.section(members[0])
        else:
            mover.listings(members)
    return mover.made


class _Mover:
    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.layout = outline.layout
        self.skill = outline.skill
        self.made = Moves()
        self._taken = {resource.path.casefold() for resource in self.skill.resources}
        self._line_end = "\r\n" if b"\r\n" in self.skill.source else "\n"

    def section(self, chosen: Chosen) -> None:
        """Move everything below a heading that need not stay; the heading stays and goes along."""
        passage = chosen.passage
        heading = self._heading(passage)
        path = self._path(slug_of(heading.title))
        start = self.layout.tokens.lines(heading.span).start
        whole = self.skill.source[start : passage.span.end]
        children = self._children(passage)
        moment = moment_of(bare_title(heading.title), is_procedure=passage.has_procedure)
        if all(piece.kind is PieceKind.TABLE for piece in passage.pieces):
            moment = "when looking this up"
        contents = contents_of(self.layout, passage.pieces, children)
        parts = [
            section_pointer(self.layout, path, moment, contents, has_rules=_begins_with_rules(passage.kept)),
            *(self._kept(stretch) for stretch in passage.kept),
        ]
        text = "\n" + "\n\n".join(parts) + "\n"
        self._add(chosen, path, text, _ended(whole))

    def listings(self, members: Sequence[Chosen]) -> None:
        """Move the long listings and tables below one heading into one file, each under what announced it."""
        heading = self._heading(members[0].passage)
        path = self._path(slug_of(heading.title))
        pieces = self.layout.within(heading.section)
        titles = _titles(
            [lead_of(self.layout, pieces, pieces.index(found.passage.pieces[0])) for found in members]
        )
        body = [f"# {bare_title(heading.title)}\n".encode()]
        many = len(members) > 1
        for found, title in zip(members, titles, strict=True):
            piece = found.passage.pieces[0]
            raw = self.skill.source[piece.span.start : piece.span.end]
            body += [f"\n## {title}\n\n".encode() if many else b"\n", _ended(raw)]
            above = bare_title(heading.title)
            pointer = listing_pointer(self.layout, path, title if many else None, piece, above=above)
            self._add(found, path, f"{' ' * piece.indent}{pointer}\n", b"".join(body))

    def _add(self, chosen: Chosen, path: str, text: str, data: bytes) -> None:
        passage = chosen.passage
        if self._line_end != "\n":
            text = text.replace("\r\n", "\n").replace("\n", self._line_end)
        raw = self.skill.source[passage.span.start : passage.span.end]
        saved = estimate_tokens(raw) - estimate_tokens(text.encode())
        edit = Edit(
            span=passage.span,
            new_text=text,
            reason=f"to {path}, read on demand: {saved} tokens fewer (estimate); {_levels(chosen.held)}",
            rule=RULE,
            releases=self._rows(passage),
            moved=(path,),
        )
        self.made.moves.append(Move(edit, path, self._heading(passage).title, saved))
        self.made.files[path] = data

    def _rows(self, passage: Passage) -> tuple[str, ...]:
        """Rows that go along with their table although they are worded like rules; the proof names each."""
        kept = {piece.span for stretch in passage.kept for piece in stretch.pieces}
        tables = [
            piece for piece in passage.pieces if piece.kind is PieceKind.TABLE and piece.span not in kept
        ]
        rows = [plain(line) for piece in tables for line in self.skill.text(piece.span).splitlines()]
        return tuple(dict.fromkeys(row for row in rows if is_normative(row)))

    def _heading(self, passage: Passage) -> Heading:
        if passage.heading is None:
            raise ValueError("a passage stands under a heading")
        return self.skill.headings[passage.heading]

    def _children(self, passage: Passage) -> list[Heading]:
        return [found for found in self.skill.headings if found.parent == passage.heading]

    def _path(self, slug: str) -> str:
        number = 1
        path = f"references/{slug}.md"
        while path.casefold() in self._taken:
            number += 1
            path = f"references/{slug}-{number}.md"
        self._taken.add(path.casefold())
        return path

    def _kept(self, stretch: Stretch) -> str:
        lines = [self.skill.text(stretch.heading.span).strip("\r\n") + "\n"] if stretch.heading else []
        previous: Piece | None = None
        for piece in stretch.pieces:
            if previous is not None and not self._adjoin(previous, piece):
                lines.append("")
            lines.append(self.skill.text(piece.span).rstrip("\r\n"))
            previous = piece
        return "\n".join(lines)

    def _adjoin(self, first: Piece, second: Piece) -> bool:
        if first.kind is PieceKind.ITEM and second.kind is PieceKind.ITEM:
            return first.is_numbered == second.is_numbered or first.indent != second.indent
        return first.span.end == second.span.start


def _begins_with_rules(kept: Sequence[Stretch]) -> bool:
    return bool(kept) and kept[0].heading is None


def _ended(raw: bytes) -> bytes:
    return raw.rstrip(b"\r\n") + b"\n"


def _titles(leads: Sequence[str]) -> list[str]:
    """A title for each listing, no two the same."""
    found: list[str] = []
    for number, lead in enumerate(leads, start=1):
        found.append(lead if lead and lead not in found else f"{lead or 'Part'} {number}".strip())
    return found


def _levels(held: Mapping[str, Level]) -> str:
    return "the target holds " + ", ".join(f"{name} {level}" for name, level in sorted(held.items()))


__all__ += ["ESTIMATE"]
