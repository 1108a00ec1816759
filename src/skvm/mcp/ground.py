"""What the person who started the server allows: folders, money, a sandbox."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skvm.errors import UsageError
from skvm.harness.acp.presets import find_preset
from skvm.settings import Settings

__all__ = ["Ground"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]*(/[A-Za-z0-9._@:+-]+)*")
_HARNESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_MAX_CHARS = 4096


@dataclass(frozen=True, slots=True)
class Ground:
    """What clients may reach. Clients choose within it and cannot widen it.

    Args:
        settings: Where things lie.
        roots: Folders below which paths of clients must lie, resolved; relative ones begin at the first.
        flags: Global flags every command is given.
        sandbox: What confines agents and commands.
        max_usd: Ceiling of each call that may cost something; ``None`` leaves it to the client.
    """

    settings: Settings
    roots: tuple[Path, ...]
    flags: tuple[str, ...] = ()
    sandbox: str = "auto"
    max_usd: float | None = None

    def path(self, said: str, what: str, *, must_exist: bool = True) -> str:
        """The place a client means, links followed.

        Args:
            said: Absolute, or relative to the first root.
            what: What it is called in messages.
            must_exist: Whether something has to be there.

        Raises:
            UsageError: It is not below a root, or not there.
        """
        if not said or "\0" in said or len(said) > _MAX_CHARS:
            raise UsageError(f"{what}: no path")
        if "," in said:
            raise UsageError(f"{what}: a path with a comma cannot be given here")
        try:
            place = self.roots[0].joinpath(said).resolve()
            is_there = place.exists()
        except (OSError, RuntimeError, ValueError) as error:
            raise UsageError(f"{what}: {said!r} cannot be looked up") from error
        if not any(place.is_relative_to(root) for root in (*self.roots, *self._stores())):
            allowed = ", ".join(str(root) for root in self.roots)
            raise UsageError(
                f"{what}: {said!r} is outside of what this server may touch",
                help=f"it may touch {allowed}; whoever starts it allows more with `skvm mcp --root DIR`",
            )
        if must_exist and not is_there:
            raise UsageError(f"{what}: there is no {said!r}", help=f"relative paths begin at {self.roots[0]}")
        return str(place)

    def workdir(self, said: str, *, must_exist: bool = True) -> str:
        """A folder an agent or a plan may change: below a root, and neither in our cache nor around it.

        Raises:
            UsageError: It is none.
        """
        place = Path(self.path(said, "workdir", must_exist=must_exist))
        cache = self.settings.cache_dir.resolve()
        is_kept = any(place.is_relative_to(folder) for folder in (cache, *self._stores()))
        if is_kept or cache.is_relative_to(place):
            raise UsageError(
                f"workdir: {said!r} holds what skvm keeps, or lies in it",
                help=f"name another folder below {self.roots[0]}: what works there may change all of it",
            )
        return str(place)

    def task(self, said: str) -> str:
        """A task folder, or the id of a task of the dataset, which needs no root.

        Raises:
            UsageError: It is neither.
        """
        if "/" not in said and _ID.fullmatch(said) and not self.roots[0].joinpath(said).exists():
            return said
        return self.path(said, "task")

    def dollars(self, asked: float | None) -> tuple[str, ...]:
        """The flag of a ceiling: the lower one of what the client asks for and what is allowed."""
        ceilings = [each for each in (asked, self.max_usd) if each is not None]
        return (f"--max-usd={min(ceilings):g}",) if ceilings else ()

    @property
    def cwd(self) -> Path:
        """Where commands run: in no root, for what a client writes there must not say where keys are sent."""
        return self.settings.cache_dir.absolute()

    @property
    def env(self) -> dict[str, str]:
        """The folders as they were resolved here: a command may not look for them again."""
        settings = self.settings
        places = {
            "SKVM_CACHE": settings.cache_dir,
            "SKVM_LOGS_DIR": settings.logs_dir,
            "SKVM_PROPOSALS_DIR": settings.proposals_dir,
            "SKVM_PROFILES_DIR": settings.profiles_dir,
            "SKVM_DATA_DIR": settings.data_dir,
            "SKVM_TMP_DIR": settings.tmp_dir,
        }
        return {name: str(place.absolute()) for name, place in places.items()}

    def _stores(self) -> tuple[Path, ...]:
        """Our own folders of variants and of tasks: what commands answer with may be said back to them."""
        settings = self.settings
        return tuple(place.resolve() for place in (settings.proposals_dir / "aot-compile", settings.data_dir))


def plain_id(said: str, what: str) -> str:
    """An id that is only that: no list, no flag, no path upward.

    Raises:
        UsageError: It is none.
    """
    if not _ID.fullmatch(said) or ".." in said.split("/") or len(said) > _MAX_CHARS:
        raise UsageError(f"{what}: {said!r} is no id")
    return said


def plain_ids(said: Sequence[str], what: str) -> str:
    """Several ids, as commands take them."""
    return ",".join(plain_id(each, what) for each in said)


def harness_name(said: str) -> str:
    """The name of a harness; commands that would be started as one are refused.

    Raises:
        UsageError: It is none.
    """
    family, colon, agent = said.partition(":")
    if not _HARNESS.fullmatch(said) or (colon and (family != "acp" or find_preset(agent) is None)):
        raise UsageError(f"harness: {said!r} is no name", help="`skvm harness list` names them")
    return said


__all__ += ["harness_name", "plain_id", "plain_ids"]
