"""What the adapter of a program owes the driver, over every registered one and the fake of the tests.

An adapter is tried without its program: it makes launches, and reads what real runs left. Those lie in
``left/<adapter>/<case>/``: ``stdout``, ``stderr``, ``then`` and ``home/`` as far as there were any, and
``told.json`` with what is to be read there: ``exitCode`` and the members of a ``Told``. An adapter has at
least one that ended well. ``python -m tests.contracts.keep_left NAME CASE`` makes one with the real program.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from tests.unit.harness.programs.fake_adapter import FakeProgram

from skvm.harness.acp.presets import PRESETS
from skvm.harness.contract import (
    HARNESSES,
    Facility,
    Harness,
    ProgramInCell,
    SkillDelivery,
    SkillMode,
    path_name,
)
from skvm.harness.gateway.contract import Door
from skvm.harness.programs.catalogue import PROGRAMS
from skvm.harness.programs.contract import Launch, Left, Setting, Told
from skvm.harness.programs.driver import ProgramHarness
from skvm.harness.trajectory import ToolKind

LEFT = Path(__file__).parent / "left"
FAKE = "fake-program"
UNRECORDED: frozenset[str] = frozenset()
"""Adapters of which no run is kept yet; what is added here is owed."""
PROMPT = 'Write "it\'s" to a file.\n--not-a-flag $HOME `id` päivää 你好\n'
SKILL = SkillDelivery(
    "tidy up", "How to: tidy # well", "# Tidy\n\nPut everything away, and 'then' sweep the floor."
)
BUNDLE = {"references/brooms.md": b"long, short"}
TOKEN = "tok-5f3c9a7e1b2d"


def programs() -> list[str]:
    names = [name for name in HARNESSES.names() if isinstance(HARNESSES.get(name)(), ProgramInCell)]
    return [*names, *(f"acp:{preset.name}" for preset in PRESETS), FAKE]


def cases() -> Iterator[tuple[str, str]]:
    for name in programs():
        yield from ((name, case.parent.name) for case in sorted((LEFT / path_name(name)).glob("*/told.json")))


def adapter_of(name: str) -> ProgramHarness:
    made: Harness = FakeProgram() if name == FAKE else HARNESSES.get(name)()
    assert isinstance(made, ProgramHarness)
    return made


@pytest.fixture(params=programs())
def adapter(request: pytest.FixtureRequest) -> ProgramHarness:
    return adapter_of(request.param)


def setting(tmp_path: Path, **fields: Any) -> Setting:
    return Setting(
        **{
            "prompt": PROMPT,
            "model": "local/some-model",
            "door": Door("http://127.0.0.1:8018", TOKEN, "local/some-model"),
            "home": tmp_path / "home",
            "work_dir": tmp_path / "work",
            "program": Path("/opt/some/program"),
            "max_steps": 9,
            "timeout_s": 60.0,
            "user_home": tmp_path / "user",
            # What a program needs beside itself, whichever those are.
            "needed": {entry.name: Path(f"/opt/some/{entry.name}") for entry in PROGRAMS},
            **fields,
        }
    )


def everything(launch: Launch) -> str:
    """All a program is given, as text."""
    parts = [*launch.argv, launch.stdin.decode(), *launch.env.values()]
    parts += [data.decode() for data in (*launch.home_files.values(), *launch.work_files.values())]
    # As it stands, and as it stands within JSON and TOML.
    text = "\n".join(parts)
    return text + text.replace("\\n", "\n").replace('\\"', '"')


def test_it_says_what_it_is(adapter: ProgramHarness) -> None:
    assert isinstance(adapter, ProgramInCell)
    assert dataclasses.is_dataclass(adapter)
    assert adapter.wire in {"chat", "responses", "messages"}
    assert adapter.facilities <= frozenset(Facility)
    assert Facility.FILES in adapter.facilities
    assert set(adapter.modes) <= {"managed", "native"}
    assert "managed" in adapter.modes
    assert ("native" in adapter.modes) == bool(adapter.native_files)


def test_its_name_is_its_registered_one_and_its_program_is_known(adapter: ProgramHarness) -> None:
    if adapter.name != FAKE:
        assert HARNESSES.get(adapter.name)() == adapter
        assert adapter.program in {entry.name for entry in PROGRAMS}


def test_its_tools_are_mapped(adapter: ProgramHarness) -> None:
    kinds = adapter.tools.kinds
    assert {ToolKind.WRITE, ToolKind.READ} <= set(kinds.values()) or ToolKind.RUN in kinds.values()
    assert set(adapter.tools.renamed) <= set(kinds)
    assert adapter.tools.kind_of("no such tool", {}) is ToolKind.OTHER


def test_native_files_lie_in_the_users_home(adapter: ProgramHarness) -> None:
    for path in adapter.native_files:
        assert not path.is_absolute()
        assert path.parts
        assert ".." not in path.parts


def test_a_launch_gives_the_program_all_it_needs(adapter: ProgramHarness, tmp_path: Path) -> None:
    launch = adapter.launch(setting(tmp_path))
    assert launch.argv
    assert all(isinstance(each, str) and "\0" not in each for each in launch.argv)
    given = everything(launch)
    assert PROMPT.strip() in given
    assert TOKEN in given
    assert "http://127.0.0.1:8018" in given
    for name in (*launch.home_files, *launch.work_files):
        assert not PurePosixPath(name).is_absolute()
        assert ".." not in PurePosixPath(name).parts


def test_the_token_is_in_no_argument_and_a_prompt_goes_one_way(
    adapter: ProgramHarness, tmp_path: Path
) -> None:
    launch = adapter.launch(setting(tmp_path))
    for argv in (launch.argv, launch.then or ()):
        assert not any(TOKEN in each for each in argv)
    if launch.stdin:
        assert not any(PROMPT.splitlines()[0] in each for each in launch.argv)


def test_a_long_prompt_does_not_fill_an_argument(adapter: ProgramHarness, tmp_path: Path) -> None:
    launch = adapter.launch(setting(tmp_path, prompt="word " * 60_000))
    # The kernel takes no longer one.
    assert max(len(each.encode()) for each in launch.argv) < 128 << 10


def test_the_same_setting_makes_the_same_launch(adapter: ProgramHarness, tmp_path: Path) -> None:
    for skill in (None, SKILL):
        made = setting(tmp_path, skill=skill, bundle=BUNDLE if skill else {})
        assert adapter.launch(made) == adapter.launch(made)


def test_nothing_is_asked_of_the_disk_or_of_our_environment(
    adapter: ProgramHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-planted0123456789abcdef")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted0123456789abcdef")
    launch = adapter.launch(setting(tmp_path))
    assert "planted0123456789" not in everything(launch)
    assert not (tmp_path / "home").exists()


def test_an_injected_skill_is_given_whole(adapter: ProgramHarness, tmp_path: Path) -> None:
    launch = adapter.launch(setting(tmp_path, skill=SKILL, bundle=BUNDLE))
    assert SKILL.content.splitlines()[-1] in everything(launch)
    assert SKILL.content.splitlines()[-1] not in everything(adapter.launch(setting(tmp_path)))


def test_a_skill_to_be_found_is_a_folder_with_its_bundle(adapter: ProgramHarness, tmp_path: Path) -> None:
    skill = dataclasses.replace(SKILL, mode=SkillMode.DISCOVER)
    launch = adapter.launch(setting(tmp_path, skill=skill, bundle=BUNDLE))
    files = {**launch.home_files, **launch.work_files}
    [place] = [PurePosixPath(name) for name in files if PurePosixPath(name).name == "SKILL.md"]
    assert place.parent.name == "tidy-up"
    text = files[str(place)].decode()
    assert SKILL.content.splitlines()[-1] in text
    assert "How to: tidy # well" in text
    assert files[str(place.parent / "references/brooms.md")] == b"long, short"
    # It is found, not told.
    assert SKILL.content.splitlines()[-1] not in launch.stdin.decode() + " ".join(launch.argv)


@pytest.mark.parametrize("mode", list(SkillMode))
def test_whether_a_skill_was_loaded_is_told_from_what_was_seen(
    adapter: ProgramHarness, tmp_path: Path, mode: SkillMode
) -> None:
    made = setting(tmp_path, skill=dataclasses.replace(SKILL, mode=mode))
    assert adapter.skill_loaded(made, f"system\n{SKILL.content}\nuser") is not False
    assert adapter.skill_loaded(made, "nothing of the kind") is not True
    assert adapter.skill_loaded(setting(tmp_path), SKILL.content) is None


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        b"\n\n{}\n[]\nnull\n3\n",
        b'{"type": "message_end", "message": {"content": [{"type": "te',
        b"\xff\xfe\x00 not text \x1b[31m{\n",
        b'{"type": null, "part": [], "item": 7, "result": {}, "usage": "much", "message": []}\n' * 3,
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ],
)
@pytest.mark.parametrize("exit_code", [0, 1, -9, None])
def test_reading_never_fails_whatever_was_printed(
    adapter: ProgramHarness, tmp_path: Path, printed: bytes, exit_code: int | None
) -> None:
    for name in ("stdout", "stderr", "then"):
        (tmp_path / name).write_bytes(printed)
    (tmp_path / "home").mkdir()
    left = Left(tmp_path / "stdout", tmp_path / "stderr", exit_code, tmp_path / "home", tmp_path / "then")
    assert isinstance(adapter.read(left), Told)
    assert isinstance(adapter.read(dataclasses.replace(left, then=None)), Told)


def test_every_adapter_reads_a_run_that_ended_well(
    adapter: ProgramHarness, request: pytest.FixtureRequest
) -> None:
    if adapter.name in UNRECORDED:
        request.applymarker(pytest.mark.xfail(strict=True, reason="no run of it is kept here yet"))
    kept = [LEFT / path_name(name) / case / "told.json" for name, case in cases() if name == adapter.name]
    told = [json.loads(path.read_text()) for path in kept]
    assert any(each["exitCode"] == 0 and not each.get("error") for each in told)


@pytest.mark.parametrize(("name", "case"), list(cases()))
def test_what_real_runs_left_is_read(name: str, case: str, tmp_path: Path) -> None:
    folder = tmp_path / "left"
    shutil.copytree(LEFT / path_name(name) / case, folder)
    (folder / "home").mkdir(exist_ok=True)
    for stream in ("stdout", "stderr"):
        (folder / stream).touch()
    wanted = json.loads((folder / "told.json").read_text())
    then = folder / "then"
    told = adapter_of(name).read(
        Left(
            folder / "stdout",
            folder / "stderr",
            wanted["exitCode"],
            folder / "home",
            then if then.exists() else None,
        )
    )
    usage = told.usage.model_dump(exclude_defaults=True) if told.usage else None
    assert {
        "exitCode": wanted["exitCode"],
        "finalText": told.final_text,
        "usage": usage,
        "error": told.error,
        "hint": told.hint,
        "isStepLimit": told.is_step_limit,
    } == {"finalText": None, "usage": None, "error": None, "hint": None, "isStepLimit": False, **wanted}
