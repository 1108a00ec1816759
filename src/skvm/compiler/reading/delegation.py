"""What a skill leaves to code: scripts it has run, and rules that figures come from code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.reading.commands import command_lines, is_shell
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, spotted
from skvm.diagnostics import Span
from skvm.skill.sieve import sieved

__all__ = [
    "delegating_sentences",
    "delegation_rules",
    "figure_steps",
    "is_for_everything",
    "names_script",
    "only_script",
    "script_commands",
]

_SCRIPT_FILE = r"[^\s`'\"|;&<>()]*[\w-]\.(?:py|sh|bash|m?js|cjs|ts|rb|pl|R)"
_COMMAND = sieved(
    rf"(?:^|[\s`(&;])(?:python3?|node|bash|sh|ruby|perl|Rscript|uv run(?: python3?)?|npx (?:ts-node|tsx)|"
    r"deno run|bun)"
    rf"\s+(?:-\w+\s+)*['\"]?({_SCRIPT_FILE})['\"]?(?=[\s`)]|$)|(?:^|"
    rf"[\s`(&;])(\.?/?scripts/{_SCRIPT_FILE})(?=[\s`)]|$)"
)
_HELPERS = sieved(
    TOLD + r"(?:use|run|call|invoke|execute|\w+ \w+ (?:with|using))\s+[^.;:]{0,40}?\b(?:helper|bundled|"
    r"provided|included|supplied|ready-made)\s+"
    r"(?:[\w-]+\s+)?(?:scripts?|programs?|tools?)\b"
    r"|\bwith the (?:helper|bundled|provided|included) scripts?\b|\bbundled scripts? as\b|(?:call|run|"
    r"use)s? the bundled script\b",
    re.IGNORECASE,
)
_RUNS_TOOL = sieved(
    TOLD + r"(?:run|execute|invoke)\s+the\s+(?:[\w-]+\s+)?(?:script|solver|analy[sz]er|generator|checker|"
    r"validator|calculator|"
    r"converter|simulator|scanner|parser|extractor|profiler|ranker|optimi[sz]er|linter|estimator)\b"
    r"|运行(?:该|此|上述)?脚本",
    re.IGNORECASE,
)
_RUNS_FILE = sieved(
    rf"\b(?:run|runs|execute|call|calls|invoke|"
    rf"use)\b[^.;:\n]{{0,40}}?[`\"'(*\[\s]({_SCRIPT_FILE})(?![\w/])|(?:运行|执行|调用)\s*[`\"]?({_SCRIPT_FILE})",
    re.IGNORECASE,
)
_FORBIDS = re.compile(
    r"\b(?:do not|don['’]t|never|instead of|rather than|without)\b|不要|无需", re.IGNORECASE
)
_STEMS = (b".py", b".sh", b".js", b".mjs", b".ts", b".rb", b".r ", b"script", b"run the", "脚本".encode())


_INTO_FILE = re.compile(r"[^2&]>{1,2}\s*[^\s&>|]|\s(?:-o|--out(?:put)?(?:-file)?)(?:\s|=)")


def script_commands(prose: Prose) -> Iterator[Span]:
    """Every fence of shell commands one of which runs a script file whose output is not put into a file."""
    for fence in prose.skill.fences:
        if not is_shell(fence) and fence.language:
            continue
        code = prose.text(fence.content)
        if "." in code and any(
            _COMMAND.match(line) and not _INTO_FILE.search(line) for line in command_lines(code)
        ):
            yield fence.span


def delegating_sentences(prose: Prose) -> Iterator[Sentence]:
    """Every sentence that has a script run: by its command, by its file, or as the helper at hand."""
    has_script: bool | None = None
    for sentence in spotted(prose, _STEMS):
        text = sentence.text
        told = _COMMAND.search(text) if "`" in text else None
        told = told or _HELPERS.search(text) or _RUNS_FILE.search(text)
        if not told and (told := _RUNS_TOOL.search(text)):
            if has_script is None:
                has_script = _COMMAND.search(prose.skill.text()) is not None
            told = told if has_script else None
        if told and not _FORBIDS.search(text[max(0, told.start() - 30) : told.start() + 12]):
            yield sentence


_FIGURES = (
    r"(?:figures?|numbers?|values?|calculations?|computations?|arithmetic|math(?:s|ematics)?|sums?|"
    r"totals?|counts?|statistics|"
    r"counted|computed|calculated|results?|averages?)"
)
_BY_HEAD = r"(?:in|from|out of) (?:your|its|the) (?:own )?head|mentally|by hand|from memory|yourself"
_RULE = sieved(
    rf"\b{_FIGURES}\b[^.;]{{0,120}}\b(?:comes?|taken|must come|has to come|"
    r"have to come)\s+(?:straight\s+)?(?:from|out of)\s+"
    r"(?:[\w-]+\s+){0,2}?(?:code|scripts?|programs?|calculator|python)\b"
    rf"|\b{_FIGURES}\b[^.;]{{0,120}}\b(?:is|are)\s+(?:what|whatever)\s+(?:a|the|some)\s+(?:script|"
    rf"program|command|code)\b[^.;]{{0,20}}\bprint"
    rf"|\b(?:never|do not|don['’]t|avoid)\s+(?:ever\s+)?(?:try to\s+)?(?:comput\w+|calculat\w+|"
    r"count(?:ing)?|add(?:ing)?(?: up)?|sum(?:ming)?|"
    rf"do(?:ing)? (?:the )?(?:math|arithmetic)|work(?:ing)? (?:it|them|this|figures|numbers) out|"
    rf"estimat\w+)\b[^.;]{{0,60}}\b(?:{_BY_HEAD})\b"
    rf"|{TOLD}(?:use|prefer|rely on|run|write|let)\s+(?:only\s+|always\s+)?(?:code|scripts|a script|python|"
    r"a calculator|the calculator)\s+"
    rf"(?:for|to do|to compute|to calculate|to count|do|over)\s+(?:[\w-]+\s+){{0,3}}?(?:{_FIGURES}|"
    r"mental \w+|all counting)\b"
    r"|\b(?:no|avoid|never do) mental (?:math|arithmetic)\b|\bnever from your (?:own )?head\b"
    r"|(?:不要|不得|不可|禁止|切勿|别)[^。；\n]{0,8}(?:心算|口算|手算|自己算|凭空计算)"
    r"|(?:计算|统计|数字|数值|求和|合计)[^。；\n]{0,20}(?:一律|都|必须|应|须|要)[^。；\n]{0,8}(?:代码|脚本|程序|Python)"
    r"|(?:一律|都|必须|应|须|要)?用(?:代码|脚本|程序|Python)[^。；\n]{0,6}(?:计算|统计|求和|算)",
    re.IGNORECASE,
)
_RULE_STEMS = (
    *(b"code", b"script", b"program", b"calculator", b"python", b"head", b"mental", b"by hand", b"yourself"),
    *(b"from memory", "心算".encode(), "口算".encode(), "手算".encode(), "自己算".encode(), "代码".encode()),
    *("脚本".encode(), "程序".encode()),
)
_EVERYTHING = re.compile(
    r"\bevery (?:single|one of)\b|\beach and every\b|\b(?:even|also|"
    r"including)\s+(?:for\s+)?(?:the\s+)?(?:small|simple|trivial|easy)\w*\b"
    r"|\b(?:small|simple|trivial) ones\b|\bno matter how (?:small|simple|trivial)\b|\beach (?:time )?anew\b"
    r"|每一[个处次步项]|哪怕|再(?:小|简单)|(?:即使|就算)[^。，]{0,8}(?:小|简单)",
    re.IGNORECASE,
)


def delegation_rules(prose: Prose) -> Iterator[Sentence]:
    """Sentences that leave computing to code as a rule."""
    for sentence in spotted(prose, _RULE_STEMS):
        if _RULE.search(sentence.text):
            yield sentence


def is_for_everything(text: str) -> bool:
    """Whether such a rule names every computation, the small ones too."""
    return _EVERYTHING.search(text) is not None


def only_script(prose: Prose) -> str | None:
    """The one script file the skill has run anywhere; ``None`` where there are none or several."""
    found = {hit.group(1) or hit.group(2) for hit in _COMMAND.finditer(prose.skill.text(prose.skill.body))}
    return found.pop() if len(found) == 1 else None


_STEP = sieved(
    TOLD + r"(?:answer|give|state|report|name|show|write|list|say|calculate|compute|count|add|quote|"
    r"work out|tell)\b"
    r"[^.;]{0,160}?\b(?:figures?|numbers?|totals?|sums?|amounts?|counts?|balances?|percentages?|"
    r"averages?|values?)\b"
    r"|(?:给出|报告|写出|列出|回答|计算|说明)[^。；\n]{0,40}(?:数字|数值|金额|总数|合计|比例|平均)",
    re.IGNORECASE,
)
_STEP_STEMS = (
    *(
        b"figure",
        b"number",
        b"total",
        b"sum",
        b"amount",
        b"count",
        b"balance",
        b"percent",
        b"average",
        b"value",
    ),
    *("数".encode(), "金额".encode(), "合计".encode(), "比例".encode(), "平均".encode()),
)


def figure_steps(prose: Prose, rule: Sentence) -> list[Sentence]:
    """The sentences that tell to give a figure, without the rule itself."""
    return [
        sentence
        for sentence in spotted(prose, _STEP_STEMS)
        if sentence.span != rule.span
        and prose.blocks[sentence.block].kind in (BlockKind.PARAGRAPH, BlockKind.ITEM)
        and _STEP.search(sentence.text)
        and not _RULE.search(sentence.text)
    ]


def names_script(prose: Prose, step: Sentence, script: str) -> bool:
    """Whether a step, or what its block says right after it, names a script."""
    block = prose.blocks[step.block]
    return script in prose.text(Span(step.span.start, max(step.span.end, block.span.end)))
