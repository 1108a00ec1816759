"""What a Dockerfile lays out and what it needs, read without building it.

Only forms whose effect is plain are taken: files copied to where the task works, folders made, packages
installed. Anything else an image does is a reason why the task cannot run without one.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from skvm.bench.harbor.needs import Needs
from skvm.bench.harbor.paths import WORK_PREFIXES, relative
from skvm.bench.source_files import TaskFile, inside, tree
from skvm.compiler.reading.shell import Command, read_shell
from skvm.errors import UsageError

__all__ = ["Image", "read_image"]


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_INSTRUCTION = re.compile(r"(?P<name>[A-Za-z]+)\s+(?P<rest>.*)", re.DOTALL)
_PLAIN = frozenset({"python", "ubuntu", "debian", "buildpack-deps", "alpine", "python-3", "t-bench"})
_BROUGHT = {
    "node": "node", "golang": "go", "rust": "cargo", "gcc": "gcc", "ruby": "ruby", "php": "php",
    "perl": "perl", "r-base": "Rscript", "julia": "julia", "bash": "bash", "openjdk": "javac",
    "eclipse-temurin": "javac", "amazoncorretto": "javac", "maven": "mvn", "gradle": "gradle",
}  # fmt: skip
_DATABASES = re.compile(r"\b(?:postgres|mysql|mariadb|mongo|redis|clickhouse|elasticsearch|cassandra|neo4j)")
_GPU = re.compile(r"\b(?:cuda|nvidia|pytorch|tensorflow:\S*gpu|rocm)", re.IGNORECASE)
_SKILL_DIRS = re.compile(
    r"(?:^|/)\.?(?:claude|codex|agents|opencode|goose|factory|gemini|cursor|skills?)(?:/|$)"
)
_HARMLESS = _names("""
rm chmod chown echo true : set export cd useradd groupadd adduser addgroup usermod locale-gen ln touch test
update-ca-certificates dpkg-reconfigure update-alternatives [ [[ exit hash which command
""")
_PLAIN_VARIABLE = re.compile(
    r"(?:PYTHON\w*|DEBIAN_FRONTEND|PIP_\w+|UV_\w+|LANG|LANGUAGE|LC_\w+|TZ|TERM|PATH|HOME|NPM_\w+|NODE_ENV)"
)
_FETCHERS = frozenset({"curl", "wget", "git", "aria2c", "gdown", "huggingface-cli", "hf"})
_IDLE = _names("bash sh sleep tail python python3 /bin/bash /bin/sh node cat")
_KEPT_OUT = ("Dockerfile", ".dockerignore", "skills")


@dataclass(slots=True)
class Image:
    """What an image gives a task.

    Args:
        files: Fixtures, below ``fixtures/``.
        prefixes: Container folders that stand for the work directory.
        reasons: Why the task cannot run without the image.
        notes: What was left out.
    """

    files: dict[str, TaskFile] = field(default_factory=dict)
    prefixes: tuple[str, ...] = WORK_PREFIXES
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_image(folder: Path, text: str | None, *, root: Path) -> Image:
    """Read ``environment/``.

    Args:
        folder: The folder.
        root: The task's folder, which no link may leave.
        text: Its Dockerfile; without one, files keep their places.

    Raises:
        UsageError: It names files outside the folder, or too many.
    """
    image = Image()
    if text is None:
        left_out = (*_KEPT_OUT, "docker-compose.yaml", "docker-compose.yml")
        content = tree(folder, root=root, leave_out=left_out)
        _add(image, content.under("fixtures"))
        image.notes += content.notes
        image.reasons.append("its image is not described (no environment/Dockerfile)")
        return image
    _Reader(folder, root, image).read(text)
    image.reasons = list(dict.fromkeys(image.reasons))
    return image


def _add(image: Image, files: tuple[TaskFile, ...]) -> None:
    image.files.update({file.path: file for file in files})


class _Reader:
    """Walks over the instructions of one Dockerfile."""

    def __init__(self, folder: Path, root: Path, image: Image) -> None:
        self._folder = folder
        self._root = root
        self._image = image
        self._needs = Needs(root)
        self._work = "/"

    def read(self, text: str) -> None:
        instructions = list(_instructions(text))
        works = [rest.strip() for name, rest in instructions if name == "WORKDIR"]
        # The last one is where the agent starts: the work directory, unless it is a folder of the system.
        if works and re.fullmatch(r"/(?!usr\b|etc\b|tests\b|logs\b)[\w.-][\w./-]*", works[-1]):
            self._image.prefixes = tuple(dict.fromkeys((*WORK_PREFIXES, works[-1].rstrip("/"))))
        if sum(name == "FROM" for name, _ in instructions) != 1:
            self._refuse("its image is built in several stages, or on nothing")
        for name, rest in instructions:
            if name == "FROM":
                self._base(rest)
            elif name == "WORKDIR":
                self._work = str(PurePosixPath(self._work, rest.strip()))
                self._folder_made(self._work)
            elif name in ("COPY", "ADD"):
                self._copy(rest)
            elif name == "RUN":
                self._run(rest)
            elif name == "ENV":
                self._variables(rest)
            elif name in ("CMD", "ENTRYPOINT"):
                self._start(rest)
        self._image.reasons += self._needs.missing()

    def _refuse(self, reason: str) -> None:
        self._image.reasons.append(reason)

    def _base(self, rest: str) -> None:
        words = [word for word in rest.split() if not word.startswith("--")]
        name = words[0] if words else ""
        stem = name.split("@")[0].split("/")[-1].split(":")[0]
        if _GPU.search(name):
            self._refuse(f"needs a GPU (image {name})")
        elif _DATABASES.search(name):
            self._refuse(f"needs a database (image {name})")
        elif stem in _BROUGHT:
            self._needs.program(_BROUGHT[stem])
        elif stem not in _PLAIN and "/t-bench/" not in name:
            self._refuse(f"is built on an image nothing is known of ({name[:80]})")

    def _copy(self, rest: str) -> None:
        words = _words(rest)
        flags = [word for word in words if word.startswith("--")]
        paths = [word for word in words if not word.startswith("--")]
        if any(flag.startswith("--from") for flag in flags):
            self._refuse("its image takes files from another image")
        elif "<<" in rest or len(paths) < 2:
            self._refuse("its image writes a file no source of which is here")
        else:
            for source in paths[:-1]:
                self._copy_one(source, paths[-1], many=len(paths) > 2)

    def _copy_one(self, source: str, dest: str, *, many: bool) -> None:
        if "://" in source:
            self._refuse("its image fetches files from the network")
            return
        name = source.lstrip("/").removeprefix("./").rstrip("/") or "."
        if PurePosixPath(name).parts[:1] == ("skills",):
            return
        place = str(PurePosixPath(self._work, dest))
        inner = relative(place, self._image.prefixes)
        if inner is None:
            if not _SKILL_DIRS.search(dest):
                self._refuse(f"its image puts files into {place}")
            return
        if inner != "." and _SKILL_DIRS.search(inner):
            return
        named = inside(self._folder, name)
        found = sorted(self._folder.glob(name)) if any(mark in name for mark in "*?[") else None
        for path in [named] if found is None else found:
            is_into = dest.endswith(("/", "/.")) or dest == "." or many or found is not None
            self._lay(path, inner, is_into=is_into)

    def _lay(self, path: Path, inner: str, *, is_into: bool) -> None:
        if path.is_dir():
            top = path.resolve() == self._folder.resolve()
            content = tree(path, root=self._root, leave_out=_KEPT_OUT if top else ())
            self._image.notes += content.notes
            _add(self._image, content.under(_below(inner)))
            return
        single = {
            file.path: file
            for file in tree(path.parent, root=self._root).files
            if path.parent.is_dir() and file.path == path.name
        }
        if path.name not in single:
            self._refuse(f"its file {path.name} is not there")
            return
        file = single[path.name]
        into = f"{inner}/{path.name}" if is_into else inner
        _add(self._image, (TaskFile(_below(into), file.data, file.is_executable),))

    def _folder_made(self, place: str) -> None:
        inner = relative(place, self._image.prefixes)
        if inner not in (None, "."):
            path = _below(str(inner))
            self._image.files.setdefault(path, TaskFile(path, None))

    def _run(self, rest: str) -> None:
        code = re.sub(r"^(?:--\w+=\S+\s+)+", "", rest.strip())
        if code.startswith("["):
            code = shlex.join(_words(code))
        read = read_shell(code)
        if read.has_error:
            self._refuse("its image runs commands that cannot be read")
        for command in read.commands:
            self._command(command)

    def _command(self, command: Command) -> None:
        words = command.effective
        program = PurePosixPath(words[0]).name if words else ""
        if self._needs.installs(words, self._folder) or (program in _HARMLESS and not command.writes):
            return
        if program == "mkdir":
            for word in words[1:]:
                if not word.startswith("-") and "$" not in word and "{" not in word:
                    self._folder_made(str(PurePosixPath(self._work, word)))
        elif program in _FETCHERS:
            self._refuse(f"its image fetches something from the network ({program})")
        else:
            self._refuse(f"its image runs {program or 'a command'} to make what the task needs")

    def _variables(self, rest: str) -> None:
        words = _words(rest)
        pairs = [word.partition("=")[0] for word in words if "=" in word] or words[:1]
        for name in pairs:
            if not _PLAIN_VARIABLE.fullmatch(name):
                self._refuse(f"its image sets the variable {name[:60]}")

    def _start(self, rest: str) -> None:
        words = _words(rest)
        if words and words[0] not in _IDLE:
            self._refuse(f"its image starts a service ({words[0][:60]})")


def _below(inner: str) -> str:
    """A place in the work directory as a path in the task's folder."""
    path = PurePosixPath("fixtures", inner)
    if ".." in path.parts:
        raise UsageError(f"{inner!r} leads out of the work directory")
    return path.as_posix()


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Instructions with their continued lines and here-documents, comments dropped."""
    pending: list[str] = []
    ending = ""
    for line in text.replace("\r\n", "\n").split("\n"):
        if ending:
            pending.append(line)
            if line.strip() == ending:
                ending = ""
                yield from _instruction("\n".join(pending))
                pending = []
            continue
        if (not line.strip() and not pending) or line.lstrip().startswith("#"):
            continue
        if line.rstrip().endswith("\\"):
            pending.append(line.rstrip()[:-1])
            continue
        pending.append(line)
        if (here := re.search(r"<<-?\s*[\"']?(\w+)[\"']?", line)) is not None:
            ending = here[1]
            continue
        yield from _instruction(" ".join(pending))
        pending = []
    if pending:
        yield from _instruction("\n".join(pending))


def _instruction(text: str) -> Iterator[tuple[str, str]]:
    if (found := _INSTRUCTION.match(text.strip())) is not None:
        yield found["name"].upper(), found["rest"]


def _words(rest: str) -> list[str]:
    """Words in either form an instruction has."""
    try:
        if rest.strip().startswith("["):
            listed = json.loads(rest)
            return [str(word) for word in listed] if isinstance(listed, list) else []
        return shlex.split(rest)
    except (ValueError, RecursionError):
        return rest.split()
