"""The adapter of the fake program: how the adapters of real ones are made."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from skvm.evidence.record import Usage
from skvm.harness.contract import Needs, SkillMode
from skvm.harness.delivery import injected_section, safe_name
from skvm.harness.programs.contract import Launch, Left, Setting, Told, ToolTable, Wire
from skvm.harness.programs.driver import PROGRAM_LIMITS, ProgramHarness
from skvm.harness.programs.events import as_count, as_text, read_events
from skvm.harness.trajectory import ToolKind
from skvm.settings import Settings

CLI = Path(__file__).with_name("fake_cli.py")


@dataclass(frozen=True)
class FakeProgram(ProgramHarness):
    """Drives ``fake_cli.py``.

    Args:
        executable: Where a copy of it lies.
        behaviour: What it is to do beside its work.
        work_files: Laid into the work directory.
        has_then: Whether a second command is run.
    """

    executable: Path = CLI
    behaviour: str = ""
    work_files: tuple[tuple[str, bytes], ...] = ()
    has_then: bool = False

    @property
    def name(self) -> str:
        return "fake-program"

    @property
    def wire(self) -> Wire:
        return "chat"

    @property
    def tools(self) -> ToolTable:
        kinds = {"put_file": ToolKind.WRITE, "show_file": ToolKind.READ}
        return ToolTable(kinds, {name: {"filePath": "path"} for name in kinds})

    @property
    def native_files(self) -> Sequence[PurePosixPath]:
        return (PurePosixPath(".fake/agents.json"), PurePosixPath(".fake/notes"))

    @asynccontextmanager
    async def ready(self, settings: Settings) -> AsyncIterator[Needs]:
        yield Needs(self.executable, read_only=(self.executable.parent,), limits=PROGRAM_LIMITS)

    def launch(self, setting: Setting) -> Launch:
        config = {
            "baseUrl": setting.door.chat_url,
            "token": setting.door.token,
            "behaviour": self.behaviour,
        }
        files: dict[str, bytes] = {}
        skill = setting.skill
        if skill is not None and skill.mode is SkillMode.INJECT:
            config["instructions"] = injected_section(skill)
        elif skill is not None:
            folder = f".fake/skills/{safe_name(skill.name)}"
            files[f"{folder}/SKILL.md"] = f"{skill.description}\n\n{skill.content}".encode()
            files |= {f"{folder}/{path}": data for path, data in setting.bundle.items()}
        files[".fake/config.json"] = json.dumps(config).encode()
        return Launch(
            argv=[str(setting.program)],
            stdin=setting.prompt.encode(),
            env={"FAKE_COLOUR": "0"},
            home_files=files,
            work_files=dict(self.work_files),
            then=[str(setting.program), "sessions"] if self.has_then else None,
        )

    def read(self, left: Left) -> Told:
        text, tokens, error = None, None, None
        for event in read_events(left.stdout):
            if event.get("event") == "end":
                text, tokens = as_text(event.get("text")), as_count(event.get("tokens"))
            elif event.get("event") == "error":
                error = as_text(event.get("text"))
        if left.then is not None:
            text = left.then.read_text(errors="replace")
        if "links" in self.behaviour:
            text = " ".join(sorted(path.name for path in left.home.iterdir()))
        usage = None if tokens is None else Usage(output_tokens=tokens, calls=1)
        return Told(text, usage, error, "ask it again" if error else None)
