"""A work directory, an outfit and one step taken in it, as a shell takes it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvm.runtime.boost.model import Candidate, Check, Language, Origin, Param, ParamType, Place, Template
from skvm.runtime.boost.outfit import Outfit, Verdict, lay_outfit, verdict_of

TICKET = "t1f3a9c2e"


def candidate_of(template: Template, purpose: str = "sum-up") -> Candidate:
    return Candidate(purpose_id=purpose, template=template, origin=Origin(kind="runs"))


def python_step(
    code: str, *outputs: str | Check, params: dict[str, ParamType] | None = None, **more: Any
) -> Template:
    return _step(Language.PYTHON, code, outputs, params or {}, more)


def shell_step(
    code: str, *outputs: str | Check, params: dict[str, ParamType] | None = None, **more: Any
) -> Template:
    return _step(Language.SHELL, code, outputs, params or {}, more)


def _step(
    language: Language,
    code: str,
    outputs: tuple[str | Check, ...],
    params: dict[str, ParamType],
    more: dict[str, Any],
) -> Template:
    checks = [each if isinstance(each, Check) else Check(place=Place(path=each)) for each in outputs]
    held = [Param(name=name, type=kind) for name, kind in sorted(params.items())]
    return Template(language=language, code=code, params=tuple(held), outputs=tuple(checks), **more)


@dataclass(frozen=True)
class Taken:
    """One step, taken: what the harness saw, the verdict in it, the exit code."""

    text: str
    verdict: Verdict | None
    code: int

    @property
    def reason(self) -> str:
        assert self.verdict is not None, self.text
        assert not self.verdict.is_done, self.text
        return self.verdict.reason


def outfit_of(folder: Path, *templates: Template) -> Outfit:
    return lay_outfit(folder, templates)


def take(
    template: Template,
    work_dir: Path,
    params: dict[str, Any] | None = None,
    *,
    outfit: Path | None = None,
    shell: tuple[str, ...] = ("sh", "-c"),
    env: dict[str, str] | None = None,
) -> Taken:
    laid = lay_outfit(outfit or work_dir.parent / "outfit", [template])
    line = laid.command_line(candidate_of(template), TICKET, params or {})
    ended = subprocess.run(
        [*shell, line], cwd=work_dir, capture_output=True, check=False, env={**os.environ, **(env or {})}
    )
    text = ended.stdout.decode("utf-8", "replace")
    assert not ended.stderr, ended.stderr
    return Taken(text, verdict_of(text, TICKET), ended.returncode)


def tree_of(folder: Path) -> dict[str, bytes | str]:
    """All that lies in a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        if path.is_file() and not path.is_symlink()
        else "other"
        for path in sorted(folder.rglob("*"))
    }
