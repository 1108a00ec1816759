"""Trial tasks a model invents for a skill: small, with files, and graded by what is left in a file."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field

from skvm.compiler.asking.forms import Form
from skvm.compiler.asking.material import MATERIAL_ONLY, enclosed
from skvm.compiler.contract import Counsel
from skvm.skill.ir import Skill
from skvm.task.loader import escapes
from skvm.task.model import Criterion, Task

__all__ = ["MAX_TASKS", "TrialTasks", "ask_tasks", "tasks_of"]

MAX_TASKS = 3
"""Tasks taken of one answer."""
_MAX_FILE_CHARS = 6000


class InputFile(Form, str_strip_whitespace=False):
    """A file the agent finds in its work directory."""

    path: str = Field(min_length=1, max_length=120)
    text: str = Field(max_length=_MAX_FILE_CHARS)


class Check(Form, str_strip_whitespace=False):
    """What one file must hold when the agent is done."""

    path: str = Field(min_length=1, max_length=120)
    mode: Literal["exact", "contains", "regex"]
    expected: str = Field(min_length=1, max_length=2000)


class TrialTask(Form):
    """One task."""

    prompt: str = Field(min_length=20, max_length=2000, description="What the agent is told.")
    files: tuple[InputFile, ...] = Field(default=(), max_length=6)
    checks: tuple[Check, ...] = Field(min_length=1, max_length=6)


class TrialTasks(Form):
    """Tasks that show whether instructions are followed well."""

    tasks: tuple[TrialTask, ...] = Field(max_length=MAX_TASKS)


SYSTEM = f"You invent small tasks by which it can be measured how well instructions work. {MATERIAL_ONLY}"
_TASK = f"""\
Invent small tasks, at most {MAX_TASKS}, for an agent that is given the instructions below. It works in an \
empty folder with the files you name, and has no network.

- `prompt` is what a user would say; it names every file that must be there afterwards by its path. It does \
not repeat the instructions.
- `files` are small inputs, complete, with the values the task needs.
- `checks` say what a file must hold if the work was done right: `contains` a text, match a `regex`, or be \
`exact`. Work out the expected values from your files, carefully. A check must fail before anything is done, \
and must not depend on wording the instructions leave open.
- If nothing can be checked this way, give no task.
"""


async def ask_tasks(skill: Skill, counsel: Counsel) -> tuple[Task, ...]:
    """Ask for tasks; those that cannot be graded or prove nothing are left out.

    Raises:
        FindingsError: No usable answer.
        InfrastructureError: The model failed.
    """
    prompt = f"{_TASK}\n# Instructions\n\n{enclosed(skill.text())}\n"
    return tasks_of(skill, await counsel.ask(prompt, TrialTasks, system=SYSTEM))


def tasks_of(skill: Skill, said: TrialTasks) -> tuple[Task, ...]:
    """The tasks of an answer that hold: paths stay inside, and no check is met before work begins."""
    made = (_task(skill, number, found) for number, found in enumerate(said.tasks, 1))
    return tuple(task for task in made if task is not None)


def _task(skill: Skill, number: int, found: TrialTask) -> Task | None:
    fixtures = {file.path: file.text for file in found.files}
    if any(escapes(path) for path in [*fixtures, *(check.path for check in found.checks)]):
        return None
    checks = [check for check in found.checks if _is_open(check, fixtures.get(check.path))]
    if not checks or any(PurePosixPath(path).name == "_setup.sh" for path in fixtures):
        return None
    return Task(
        id=f"{skill.id}-trial-{number}",
        prompt=found.prompt,
        eval=tuple(
            Criterion(method="file-check", options=check.model_dump(include={"path", "mode", "expected"}))
            for check in checks
        ),
        fixtures=fixtures,
        category="generated",
    )


def _is_open(check: Check, before: str | None) -> bool:
    """Whether a check can be read and is not met by what is laid out."""
    if check.mode == "regex":
        try:
            re.compile(check.expected)
        except re.error:
            return False
        # A pattern on a file that is there already may be met before work begins.
        return before is None
    if before is None:
        return True
    met = check.expected in before if check.mode == "contains" else check.expected == before.strip()
    return not met
