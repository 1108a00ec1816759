"""The tidy and join scripts a variant carries: where a text says to run them, and what they see to."""

from __future__ import annotations

import json
from collections.abc import Iterator

from skvm.compiler.carried.bundled import shipped
from skvm.compiler.carried.wording_check import bundled_bytes
from skvm.compiler.need import Reading
from skvm.compiler.reading.commands import command_lines, is_shell
from skvm.compiler.reading.row_form import RowForm

__all__ = ["JOIN_SCRIPT", "TIDY_SCRIPT", "is_joined", "rules_bytes", "tidied_kinds"]

TIDY_SCRIPT, JOIN_SCRIPT = "scripts/tidy.py", "scripts/join.py"


def rules_bytes(form: RowForm) -> bytes:
    """The rules of a form, as ``tidy.py`` reads them."""
    return (json.dumps(form.rules, indent=2, ensure_ascii=False) + "\n").encode()


def _commands(reading: Reading, block: int, script: str) -> Iterator[list[str]]:
    """The words of every command right below a block that runs a script as it is shipped."""
    skill = reading.prose.skill
    for fence in reading.prose.fences_after(block):
        for line in command_lines(reading.prose.text(fence.content)) if is_shell(fence) else ():
            words = line.split()
            if words[:2] == ["python3", script] and bundled_bytes(skill, script) == shipped(
                script.rpartition("/")[2]
            ):
                yield words[2:]


def tidied_kinds(reading: Reading, form: RowForm) -> frozenset[str]:
    """The constraints of a form that the tidy command right below it sees to."""
    for words in _commands(reading, form.sentence.block, TIDY_SCRIPT):
        if words and bundled_bytes(reading.prose.skill, words[0]) == rules_bytes(form):
            return form.covered
    return frozenset()


def is_joined(reading: Reading, block: int) -> bool:
    """Whether the text right below a block has a document written in parts and joined."""
    return any(True for _ in _commands(reading, block, JOIN_SCRIPT))
