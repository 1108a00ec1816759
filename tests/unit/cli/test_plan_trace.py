"""``skvm plan trace``: what is shown of a run, as it was, and what is said when there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio
import pytest

from skvm.cli.main import run
from skvm.cli.plan_trace_page import trace_page
from skvm.cli.plan_words import ratio_words, span_words
from skvm.evidence.journal import Journal
from skvm.evidence.record import Usage
from skvm.runtime.plan.model import (
    FINISHED_KIND,
    MEASURED_KIND,
    STARTED_KIND,
    STEP_FINISHED_KIND,
    STEP_STARTED_KIND,
    GroupMeasured,
    StepState,
)
from skvm.runtime.plan.tracing.timeline import LegRecords, timeline_of
from tests.unit.cli.plans import mapped, step, write_plan
from tests.unit.runtime.plan.tracing.legs import RUN, begun, diamond, ended, finished, started

EVIL = "</script><img src=x onerror=alert(1)>\x1b[2J\u202e\ud800"
Skvm = Callable[..., tuple[int, str, str]]


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SKVM_LOGS_DIR", str(tmp_path / "logs"))
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path / "logs"


@pytest.fixture
def skvm(capsys: pytest.CaptureFixture[str]) -> Skvm:
    """Run ``skvm plan trace …``: exit code, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["plan", "trace", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def write(logs: Path, legs: Sequence[LegRecords]) -> None:
    """Put a run on record as its processes do."""

    async def main() -> None:
        async with Journal(logs / "journal.sqlite") as journal:
            first: int | None = None
            for leg in legs:
                start = await journal.append(STARTED_KIND, leg.started, first)
                first = first or start
                for kind, records in (
                    (STEP_STARTED_KIND, leg.begun),
                    (STEP_FINISHED_KIND, leg.ended),
                    (MEASURED_KIND, leg.measured),
                    (FINISHED_KIND, (leg.finished,) if leg.finished else ()),
                ):
                    await journal.append_all([(kind, record) for record in records], start)

    anyio.run(main)


def failed() -> LegRecords:
    """A map, a failure, what it took along, and something left; every word of it hostile."""
    usage = Usage(input_tokens=1000, output_tokens=10, calls=1, cost_usd=0.25)
    return LegRecords(
        started(skill=f"report{EVIL}", pid=1, process_started=0),
        ended=(
            ended("1[a.txt]", 0.0, 2.0, parent="1", usage=usage),
            ended("1[b.txt]", 0.0, 3.0, parent="1", usage=usage),
            ended("1", 0.0, 3.0, title=EVIL, usage=usage + usage),
            ended("2", 0.5, 1.0, title=EVIL, state=StepState.FAILED, reason=EVIL, text=EVIL, exit_code=2),
            ended("3", None, 1.0, after=("2",), reason="step 2 failed"),
            ended("4", None, 0.0, state=StepState.LEFT, reason="it needs a model"),
        ),
        measured=(
            GroupMeasured(
                plan_run=RUN, skill_digest="x", group="g1", arm="parallel", units=2, wall_s=3, work_s=5
            ),
        ),
        finished=finished(3.0),
    )


def test_the_newest_run_is_shown_with_its_rows_and_its_critical_path(logs: Path, skvm: Skvm) -> None:
    write(logs, [LegRecords(started(plan_run="20260101T000000000Z-0000"), finished=finished(1.0))])
    write(logs, [diamond()])
    code, out, _ = skvm()
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith(f"monthly-report  {RUN}")
    assert lines[1] == "4 done, 5.0 s for 7.0 s of work (× 1.40), 2 at once at most"
    assert [line.split()[0] for line in lines[4:8]] == ["1", "3", "2", "4"]
    assert lines[-1].split() == ["critical", "path", "1", "→", "2", "→", "4"]
    assert skvm("20260101")[1].startswith("monthly-report  20260101T000000000Z-0000")


def test_what_is_not_done_is_said_with_its_reason_and_no_terminal_obeys_it(logs: Path, skvm: Skvm) -> None:
    write(logs, [failed()])
    code, out, _ = skvm()
    assert code == 0
    assert "1 done, 1 failed, 1 left, 1 cancelled, 3.0 s for 5.5 s of work" in out
    assert "Not everything got done." in out
    assert "3 cancelled: step 2 failed" in out
    assert "4 left: it needs a model" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_a_reason_of_several_lines_is_one_line(logs: Path, skvm: Skvm) -> None:
    left = ended("1", None, 0.0, state=StepState.LEFT, reason="it needs:\na model\n\tor a person")
    write(logs, [LegRecords(started(), ended=(left,), finished=finished(1.0))])
    assert "1 left: it needs: a model or a person" in skvm()[1]


def test_a_narrow_terminal_has_states_and_times_whole(
    logs: Path, skvm: Skvm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skvm.cli.console.out._width", 40)
    write(logs, [failed()])
    rows = skvm()[1].splitlines()[3:10]
    assert rows[0].split() == ["step", "state", "ran"]
    assert [row.split()[0] for row in rows[1:]] == ["4", "1", "a.txt", "b.txt", "2", "3"]
    assert all("…" not in row and len(row) <= 40 for row in rows)


def test_a_run_that_was_taken_up_again_is_one_run(logs: Path, skvm: Skvm) -> None:
    first = LegRecords(
        started(pid=1, process_started=0), begun=(begun("2", 1.0),), ended=(ended("1", 0.0, 1.0),)
    )
    again = LegRecords(
        started(60, resumed=True), ended=(ended("2", 0.0, 2.0, attempt=2),), finished=finished(2.0)
    )
    write(logs, [first, again])
    assert "2 done, 3.0 s for 3.0 s of work (× 1.00), 1 at once at most, in 2 goes" in skvm(RUN[:8])[1]
    found = json.loads(skvm("--json")[1])
    assert [leg["isInterrupted"] for leg in found["legs"]] == [True, False]
    assert [node["state"] for node in found["nodes"] if node["node"] == "2"] == ["cut short", "done"]


def test_a_run_that_was_killed_says_so(logs: Path, skvm: Skvm) -> None:
    write(logs, [LegRecords(started(pid=1, process_started=0), ended=(ended("1", 0.0, 1.0),))])
    out = skvm()[1]
    assert "It was interrupted: what was under way has no end on record." in out
    assert "critical" not in out


def test_a_run_that_is_under_way_says_so(logs: Path, skvm: Skvm) -> None:
    write(logs, [LegRecords(started(), begun=(begun("1", 0.0),))])
    assert "1 running" in skvm()[1]


def test_json_says_all_of_it(logs: Path, skvm: Skvm) -> None:
    write(logs, [diamond()])
    found = json.loads(skvm("--json")[1])
    assert (found["schema"], found["ended"], found["speedUp"], found["mostAtOnce"]) == (1, "done", 1.4, 2)
    assert found["criticalPath"][1] == {"node": "2", "waitedS": 0.0, "ranS": 3.0}
    assert {node["node"]: node["row"] for node in found["nodes"]} == {"1": 0, "3": 0, "2": 1, "4": 0}


def test_of_many_steps_those_that_matter_are_shown(logs: Path, skvm: Skvm) -> None:
    steps = [ended(f"s{number:03}", number, number + 1) for number in range(200)]
    steps[77] = ended("s077", 77, 77.01, state=StepState.FAILED, reason="no")
    steps[150] = ended("s150", 150, 190)
    write(logs, [LegRecords(started(), ended=tuple(steps), finished=finished(200))])
    short, whole = skvm()[1], skvm("--verbose")[1]
    assert "and 140 steps more" in short
    assert all(name in short for name in ("s077", "s150", "s199"))
    assert "more" not in whole
    assert all(f"s{number:03}" in whole for number in range(200))


def test_files_are_written_whole_and_are_the_same_each_time(logs: Path, skvm: Skvm, tmp_path: Path) -> None:
    write(logs, [failed()])
    page, trace = tmp_path / "new" / "run.html", tmp_path / "run.json"
    code, out, said = skvm("--html", page, "--chrome", trace)
    assert (code, out) == (0, "")
    assert f"page written to {page}" in said
    before = page.read_bytes(), trace.read_bytes()
    assert len(json.loads(before[1])["traceEvents"]) > 6
    skvm("--html", page, "--chrome", trace)
    assert before == (page.read_bytes(), trace.read_bytes())


def test_a_page_holds_no_markup_of_strangers_and_asks_for_nothing(logs: Path) -> None:
    page = trace_page(timeline_of([failed()]))
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert "2 calls, 2,020 tokens, $0.5000" in page
    page.encode()


@pytest.mark.parametrize("words", [(), ("abc",), ("--json",)])
def test_without_a_run_that_is_said(logs: Path, skvm: Skvm, words: tuple[str, ...]) -> None:
    code, _, said = skvm(*words)
    assert code == 2
    assert "no plan has been run yet" in said


def test_a_run_that_is_not_there_is_told_with_those_that_are(logs: Path, skvm: Skvm) -> None:
    write(logs, [diamond()])
    code, _, said = skvm("2027")
    assert code == 2
    assert "no plan run is called '2027'" in said
    assert RUN in said


def test_a_record_of_a_newer_program_is_told(logs: Path, skvm: Skvm) -> None:
    async def main() -> None:
        async with Journal(logs / "journal.sqlite") as journal:
            await journal.append(STARTED_KIND, {"plan_run": "x", "schema": 2})

    anyio.run(main)
    code, _, said = skvm()
    assert code == 2
    assert "a newer skvm may have written it" in said


@pytest.mark.parametrize("place", ["/proc/nowhere/run.html", "a\0b", "."])
def test_a_place_that_cannot_be_written_is_told(logs: Path, skvm: Skvm, place: str) -> None:
    write(logs, [diamond()])
    code, _, said = skvm("--html", place)
    assert code == 3
    assert "cannot be written" in said


def test_times_and_ratios_have_as_many_digits_as_matter() -> None:
    given = (0, 0.0004, 0.34, 0.9996, 12.34, 99.96, 200, 3599.7, 7500)
    assert [span_words(each) for each in given] == [
        "0 s", "0.4 ms", "340 ms", "1.0 s", "12.3 s", "1 min 40 s", "3 min 20 s", "1 h 0 min", "2 h 5 min",
    ]  # fmt: skip
    assert [ratio_words(each) for each in (0.98, 3.094, 9.999, 23.43, 5713.4)] == [
        "0.98", "3.09", "10.0", "23.4", "5,713",
    ]  # fmt: skip


def test_a_run_of_plan_run_is_shown_with_what_waited_for_what(
    logs: Path, skvm: Skvm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (
        step("1", "echo a > a.txt; echo b > b.txt", writes=["a.txt", "b.txt"]),
        step("2", "wc a.txt b.txt > all", reads=["*.txt"], writes=["all"]),
        step("3", "cat all; exit 3", reads=["all"]),
        step("4", "echo never", after=["3"]),
    )
    path = write_plan(tmp_path, *steps, groups=[mapped("2", "?.txt", "wc {item} >> all")])
    monkeypatch.chdir(tmp_path)
    assert run(["plan", "run", str(path), "--sandbox", "none"]) == 1
    found = json.loads(skvm("--json")[1])
    nodes = {node["node"]: node for node in found["nodes"]}
    assert {name: node["state"] for name, node in nodes.items()} == {
        "1": "done", "2": "done", "2[a.txt]": "done", "2[b.txt]": "done", "3": "failed", "4": "cancelled",
    }  # fmt: skip
    # Nothing says that 2 waits for 1: it reads what 1 writes.
    assert nodes["2"]["after"] == ["1"]
    assert nodes["2[a.txt]"]["itemOf"] == "2"
    assert [link["node"] for link in found["criticalPath"]] == ["1", "2", "3"]
    assert "3 failed: " in skvm()[1]
