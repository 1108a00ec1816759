"""The bun runner, with a stand-in for bun: what it is called with, what it finds, whom it believes."""

import os

import anyio
import pytest
from tests.confinement import make_ground

from skvm.evaluate.contract import Evidence
from skvm.evaluate.junit import bun_runner
from skvm.evaluate.junit.payload import TestFile, read_payload
from skvm.harness.confine import choose_sandbox
from skvm.harness.sandbox import Policy
from skvm.harness.trajectory import Trajectory
from skvm.task.model import Criterion, Task

PLAIN = b'import { test } from "bun:test"\ntest("works", () => {})\n'
REPORT = """
for argument in "$@"; do case $argument in --reporter-outfile=*) out=${argument#*=};; esac; done
echo '<testsuites><testcase classname="s" name="works"/>' > "$out"
echo '<testcase classname="s" name="fails"><failure/></testcase></testsuites>' >> "$out"
"""


@pytest.fixture
def ground():
    with make_ground() as made:
        yield made


@pytest.fixture
def run(ground):
    """Runs a suite on the ground's work directory, with a shell script in the place of bun."""

    def ran(script, source=PLAIN, name="x.test.ts", graders=None, **more):
        programs = ground.work.parent / "programs"
        programs.mkdir()
        if script is not None:
            (programs / "bun").write_text(f"#!/bin/sh\n{script}")
            (programs / "bun").chmod(0o755)
        parts = [{"id": each, "weight": 0.5, "testPattern": f"s > {each}"} for each in ("works", "fails")]
        options = {"payload": {"testFile": name, "criteria": parts, **more}}
        payload, _ = read_payload(Criterion(method="custom", options=options))

        async def main():
            # A bun this machine has is not the one that is tried here.
            policy = Policy(ground.work, env={"PATH": f"{programs}:/usr/bin:/bin"}, read_only=(programs,))
            async with choose_sandbox("auto").open(policy) as cell:
                trajectory = Trajectory(harness="h", model="m", prompt="p")
                evidence = Evidence(Task(id="t", prompt="p"), trajectory, ground.work, cell)
                return await bun_runner.run(payload, TestFile(name, source, graders), evidence)

        return anyio.run(main)

    return ran


def test_its_report_decides(run, ground):
    (ground.work / "_junit_results.xml").write_text('<testcase classname="s" name="fails"/>')
    result = run('echo "$@" > called\n' + REPORT)
    assert [each.score for each in result.checkpoints] == [1.0, 0.0]
    called = (ground.work / "called").read_text().split()
    assert called[:3] == ["test", "./x.test.ts", "--reporter=junit"]


@pytest.mark.parametrize(
    ("script", "source", "score"),
    [
        ("exit 0", PLAIN, 1.0),
        ("exit 1", PLAIN, 0.0),
        ("exit 0", PLAIN + b'import { f } from "./mine"\n', 0.0),
        ("exit 0", PLAIN + b"const m = require('../mine.js')\n", 0.0),
        ("exit 0", PLAIN + b"const m = await import(path)\n", 0.0),
        ("exit 127", PLAIN, 0.0),
        ("sleep 20", PLAIN, 0.0),
    ],
)
def test_without_a_report_the_exit_code_decides_unless_the_work_could_forge_it(run, script, source, score):
    result = run(script, source, timeoutMs=2000)
    assert (result.score, result.infra_error) == (score, None)


def test_a_bun_that_is_not_there_is_no_score(run):
    assert "needs bun" in run(None).infra_error


def test_the_test_file_is_ours_whatever_lies_at_its_place(run, ground, tmp_path):
    outside = ground.outside / "host.ts"
    outside.write_text("host")
    graders = tmp_path / "graders"
    (graders / "sub/lib").mkdir(parents=True)
    (graders / "sub/x.test.ts").write_bytes(PLAIN)
    (graders / "sub/lib/host.ts").write_text("helper")
    (ground.work / "sub").mkdir()
    (ground.work / "sub/x.test.ts").symlink_to(outside)
    (ground.work / "sub/lib").symlink_to(ground.outside)
    (ground.work / "bunfig.toml").mkdir()
    (ground.work / ".env").symlink_to(outside)
    run("cat sub/x.test.ts sub/lib/host.ts > seen; ls -A > listed", name="sub/x.test.ts", graders=graders)
    assert (ground.work / "seen").read_text() == PLAIN.decode() + "helper"
    assert (ground.work / "listed").read_text().split() == ["listed", "seen", "sub"]
    assert outside.read_text() == "host"
    assert sorted(os.listdir(ground.outside)) == ["host.ts", "secret"]  # noqa: PTH208
