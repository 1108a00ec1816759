"""What needs ``tool.exec``: commands the agent must run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.bundle import Bundle
from skvm.compiler.reading.chains import is_chain
from skvm.compiler.reading.commands import command_lines, is_shell
from skvm.compiler.reading.exact import is_command, is_listing
from skvm.compiler.reading.fence_role import FenceRole, fence_role, lies_ready
from skvm.compiler.reading.mentions import sentences_with
from skvm.compiler.reading.names import CODE
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.script_use import is_forbidden, script_runs
from skvm.compiler.reading.shell_code import is_made
from skvm.diagnostics import Span
from skvm.skill.ir import CodeFence
from skvm.skill.sieve import sieved
from skvm.target.contract import Level

RULES = {
    Level.L1: "an exact command, values to put in or not; a script named by its file",
    Level.L2: "a script to write and then run, or a command the text only describes",
    Level.L3: "a chain: commands that work on what the one before has left",
}
_RUN = sieved(r"\b(?:run|execute|invoke|launch)\b|运行|执行", re.IGNORECASE)
_MENTIONS = (b"`", b"run", b"execute", b"invoke", b"launch", "运行".encode(), "执行".encode())
_DESCRIBED = sieved(
    r"\b(?:run|execute)\b\s+(?:the|all|your|its|any)\s+(?:\w+\s+){0,2}"
    r"(?:tests|scripts?|commands?|suite|build|linter|migrations?|program)\b"
    r"|(?:运行|执行)(?:所有|全部|相关|该|这个)?(?:测试|脚本|命令|构建)",
    re.IGNORECASE,
)
_SPOKEN_OF = re.compile(
    r"\b(?:way|how|able|ability|used|needed|order|tries|time) to\s*$|[\"“]$|`\W{0,4}\s*(?::|—|–|-)\W*$",
    re.IGNORECASE,
)
_POINTS = re.compile(r"\b(?:corresponding|following)\b", re.IGNORECASE)
_WRITES_AND_RUNS = sieved(
    r"\b(?:write|create)\b[^.]{0,60}\b(?:scripts?|programs?)\b[^.]{0,60}\b(?:run|"
    r"execute)\b",
    re.IGNORECASE,
)
_READERS_OWN = re.compile(
    r"\b(?:python3?|node|bash|sh)\s+(?:-\S+\s+)*((?:\S*/)?(?:your|my)[_-]\w+\.(?:py|m?js|"
    r"sh|ts)|[\w./-]+\.(?:py|m?js|sh|ts))(?!\w)"
)


def find(reading: Reading) -> Iterator[Need]:
    """Shell fences, commands in the text, scripts named by file, and commands the text only describes."""
    prose = reading.prose
    bundle = reading.bundle
    for fence in prose.skill.fences:
        need = _of_fence(reading, bundle, fence)
        if need is not None:
            yield need
    named: set[Span] = set()
    for run in script_runs(prose):
        named.add(run.sentence.span)
        text = _whole_code(prose, run.sentence)
        described = run.has_inputs and not _has_command(text) and not _is_given(prose, run.sentence)
        yield Need(Level.L2 if described else Level.L1, run.sentence.span, reading.bundle.path_of(run.name))
    for sentence in sentences_with(prose, _MENTIONS):
        level = _level_of_words(prose, sentence) if sentence.span not in named else None
        if level is not None:
            yield Need(level, sentence.span)


def _level_of_words(prose: Prose, sentence: Sentence) -> Level | None:
    text = _whole_code(prose, sentence)
    written = _WRITES_AND_RUNS.search(text)
    if written and not _is_set_aside(text, written) and not _is_given(prose, sentence):
        return Level.L2
    if _has_command(text):
        return Level.L1
    described = _DESCRIBED.search(text)
    if described and not _is_set_aside(text, described) and not _is_given(prose, sentence):
        return Level.L2
    return None


def _is_set_aside(text: str, found: re.Match[str]) -> bool:
    """Whether what is found is forbidden, only spoken of, or given elsewhere."""
    before = text[: found.start()]
    return is_forbidden(before) or bool(_SPOKEN_OF.search(before) or _POINTS.search(found.group()))


def _of_fence(reading: Reading, bundle: Bundle, fence: CodeFence) -> Need | None:
    prose = reading.prose
    code = prose.text(fence.content)
    if not is_shell(fence) and not is_listing(fence.language, code):
        return None
    role = fence_role(prose, fence)
    if role.is_shown or not command_lines(code):
        return None
    if is_made(fence, role, code) and not lies_ready(prose, fence, bundle):
        # Code to make; running it is another matter.
        return Need(Level.L2, role.span(fence)) if role.runs else None
    return _to_run(reading, bundle, fence, role, code)


def _to_run(reading: Reading, bundle: Bundle, fence: CodeFence, role: FenceRole, code: str) -> Need:
    prose = reading.prose
    if lies_ready(prose, fence, bundle):
        return Need(Level.L1, fence.span)
    block = prose.leads.get(fence.span)
    lead = prose.text(prose.blocks[block].span) if block is not None else ""
    if "<<" not in code and is_shell(fence) and is_chain(code, lead):
        return Need(Level.L3, _chain_span(prose, fence, role))
    written = reading.names.outputs
    own = (found.group(1) for found in _READERS_OWN.finditer(code))
    is_own = any(
        re.search(r"(?:^|/)(?:your|my)[_-]", name) or (name in written and "/" not in name) for name in own
    )
    return Need(Level.L2 if is_own else Level.L1, fence.span)


def _chain_span(prose: Prose, fence: CodeFence, role: FenceRole) -> Span:
    """The last sentence before the fence, which says what the chain is for, and the fence."""
    if role.telling is not None:
        return role.span(fence)
    block = prose.leads.get(fence.span)
    if block is None or prose.blocks[block].kind in (BlockKind.HEADING, BlockKind.ROW):
        return fence.span
    sentences = [found for found in prose.sentences_in(prose.blocks[block].span) if found.block == block]
    return Span(sentences[-1].span.start, fence.span.end) if sentences else fence.span


def _whole_code(prose: Prose, sentence: Sentence) -> str:
    """A sentence up to the end of the inline code a full stop in it seems to end."""
    text = sentence.text
    if text.count("`") % 2 == 0:
        return text
    rest = prose.text(Span(sentence.span.end, prose.blocks[sentence.block].span.end))
    return text + rest[: rest.find("`") + 1]


def _has_command(text: str) -> bool:
    """Whether a sentence gives an exact command, and not as something to leave alone."""
    runs = _RUN.search(text) is not None
    for found in CODE.finditer(text):
        code = found.group(1).strip()
        if is_forbidden(text[: found.start()]):
            continue
        if is_command(code) or (
            runs and (" " in code or code.startswith("./")) and code[0].isalnum() | (code[0] in "./~$<{")
        ):
            return True
    return False


def _is_given(prose: Prose, sentence: Sentence) -> bool:
    """Whether the command stands in a fence behind the block, in it, or in what a colon leads to."""
    if prose.fence_after(sentence.block) is not None:
        return True
    text = prose.text(prose.blocks[sentence.block].span)
    if text.rstrip().endswith((":", "：")) and sentence.block + 1 < len(prose.blocks):
        text += prose.text(prose.blocks[sentence.block + 1].span)
    return any(" " in code for code in CODE.findall(text))


DETECTORS.register("tool.exec", Detector(RULES, find))
