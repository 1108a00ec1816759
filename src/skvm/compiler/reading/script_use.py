"""Sentences that tell to run, complete or change a script, named or only spoken of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from skvm.compiler.reading.bundle import Bundle, BundleScript
from skvm.compiler.reading.mentions import sentences_with
from skvm.compiler.reading.names import CODE
from skvm.compiler.reading.prose import Prose, Sentence
from skvm.skill.sieve import sieved

__all__ = ["ScriptRun", "is_forbidden", "script_changes", "script_runs", "shown_commands"]

_PATH = r"(?<![\w/.-])((?:(?:\.{0,2}/|\{\w+\}/|\$\{?\w+\}?/|<[\w -]+>/)?(?:[\w.-]+/)*)[\w-][\w.-]*\.(?:"
_ENDINGS = r"py|sh|bash|m?js|cjs|ts|rb|pl|R"
_SCRIPT = re.compile(rf"{_PATH}{_ENDINGS}))(?![\w/-]|\.\w)")
_CODE_FILE = re.compile(rf"{_PATH}{_ENDINGS}|sql|html?|svg))(?![\w/-]|\.\w)")
_RUNS = re.compile(
    r"\b(?:run|runs|execute|executes|invoke|invokes|call|calls|launch|use|start)\b|运行|执行|调用|使用",
    re.IGNORECASE,
)
_SOFT = re.compile(r"\b(?:use|start|calls?)\b|使用", re.IGNORECASE)
_CHANGES = re.compile(
    r"\b(?:edit|modify|adapt|complete|finish|customi[sz]e|extend|fill in|adjust|rewrite|"
    r"patch|implement)\b[^.;]{0,40}?$"
    r"|(?:修改|编辑|补全|完善)[^。；]{0,20}$",
    re.IGNORECASE,
)
_FORBIDDEN = sieved(
    r"\b(?:do not|don['’]t|never|must not|should not|shouldn['’]t|avoid|instead of|"
    r"rather than|no need to|without)\b"
    r"|不要|禁止|避免|无需",
    re.IGNORECASE,
)
_INPUTS = re.compile(
    r"^[`\"'*_]*\s*(?:\([^)\n]{0,60}\)\s*)?(?:with|on|against|using|passing|over|"
    r"for (?:the|each|every|a|an)|and pass)\b"
    r"|^[`\"'*_]*\s*(?:并|传入|处理|对)",
    re.IGNORECASE,
)
_MENTIONS = (b".py", b".sh", b".bash", b".js", b".mjs", b".cjs", b".ts", b".rb", b".pl", b".r")


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """A sentence that tells to run a script named by its file.

    Args:
        sentence: Where.
        name: The script as written.
        has_inputs: Whether it speaks of what the script is given.
    """

    sentence: Sentence
    name: str
    has_inputs: bool


def is_forbidden(text: str) -> bool:
    """Whether what stands before an action forbids it, sets something against it or opens a quotation."""
    return text.rstrip(" *_").endswith(('"', "“", "「")) or _FORBIDDEN.search(text[-60:]) is not None


def script_runs(prose: Prose) -> Iterator[ScriptRun]:
    """Every sentence that tells to run a script by its name, without being the command itself."""
    for sentence in sentences_with(prose, _MENTIONS):
        found = _SCRIPT.search(sentence.text)
        if not found:
            continue
        before, behind = sentence.text[: found.start()], sentence.text[found.end() :]
        verb = _last(_RUNS, before)
        if verb is None or len(before) - verb.end() > 60 or is_forbidden(before[: verb.start()]):
            continue
        is_soft = _SOFT.fullmatch(verb.group()) is not None
        if is_soft and not ("script" in sentence.text.lower() or "/" in found.group(1) or "`" in before[-2:]):
            continue
        yield ScriptRun(sentence, found.group(1), _INPUTS.search(behind) is not None)


def shown_commands(prose: Prose, name: str) -> tuple[str, ...]:
    """The command lines of a script a skill shows anywhere, each once."""
    base = re.escape(name.rsplit("/", 1)[-1])
    line = rf"(?:\b(?:python3?|node|bash|sh|uv run)[ ]+|\./)\S*{base}\b[^`\n#|&;]*"
    return tuple(dict.fromkeys(found.strip() for found in re.findall(line, prose.skill.text())))


def script_changes(prose: Prose, bundle: Bundle, language: str) -> Iterator[tuple[Sentence, BundleScript]]:
    """Every sentence that tells to complete or change a script of the bundle, or to run an unfinished one."""
    if not bundle.holds(language):
        return
    for sentence in sentences_with(prose, (*_MENTIONS, b".sql", b".htm", b".svg"), headings=True):
        for found in _CODE_FILE.finditer(sentence.text):
            before = sentence.text[: found.start()]
            changes = _CHANGES.search(before)
            if is_forbidden(before[: changes.start()] if changes else before):
                continue
            script = bundle.find(found.group(1)) if changes or _last(_RUNS, before) else None
            if script is not None and script.language == language and (changes or script.is_open):
                yield sentence, script


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The last match; words in inline code do not count."""
    found = None
    for found in pattern.finditer(CODE.sub(lambda code: "_" * len(code.group()), text)):  # noqa: B007
        pass
    return found
