"""What needs ``tool.file.write``: files the agent is told to write."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.carried.filling import fills_output
from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.commands import is_shell
from skvm.compiler.reading.formats import output_format
from skvm.compiler.reading.named_files import files_made
from skvm.compiler.reading.names import CODE, FILE
from skvm.compiler.reading.prose import Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, spotted, stems
from skvm.skill.sieve import sieved
from skvm.target.contract import Level

RULES = {
    Level.L1: "one short file, or one written in pieces by a command each; a file something is said to "
    "become",
    Level.L2: "a file of several records, sections or pages; several files, each with its own command",
    Level.L3: "three files or more from one sentence",
}
_WRITE = sieved(
    r"\b(?:write|save|create|store|export|dump|append|generate)\b(?!\s+access)|写入|保存到|生成文件",
    re.IGNORECASE,
)
_STEMS = stems("write|save|create|store|export|dump|append|generate|写|保存|生成文件|输出")
_LEADS = re.compile(
    r"(?:\s+(?!(?:from|using|with|see|of|by|following|against|reading|run|execute|open|use|call|via|like"
    r"|unlike)\b)[\w'-]+){0,7}[\s:]+[`\"'*]{0,3}|[\s:：]*(?:文件)?[\s:：]*[`\"'*]{0,3}",
    re.IGNORECASE,
)
_JOINS = re.compile(r"[`\"'*]{0,3}\s*(?:(?:,|,?\s*and|&)\s+|[、，和及]\s*)[`\"'*]{0,3}", re.IGNORECASE)
_OPEN = re.compile(
    r"YYYY|HHMM|\d{4}-\d\d-\d\d|^[-_.]|\bXX|^(?:Next|Node|React|Vue|Nuxt|Express|Three|D3)\.js$",
    re.IGNORECASE,
)
_LONG = re.compile(
    r"\b(?:report|(?<!or )(?<!and )document|pages?|sections?|chapters?|article|"
    r"one (?:line|row|record|entry) (?:per|for))\b",
    re.IGNORECASE,
)

_UNNAMED = sieved(
    rf"{TOLD}(?:save|write|export|create|store)\b(?!\s+(?:the\s+|a\s+)?(?:code|batch"
    rf"|access)\b)(?:(?!\b(?:by|from|using|via)\b)[^.;`]){{0,50}}?\b(?:a|an|the|this|one|each|new|updated)\s+"
    r"(?:[\w-]+ ){0,3}?file\b(?!s? (?:id|ids|path|paths|name|names|size|type|format|system|structure|tree"
    r"|list|using|descriptor|upload)\b)"
    r"|(?:保存|写入|写到|输出)[^。；;\n]{0,12}文件(?!夹|名|系统|路径)",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"`--\w|\b(?:do not|don['’]t|never|without|instead of|not)\s+(?:\w+\s+)?(?:save|saving|write|writing"
    r"|create|creating|store|storing|export)\b|不要|请勿|禁止",
    re.IGNORECASE,
)
_SLOT = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?\n(?:CONTENT|内容)\n\1$", re.MULTILINE)


def files_to_write(sentence: Sentence) -> list[str]:
    """The files a sentence says to write, in order: what its verb leads to, and what and or a comma adds.

    Names with a part left open (a date, a placeholder) are none.
    """
    verb = _WRITE.search(sentence.text)
    if verb is None:
        return []
    files: list[str] = []
    end = verb.end()
    for found in FILE.finditer(sentence.text, verb.end()):
        between = sentence.text[end : found.start()]
        if not (_JOINS if files else _LEADS).fullmatch(between):
            break
        files.append(found.group(1))
        end = found.end()
    return list(dict.fromkeys(name for name in files if not _OPEN.search(name)))


def find(reading: Reading) -> Iterator[Need]:
    """Sentences that tell to write a file; ready write commands right below make them one level easier."""
    told = list(_told(reading))
    yield from told
    seen = {need.span for need in told}
    for span, _ in files_made(reading.prose):
        if span not in seen:
            seen.add(span)
            yield Need(Level.L1, span)


def _told(reading: Reading) -> Iterator[Need]:
    prose = reading.prose
    for sentence in spotted(prose, _STEMS):
        files = files_to_write(sentence) if "." in sentence.text else []
        if not files:
            if _UNNAMED.search(sentence.text) and not _NEVER.search(sentence.text):
                yield Need(Level.L1, sentence.span)
            continue
        output = output_format(reading, sentence)
        if output is not None and files == [output.file] and fills_output(reading, output):
            continue
        long = _LONG.search(FILE.sub("", sentence.text)) or (output is not None and output.depth > 1)
        rank = 3 if len(files) > 2 else 2 if long else 1
        if _is_given(prose, sentence, files, output.end if output else 0, rank):
            rank -= 1
        if rank:
            yield Need(Level(f"L{rank}"), sentence.span)


def _is_given(prose: Prose, sentence: Sentence, files: list[str], end: int, rank: int) -> bool:
    """Whether a shell fence right below writes every one of the files; a long one in pieces or as it is."""
    last = sentence.block
    while last + 1 < len(prose.blocks) and prose.blocks[last + 1].span.start < end:
        last += 1
    for block in (sentence.block, last):
        fence = prose.fence_after(block)
        if fence is not None and is_shell(fence):
            code = prose.text(fence.content)
            written = all(re.search(rf">\s*['\"]?{re.escape(name)}\b", code) for name in files)
            return written and (rank != 2 or ">>" in code or _SLOT.search(code) is None)
    inline = " ".join(CODE.findall(sentence.text))
    return rank == 1 and all(re.search(rf"(?:>\s*|\btouch ){re.escape(name)}", inline) for name in files)


DETECTORS.register("tool.file.write", Detector(RULES, find))
