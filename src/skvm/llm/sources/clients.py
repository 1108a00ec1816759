"""Package clients: how one wheel is fetched with the user's own configuration.

We name no index. The client the user already has knows theirs, with its credentials, proxies and
certificates: pip of this interpreter, uv, or a pip on the PATH, whichever there is. Wheels are only
opened; nothing in them is built, imported or run.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import anyio

from skvm.evidence.redact import without_provider_keys
from skvm.llm.catalog import PackagePart
from skvm.llm.sources.contract import SourceError

__all__ = ["CommandClient", "PartClient", "find_clients", "open_member"]

_PIP_FLAGS = (
    "download", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--no-cache-dir",
    "--no-input", "--quiet", "--disable-pip-version-check", "--progress-bar", "off", "--retries", "2",
)  # fmt: skip
# uv has no download command. Installing to a target of its own only unpacks there.
_UV_FLAGS = (
    "pip", "install", "--no-deps", "--only-binary", ":all:", "--no-cache", "--quiet", "--no-progress",
)  # fmt: skip


class PartClient(Protocol):
    """Something that can fetch one wheel."""

    @property
    def label(self) -> str:
        """What messages call it."""

    async def fetch(self, part: PackagePart, folder: Path) -> None:
        """Put the wheel, or what it holds, into the empty ``folder``.

        Raises:
            SourceError: It cannot be had; the message holds the client's own last words.
        """


@dataclass(frozen=True, slots=True)
class CommandClient:
    """A client that is a command.

    Args:
        label: What messages call it.
        command: Makes the argument vector for a requirement and a folder.
    """

    label: str
    command: Callable[[str, Path], Sequence[str]]

    async def fetch(self, part: PackagePart, folder: Path) -> None:
        """Run the command; its temporary files are made in ``folder`` too."""
        requirement = f"{part.package}=={part.version}"
        # Wheels are large: the system's temporary folder may be a small memory disk.
        env = {**without_provider_keys(os.environ), "TMPDIR": str(folder)}
        try:
            done = await anyio.run_process(
                self.command(requirement, folder), check=False, env=env, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise SourceError(f"{self.label} does not start: {error.strerror or error}") from error
        if done.returncode != 0:
            raise SourceError(f"{self.label}: {requirement}: {_last_words(done.stdout)}")


def _last_words(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "caused by", "×"))]
    return (errors or lines or ["failed without a word"])[-1][:300]


def _pip(start: Sequence[str]) -> Callable[[str, Path], Sequence[str]]:
    return lambda requirement, folder: [*start, *_PIP_FLAGS, "--dest", str(folder), requirement]


def _uv(start: Sequence[str]) -> Callable[[str, Path], Sequence[str]]:
    return lambda requirement, folder: [
        *start, *_UV_FLAGS, "--python", sys.executable, "--target", str(folder / "unpacked"), requirement,
    ]  # fmt: skip


def find_clients() -> tuple[CommandClient, ...]:
    """The clients of this machine, the nearest to this interpreter first; may be empty."""
    found: list[CommandClient] = []
    if importlib.util.find_spec("pip") is not None:
        found.append(CommandClient("pip of this environment", _pip([sys.executable, "-P", "-m", "pip"])))
    if importlib.util.find_spec("uv") is not None:
        found.append(CommandClient("uv of this environment", _uv([sys.executable, "-P", "-m", "uv"])))
    if (uv := shutil.which("uv")) is not None:
        found.append(CommandClient(uv, _uv([uv])))
    for name in ("pip3", "pip"):
        if (pip := shutil.which(name)) is not None:
            found.append(CommandClient(pip, _pip([pip])))
            break
    return tuple(found)


@contextmanager
def open_member(folder: Path, part: PackagePart) -> Iterator[IO[bytes]]:
    """The data of ``part`` in what a client left in ``folder``, wheel or unpacked.

    Raises:
        SourceError: It is not there.
    """
    unpacked = folder / "unpacked" / part.member
    wheels = list(folder.glob("*.whl"))
    if unpacked.is_file() and not unpacked.is_symlink():
        with unpacked.open("rb") as stream:
            yield stream
        return
    if len(wheels) != 1:
        raise SourceError(f"{part.package} {part.version}: got {len(wheels)} wheels where one was asked for")
    try:
        with zipfile.ZipFile(wheels[0]) as archive, archive.open(part.member) as stream:
            yield stream
    except KeyError as error:
        raise SourceError(f"{wheels[0].name} holds no {part.member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SourceError(f"{wheels[0].name} is damaged: {error}") from error
