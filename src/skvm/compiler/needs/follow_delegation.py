"""What needs ``follow.delegation``: scripts to be run, and rules that code does the computing."""

from __future__ import annotations

from collections.abc import Iterator

from skvm.compiler.carried.filling import fill_commands
from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.commands import command_lines, is_shell
from skvm.compiler.reading.delegation import (
    delegating_sentences,
    delegation_rules,
    figure_steps,
    is_for_everything,
    names_script,
    only_script,
    script_commands,
)
from skvm.compiler.reading.prose import Prose, Sentence
from skvm.target.contract import Level

RULES = {
    Level.L1: "a script that is given is run; a rule that code computes, with the command right below it",
    Level.L2: "a general rule that code computes; one for every figure, repeated where figures are given",
    Level.L3: "a rule that every figure comes from code, the small ones too",
}


def find(reading: Reading) -> Iterator[Need]:
    """Rules first; then the commands and sentences that have a script run."""
    prose = reading.prose
    rules = {sentence.span: sentence for sentence in delegation_rules(prose)}
    for rule in rules.values():
        yield Need(_level(prose, rule), rule.span)
    # What a command writes into its file by itself nobody has to carry on.
    written = fill_commands(reading)
    for span in script_commands(prose):
        if span not in written:
            yield Need(Level.L1, span)
    for sentence in delegating_sentences(prose):
        if sentence.span not in rules:
            yield Need(Level.L1, sentence.span)


def _level(prose: Prose, rule: Sentence) -> Level:
    if is_for_everything(rule.text):
        script = only_script(prose)
        steps = figure_steps(prose, rule)
        told = script is not None and steps and all(names_script(prose, step, script) for step in steps)
        return Level.L2 if told else Level.L3
    given = (
        line.startswith(
            ("python3 scripts/", "python scripts/", "node scripts/", "sh scripts/", "bash scripts/")
        )
        for fence in prose.fences_after(rule.block)
        if is_shell(fence)
        for line in command_lines(prose.text(fence.content))
    )
    return Level.L1 if any(given) else Level.L2


DETECTORS.register("follow.delegation", Detector(RULES, find))
