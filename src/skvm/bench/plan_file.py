"""A YAML file of a person, read node by node so that every complaint names its line.

Nothing is built that is not asked for, no tag but plain ones is known, no key may stand twice, and neither
depth nor aliases can make a small file a large one.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from skvm.diagnostics import Diagnostic, Rule, Severity, Span, rule

__all__ = ["MAX_BYTES", "PlanFile"]

MAX_BYTES = 1 << 20
"""A larger file is no plan."""
_MAX_NODES = 50_000
_MAX_FINDINGS = 100

SKV340 = rule(
    "SKV340",
    "bench plan cannot be read",
    "A plan of `skvm bench --custom` is one YAML document in UTF-8, at most 1 MB: an object with `groups`, a "
    "list, and `defaults`, an object. Aliases are read, but not where they make the file endless.",
    Severity.ERROR,
)
SKV341 = rule(
    "SKV341",
    "malformed field of a bench plan",
    "A field of a plan has the wrong type or is out of range, is missing where it is needed, or is there "
    "twice. A text that YAML takes for a number or a truth value has to be quoted.",
    Severity.ERROR,
)
SKV342 = rule(
    "SKV342",
    "unknown field of a bench plan",
    "A key nothing reads, most often misspelt. It is an error and not ignored, because the bench would "
    "measure something else than was meant.",
    Severity.ERROR,
)


class PlanFile:
    """The nodes of one file, and what was found wrong with them.

    Args:
        path: The file, as the person named it.
        source: Its bytes.
    """

    def __init__(self, path: Path, source: bytes) -> None:
        self.path = path
        self.found: list[Diagnostic] = []
        self._source = source
        self._bom = 3 if source.startswith(b"\xef\xbb\xbf") else 0
        self._text = ""
        self._visited = 0

    @property
    def is_broken(self) -> bool:
        """Whether there is an error."""
        return any(problem.severity is Severity.ERROR for problem in self.found)

    def root(self) -> yaml.Node | None:
        """The document; ``None`` where there is none, which is then told."""
        if len(self._source) > MAX_BYTES:
            self._complain(SKV340, f"over {MAX_BYTES >> 20} MB")
            return None
        try:
            self._text = self._source.decode("utf-8-sig")
            node = yaml.SafeLoader(self._text).get_single_node()
        except yaml.MarkedYAMLError as error:
            self._complain(SKV340, f"not YAML: {error.problem or error.context}", error.problem_mark)
        except (yaml.YAMLError, ValueError) as error:
            said = str(error).partition("\n")[0]
            self._complain(SKV340, f"not UTF-8 text: {said}" if isinstance(error, UnicodeError) else said)
        except RecursionError:
            self._complain(SKV340, "nested too deeply")
        else:
            if node is not None:
                return node
            self._complain(SKV340, "the file is empty")
        return None

    def report(
        self, kind: Rule, message: str, node: yaml.Node | None = None, *, help: str | None = None
    ) -> None:
        """Note a finding, at a node if it has one."""
        self._complain(kind, message, node.start_mark if node is not None else None, help=help)

    def line_of(self, node: yaml.Node) -> int:
        """The line a node begins on, from 1."""
        return int(node.start_mark.line) + 1

    def fields(self, node: yaml.Node, known: Collection[str], what: str) -> dict[str, yaml.Node]:
        """The fields of an object; whatever is wrong with it is noted and left out."""
        if not isinstance(node, yaml.MappingNode):
            self.report(SKV341, f"{what} must be an object", node)
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None or name not in known:
                close = difflib.get_close_matches(name or "", sorted(known), n=1, cutoff=0.6)
                way_out = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
                self.report(SKV342, f"{what} has no field {name!r}", key, help=way_out)
            elif name in found:
                self.report(SKV341, f"{name} stands twice, first on line {self.line_of(found[name])}", key)
            else:
                found[name] = value
        return found

    def items(self, node: yaml.Node, what: str) -> Iterator[yaml.Node]:
        """The items of a list; over all lists of the file there are only so many."""
        if not isinstance(node, yaml.SequenceNode):
            self.report(SKV341, f"{what} must be a list", node)
            return
        for item in node.value:
            self._visited += 1
            if self._visited > _MAX_NODES:
                if self._visited == _MAX_NODES + 1:
                    self.report(SKV340, f"over {_MAX_NODES:,} items, aliases counted each time", item)
                return
            yield item

    def value(self, node: yaml.Node) -> Any:
        """A plain value; anything else is ``None``, as nothing is."""
        if not isinstance(node, yaml.ScalarNode):
            return None
        try:
            return yaml.SafeLoader("").construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            return None

    def text(self, node: yaml.Node, what: str) -> str | None:
        """A text that says something; else ``None``, which is told."""
        value = self.value(node)
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value.strip()
        is_other = value is not None and not isinstance(value, str)
        self.report(SKV341, f"{what} must be a text", node, help="quote it" if is_other else None)
        return None

    def whole(self, node: yaml.Node, what: str) -> int | None:
        """A whole number ≥ 1; else ``None``, which is told."""
        value = self.value(node)
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1_000_000:
            return value
        self.report(SKV341, f"{what} must be a whole number, 1 or more", node)
        return None

    def factor(self, node: yaml.Node, what: str) -> float | None:
        """A number > 0 and ≤ 1000; else ``None``, which is told."""
        value = self.value(node)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1000:
            return float(value)
        self.report(SKV341, f"{what} must be a number over 0, and at most 1000", node)
        return None

    def _complain(
        self, kind: Rule, message: str, mark: yaml.Mark | None = None, *, help: str | None = None
    ) -> None:
        if len(self.found) >= _MAX_FINDINGS:
            return
        span = None
        if mark is not None:
            at = min(len(self._text[: mark.index].encode()) + self._bom, len(self._source))
            span = Span(at, at)
        self.found.append(kind.at(message, path=self.path, span=span, source=self._source, help=help))
