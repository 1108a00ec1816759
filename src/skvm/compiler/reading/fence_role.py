"""What a code fence is for: code the agent makes, code that only shows something, code that lies ready."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from skvm.compiler.reading.bundle import Bundle
from skvm.compiler.reading.commands import is_shell, ready_script
from skvm.compiler.reading.names import CODE
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.diagnostics import Span
from skvm.skill.ir import CodeFence
from skvm.skill.sieve import sieved

__all__ = ["FenceRole", "code_of", "copies", "fence_role", "lies_ready"]

_LABEL = re.compile(
    r"^[^\w\n]{0,12}(?:(?:the|an?|example|sample|expected|console|typical|your|step \d+)\s+){0,3}"
    r"(?:outputs?|responses?|results?|returns|prints|output example|input|before|error(?: message)?|"
    r"bad|wrong|incorrect|anti-?patterns?|vulnerable|insecure|don['’]?t(?: do)?|do not do|"
    r"never do|avoid)\b"
    r"(?:\s+(?:example|format|code|sample|this|data|looks like)){0,2}\s*(?:\([^)\n]{0,40}\))?\W{0,6}$"
    r"|❌|(?:输出|结果|返回)(?:示例|结果|格式)?[：:]?\W*$|示例输出|错误示例|反例|错误写法",
    re.IGNORECASE,
)
_HEADING_LABEL = re.compile(
    r"^\W*(?:(?:example|sample|expected)\s+)?(?:outputs?|responses?|"
    r"results?)(?:\s+(?:examples?|samples?|format))?\W*$"
    r"|\banti-?patterns?\b|^\W*(?:common )?(?:mistakes|pitfalls)\W*$|输出示例|示例输出|反模式|错误示例",
    re.IGNORECASE,
)
_BAD = re.compile(
    r"^\s*(?:#|//|--|<!--)\s*(?:❌|\W*(?:bad|wrong|incorrect|don['’]?t(?: do)?|avoid|"
    r"before)\s*(?:[:：(—–-]|$|code|example))",
    re.IGNORECASE,
)
_GOOD = re.compile(
    r"(?:#|//|--|<!--)\s*(?:✅|\W*(?:good|correct|right|do|better|after|instead)\b)", re.IGNORECASE
)
_VERBATIM = re.compile(
    r"\b(?:exactly|verbatim|word for word|as (?:it|they) stands?|as is|unchanged"
    r"|(?:with|from) (?:this|the following|these)|(?:this|the following|the code below|these))\b"
    r"|以下|如下|下面",
    re.IGNORECASE,
)
_WRITES = re.compile(
    r"\b(?:write|create|save|put|make|add|copy|paste|store|place|implement|compose|"
    r"generate)\b|写入|保存|创建|编写|写",
    re.IGNORECASE,
)
_RUNS = re.compile(r"\b(?:run|runs|execute|executes|start|launch|invoke)\b|运行|执行", re.IGNORECASE)
_ADAPTS = re.compile(
    r"\b(?:adapt|adjust|modify|customi[sz]e|extend|based on|similar|such as|for example|"
    r"e\.g|example|like|"
    r"template|"
    r"pattern|skeleton|sketch|boilerplate|scaffold|starting point|something|"
    r"along the lines|snippet|replace|"
    r"fill in|pseudo-?code|structure)\b|示例|例如|模板|类似|参考",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"\b(?:adapt|adjust|modify|customi[sz]e|extend|tailor|change)\s+(?:this|these|it|them|"
    r"the (?:following|"
    r"code|commands?|script|program|pipeline|pattern|query|template|example|snippet|"
    r"lines?))\b|修改|改写|调整",
    re.IGNORECASE,
)
_FILES = re.compile(
    r"(?<![\w/.-])((?:[\w.-]+/)*[\w-][\w.-]*\.(?:m?js|cjs|tsx?|jsx|py|sh|bash|sql|html?|"
    r"svg))(?![\w/.-])"
)


@dataclass(frozen=True, slots=True)
class FenceRole:
    """What a skill says a fence is for.

    Args:
        telling: The sentence right before it that tells to write, change or run it.
        writes: Whether that sentence tells to write it.
        runs: Whether it tells to run it.
        changes: Whether it tells to change it.
        file: The file it is to stand in.
        is_verbatim: Whether it is to be taken as it stands, into a file or to be run.
        is_shown: Whether it only shows what comes out, goes in or is wrong.
    """

    telling: Sentence | None = None
    writes: bool = False
    runs: bool = False
    changes: bool = False
    file: str | None = None
    is_verbatim: bool = False
    is_shown: bool = False

    def span(self, fence: CodeFence) -> Span:
        """The sentence that tells and the fence, or the fence alone."""
        return Span(self.telling.span.start, fence.span.end) if self.telling else fence.span


def fence_role(prose: Prose, fence: CodeFence) -> FenceRole:
    """Read the words right before a fence, and the heading above it."""
    block = prose.leads.get(fence.span)
    lead = prose.text(prose.blocks[block].span) if block is not None else ""
    code = prose.text(fence.content)
    first = code.lstrip().split("\n", 1)[0]
    heading = prose.heading_of(fence.span.start)
    title = prose.skill.headings[heading].title if heading is not None else ""
    last_line = lead.rstrip().rsplit("\n", 1)[-1]
    # Commands below "Results" show how to get at them; other code there is what they look like.
    is_headed = not is_shell(fence) or block is None or prose.blocks[block].kind is BlockKind.HEADING
    shown = bool(_LABEL.search(last_line) or (is_headed and _HEADING_LABEL.search(title)))
    shown = shown or (_BAD.match(first) is not None and not _GOOD.search(code))
    if block is None or prose.blocks[block].kind in (BlockKind.HEADING, BlockKind.ROW) or shown:
        return FenceRole(is_shown=shown)
    telling = next(
        (
            sentence
            for sentence in reversed(prose.sentences_in(prose.blocks[block].span))
            if sentence.block == block
            and (
                _WRITES.search(sentence.text) or _CHANGES.search(sentence.text) or _RUNS.search(sentence.text)
            )
        ),
        None,
    )
    if telling is None:
        return FenceRole()
    text = telling.text
    named = _FILES.findall(text)
    writes, changes = _WRITES.search(text) is not None, _CHANGES.search(text) is not None
    runs = _RUNS.search(text) is not None
    file = named[-1] if len(set(named)) == 1 and writes else None
    points = _VERBATIM.search(text) is not None or (file is not None and text.rstrip().endswith((":", "：")))
    return FenceRole(
        telling,
        writes,
        runs,
        changes,
        file,
        points and not changes and not _ADAPTS.search(CODE.sub("", text)),
    )


_READY = sieved(r"`(?:cp|cat|(?:python3?|node|bash|sh|zsh))\s+([^\s`]+)[^`\n]*`")


def copies(prose: Prose, fence: CodeFence) -> str | None:
    """The bundle path the paragraph right behind a fence says to copy or run instead of writing it."""
    source = prose.skill.source
    start = fence.span.end
    while source[start : start + 1] in {b"\n", b"\r", b" ", b">"}:
        start += 1
    end = source.find(b"\n\n", start)
    behind = source[start : end if end >= 0 else min(len(source), start + 400)].decode("utf-8", "replace")
    found = _READY.search(behind)
    return found.group(1) if found else None


def lies_ready(prose: Prose, fence: CodeFence, bundle: Bundle) -> bool:
    """Whether the bundle holds the code of a fence, and the text behind it says so."""
    if ready_script(prose, fence):
        return True
    path = copies(prose, fence)
    text = bundle.text_at(path) if path else None
    return text is not None and text.split() == code_of(prose, fence).split()


def code_of(prose: Prose, fence: CodeFence) -> str:
    """The code of a fence as a file: without the indentation of a list, one line end at the end."""
    return textwrap.dedent(prose.text(fence.content).replace("\r\n", "\n")).strip("\n") + "\n"
