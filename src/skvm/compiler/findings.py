"""What the compiler finds: its diagnostics, each with its page."""

from __future__ import annotations

from skvm.diagnostics import Severity, rule

__all__ = [
    "SKV201",
    "SKV202",
    "SKV203",
    "SKV204",
    "SKV205",
    "SKV206",
    "SKV230",
    "SKV231",
    "SKV232",
    "SKV251",
    "SKV252",
    "SKV253",
    "SKV254",
    "SKV255",
    "SKV256",
]

SKV201 = rule(
    "SKV201",
    "a gap stays open",
    "The skill needs more of a primitive than the target holds, and no ladder rule fits the words: nothing "
    "mechanical can be done without guessing what was meant. The text stays as it is. Write the place more "
    "concretely (name the file, the columns, the fields, the command), or choose a stronger target.",
)
SKV202 = rule(
    "SKV202",
    "unmeasured primitive",
    "The skill needs a primitive the profile says nothing about. That is not a gap: nothing is known. "
    "Measure it with skvm profile --primitives to let the compiler decide.",
    Severity.NOTE,
)
SKV203 = rule(
    "SKV203",
    "edit rolled back",
    "An edit broke something the guard keeps (frontmatter, a heading, a code block, a normative sentence, a "
    "reference, the size budget) or did not lower the requirement it was made for. It was dropped; the other "
    "edits stand.",
)
SKV204 = rule(
    "SKV204",
    "partial profile",
    "The profile was interrupted. What it lacks counts as unmeasured; where the skill needs such a primitive "
    "the compile is refused, because the missing level might be the one that matters.",
)
SKV205 = rule(
    "SKV205",
    "gap narrowed, not closed",
    "An edit made a place easier, but the target still holds less than the easier form needs.",
)
SKV206 = rule(
    "SKV206",
    "no exact command possible",
    "The usual way to lower this requirement is to hand it to a command, but the profile says the target "
    "cannot run commands (tool.exec L0). The text stays as it is.",
)
SKV251 = rule(
    "SKV251",
    "answer not recorded",
    "A frozen compile asks no model, and the record holds no answer to one of its questions: the skill, the "
    "profile, the compiler model or this program has changed since the answers were recorded. Compile once "
    "without --frozen, or with --compiler-model=none.",
    Severity.ERROR,
)
SKV252 = rule(
    "SKV252",
    "no usable answer",
    "The compiler model gave no answer of the form asked for, although each further try told it what was "
    "wrong with the last one. Nothing is compiled by half. Use a stronger compiler model, or "
    "--compiler-model=none.",
    Severity.ERROR,
)
SKV253 = rule(
    "SKV253",
    "part of an answer left out",
    "The compiler model quoted words that do not stand in SKILL.md, proposed an edit that fits no single "
    "place, or brought in a tool or an address the skill does not know. That part is left out; the rest of "
    "its answer stands.",
    Severity.NOTE,
)
SKV254 = rule(
    "SKV254",
    "gap left without a question",
    "The skill has more gaps than a compile asks its model about. The worst ones were asked first; these "
    "stay open. Split the skill, or choose a stronger target.",
    Severity.NOTE,
)
SKV230 = rule(
    "SKV230",
    "a step needs a later one",
    "A step speaks of the result of a step that comes after it, so no order satisfies both. The plan "
    "keeps the "
    "order of the text. Move the step, or correct the number it names.",
)
SKV231 = rule(
    "SKV231",
    "steps said to be independent are not",
    "The skill says that some steps may go at once, but one of them writes what another reads or "
    "writes, or a "
    "third one must come between them. They are planned one after the other. Give each its own output, or "
    "take the sentence out.",
)
SKV232 = rule(
    "SKV232",
    "proposal for the plan rejected",
    "The compiler model proposed a dependency or a group that names a step that is not there, makes a "
    "circle, or "
    "joins steps that touch the same thing. It was left out; the rest of the plan stands.",
    Severity.NOTE,
)
SKV255 = rule(
    "SKV255",
    "verdict of another variant",
    "A variant may only stand or fall by runs of its own. The one that was measured is not the one that was "
    "compiled now: the skill, the profile or this program has changed in between. Run the command again.",
    Severity.ERROR,
)
SKV256 = rule(
    "SKV256",
    "variant not accepted",
    "Measured in pairs, the variant was worse than the original, or the runs were too few to rule that out. "
    "The variant folder holds the original; acceptance.json has counts, interval and seeds. More pairs "
    "(--accept N) or more tasks make the interval narrower.",
)
