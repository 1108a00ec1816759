"""PinchBench: one Markdown file a task, with a YAML block, graders inside and files inline or in ``assets/``.

Inline files keep every byte YAML gives them, their last line end too. A grader there returns a dict of
scores, which ``python-grade`` takes as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from skvm.bench.importing import Draft, Refused, importer, marked
from skvm.bench.markdown_sections import first_code, sections
from skvm.bench.prompt_needs import prompt_reasons
from skvm.bench.source_files import TaskFile, inside, is_within, posix_name, read_text
from skvm.errors import UsageError
from skvm.task.model import Criterion, Task, TaskOrigin

__all__ = ["PinchBench"]

SOURCE = "pinchbench"
_FRONT = re.compile(r"---[ \t]*\r?\n(?P<yaml>.*?^)---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_MAX_DEPTH = 16
_GRADING = ("automated", "llm_judge", "hybrid")


@importer(SOURCE)
@dataclass(frozen=True, slots=True)
class PinchBench:
    """Reads ``tasks/task_*.md``."""

    def recognise(self, path: Path) -> bool:
        """A folder with such files, directly or in ``tasks/``, or one of them."""
        return bool(_task_files(path))

    def read(self, source: Path) -> Iterator[Draft | Refused]:
        """One draft a file."""
        for file in _task_files(source):
            root = file.parent.parent if file.parent.name == "tasks" else file.parent
            try:
                yield _draft(file, root)
            except UsageError as error:
                yield Refused(file.stem, error.message)


def _task_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if re.fullmatch(r"task_.*\.md", path.name) else []
    folder = path / "tasks" if (path / "tasks").is_dir() else path
    return sorted(folder.glob("task_*.md")) if folder.is_dir() else []


def _draft(file: Path, root: Path) -> Draft:
    text = read_text(file, root=root)
    found = _FRONT.match(text)
    if found is None:
        raise UsageError("it has no YAML block between two lines of three hyphens")
    front = _front(found["yaml"])
    parts = sections(text[found.end() :])
    prompt = parts.get("prompt", "").strip().removesuffix("\n---").rstrip().replace("\r\n", "\n")
    if not prompt:
        raise UsageError("it has no section Prompt")
    files, missing = _workspace(front.get("workspace_files"), root)
    criteria, graders = _criteria(front, parts)
    task = Task(
        id=_text(front, "id") or file.stem,
        prompt=prompt,
        eval=criteria,
        name=_text(front, "name"),
        category=_text(front, "category") or "general",
        grading_type=_grading(front),
        timeout_ms=_timeout_ms(front.get("timeout_seconds", 120)),
        origin=TaskOrigin(source=SOURCE, file=f"tasks/{file.name}"),
    )
    reasons = [f"its file {name} is not there" for name in missing]
    reasons += prompt_reasons(prompt)
    if front.get("multi_session") or front.get("sessions"):
        reasons.append("is made of several sessions")
    return Draft(marked(task, reasons), (*files, *graders))


def _front(text: str) -> Mapping[str, Any]:
    """The YAML block; aliases, which can blow up, and deep nesting are refused."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH or isinstance(event, yaml.AliasEvent):
                raise UsageError("its YAML block uses aliases or is nested too deeply")
        value = yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        said = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise UsageError(f"its YAML block cannot be read: {said}") from error
    if not isinstance(value, dict):
        raise UsageError("its YAML block is not `key: value` fields")
    return value


def _text(front: Mapping[str, Any], key: str) -> str | None:
    value = front.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{key} must be a text")
    return value.strip()


def _grading(front: Mapping[str, Any]) -> Any:
    value = front.get("grading_type", "automated")
    if value not in _GRADING:
        raise UsageError(f"grading_type must be one of {', '.join(_GRADING)}")
    return value


def _timeout_ms(value: Any) -> int:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 < value <= 86_400:
        raise UsageError("timeout_seconds must be a number of seconds, at most a day")
    return max(1, round(float(value) * 1000))


def _workspace(listed: Any, root: Path) -> tuple[list[TaskFile], list[str]]:
    """Fixtures, and the assets that are not there."""
    if listed is not None and not isinstance(listed, list):
        raise UsageError("workspace_files must be a list")
    files, missing = [], []
    for entry in listed or ():
        if not isinstance(entry, dict):
            raise UsageError("an entry of workspace_files is no mapping")
        dest = entry.get("dest", entry.get("path"))
        if not isinstance(dest, str):
            raise UsageError("an entry of workspace_files has no path")
        inside(root, dest)  # nothing is read there; it is the form of the name that counts
        place = f"fixtures/{posix_name(dest)}"
        if isinstance(content := entry.get("content"), str):
            files.append(TaskFile(place, content.encode("utf-8", "surrogatepass")))
        elif isinstance(source := entry.get("source"), str):
            asset = _asset(root, source)
            if asset is None:
                missing.append(source)
            else:
                files.append(TaskFile(place, asset))
        else:
            raise UsageError(f"workspace file {dest!r} has neither content nor source")
    return files, missing


def _asset(root: Path, name: str) -> Path | None:
    for folder in (root / "assets", root):
        path = inside(folder, name)
        if path.is_file() and is_within(path, root):
            return path.resolve()
    return None


def _criteria(
    front: Mapping[str, Any], parts: Mapping[str, str]
) -> tuple[tuple[Criterion, ...], tuple[TaskFile, ...]]:
    kind = _grading(front)
    weights = _weights(front.get("grading_weights")) if kind == "hybrid" else {}
    criteria: list[Criterion] = []
    graders: list[TaskFile] = []
    if kind != "llm_judge":
        code = first_code(parts.get("automated checks", ""), "python", "py")
        if code is None:
            raise UsageError("it has no Python grader in section Automated Checks")
        graders.append(TaskFile("grade.py", code.encode()))
        options = {"evaluatorId": "python-grade"}
        weight = weights.get("automated")
        criteria.append(Criterion(method="custom", id="automated", weight=weight, options=options))
    if kind != "automated":
        rubric = parts.get("llm judge rubric") or parts.get("grading criteria") or ""
        if not rubric.strip():
            raise UsageError("it has neither a rubric nor criteria for a judge")
        judged = {"rubric": rubric.strip(), "maxScore": 1.0}
        weight = weights.get("llm_judge")
        criteria.append(Criterion(method="llm-judge", id="judge", weight=weight, options=judged))
    return tuple(criteria), tuple(graders)


def _weights(value: Any) -> dict[str, float]:
    """Shares that sum to 1; half each where the task says nothing."""
    if value is None:
        return {"automated": 0.5, "llm_judge": 0.5}
    numbers = [value.get(key, 0) for key in ("automated", "llm_judge")] if isinstance(value, dict) else []
    is_fine = all(isinstance(n, int | float) and math.isfinite(n) and n >= 0 for n in numbers)
    if not is_fine or not numbers or math.fsum(numbers) <= 0:
        raise UsageError("grading_weights must hold shares for automated and llm_judge")
    total = math.fsum(numbers)
    return {"automated": numbers[0] / total, "llm_judge": numbers[1] / total}
