"""Programs whose words say all they touch, each with the options that would make that untrue.

The compiler's rules are for the words of a skill, where a good guess is worth more than none. Here a command
is about to run beside others, so whatever may be the name of a file counts as one that is read, and what is
not sure is not known.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Named", "named_by"]


@dataclass(frozen=True, slots=True)
class Named:
    """What the words of a command name.

    Args:
        reads: Paths and patterns that may be read.
        writes: Those that are made, changed or removed.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


Rule = Callable[[Sequence[str], Path], Named | None]
"""What the words after a program name, in a work directory; ``None`` where that is not sure."""


def named_by(words: Sequence[str], work_dir: Path) -> Named | None:
    """What the words of a command name; ``None`` where it may touch something else.

    Args:
        words: The program first, by its bare name.
        work_dir: Where it runs, on the host.
    """
    rule = _RULES.get(words[0])
    return None if rule is None else rule(words[1:], work_dir)


def _maybe_paths(words: Sequence[str]) -> list[str]:
    """Whatever of some words may be the name of a file: a word, and the value that sticks to an option."""
    found: list[str] = []
    for word in words:
        if not word.startswith("-"):
            found.append(word)
        elif len(word) > 2:
            found += [word[2:], word.partition("=")[2]]
    return [name for name in found if name]


def _operands(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith("-")]


def _prints(words: Sequence[str], _: Path) -> Named | None:
    """What only prints its words; of a word with a star the shell reads a directory."""
    return Named(tuple(word for word in words if "*" in word or "?" in word))


def _reads(refused: str = "", *, most: int | None = None, here: bool = False) -> Rule:
    """What reads the files it is given and prints.

    Args:
        refused: Pattern of options with which it does something else.
        most: Operands with which it does nothing else.
        here: Whether it reads the work directory where it is given none.
    """
    pattern = re.compile(refused) if refused else None

    def rule(words: Sequence[str], _: Path) -> Named | None:
        if pattern is not None and any(pattern.match(word) for word in words):
            return None
        operands = _operands(words)
        if most is not None and len(operands) > most:
            return None
        return Named((*_maybe_paths(words), *(["."] if here and not operands else [])))

    return rule


def _grep(words: Sequence[str], _: Path) -> Named | None:
    if any(re.match(r"-[A-Za-z]*R|--deref", word) for word in words):
        return None
    goes_down = any(re.match(r"-[A-Za-z]*[rd]|--(?:recursive|dir)", word) for word in words)
    return Named((*_maybe_paths(words), *(["."] if goes_down else [])))


_FIND_OPTIONS = re.compile(
    r"-(?:name|iname|path|ipath|type|size|newer|empty|maxdepth|mindepth|print0?|not|o|a|or|and|mtime|mmin)\Z"
)


def _find(words: Sequence[str], _: Path) -> Named | None:
    if not all(_FIND_OPTIONS.match(word) for word in words if word.startswith("-")):
        return None
    starts = [word for word in words[:1] if not word.startswith(("-", "(", "!"))]
    return Named((*_maybe_paths(words), *([] if starts else ["."])))


_SED = re.compile(
    r"(?:\d+(?:,(?:\d+|\$))?)?[pdq=]|\$[pdq=]|"
    r"s([/|#,])(?:(?!\1)[^\\\n]|\\.)*\1(?:(?!\1)[^\\\n]|\\.)*\1[gpiI0-9]*"
)


def _sed(words: Sequence[str], _: Path) -> Named | None:
    """Only with a script that prints, drops or replaces; others write files and run programs."""
    options, operands = [word for word in words if word.startswith("-")], _operands(words)
    if not set(options) <= {"-n", "-E", "-r", "-s"} or not operands or not _SED.fullmatch(operands[0]):
        return None
    return Named(tuple(operands[1:]))


_AWK_ACTS = re.compile(r"[>|@]|system|getline|close|\binclude\b|\bload\b")


def _awk(words: Sequence[str], _: Path) -> Named | None:
    """Only with a program that neither writes nor runs anything."""
    options = [word for word in words if word.startswith("-")]
    if any(not re.match(r"-[Fv]", word) for word in options) or any(map(_AWK_ACTS.search, words)):
        return None
    return Named(tuple(_maybe_paths(words)))


def _writes(words: Sequence[str], _: Path) -> Named | None:
    """What makes, changes or removes the files it is given."""
    return Named(tuple(_maybe_paths(words)), tuple(_operands(words)))


def _copies(words: Sequence[str], work_dir: Path) -> Named | None:
    """``cp`` and ``mv`` of files: the last word is made, and so are the others where they go away."""
    operands, options = _operands(words), [word for word in words if word.startswith("-")]
    if len(operands) < 2 or not set(options) <= {"-f", "-n", "-v", "-p", "-u"}:
        return None
    *sources, target = operands
    if any("*" in word or "?" in word or _is_dir(work_dir, word) for word in sources):
        # A link in a directory goes with it.
        return None
    made = [target]
    if _is_dir(work_dir, target):
        made += [f"{target}/{source.rstrip('/').rpartition('/')[2]}" for source in sources]
    return Named(tuple(operands), tuple(made))


def _is_dir(work_dir: Path, name: str) -> bool:
    # Also of a name that no file can have.
    return os.path.isdir(work_dir / name)  # noqa: PTH112


def _moves(words: Sequence[str], work_dir: Path) -> Named | None:
    copied = _copies(words, work_dir)
    return None if copied is None else Named(copied.reads, (*copied.writes, *_operands(words)))


def _pdftotext(words: Sequence[str], _: Path) -> Named | None:
    source, target = ("", "", *words)[-2:]
    if not source.lower().endswith(".pdf") or not (target == "-" or target.endswith((".txt", ".html"))):
        return None
    return Named(tuple(_maybe_paths(words)), () if target == "-" else (target,))


_CURL_FLAGS = re.compile(
    r"-[sSLfkiIgG]+\Z|--(?:silent|show-error|location|fail|head|include|compressed|get)\Z"
)
_CURL_VALUES = frozenset({"-o", "--output", "-H", "--header", "-A", "--user-agent", "-m", "--max-time"})


def _curl(words: Sequence[str], _: Path) -> Named | None:
    """Only what gets something; the compiler's rules say from where and into which file."""
    left, made = list(words), list[str]()
    while left:
        word = left.pop(0)
        if word in _CURL_VALUES:
            value = left.pop(0) if left else ""
            if value.startswith("@"):
                return None
            made += [value] if word in {"-o", "--output"} else []
        elif not _CURL_FLAGS.match(word) and not re.match(r"https?://[^\s{}\[\]]+\Z", word):
            return None
    return Named(writes=tuple(name for name in made if name != "-"))


def _date(words: Sequence[str], _: Path) -> Named | None:
    return Named() if all(word == "-u" or word.startswith("+") for word in words) else None


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("echo", "printf", "pwd", "whoami", "uname", "id", "true", "false", "sleep"), _prints),
    **dict.fromkeys(("seq", "nproc", "basename", "dirname", ":"), _prints),
    **dict.fromkeys(("cat", "head", "cut", "cmp", "comm", "paste", "nl", "tac"), _reads()),
    **dict.fromkeys(("md5sum", "sha1sum", "sha256sum", "sha512sum", "od", "column", "fold", "fmt"), _reads()),
    **dict.fromkeys(("tr", "rev", "expand", "strings", "jq", "tail", "join"), _reads()),
    "wc": _reads("--files0"),
    "sort": _reads(r"-[a-zA-Z0-9]*[oTS]|--(?:o|c|f|t|b)"),
    "uniq": _reads(most=1),
    "xxd": _reads(r"-[a-z]*r|-r", most=1),
    "file": _reads(r"-[a-zA-Z]*[Cf]|--(?:c|f)"),
    # Links inside what they are given are not looked through.
    "diff": _reads(r"-[a-zA-Z]*r|--r"),
    "ls": _reads(r"-[a-zA-Z]*[LH]|--deref", here=True),
    "stat": _reads(r"-[a-zA-Z]*L|--deref"),
    "du": _reads(r"-[a-zA-Z]*[LDH]|--(?:files0|deref)", here=True),
    **dict.fromkeys(("grep", "egrep", "fgrep"), _grep),
    "find": _find,
    "sed": _sed,
    **dict.fromkeys(("awk", "gawk", "mawk"), _awk),
    **dict.fromkeys(("touch", "mkdir", "rmdir", "rm", "tee", "truncate"), _writes),
    "cp": _copies,
    "mv": _moves,
    "pdftotext": _pdftotext,
    "curl": _curl,
    "date": _date,
}
