"""Complete code a skill tells to write becomes a file of the bundle, to be copied or run instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import Ground, Lowering, edit_for
from skvm.compiler.reading.arguments import arguments_of
from skvm.compiler.reading.commands import join_command
from skvm.compiler.reading.fence_role import FenceRole, code_of, fence_role
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.skill.ir import CodeFence
from skvm.target.contract import Level

__all__ = ["READY_MOVES", "ReadyKind", "bundle_ready"]

READY_MOVES = (
    "ready script: a complete program the text tells to run lies in the bundle, with its command",
    "ready file: a complete file the text tells to write lies in the bundle, with the command that copies it",
)


@dataclass(frozen=True, slots=True)
class ReadyKind:
    """One kind of code.

    Args:
        folder: Where it lies in the bundle.
        suffixes: Endings its files have.
        language: What its code is called in ``arguments_of``.
        is_file: Whether a piece of it is whole, so that it can be copied.
        is_program: Whether it can be run as well; ``None`` where nothing runs it.
        interpreter: What runs it.
    """

    folder: str
    suffixes: tuple[str, ...]
    language: str
    is_file: Callable[[str], bool]
    is_program: Callable[[str], bool] | None = None
    interpreter: str = ""


def bundle_ready(gaps: Sequence[Gap], ground: Ground, kind: ReadyKind) -> Lowering:
    """Put every complete file a sentence tells to write, or to run as it stands, into the bundle."""
    if not ground.holds("tool.exec"):
        return Lowering()
    prose = ground.reading.prose
    fences = {fence.span.end: fence for fence in prose.skill.fences if fence.is_closed}
    whole = prose.skill.text()
    edits: list[Edit] = []
    files: dict[str, bytes] = {}
    for gap in gaps:
        fence = fences.get(gap.requirement.span.end)
        role = fence_role(prose, fence) if fence else FenceRole()
        if fence is None or role.telling is None or not role.is_verbatim:
            continue
        code = code_of(prose, fence)
        name = PurePosixPath(role.file).name if role.file else f"program-{len(files) + 1}{kind.suffixes[0]}"
        path = ground.free_path(f"{kind.folder}/{name}")
        words = _words(role, path, code, kind, whole)
        if words is None or path in files:
            continue
        files[path] = code.encode()
        edits.append(_behind(gap, ground, fence, role, words))
    return Lowering(edits, files)


def _words(role: FenceRole, path: str, code: str, kind: ReadyKind, whole: str) -> str | None:
    """What to do instead of writing the code; ``None`` where the text asks for something else."""
    in_chinese = role.telling is not None and is_chinese(role.telling.text)
    if role.runs and kind.is_program is not None and not _is_spoken_of(role, whole):
        # What a program has to be given the text says elsewhere, by the name the program has there.
        if not kind.is_program(code) or arguments_of(code, kind.language) != ():
            return None
        run = f"`{kind.interpreter} {path}`"
        if in_chinese:
            return f"这个程序已经备好，不要再写。运行它：{run}"
        return f"This program lies ready, do not write it again. Run it: {run}"
    if role.file is None or not role.file.endswith(kind.suffixes) or not kind.is_file(code):
        return None
    folder = str(PurePosixPath(role.file).parent)
    copy = join_command(["cp", path, role.file])
    if in_chinese:
        first = "" if folder == "." else f"（先建文件夹 `{folder}`）"
        return f"这个文件已经备好，不要再写。复制它：`{copy}`{first}"
    first = "" if folder == "." else f" (make the folder `{folder}` first)"
    return f"This file lies ready, do not write it. Copy it: `{copy}`{first}"


def _is_spoken_of(role: FenceRole, whole: str) -> bool:
    """Whether the skill goes on to speak of the file by the name it is to have."""
    return role.file is not None and whole.count(role.file) > 1


def _behind(gap: Gap, ground: Ground, fence: CodeFence, role: FenceRole, words: str) -> Edit:
    """A paragraph behind a fence, indented as what tells to write it."""
    source = ground.reading.prose.skill.source
    end = fence.span.start + len(source[fence.span.start : fence.span.end].rstrip(b"\r\n"))
    block = ground.reading.prose.blocks[role.telling.block] if role.telling else None
    pad = " " * block.indent if block else ""
    return edit_for(
        [gap],
        Span(end, end),
        f"\n\n{pad}{words}",
        rule="ready script" if role.runs else "ready file",
        to_level=Level.L0,
        because="the code lies in the bundle",
    )
