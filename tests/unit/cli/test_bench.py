"""``skvm bench`` as a user calls it, on a scripted model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skvm.bench.session import hold
from skvm.cli.commands import bench
from skvm.cli.main import COMMANDS
from skvm.cli.main import run as skvm
from skvm.harness.fake import registered_fake
from skvm.llm.fake import FakeAnswer
from tests.unit.bench.sessions import Agent
from tests.unit.cli.bench_place import (
    finished,
    go,
    judged_task,
    one_line,
    place,
    resume,
    sessions,
    write_task,
)

__all__ = ["place"]


def test_the_help_line_is_the_listed_one():
    assert bench.command.help.splitlines()[0] == COMMANDS["bench"]


def test_a_bench_is_run_printed_written_and_listed(place, capsys):
    assert go("--runs-per-task=3", "--concurrency=2", "--export=csv,junit,atif") == 0
    said = capsys.readouterr()
    assert "no-skill against original: worse: -1.000" in said.out
    entry = sessions(place)[0]
    folder = place.log / "bench" / entry.id
    assert (entry.status, entry.conditions) == ("completed", ("no-skill", "original"))
    for name in ("metadata.json", "report.json", "report.md", "report.html", "runs.csv", "junit.xml", "atif"):
        assert (folder / name).exists(), name
    assert skvm(["bench", "--list-sessions", "--json"]) == 0
    assert [each["id"] for each in json.loads(capsys.readouterr().out)] == [entry.id]


def test_json_is_one_document_and_agrees_with_the_journal(place, capsys):
    assert go("--runs-per-task=2", "--json", "--gate=original >= no-skill") == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert said.err == ""
    assert report["gate"]["status"] == "pass"
    runs = finished(place)
    assert len(runs) == 2 * 2 * 2
    for name, summary in report["summary"]["perCondition"].items():
        own = [run for run in runs if run["condition"] == name]
        assert summary["avgScore"] == sum(run["score"] for run in own) / len(own)
        tokens = sum(run["usage"]["input_tokens"] + run["usage"]["output_tokens"] for run in own)
        assert summary["avgTokens"] == tokens / len(own)
        mean_ms = sum(run["duration_ms"] for run in own) / len(own)
        assert summary["avgDurationMs"] == pytest.approx(mean_ms)
        assert summary["evaluableCount"] == 2
    for task in report["tasks"]:
        for row in task["conditions"]:
            own = [r for r in runs if (r["task_id"], r["condition"]) == (task["taskId"], row["condition"])]
            assert row["runScores"] == [run["score"] for run in own]
    assert report["summary"]["delta"]["originalVsBaseline"] == pytest.approx(1.0)


def test_identical_behaviour_gives_exactly_zero(place, capsys):
    place.model.says = lambda body: FakeAnswer("nothing to do")
    write_task(place, "t3", skill=False)
    assert go("--runs-per-task=2", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    (compared,) = report["comparisons"]
    assert "no difference found" in compared["asCompleted"]["sentence"]
    assert compared["asCompleted"]["difference"] == 0
    assert report["summary"]["delta"]["originalVsBaseline"] == 0, "t3 runs bare only and is in no pair"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--gate=nonsense"], "not a gate"),
        (["--gate=variant >= original"], "'variant' stands for 0"),
        (["--gate=aot >= original"], "no condition 'aot'"),
        (["--conditions=orignal"], "no condition 'orignal'"),
        (["--tasks=t9"], "no task 't9'"),
        (["--tasks=t1,t1"], "two tasks are called 't1'"),
        (["--model=nope/m"], "no route serves 'nope/m'"),
        (["--model=m"], "'m' is not a model id"),
        (["--adapter=bare-agnt"], "unknown harness"),
        (["--export=xml"], "unknown form 'xml'"),
        (["--limits=fake"], "no NAME=N"),
        (["--limits=fakr=2"], "'fakr' is no harness or provider"),
        (["--source=nowhere"], "no task has the source"),
        (["--async-judge"], "--async-judge needs --judge-model"),
        (["--judge-model=fake/m"], "would judge itself"),
        (["--judge-model=nope/j"], "no route serves 'nope/j'"),
        (["--compiler-model=nope/c"], "no route serves 'nope/c'"),
        (["--skill=nowhere"], "no such skill"),
        (["--max-usd=1"], "the price of fake/m is unknown"),
        (["--max-usd=0"], "must be more than 0"),
        (["--triggers=nowhere"], "nowhere"),
        (["--resume=zzz"], "no bench was ever started here"),
        (["--custom=x", "--resume=latest"], "exclude each other"),
        (["--custom=x"], "--custom and --model exclude each other"),
        (["--judge", "--dry-run"], "--judge has no --dry-run"),
        (["--list-sessions", "--compare"], "exclude each other"),
        (["--judge"], "--judge needs --manifest"),
        (["--judge", "--manifest=x"], "--judge needs --judge-model"),
        (["--merge-judge"], "--merge-judge needs --report"),
        (["--import=auto"], "--import needs --path"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_spent_or_recorded(place, capsys, arguments, word):
    assert go(*arguments) == 2
    said = capsys.readouterr()
    assert word in one_line(said.err)
    assert "go on with" not in said.err
    assert said.out == ""
    assert place.model.asked == 0
    assert not sessions(place)


def test_no_model_is_an_error_of_use(place, capsys):
    assert skvm(["bench"]) == 2
    assert "--model is missing" in one_line(capsys.readouterr().err)


def test_no_task_that_runs_is_an_error_of_use(place, capsys):
    for id in ("t1", "t2"):
        write_task(place, id, hostReady=False)
    assert go() == 2
    assert "no task can run here (t1: " in one_line(capsys.readouterr().err)
    assert not sessions(place)


def test_a_dry_run_says_what_it_would_take_and_leaves_no_trace(place, capsys):
    assert go("--dry-run", "--runs-per-task=3", conditions="no-skill,original,aot-compiled") == 0
    said = capsys.readouterr()
    wanted = "2 tasks × 3 conditions × 1 target × 3 repetitions: 12 runs to make, tokens unknown"
    assert said.out.startswith(wanted)
    assert "no profile of fake/m" in said.err
    assert not sessions(place)
    assert place.model.asked == 0
    assert go("--dry-run", "--json") == 0
    said = capsys.readouterr()
    forecast = json.loads(said.out)
    assert forecast["forecast"]["runs"] == 4
    assert [each["condition"] for each in forecast["preparations"]] == ["no-skill", "original"]
    assert said.err == ""


def test_a_condition_asked_for_by_name_that_cannot_run_is_a_finding(place, capsys):
    assert go(conditions="original,aot-compiled") == 1
    assert "skvm profile --model=fake/m" in capsys.readouterr().err
    assert {run["condition"] for run in finished(place)} == {"original"}


def test_the_gate_decides_the_exit_code(place, capsys):
    assert go("--runs-per-task=4", "--gate=no-skill >= original") == 1
    assert "fail: significantly below 0" in capsys.readouterr().err
    assert go("--runs-per-task=4", "--gate=original >= no-skill") == 0


def test_several_targets_share_a_session_and_each_has_a_report(place, capsys):
    assert go(models="fake/m,other/m") == 0
    (entry,) = sessions(place)
    folder = place.log / "bench" / entry.id
    reports = [json.loads(path.read_text()) for path in sorted(folder.glob("targets/*/report.json"))]
    assert sorted(report["model"] for report in reports) == ["fake/m", "other/m"]
    assert {run["session_id"] for run in finished(place)} == {entry.id}
    assert len({run["cell"] for run in finished(place)}) == 2 * 2 * 2


def test_a_provider_that_fails_gives_no_scores_and_the_way_on(place, capsys):
    place.model.says = lambda body: FakeAnswer("no", status=400)
    assert go("--tasks=t1") == 1
    said = capsys.readouterr()
    assert "infra_failed" in said.err
    id = sessions(place)[0].id
    assert f"go on with: skvm bench --resume={id}" in said.err
    place.model.says = None
    assert resume() == 0
    said = capsys.readouterr()
    assert "go on with" not in said.err
    assert [run["outcome"] for run in finished(place)][-2:] == ["scored", "scored"]
    assert resume() == 2, "nothing is unfinished"


def test_a_target_that_keeps_failing_ends_the_session(place, capsys):
    for id in ("t3", "t4", "t5", "t6"):
        write_task(place, id)
    place.model.says = lambda body: FakeAnswer("no", status=400)
    assert go() == 3
    said = capsys.readouterr()
    assert "5 runs on fake/m in bare-agent failed one after the other" in one_line(said.err)
    assert "--resume=" in said.err


def test_a_ceiling_ends_the_session_and_holds_over_its_resumption(place, capsys):
    assert go("--runs-per-task=5", "--max-tokens=2700", "--max-output-tokens=50") == 3
    said = capsys.readouterr()
    assert "tokens are left; nothing was sent" in one_line(said.err)
    assert "go on with: skvm bench --resume=" in said.err
    used = sum(run["usage"]["input_tokens"] + run["usage"]["output_tokens"] for run in finished(place))
    assert 0 < used <= 2700
    assert resume(f"--max-tokens={used}") == 3
    assert "earlier starts of session" in one_line(capsys.readouterr().err)
    assert resume("--max-tokens=1000000", "--concurrency=8") == 0
    counted = [run for run in finished(place) if run["outcome"] == "scored"]
    assert len(counted) == len({run["cell"] for run in counted}) == 20


def test_a_resumed_session_may_not_be_planned_otherwise(place, capsys):
    place.model.says = lambda body: FakeAnswer("no", status=400)
    assert go("--tasks=t1", "--seed=4") == 1
    capsys.readouterr()
    for other in (
        "--model=other/m",
        "--conditions=original",
        "--tasks=t2",
        "--seed=5",
        "--runs-per-task=2",
        "--temperature=1",
        "--judge-model=court/judge",
        "--skill=elsewhere",
        "--source=somewhere",
        "--triggers=auto",
    ):
        assert resume(other) == 2, other
        flag = other.partition("=")[0]
        assert f"was planned with another {flag}" in one_line(capsys.readouterr().err)
    place.model.says = None
    same = ["--model=fake/m", "--conditions=original,no-skill", "--tasks=t1", "--seed=4", "--sandbox=none"]
    assert resume(*same, f"--skill={place.skill}") == 0


def test_what_changed_since_ends_a_resumption(place, capsys):
    place.model.says = lambda body: FakeAnswer("no", status=400)
    assert go("--tasks=t1") == 1
    capsys.readouterr()
    text = (place.skill / "SKILL.md").read_text()
    (place.skill / "SKILL.md").write_text(text + "More.\n")
    assert resume() == 2
    assert "skill writer has changed" in one_line(capsys.readouterr().err)
    place.skill.rename(place.root / "gone")
    assert resume() == 2
    assert "skill writer is gone" in one_line(capsys.readouterr().err)
    (place.root / "gone").rename(place.skill)
    (place.skill / "SKILL.md").write_text(text)
    write_task(place, "t1", maxSteps=3)
    assert resume() == 2
    assert "task t1 has changed" in one_line(capsys.readouterr().err)


def test_a_session_that_another_process_runs_is_left_alone(place, capsys):
    place.model.says = lambda body: FakeAnswer("no", status=400)
    assert go("--tasks=t1") == 1
    (before,) = sessions(place)
    capsys.readouterr()
    with hold(place.log / "bench" / before.id):
        assert resume() == 3
    said = capsys.readouterr()
    assert "another process runs bench session" in one_line(said.err)
    assert "go on with" not in said.err
    assert sessions(place) == [before], "the index still says what that process said"


def test_a_lost_session_folder_is_made_anew(place, capsys):
    place.model.says = lambda body: FakeAnswer("no", status=400)
    assert go("--tasks=t1") == 1
    folder = place.log / "bench" / sessions(place)[0].id
    folder.rename(place.root / "lost")
    place.model.says = None
    assert resume() == 0
    assert (folder / "report.json").is_file()
    assert (folder / "metadata.json").is_file()


def test_a_judge_scores_now_or_at_the_end_of_the_session_alike(place, capsys):
    judged_task(place)
    found = []
    for more in ((), ("--async-judge",)):
        assert go("--runs-per-task=3", "--json", "--judge-model=court/judge", *more) == 0
        report = json.loads(capsys.readouterr().out)
        found.append([row["runScores"] for task in report["tasks"] for row in task["conditions"]])
    assert found[0] == found[1] == [[0.25] * 3, [0.75] * 3] * 2


def test_judgements_that_failed_are_told_and_taken_in_later(place, capsys):
    judged_task(place)
    place.model.says = lambda body: FakeAnswer("I would rather not") if "judge" in body["model"] else None
    assert go("--runs-per-task=2", "--judge-model=court/judge", "--async-judge") == 1
    said = capsys.readouterr()
    assert "8 judgements still to come" in said.out
    assert "go on with: skvm bench --resume=" in said.err
    folder = place.log / "bench" / sessions(place)[0].id
    manifest, report = folder / "deferred-evals" / "manifest.jsonl", folder / "report.json"
    assert len(manifest.read_text().splitlines()) == 8
    judge = ["bench", "--judge", f"--manifest={manifest}", "--json", "--no-auto-probe"]
    assert skvm([*judge, "--judge-model=court/judge"]) == 1
    assert json.loads(capsys.readouterr().out)["judged"] == 0
    assert skvm(["bench", "--merge-judge", f"--report={report}"]) == 1, "they are still to come"
    place.model.says = None
    assert skvm([*judge, "--judge-model=fake/m"]) == 2
    assert "would judge itself" in one_line(capsys.readouterr().err)
    assert skvm([*judge, "--judge-model=court/judge"]) == 0
    assert json.loads(capsys.readouterr().out)["judged"] == 8
    for taken in (8, 0):
        assert skvm(["bench", "--merge-judge", f"--report={report}", "--json"]) == 0
        said = capsys.readouterr()
        assert f"{taken} judgements taken" in said.err
        scores = [row["runScores"] for task in json.loads(said.out)["tasks"] for row in task["conditions"]]
        assert scores == [[0.25] * 2, [0.75] * 2] * 2


def test_the_latest_session_may_lack_judgements_only(place, capsys):
    place.model.says = lambda body: FakeAnswer("no", status=400)
    assert go("--tasks=t1") == 1, "an older session that is open, too"
    judged_task(place)
    place.model.says = lambda body: FakeAnswer("I would rather not") if "judge" in body["model"] else None
    assert go("--judge-model=court/judge", "--async-judge") == 1
    newest = sessions(place)[-1].id
    place.model.says = None
    runs = len(finished(place))
    capsys.readouterr()
    assert resume("--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["sessionId"] == newest
    assert report["judge"]["pending"] == 0
    assert len(finished(place)) == runs, "nothing is run again"


def test_a_report_that_cannot_be_written_says_how_to_go_on(place, capsys, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, os.strerror(28), "report.json")

    with monkeypatch.context() as patched:
        patched.setattr("skvm.bench.report.write.write_session", full)
        assert go("--tasks=t1") == 3
    said = capsys.readouterr()
    id = sessions(place)[0].id
    assert "No space left" in one_line(said.err)
    assert f"--resume={id}" in said.err
    asked = place.model.asked
    assert resume(id=id) == 0
    assert place.model.asked == asked, "the runs stand"
    assert (place.log / "bench" / id / "report.json").is_file()


def test_progress_off_a_terminal_is_events_and_an_end(place, capsys):
    assert go("--runs-per-task=5", "--concurrency=3") == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "20 runs to make" in lines[0]
    assert lines[1].startswith("20/20 runs; ")


def test_a_harness_that_crashes_is_a_finding_that_no_resumption_mends(place, capsys):
    async def crash(context):
        raise RuntimeError("it fell over")

    with registered_fake(Agent(crash)):
        assert go("--tasks=t1", "--adapter=fake") == 1
    said = capsys.readouterr()
    assert "harness_failed: RuntimeError: it fell over" in said.err
    assert "go on with" not in said.err
    assert resume() == 2, "there is nothing to go on with"


def test_a_custom_plan_is_run_with_its_labels(place, capsys):
    plan = place.root / "plan.yaml"
    plan.write_text(
        "defaults: {model: fake/m, adapter: bare-agent, runs-per-task: 2}\n"
        "groups:\n"
        "  - {label: bare, tasks: [t1, t2]}\n"
        "  - {label: tuned, skill: skills/writer, tasks: [t1, t2], max-steps: 4}\n"
    )
    custom = ["bench", f"--custom={plan}", "--sandbox=none", "--no-auto-probe"]
    assert skvm([*custom, "--dry-run"]) == 0
    wanted = "2 tasks × 2 conditions × 1 target × 2 repetitions: 8 runs to make"
    assert capsys.readouterr().out.startswith(wanted)
    assert skvm([*custom, "--json", "--gate=tuned >= bare"]) == 0
    report = json.loads(capsys.readouterr().out)
    scores = {name: each["avgScore"] for name, each in report["summary"]["perCondition"].items()}
    assert scores == {"bare": 0.0, "tuned": 1.0}
    assert sessions(place)[0].conditions == ("bare", "tuned")
    assert skvm(["bench", "--custom=nowhere.yaml"]) == 2
    assert "nowhere.yaml" in one_line(capsys.readouterr().err)


def test_triggers_run_beside_the_matrix_and_go_on_with_it(place, capsys):
    cases = [
        {"prompt": "Please write x", "should_trigger": True},
        {"prompt": "What time is it?", "should_trigger": False},
    ]
    (place.root / "triggers.json").write_text(json.dumps(cases))
    failing = {"role": "user", "content": "What time is it?"}
    place.model.says = lambda body: FakeAnswer("no", status=400) if failing in body["messages"] else None
    assert go("--tasks=t1", "--triggers=triggers.json") == 1
    place.model.says = None
    capsys.readouterr()
    assert resume("--json") == 0
    report = json.loads(capsys.readouterr().out)
    (figures,) = report["triggers"]
    assert (figures["shouldFire"], figures["nearMisses"], figures["unknown"]) == (1, 1, 0)
    assert set(report["summary"]["perCondition"]) == {"no-skill", "original"}


def test_kept_work_directories_lie_beside_the_reports(place, capsys):
    assert go("--tasks=t1", "--keep-workdirs", "--sandbox=auto") == 0
    kept = place.log / "bench" / sessions(place)[0].id / "work"
    assert str(kept) in capsys.readouterr().out
    runs = finished(place)
    assert len(runs) == 2
    for run in runs:
        assert run["work_dir"].startswith(f"{kept}/")
        written = Path(run["work_dir"], "a").read_text()
        assert written == ("x" if run["condition"] == "original" else "y")
    assert len(list(kept.iterdir())) == 2, "and nothing else stays"


def test_a_reader_that_leaves_changes_no_exit_code(place):
    command = [sys.executable, "-W", "ignore", "-c", "from skvm.cli.main import main; main()", "bench"]
    options = ["--model=fake/m", "--conditions=no-skill", "--sandbox=none", "--no-auto-probe"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 0, said
    assert "go on with" not in said
    assert sessions(place)[0].status == "completed"


def test_a_task_asked_for_by_name_that_cannot_run_is_a_finding(place, capsys):
    write_task(place, "t2", hostReady=False)
    assert go("--tasks=t1,t2") == 1
    assert "t2: skipped: " in capsys.readouterr().err
    assert {run["task_id"] for run in finished(place)} == {"t1"}
    assert go() == 0, "of the whole dataset it is only listed"


def test_a_bench_that_has_skills_discovered_says_whether_they_are(place, capsys):
    says_when = "Writes letters. Use when a letter has to be written."
    for description, is_tested in ((says_when, True), ("...", False)):
        (place.skill / "SKILL.md").write_text(
            f"---\nname: writer\ndescription: {description}\n---\n\nWrite x into a.\n"
        )
        go("--skill-mode=discover", "--json", conditions="original")
        said = capsys.readouterr()
        assert bool(json.loads(said.out).get("triggers")) == is_tested
        assert ("triggering is not tested" in said.err) != is_tested
