"""The check of wording a variant carries: which rules of a skill it covers, and how it is called."""

from __future__ import annotations

import json
from typing import Any

from skvm.compiler.carried.bundled import shipped
from skvm.compiler.need import Reading
from skvm.compiler.reading.commands import command_lines, is_shell
from skvm.compiler.reading.wording_rules import RuleGroup, WordingRule
from skvm.skill.emit import resource_bytes
from skvm.skill.ir import Skill

__all__ = ["CHECK_SCRIPT", "bundled_bytes", "check_command", "checked_rules", "rules_file"]

CHECK_SCRIPT = "scripts/check.py"


def bundled_bytes(skill: Skill, path: str) -> bytes | None:
    """What a bundle file holds; ``None`` where there is none or it cannot be read."""
    held = any(found.path == path for found in skill.resources)
    return resource_bytes(skill, path) if held and (path in skill.contents or skill.root) else None


def check_command(path: str) -> str:
    """The command that checks a text against a file of rules."""
    return f"python3 {CHECK_SCRIPT} {path} answer.txt"


def rules_file(rules: list[WordingRule]) -> bytes:
    """The rules as ``check.py`` reads them."""
    record = {"rules": [{"says": rule.words, **(rule.check or {})} for rule in rules]}
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def checked_rules(reading: Reading, group: RuleGroup) -> int:
    """How many rules of a group the check command right below it looks after."""
    skill = reading.prose.skill
    for fence in reading.prose.fences_after(group.block):
        for line in command_lines(reading.prose.text(fence.content)) if is_shell(fence) else ():
            words = line.split()
            if words[:2] != ["python3", CHECK_SCRIPT] or len(words) < 3:
                continue
            if bundled_bytes(skill, CHECK_SCRIPT) != shipped("check.py"):
                continue
            known = _rules(bundled_bytes(skill, words[2]))
            return sum(
                {"says": rule.words, **rule.check} in known for rule in group.rules if rule.check is not None
            )
    return 0


def _rules(data: bytes | None) -> list[Any]:
    try:
        record = json.loads(data or b"{}")
    except ValueError:
        return []
    rules = record.get("rules", []) if isinstance(record, dict) else []
    return rules if isinstance(rules, list) else []
