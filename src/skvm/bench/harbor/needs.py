"""What a task's image installs, and what of it is not on this machine as an agent sees it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path, PurePosixPath

from skvm.bench.source_files import read_text
from skvm.compiler.dependencies.tables import import_names, programs
from skvm.errors import UsageError
from skvm.harness.environment.build import cell_path
from skvm.harness.environment.check import State, check_manifest
from skvm.harness.environment.manifest import Dependency, Manifest, Type

__all__ = ["Needs"]


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_APT = ("apt-get", "apt", "apk", "aptitude", "dnf", "yum")
_EVERYWHERE = _names("""
ca-certificates apt-transport-https software-properties-common gnupg locales tzdata procps coreutils findutils
python3 python3-pip python3-venv python3-dev python-is-python3 bash sudo tini dumb-init lsb-release less vim
nano
""")
_COMMAND_OF = {
    "build-essential": "gcc", "g++": "g++", "default-jdk": "javac", "default-jre": "java", "nodejs": "node",
    "ripgrep": "rg", "imagemagick": "convert", "postgresql": "postgres", "mysql-server": "mysqld",
    "redis-server": "redis-server", "mongodb": "mongod", "poppler-utils": "pdftotext", "r-base": "Rscript",
    "golang": "go", "golang-go": "go", "texlive": "pdflatex", "texlive-latex-base": "pdflatex",
    "tesseract-ocr": "tesseract", "libreoffice-calc": "soffice", "libreoffice": "soffice",
    "chromium-browser": "chromium", "procps": "ps", "iproute2": "ip", "net-tools": "ifconfig",
}  # fmt: skip
_GPU = re.compile(r"\b(?:cuda|nvidia)", re.IGNORECASE)
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?(?P<spec>\s*[=<>!~][^;#]*)?")


class Needs:
    """Collects what is needed; ``missing`` looks it up.

    Args:
        root: The task's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._programs: set[str] = set()
        self._packages: set[str] = set()
        self._python: set[str] = set()
        self._other: list[str] = []

    def program(self, command: str) -> None:
        """A command must be there."""
        self._programs.add(command)

    def module(self, module: str) -> None:
        """A module that is not of the standard library must be importable."""
        self._python.add(import_names().get(module, module))

    def installs(self, words: tuple[str, ...], folder: Path) -> bool:
        """Note what a command installs; ``False`` if it installs nothing.

        Args:
            words: The command.
            folder: Where lists of requirements lie.
        """
        program = PurePosixPath(words[0]).name if words else ""
        rest = list(words[1:])
        if program in ("python", "python3") and rest[:2] == ["-m", "pip"]:
            program, rest = "pip", rest[2:]
        if program == "uv" and rest[:1] == ["pip"]:
            program, rest = "pip", rest[1:]
        if program in _APT:
            self._system(rest)
        elif program in ("pip", "pip3"):
            self._pip(rest, folder)
        elif program in ("npm", "yarn", "pnpm", "cargo", "gem", "go", "conda", "mamba", "uv") and rest:
            self._other += [f"needs packages of {program}"]
        else:
            return False
        return True

    def missing(self) -> list[str]:
        """One reason for each thing that is not here, in order of name."""
        absent = [name for name in sorted(self._programs) if shutil.which(name, path=cell_path()) is None]
        found = [f"needs the program {name}" for name in absent]
        found += [f"needs the system package {name}" for name in sorted(self._packages) if _is_absent(name)]
        looked = check_manifest(
            Manifest(skill="task", entries=tuple(_python(name) for name in sorted(self._python)))
        )
        found += [
            f"needs the Python package {item.entry.name}" for item in looked if item.state is State.MISSING
        ]
        return [*found, *sorted(set(self._other))]

    def _system(self, rest: list[str]) -> None:
        words = [word for word in rest if not word.startswith("-")]
        if words[:1] not in (["install"], ["add"]):
            return
        for word in words[1:]:
            name = word.split("=")[0]
            if _GPU.search(name):
                self._other.append(f"needs a GPU (package {name})")
            elif name not in _EVERYWHERE and not name.startswith("python3."):
                self._packages.add(name)

    def _pip(self, rest: list[str], folder: Path) -> None:
        if "install" not in rest:
            return
        waiting = rest[rest.index("install") + 1 :]
        while waiting:
            word = waiting.pop(0)
            if word in ("-r", "--requirement") and waiting:
                self._requirements(folder, waiting.pop(0))
            elif word in ("-i", "--index-url", "--extra-index-url", "-c", "-t", "--target", "--python"):
                waiting = waiting[1:]
            elif not word.startswith("-"):
                self._requirement(word)

    def _requirements(self, folder: Path, name: str) -> None:
        try:
            text = read_text(folder / PurePosixPath(name).name, root=self._root)
        except UsageError:
            self._other.append(f"needs packages listed in {PurePosixPath(name).name}, which is not here")
            return
        for line in text.splitlines():
            if line.strip() and not line.lstrip().startswith(("#", "-")):
                self._requirement(line.strip())

    def _requirement(self, word: str) -> None:
        found = _REQUIREMENT.match(word)
        name = found["name"].lower() if found else ""
        if not found or "://" in word or word.startswith((".", "/")):
            self._other.append(f"needs the Python package {word[:60]!r}")
        elif name not in ("pip", "setuptools", "wheel", "uv") and not name.startswith("pytest"):
            self._python.add(name)


def _python(name: str) -> Dependency:
    modules = [module for module, package in import_names().items() if package == name] or [name]
    return Dependency(
        name=name,
        type=Type.PIP,
        checkCommand="true",
        confidence=1.0,
        pythonModules=tuple(module.replace("-", "_") for module in modules),
    )


def _is_absent(package: str) -> bool:
    """Whether a package of the system is not here, as far as a command or the package list shows."""
    commands = {command for command, known in programs().items() if known.package == package}
    commands.add(_COMMAND_OF.get(package, package))
    if (java := re.fullmatch(r"openjdk-\d+-(jdk|jre)(?:-headless)?", package)) is not None:
        commands = {"javac" if java[1] == "jdk" else "java"}
    if any(shutil.which(command, path=cell_path()) for command in commands):
        return False
    # Names with odd characters make no manifest entry, and no package of a known system either.
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", package):
        return True
    return not any(Path("/var/lib/dpkg/info").glob(f"{package}[.:]*list"))
