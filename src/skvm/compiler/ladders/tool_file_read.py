"""Lowering ``tool.file.read``: files one by one, and the command that prints just some lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_below
from skvm.compiler.reading.commands import fenced, join_command
from skvm.compiler.reading.listing import listed_paths, paths_to_read
from skvm.compiler.reading.paths import is_folder, paths_in
from skvm.compiler.reading.prose import BlockKind, Sentence
from skvm.compiler.reading.spotting import is_chinese, number_in
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = (
    "one by one: files of which one may be missing get a line each, with what to do when it is not there",
    "just these lines: file, search word and number of lines become the command that prints them",
)
_MOST = 12
_SAYS = re.compile(
    r"\b(?:reads?|says?|writes?|put|states?|note|report)\s+(?:then\s+)?[\"“]([^\"”\n]{2,60})[\"”]|(?:写"
    r"|写上|记为|显示)[\"“「]([^\"”」\n]{2,40})[\"”」]"
)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """A line for every file, or a command for a part of one."""
    edits: list[Edit] = []
    for gap in gaps:
        sentence = ground.sentence(gap)
        if sentence is None or ground.reading.prose.blocks[sentence.block].kind is BlockKind.ROW:
            continue
        made = (
            _part(gap, sentence, ground)
            if gap.requirement.level is Level.L3
            else _one_by_one(gap, sentence, ground)
        )
        edits += [made] if made else []
    return Lowering(edits)


def _one_by_one(gap: Gap, sentence: Sentence, ground: Ground) -> Edit | None:
    prose = ground.reading.prose
    named = paths_to_read(sentence.text)
    paths = named if len(named) > 1 else listed_paths(prose, sentence)
    if not 1 < len(paths) <= _MOST or gap.requirement.level is not Level.L2:
        return None
    said = _SAYS.search(sentence.text)
    words = (said[1] or said[2]) if said else None
    if is_chinese(sentence.text):
        lead = "一次只读一个文件，按这个顺序："
        otherwise = (
            f"如果不存在，立刻写“{words}”，再读下一个" if words else "如果不存在，就跳过它，再读下一个"
        )
        lines = [f"- {'文件夹 ' if is_folder(path) else ''}`{path}`；{otherwise}。" for path in paths]
    else:
        lead = "Read one file at a time, in this order:"
        otherwise = f'write "{words}" for it at once and go on' if words else "leave it out and go on"
        lines = [
            f"- the files in `{path}`; when there is no such folder, {otherwise}."
            if is_folder(path)
            else f"- `{path}`; when it is not there, {otherwise}."
            for path in paths
        ]
    block = prose.blocks[sentence.block]
    return edit_below(
        [gap],
        block,
        lead,
        "\n".join(lines),
        rule="one by one",
        to_level=Level.L1,
        because="each file is read on its own, and what to do without it is said",
    )


_QUOTED = re.compile(r"`([^`\n]{1,40})`|[\"“]([^\"”\n]{1,40})[\"”]|\b([A-Z][A-Z_]{3,})\b")
_AROUND = re.compile(
    r"\b(?:the\s+)?([\w-]+)\s+lines\s+(?:before and after|around|above and below|on (?:both|each"
    r"|either) sides?)\b"
    r"|前后各?\s*([零一二两三四五六七八九十\d]+)\s*行",
    re.IGNORECASE,
)
_ENDS = re.compile(
    r"\b(first|last|top|bottom)\s+([\w-]+)\s+lines\b|([最前]后?)\s*([零一二两三四五六七八九十百\d]+)\s*行",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"\blines\s+(\d+)\s*(?:to|through|-|–)\s*(\d+)\b|第?\s*(\d+)\s*(?:到|至|-)\s*第?\s*(\d+)\s*行",
    re.IGNORECASE,
)
_LAST = re.compile(r"\b(?:last|latest|most recent)\b|最后一次|最近一次|最后一个", re.IGNORECASE)
_OWN = re.compile(
    r"\bof (?:the|that|this|each) (?!file|log|line)([\w-]+)\b|(?:该|这个|此)([\u4e00-\u9fff]{2,3}?)(?=的|最"
    r"|第|在|所)",
    re.IGNORECASE,
)
_WHICH = "WHICH"


def _part(gap: Gap, sentence: Sentence, ground: Ground) -> Edit | None:
    if not ground.holds("tool.exec"):
        return None
    files = [
        path for path in paths_in(sentence.text) if not is_folder(path) and not re.search(r"[*<>{}]", path)
    ]
    if len(files) != 1:
        return None
    made = _command(sentence.text, files[0])
    if made is None:
        return None
    command, which = made
    prose = ground.reading.prose
    block = prose.blocks[sentence.block]
    if is_chinese(sentence.text):
        lead = "只打印这些行，不要打开整个文件："
        lead = f"把 {_WHICH} 换成这个{which}的写法，只打印这些行，不要打开整个文件：" if which else lead
    else:
        lead = "Do not open the whole file, print just these lines:"
        lead = (
            f"Do not open the whole file, print just these lines, the real {which} in place of {_WHICH}:"
            if which
            else lead
        )
    return edit_below(
        [gap],
        block,
        lead,
        fenced(command, "bash"),
        rule="just these lines",
        to_level=Level.L2,
        because="the command prints the lines that are wanted",
    )


def _command(text: str, file: str) -> tuple[str, str] | None:
    """The command that prints a part of a file, and what it asks the reader to put in."""
    if found := _RANGE.search(text):
        return join_command(["sed", "-n", f"{found[1] or found[3]},{found[2] or found[4]}p", file]), ""
    quoted = [hit[1] or hit[2] or hit[3] for hit in _QUOTED.finditer(text)]
    words = [word for word in quoted if not paths_in(f"`{word}`")]
    word = words[0] if len(words) == 1 else None
    around = _AROUND.search(text)
    count = number_in(around[1] or around[2]) if around else None
    if word and count is not None and "'" not in word and "\\" not in word:
        own = _OWN.search(text)
        which = (own[1] or own[2]) if own else ""
        if not _LAST.search(text):
            return (
                None if own else (join_command(["grep", "-n", "-C", str(count), "-F", "--", word, file]), "")
            )
        tests = [f'index($0, "{word}")'] + ([f'index($0, "{_WHICH}")'] if own else [])
        program = (
            f"NR == FNR {{ if ({' && '.join(tests)}) n = FNR; next }} "
            f"n && FNR >= n - {count} && FNR <= n + {count}"
        )
        return join_command(["awk", program, file, file]), which
    ends = _ENDS.search(text)
    if ends and word is None:
        lines = number_in(ends[2] or ends[4])
        is_end = (ends[1] or "").lower() in {"last", "bottom"} or (ends[3] or "").startswith("最")
        return (join_command(["tail" if is_end else "head", "-n", str(lines), file]), "") if lines else None
    return None


LADDERS.register("tool.file.read", Ladder(MOVES, lower, by_command=True))
