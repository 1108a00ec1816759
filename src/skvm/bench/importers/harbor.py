"""Harbor tasks (SkillsBench and others): a container image, an instruction, tests and a solution.

Data the image copies to where the agent works become fixtures, its skills become the task's own, its tests
sealed graders, and the paths of the prompt relative. What only a container gives is a reason to skip.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from skvm.bench.harbor.image import read_image
from skvm.bench.harbor.paths import relative_text
from skvm.bench.harbor.verifier import read_verifier
from skvm.bench.importing import Draft, Refused, importer, marked
from skvm.bench.prompt_needs import prompt_reasons
from skvm.bench.source_files import TaskFile, is_within, read_text, tree
from skvm.errors import UsageError
from skvm.task.model import Task, TaskOrigin

__all__ = ["Harbor"]

SOURCE = "harbor"
_COMPOSE = ("docker-compose.yaml", "docker-compose.yml", "compose.yaml", "compose.yml")
_LEVELS = ("easy", "medium", "hard")


@importer(SOURCE)
@dataclass(frozen=True, slots=True)
class Harbor:
    """Reads ``task.toml`` and what lies beside it."""

    def recognise(self, path: Path) -> bool:
        """A task folder, a folder of them, or one that has them in ``tasks/``."""
        return bool(_folders(path))

    def read(self, source: Path) -> Iterator[Draft | Refused]:
        """One draft a folder."""
        for folder in _folders(source):
            try:
                if not is_within(folder, source):
                    raise UsageError("it is a link that leads out of the source")  # noqa: TRY301
                yield _draft(folder)
            except UsageError as error:
                yield Refused(folder.name, error.message)


def _folders(path: Path) -> list[Path]:
    if (path / "task.toml").is_file():
        return [path]
    inner = path / "tasks" if (path / "tasks").is_dir() else path
    if not inner.is_dir():
        return []
    return sorted(
        each for each in inner.iterdir() if each.name[0] not in "._" and (each / "task.toml").is_file()
    )


def _draft(folder: Path) -> Draft:
    config = _config(folder)
    environment = folder / "environment"
    docker = environment / "Dockerfile"
    recipe = read_text(docker, root=folder) if docker.is_file() else None
    image = read_image(environment, recipe, root=folder)
    verifier = read_verifier(folder, image.prefixes, _timeout_ms(config, "verifier"))
    said = read_text(folder / "instruction.md", root=folder).replace("\r\n", "\n")
    prompt = relative_text(said, image.prefixes).strip()
    if not prompt:
        raise UsageError("instruction.md is empty")
    skills, skill_files, notes = _skills(folder)
    solution = tree(folder / "solution", root=folder).under("REFERENCE")
    about = _table(config, "metadata")
    level = about.get("difficulty")
    task = Task(
        id=folder.resolve().name,
        prompt=prompt,
        eval=verifier.criteria,
        name=folder.resolve().name.replace("-", " "),
        category=_text(about.get("category")) or "general",
        timeout_ms=_timeout_ms(config, "agent"),
        skill=skills or None,
        origin=TaskOrigin(source=SOURCE, file=f"{folder.resolve().name}/task.toml"),
        difficulty=level if level in _LEVELS else None,
    )
    reasons = [*image.reasons, *verifier.reasons, *_config_reasons(config)]
    reasons += [
        "is made of containers (docker-compose)" for name in _COMPOSE if (environment / name).exists()
    ]
    reasons += prompt_reasons(prompt)
    files = (*image.files.values(), *skill_files, *verifier.files, *solution)
    return Draft(marked(task, reasons), files, notes=(*image.notes, *notes, *verifier.notes))


def _config(folder: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(read_text(folder / "task.toml", root=folder).replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"task.toml is not TOML: {error}") from error


def _table(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name, {})
    if not isinstance(value, dict):
        raise UsageError(f"task.toml: {name} must be a table")
    return value


def _text(value: Any) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() else None


def _timeout_ms(config: Mapping[str, Any], part: str) -> int:
    value = _table(config, part).get("timeout_sec", 600.0)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 < value <= 86_400:
        raise UsageError(f"task.toml: {part}.timeout_sec must be a number of seconds, at most a day")
    return max(1, round(float(value) * 1000))


def _config_reasons(config: Mapping[str, Any]) -> list[str]:
    environment = _table(config, "environment")
    found = []
    if environment.get("gpus"):
        found.append("needs a GPU")
    if environment.get("mcp_servers"):
        found.append("needs MCP servers")
    if environment.get("docker_image"):
        found.append(f"is built on an image ({str(environment['docker_image'])[:80]})")
    if config.get("steps") or config.get("multi_step"):
        found.append("is made of several steps")
    for part in ("verifier", "environment", "agent"):
        given = _table(config, part).get("env")
        values = given if isinstance(given, dict) else {}
        found += [f"needs the variable {name}" for name in sorted(values) if "${" in str(values[name])]
    return found


def _skills(folder: Path) -> tuple[tuple[str, ...], tuple[TaskFile, ...], list[str]]:
    """The task's own skills: their paths, files, and what was left out."""
    content = tree(folder / "environment" / "skills", root=folder)
    roots = sorted(
        PurePosixPath(file.path).parent.as_posix()
        for file in content.files
        if PurePosixPath(file.path).name == "SKILL.md" and file.path.count("/") >= 1
    )
    # A SKILL.md within a skill is one of its files.
    outer = [root for root in roots if not any(root.startswith(f"{other}/") for other in roots)]
    kept = tuple(file for file in content.files if any(file.path.startswith(f"{root}/") for root in outer))
    notes = [
        f"skills/{file.path} belongs to no skill and was left out"
        for file in content.files
        if file not in kept
    ]
    files = tuple(TaskFile(f"skills/{file.path}", file.data, file.is_executable) for file in kept)
    return tuple(f"skills/{root}" for root in outer), files, [*content.notes, *notes]
