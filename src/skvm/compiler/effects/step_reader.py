"""One step of a workflow, put together from its sentences and its code."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from skvm.compiler.effects.completeness import (
    asks_more,
    has_gap,
    has_own_part,
    offers_choice,
    repeats_unknown,
)
from skvm.compiler.effects.model import (
    ANYTHING,
    PERSON,
    Action,
    Effects,
    Repetition,
    SkillStep,
    StepKind,
    merged,
)
from skvm.compiler.effects.repeats import said_repetition
from skvm.compiler.effects.resources import clash
from skvm.compiler.effects.said_files import CHANGES_TOO, only_words
from skvm.compiler.effects.said_loops import said_loop
from skvm.compiler.effects.said_maps import said_map
from skvm.compiler.effects.said_work import said_work
from skvm.compiler.effects.shell_effects import Interpret
from skvm.compiler.effects.steps import OutlineStep
from skvm.compiler.effects.words import IN_TURN, Asked, SentenceKind, ask_of, leans, leans_hard, needs_steps
from skvm.compiler.reading.commands import SHELLS
from skvm.compiler.reading.names import CODE
from skvm.compiler.reading.prose import Prose, Sentence
from skvm.diagnostics import Span
from skvm.skill.ir import Skill

__all__ = ["FenceEffects", "Source", "StepReader"]

_TREE = re.compile("[├└]")
_CHANGES = re.compile(
    r"\W*(?:\w+,?\s+){0,2}?(?:update|edit|modify|append|add|insert|rename|move|delete|remove|replace|record|log)\b",
    re.IGNORECASE,
)
"""Verbs of writing that need what is there."""
_TELLS_OF = re.compile(
    r"\W*(?:it|this|that|the (?:script|command|loop|result|file|table|output|program)|"
    r"each (?:line|row|file))\s+(?:only\s+)?"
    r"(?:writes?|reads?|prints?|gives?|holds?|takes?|contains?|has|is|adds?|counts?|makes?|needs?|creates?|"
    r"says?|joins?|compares?|ends?|puts?|goes|stops?|turns?|sorts?|checks?)\b",
    re.IGNORECASE,
)
"""A sentence that says what a command does."""
_QUESTIONS = re.compile(
    r"\b(?:check|verify|validate|test|lint|audit|ensure|make sure|confirm|compare|diff)\w*\b", re.IGNORECASE
)
_MARK = re.compile(r"\s*(?:[-*+]|\d+[.)]|#{1,6})\s+")
_NEXT_MARK = re.compile(r"\n[ \t]*(?:[-*+]|\d+[.)])[ \t]*\Z")


@dataclass(frozen=True, slots=True)
class FenceEffects:
    """What a code fence does.

    Args:
        actions: Command by command, or the whole of it.
        statements: Its shell statements as they are to be run.
        repetitions: Its loops whose rounds are apart.
    """

    actions: tuple[Action, ...] = ()
    statements: tuple[Action, ...] = ()
    repetitions: tuple[Repetition, ...] = ()


class Source(Protocol):
    """The skill a step is read from."""

    @property
    def skill(self) -> Skill:
        """The skill."""

    @property
    def prose(self) -> Prose:
        """Its sentences."""

    @property
    def scripts(self) -> Interpret:
        """What is asked about programs that are not well known."""

    @property
    def body(self) -> str:
        """All its text."""

    def fences_in(self, span: Span) -> range:
        """Numbers of the code fences that begin in a span."""

    def fence(self, place: int) -> FenceEffects:
        """What a code fence does."""

    def inline(self, sentence: Sentence) -> list[Action]:
        """The commands a sentence holds in back-ticks."""


class StepReader:
    """Puts one step together from its sentences and its code."""

    def __init__(self, reader: Source, outline: OutlineStep) -> None:
        self.reader = reader
        self.outline = outline
        self.actions: list[Action] = []
        self.kinds: list[SentenceKind] = []
        self.repetitions: list[Repetition] = []
        self.leans = False
        self.conditional = False
        self.asks = False
        self.unknown = False
        self.literal = False
        self.wants = False
        self.statements: list[Action] = []
        self.parts: list[Effects] = []

    def made(self, step_id: str) -> SkillStep:
        """The step."""
        reader, outline = self.reader, self.outline
        text = reader.skill.text(outline.span)
        fences = reader.fences_in(outline.span)
        sentences = reader.prose.sentences_in(outline.span)
        for index, sentence in enumerate(sentences):
            if sentence.span.start >= outline.span.start:
                self._sentence(index, sentence, text, bool(fences) or len(sentences) > 1)
        for place in fences:
            self._fence(place)
        if (words := self._of_words(text, fences)) is not None:
            return self._worked(step_id, text, *words)
        self._read_loop(text, fences)
        effects = merged(self.parts) if self.parts else Effects()
        kind = self._kind(effects)
        if kind is StepKind.OPEN:
            effects = replace(effects, is_open=True)
        if kind is StepKind.CHECK and not effects.reads:
            effects = replace(effects, reads=(ANYTHING,))
        uses_context = self.leans or self.conditional
        is_commands = self._is_exact(sentences) and not (self.unknown or self.asks or uses_context)
        return SkillStep(
            step_id,
            outline.title,
            outline.span,
            kind,
            effects,
            tuple(self.actions),
            statements=tuple(self.statements),
            is_commands=is_commands,
            uses_context=uses_context,
            informs=kind is not StepKind.WRITE,
            gives_files=is_commands and kind is StepKind.COMMAND and self._gives_files(text),
            conditional=self.conditional,
            refers_to=tuple(sorted(set(needs_steps(text)) - {outline.ordinal})),
            repetitions=tuple(self.repetitions),
            ordinal=outline.ordinal,
            text=_plain(text),
        )

    def _is_exact(self, sentences: Sequence[Sentence]) -> bool:
        """Whether the commands are there to the letter, and nothing is asked beside them."""
        commands = [item.command for item in self.statements]
        if self.wants or not commands:
            return False
        words = " ".join(CODE.sub(" ", sentence.text) for sentence in sentences)
        return not has_own_part(words) and all(
            command is not None and not has_gap(command) for command in commands
        )

    # --- steps of words alone

    def _of_words(self, text: str, fences: range) -> tuple[Effects, tuple[Repetition, ...]] | None:
        """What a step without commands reads and writes, where its words say it of every file."""
        if self.asks or any(action.effects.calls for action in self.actions):
            return None
        if any(self.reader.fence(place).actions for place in fences):
            return None
        title, _, below = _plain(text).partition("\n")
        if self.outline.is_heading and "optional" in title.lower():
            return None
        words = below.strip() if self.outline.is_heading else f"{title}\n{below}".strip()
        if "." not in words and "*" not in words:
            return None
        mapped = said_map(words, self.outline.span, self.reader.body)
        if mapped is not None and mapped.effects is not None:
            return mapped.effects, (mapped,)
        found = said_work(words)
        return None if found is None else (found, ())

    def _read_loop(self, text: str, fences: range) -> None:
        """Take a loop that is said in words for the one it stands for."""
        if fences or self.asks or len(self.statements) != 1 or self.statements[0].command is not None:
            return
        found = said_loop(_plain(text), self.outline.span, self.reader.scripts, self.reader.body)
        if found is not None:
            repetition, action = found
            self.statements, self.parts, self.repetitions = [action], [action.effects], [repetition]
            self.kinds = [SentenceKind.REMARK]
            self.wants = self.leans = self.unknown = self.conditional = False

    def _worked(
        self, step_id: str, text: str, effects: Effects, repetitions: tuple[Repetition, ...]
    ) -> SkillStep:
        outline = self.outline
        return SkillStep(
            step_id,
            outline.title,
            outline.span,
            StepKind.WRITE,
            effects,
            (Action(effects, outline.span),),
            uses_context=False,
            gives_files=True,
            refers_to=tuple(sorted(set(needs_steps(text)) - {outline.ordinal})),
            repetitions=repetitions,
            ordinal=outline.ordinal,
            text=_plain(text),
        )

    def _gives_files(self, text: str) -> bool:
        """Whether nothing but the files its commands write is of use to what follows."""
        if _QUESTIONS.search(text):
            return False
        return all(
            item.effects.writes and ANYTHING not in item.effects.writes and not item.effects.is_open
            for item in self.statements
        )

    # --- sentences and code

    def _sentence(self, index: int, sentence: Sentence, whole: str, has_more: bool) -> None:
        text = sentence.text
        actions = self.reader.inline(sentence)
        asked = _whole(text, ask_of(text))
        said = said_repetition(text, whole, sentence.span, actions or self._below(sentence))
        if said is not None:
            self.repetitions.append(said)
        self.conditional |= asked.conditional
        self.asks |= asked.kind is SentenceKind.ASK
        self.actions += actions
        self.statements += actions
        self.parts += [action.effects for action in actions]
        if actions:
            self.kinds.append(SentenceKind.CHECK if asked.kind is SentenceKind.CHECK else SentenceKind.REMARK)
            plain = CODE.sub("x", text)
            open_ended = any(action.command is None for action in actions)
            self.wants |= asks_more(CODE.sub("`x`", text))
            self.leans |= leans(plain) if open_ended or self.wants else leans_hard(plain)
            self.leans |= open_ended
            return
        if self.statements and asked.kind is SentenceKind.OTHER and _TELLS_OF.match(text):
            self.kinds.append(SentenceKind.REMARK)
            return
        is_title = index == 0
        heads = (
            is_title and has_more and (self.outline.is_heading or text.rstrip().endswith((":", "：", "**")))
        )
        if heads and not asked.writes and asked.kind not in {SentenceKind.TELL, SentenceKind.ASK}:
            # What follows says what the title means.
            if asked.kind is SentenceKind.CHECK:
                self.kinds.append(SentenceKind.CHECK)
            return
        is_nameless = asked.kind is SentenceKind.WRITE and not asked.writes
        if is_nameless and self.literal and text.rstrip().endswith(":"):
            # "Append if not there:" under a title that names the file.
            return
        self.kinds.append(asked.kind)
        self.wants |= asked.kind is not SentenceKind.REMARK
        self.unknown |= asked.kind is SentenceKind.OTHER or is_nameless
        self.leans |= asked.kind is not SentenceKind.REMARK and leans(CODE.sub("", text))
        if asked.kind is SentenceKind.TELL:
            self.leans = True
            self._add(Effects(asked.reads, (PERSON,)), sentence.span)
        elif asked.reads or asked.writes:
            if asked.kind is SentenceKind.WRITE:
                self.literal = True
            changed = asked.writes if _CHANGES.match(text) else ()
            reads = tuple(sorted({*asked.reads, *changed}))
            self._add(Effects(reads, asked.writes), sentence.span)
            if len(asked.reads) > 1 and not asked.writes and asked.kind is not SentenceKind.WRITE:
                self._listed(asked.reads, sentence, whole)

    def _add(self, effects: Effects, span: Span) -> None:
        self.actions.append(Action(effects, span))
        self.parts.append(effects)

    def _below(self, sentence: Sentence) -> list[Action]:
        """The commands of the items below a sentence that ends in a colon."""
        if not sentence.text.rstrip().endswith(":"):
            return []
        prose = self.reader.prose
        indent = prose.blocks[sentence.block].indent
        found: list[Action] = []
        for other in prose.sentences_in(Span(sentence.span.end, self.outline.span.end)):
            if other.block == sentence.block:
                continue
            if prose.blocks[other.block].indent <= indent:
                break
            found += self.reader.inline(other)
        return found

    def _listed(self, files: Sequence[str], sentence: Sentence, whole: str) -> None:
        """Several files read in one sentence, none of them first and none instead of another."""
        if len(files) < 3 or any(clash((one,), files[:at]) for at, one in enumerate(files)):
            return
        if IN_TURN.search(whole) or re.search(r"\b(?:or|either|else|priority|first|then)\b", sentence.text):
            return
        why = "the files are only read, each by itself"
        self.repetitions.append(Repetition(", ".join(files), "list", sentence.span, why, tuple(files)))

    def _fence(self, place: int) -> None:
        fence = self.reader.skill.fences[place]
        found = self.reader.fence(place)
        writes = any(action.effects.writes for action in self.actions)
        is_content = writes and self.literal and fence.language not in SHELLS
        if is_content:
            # The words say which file, the fence says what stands in it.
            return
        self.actions += found.actions
        self.repetitions += found.repetitions
        self.statements += found.statements or found.actions
        code = self.reader.skill.text(fence.content) if found.statements else ""
        self.wants |= offers_choice(code) or repeats_unknown(found.statements)
        self.parts += [action.effects for action in found.statements or found.actions]
        if any(action.command is None for action in found.statements or found.actions):
            self.leans = True
        if (
            not found.actions
            and fence.language == ""
            and not _TREE.search(self.reader.skill.text(fence.content))
        ):
            self.unknown = self.unknown or not self.kinds

    def _kind(self, effects: Effects) -> StepKind:
        if self.asks:
            return StepKind.ASK
        if self.unknown or effects.is_open or not (self.actions or self.kinds):
            return StepKind.OPEN
        if SentenceKind.WRITE in self.kinds or (
            effects.writes and not effects.calls and effects.writes != (PERSON,)
        ):
            self.leans |= not self._has_content()
            return StepKind.WRITE
        acts = [kind for kind in self.kinds if kind is not SentenceKind.REMARK]
        if acts and all(kind is SentenceKind.CHECK for kind in acts) and not effects.writes:
            return StepKind.CHECK
        if not self.actions:
            return StepKind.OPEN
        return StepKind.COMMAND if effects.calls or effects.writes else StepKind.READ

    def _has_content(self) -> bool:
        """Whether a fence of the step holds what is to be written."""
        return bool(self.reader.fences_in(self.outline.span))


def _whole(text: str, asked: Asked) -> Asked:
    """What a sentence asks for; ``other`` where it reads or checks first and then does something about it."""
    reads = asked.kind in {SentenceKind.READ, SentenceKind.CHECK}
    if reads and CHANGES_TOO.search(only_words(text)):
        return Asked(SentenceKind.OTHER, conditional=asked.conditional)
    return asked


def _plain(text: str) -> str:
    """The words of a step without its mark and the next one's, and without its later lines' indent."""
    mark = _MARK.match(text)
    whole = _NEXT_MARK.sub("", text[mark.end() :] if mark else text)
    first, _, rest = whole.partition("\n")
    return f"{first.strip()}\n{textwrap.dedent(rest)}".strip()
