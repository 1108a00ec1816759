"""What the tests of adapters are made of: the setting of a run, and what a program left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skvm.harness.contract import SkillDelivery, SkillMode
from skvm.harness.gateway.contract import Door
from skvm.harness.programs.contract import Left, Setting

TOKEN = "the-token-of-this-run"
BODY = "# Greeting\n\nWrite every greeting in small letters.\nEnd it without a full stop."


def a_skill(mode: SkillMode, name: str = "greet") -> SkillDelivery:
    """A skill on its way."""
    return SkillDelivery(name, "How to greet.", BODY, mode)


def a_setting(**fields: Any) -> Setting:
    """The setting of a run, any field of it another."""
    known: dict[str, Any] = {
        "prompt": "Make hello.txt.",
        "model": "fake/some-model",
        "door": Door("http://127.0.0.1:8018", TOKEN, "fake/some-model"),
        "home": Path("/run/home"),
        "work_dir": Path("/run/work"),
        "program": Path("/opt/program"),
        "max_steps": 7,
        "timeout_s": 90.0,
        "user_home": Path("/user"),
    }
    return Setting(**{**known, **fields})


def what_was_left(
    folder: Path, stdout: str | bytes = "", *, stderr: str = "", exit_code: int | None = 0
) -> Left:
    """What a program left that printed this."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    (folder / "stdout").write_bytes(stdout if isinstance(stdout, bytes) else stdout.encode())
    (folder / "stderr").write_text(stderr)
    return Left(folder / "stdout", folder / "stderr", exit_code, home)
