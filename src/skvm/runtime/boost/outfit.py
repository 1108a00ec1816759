"""What a cell is shown to run steps, runner and templates; the command that runs one, and its verdict."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import marshal
import re
import shlex
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvm.files import replace_file
from skvm.runtime.boost.model import Candidate, Template

__all__ = ["Outfit", "Verdict", "lay_outfit", "verdict_of"]

INSIDE = Path(__file__).parent / "inside"
PACKAGE = ("skvm", "runtime", "boost", "inside")
CHECKED_HASH = 0b11  # flags of a .pyc file (PEP 552): kept by hash, looked at before use
TICKET = re.compile(r"[A-Za-z0-9_-]{4,64}")
WROTE = re.compile(r' (wrote nothing|wrote .*?\))(?:; printed (.{1,40})|(?=\s*$|[\\"<]))')
ESCAPED = {ord(char): f"\\u{ord(char):04x}" for char in "'$`!;|&<>()*?#~^%\x7f"}
"""Characters that stand only within the texts of a JSON value, and that a shell or a harness looks at."""


@dataclass(frozen=True, slots=True)
class Outfit:
    """A folder with the runner and some templates.

    Args:
        folder: The folder, at the same place on the host and in the cell.
        digests: Of the templates in it.
    """

    folder: Path
    digests: frozenset[str]

    def command_line(self, candidate: Candidate, ticket: str, params: Mapping[str, Any]) -> str:
        """The command, one line of ASCII, that takes a step in the current folder.

        Args:
            candidate: Whose template is run.
            ticket: What the verdict is known by: 4 to 64 letters, digits, ``-`` and ``_``, not to be guessed.
            params: The values; nothing in them can end the quotes they stand in.

        Raises:
            ValueError: The ticket is none, a value is not JSON, or the template is not in this outfit.
        """
        digest = candidate.template.digest
        if digest not in self.digests:
            raise ValueError(f"template {digest} is not in {self.folder}")
        if not TICKET.fullmatch(ticket):
            raise ValueError(f"no ticket: {ticket!r}")
        purpose = re.sub(r"[^A-Za-z0-9_-]+", "-", candidate.purpose_id).strip("-")[:60] or "step"
        values = json.dumps(params, ensure_ascii=True, sort_keys=True, allow_nan=False)
        values = re.sub(r'\\(["\\])', lambda found: f"\\u{ord(found[1]):04x}", values).translate(ESCAPED)
        runner = shlex.quote(str(self.folder / "boost.py"))
        return f"python3 -I -S {runner} {purpose} {_short(digest)} '{ticket}' '{values}'"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a step ended.

    Args:
        is_done: Whether its outputs are in place; else nothing has changed.
        reason: Why it bailed out; its first word says what did not hold: ``call``, ``values``, ``folder``,
            ``input``, ``code``, ``output`` or ``stdout``.
        outputs: What was written, for a person.
        stdout: What the code printed, without line ends at its end; ``None`` where not all of it is there.
    """

    is_done: bool
    reason: str
    outputs: str
    stdout: str | None


def lay_outfit(folder: Path, templates: Iterable[Template]) -> Outfit:
    """Lay the runner and some templates in a folder; what is there already stays.

    Compiled modules are laid beside their sources: a cell sees the folder read-only, and could not keep any.

    Args:
        folder: Made where it is absent.
        templates: In any order.

    Raises:
        OSError: It cannot be written to; files are whole or absent.
    """
    modules = folder.joinpath(*PACKAGE)
    for each in (folder / "templates", modules):
        each.mkdir(parents=True, exist_ok=True)
    parts = [folder, folder / "templates", *(folder.joinpath(*PACKAGE[:count]) for count in range(1, 5))]
    for part in parts:
        part.chmod(0o755)
    for part in parts[2:-1]:
        _lay(part / "__init__.py", b"")
    for source in sorted(INSIDE.glob("*.py")):
        if source.name != "boost.py":
            _lay(modules / source.name, source.read_bytes())
    for path in sorted((folder / PACKAGE[0]).rglob("*.py")):
        _lay_compiled(path)
    _lay(folder / "boost.py", (INSIDE / "boost.py").read_bytes())
    digests: set[str] = set()
    for template in templates:
        data = _text_of(template)
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        _lay(folder / "templates" / f"{_short(digest)}.json", data)
        digests.add(digest)
    return Outfit(folder, frozenset(digests))


def verdict_of(text: str, ticket: str) -> Verdict | None:
    """Read the verdict of a step from what a harness told its model of a command.

    The last line of the runner counts. The text may be cut before it, be part of a JSON text, or have words
    of the harness around it.

    Args:
        text: A tool result.
        ticket: The step's.

    Returns:
        ``None`` where there is no whole verdict of this step.
    """
    found = [*re.finditer(rf"\[boost {re.escape(ticket)}: (done|bailed out: ([^\[\]\n]*))\]([^\n]*)", text)]
    if not found:
        return None
    last = found[-1]
    if last[1] != "done":
        is_escaped = re.search(r'\\n|"\s*[,}\]]', last[3]) is not None
        reason = _unescaped(last[2]) if is_escaped else last[2]
        return Verdict(is_done=False, reason=reason, outputs="", stdout=None)
    told = WROTE.match(last[3])
    if told is None:
        return Verdict(is_done=True, reason="", outputs=last[3].strip(), stdout=None)
    stdout = _printed(text[: last.start()], told[2]) if told[2] else ""
    return Verdict(is_done=True, reason="", outputs=told[1], stdout=stdout)


def _printed(before: str, printed: str) -> str | None:
    """The end of a text that is as long as was printed and has its checksum, however often it was escaped."""
    said = re.match(r"(\d+) bytes, ([0-9a-f]{8})", printed)
    if said is None:
        return None
    length, checksum = int(said[1]), int(said[2], 16)
    for _ in range(3):
        body = before.replace("\r\n", "\n").rstrip("\n").encode("utf-8", "replace")[-length:]
        if len(body) == length and zlib.crc32(body) == checksum:
            return body.decode("utf-8")
        before = _unescaped(before)
    return None


def _unescaped(text: str) -> str:
    """A part of a JSON text without its escapes; it may begin in the middle of one."""
    short = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
    plain = re.sub(
        r"\\(?:u([0-9a-fA-F]{4})|(.))",
        lambda found: chr(int(found[1], 16)) if found[1] else short.get(found[2], found[2]),
        text,
        flags=re.DOTALL,
    )
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text_of(template: Template) -> bytes:
    """A template as its digest has it: the runner checks the file by its name."""
    plain = template.model_dump(mode="json", by_alias=True)
    for param in plain["params"]:
        del param["description"], param["seen"]
    return json.dumps(plain, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def _lay(path: Path, data: bytes) -> None:
    if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
        return
    replace_file(path, data, mode=0o644)


def _lay_compiled(source: Path) -> None:
    target = Path(importlib.util.cache_from_source(str(source)))
    target.parent.mkdir(exist_ok=True)
    target.parent.chmod(0o755)
    _lay(target, _compiled(source.name, source.read_bytes()))


@functools.cache
def _compiled(name: str, data: bytes) -> bytes:
    """Bytecode checked by the hash of its source: the same bytes wherever and whenever it is made."""
    code = compile(data, f"<boost>/{name}", "exec", dont_inherit=True)
    head = importlib.util.MAGIC_NUMBER + CHECKED_HASH.to_bytes(4, "little") + importlib.util.source_hash(data)
    return head + marshal.dumps(code)
