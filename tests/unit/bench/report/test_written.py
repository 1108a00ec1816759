"""Markdown, pages and exports: what strangers wrote means itself and nothing else."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.unit.bench.report.factories import TARGET, failed, make_plan, make_run, make_runs

from skvm.bench.plan import PlannedTask, Preparation, Skip, Target
from skvm.bench.report import words
from skvm.bench.report.build import build_report
from skvm.bench.report.charts import pareto_front
from skvm.bench.report.exports.atif_files import write_atif_files
from skvm.bench.report.exports.csv_table import COLUMNS, to_csv
from skvm.bench.report.exports.junit_xml import to_junit_xml
from skvm.bench.report.html import report_html
from skvm.bench.report.markdown import escaped, report_markdown
from skvm.bench.report.model import Report, Stopped, Trigger
from skvm.bench.report.run_page import run_html
from skvm.bench.report.session import build_session
from skvm.bench.report.session_pages import session_html, session_markdown
from skvm.bench.report.write import write_run_pages, write_session
from skvm.errors import InfrastructureError
from skvm.evidence.record import Checkpoint, CriterionResult, Outcome, RunRecord
from skvm.harness.trajectory import Observation, ToolCall, ToolKind, Trajectory, Turn

EVIL = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"&]]>|`*_[x](javascript:y)"
    "\x00\x1b[31m\u202e"
)


def evil_session() -> tuple[Report, tuple[RunRecord, ...]]:
    """A session in which every text a stranger chooses is hostile."""
    target = Target(model=f"fake/{EVIL}", harness=EVIL)
    tasks = tuple(
        PlannedTask(id=f"{EVIL}{number}", name=EVIL, category=EVIL, path="/t", digest="sha256:" + "1" * 64)
        for number in range(2)
    )
    conditions = (f"a{EVIL}", f"b{EVIL}")
    plan = make_plan(
        0,
        conditions,
        targets=(target,),
        session_id=EVIL,
        created_at=EVIL,
        tasks=tasks,
        skipped=(Skip(task_id=EVIL, reason=EVIL),),
        judge_model=EVIL,
        sandbox=EVIL,
        compiler_model=EVIL,
    )
    criteria = (
        CriterionResult(
            id=EVIL,
            method=EVIL,
            score=0.1,
            details=EVIL,
            checkpoints=(Checkpoint(name=EVIL, score=0, reason=EVIL),),
        ),
    )
    words = {"skill_id": EVIL, "detail": EVIL, "criteria": criteria, "notes": (EVIL,), "sandbox": EVIL}
    fates = [words, {**words, **failed(Outcome.INFRA_FAILED, EVIL)}]
    runs = make_runs(plan, lambda _, __, each: fates[each])
    prepared = Preparation(
        condition=conditions[1], model=target.model, harness=target.harness, skill_id=EVIL, what=EVIL
    )
    triggers = [
        Trigger(
            skill_id=EVIL, model=target.model, adapter=EVIL, should_fire=2, fired=1, near_misses=2,
            fired_wrongly=0, recall=0.5, precision=1.0,
        )
    ]  # fmt: skip
    stopped = Stopped(rule=EVIL, sentence=EVIL, runs=1, planned=2)
    return build_report(plan, runs, preparations=[prepared], triggers=triggers, stopped=stopped), runs


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.handlers: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action")]


def tags(page: str) -> Tags:
    parser = Tags()
    parser.feed(page)
    return parser


def evil_trajectory() -> Trajectory:
    call = ToolCall(id=EVIL, name=EVIL, kind=ToolKind.RUN, arguments={EVIL: "x"})
    broken = ToolCall(id="2", name="t", kind=ToolKind.RUN, raw_arguments=EVIL)
    seen = (Observation(tool_call_id=EVIL, text=EVIL, is_error=True, exit_code=1),)
    turn = Turn(index=0, text=EVIL, tool_calls=(call, broken), observations=seen)
    return Trajectory(harness=EVIL, model=EVIL, system=EVIL, prompt=EVIL, turns=(turn,), final_text=EVIL)


def test_nothing_hostile_becomes_markup() -> None:
    report, runs = evil_session()
    for page in (report_html(report, runs), run_html(runs[0], evil_trajectory())):
        seen = tags(page)
        scripts = re.findall(r"<script[^>]*>", page)
        assert scripts in (['<script type="application/json" id="data">', "<script>"], [])
        assert "img" not in seen.found
        assert seen.handlers == []
        assert all(each.startswith(("#cell-", "../")) for each in seen.addresses), seen.addresses
        for unseen in ("\x00", "\x1b", "\u202e"):
            assert unseen not in page


def test_nothing_hostile_ends_the_data_block() -> None:
    report, runs = evil_session()
    page = report_html(report, runs)
    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    data = json.loads(block)
    assert "<" not in block
    assert any("<script>alert(1)" in text for text in data["strings"])


def test_a_page_asks_for_nothing_and_allows_only_itself() -> None:
    report, runs = evil_session()
    for page in (report_html(report, runs), run_html(runs[0], None)):
        (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert not re.findall(
            r"(?:src|href)=[\"']?https?:|url\(|@import", page.replace(words.plain(EVIL), "")
        )


@pytest.mark.parametrize(
    ("harness", "asked", "told"),
    [
        ("bare-agent", None, "2,048 output tokens a turn"),
        ("pi", None, "as much output a turn as the harness asks for"),
        ("pi", 512, "512 output tokens a turn"),
    ],
)
def test_a_report_says_how_much_could_be_written_a_turn(harness: str, asked: int | None, told: str) -> None:
    target = Target(model="fake/m", harness=harness)
    plan = make_plan(1, targets=(target,), max_output_tokens=asked)
    report = build_report(plan, make_runs(plan))
    assert told in report_markdown(report)
    assert told in report_html(report)


def test_nothing_hostile_becomes_markdown() -> None:
    report, _ = evil_session()
    text = report_markdown(report)
    assert not re.search(r"(?<!\\)<(script|img)", text)
    assert not re.search(r"(?<!\\)\]\(javascript", text)
    assert not any(unseen in text for unseen in ("\x00", "\x1b", "\u202e"))
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in tables if EVIL[:9] in line.replace("\\", "")}
    assert widths <= {
        len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|---")
    }


def test_names_of_tasks_stay_readable() -> None:
    assert escaped("task_01_calendar") == "task_01_calendar"
    assert escaped("_private_") == "\\_private\\_"
    assert escaped("a\nb   c") == "a b c"
    assert escaped("# not a heading") == "\\# not a heading"
    assert escaped("1. no list") == "1\\. no list"
    assert escaped("0.42") == "0.42"
    assert escaped("x" * 50, limit=10) == "x" * 9 + "…"


@pytest.mark.parametrize("name", ["表を直す", "résumé 👩‍💻", "عربى"])
def test_names_in_any_script_are_kept(name: str) -> None:
    task = PlannedTask(id=name, name=name, category=name, path="/t", digest="sha256:" + "1" * 64)
    plan = make_plan(0, (name,), tasks=(task,), repetitions=1)
    runs = make_runs(plan)
    report = build_report(plan, runs)
    for text in (report_markdown(report), report_html(report, runs), to_junit_xml(report), to_csv(runs)):
        assert name in text


def test_markdown_says_what_must_be_said() -> None:
    plan = make_plan(12, skipped=(Skip(task_id="gpu", reason="needs a GPU"),))
    runs = make_runs(
        plan, lambda task, _, each: {"outcome": Outcome.TIMED_OUT} if (task, each) == ("task-003", 1) else {}
    )
    text = report_markdown(build_report(plan, runs))
    assert "no difference found" in text
    assert "equal" not in text
    for heading in ("Conditions", "Comparisons", "Impact", "Tasks", "Left out", "What it cost", "Criteria"):
        assert f"\n## {heading}\n" in text, heading
    for column in ("time-out = 0", "smallest detectable", "p (Holm)", "scored runs", "LLM time"):
        assert column in text, column
    assert "| gpu | needs a GPU |" in text
    row = next(line for line in text.splitlines() if line.startswith("| task-003 | text |"))
    assert row.count("◔") == 3


@pytest.mark.parametrize("shape", ["empty", "one", "failed", "single", "wide"])
def test_any_session_can_be_written(tmp_path: Path, shape: str) -> None:
    names = [f"c{number}" for number in range(100)] if shape == "wide" else ["no-skill", "original"]
    plan = make_plan(0 if shape == "empty" else 2, names[:1] if shape == "single" else names)
    fate = failed(Outcome.INFRA_FAILED) if shape == "failed" else {}
    runs = make_runs(plan, lambda *_: fate)[: 1 if shape == "one" else None]
    parent, subs = build_session(plan, runs)
    first = write_session(tmp_path, parent, subs, runs)
    assert {path.name for path in first} == {"report.json", "report.md", "report.html"}
    again = {path: path.read_bytes() for path in first}
    write_session(tmp_path, parent, build_session(plan, runs)[1], runs)
    assert {path: path.read_bytes() for path in first} == again
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json", "report.md"]


def test_targets_have_reports_of_their_own_and_a_parent(tmp_path: Path) -> None:
    """Targets whose names come out the same as files must not share a folder or an id."""
    targets = (
        Target(model="a/m:1", harness="h"),
        Target(model="b/m/1", harness="h"),
        Target(model="dead/m", harness="h"),
    )  # fmt: skip
    plan = make_plan(2, targets=targets)
    scores = {"a/m:1": 0.25, "b/m/1": 0.75}
    runs = [
        run.model_copy(
            update=failed(Outcome.INFRA_FAILED) if run.model == "dead/m" else {"score": scores[run.model]}
        )
        for run in make_runs(plan)
    ]
    parent, subs = build_session(plan, runs)
    assert parent is not None
    assert len({sub.folder for sub in subs}) == len({sub.report.session_id for sub in subs}) == 3
    assert [(each.rank, each.model, each.avg_score) for each in parent.comparison.ranking] == [
        (1, "b/m/1", 0.75), (2, "a/m:1", 0.25), (None, "dead/m", None),
    ]  # fmt: skip
    assert parent.comparison.score_matrix["dead/m"] == {}
    assert parent.comparison.task_matrix["task-000"] == {"a/m:1": 0.25, "b/m/1": 0.75}
    written = write_session(tmp_path, parent, subs, runs)
    assert len(written) == 12
    plain = json.loads((tmp_path / "report.json").read_bytes())
    assert not {"tasks", "summary"} & plain.keys()
    assert {"models", "reports", "comparison", "timestamp", "completedAt"} <= plain.keys()
    for each in plain["reports"]:
        own = json.loads((tmp_path / each["path"] / "report.json").read_bytes())
        assert (own["sessionId"], own["model"]) == (each["sessionId"], each["model"])
        assert own["parentSessionId"] == plan.session_id
        assert own["summary"] == each["summary"]
        assert [task["taskId"] for task in own["tasks"]] == [task["taskId"] for task in each["tasks"]]
    page = (tmp_path / "report.html").read_text()
    for address in tags(page).addresses:
        assert (tmp_path / address).is_file()
    back = tags((tmp_path / subs[0].folder / "report.html").read_text()).addresses[0]
    assert (tmp_path / subs[0].folder / back).resolve() == (tmp_path / "report.html").resolve()


def test_a_hostile_target_does_not_break_the_parent() -> None:
    plan = make_plan(1, targets=(Target(model=EVIL, harness=EVIL), TARGET))
    parent, _ = build_session(plan, make_runs(plan))
    assert parent is not None
    seen = tags(session_html(parent))
    assert seen.found.count("script") == seen.found.count("img") == 0
    assert all(re.fullmatch(r"targets/[\w.-]+/report\.html", each) for each in seen.addresses)
    assert not re.search(r"(?<!\\)<(script|img)", session_markdown(parent))


def load(run: RunRecord) -> Trajectory | None:
    if run.task_id == "task-001":
        raise InfrastructureError("the blob is gone")
    return None if run.task_id == "task-002" else evil_trajectory()


def test_runs_get_pages_that_cells_link_to(tmp_path: Path) -> None:
    plan = make_plan(3, ("original",), repetitions=1)
    runs = [*make_runs(plan), make_run("task-000", "original", 5, run_id="../../escape")]
    pages = write_run_pages(tmp_path / "runs", runs, load)
    assert pages == {run.run_id for run in runs[:3]}
    assert sorted(path.stem for path in (tmp_path / "runs").iterdir()) == sorted(pages)
    texts = {run.task_id: (tmp_path / "runs" / f"{run.run_id}.html").read_text() for run in runs[:3]}
    assert "Trajectory" in texts["task-000"]
    assert "the blob is gone" in texts["task-001"]
    assert "ended before it had a trajectory" in texts["task-002"]


def test_large_sessions_get_pages_only_if_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skvm.bench.report.write.PAGES_UNASKED", 3)
    plan = make_plan(2, ("original",), repetitions=2)
    runs = make_runs(plan)
    parent, subs = build_session(plan, runs)
    write_session(tmp_path, parent, subs, runs, load=load)
    assert not (tmp_path / "runs").exists()
    write_session(tmp_path, parent, subs, runs, load=load, with_trajectories=True)
    assert len(list((tmp_path / "runs").iterdir())) == 4


def test_many_runs_stay_a_small_page() -> None:
    plan = make_plan(25, ("no-skill", "original", "a", "b"), repetitions=10)
    said = tuple(CriterionResult(id=str(n), method="script", score=0.5, details="") for n in range(4))

    def talkative(*words: Any) -> dict[str, Any]:
        long = f"{words} " * 2000
        return {"criteria": tuple(each.model_copy(update={"details": f"{each.id}{long}"}) for each in said)}

    runs = make_runs(plan, talkative)
    assert len(report_html(build_report(plan, runs), runs)) < 5_000_000


def test_csv_has_a_line_a_run_and_no_formula() -> None:
    plan = make_plan(2, ("=cmd()", "original"), repetitions=1)
    runs = make_runs(
        plan, lambda task, *_: failed(Outcome.INFRA_FAILED, "-1\nline") if task == "task-001" else {}
    )
    lines = list(csv.DictReader(io.StringIO(to_csv(runs))))
    assert tuple(lines[0]) == COLUMNS
    assert [(each["task_id"], each["condition"]) for each in lines] == [
        ("task-000", "'=cmd()"), ("task-000", "original"), ("task-001", "'=cmd()"), ("task-001", "original"),
    ]  # fmt: skip
    assert [each["score"] == "" for each in lines] == [False, False, True, True]
    assert lines[2]["detail"] == "'-1\nline"
    assert lines[2]["run_status"] == "tainted"


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - what we wrote ourselves


def test_junit_counts_passes_failures_errors_and_skips() -> None:
    plan = make_plan(
        4, ("original", "aot-compiled"), repetitions=1, skipped=(Skip(task_id="gpu", reason="needs a GPU"),)
    )
    fates = {
        "task-000": {"score": 1.0},
        "task-001": {"score": 0.2},
        "task-002": failed(Outcome.INFRA_FAILED, "HTTP 503"),
    }
    runs = [
        run
        for run in make_runs(plan, lambda task, *_: fates.get(task, {"score": 1.0}))
        if run.task_id != "task-003"
    ]
    root = parsed(to_junit_xml(build_report(plan, runs)))
    assert root.attrib["tests"] == "10"
    assert [suite.attrib["name"] for suite in root] == [
        "original · fake/small in bare-agent", "aot-compiled · fake/small in bare-agent",
    ]  # fmt: skip
    for suite in root:
        counts = [int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")]
        assert counts == [5, 1, 1, 2]
        cases = {case.attrib["name"]: [child.tag for child in case] for case in suite.iter("testcase")}
        assert cases == {
            "task-000": [], "task-001": ["failure"], "task-002": ["error"], "task-003": ["skipped"],
            "gpu": ["skipped"],
        }  # fmt: skip
    failure = root.find(".//failure")
    assert failure is not None
    assert "of the rows are right" in (failure.text or "")
    error = root.find(".//error")
    assert error is not None
    assert "HTTP 503" in error.attrib["message"]


def test_junit_of_anything_is_xml() -> None:
    report, _ = evil_session()
    root = parsed(to_junit_xml([report, report]))
    assert len(root) == 4
    assert len(parsed(to_junit_xml([]))) == 0


def test_atif_files_say_which_runs_have_none(tmp_path: Path) -> None:
    plan = make_plan(3, ("original",), repetitions=1)
    runs = make_runs(plan)
    done = write_atif_files(tmp_path / "atif", runs, load)
    by_task = {run.task_id: run.run_id for run in runs}
    assert [path.stem for path in done.files] == [by_task["task-000"]]
    assert done.missing == {
        by_task["task-001"]: "the blob is gone", by_task["task-002"]: "it ended before it had one",
    }  # fmt: skip
    assert json.loads(done.files[0].read_bytes())["trajectory_id"] == by_task["task-000"]


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], ()),
        ([(1, 0.5)], (0,)),
        ([(1, 0.5), (2, 0.9), (3, 0.8)], (0, 1)),
        ([(2, 0.9), (1, 0.9)], (1,)),
        ([(1, 0.5), (1, 0.5), (1, 0.4)], (0, 1)),
    ],
)
def test_the_front_holds_what_nothing_beats(
    points: list[tuple[float, float]], front: tuple[int, ...]
) -> None:
    assert pareto_front(points) == front
