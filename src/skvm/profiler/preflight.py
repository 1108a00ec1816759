"""What cannot be measured here, because something other than the target is missing; found out first."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from skvm.evaluate.run import Bench
from skvm.harness.contract import Facility
from skvm.harness.sandbox import Policy, Sandbox
from skvm.target.contract import LEVELS, Level, Primitive

__all__ = ["Preflight", "find_absent", "preflight"]

_TIMEOUT_S = 60.0
_COMMANDS = 'for c in "$@"; do command -v "$c" >/dev/null || echo "$c"; done'
_MODULES = (
    "import importlib.util, sys\n"
    "for name in sys.argv[1:]:\n"
    "    if importlib.util.find_spec(name.partition('.')[0]) is None: print(name)\n"
)


@dataclass(frozen=True, slots=True)
class Preflight:
    """What can be asked.

    Args:
        unmeasured: Why a primitive cannot be measured at all, by id.
        levels: The levels of every other primitive that can be asked, lowest first, by id.
        ceilings: Why not all of them, by id.
    """

    unmeasured: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, tuple[Level, ...]] = field(default_factory=dict)
    ceilings: Mapping[str, str] = field(default_factory=dict)


async def preflight(
    primitives: Sequence[Primitive], harness: str, facilities: frozenset[Facility], bench: Bench
) -> Preflight:
    """Look for what probes need: facilities of the harness, programs and modules in the sandbox.

    A primitive whose L1 cannot be asked is unmeasured; one whose higher levels cannot has a ceiling.

    Raises:
        InfrastructureError: No sandbox opens.
    """
    specs = [(primitive, level, primitive.levels[level]) for primitive in primitives for level in LEVELS]
    wanted = {name for primitive in primitives for name in primitive.commands}
    wanted |= {name for _, _, spec in specs for name in spec.commands}
    modules = {name for _, _, spec in specs for name in spec.modules}
    absent = await find_absent(
        bench.sandbox, bench.settings.tmp_dir, wanted | ({"python3"} if modules else set()), modules
    )
    unmeasured: dict[str, str] = {}
    levels: dict[str, tuple[Level, ...]] = {}
    ceilings: dict[str, str] = {}
    for primitive in primitives:
        lacking = sorted(need.value for need in primitive.needs - facilities)
        if lacking:
            unmeasured[primitive.id] = f"{harness} cannot do {', '.join(lacking)}"
            continue
        asked: list[Level] = []
        for level in LEVELS:
            spec = primitive.levels[level]
            missing = [n for n in (*primitive.commands, *spec.commands, *spec.modules) if n in absent]
            if missing:
                why = f"the sandbox has no {', '.join(missing)}"
                if asked:
                    ceilings[primitive.id] = f"{level} was not asked: {why}"
                else:
                    unmeasured[primitive.id] = why
                break
            asked.append(level)
        if asked:
            levels[primitive.id] = tuple(asked)
    return Preflight(unmeasured, levels, ceilings)


async def find_absent(
    sandbox: Sandbox, tmp_dir: Path, commands: Iterable[str], modules: Iterable[str]
) -> set[str]:
    """Which programs and modules are missing in the sandbox.

    Raises:
        InfrastructureError: It does not open.
    """
    commands, modules = sorted(commands), sorted(modules)
    if not commands and not modules:
        return set()
    await anyio.Path(tmp_dir).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="skvm-preflight-", dir=tmp_dir) as folder:
        async with sandbox.open(Policy(work_dir=Path(folder))) as cell:
            found = await cell.execute(["sh", "-c", _COMMANDS, "sh", *commands], timeout_s=_TIMEOUT_S)
            absent = set(found.stdout.split())
            if modules and "python3" not in absent:
                found = await cell.execute(["python3", "-c", _MODULES, *modules], timeout_s=_TIMEOUT_S)
                absent |= set(found.stdout.split())
    return absent | (set(modules) if "python3" in absent else set())
