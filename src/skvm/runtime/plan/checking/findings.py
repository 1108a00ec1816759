"""What is found about a plan: coded, each with its page."""

from __future__ import annotations

from skvm.diagnostics import Severity, rule

__all__ = [
    "SKV801",
    "SKV802",
    "SKV803",
    "SKV804",
    "SKV805",
    "SKV806",
    "SKV807",
    "SKV808",
    "SKV809",
    "SKV810",
    "SKV811",
    "SKV812",
    "SKV813",
    "SKV814",
]

SKV801 = rule(
    "SKV801",
    "plan is no JSON",
    "The file cannot be read as JSON (RFC 8259, UTF-8). Common causes: a comma after the last element, a"
    " comment, single quotes, NaN or Infinity, a file that was cut off. Nothing of it is run.",
    Severity.ERROR,
)
SKV802 = rule(
    "SKV802",
    "plan of another schema",
    'A plan is a JSON object with "schema": 1. Another number was written by another version of skvm, and'
    " is not guessed at: compile the skill again with skvm aot-compile --pass 3, or update skvm.",
    Severity.ERROR,
)
SKV803 = rule(
    "SKV803",
    "value of a plan is missing or of the wrong kind",
    "A field a plan must have is not there, or holds something else than it may: a number where a text is"
    " wanted, a kind that does not exist. Nothing of the plan is run. The fields are those of the plan"
    " skvm itself writes: skvm plan show --json SKILL prints one.",
    Severity.ERROR,
)
SKV804 = rule(
    "SKV804",
    "plan names a field nobody reads",
    "An object of the plan has a field that is not one of a plan, or has one twice. It is ignored (of"
    " two, the first is), so what it was to say is not done: a dependency in dependson is no dependency."
    " Fields are written as in dependsOn and skillDigest.",
)
SKV805 = rule(
    "SKV805",
    "id used twice",
    "Two steps, two groups or two procedures of a plan have the same id, or a step stands twice in a"
    " procedure or group. What names it could mean either, so the plan is not run. Give each an id of its"
    " own.",
    Severity.ERROR,
)
SKV806 = rule(
    "SKV806",
    "plan names an id that is not there",
    "A dependency, a procedure or a group names a step that the plan does not have. Most often the step"
    " was renamed or taken out. Correct the name, or take it out here, too.",
    Severity.ERROR,
)
SKV807 = rule(
    "SKV807",
    "steps wait for each other in a circle",
    "Each step of the circle waits for the next, and the last for the first: none of them can ever begin."
    " Take out the dependency that is not true; where two steps really take turns, write them as one step.",
    Severity.ERROR,
)
SKV808 = rule(
    "SKV808",
    "members of a group are not independent",
    "A group says that its steps, or the items of its step, may go at once. But one of them waits for"
    " another, or two write the same file, or one writes what another reads, or every item writes the same"
    " file. They would be put in a row where that is seen, and the group gains nothing; where it is not,"
    " one overwrites another.",
    Severity.ERROR,
)
SKV809 = rule(
    "SKV809",
    "path leaves the work directory",
    "A plan works in one directory. A name that is absolute, begins with ~ or climbs out with .. is outside"
    " of it: the sandbox does not let it be written, and patterns that leave the directory match nothing."
    " /tmp and the home directory can be written, but are the sandbox's own and gone after the step: that is"
    " a warning, and so is reading from outside. Name files relative to the work directory.",
    Severity.ERROR,
)
SKV810 = rule(
    "SKV810",
    "input of a plan is not there",
    "A step reads a file that is neither in the work directory nor with the skill, and that no step of"
    " the plan makes; or a pattern of files matches none. Where the step before it may write anything,"
    " that is only a warning: it may still be made. Put the file there before the plan is run.",
)
SKV811 = rule(
    "SKV811",
    "program of a plan is not there",
    "A command of the plan names a program that is not on PATH, nor in the work directory, nor with the"
    " skill. The step would fail with exit code 127. Install it, or, of a variant that"
    " requires it, let skvm env apply install it into a private place.",
)
SKV812 = rule(
    "SKV812",
    "plan of another state of the skill",
    "The SKILL.md beside the plan is not the one the plan was made of. Steps may have changed since, and"
    " measurements of the plan's groups belong to the older state. Make the plan again: skvm aot-compile"
    " --pass 3, or give the skill's folder to skvm plan instead of the file.",
)
SKV813 = rule(
    "SKV813",
    "step that is never run",
    "The step is in no procedure of the plan, so no run of the plan includes it; if another step waits"
    " for it, it is run as if it did not. Put it into a procedure, or take it out.",
)
SKV814 = rule(
    "SKV814",
    "entry of a plan that does nothing",
    "Something is declared and cannot have an effect: a step that is executable and has no command, a"
    " group of one step without items, a map whose command or output does not name {item} or {name} and so"
    " does the same for every item, a pattern or list without anything in it.",
)
