"""Everything a skill's steps touch, from the skill alone; what was found for the last few skills is kept."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from skvm.compiler.effects.completeness import moves_shell
from skvm.compiler.effects.model import (
    ANYTHING,
    PROGRAM,
    Action,
    Effects,
    Evidence,
    Repetition,
    SkillEffects,
    SkillStep,
    Workflow,
    merged,
)
from skvm.compiler.effects.python_effects import python_effects
from skvm.compiler.effects.repeats import python_repetitions, said_repetition
from skvm.compiler.effects.resources import hosts_in
from skvm.compiler.effects.scripts import Scripts
from skvm.compiler.effects.shell_effects import CommandEffects, shell_effects
from skvm.compiler.effects.shell_maps import shell_repetitions
from skvm.compiler.effects.statements import statements_of
from skvm.compiler.effects.step_reader import FenceEffects, StepReader
from skvm.compiler.effects.steps import Outline, OutlineStep, outlines
from skvm.compiler.effects.words import AT_ONCE, IN_TURN, ask_of, refers_to
from skvm.compiler.reading.commands import PLACEHOLDER, SHELLS
from skvm.compiler.reading.names import CODE
from skvm.compiler.reading.prose import Prose, Sentence
from skvm.compiler.reading.python_code import is_python
from skvm.compiler.reading.shell import read_shell
from skvm.compiler.requirements import read
from skvm.compiler.skill_key import SkillKey, key_of
from skvm.diagnostics import Span
from skvm.skill.ir import CodeFence, Skill

__all__ = ["effects_of"]

_QUOTE_CHARS = 120
_DATA = frozenset(
    {"json", "yaml", "yml", "toml", "csv", "text", "txt", "markdown", "md", "ini", "xml", "html", "css"}
)
_COMMAND = re.compile(r"(?:\./)?[a-zA-Z][\w.+-]*(?:/[\w.+-]+)*(?: [^\n]+)?\Z")
_TREE = re.compile("[├└]")


def effects_of(skill: Skill) -> SkillEffects:
    """What the steps of a skill read, write, call and reach.

    Nothing is run. What cannot be understood is ``open``: it may touch everything.
    """
    return _effects_of(key_of(skill))


@lru_cache(maxsize=8)
def _effects_of(key: SkillKey) -> SkillEffects:
    return _Reader(key.skill).read()


@dataclass
class _Reader:
    """Reads one skill."""

    skill: Skill

    @cached_property
    def prose(self) -> Prose:
        return read(self.skill).prose

    @cached_property
    def body(self) -> str:
        """All its text."""
        return self.skill.text(self.skill.body)

    @cached_property
    def scripts(self) -> Scripts:
        return Scripts(self.skill)

    @cached_property
    def _fence_starts(self) -> list[int]:
        return [fence.span.start for fence in self.skill.fences]

    @cached_property
    def _fences(self) -> list[FenceEffects]:
        """What each fence does, in order."""
        return [self._fence(fence) for fence in self.skill.fences]

    def read(self) -> SkillEffects:
        """Everything of the skill."""
        workflows = tuple(
            self._workflow(str(number), outline) for number, outline in enumerate(outlines(self.prose), 1)
        )
        inside = {
            repetition.span
            for workflow in workflows
            for step in workflow.steps
            for repetition in step.repetitions
        }
        loose = [
            repetition
            for found in self._fences
            for repetition in found.repetitions
            if repetition.span not in inside
        ]
        loose += self._said_elsewhere(workflows)
        loose.sort(key=lambda found: found.span)
        return SkillEffects(workflows, tuple(loose), tuple(self._evidence()))

    # --- code

    def _fence(self, fence: CodeFence) -> FenceEffects:
        code = self.skill.text(fence.content)
        at = fence.content.start
        if fence.language in SHELLS:
            commands = shell_effects(code, self.scripts)
            loops = tuple(shell_repetitions(code, at, self.scripts))
            actions = tuple(self._shell(code, at, commands))
            return FenceEffects(actions, (), loops)
        if is_python(fence.language):
            found = python_effects(code)
            whole = found.whole
            if found.unbound:
                # It is a piece of a larger program: it works on what that made.
                whole = merged([whole, Effects(reads=(ANYTHING, PROGRAM))])
            whole = merged([whole, Effects(writes=(PROGRAM,))])
            loops = tuple(python_repetitions(code, fence.content))
            return FenceEffects((Action(whole, fence.content),), (), loops)
        if fence.language in _DATA or not fence.language:
            return FenceEffects()
        whole = Effects(hosts=tuple(hosts_in(code)), is_open=True)
        return FenceEffects((Action(whole, fence.content),))

    def _shell(self, code: str, at: int, commands: Sequence[CommandEffects]) -> Iterator[Action]:
        source = code.encode()
        for found in commands:
            span = Span(at + found.command.span.start, at + found.command.span.end)
            text = source[found.command.span.start : found.command.span.end].decode("utf-8", "replace")
            yield Action(found.effects, span, text if found.is_exact else None)

    def fence(self, place: int) -> FenceEffects:
        """What a code fence does, its statements too: only those in steps are ever asked for."""
        fence, found = self.skill.fences[place], self._fences[place]
        if fence.language not in SHELLS:
            return found
        code = self.skill.text(fence.content)
        commands = shell_effects(code, self.scripts)
        statements = statements_of(code, fence.content.start, commands, found.repetitions)
        return replace(found, statements=tuple(statements))

    def fences_in(self, span: Span) -> range:
        """Numbers of the code fences that begin in a span."""
        first = bisect.bisect_left(self._fence_starts, span.start)
        return range(first, bisect.bisect_left(self._fence_starts, span.end))

    # --- workflows

    def _workflow(self, number: str, outline: Outline) -> Workflow:
        made = [self._step(f"{number}.{index}", step) for index, step in enumerate(outline.steps, 1)]
        steps = tuple(_before_it_moves(made))
        span = Span(steps[0].span.start, steps[-1].span.end)
        return Workflow(number, outline.title, span, steps, tuple(self._stated(span, steps)))

    def _stated(self, span: Span, steps: Sequence[SkillStep]) -> Iterator[tuple[frozenset[int], Span]]:
        """Steps a sentence of the workflow's section names together and says may go at once."""
        index = self.prose.heading_of(span.start)
        section = self.skill.headings[index].section if index is not None else span
        around = Span(min(section.start, span.start), max(section.end, span.end))
        if not AT_ONCE.search(self.skill.text(around)):
            return
        by_ordinal = {step.ordinal: place for place, step in enumerate(steps)}
        for sentence in self.prose.sentences_in(around):
            if AT_ONCE.search(sentence.text) and not IN_TURN.search(sentence.text):
                named = frozenset(
                    by_ordinal[number] for number in refers_to(sentence.text) if number in by_ordinal
                )
                if len(named) > 1:
                    yield named, sentence.span

    def _step(self, step_id: str, outline: OutlineStep) -> SkillStep:
        return StepReader(self, outline).made(step_id)

    def _said_elsewhere(self, workflows: Sequence[Workflow]) -> Iterator[Repetition]:
        """Sentences outside every step that say something is done to each of several things at once."""
        if not AT_ONCE.search(self.skill.text(self.skill.body)):
            return
        for sentence in self.prose.sentences:
            if not AT_ONCE.search(sentence.text):
                continue
            if any(step.span.contains(sentence.span) for workflow in workflows for step in workflow.steps):
                continue
            block = self.skill.text(self.prose.blocks[sentence.block].span)
            found = said_repetition(sentence.text, block, sentence.span, ())
            if found is not None:
                yield found

    # --- evidence for permissions

    def _evidence(self) -> Iterator[Evidence]:
        for found in self._fences:
            for action in found.actions:
                yield self._seen(action.effects, action.span)
        for sentence in self.prose.sentences:
            text = sentence.text
            if "`" in text or "." in text:
                for action in self.inline(sentence):
                    yield self._seen(action.effects, action.span)
                asked = ask_of(text)
                if asked.reads or asked.writes:
                    yield self._seen(Effects(asked.reads, asked.writes), sentence.span)
        for resource in self.skill.resources:
            if resource.path.endswith((".py", ".sh", ".bash", ".js", ".mjs", ".ts")):
                script = self.scripts.read(resource.path)
                if script is not None:
                    quote = f"{resource.path} is part of the bundle"
                    yield Evidence(script.whole, resource.path, Span(0, resource.size_bytes), quote)

    def _seen(self, effects: Effects, span: Span) -> Evidence:
        quote = " ".join(self.skill.text(span).split())[:_QUOTE_CHARS]
        return Evidence(effects, "SKILL.md", span, quote)

    def inline(self, sentence: Sentence) -> list[Action]:
        """The commands a sentence holds in back-ticks."""
        found: list[Action] = []
        if "`" not in sentence.text:
            return found
        for code in CODE.finditer(sentence.text):
            text = code[1].strip()
            if not _COMMAND.match(text):
                continue
            is_exact = "$" not in text and not PLACEHOLDER.search(text)
            words = text.split()
            commands = (
                shell_effects(text, self.scripts) if " " in text and not read_shell(text).has_error else ()
            )
            if not commands or not _is_command(words, commands[0].effects):
                continue
            start = sentence.span.start + len(sentence.text[: code.start(1)].encode())
            span = Span(start, start + len(code[1].encode()))
            effects = merged([item.effects for item in commands])
            found.append(Action(effects, span, text if is_exact else None))
        return found


def _before_it_moves(steps: Sequence[SkillStep]) -> Iterator[SkillStep]:
    """Steps as they are; from one on that moves the shell no step can be run in a shell of its own."""
    moved = False
    for step in steps:
        moved |= any(moves_shell(item.command) for item in step.statements if item.command is not None)
        yield replace(step, is_commands=False, gives_files=False) if moved and step.is_commands else step


_PROGRAM_NAMES = """
python python3 node bash sh npx npm uv uvx docker kubectl aws gcloud az terraform make cargo go deno bun yarn
pnpm pip pip3 pytest playwright
"""
_PROGRAMS = frozenset(_PROGRAM_NAMES.split())


def _is_command(words: Sequence[str], effects: Effects) -> bool:
    """Whether words in back-ticks are a command: a known program, or one given an option."""
    if not effects.is_open or words[0] in _PROGRAMS:
        return bool(effects.calls) and (len(words) > 1)
    return any(word.startswith("--") for word in words[1:]) or "/" in words[0]
