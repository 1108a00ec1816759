"""Trial tasks from ``evals/evals.json``, where skills keep their test cases.

An assertion there is a sentence. Only those of plain forms can be graded without a judge (a file is there,
holds a text, has so many lines, is valid JSON); the others are left out and counted. A test case of which
nothing can be graded makes no task.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from skvm.errors import SkvmError, UsageError
from skvm.skill.emit import resource_bytes
from skvm.skill.ir import Skill
from skvm.task.model import Criterion, Task

__all__ = ["EVALS_PATH", "EvalTasks", "criterion_of", "eval_tasks"]

EVALS_PATH = "evals/evals.json"
"""Where test cases lie in a bundle."""

_FILE = r"`?(?P<path>(?:[\w-]+/)*[\w-]+(?:\.[\w-]+)*\.[A-Za-z]\w{0,7})`?"
_FORMAL = r"(?:the\s+|a\s+|an\s+)?(?:output\s+|file\s+|named\s+|called\s+)*"
_QUOTED = r"[`\"'“](?P<text>[^`\"”]+?)[`\"'”]"
_EXISTS = re.compile(
    rf"(?:(?:there\s+is|it\s+(?:creates|writes)|the\s+(?:output|agent|skill)\s+(?:includes|creates|writes|"
    rf"produces))\s+{_FORMAL}{_FILE}|{_FORMAL}{_FILE.replace('path', 'other')}\s+(?:exists|is\s+created|"
    rf"is\s+written|was\s+created))\.?$",
    re.IGNORECASE,
)
_CONTAINS = re.compile(
    rf"{_FORMAL}{_FILE}\s+(?:contains|includes|mentions|holds)\s+(?:the\s+(?:text|word|line|string)\s+)?{_QUOTED}\.?$",
    re.IGNORECASE,
)
_LINES = re.compile(
    rf"{_FORMAL}{_FILE}\s+has\s+(?:exactly\s+)?(?P<count>\d{{1,4}})\s+lines?\.?$", re.IGNORECASE
)
_JSON = re.compile(rf"{_FORMAL}{_FILE}\s+is\s+(?:a\s+)?valid\s+json(?:\s+file)?\.?$", re.IGNORECASE)
_STARTS = re.compile(
    rf"{_FORMAL}{_FILE}\s+(?:starts|begins)\s+with\s+(?:the\s+line\s+)?{_QUOTED}\.?$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class EvalTasks:
    """Tasks made of test cases.

    Args:
        tasks: Those of which something can be graded.
        skipped: One line for each test case left out, and why.
        ungraded: Assertions of the tasks that nothing here can grade.
    """

    tasks: tuple[Task, ...] = ()
    skipped: tuple[str, ...] = ()
    ungraded: int = 0


def eval_tasks(skill: Skill, *, judged: bool = False) -> EvalTasks:
    """The tasks a skill's own test cases make; none where it has no test cases.

    Args:
        skill: The skill.
        judged: Whether what nothing mechanical can grade is put to a judge, the assertion as its rubric. A
            test case without assertions is then judged by its expected output.

    Raises:
        UsageError: ``evals/evals.json`` is not readable as test cases.
    """
    if not any(found.path == EVALS_PATH for found in skill.resources):
        return EvalTasks()
    try:
        value = json.loads(resource_bytes(skill, EVALS_PATH).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{EVALS_PATH} of skill {skill.id!r} is not JSON: {error}") from error
    cases = value.get("evals") if isinstance(value, dict) else None
    if not isinstance(cases, list):
        raise UsageError(f"{EVALS_PATH} of skill {skill.id!r} holds no list `evals`")
    tasks: list[Task] = []
    skipped: list[str] = []
    ungraded = 0
    for number, case in enumerate(cases, 1):
        made = _task(skill, number, case, judged) if isinstance(case, dict) else "it is no object"
        if isinstance(made, str):
            skipped.append(f"test case {number}: {made}")
        else:
            tasks.append(made)
            ungraded += 0 if judged else len(case["assertions"]) - len(made.criteria)
    return EvalTasks(tuple(tasks), tuple(skipped), ungraded)


def _task(skill: Skill, number: int, case: Mapping[str, Any], judged: bool) -> Task | str:
    """The task of a test case, or why there is none."""
    prompt = case.get("prompt")
    assertions = case.get("assertions")
    if judged and not assertions:
        assertions = [case.get("expected_output")] if case.get("expected_output") else assertions
    if not isinstance(prompt, str) or not prompt.strip():
        return "it has no prompt"
    if not isinstance(assertions, list) or not assertions:
        return "it has no assertions"
    made = [criterion_of(each) or (_judged(each) if judged else None) for each in assertions]
    criteria = [found for found in made if found is not None]
    if not criteria:
        return "none of its assertions can be graded without a judge"
    try:
        fixtures = _fixtures(skill, prompt, case.get("files") or [])
    except (SkvmError, UnicodeDecodeError) as error:
        return error.message if isinstance(error, SkvmError) else "one of its files is no text"
    return Task(
        id=f"{skill.id}-eval-{number}",
        prompt=prompt,
        eval=tuple(criteria),
        fixtures=fixtures,
        category="evals",
    )


def _fixtures(skill: Skill, prompt: str, files: Sequence[Any]) -> dict[str, str]:
    """The files of a test case, at the path the prompt calls them by, else at the top.

    Raises:
        UsageError: One is not in the bundle.
        UnicodeDecodeError: One is no text.
    """
    laid: dict[str, str] = {}
    for name in files:
        base = PurePosixPath(str(name)).name
        called = re.search(rf"(?<![\w./-])((?:[\w-]+/)*{re.escape(base)})(?![\w-])", prompt)
        laid[called[1] if called else base] = resource_bytes(skill, str(name)).decode("utf-8")
    return laid


def criterion_of(assertion: Any) -> Criterion | None:
    """The criterion an assertion makes; ``None`` where it is of no form that can be graded mechanically."""
    if isinstance(assertion, dict):
        known = {key: assertion[key] for key in ("method", "id", "name", "weight") if key in assertion}
        if not isinstance(known.get("method"), str):
            return criterion_of(assertion.get("text"))
        options = {key: value for key, value in assertion.items() if key not in known}
        return Criterion(**known, options=options)
    if not isinstance(assertion, str):
        return None
    said = " ".join(assertion.split())
    return next((made for form in _FORMS if (made := form(said)) is not None), None)


def _judged(assertion: Any) -> Criterion | None:
    """The same sentence for a judge to decide."""
    said = assertion.get("text") if isinstance(assertion, dict) else assertion
    if not isinstance(said, str) or not said.strip():
        return None
    return Criterion(
        method="llm-judge", name=said.strip()[:120], options={"rubric": said.strip(), "maxScore": 1.0}
    )


def _exists(said: str) -> Criterion | None:
    found = _EXISTS.fullmatch(said)
    return _check(said, found["path"] or found["other"], "contains", "") if found else None


def _contains(said: str) -> Criterion | None:
    found = _CONTAINS.fullmatch(said)
    return _check(said, found["path"], "contains", found["text"]) if found else None


def _lines(said: str) -> Criterion | None:
    found = _LINES.fullmatch(said)
    if found is None or int(found["count"]) == 0:
        return None
    before = int(found["count"]) - 1
    return _check(said, found["path"], "regex", rf"\A(?:[^\n]*\n){{{before}}}[^\n]+\n?\Z")


def _json(said: str) -> Criterion | None:
    found = _JSON.fullmatch(said)
    return _check(said, found["path"], "json-schema", {}) if found else None


def _starts(said: str) -> Criterion | None:
    found = _STARTS.fullmatch(said)
    return _check(said, found["path"], "regex", rf"\A{re.escape(found['text'])}") if found else None


_FORMS = (_exists, _contains, _lines, _json, _starts)


def _check(name: str, path: str, mode: str, expected: Any) -> Criterion:
    return Criterion(
        method="file-check", name=name[:120], options={"path": path, "mode": mode, "expected": expected}
    )
