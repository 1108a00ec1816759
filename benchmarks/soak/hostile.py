"""The harness of the hostile program: driven like any other, by the machinery of all programs."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.soak.hostile_program import MISDEEDS
from skvm.harness.contract import HARNESSES, Needs
from skvm.harness.gateway.contract import Wire
from skvm.harness.programs.contract import Launch, Left, Setting, Told, ToolTable
from skvm.harness.programs.driver import ProgramHarness
from skvm.harness.programs.events import as_text, read_events
from skvm.harness.sandbox import Limits
from skvm.settings import Settings

__all__ = ["MISDEEDS", "Hostile", "hostile_harnesses", "misdeed_of"]

PROGRAM = Path(__file__).with_name("hostile_program.py")
LIMITS = Limits(cpu_s=60, memory_bytes=512 << 20, processes=128, file_bytes=64 << 20)
NAME = "hostile"


@dataclass(frozen=True)
class Hostile(ProgramHarness):
    """Drives ``hostile_program.py``.

    Args:
        executable: Where a copy of it lies, with nothing beside it.
        marker: Digits on the command line of everything it leaves behind.
        misdeed: Which; empty takes the one the prompt names.
        asks: Whether it asks the model before.
        megabytes: How much it prints or writes where it does so without measure.
    """

    executable: Path
    marker: str
    misdeed: str = ""
    asks: bool = True
    megabytes: int = 8

    @property
    def name(self) -> str:
        return NAME

    @property
    def wire(self) -> Wire:
        return "chat"

    @property
    def tools(self) -> ToolTable:
        return ToolTable({}, {})

    @asynccontextmanager
    async def ready(self, settings: Settings) -> AsyncIterator[Needs]:
        yield Needs(self.executable, read_only=(self.executable.parent,), limits=LIMITS)

    def launch(self, setting: Setting) -> Launch:
        config = {
            "baseUrl": setting.door.chat_url,
            "token": setting.door.token,
            "misdeed": self.misdeed or misdeed_of(setting.prompt),
            "marker": self.marker,
            "asks": self.asks,
            "megabytes": self.megabytes,
        }
        return Launch(
            argv=[str(setting.program)],
            stdin=setting.prompt.encode(),
            env={},
            home_files={".hostile.json": json.dumps(config).encode()},
        )

    def read(self, left: Left) -> Told:
        text = None
        for event in read_events(left.stdout):
            if event.get("event") == "end":
                text = as_text(event.get("text"))
        return Told(text, None, None, None)


def misdeed_of(prompt: str) -> str:
    """The misdeed that a prompt names."""
    return next((name for name in MISDEEDS if name in prompt), "quits")


@contextmanager
def hostile_harnesses(marker: str, **options: object) -> Iterator[str]:
    """Register the harness for the length of a ``with`` block; gives its name."""
    # The user of a cell may be another one, who can pass these folders.
    folder = Path(tempfile.mkdtemp(prefix="skvm-hostile-"))
    folder.chmod(0o755)
    try:
        executable = Path(shutil.copy(PROGRAM, folder / "hostile"))
        executable.chmod(0o755)
        made = Hostile(executable, marker, **options)  # type: ignore[arg-type]
        with HARNESSES.temporarily(NAME, lambda: made):
            yield NAME
    finally:
        shutil.rmtree(folder)
