"""What can be wrong with a candidate of the existing system."""

from __future__ import annotations

from skvm.diagnostics import rule

__all__ = ["SKV602", "SKV604", "SKV605", "HoleRefusedError"]

SKV602 = rule(
    "SKV602",
    "malformed boost candidate",
    "An entry of boost-candidates.json lacks a field of the format, a field has the wrong type, or a newer"
    " skvm wrote it. The entry answers nothing and stays in the file as it is.",
)
SKV604 = rule(
    "SKV604",
    "pattern cannot be translated",
    "A codeSignature or extractPattern is a JavaScript pattern that looks ahead or behind, refers back to a"
    " group, repeats more than 1000 times, repeats what may be nothing, uses \\B, or is no pattern at all."
    " Patterns run on RE2, whose time grows with the text alone; what it cannot do alike is refused. Without"
    " its extractPattern a parameter cannot be found in a prompt, and the candidate answers nothing. Without"
    " its codeSignature it is tried on every run with its keywords. Write the pattern without these, or let"
    " the candidate be learnt from runs.",
)
SKV605 = rule(
    "SKV605",
    "boost template cannot be made safe",
    "The existing system puts values from a prompt into the text of a template, and a value could become code"
    " there. Here a value travels in a variable. That is possible where a ${hole} is a word or part of a"
    " quoted text of a plain shell command, or of a text in Python. It is refused where the value would reach"
    " something that runs, computes or formats it: the name of a program, an argument of sh -c, eval, awk or"
    " sed, arithmetic, an index, a Python expression beyond a value, code that calls exec or a shell."
    " Take the value out of the code (an argument, an environment variable), or let the candidate be learnt"
    " from runs.",
)


class HoleRefusedError(Exception):
    """A hole of a template stands where its value could become code.

    Args:
        reason: Why, in a few words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
