"""Test cases: from a runner's report to the score of a criterion."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

from skvm.evaluate.custom import score_of
from skvm.evaluate.junit.payload import Part, Payload, TestFile
from skvm.evidence.record import Checkpoint, CriterionResult

__all__ = ["Case", "grade_all_alike", "grade_by_cases", "named_tests", "of_node", "read_xml"]

_REGEX_TIMEOUT_S = 1.0
"""Wall clock of one pattern on one name, which may be the agent's."""
_MAX_CASES, _MAX_NAME = 20_000, 1000


@dataclass(frozen=True, slots=True)
class Case:
    """One test case.

    Args:
        name: ``classname > name``.
        is_passed: Whether it ran and passed; a skipped one did not.
        reason: Why not, one line.
    """

    name: str
    is_passed: bool
    reason: str = ""


def of_node(node: str) -> str:
    """``classname > name`` of a pytest node id, as in the JUnit XML that pytest writes."""
    node, bracket, parameters = node.partition("[")
    path, *inner = node.split("::")
    parts = [PurePosixPath(path).with_suffix("").as_posix().replace("/", "."), *inner]
    return f"{'.'.join(parts[:-1])} > {parts[-1]}{bracket}{parameters}"


def named_tests(file: TestFile) -> list[str]:
    """``classname > name`` of every test that a Python test file defines in plain sight.

    Whatever happens as the file is imported, these were meant to run. Tests made otherwise (in a loop, by a
    base class) are not among them; nor are those of classes pytest does not collect.
    """
    module = PurePosixPath(file.name).with_suffix("").as_posix().replace("/", ".")
    return list(dict.fromkeys(_tests_of(ast.parse(file.source), module, is_case=False)))


def _tests_of(holder: ast.Module | ast.ClassDef, place: str, *, is_case: bool) -> Iterator[str]:
    for node in holder.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            is_fixture = any("fixture" in ast.unparse(each) for each in node.decorator_list)
            if node.name.startswith("test") and not is_fixture:
                yield f"{place} > {node.name}"
        elif isinstance(node, ast.ClassDef):
            is_inner_case = any(ast.unparse(base).endswith("TestCase") for base in node.bases)
            if (is_inner_case or (node.name.startswith("Test") and not is_case)) and _is_collected(node):
                yield from _tests_of(node, f"{place}.{node.name}", is_case=is_inner_case)


def _is_collected(node: ast.ClassDef) -> bool:
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name in ("__init__", "__new__"):
            return False
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__test__":
            return False
    return True


def read_xml(data: bytes) -> list[Case]:
    """The cases of a JUnit XML report; none where it is no such report."""
    # Entities are how a small report becomes a large one; no runner writes them.
    if b"<!" in data.replace(b"<![CDATA[", b""):
        return []
    try:
        root = ET.fromstring(data)  # noqa: S314 - without entities
    except (ET.ParseError, ValueError, RecursionError):
        return []
    cases = []
    for node in list(root.iter("testcase"))[:_MAX_CASES]:
        why = next((child for child in node if child.tag in ("failure", "error", "skipped")), None)
        name = " > ".join(part for part in (node.get("classname"), node.get("name")) if part)
        said = "" if why is None else (why.get("message") or (why.text or "").strip() or why.tag)
        cases.append(Case(name[:_MAX_NAME], why is None, said.splitlines()[0][:200] if said else ""))
    return cases


def grade_by_cases(payload: Payload, cases: Sequence[Case], *, note: str = "") -> CriterionResult:
    """Each part scores passed / matched, 0 where no case matches."""
    cases = cases[:_MAX_CASES]
    checkpoints = [_grade_part(part, cases) for part in payload.parts]
    return _combine(checkpoints, note)


def grade_all_alike(payload: Payload, score: float, why: str) -> CriterionResult:
    """Every part scores the same, because there is nothing to tell them apart by."""
    return _combine(
        [Checkpoint(name=part.id, score=score, weight=part.weight, reason=why) for part in payload.parts], why
    )


def _grade_part(part: Part, cases: Sequence[Case]) -> Checkpoint:
    try:
        matched = [case for case in cases if any(_is_found(pattern, case.name) for pattern in part.patterns)]
    except TimeoutError:
        return Checkpoint(name=part.id, score=0.0, weight=part.weight, reason="its pattern takes too long")
    passed = sum(case.is_passed for case in matched)
    reason = "" if matched else "no test case matches"
    if passed < len(matched):
        failed = next(case for case in matched if not case.is_passed)
        reason = f"{passed} of {len(matched)} passed; {failed.name}: {failed.reason or 'failed'}"
    score = passed / len(matched) if matched else 0.0
    plain = reason.encode("utf-8", "replace").decode()
    return Checkpoint(name=part.id, score=score, weight=part.weight, reason=plain)


def _is_found(pattern: str, name: str) -> bool:
    import regex  # type: ignore[import-untyped]

    flags, limit = regex.IGNORECASE, _REGEX_TIMEOUT_S
    return bool(regex.search(pattern, name[:_MAX_NAME], flags, timeout=limit, concurrent=True))


def _combine(checkpoints: Sequence[Checkpoint], note: str) -> CriterionResult:
    total = math.fsum(each.weight or 0.0 for each in checkpoints)
    score = math.fsum(each.score * (each.weight or 0.0) for each in checkpoints) / total
    missed = [f"{each.name}: {each.reason}" for each in checkpoints if each.score < 0.5]
    said = note or "; ".join(missed[:5]) or f"{len(checkpoints)} criteria met"
    return score_of(score, said).model_copy(update={"checkpoints": tuple(checkpoints)})
