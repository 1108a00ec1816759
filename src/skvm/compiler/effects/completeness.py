"""Whether commands, as they stand in a step, are all it asks: no choice, no gap, nothing beside."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.compiler.effects.model import Action
from skvm.skill.sieve import sieved

__all__ = ["asks_more", "has_gap", "has_own_part", "moves_shell", "offers_choice", "repeats_unknown"]

_GAP = re.compile(
    r"(?:^|\s)\[[a-z][a-z _-]{2,}\](?=\s|$)"
    r"|(?<![\w$./-])[\"']?(?:[A-Z]+_)?(?:URL|FILE|NAME|PATH|ID|TITLE|TEXT|QUERY|KEY|TOKEN|USER|HOST|DIR|FOLDER|"
    r"VIDEO|PROMPT|INPUT|OUTPUT|NUMBER|VERSION)[\"']?(?![\w=/.])"
)
_RUNS = re.compile(
    r"^\W*(?:(?:first|then|next|finally|now|also|always|just),?\s+)?"
    r"(?:run|execute|use|call|start|invoke|type|enter|issue|launch)\b|^\W*`|(?:运行|执行|使用|调用)\W*`|"
    r"(?:[:→–—]|\b(?:with|using|by running|via|run|through|execute|calls?))\s*\W*`",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"(?:\band\b|\bthen\b|;)\s+(?:then\s+|also\s+)?(?!(?:the|a|an|its|their|all|both|for|in|to|with|from|of|on|"
    r"as|no|one|x|each|every|writes?|prints?|reads?|puts?|gives?|makes?|adds?|lists?|counts?|shows?|run|use|"
    r"execute)\b|x\b|[^a-z\s])|\bor\b|\beither\b|\bcheck (?:that|whether|the)\b|并|然后|或者|接着",
    re.IGNORECASE,
)
_CHOICE = sieved(
    r"\b(?:or|alternativ\w+|optional\w*|macos|mac os|osx|linux|ubuntu|debian|fedora|windows|powershell|"
    r"default|custom|examples?|recommended|if|when|review|edit|apply|replace|adjust|instead|basic|advanced|single|"
    r"for \w+ (?:projects?|users?)|usage)\b",
    re.IGNORECASE,
)
_OWN = sieved(
    r"\b(?:your(?:s| own)?|replace|substitute|adjust|fill in|edit|e\.g\.|for example|such as|for instance|"
    r"as needed|if needed|or similar)\b",
    re.IGNORECASE,
)
_MOVES = re.compile(r"(?:^|[;&|{]\s*|\bdo\s+|\bthen\s+)(?:cd|pushd|source|\.|export|alias)\s", re.MULTILINE)
_IN_SUBSHELL = re.compile(r"\([^()]*\)")
_PROGRAM = re.compile(r"[a-z./~_$\"'(\[{]|Rscript\b|[A-Z_]+=")


def has_gap(command: str) -> bool:
    """Whether something in a command stands for what the reader must put in, or it is no command at all.

    Args:
        command: A whole statement.
    """
    first = command.lstrip()
    return not _PROGRAM.match(first) or _GAP.search(command) is not None


def asks_more(text: str) -> bool:
    """Whether a sentence with a command in it asks for more than running it.

    Args:
        text: The sentence; the code in it is ```x```.
    """
    return _RUNS.search(text) is None or _MORE.search(text.rstrip(" .!")) is not None


def has_own_part(text: str) -> bool:
    """Whether words leave something for the reader to put in or to choose.

    Args:
        text: The words of a step without its code.
    """
    return _OWN.search(text) is not None


def offers_choice(code: str) -> bool:
    """Whether the comments of shell code offer a choice, or ask for what no command does.

    Args:
        code: The code of a fence.
    """
    if "#" not in code:
        return False
    lines = [line.strip() for line in code.splitlines() if line.strip()]
    for place, line in enumerate(lines):
        comment = line if line.startswith("#") else line.partition(" # ")[2]
        if not comment or line.startswith("#!"):
            continue
        following = lines[place + 1] if place + 1 < len(lines) else "#"
        asks = line.startswith("#") and following.startswith("#")
        if _CHOICE.search(comment) or asks:
            return True
    return False


def moves_shell(command: str) -> bool:
    """Whether a statement leaves its shell elsewhere, or with other variables, for what follows.

    Args:
        command: A whole statement.
    """
    return _MOVES.search(_IN_SUBSHELL.sub("x", command)) is not None


def repeats_unknown(statements: Sequence[Action]) -> bool:
    """Whether a program nobody knows stands there twice: most likely to show two ways to call it.

    Args:
        statements: The statements of one fence.
    """
    names = [tuple((item.command or "").split()[:2]) for item in statements if item.effects.is_open]
    return len(set(names)) < len(names)
