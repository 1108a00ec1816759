"""What a compile must keep of a skill, and what of it a set of edits would lose.

Kept are the frontmatter, headings, code (fenced or indented), references, and of the prose: normative
sentences, commands between back-ticks, list items with numbers or limits, and rows of tables. A text may go
where the edit that replaces it names it in ``releases``, and may stand elsewhere where the edit moves it
into a file of the bundle (``moved``) and leaves a line that says when to read it. What is normative never
moves: a rule that does not stand before the reader's eyes is not followed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from skvm.compiler.placing import Places, touching
from skvm.compiler.reading.norms import has_limit, is_normative, is_pointer, plain
from skvm.compiler.reading.prose import Block, BlockKind, Prose
from skvm.compiler.requirements import read
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.skill.ir import Heading, Skill

__all__ = ["Loss", "find_losses"]

_INLINE = re.compile(rb"(?<!`)`([^`\n]+)`(?!`)")
_COMMAND = re.compile(r"(?:\$ ?|sudo )?[\w./~-]+(?:\s+\S+)+$")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:|#|//", re.IGNORECASE)
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that would be lost.

    Args:
        message: What and how, for a person.
        culprits: The edits at fault (indices); nobody in particular where empty.
    """

    message: str
    culprits: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Item:
    """A piece of prose that must be kept; ``text`` with white space made plain."""

    kind: str
    span: Span
    text: str
    is_normative: bool = False


def find_losses(
    skill: Skill, made: Skill, edits: Mapping[int, Edit], files: Mapping[str, bytes]
) -> list[Loss]:
    """What of a skill its edited form does not hold any more.

    Args:
        skill: Before.
        made: After.
        edits: What made the one into the other, by index.
        files: Bundle files added with them.
    """
    keeper = _Keeper(skill, made, edits, files)
    return [
        *keeper.frontmatter(),
        *keeper.headings(),
        *keeper.moves(),
        *keeper.code(),
        *keeper.prose(),
        *keeper.references(),
    ]


class _Keeper:
    """One comparison; what both skills say is read when first needed."""

    def __init__(
        self, skill: Skill, made: Skill, edits: Mapping[int, Edit], files: Mapping[str, bytes]
    ) -> None:
        self.skill = skill
        self.made = made
        self.edits = edits
        self.files = {path: data.decode("utf-8", "replace") for path, data in files.items()}
        self.released = {
            index: [plain(text) for text in edit.releases] for index, edit in edits.items() if edit.releases
        }
        self.places = Places(list(edits.values()))
        self._words: str | None = None
        self._plain = {path: plain(text) for path, text in self.files.items()}

    # Who may let a text go

    def spared(self, span: Span, text: str, *, normative: bool = False, verbatim: bool = False) -> bool:
        """Whether an edit that replaces a place names the text, or moves it to where it is found."""
        wanted = plain(text)
        for index in touching(self.edits, span):
            edit = self.edits[index]
            if any(wanted in released for released in self.released.get(index, ())):
                return True
            for path in () if normative else edit.moved:
                held = self.files.get(path, "")
                is_there = self.skill.text(span) in held if verbatim else wanted in self._plain.get(path, "")
                if is_there and is_pointer(edit.new_text, path):
                    return True
        return False

    def _lost(self, what: str, span: Span) -> Loss:
        return Loss(what, touching(self.edits, span))

    # The parts

    def frontmatter(self) -> Iterable[Loss]:
        front = self.skill.source[: self.skill.body.start]
        was, now = self.skill.frontmatter is None, self.made.frontmatter is None
        if front != self.made.source[: self.made.body.start] or was != now:
            yield self._lost("the frontmatter would change", Span(0, len(front)))

    def headings(self) -> Iterable[Loss]:
        """After must be before, in order, without those that may go."""
        after = [(heading.level, heading.title) for heading in self.made.headings]
        at = 0
        for heading in self.skill.headings:
            if at < len(after) and after[at] == (heading.level, heading.title):
                at += 1
            elif not self._heading_spared(heading):
                blamed = frozenset(
                    i for found in self.skill.headings for i in touching(self.edits, found.span)
                )
                yield Loss(f"the heading {heading.title[:_SHOWN]!r} would change or go", blamed)
                return
        if at < len(after):
            yield Loss(f"a heading would come in: {after[at][1][:_SHOWN]!r}", self._speakers(after[at][1]))

    def _heading_spared(self, heading: Heading) -> bool:
        line = self.skill.text(heading.span).strip()
        return self.spared(heading.span, line) or self.spared(heading.span, heading.title)

    def code(self) -> Iterable[Loss]:
        after = Counter(_code_of(self.made))
        for (info, text), span in zip(_code_of(self.skill), _code_spans(self.skill), strict=True):
            if after[info, text] > 0:
                after[info, text] -= 1
            elif not self.spared(span, text, verbatim=True):
                yield self._lost("a code block would change or go", span)
        if len(self.made.indented) > len(self.skill.indented):
            untouched = (span for span in self.skill.indented if not self.places.is_near(span))
            known = {self.places.shifted(span) for span in untouched}
            for span in self.made.indented:
                if span not in known:
                    yield Loss("prose would become indented code", self._inside(span))

    def moves(self) -> Iterable[Loss]:
        """What an edit moves must stand in its files line by line, unless it is named or still there."""
        for index, edit in self.edits.items():
            if not edit.moved:
                continue
            if absent := sorted(path for path in edit.moved if path not in self.files):
                yield Loss(f"nothing is moved to {absent[0]}: no such file is added", frozenset({index}))
                continue
            lines = {line.strip() for line in edit.new_text.splitlines()}
            for path in edit.moved:
                lines |= {line.strip() for line in self.files[path].splitlines()}
            named = self.released.get(index, ())
            for line in self.skill.text(edit.span).splitlines():
                bare = line.strip()
                if bare and bare not in lines and not any(plain(bare) in text for text in named):
                    message = f"a line would be moved nowhere: {bare[:_SHOWN]!r}"
                    yield Loss(message, frozenset({index}))
                    break

    def prose(self) -> Iterable[Loss]:
        """Only what the edits touch is read again, as long as the rest stands where it must."""
        before, after = read(self.skill).prose, read(self.made).prose
        standing = {(block.kind, block.span) for block in after.blocks}
        touched, is_shifted = [], True
        for index, block in enumerate(before.blocks):
            if self.places.is_near(block.span):
                touched.append(index)
            elif (block.kind, self.places.shifted(block.span)) not in standing:
                is_shifted = False
        indices = touched if is_shifted else range(len(before.blocks))
        for item in _items(before, indices):
            if not self._stands(item, after) and not self.spared(
                item.span, item.text, normative=item.is_normative
            ):
                yield self._lost(f"{item.kind} would be lost: {item.text[:_SHOWN]!r}", item.span)

    def _stands(self, item: _Item, after: Prose) -> bool:
        if self._words is None:
            self._words = "\0".join(plain(self.made.text(block.span)) for block in after.blocks)
        return item.text in self._words

    def references(self) -> Iterable[Loss]:
        known = {ref.target for ref in self.skill.references if ref.resource is None}
        fresh = {ref.target for ref in self.made.references if ref.resource is None} - known
        for target in sorted(fresh):
            if not _SCHEME.match(target) and (blamed := self._speakers(target)):
                yield Loss(f"{target} would lead nowhere", blamed)
        left = {ref.target for ref in self.made.references}
        for ref in self.skill.references:
            if ref.target not in left and not self.spared(ref.span, ref.target):
                yield self._lost(f"the reference to {ref.target} would go", ref.span)

    def _speakers(self, words: str) -> frozenset[int]:
        return frozenset(index for index, edit in self.edits.items() if words in edit.new_text)

    def _inside(self, span: Span) -> frozenset[int]:
        """Edits whose text lies in a span of what was made, or right before it."""
        regions = {index: self.places.after(edit.span) for index, edit in self.edits.items()}
        return frozenset(
            index
            for index, region in regions.items()
            if region.start <= span.end and span.start <= region.end
        )


def _code_spans(skill: Skill) -> list[Span]:
    return [*(fence.span for fence in skill.fences), *skill.indented]


def _code_of(skill: Skill) -> list[tuple[str, str]]:
    """Info string and text of every block of code, fenced ones first."""
    fenced = [(fence.info.strip(), skill.text(fence.content).strip()) for fence in skill.fences]
    return [*fenced, *(("", skill.text(span).strip()) for span in skill.indented)]


def _items(prose: Prose, blocks: Sequence[int]) -> Iterable[_Item]:
    """What must be kept of some blocks."""
    for index in blocks:
        block = prose.blocks[index]
        if block.kind is BlockKind.HEADING:
            continue
        if block.kind is BlockKind.ROW:
            text = plain(prose.text(block.span))
            yield _Item("a table row", block.span, text, is_normative(text))
            continue
        for sentence in prose.sentences_in(block.span):
            if is_normative(sentence.text):
                yield _Item("a normative sentence", sentence.span, plain(sentence.text), is_normative=True)
            elif block.kind is BlockKind.ITEM and has_limit(sentence.text):
                yield _Item("a list item with a number", sentence.span, plain(sentence.text))
        yield from _commands(prose, block)


def _commands(prose: Prose, block: Block) -> Iterable[_Item]:
    chunk = prose.skill.source[block.span.start : block.span.end]
    for found in _INLINE.finditer(chunk):
        text = found[1].decode("utf-8", "replace").strip()
        if _COMMAND.match(text):
            span = Span(block.span.start + found.start(), block.span.start + found.end())
            yield _Item("a command", span, plain(text))
