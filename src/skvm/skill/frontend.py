"""The frontend: a skill folder, or the bytes of one, becomes an immutable ``Skill``.

No text makes it fail: what is wrong with a skill is told in ``Skill.diagnostics``. Only a path that
names no skill is an error.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from skvm.diagnostics import Diagnostic, Severity, Span, rule
from skvm.errors import UsageError
from skvm.skill.bundle import BUNDLE_CODES, in_memory, scan_bundle
from skvm.skill.decoding import decode_aligned, first_invalid_byte
from skvm.skill.findings import Findings, sort_diagnostics
from skvm.skill.frontmatter import body_offset, parse_frontmatter
from skvm.skill.ir import Resource, Skill
from skvm.skill.markdown import MarkdownStructure, parse_markdown
from skvm.skill.references import Resolver, find_references

__all__ = ["MAX_SKILL_BYTES", "find_skill_files", "load_skill", "parse_skill", "skill_id_of"]

SKV101 = rule(
    "SKV101",
    "not UTF-8",
    "SKILL.md has bytes that are not valid UTF-8.\n\n"
    "Loaders that decode strictly fail on the whole file; others show the model replacement marks.\n\n"
    "Save the file as UTF-8.",
    Severity.ERROR,
)
SKV102 = rule(
    "SKV102",
    "binary content",
    "SKILL.md contains NUL bytes, so it is a binary file or UTF-16 text.\n\n"
    "Models cannot be given it, and tools that expect text stop at the first NUL.\n\n"
    "Save the file as UTF-8 text; put binary material into assets/.",
    Severity.ERROR,
)
SKV103 = rule(
    "SKV103",
    "empty file",
    "SKILL.md is empty, or nothing but blank space.\n\n"
    "There is neither metadata nor an instruction in it.\n\n"
    "Write the frontmatter and the instructions.",
    Severity.ERROR,
)
SKV104 = rule(
    "SKV104",
    "byte-order mark",
    "SKILL.md begins with the three bytes of a UTF-8 byte-order mark.\n\n"
    "Loaders that look for `---` at the first byte do not find the frontmatter.\n\n"
    "Save the file as UTF-8 without a byte-order mark.",
)
SKV105 = rule(
    "SKV105",
    "Windows line ends",
    "Lines of SKILL.md end in carriage return and line feed.\n\n"
    "Loaders that look for a fence line of exactly three hyphens miss the frontmatter, and shell blocks"
    " copied from the text fail with an odd `\\r`.\n\n"
    "Save the file with line feeds only, for example with `dos2unix` or a `.gitattributes` entry.",
)
SKV106 = rule(
    "SKV106",
    "very large SKILL.md",
    "SKILL.md is larger than 256 KiB.\n\n"
    "It does not fit into the context of most models beside the task.\n\n"
    "Keep the instructions in SKILL.md and move the material into references/.",
)
SKV107 = rule(
    "SKV107",
    "nested very deeply",
    "Lists and quotes are nested more than 12 levels deep.\n\n"
    "Some Markdown readers recurse and crash on such text, and no model follows it.\n\n"
    "Flatten the structure.",
)
SKV108 = rule(
    "SKV108",
    "skill cannot be read",
    "The file with the instructions cannot be opened, is not a regular file, is a link that leaves the skill"
    " folder, or is far too large.\n\n"
    "No agent can load the skill.\n\n"
    "Put a readable SKILL.md into the folder.",
    Severity.ERROR,
)
SKV109 = rule(
    "SKV109",
    "file is not called SKILL.md",
    "The file with the instructions has another name, or the same in other letters.\n\n"
    "Loaders look for exactly `SKILL.md`; on a case-sensitive file system they find nothing.\n\n"
    "Rename it.",
)

MAX_SKILL_BYTES = 64 * 1024 * 1024
_LARGE_BYTES = 256 * 1024
_MAX_NESTING = 12
_VERSION = re.compile(r"v\d", re.IGNORECASE)
_SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv"})
_NOTHING = MarkdownStructure((), (), (), (), (), (), 0, None)


def parse_skill(
    source: bytes,
    *,
    id: str,
    root: Path | None = None,
    resources: Sequence[Resource] = (),
    contents: Mapping[str, bytes] | None = None,
    found: Sequence[Diagnostic] = (),
) -> Skill:
    """Parse the bytes of a ``SKILL.md``; never fails because of them.

    Args:
        source: Every byte of the file.
        id: What the skill is called by its folder.
        root: Folder that holds the bundle files not in ``contents``.
        resources: Bundle files, in any order.
        contents: Bytes of bundle files made in memory, by path; they replace or join ``resources``.
        found: Findings about the bundle that belong to the skill as well.

    Raises:
        UsageError: A path in ``contents`` cannot name a bundle file.
    """
    findings = Findings(source)
    bundle = in_memory(tuple(resources), contents or {})
    _check_bytes(source, findings)
    frontmatter = parse_frontmatter(source, findings)
    start = frontmatter.span.end if frontmatter else body_offset(source)
    structure = parse_markdown(source, start, decode_aligned(source[start:])) if source else _NOTHING
    if structure.max_depth > _MAX_NESTING and structure.deepest is not None:
        place = structure.deepest.start
        findings.add(SKV107, f"nested {structure.max_depth} levels deep", Span(place, place))
    return Skill(
        id=id,
        source=source,
        root=root,
        frontmatter=frontmatter,
        headings=structure.headings,
        fences=structure.fences,
        steps=structure.steps,
        tables=structure.tables,
        references=find_references(source, start, structure, bundle, Resolver(bundle, id)),
        indented=structure.indented,
        resources=bundle,
        contents=dict(contents or {}),
        diagnostics=sort_diagnostics([*found, *findings.all()]),
    )


def load_skill(path: Path) -> Skill:
    """Read a skill from disk.

    Args:
        path: The skill folder, or its ``SKILL.md`` (or another ``.md`` file that stands for it).

    Raises:
        UsageError: There is no such skill, or its file cannot be read as one.
    """
    root, name = _locate(path)
    source = _read_source(root, name)
    findings = Findings(source)
    if name != "SKILL.md":
        findings.add(SKV109, f"the file is called {name!r}, not 'SKILL.md'")
    resources = scan_bundle(root, findings, skill_file=name)
    return parse_skill(source, id=skill_id_of(root), root=root, resources=resources, found=findings.all())


def skill_id_of(folder: Path) -> str:
    """The folder's name, or its parent's if it looks like a version (``v1``, ``v2-beta``)."""
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - lexical: a link keeps its own name
    return folder.parent.name if _VERSION.match(folder.name) and folder.parent.name else folder.name


def find_skill_files(path: Path) -> Iterator[Path]:
    """The files of the skills at or below ``path``, in order of path.

    A folder that holds a ``SKILL.md`` is one skill; otherwise every folder below is searched. Links to
    folders are followed once each, so that a loop ends.
    """
    if not os.path.isdir(path):  # noqa: PTH112 - see below
        yield path
        return
    seen: set[tuple[int, int]] = set()
    pending = [path]
    while pending:
        folder = pending.pop()
        try:
            status = folder.stat()
            names = sorted(entry.name for entry in os.scandir(folder))
        except OSError:
            # A folder that cannot be listed holds no skill we could speak of.
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        if (name := _skill_file_name(names)) is not None:
            yield folder / name
            if folder == path:
                return
        below = [folder / name for name in names if name not in _SKIPPED_FOLDERS]
        # Not Path.is_dir, which raises where a link's target may not be looked at.
        pending += reversed([child for child in below if os.path.isdir(child)])  # noqa: PTH112


def _skill_file_name(names: Sequence[str]) -> str | None:
    if "SKILL.md" in names:
        return "SKILL.md"
    return next((name for name in names if name.lower() == "skill.md"), None)


def _locate(path: Path) -> tuple[Path, str]:
    path = Path(os.path.abspath(path))  # noqa: PTH100 - lexical: a link keeps its own name
    if os.path.isdir(path):  # noqa: PTH112 - never raises
        try:
            name = _skill_file_name(sorted(os.listdir(path)))  # noqa: PTH208 - names are enough
        except OSError as error:
            raise UsageError(f"skill folder {str(path)!r} cannot be listed: {error.strerror}") from error
        if name is None:
            raise UsageError(
                f"no SKILL.md in {str(path)!r}", help="name a folder that has one, or the .md file itself"
            )
        return path, name
    if not os.path.lexists(path):
        raise UsageError(f"no such skill: {str(path)!r}", help="name a skill folder or its SKILL.md")
    if path.suffix.lower() != ".md":
        raise UsageError(f"not a skill: {str(path)!r}", help="name a skill folder or its SKILL.md")
    return path.parent, path.name


def _read_source(root: Path, name: str) -> bytes:
    shown = str(root / name)
    real = os.path.realpath(root / name)
    if not real.startswith(os.path.realpath(root).rstrip("/") + "/"):
        raise UsageError(
            f"{shown!r} is a symbolic link that leaves its folder", help="replace it by a copy of the file"
        )
    try:
        handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(handle, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{shown!r} is not a regular file")
            if status.st_size > MAX_SKILL_BYTES:
                raise UsageError(f"{shown!r} is larger than {MAX_SKILL_BYTES >> 20} MiB")
            return file.read()
    except OSError as error:
        raise UsageError(f"{shown!r} cannot be read: {error.strerror}") from error


def _check_bytes(source: bytes, findings: Findings) -> None:
    start = body_offset(source)
    if start:
        findings.add(SKV104, "file begins with a byte-order mark", Span(0, start))
    if not source[start:].strip():
        findings.add(SKV103, "SKILL.md is empty")
    if (nul := source.find(b"\0")) >= 0:
        findings.add(SKV102, f"file has {source.count(bytes(1))} NUL bytes", Span(nul, nul + 1))
    if (bad := first_invalid_byte(source)) is not None:
        findings.add(SKV101, f"byte 0x{source[bad]:02x} is not UTF-8", Span(bad, bad + 1))
    if (end := source.find(b"\r\n")) >= 0:
        findings.add(SKV105, f"{source.count(bytes([13, 10]))} lines end in CR LF", Span(end, end + 2))
    if len(source) > _LARGE_BYTES:
        findings.add(SKV106, f"SKILL.md has {len(source) / 1024:.0f} KiB")


def bundle_findings(skill: Skill) -> tuple[Diagnostic, ...]:
    """The findings about the skill's folder, which no edit of its text changes."""
    return tuple(item for item in skill.diagnostics if item.code in BUNDLE_CODES or item.code == SKV109.code)


__all__ += ["bundle_findings"]
