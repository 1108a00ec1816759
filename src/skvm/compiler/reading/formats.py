"""Output formats described in prose: which format, which file, which fields, and a filled-in form of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.compiler.need import Reading
from skvm.compiler.reading.names import CODE, FILE
from skvm.compiler.reading.prose import Block, BlockKind, Sentence
from skvm.compiler.reading.spotting import TOLD
from skvm.skill.any_word import AnyWord
from skvm.skill.sieve import sieved

__all__ = [
    "Field",
    "OutputFormat",
    "asks_for_it",
    "filled_form",
    "is_numeric",
    "is_shown",
    "output_format",
    "said_type",
    "sample_of",
    "type_of",
]

_FORMAT_WORDS = AnyWord(("json", "yaml", "yml", "csv", "comma-sep", "xml", "table"), ignore_case=True)
_FORMATS = (
    ("json", re.compile(r"\bJSON\b|\.jsonl?\b", re.IGNORECASE)),
    ("yaml", re.compile(r"\bYAML\b|\.ya?ml\b", re.IGNORECASE)),
    ("csv", re.compile(r"\bCSV\b|\.csv\b|\bcomma-separated\b", re.IGNORECASE)),
    ("xml", re.compile(r"\bXML\b|\.xml\b", re.IGNORECASE)),
    ("table", re.compile(r"\b(?:markdown )?table with (?:the )?columns\b|\bmarkdown table\b", re.IGNORECASE)),
)
_PRODUCES = sieved(
    r"\b(?:write|save|return|output(?=\s+(?:an?|the|as|in|only|valid|JSON|YAML|CSV|XML)\b)|produce|"
    r"generate|emit|respond|reply|answer|format|export|create|give|print|"
    r"render|deliver|present|store|put|provide)\b|(?:输出|返回|生成|写入|保存|写出|写成|给出|整理成|转换?成)",
    re.IGNORECASE,
)
_FIELD_WORD = re.compile(
    r"\b(?:keys?|fields?|propert(?:y|ies)|columns?|attributes?|entries|schema|structure)\b|字段",
    re.IGNORECASE,
)
_PROGRAM = sieved(
    r"\b(?:commands?|tools?|CLI|API|server|endpoint|flags?|options?)\b|(?<!\w)--\w", re.IGNORECASE
)
_PAGE = re.compile(
    r"\btable\b.*\b(?:form|button|page|link|menu|header|footer)s?\b", re.IGNORECASE | re.DOTALL
)
_INPUT = re.compile(r"\b(?:read|load|parse|open|given|input|import|ingest)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an output: its name, what is said of it, its own fields."""

    name: str
    says: str = ""
    children: tuple[Field, ...] = ()

    @property
    def depth(self) -> int:
        """1 for a plain value."""
        return 1 + max((child.depth for child in self.children), default=0)


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A format a sentence asks for.

    Args:
        name: ``json``, ``yaml``, ``csv``, ``xml`` or ``table``.
        file: The file to write, if it is named.
        fields: The fields it must have, as far as they are named.
        is_list: Whether it is a list of such records.
        end: Byte offset where the description of the fields ends.
    """

    name: str
    file: str | None
    fields: tuple[Field, ...]
    is_list: bool
    end: int

    @property
    def depth(self) -> int:
        """Nesting, 1 for a flat record."""
        return max((field.depth for field in self.fields), default=1) + self.is_list


_ASKS = re.compile(
    TOLD + r"(?:write|save|return|output|produce|generate|emit|respond|reply|answer|format|create|give|print|"
    r"render|"
    r"deliver|present|store|put|provide|build|compose|use|update|add|fill)\b"
    r"|\b(?:output|response|answer|reply|result|report)s?(?: format)?\**\s*(?:[:：]|(?:must|should|has to|"
    r"have to|is) (?:be )?)"
    r"|\b(?:must|should|has to|have to) (?:be|contain|have|include)\b"
    r"|(?:输出|返回|生成|写入|保存|写出|写成|给出|整理成|转换?成)",
    re.IGNORECASE,
)
_NOT_ASKED = re.compile(
    r"^\W*(?:see|supports?|exports?)\b|\b(?:endpoints?|this skill|the user|user must|users? provides?|"
    r"dashboard|export(?:s|ed)? as)\b"
    r"|\bby default\b|\bautomatically\b",
    re.IGNORECASE,
)


def asks_for_it(text: str) -> bool:
    """Whether a sentence that names a format tells the reader to produce it, and not what something does."""
    bare = re.sub(r"`[^`\n]*\([^`\n]*`", "", text)
    return _ASKS.search(bare) is not None and _NOT_ASKED.search(text) is None


def output_format(reading: Reading, sentence: Sentence) -> OutputFormat | None:
    """The format a sentence asks the agent to produce, if it asks for one."""
    text = sentence.text
    if not _FORMAT_WORDS.is_in(text) or _PROGRAM.search(text) or _PAGE.search(text):
        return None
    produces = _PRODUCES.search(text)
    if (
        produces is None
        or (name := next((name for name, words in _FORMATS if words.search(text)), None)) is None
    ):
        return None
    mention = next(words.search(text) for key, words in _FORMATS if key == name)
    reads = _INPUT.search(text)
    if mention is None or (reads and reads.start() < mention.start() and reads.start() < produces.start()):
        return None
    file = next((found.group(1) for found in FILE.finditer(text) if found.start() >= produces.start()), None)
    inline = _inline_fields(text, file)
    listed, end = _listed_fields(reading, sentence)
    block = reading.prose.blocks[sentence.block]
    # What is said of a field may speak of lists too; only what stands before the fields is about the whole.
    head = text[: text.index(f"`{inline[0].name}`")] if inline else text
    is_list = bool(
        re.search(
            r"\b(?:array|list)\b(?! of (?:keys|fields))|\bone (?:object|record|row) (?:per|for)\b",
            head,
            re.IGNORECASE,
        )
    )
    return OutputFormat(
        name,
        file,
        inline or listed,
        is_list and name in {"json", "yaml"},
        max(end if not inline else 0, block.span.end),
    )


def _inline_fields(text: str, file: str | None) -> tuple[Field, ...]:
    marker = _FIELD_WORD.search(text) or re.search(r"\b(?:with|containing|contains)\b", text, re.IGNORECASE)
    if marker is None:
        return ()
    codes = [
        found
        for found in CODE.finditer(text, marker.start())
        if re.fullmatch(r"[A-Za-z_][\w-]*", found.group(1))
    ]
    return _as_fields(text, marker.start(), codes) if len(codes) > 1 else ()


_CHOICES = re.compile(
    r"\(\s*(?:one of|either|any of|e\.g\.|such as|for example|like|values?)\b|\bor\b", re.IGNORECASE
)
_ONLY_NAMES = re.compile(r"\(\s*`[^`]+`(?:\s*,?\s*(?:and\s+)?`[^`]+`)*\s*\)")
_LIST_BEFORE = re.compile(
    r"[,;]?\s*(?:and|with|each with)?\s*(?:an?\s+)?(?:list|array)s? of\s*$", re.IGNORECASE
)
_HOLDS_REST = re.compile(r"\bone (?:object|record|entry) (?:per|for)\b", re.IGNORECASE)


def _as_fields(text: str, start: int, codes: Sequence[re.Match[str]]) -> tuple[Field, ...]:
    """Names outside brackets as fields; names in brackets are fields of the one before, or its choices."""
    outer = [
        code for code in codes if text.count("(", start, code.start()) <= text.count(")", start, code.start())
    ]
    if len(outer) == len(codes) and not any(_LIST_BEFORE.search(text[: code.start()]) for code in codes):
        ends = [*(code.start() for code in codes[1:]), len(text)]
        return tuple(
            Field(code.group(1), text[code.end() : end]) for code, end in zip(codes, ends, strict=True)
        )
    fields: list[Field] = []
    holder: Field | None = None
    for index, code in enumerate(outer):
        until = outer[index + 1].start() if index + 1 < len(outer) else len(text)
        says = _LIST_BEFORE.sub("", text[code.end() : until])
        names = _ONLY_NAMES.search(says)
        inner = tuple(Field(name) for name in CODE.findall(names.group(0))) if names else ()
        listed = " list" if _LIST_BEFORE.search(text[: code.start()]) else ""
        field = Field(code.group(1), f"{says}{listed}", () if _CHOICES.search(says) else inner)
        if holder is not None:
            holder = Field(holder.name, holder.says, (*holder.children, field))
        elif re.search(r"\bunder\s*$", text[: code.start()], re.IGNORECASE) and _HOLDS_REST.search(says):
            holder = Field(field.name, f"{says} list")
        else:
            fields.append(field)
    found = (*fields, holder) if holder is not None else tuple(fields)
    return found if len(found) > 1 else ()


def _listed_fields(reading: Reading, sentence: Sentence) -> tuple[tuple[Field, ...], int]:
    """Fields listed right below a sentence, as items or table rows; nested items are fields of a field."""
    prose = reading.prose
    rows: list[tuple[int, Field, Block]] = []
    for block in prose.blocks[sentence.block + 1 :]:
        text = prose.text(block.span)
        found = re.match(r"(?:\|\s*)?\*{0,2}`\"?([A-Za-z_][\w-]*)\"?`\*{0,2}(.*)", text, re.DOTALL)
        is_title_row = block.kind is BlockKind.ROW and found is None and not rows
        if is_title_row and _FIELD_WORD.search(text):
            continue
        if found is None or block.kind not in (BlockKind.ITEM, BlockKind.ROW):
            break
        rows.append((block.indent, Field(found.group(1), found.group(2)), block))
    if not rows:
        return (), 0
    fields, _ = _tree(rows, 0, rows[0][0])
    return fields, rows[-1][2].span.end


def _tree(rows: list[tuple[int, Field, Block]], start: int, indent: int) -> tuple[tuple[Field, ...], int]:
    fields: list[Field] = []
    index = start
    while index < len(rows) and rows[index][0] >= indent:
        depth, field, _ = rows[index]
        if depth > indent and fields:
            children, index = _tree(rows, index, depth)
            fields[-1] = Field(fields[-1].name, fields[-1].says, children)
            continue
        # What is said of a field may itself name fields: "`lines`: list of objects with `name` and `cost`".
        fields.append(Field(field.name, field.says, _inline_fields(field.says, None)))
        index += 1
    return tuple(fields), index


def is_shown(reading: Reading, block: int, output: OutputFormat) -> bool:
    """Whether a filled-in form already follows the sentence's block or its list of fields."""
    prose = reading.prose
    last = block
    while last + 1 < len(prose.blocks) and prose.blocks[last + 1].span.start < output.end:
        last += 1
    return any(
        _shows(prose.text(fence.content), output) for at in {block, last} for fence in prose.fences_after(at)
    )


def _shows(code: str, output: OutputFormat) -> bool:
    if not output.fields:
        return bool(re.search(r"[{\[|,:]", code)) and not re.match(r"\s*python3 scripts/", code)
    named = sum(bool(re.search(rf"\b{re.escape(field.name)}\b", code)) for field in output.fields)
    return 2 * named > len(output.fields)


_NUMBER = re.compile(
    r"\b(?:number|amount|total|sum|count|average|price|cost|percent\w*|integer|float|decimal|quantity|"
    r"numeric|score|rate|balance|fee)\b",
    re.IGNORECASE,
)
_LIST = re.compile(r"\b(?:list|array|lists)\b", re.IGNORECASE)
_BOOL = re.compile(r"\b(?:true|false|boolean|whether|yes/no|flag)\b", re.IGNORECASE)
_DATE = re.compile(r"\bdate\b", re.IGNORECASE)
_MAP = re.compile(r"\b(?:object|map|mapping|dictionary|dict)\b|\b(?:per|by|for each) \w+", re.IGNORECASE)


_SAID_TYPE = re.compile(
    r"^[\s:\-–—(]*(?:an?\s+|the\s+)?(?:(string|text|date)|(number|integer|float|decimal)|(boolean|bool)|"
    r"(list|array)|(object|map|mapping|dictionary|dict))\b",
    re.IGNORECASE,
)


def said_type(field: Field) -> str | None:
    """The type the description of a field begins with, as :func:`type_of` calls it."""
    found = _SAID_TYPE.match(field.says)
    return ("text", "number", "boolean", "list", "json")[(found.lastindex or 1) - 1] if found else None


def _value(field: Field) -> Any:  # noqa: PLR0911 - one return a kind of value
    says = f"{field.name.replace('_', ' ')} {field.says}"
    if field.children:
        record = {child.name: _value(child) for child in field.children}
        return [record] if _LIST.search(field.says) else record
    said = said_type(field)
    if choice := re.search(r"\bone of `([^`]+)`", field.says):
        return choice.group(1)
    if said == "text":
        return "2025-01-31" if _DATE.search(says) else "TEXT"
    if _BOOL.search(field.says):
        return True
    if _LIST.search(field.says):
        return [1.5] if re.search(r"\bnumbers\b", field.says) else ["first", "second"]
    if _MAP.search(says) and field.says and said != "number":
        return {"NAME": 12.5 if _NUMBER.search(says) else "TEXT"}
    if _DATE.search(says):
        return "2025-01-31"
    if _NUMBER.search(says):
        return 12.5 if not re.search(r"\b(?:count|integer|whole)\b", says, re.IGNORECASE) else 3
    return "TEXT"


_GROUPED = re.compile(r"\b(?:per|by|for each|for every) [`\w]", re.IGNORECASE)


def type_of(field: Field) -> str:
    """``text``, ``number``, ``boolean``, ``list``, ``json`` (an object), ``record`` or ``records``."""
    if field.children:
        return "records" if _LIST.search(field.says) else "record"
    if (said := said_type(field)) is not None:
        return said
    says = f"{field.name.replace('_', ' ')} {field.says}"
    guesses = (
        ("boolean", _BOOL.search(field.says)),
        ("list", _LIST.search(field.says)),
        ("json", re.search(r"\b(?:object|mapping|dictionary)\b", field.says, re.IGNORECASE)),
        ("json", _NUMBER.search(says) and _GROUPED.search(says)),
        ("number", _NUMBER.search(says)),
    )
    return next((name for name, found in guesses if found), "text")


def is_numeric(column: str) -> bool:
    """Whether the name of a column says that numbers stand in it."""
    return _NUMBER.search(column.replace("_", " ")) is not None


def sample_of(field: Field) -> str:
    """A field's value filled in, as JSON in one line."""
    return json.dumps(_value(field), ensure_ascii=False)


def filled_form(output: OutputFormat) -> str | None:
    """The format with every field filled in; ``None`` where no field is named or there is no such form."""
    if not output.fields:
        return None
    record = {field.name: _value(field) for field in output.fields}
    if output.name == "json":
        return json.dumps([record] if output.is_list else record, indent=2, ensure_ascii=False)
    if output.name == "yaml":
        return "\n".join(_yaml([record] if output.is_list else record))
    names = [field.name for field in output.fields]
    cells = [str(_value(field)) if not field.children else "TEXT" for field in output.fields]
    if output.name == "csv":
        return f"{','.join(names)}\n{','.join(cells)}"
    if output.name == "table":
        return f"| {' | '.join(names)} |\n|{'---|' * len(names)}\n| {' | '.join(cells)} |"
    return None


def _yaml(value: Any, indent: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, (dict, list)):
                yield f"{indent}{key}:"
                yield from _yaml(inner, indent + "  ")
            else:
                yield f"{indent}{key}: {json.dumps(inner)}"
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict):
                first, *rest = _yaml(inner, indent + "  ")
                yield f"{indent}- {first.strip()}"
                yield from rest
            else:
                yield f"{indent}- {json.dumps(inner)}"
