"""What the bench of the existing system got wrong, one by one, at the command line."""

import json
from dataclasses import dataclass, field

import pytest

from skvm.bench.conditions.original import Original
from skvm.bench.contract import CONDITIONS
from skvm.cli.main import run as skvm
from skvm.harness.fake import registered_fake
from skvm.harness.hooks import Hook, Hooks
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.llm.retry import RetryPolicy
from tests.unit.bench.sessions import Agent
from tests.unit.cli.bench_place import finished, go, one_line, place, resume, sessions, write_task

__all__ = ["place"]


def failing_for(model):
    return lambda body: FakeAnswer("no", status=400) if body["model"] == model else None


def report_of(place, capsys, *more, **options):
    code = go("--json", *more, **options)
    return code, json.loads(capsys.readouterr().out)


def test_tasks_without_a_skill_and_rows_without_a_score_are_in_no_difference(place, capsys):
    for id in ("bare1", "bare2", "bare3"):
        write_task(place, id, skill=False)

    def says(body):
        text = json.dumps(body)
        if "Do t2" in text and "Write x" in text:
            return FakeAnswer("no", status=400)
        if any(message["role"] == "tool" for message in body["messages"]):
            return None
        content = "x" if "bare" in text else "y"
        return FakeAnswer("", [FakeToolCall("write_file", {"path": "a", "content": content})])

    place.model.says = says
    code, report = report_of(place, capsys)
    assert code == 1
    (compared,) = report["comparisons"]
    assert compared["asCompleted"]["difference"] == 0, "t1 alone stands on both sides"
    assert report["summary"]["delta"]["originalVsBaseline"] == 0
    means = {name: each["avgScore"] for name, each in report["summary"]["perCondition"].items()}
    assert means["no-skill"] > means["original"], "while the plain means differ"


def test_time_outs_stay_in_the_denominator_of_both_views(place, capsys):
    def says(body):
        acted = any(message["role"] == "tool" for message in body["messages"])
        return FakeAnswer(hang=True) if acted and "Write x" in json.dumps(body) else None

    place.model.says = says
    code, report = report_of(place, capsys, "--timeout-ms=1500", "--concurrency=4")
    assert code == 0
    skilled = report["summary"]["perCondition"]["original"]
    assert {run["outcome"] for run in finished(place) if run["condition"] == "original"} == {"timed_out"}
    assert skilled["runs"]["scored"] == 2
    assert (skilled["avgScore"], skilled["intentionToTreat"]["avgScore"]) == (1.0, 0.0)


def test_malformed_tool_arguments_are_the_models_fault_and_scored(place, capsys):
    place.model.says = lambda body: (
        None
        if any(message["role"] == "tool" for message in body["messages"])
        else FakeAnswer("", [FakeToolCall("write_file", '{"path": "a", "content')])
    )
    code, report = report_of(place, capsys)
    assert code == 0
    assert [run["outcome"] for run in finished(place)] == ["scored"] * 4
    assert report["summary"]["perCondition"]["original"]["avgScore"] == 0


@pytest.mark.parametrize("body", [b'{"error": {"message": "overloaded", "code": 502}}', b"<html>busy</html>"])
def test_an_error_inside_a_200_is_no_zero(place, capsys, monkeypatch, body):
    monkeypatch.setattr(RetryPolicy, "pause_s", lambda *_: 0.01)
    place.model.says = lambda _: FakeAnswer(raw_body=body)
    code, report = report_of(place, capsys, "--tasks=t1", "--concurrency=2")
    assert code == 1
    assert {run["outcome"] for run in finished(place)} == {"infra_failed"}
    assert {run["score"] for run in finished(place)} == {None}
    assert report["summary"]["perCondition"]["original"]["avgScore"] is None


@dataclass
class Answering(Hook):
    """A hook that answers in the model's place, and remembers for whom."""

    seen: list = field(default_factory=list)

    async def after_run(self, trajectory):
        self.seen.append(trajectory.prompt)


def test_every_condition_has_the_same_setup_and_no_hooks_of_another(place, capsys):
    write_task(place, "t1", fixtures={"in.txt": "given"})
    (place.root / "data" / "tasks" / "t1" / "fixtures").mkdir()
    (place.root / "data" / "tasks" / "t1" / "fixtures" / "_setup.sh").write_text("echo made > made.txt\n")
    (place.skill / "helper.py").write_text("print('help')\n")
    seen, hook = {}, Answering()

    async def act(context):
        names = sorted(entry.name for entry in await context.cell.list("."))
        kind = "skilled" if context.skill else "bare"
        seen.setdefault(kind, []).append((names, context.timeout_s, context.max_steps, context.seed))
        brought = [each for each in context.hooks.hooks if isinstance(each, Answering)]
        seen.setdefault("hooked", []).append(len(brought))

    class Hooked(Original):
        async def prepare(self, situation):
            from dataclasses import replace

            return replace(await super().prepare(situation), hooks=Hooks((hook,)))

    with registered_fake(Agent(act)), CONDITIONS.temporarily("hooked", Hooked):
        args = ("--adapter=fake", "--tasks=t1", "--runs-per-task=3", "--concurrency=4")
        assert go(*args, conditions="no-skill,hooked,original") == 0
    bare, skilled = seen["bare"], seen["skilled"]
    assert all({"in.txt", "made.txt"} <= set(names) for names, *_ in [*bare, *skilled])
    assert all("helper.py" in names for names, *_ in skilled)
    assert not any("helper.py" in names for names, *_ in bare)
    assert sorted(limits for _, *limits in skilled) == sorted([limits for _, *limits in bare] * 2)
    assert sorted(seen["hooked"]) == [0] * 6 + [1] * 3, "only the runs of the condition that brought it"


def test_sessions_of_one_second_and_targets_of_one_session_stay_apart(place, capsys):
    for _ in range(2):
        assert go("--tasks=t1", models="fake/m,other/m") == 0
    ids = [entry.id for entry in sessions(place)]
    assert len(set(ids)) == 2
    for id in ids:
        folder = place.log / "bench" / id
        assert json.loads((folder / "metadata.json").read_text())["sessionId"] == id
        assert json.loads((folder / "report.json").read_text())["sessionId"] == id
        subs = [json.loads(path.read_text()) for path in folder.glob("targets/*/report.json")]
        assert {sub["model"] for sub in subs} == {"fake/m", "other/m"}
        own = [run for run in finished(place) if run["session_id"] == id]
        assert len(own) == 4


def test_a_resumed_session_remembers_its_conditions_and_redoes_the_failed_target_only(place, capsys):
    place.model.says = failing_for("bad")
    assert go("--tasks=t1", models="fake/m,other/bad", conditions="original") == 1
    before = {run["run_id"] for run in finished(place)}
    place.model.says = None
    assert resume() == 0
    again = [run for run in finished(place) if run["run_id"] not in before]
    assert [(run["model"], run["condition"]) for run in again] == [("other/bad", "original")]


def test_a_damaged_journal_is_told_and_no_session_begins_anew(place, capsys):
    place.model.says = failing_for("m")
    assert go("--tasks=t1") == 1
    capsys.readouterr()
    path = place.log / "journal.sqlite"
    for more in ("-wal", "-shm"):
        (path.parent / (path.name + more)).unlink(missing_ok=True)
    path.write_bytes(b"no database at all" * 400)
    asked = place.model.asked
    assert resume() == 3
    assert "journal.sqlite" in one_line(capsys.readouterr().err)
    assert place.model.asked == asked


def test_work_directories_go_away_unless_they_are_asked_for(place, capsys, monkeypatch):
    tmp = place.root / "tmp"
    monkeypatch.setenv("SKVM_TMP_DIR", str(tmp))
    assert go("--runs-per-task=2") == 0
    assert list(tmp.iterdir()) == []
    pages = place.log / "bench" / sessions(place)[0].id / "runs"
    assert len(list(pages.iterdir())) == 2 * 2 * 2, "each repetition has a page of its own"


def test_the_default_bench_runs_without_any_key(place, capsys, monkeypatch):
    for name in ("OPENROUTER_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert skvm(["bench", "--model=fake/m", "--sandbox=none", "--no-auto-probe"]) == 0
    said = capsys.readouterr()
    assert "aot-compiled on fake/m in bare-agent, skill writer: left out: there is no profile" in said.err
    assert "help: skvm profile --model=fake/m" in said.err
    assert {run["condition"] for run in finished(place)} == {"no-skill", "original"}


def test_a_custom_plan_heeds_time_outs_reports_failures_and_is_indexed(place, capsys):
    write_task(place, "t1", timeoutMs=700)
    write_task(place, "t2")

    def says(body):
        text = json.dumps(body["messages"])
        return FakeAnswer(hang=True) if "Do t1" in text else FakeAnswer("no", status=400)

    place.model.says = says
    (place.root / "plan.yaml").write_text(
        "defaults: {model: fake/m, adapter: bare-agent}\n"
        "groups: [{label: only, skill: skills/writer, tasks: [t1, t2]}]\n"
    )
    assert skvm(["bench", "--custom=plan.yaml", "--json", "--sandbox=none", "--no-auto-probe"]) == 1
    report = json.loads(capsys.readouterr().out)
    outcomes = {run["task_id"]: run["outcome"] for run in finished(place)}
    assert outcomes == {"t1": "timed_out", "t2": "infra_failed"}
    assert [task["taskId"] for task in report["tasks"]] == ["t1", "t2"]
    reasons = {
        each["reason"]: [entry["taskId"] for entry in each["entries"]] for each in report["exclusions"]
    }
    assert reasons["infra_failed"] == ["t2"]
    (entry,) = sessions(place)
    assert (entry.conditions, entry.models, entry.harness) == (("only",), ("fake/m",), "bare-agent")


def test_a_provider_that_asks_for_less_costs_no_run(place, capsys):
    seen = set()

    def says(body):
        if (text := json.dumps(body)) in seen:
            return None
        seen.add(text)
        return FakeAnswer("slow down", status=429, headers={"retry-after": "0.01"})

    place.model.says = says
    assert go("--runs-per-task=3", "--concurrency=6") == 0
    runs = finished(place)
    assert [run["outcome"] for run in runs] == ["scored"] * 12
    assert len({run["cell"] for run in runs}) == 12
    assert place.model.asked == 2 * 24, "every call was made twice"


def test_waiting_for_a_busy_provider_is_never_the_agents_time_out(place):
    place.model.says = lambda body: FakeAnswer("slow down", status=429, headers={"retry-after": "30"})
    code = go("--timeout-ms=1500", "--concurrency=4", conditions="no-skill,original")
    assert code != 0
    assert {run["outcome"] for run in finished(place)} == {"infra_failed"}
