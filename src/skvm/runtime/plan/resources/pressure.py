"""How hard-pressed this machine is, as its kernel tells it: stalls (PSI), memory of the cgroup and of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Machine", "Reading"]

_ENOUGH_BYTES = 16 << 30
"""A bound above this counts as this much: a twentieth of a terabyte is room enough."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of one moment; ``None`` for what is not.

    Args:
        memory_some: Percent of the last 10 seconds in which something waited for memory, 0 to 100.
        memory_full: Percent of them in which nothing else went on either.
        memory_used: Part of the memory that may be used which is, 0 to 1; of the tightest bound. Where it is
            more than 16 GiB: 1 less what is left, in parts of 16 GiB.
        cpu_some: Percent of the last 10 seconds in which something waited for a processor.
    """

    memory_some: float | None = None
    memory_full: float | None = None
    memory_used: float | None = None
    cpu_some: float | None = None


class Machine:
    """Reads the files of the kernel that this machine has.

    Args:
        proc: Where the process file system is.
        cgroups: Where the cgroup file systems are.
    """

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        folders = _folders(proc, cgroups)
        self._bounds = [each for folder in folders for each in (_bound_v2(folder), _bound_v1(folder)) if each]
        self._meminfo = proc / "meminfo" if _used_of_all(proc / "meminfo") is not None else None
        self._memory_stalls = _first(
            [*(folder / "memory.pressure" for folder in folders), proc / "pressure/memory"]
        )
        self._cpu_stalls = _first([*(folder / "cpu.pressure" for folder in folders), proc / "pressure/cpu"])
        self.notes = tuple(self._missing())
        """What is not known here, and what that means."""

    def _missing(self) -> Iterator[str]:
        if self._memory_stalls is None:
            yield "no pressure stall information on memory: places are not reduced for stalls"
        if self._cpu_stalls is None:
            yield "no pressure stall information on processors: places are not reduced for them"
        if not self._bounds and self._meminfo is None:
            yield "nothing says how much memory is left: places are not reduced for it"

    def read(self) -> Reading:
        """The present state; a file that went away counts as unknown."""
        memory = _stalls(self._memory_stalls)
        used = [used for bound in self._bounds if (used := bound()) is not None]
        if self._meminfo is not None and (whole := _used_of_all(self._meminfo)) is not None:
            used.append(whole)
        return Reading(
            memory_some=memory.get("some"),
            memory_full=memory.get("full"),
            memory_used=max(used, default=None),
            cpu_some=_stalls(self._cpu_stalls).get("some"),
        )


def _folders(proc: Path, cgroups: Path) -> list[Path]:
    """Folders of our cgroup and all above it, the nearest first; of either version."""
    found: dict[Path, None] = {}
    for line in _text(proc / "self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            roots = [cgroups, cgroups / "unified"]
        elif "memory" in controllers.split(","):
            roots = [cgroups / "memory", cgroups / controllers]
        else:
            continue
        for root in roots:
            inner = root / path.lstrip("/")
            for folder in (inner, *inner.parents):
                if folder.is_relative_to(root) and folder.is_dir():
                    found[folder] = None
    return list(found)


def _bound_v2(folder: Path) -> Callable[[], float | None] | None:
    limit, current, stat = folder / "memory.max", folder / "memory.current", folder / "memory.stat"
    return (lambda: _used(limit, current, stat)) if limit.is_file() else None


def _bound_v1(folder: Path) -> Callable[[], float | None] | None:
    limit, current = folder / "memory.limit_in_bytes", folder / "memory.usage_in_bytes"
    stat = folder / "memory.stat"
    return (lambda: _used(limit, current, stat)) if limit.is_file() else None


def _used(limit: Path, current: Path, stat: Path) -> float | None:
    """Part of a bound that is used; pages of files that can be dropped at once do not count."""
    most, now = _number(_text(limit)), _number(_text(current))
    # Version 1 has no word for "no bound" but a number no machine has.
    if most is None or now is None or not 0 < most < 1 << 60:
        return None
    fields = dict(line.split(" ", 1) for line in _text(stat).splitlines() if " " in line)
    droppable = _number(fields.get("total_inactive_file", fields.get("inactive_file", "0"))) or 0
    return _part(most - max(0, now - droppable), most)


def _used_of_all(meminfo: Path) -> float | None:
    """Part of the machine's memory that is in use."""
    fields = dict(line.split(":", 1) for line in _text(meminfo).splitlines() if ":" in line)
    sizes = [_number(fields.get(name, "").removesuffix("kB")) for name in ("MemAvailable", "MemTotal")]
    return _part(sizes[0] * 1024, sizes[1] * 1024) if sizes[0] is not None and sizes[1] else None


def _part(left: float, most: float) -> float:
    return min(1.0, max(0.0, 1 - left / min(most, _ENOUGH_BYTES)))


def _stalls(path: Path | None) -> dict[str, float]:
    """The averages over ten seconds, by kind."""
    found = {}
    for line in _text(path).splitlines() if path else ():
        kind, *fields = line.split()
        for field in fields:
            name, _, value = field.partition("=")
            if name == "avg10" and (number := _number(value)) is not None:
                found[kind] = number
    return found


def _first(paths: list[Path]) -> Path | None:
    return next((path for path in paths if _stalls(path)), None)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
