"""The reference of diagnostics, from the rules the modules declare."""

from __future__ import annotations

from docsite.words import table
from skvm.cli.commands.explain import import_rules

__all__ = ["page"]

_GROUPS = {
    "1": "Skills",
    "2": "The compiler",
    "3": "Tasks and the bench",
    "4": "Settings and plugins",
    "5": "Harnesses",
    "6": "Boost",
    "7": "Proposals",
    "8": "Plans",
    "9": "Others",
}

_HEAD = """# Diagnostics

A diagnostic is a finding about something you gave: a skill, a task, a plan, a configuration file. It has
a code, a place and a severity. `skvm explain CODE` prints the same pages. Errors fail a command, warnings
and notes do not, unless it says otherwise.
"""


def page() -> str:
    """All rules with the page of each."""
    rules = import_rules()
    parts = [_HEAD]
    for digit, title in _GROUPS.items():
        own = [rule for rule in rules if rule.code[3] == digit]
        if not own:
            continue
        parts.append(f"## {title}\n")
        rows = [(f"[{rule.code}](#{rule.code.lower()})", rule.severity.value, rule.title) for rule in own]
        parts.append(table(("code", "severity", "finding"), rows))
        for rule in own:
            parts.append(f"### {rule.code} {{ #{rule.code.lower()} }}\n")
            parts.append(f"**{rule.severity.value}: {rule.title}**\n\n{_prose(rule.explanation)}\n")
    return "\n".join(parts)


def _prose(text: str) -> str:
    return text.replace("<", "&lt;").replace("[", "\\[").replace("{", "&#123;").replace("*", "\\*")
