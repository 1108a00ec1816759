"""The scripts of a bundle: their language, what they import, what they take, and what is left open in them.

Nothing is run. A file is read when it is first asked for, and what was read is remembered by its digest.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from skvm.compiler.reading.arguments import Argument, arguments_of
from skvm.compiler.reading.javascript import read_javascript
from skvm.compiler.reading.python_code import read_python
from skvm.skill.emit import resource_bytes
from skvm.skill.ir import Resource, Skill

__all__ = ["INTERPRETERS", "Bundle", "BundleScript"]

MAX_BYTES = 200_000
"""A larger file is no script a person wrote."""
LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".ts": "javascript",
    ".tsx": "javascript",
    ".jsx": "javascript",
    ".sh": "shell",
    ".bash": "shell",
    ".zsh": "shell",
    ".sql": "sql",
    ".html": "html",
    ".htm": "html",
    ".svg": "html",
    ".rb": "ruby",
    ".pl": "perl",
    ".r": "r",
    ".ps1": "powershell",
}
INTERPRETERS = {
    ".py": "python3",
    ".sh": "sh",
    ".bash": "bash",
    ".zsh": "zsh",
    ".js": "node",
    ".mjs": "node",
    ".cjs": "node",
    ".rb": "ruby",
    ".pl": "perl",
    ".r": "Rscript",
}
"""What runs a script, by the ending of its name in lower case."""
_SHEBANG = re.compile(r"#!\s*\S*?/(?:env\s+(?:-S\s+)?)?(python|node|bash|zsh|sh|ruby|perl|Rscript)\b")
_SHEBANG_LANGUAGES = {"node": "javascript", "bash": "shell", "sh": "shell", "zsh": "shell", "Rscript": "r"}
_OPEN = re.compile(
    r"\bTODO\b[: ]\s*(?:implement|complete|fill|write|add|replace|your)|\bYOUR[_ ](?:CODE|"
    r"LOGIC|QUERY)\b"
    r"|\byour code (?:goes )?here\b|\bfill (?:this )?in\b|\bimplement (?:this|me)\b|"
    r"\bNotImplementedError\b"
    r"|(?:请|待)(?:补全|填写|实现)",
    re.IGNORECASE,
)
_NOT_CODE = frozenset({"sql", "html", ""})


@dataclass(frozen=True, slots=True)
class BundleScript:
    """A text file of the bundle that holds code; what is in it is read when asked for.

    Args:
        path: Its path in the bundle.
        language: ``python``, ``javascript`` (TypeScript too), ``shell``, ``sql``, ``html`` or another.
        text: All of it; line ends as they are.
        own: Names a file of the bundle may import another one by.
    """

    path: str
    language: str
    text: str
    own: frozenset[str] = frozenset()

    @property
    def standard(self) -> tuple[str, ...]:
        """Modules it imports that come with the language."""
        return self._modules[0]

    @property
    def third_party(self) -> tuple[str, ...]:
        """Modules it imports that do not, without those of the bundle itself."""
        return tuple(name for name in self._modules[1] if name not in self.own)

    @property
    def _modules(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if self.language == "python":
            python = read_python(self.text)
            return python.standard, python.third_party
        if self.language == "javascript":
            javascript = read_javascript(self.text)
            return javascript.standard, javascript.third_party
        return (), ()

    @property
    def is_program(self) -> bool:
        """Whether running it does something."""
        if self.language == "python":
            return "__main__" in self.text or read_python(self.text).is_program
        return self.language not in _NOT_CODE

    @property
    def is_open(self) -> bool:
        """Whether it says that a part of it is still to be written."""
        return _OPEN.search(self.text) is not None

    @property
    def arguments(self) -> tuple[Argument, ...] | None:
        """What it takes on the command line, in order; ``None`` where that could not be read."""
        return arguments_of(self.text, self.language) if self.is_program else None

    @property
    def interpreter(self) -> str:
        """The command that runs it; ``""`` where none is known."""
        found = _SHEBANG.match(self.text)
        if self.language == "shell" and found:
            return found.group(1)
        return INTERPRETERS.get(PurePosixPath(self.path).suffix.lower(), "")

    @property
    def command(self) -> str | None:
        """The command line that runs it, ``<name>`` for what has to be put in; ``None`` if not known."""
        arguments = self.arguments if self.interpreter else None
        if arguments is None:
            return None
        return " ".join((self.interpreter, self.path, *(part.usage for part in arguments)))


_cache: OrderedDict[tuple[str, str], BundleScript] = OrderedDict()
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Bundle:
    """The bundle of one skill, read file by file when asked for."""

    skill: Skill

    def scripts(self) -> Iterator[BundleScript]:
        """Every script, in order of path."""
        for resource in self.skill.resources:
            script = self._read(resource)
            if script is not None:
                yield script

    def holds(self, language: str) -> bool:
        """Whether a file of the bundle is named like one of a language; no file is read."""
        return any(
            LANGUAGES.get(PurePosixPath(found.path).suffix.lower()) == language
            for found in self.skill.resources
        )

    def script(self, path: str) -> BundleScript | None:
        """The script at a path of the bundle; ``None`` if there is none or it cannot be read as text."""
        resource = next((found for found in self.skill.resources if found.path == path), None)
        return self._read(resource) if resource else None

    def find(self, name: str) -> BundleScript | None:
        """The script a text means by a path or a bare name; ``None`` if none or more than one fits."""
        path = self.path_of(name)
        return self.script(path) if path else None

    def path_of(self, name: str) -> str | None:
        """The bundle file a text means by a path or a bare name; ``None`` if none or more than one fits."""
        wanted = name.removeprefix("./").rsplit("}/", 1)[-1]
        paths = [found.path for found in self.skill.resources]
        if wanted in paths:
            return wanted
        # Texts put the place of the skill before the path: "skills/x/scripts/a.py".
        fits = [path for path in paths if path.endswith(f"/{wanted}") or wanted.endswith(f"/{path}")]
        return fits[0] if len(fits) == 1 else None

    def text_at(self, path: str) -> str | None:
        """The text of a bundle file; ``None`` if there is none, or none that can be read as text."""
        resource = next((found for found in self.skill.resources if found.path == path), None)
        if resource is None or not self._is_readable(resource):
            return None
        return resource_bytes(self.skill, path).decode("utf-8", "replace")

    def _is_readable(self, resource: Resource) -> bool:
        there = self.skill.root is not None or resource.path in self.skill.contents
        return there and resource.is_text and resource.size_bytes <= MAX_BYTES

    def _read(self, resource: Resource) -> BundleScript | None:
        suffix = PurePosixPath(resource.path).suffix.lower()
        if not self._is_readable(resource) or not (suffix in LANGUAGES or resource.is_executable):
            return None
        key = (resource.digest, suffix)
        script = _cache.get(key)
        if script is None:
            text = resource_bytes(self.skill, resource.path).decode("utf-8", "replace")
            script = _cache[key] = _read_text(text, suffix)
            while len(_cache) > _REMEMBERED:
                _cache.popitem(last=False)
        if not script.language:
            return None
        own = self.own_modules() if script.language == "python" else frozenset()
        return replace(script, path=resource.path, own=own)

    def own_modules(self) -> frozenset[str]:
        """Names a file of the bundle may import another one by."""
        paths = (PurePosixPath(found.path) for found in self.skill.resources if found.path.endswith(".py"))
        return frozenset(part for path in paths for part in path.with_suffix("").parts)


def _read_text(text: str, suffix: str) -> BundleScript:
    shebang = _SHEBANG.match(text)
    by_line = _SHEBANG_LANGUAGES.get(shebang.group(1), shebang.group(1)) if shebang else ""
    return BundleScript("", LANGUAGES.get(suffix, "") or by_line, text)
