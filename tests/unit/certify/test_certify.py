from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from skvm.bench.plan import Target
from skvm.cli.main import run
from tests.unit.bench.report.factories import TARGET
from tests.unit.certify.place import EPOCH, MODEL, Place

OTHER = Target(model="fake/large", harness="shell-agent")


def test_what_was_measured_is_certified_and_verified(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.bench()
    assert place.certify() == 0
    said = capsys.readouterr()
    assert "score 0.90" in said.out
    assert "+0.50" in said.out
    assert "made a key to sign with" in said.err
    statement = place.value()["statement"]
    assert statement["issuedAt"] == "2026-05-28T20:26:40Z"
    assert (statement["skill"]["version"], statement["skill"]["license"]) == ("1.2", "MIT")
    assert [each["path"] for each in statement["skill"]["files"]] == ["SKILL.md", "scripts/fetch.sh"]
    assert [each["isExecutable"] for each in statement["skill"]["files"]] == [False, True]
    assert statement["permissions"]["hosts"] == ["api.example.com"]
    assert {each["name"] for each in statement["dependencies"]["needed"]} == {"curl", "jq"}
    (evidence,) = statement["targets"][0]["evidence"]
    none, original = evidence["conditions"]
    assert (none["isSubject"], original["isSubject"], original["score"]) == (False, True, 0.9)
    (compared,) = evidence["comparisons"]
    assert (compared["treatment"], compared["control"], compared["difference"]) == (
        "original",
        "no-skill",
        0.5,
    )
    assert compared["interval"]["low"] <= 0.5 <= compared["interval"]["high"]
    assert len(evidence["runs"]) == 24
    assert place.verify() == 0
    assert "ok  2 files" in capsys.readouterr().out
    assert place.verify("--journal") == 0
    assert "ok  its figures are those of 24 runs" in capsys.readouterr().out


def test_without_evidence_it_says_not_measured_and_how_to(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.certify() == 0
    assert "not measured" in capsys.readouterr().out
    statement = place.value()["statement"]
    assert statement["targets"][0]["evidence"] == []
    told = [line for line in statement["limits"] if "not measured" in line]
    assert f"skvm bench --model={MODEL} --adapter=bare-agent --skill=writer" in told[0]
    assert place.verify() == 0
    assert place.verify("--journal") == 0
    assert "it reports no runs" in capsys.readouterr().out


def test_the_same_bytes_in_every_process(place: Place) -> None:
    place.bench(conditions=("no-skill", "original", "aot-compiled"), targets=(TARGET, OTHER))
    targets = f"--target={MODEL},fake/large@shell-agent"
    assert run(["certify", str(place.skill), targets]) == 0
    first = place.file.read_bytes()
    for seed in ("77",):
        code = (
            "import skvm.target.store, pathlib\n"
            f"skvm.target.store.PREBUILT_DIR = pathlib.Path({str(place.root / 'prebuilt')!r})\n"
            "from skvm.cli.main import main\n"
            f"main(['certify', {str(place.skill)!r}, {targets!r}])"
        )
        env = {**os.environ, "PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": EPOCH}
        subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, cwd="/")
        assert place.file.read_text().splitlines() == first.decode().splitlines()
    # What the guide says about checking it without us.
    value = json.loads(first)
    assert json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n" == first
