"""Built-in harnesses whose model does as the skill says: ``skvm plan run`` really runs, in a real cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import skvm
from skvm.evidence.record import Outcome
from skvm.harness.contract import SkillMode
from skvm.harness.permissions import Grant, Permission, PermissionMode, Permissions
from skvm.runtime.plan.outfit.hook import with_plan_command
from skvm.settings import load_settings
from skvm.task.model import Task
from tests.confinement import ALL, CONFINING, working
from tests.harness.staging import KEY, Stage, open_stage
from tests.plan_skills import (
    FIXTURES,
    RUN,
    RUN_ON,
    after,
    check_files,
    check_first,
    check_last,
    plan_of,
    plan_skill,
    step,
)
from tests.unit.runtime.plan.asking import SHELL, TOOLS, Speaks, observed

pytestmark = pytest.mark.anyio

TASK = Task(id="t", prompt="Count the words of a.txt and b.txt.", timeout_ms=120_000, fixtures=FIXTURES)
HARNESSES = pytest.mark.parametrize("speaks", [TOOLS, SHELL], ids=lambda each: each.harness)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    for stage in open_stage(load_settings(cache_dir=str(tmp_path / "cache"), env={})):
        # Other users cannot pass the parents of pytest's own folders.
        stage.settings = replace(stage.settings, cache_dir=stage.outer / "cache")
        yield stage


@HARNESSES
@pytest.mark.parametrize("name", ALL)
async def test_the_command_is_there(name: str, speaks: Speaks, stage: Stage, tmp_path: Path) -> None:
    working(name)
    done = await stage.run(
        speaks.harness,
        speaks.steps("skvm --version"),
        task=TASK,
        skill=plan_skill(tmp_path),
        sandbox=name,
        dress=with_plan_command,
    )
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert f"skvm, version {skvm.__version__}" in observed(done)[0]
    assert done.record.notes == ()
    assert set(done.files) == {*FIXTURES, "plan.json"}


@HARNESSES
@pytest.mark.parametrize("name", ALL)
async def test_commands_run_at_once_and_what_is_left_is_told_done_and_gone_on_from(
    name: str, speaks: Speaks, stage: Stage, tmp_path: Path
) -> None:
    working(name)
    steps = speaks.steps(RUN, "printf 'a has more' > summary.txt", RUN_ON)
    done = await stage.run(
        speaks.harness,
        steps,
        task=TASK,
        skill=plan_skill(tmp_path),
        sandbox=name,
        dress=with_plan_command,
    )
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    first, _, last = observed(done)
    check_first(first)
    check_last(last)
    check_files(done.files)
    assert stage.left == []


def a_grant(mode: PermissionMode, *commands: str) -> Grant:
    permissions = Permissions(
        skill="count",
        write=(Permission(name="*.txt"),),
        commands=tuple(Permission(name=each) for each in commands),
    )
    return Grant(permissions, mode)


@pytest.mark.parametrize("name", CONFINING)
async def test_permissions_let_the_command_be_and_hold_what_the_plan_runs(
    name: str, stage: Stage, tmp_path: Path
) -> None:
    working(name)
    plan = plan_of(
        step("1.1", "wc -w < a.txt > a.count", reads=("a.txt",), writes=("a.count",)),
        step("1.2", "tac b.txt > b.turned", reads=("b.txt",), writes=("b.turned",)),
        step("1.3", "nl b.txt > b.numbered", reads=("b.txt",), writes=("b.numbered",)),
    )
    done = await stage.run(
        TOOLS.harness,
        TOOLS.steps(RUN, "tac b.txt"),
        task=TASK,
        skill=plan_skill(tmp_path, plan),
        sandbox=name,
        dress=with_plan_command,
        permissions=a_grant("enforce", "nl"),
    )
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    said, refused = observed(done)
    assert re.search(r"\bdone\s+1\.1\b", said), said
    assert re.search(r"\bfailed\s+1\.2\b", said), said
    assert re.search(r"\bdone\s+1\.3\b", said), said
    assert "not found" in said
    assert "not permitted" in refused
    assert done.files["a.count"].strip() == "3"
    assert done.files.get("b.turned", "") == ""
    assert "four" in done.files["b.numbered"]
    # The command itself is nobody's to permit.
    assert done.record.notes == ("permissions: program tac refused",)


async def test_permissions_that_are_only_reported_do_not_name_the_command(
    stage: Stage, tmp_path: Path
) -> None:
    done = await stage.run(
        TOOLS.harness,
        TOOLS.steps(RUN),
        task=TASK,
        skill=plan_skill(tmp_path),
        dress=with_plan_command,
        permissions=a_grant("report"),
    )
    assert re.search(r"\bdone\s+1\.2\b", observed(done)[0])
    assert done.record.notes == ()


@pytest.mark.parametrize("name", CONFINING)
async def test_no_key_and_no_place_of_ours_is_seen(name: str, stage: Stage, tmp_path: Path) -> None:
    working(name)
    (stage.settings.cache_dir / "log").mkdir(parents=True)
    for folder in (stage.settings.cache_dir, stage.settings.cache_dir / "log"):
        folder.chmod(0o755)
        (folder / "kept.txt").write_text("kept-by-us")
        (folder / "kept.txt").chmod(0o644)
    look = (
        f"env; cat {stage.settings.cache_dir}/kept.txt {stage.settings.cache_dir}/log/kept.txt; "
        "ls ~/.skvm/log; cat $(command -v skvm)"
    )
    done = await stage.run(
        TOOLS.harness,
        TOOLS.steps(RUN, look),
        task=TASK,
        skill=plan_skill(tmp_path),
        sandbox=name,
        dress=with_plan_command,
    )
    said = "\n".join(observed(done))
    assert KEY not in said
    assert "kept-by-us" not in said
    assert "journal.sqlite" in said
    # Nor in the host's journal: a run in a cell keeps its own.
    assert not (stage.settings.cache_dir / "plans").exists()


async def test_a_skill_that_does_not_say_so_finds_no_command(stage: Stage, tmp_path: Path) -> None:
    done = await stage.run(
        TOOLS.harness,
        TOOLS.steps("ls; cat $(command -v skvm) /dev/null | grep -c SKVM_IN_CELL"),
        task=TASK,
        skill=plan_skill(tmp_path, text="Count the words."),
        dress=with_plan_command,
    )
    assert observed(done)[0].split() == ["[exit", "code", "1]", "a.txt", "b.txt", "0"]


@pytest.mark.parametrize("name", CONFINING)
async def test_a_run_that_is_killed_goes_on_where_it_was(name: str, stage: Stage, tmp_path: Path) -> None:
    working(name)
    # The first time it hangs; whatever of it lived on would write what nobody expects.
    hangs = "[ -e tried ] || { touch tried; sleep 300; echo late > late.txt; }; echo ok > two.txt"
    plan = plan_of(
        step("1.1", "echo x >> one.txt", writes=("one.txt",), idempotent=False),
        step("1.2", hangs, writes=("two.txt",), depends_on=after("1.1")),
    )
    count = "grep -la '[s]leep.300' /proc/[0-9]*/cmdline 2>/dev/null | wc -l"
    done = await stage.run(
        TOOLS.harness,
        TOOLS.steps(f"{RUN} & p=$!; until [ -e tried ]; do sleep 0.1; done; kill -9 $p; wait $p", count, RUN),
        task=TASK,
        skill=plan_skill(tmp_path, plan),
        sandbox=name,
        dress=with_plan_command,
    )
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    last = observed(done)[-1]
    assert re.search(r"\bdone before\s+1\.1\b", last), last
    assert re.search(r"\bdone\s+1\.2\b", last), last
    assert (done.files["one.txt"], done.files["two.txt"]) == ("x\n", "ok\n")
    assert "late.txt" not in done.files
    if name == "bubblewrap":  # the other one shows no processes
        assert observed(done)[1].split()[-1] == "0"


@pytest.mark.parametrize("name", CONFINING)
async def test_where_the_home_is_closed_it_keeps_its_things_beside(
    name: str, stage: Stage, tmp_path: Path
) -> None:
    working(name)
    done = await stage.run(
        TOOLS.harness,
        TOOLS.steps(f"HOME=/usr {RUN}; HOME= {RUN}"),
        task=TASK,
        skill=plan_skill(tmp_path),
        sandbox=name,
        dress=with_plan_command,
    )
    first, second = observed(done)[0].split("next:")[:2]
    assert re.search(r"\bdone\s+1\.2\b", first), first
    assert re.search(r"\bdone before\s+1\.2\b", second), second


async def test_two_at_once_do_not_meet(stage: Stage, tmp_path: Path) -> None:
    plan = plan_of(step("1.1", "echo x >> one.txt; sleep 2", writes=("one.txt",), idempotent=False))
    line = f"{RUN} > first.log 2>&1 & until [ -e one.txt ]; do sleep 0.1; done; {RUN}; wait; cat first.log"
    done = await stage.run(
        TOOLS.harness,
        TOOLS.steps(line),
        task=TASK,
        skill=plan_skill(tmp_path, plan),
        dress=with_plan_command,
    )
    assert "is being run here now" in observed(done)[0]
    assert "1 done" in observed(done)[0]
    assert done.files["one.txt"] == "x\n"


async def test_a_plan_the_agent_spoilt_is_told_in_a_line(stage: Stage, tmp_path: Path) -> None:
    done = await stage.run(
        TOOLS.harness,
        TOOLS.steps(f"echo '{{' > plan.json; {RUN}", f"rm plan.json; {RUN}"),
        task=TASK,
        skill=plan_skill(tmp_path),
        dress=with_plan_command,
    )
    spoilt, gone = observed(done)
    assert "plan.json:" in spoilt
    assert "no JSON" in spoilt
    assert "cannot be read" in gone
    assert "Traceback" not in spoilt + gone


@HARNESSES
async def test_a_skill_that_is_to_be_found_has_it_too(speaks: Speaks, stage: Stage, tmp_path: Path) -> None:
    done = await stage.run(
        speaks.harness,
        speaks.steps(RUN),
        task=TASK,
        skill=plan_skill(tmp_path),
        skill_mode=SkillMode.DISCOVER,
        dress=with_plan_command,
    )
    check_first(observed(done)[0])
