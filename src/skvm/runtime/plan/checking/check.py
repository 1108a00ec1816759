"""Checks a plan, whatever wrote it."""

from __future__ import annotations

from dataclasses import dataclass

from skvm.compiler.plans.plan import Plan
from skvm.diagnostics import Diagnostic, Severity, Span
from skvm.runtime.plan.checking.findings import SKV801
from skvm.runtime.plan.checking.relations import check_relations
from skvm.runtime.plan.checking.report import Report
from skvm.runtime.plan.checking.shape import read_shape
from skvm.runtime.plan.checking.surroundings import Surroundings, check_surroundings

__all__ = ["Checked", "check_plan"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check.

    Args:
        plan: The plan; ``None`` if the file is none.
        diagnostics: What was found: errors first, else in the order of the file.
    """

    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def has_errors(self) -> bool:
        """Whether it cannot be run as it is."""
        return any(found.severity is Severity.ERROR for found in self.diagnostics)


def check_plan(data: bytes, *, name: str = "", around: Surroundings | None = None) -> Checked:
    """Check the bytes of a plan.

    Args:
        data: Of a ``plan.json``, or of anything else.
        name: The file, as the user named it; without one, findings name no place.
        around: Where it lies and would run; without, nothing outside of it is looked at.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report = Report(name, data, "")
        place = Span(error.start, error.start + 1)
        found = SKV801.at("no JSON: it is not UTF-8", path=name, span=place, source=data if name else b"")
        return Checked(None, (found,))
    if data.startswith(b"\xef\xbb\xbf"):
        # Places are counted in what is read.
        data = data[3:]
    report = Report(name, data, text)
    plan = read_shape(report)
    if plan is not None:
        check_relations(plan, report)
        check_surroundings(plan, around or Surroundings(), report)
    return Checked(plan, report.told())
