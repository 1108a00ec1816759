"""``evals/evals.json``: the test cases a skill carries, each a task with that skill.

Assertions of plain forms are checked mechanically; the others are put to a judge, one rubric each. The
task's copy of the skill is without ``evals/``: an agent must not find the answers in its own skill.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from skvm.bench.importing import Draft, Refused, importer, marked
from skvm.bench.prompt_needs import prompt_reasons
from skvm.bench.source_files import TaskFile, posix_name, tree
from skvm.compiler.acceptance.evals import EVALS_PATH, eval_tasks
from skvm.errors import SkvmError
from skvm.skill.frontend import load_skill
from skvm.task.model import Task, TaskOrigin

__all__ = ["Evals"]

SOURCE = "evals"


@importer(SOURCE)
@dataclass(frozen=True, slots=True)
class Evals:
    """Reads skills that carry test cases."""

    def recognise(self, path: Path) -> bool:
        """A skill folder with test cases, a folder of such, or the file of one."""
        return bool(_skill_folders(path))

    def read(self, source: Path) -> Iterator[Draft | Refused]:
        """One draft a test case."""
        for folder in _skill_folders(source):
            try:
                skill = load_skill(folder)
                made = eval_tasks(skill, judged=True)
                content = tree(folder, root=folder, leave_out=("evals",))
            except SkvmError as error:
                yield Refused(folder.name, error.message)
                continue
            except ValueError as error:  # a criterion written out in full that is none
                yield Refused(folder.name, f"{EVALS_PATH}: {str(error).splitlines()[0]}")
                continue
            yield from (Refused(folder.name, reason) for reason in made.skipped)
            yield from (_draft(task, skill.id, content.files, content.notes) for task in made.tasks)


def _skill_folders(path: Path) -> list[Path]:
    if path.is_file():
        path = path.parent.parent if path.as_posix().endswith(EVALS_PATH) else path
    if (path / EVALS_PATH).is_file():
        return [path] if (path / "SKILL.md").is_file() else []
    # Where tasks are written out, the skills beside them are theirs.
    if (path / "tasks").is_dir():
        return []
    inner = path / "skills" if (path / "skills").is_dir() else path
    if not inner.is_dir():
        return []
    return sorted(
        each for each in inner.iterdir() if (each / EVALS_PATH).is_file() and (each / "SKILL.md").is_file()
    )


def _draft(task: Task, skill_id: str, files: tuple[TaskFile, ...], notes: tuple[str, ...]) -> Draft:
    fixtures = tuple(
        TaskFile(f"fixtures/{posix_name(name)}", text.encode("utf-8", "surrogatepass"))
        for name, text in sorted(task.fixtures.items())
    )
    own = tuple(TaskFile(f"skills/{skill_id}/{file.path}", file.data, file.is_executable) for file in files)
    judged = sum(criterion.method == "llm-judge" for criterion in task.criteria)
    changed = {
        "fixtures": {},
        "skill": f"skills/{skill_id}",
        "grading_type": "automated"
        if not judged
        else "llm_judge"
        if judged == len(task.criteria)
        else "hybrid",
        "origin": TaskOrigin(source=SOURCE, file=f"{skill_id}/{EVALS_PATH}"),
    }
    made = marked(task.model_copy(update=changed), prompt_reasons(task.prompt))
    return Draft(made, (*fixtures, *own), notes=notes)
