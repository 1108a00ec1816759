"""One real prompt through a harness: its own tool writes a file, a scripted model sits behind the gateway.

The model is a server on the loopback, so a check costs nothing and needs no key. Everything else is what a
run is made of: the same cell, the same gateway, the same grading.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.evidence.record import RunRecord
    from skvm.harness.trajectory import Trajectory
    from skvm.settings import Settings

__all__ = ["Checked", "check_harness", "checked_json", "present"]

FILE, CONTENT = "hello.txt", "hello from skvm"
PROMPT = f"Write a file named {FILE} in the current directory. Its whole content must be: {CONTENT}"
_MODEL = "scripted/model"
_KEY = "not-a-key"  # a client refuses to start without one; the server asks for none


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check.

    Args:
        name: The harness.
        ok: Whether the file was written, and the model calls were seen.
        detail: What happened, one line.
        help: The way out, if it went wrong.
        version: Of the program; ``None`` for a built-in harness.
        tested: Whether that version is tested with us.
        duration_s: Wall time of the agent, 0 if it did not start.
        calls: Model calls.
    """

    name: str
    ok: bool
    detail: str
    help: str | None = None
    version: str | None = None
    tested: bool | None = None
    duration_s: float = 0.0
    calls: int = 0


async def check_harness(name: str, settings: Settings, *, sandbox: str = "auto") -> Checked:
    """Run the prompt in one harness.

    Args:
        name: A registered harness, or a program that makes one over ACP.
        settings: Where things lie; what the check records goes to a folder that is removed.
        sandbox: What confines it.

    Raises:
        UsageError: No harness is called that.
    """
    from skvm.errors import SkvmError
    from skvm.harness.contract import HARNESSES
    from skvm.harness.programs.find import require_program

    programs = _programs()
    # A bridge is checked as what it is for.
    name = next((each for each, program in programs.items() if program == name), name)
    HARNESSES.get(name)
    version: str | None = None
    tested: bool | None = None
    try:
        if name in programs:
            found = require_program(programs[name], settings)
            version, tested = found.version, found.is_tested
        record, trajectory = await _run(name, settings, sandbox)
    except SkvmError as error:
        return Checked(name, False, error.message, error.help, version, tested)
    ok = record.score == 1.0 and record.usage.calls > 0
    return Checked(
        name,
        ok,
        _told(record, trajectory),
        None if ok else _way_out(name, programs.get(name), tested),
        version,
        tested,
        record.duration_ms / 1000,
        record.usage.calls,
    )


def present(settings: Settings) -> list[str]:
    """Built-in harnesses and every harness whose program is there; bridges as what they are for."""
    from skvm.harness.contract import HARNESSES
    from skvm.harness.programs.catalogue import find_entry
    from skvm.harness.programs.find import find_program

    programs = _programs()
    there = [name for name, program in programs.items() if find_program(find_entry(program), settings)]
    return sorted({*there, *(name for name in HARNESSES.names() if name not in programs)})


def _programs() -> dict[str, str]:
    """Harnesses that are programs of the catalogue, and which one each is.

    Over ACP only those whose program has no harness of its own: the others are checked by it.
    """
    from skvm.harness.acp.presets import PRESETS
    from skvm.harness.contract import HARNESSES
    from skvm.harness.programs.catalogue import PROGRAMS

    own = {entry.name: entry.name for entry in PROGRAMS if entry.name in HARNESSES.names()}
    return own | {f"acp:{each.name}": each.program for each in PRESETS if each.program not in own}


async def _run(name: str, settings: Settings, sandbox: str) -> tuple[RunRecord, Trajectory | None]:
    from skvm.evaluate.bench import RunSpec, load_trajectory, open_bench
    from skvm.evaluate.run import run_once
    from skvm.harness.programs.scripted import ScriptedModel
    from skvm.llm.fake import FakeServer
    from skvm.settings import Route
    from skvm.task.model import Criterion, Task

    options = {"path": FILE, "mode": "exact", "expected": CONTENT}
    task = Task(
        id="harness-check",
        prompt=PROMPT,
        eval=(Criterion(method="file-check", id="file", options=options),),
        max_steps=8,
    )
    with _room(settings) as room:
        work = room / "work"
        model = ScriptedModel(str(work / FILE), CONTENT)
        async with FakeServer(model) as server:
            route = Route(
                match="scripted/*", kind="openai-compatible", api_key=_KEY, base_url=server.base_url
            )
            own = replace(settings, logs_dir=room / "log", routes=(route, *settings.routes))
            spec = RunSpec(task, _MODEL, harness=name, work_dir=work, timeout_s=task.timeout_s)
            async with open_bench(own, sandbox=sandbox) as bench:
                record = await run_once(spec, bench)
                return record, load_trajectory(bench.blobs, record)


@contextmanager
def _room(settings: Settings) -> Iterator[Path]:
    """A folder for one check."""
    with tempfile.TemporaryDirectory(prefix="skvm-check-", dir=_existing(settings.tmp_dir)) as made:
        # The user of a landlock cell is another, who has to pass.
        Path(made).chmod(0o711)
        yield Path(made)


def _existing(folder: Path) -> Path | None:
    return folder if folder.is_dir() else None


def _told(record: RunRecord, trajectory: Trajectory | None) -> str:
    """One line: what it did, or why it did not."""
    tools = [call.name for turn in trajectory.turns for call in turn.tool_calls] if trajectory else []
    usage = record.usage
    tokens = usage.input_tokens + usage.cache_read_tokens + usage.output_tokens
    counted = f"{usage.calls} model calls, {tokens} tokens, {record.duration_ms / 1000:.1f} s"
    if record.score == 1.0:
        return f"wrote a file with {tools[0] if tools else 'a tool we did not see'} ({counted})"
    if record.detail:
        return f"{record.outcome.value}: {record.detail}"
    if not usage.calls:
        return "it ended without asking the model anything"
    called = f"called {', '.join(tools)}" if tools else "called no tool"
    return f"it asked the model and {called}, but the file is not there ({counted})"


def _way_out(name: str, program: str | None, tested: bool | None) -> str:
    from skvm.harness.acp.presets import PRESETS, find_preset

    if name.startswith("acp:") and find_preset(name.removeprefix("acp:")) is None:
        return f"a command of yours, or one of acp:{', acp:'.join(each.name for each in PRESETS)}"
    if program is None or tested is None:
        return "run it with `skvm run --adapter` on a task of yours to see more"
    if not tested:
        return f"this version is not one we tested: `skvm harness install {program}` gets one"
    return f"`skvm harness install {program} --force` puts it in place anew"


def checked_json(checked: Checked) -> dict[str, Any]:
    """One check with ``--json``."""
    return {
        "name": checked.name,
        "ok": checked.ok,
        "detail": checked.detail,
        "help": checked.help,
        "version": checked.version,
        "tested": checked.tested,
        "seconds": round(checked.duration_s, 3),
        "modelCalls": checked.calls,
    }
