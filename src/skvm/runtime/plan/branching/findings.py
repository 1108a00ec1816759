"""What merging a directory of an agent's own notices: coded, each with its page."""

from __future__ import annotations

from skvm.diagnostics import Severity, rule

__all__ = ["SKV841", "SKV842", "SKV843", "SKV844"]

SKV841 = rule(
    "SKV841",
    "step changed what it does not name",
    "A step of a plan that ran in a directory of its own changed files that the plan does not say it writes."
    " They are merged where nobody else touched them. Name them in the step of the skill, so that steps which"
    " read or write the same files wait for each other, and compile the skill again.",
)
SKV842 = rule(
    "SKV842",
    "steps at once got in each other's way",
    "A step ran at the same time as another one, and the other changed what this one changed or read. Nothing"
    " of what it did was merged; it was run again alone, from the directory as it is now. If this comes up"
    " again and again the steps are not independent: say in the skill which file each reads and writes, or"
    " that one comes after the other; skvm plan run --serial runs them one by one meanwhile.",
)
SKV843 = rule(
    "SKV843",
    "steps took effect out of their order",
    "A step changed something it does not name after a later step of the plan had been done that reads or"
    " writes it. The result is that of another order than the plan's: the later step did not see this change."
    " Run the plan again with skvm plan run --fresh --serial, and name the file in both steps of the skill.",
)
SKV844 = rule(
    "SKV844",
    "directory cannot be copied for a step",
    "The work directory holds more files or bytes than are copied for one step, or the disk has no space for"
    " them, so the step ran in the directory itself, and no other had a directory of its own meanwhile."
    " Run the plan in a smaller directory if its steps are to run at the same time.",
    Severity.NOTE,
)
