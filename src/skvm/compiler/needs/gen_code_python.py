"""What needs ``gen.code.python``: Python the agent must write or adapt."""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.fence_role import fence_role, lies_ready
from skvm.compiler.reading.mentions import sentences_with
from skvm.compiler.reading.prose import BlockKind, Prose
from skvm.compiler.reading.python_code import is_python, read_python
from skvm.compiler.reading.script_use import is_forbidden, script_changes
from skvm.diagnostics import Span
from skvm.skill.ir import CodeFence
from skvm.target.contract import Level

RULES = {
    Level.L1: "code to write or adapt without imports; what only shows an output or a mistake is none",
    Level.L2: "code with modules of the standard library, or a program the text only describes",
    Level.L3: "code with libraries of third parties, in a fence, in words or in a script of the bundle",
}
_LIBRARIES = (
    r"pandas|numpy|openpyxl|matplotlib|scipy|polars|requests|sklearn|scikit-learn|"
    r"playwright|selenium|beautifulsoup4?|"
    r"bs4|pypdf2?|pdfplumber|pymupdf|reportlab|python-docx|python-pptx|flask|django|"
    r"fastapi|sqlalchemy|pydantic|"
    r"pytorch|torch|tensorflow|keras|transformers|seaborn|plotly|pillow|opencv|networkx|"
    r"sympy|statsmodels|xgboost|"
    r"lightgbm|nltk|spacy|boto3|httpx|aiohttp|pytest|jinja2|lxml|geopandas|shapely|xarray|"
    r"dask|pulp|ortools"
)
_LIBRARY = re.compile(rf"\b(?:{_LIBRARIES})\b", re.IGNORECASE)
_WRITE = re.compile(
    r"\b(?:write|create|implement|generate|build|develop|answer with|give|provide|produce|prepare)\b"
    r"[^.]{0,60}\bPython\b[^.]{0,30}\b(?:scripts?|programs?|code|functions?|modules?|tests)\b"
    rf"|^\W{{0,6}}use\s+(?!playwright|selenium|plotly)(?:the\s+)?`?(?:{_LIBRARIES})\b"
    r"|(?:编写|写|创建|生成|使用).{0,20}Python.{0,12}(?:脚本|程序|代码|函数)",
    re.IGNORECASE,
)
_MENTIONS = (
    b"python",
    *(name.replace("4?", "").replace("2?", "").encode() for name in _LIBRARIES.split("|")),
)
_LISTED = re.compile(r"^\s*\d+\.\s", re.MULTILINE)
_FROM = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+)?import[ \t]+(?:\(([^()]{1,800})\)|([\w ,.]+))", re.MULTILINE
)
_OWN_ROOTS = frozenset({"scripts", "src", "lib", "utils", "config", "tools"})
_ALIAS = re.compile(r"(?<![\w.])(?:np|pd|plt|sns|tf|torch|cv2|nx)\.[a-z_]+\(|(?<![\w.])df\[\"")
_STANDARD_CALL = re.compile(
    r"(?<![\w.])(?:json|re|os|csv|datetime|math|random|sys|itertools|collections|"
    r"subprocess|shutil|Path|defaultdict|"
    r"Counter)(?:\.[a-z_]+)?\("
)
_WORDS = re.compile(r"[A-Za-z_]\w*")
_STANDARD = sys.stdlib_module_names | set(dir(builtins))
_ANNOTATIONS = frozenset({"__future__", "typing"})


def level_of(code: str, own: frozenset[str] = frozenset()) -> Level:
    """The level a piece of code needs; modules in ``own`` belong to the skill."""
    read = read_python(code)
    third_party = {name for name in read.third_party if name.lower() not in own}
    if third_party or _ALIAS.search(code):
        return Level.L3
    if set(read.standard) - _ANNOTATIONS or read.third_party or _STANDARD_CALL.search(code):
        return Level.L2
    return Level.L1


def find(reading: Reading) -> Iterator[Need]:
    """Python fences and scripts the text asks for; code that lies ready in the bundle needs none."""
    prose = reading.prose
    bundle = reading.bundle
    fences = [fence for fence in prose.skill.fences if is_python(fence.language)]
    own = (bundle.own_modules() | _OWN_ROOTS) if fences else frozenset[str]()
    foreign = _foreign(prose, fences, own)
    for fence in fences:
        role = fence_role(prose, fence)
        code = prose.text(fence.content)
        is_notation = _LISTED.match(code) is not None or read_python(code).calls_only
        if role.is_shown or is_notation or lies_ready(prose, fence, bundle):
            continue
        level = level_of(code, own)
        if level is not Level.L3 and foreign and not foreign.isdisjoint(_WORDS.findall(code)):
            level = Level.L3
        yield Need(level, role.span(fence))
    for sentence, script in script_changes(prose, bundle, "python"):
        level = Level.L3 if script.third_party else Level.L2 if script.standard else Level.L1
        yield Need(level, sentence.span, script.path)
    for sentence in sentences_with(prose, _MENTIONS):
        found = _WRITE.search(sentence.text)
        block = prose.blocks[sentence.block]
        # What a quoted user asks for is an example.
        if not found or block.kind is BlockKind.ROW or block.quote:
            continue
        quoted = prose.text(Span(block.span.start, sentence.span.start)).count('"') % 2 == 1
        if quoted or is_forbidden(sentence.text[: found.start()]):
            continue
        fence_after = prose.fence_after(sentence.block)
        if fence_after is None or not is_python(fence_after.language):
            yield Need(Level.L3 if _LIBRARY.search(sentence.text) else Level.L2, sentence.span)


def _foreign(prose: Prose, fences: list[CodeFence], own: frozenset[str]) -> frozenset[str]:
    """Names some fence imports from a library: later fences use them without importing them again."""
    if len(fences) < 2:
        return frozenset()
    found: set[str] = set()
    for fence in fences:
        for source, in_brackets, on_line in _FROM.findall(prose.text(fence.content)):
            names = re.sub(r"#[^\n]*", "", in_brackets or on_line).split(",")
            root = (source or names[0].strip()).split(" ")[0].split(".")[0]
            if not root or root in sys.stdlib_module_names or root.lower() in own:
                continue
            parts = (part.split(" as ")[-1].strip() for part in names)
            found.update(part for part in parts if part.isidentifier() and part not in _STANDARD)
    return frozenset(found)


DETECTORS.register("gen.code.python", Detector(RULES, find))
