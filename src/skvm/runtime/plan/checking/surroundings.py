"""What a plan needs of the place it runs in: paths that stay inside, files, programs, its skill."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from skvm.compiler.effects.model import ANYTHING
from skvm.compiler.plans.plan import Plan, PlanStep
from skvm.diagnostics import Severity
from skvm.errors import SkvmError
from skvm.runtime.plan.checking import places
from skvm.runtime.plan.checking.findings import SKV809, SKV810, SKV811, SKV812, SKV814
from skvm.runtime.plan.checking.made import Made
from skvm.runtime.plan.checking.report import Report, shown

__all__ = ["Surroundings", "check_surroundings"]

_TESTS = re.compile(r"[|&;\n\[]|\b(?:if|test|cd|pushd|touch|mkdir)\b")
"""What lets a command go on without a file, make it, or look for it elsewhere."""
_SCHEME = re.compile(r"[a-z]{2,12}:")
_WORDS = """
. : [ alias bg break builtin cd command continue declare dirs disown echo eval exec exit export false fc fg
getopts hash help jobs kill let local logout popd printf pushd pwd read readonly return set shift shopt
source suspend test times trap true type typeset ulimit umask unalias unset wait
"""
_OF_A_SHELL = frozenset(_WORDS.split())
"""What a shell does itself."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a plan lies and would run.

    Args:
        folder: The folder of the plan, or of its skill; ``None`` if it has none.
        work_dir: Where it would run; ``None`` to leave out what depends on it.
    """

    folder: Path | None = None
    work_dir: Path | None = None

    def has(self, name: str) -> bool:
        """Whether a file of this name, or one that fits the pattern, is there or comes with the skill."""
        roots = [root for root in (self.work_dir, self.folder) if root is not None]
        return any(_is_in(root, name) for root in roots)


def check_surroundings(plan: Plan, around: Surroundings, report: Report) -> None:
    """Note what the place lacks."""
    for where, name, is_ours in _names(plan):
        if _leaves(name):
            is_sure = is_ours and not _is_of_the_cell(name)
            severity = None if is_sure else Severity.WARNING
            said = f"{shown(name)} lies outside of the work directory"
            report.add(SKV809, said, where, severity=severity)
    for place, step in enumerate(plan.steps):
        if step.executable and not any(action.command.strip() for action in step.actions):
            said = f"step {shown(step.id)} is executable and has no command"
            report.add(SKV814, said, ("steps", place))
    if around.work_dir is not None:
        _check_inputs(plan, around, report)
        _check_programs(plan, around, report)
    if around.folder is not None:
        _check_digest(plan, around.folder, report)


def _names(plan: Plan) -> Iterator[tuple[places.Path, str, bool]]:
    """Names of files with their place, and whether it is skvm that opens them or lets them be written."""
    for place, step in enumerate(plan.steps):
        for field, names in (("writes", step.writes), ("reads", step.reads)):
            for number, name in enumerate(names):
                if not _is_other(name):
                    yield ("steps", place, field, number), name, field == "writes"
    for place, group in enumerate(plan.groups):
        if group.items is None:
            continue
        inside: places.Path = ("groups", place, "items")
        if group.items.kind == "glob":
            yield (*inside, "over"), group.items.over, True
        if group.items.output is not None:
            yield (*inside, "output"), group.items.output, True
        for number, name in enumerate(group.items.inputs):
            yield (*inside, "inputs", number), name, True


def _is_other(name: str) -> bool:
    """Whether a name is of something other than a file, or of anything at all."""
    return name in {ANYTHING, "./*", ""} or bool(_SCHEME.match(name))


def _leaves(name: str) -> bool:
    if name.startswith(("/", "~")):
        return True
    return posixpath.normpath(name).split("/")[0] == ".."


def _is_of_the_cell(name: str) -> bool:
    """Whether a name is of something every cell has for itself: it can be written, and does not stay."""
    return name.startswith("~") or name == "/tmp" or name.startswith(("/tmp/", "/dev/"))  # noqa: S108


def _is_in(root: Path, name: str) -> bool:
    try:
        if "*" in name or "?" in name:
            return next(root.glob(name.rstrip("/")), None) is not None
        return (root / name).exists()
    except (OSError, ValueError, NotImplementedError, IndexError):
        return False


def _check_inputs(plan: Plan, around: Surroundings, report: Report) -> None:
    made = _made(plan)
    is_open = any(step.open for step in plan.steps)
    for place, step in enumerate(plan.steps):
        for number, name in enumerate(step.reads):
            if _is_other(name) or _leaves(name) or made.has(name):
                continue
            if not around.has(name):
                is_sure = not is_open and _surely_reads(step, name)
                report.add(
                    SKV810,
                    f"step {shown(step.id)} reads {shown(name)}, which is not there",
                    ("steps", place, "reads", number),
                    severity=Severity.ERROR if is_sure else None,
                )
    for place, group in enumerate(plan.groups):
        items = group.items
        if items is None or items.kind != "glob" or _leaves(items.over):
            continue
        if not made.has(items.over) and not around.has(items.over):
            said = f"{shown(items.over)} of group {shown(group.id)} matches no file"
            report.add(SKV810, said, ("groups", place, "items", "over"))


def _made(plan: Plan) -> Made:
    return Made.of(name for step in plan.steps for name in step.writes)


def _surely_reads(step: PlanStep, name: str) -> bool:
    """Whether a step fails without a file: a plain command names it, and nothing asks whether it is there."""
    if not step.executable or step.conditional:
        return False
    lines = [action.command for action in step.actions if name in action.command.split()]
    return any(not _TESTS.search(line) for line in lines)


def _check_programs(plan: Plan, around: Surroundings, report: Report) -> None:
    made = _made(plan)
    told: set[str] = set()
    for where, line in _commands(plan):
        for program in _programs(line):
            if program not in told and not _is_runnable(program, made, around):
                told.add(program)
                report.add(SKV811, f"there is no program {shown(program)} here", where)


def _commands(plan: Plan) -> Iterator[tuple[places.Path, str]]:
    for place, step in enumerate(plan.steps):
        if step.executable:
            for number, action in enumerate(step.actions):
                yield ("steps", place, "actions", number, "command"), action.command
    for place, group in enumerate(plan.groups):
        if group.items is not None and group.items.command is not None:
            yield ("groups", place, "items", "command"), group.items.command


def _programs(line: str) -> Iterator[str]:
    """Programs a command line names outright."""
    from skvm.compiler.reading.shell import read_shell

    for command in read_shell(line).commands:
        program = command.effective[0] if command.effective else ""
        if program and not any(mark in program for mark in "$`{}*?<>()|&;\"'= \n"):
            yield program


def _is_runnable(program: str, made: Made, around: Surroundings) -> bool:
    if program in _OF_A_SHELL:
        return True
    if "/" in program and not program.startswith(("/", "~")):
        return made.has(posixpath.normpath(program)) or around.has(program)
    try:
        return shutil.which(os.path.expanduser(program)) is not None  # noqa: PTH111 - raises nothing
    except (OSError, ValueError):
        return False


def _check_digest(plan: Plan, folder: Path, report: Report) -> None:
    from skvm.skill.emit import skill_digest
    from skvm.skill.frontend import load_skill

    # A variant's text is not the one its plan was made of.
    if not (folder / "SKILL.md").is_file() or (folder / "compilation-plan.json").exists():
        return
    try:
        digest = skill_digest(load_skill(folder))
    except SkvmError:
        return
    if digest != plan.skill_digest:
        said = f"the plan was made of another state of {shown(plan.skill)} than the SKILL.md beside it"
        report.add(SKV812, said, ("skillDigest",))
