"""What needs ``gen.code.shell``: shell scripts and pipelines the agent must write or adapt."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.commands import is_shell
from skvm.compiler.reading.fence_role import fence_role, lies_ready
from skvm.compiler.reading.mentions import sentences_with
from skvm.compiler.reading.prose import BlockKind
from skvm.compiler.reading.script_use import is_forbidden, script_changes
from skvm.compiler.reading.shell_code import edits_streams, has_flow, is_made
from skvm.target.contract import Level

RULES = {
    Level.L1: "code to write or change with single commands or two in a row; commands to run are none",
    Level.L2: "loops, branches, functions or longer pipelines, or a script the text only describes",
    Level.L3: "programs for awk, sed or perl",
}
_MAKES = (
    r"\b(?:write|create|implement|generate|build|develop|give|provide|compose|produce|"
    r"prepare|craft|answer with)\b"
)
_WRITE = re.compile(
    rf"{_MAKES}[^.;:|]{{0,50}}\b(?:(?:shell|bash|zsh)\s+(?:\w+\s+)?(?:scripts?|functions?|"
    rf"loops?|one-?liners?|commands?|lines?)"
    r"|(?:awk|sed)\s+(?:\w+\s+)?(?:scripts?|programs?|pipelines?|one-?liners?|commands?)|"
    r"command-line pipelines?)\b"
    r"|(?:编写|写|创建|生成).{0,20}(?:shell|bash|Shell|Bash).{0,6}脚本",
    re.IGNORECASE,
)
_MENTIONS = (b"shell", b"bash", b"zsh", b"awk", b" sed ", b"command-line", "脚本".encode())
_STREAMS = re.compile(r"\b(?:awk|sed)\b", re.IGNORECASE)
_SMALL = re.compile(
    r"\b(?:commands?|lines?)\b(?![^.]*\b(?:each|every|count|sort|loop|filter)\b)", re.IGNORECASE
)


def level_of(code: str) -> Level:
    """The level a piece of code needs."""
    return Level.L3 if edits_streams(code) else Level.L2 if has_flow(code) else Level.L1


def find(reading: Reading) -> Iterator[Need]:
    """Fences to be written or changed, scripts of the bundle to be changed, and scripts asked for."""
    prose = reading.prose
    bundle = reading.bundle
    for fence in prose.skill.fences:
        if not is_shell(fence):
            continue
        code = prose.text(fence.content)
        role = fence_role(prose, fence)
        if is_made(fence, role, code) and not lies_ready(prose, fence, bundle):
            yield Need(level_of(code), role.span(fence))
    for sentence, script in script_changes(prose, bundle, "shell"):
        yield Need(level_of(script.text), sentence.span, script.path)
    for sentence in sentences_with(prose, _MENTIONS):
        found = _WRITE.search(sentence.text)
        if not found or prose.blocks[sentence.block].kind is BlockKind.ROW:
            continue
        fence_after = prose.fence_after(sentence.block)
        # A fence behind it gives the code: to be run, or counted above as code to make.
        if is_forbidden(sentence.text[: found.start()]) or (
            fence_after is not None and is_shell(fence_after)
        ):
            continue
        small = _SMALL.search(found.group()) is not None
        level = Level.L3 if _STREAMS.search(sentence.text) else Level.L1 if small else Level.L2
        yield Need(level, sentence.span)


DETECTORS.register("gen.code.shell", Detector(RULES, find))
