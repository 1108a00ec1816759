"""Judging after the runs: repetitions, several runs of a cell, kills, merges."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import sleep

import anyio
import pytest
from tests.unit.evaluate.judges import HI, bench_at, judged_bench, prompt_of, rubric, says, task

from skvm.bench.deferred import judge_manifest, manifest_path, merge_results, results_path, write_manifest
from skvm.bench.history import attempts_of, counts
from skvm.bench.judgements import judged_runs, pending_of, settle_pending
from skvm.errors import UsageError
from skvm.evaluate.run import RunSpec, run_once
from skvm.evaluate.schedule import run_many
from skvm.evidence.record import CriterionResult, Usage
from skvm.harness.fake import FakeHarness
from skvm.llm.contract import BudgetExceededError, SpendLimit
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.settings import load_settings

REPO = Path(__file__).resolve().parents[3]
SESSION = "20260102-030405-bench-x"


@pytest.fixture
def settings(tmp_path):
    return load_settings(cache_dir=str(tmp_path / "cache"), tmp_dir=str(tmp_path / "tmp"), env={})


@pytest.fixture
def manifest(tmp_path):
    return manifest_path(tmp_path / SESSION)


def specs(count, *criteria, **more):
    """Repetitions of one cell."""
    harness = FakeHarness({"a.txt": "hi"}, final_text="done")
    one = task(*(criteria or (rubric(),)), **more)
    return [
        RunSpec(one, "fake/m", harness=harness, repetition=i, session_id=SESSION, cell=f"c{i}")
        for i in range(count)
    ]


def deferring(settings, work, answers, runs, **more):
    """Make runs whose judging waits, then do the work; gives what it gives and the server's requests."""

    async def main():
        async with judged_bench(settings, answers, is_deferred=True, **more) as (bench, server):
            await run_many(runs, bench)
            assert server.requests == [], "nobody is asked before the end"
            return await work(bench), server.requests

    return anyio.run(main)


async def settle(bench, **more):
    return await settle_pending(SESSION, bench.journal, bench.blobs, bench.judge, **more)


async def by_files(bench, manifest, **more):
    await write_manifest(SESSION, bench.journal, bench.blobs, manifest)
    tally = await judge_manifest(manifest, bench.judge, results_path(manifest), **more)
    await merge_results(bench.journal, manifest, results_path(manifest))
    return tally


async def scores(bench):
    return [run.score for run in await attempts_of(bench.journal, SESSION)]


@pytest.mark.parametrize("is_by_files", [False, True])
def test_three_perfect_repetitions_are_perfect(settings, manifest, is_by_files):
    async def work(bench):
        before = await attempts_of(bench.journal, SESSION)
        assert [run.score for run in before] == [None] * 3
        assert all(counts(run) for run in before), "waiting, they are not made anew"
        tally = await (by_files(bench, manifest) if is_by_files else settle(bench))
        assert (tally.judged, tally.failed) == (3, {})
        return await attempts_of(bench.journal, SESSION), await pending_of(bench.journal, SESSION)

    (runs, waiting), requests = deferring(settings, work, [says(1)], specs(3))
    assert waiting == ()
    assert sum(run.score for run in runs) / len(runs) == 1.0
    assert [run.repetition for run in runs] == [0, 1, 2]
    assert all(
        run.judge_usage == Usage(input_tokens=10, output_tokens=5, calls=1, cost_usd=None) for run in runs
    )
    assert all(run.criteria[0].details == "1 of 1: it is so" for run in runs)
    assert not any(note.startswith("the score stands on") for run in runs for note in run.notes)
    assert len(requests) == 3


def test_each_repetition_gets_its_own_judgement(settings, manifest):
    """Several runs of one cell, two criteria each, judged in any order."""

    def by_text(body):
        text = prompt_of(body)
        return says((0.1 if "kind" in text else 0.5) + 0.1 * int(text.split("run-")[1][0]))

    kind, brief = rubric("Is it kind?"), rubric("Is it brief?").model_copy(update={"id": None})
    runs = [
        replace(spec, harness=FakeHarness({"a.txt": "hi"}, final_text=f"run-{index}"), repetition=index // 2)
        for index, spec in enumerate(specs(4, kind, HI, brief))
    ]

    async def work(bench):
        await by_files(bench, manifest, concurrency=8)
        return await attempts_of(bench.journal, SESSION)

    found, _ = deferring(settings, work, by_text, runs)
    for index, run in enumerate(found):
        assert [result.id for result in run.criteria] == ["taste", "hi", "2"]
        assert [result.score for result in run.criteria] == pytest.approx(
            [0.1 + index / 10, 1, 0.5 + index / 10]
        )
        assert run.score == pytest.approx((1.6 + index / 5) / 3)


@pytest.mark.parametrize(
    ("criteria", "weights", "before", "after"),
    [
        ((rubric(), HI), {"automated": 0.25, "llmJudge": 0.75}, 1.0, 0.25),
        ((rubric(weight=0.9), HI.model_copy(update={"weight": 0.1})), None, 1.0, 0.1),
        ((rubric(), HI), None, 1.0, 0.5),
    ],
)
def test_the_score_is_combined_as_if_it_had_been_judged_at_once(settings, criteria, weights, before, after):
    async def work(bench):
        first = await scores(bench)
        await settle(bench)
        return first + await scores(bench)

    runs = specs(1, *criteria, grading_weights=weights)
    assert deferring(settings, work, [says(0)], runs)[0] == pytest.approx([before, after])

    async def at_once():
        async with judged_bench(settings, [says(0)]) as (bench, _):
            return (await run_once(runs[0], bench)).score

    assert anyio.run(at_once) == pytest.approx(after)


def test_a_manifest_says_all_a_judge_needs(settings, manifest):
    async def work(bench):
        made = []
        for _ in range(2):
            assert await write_manifest(SESSION, bench.journal, bench.blobs, manifest) == 2
            made.append(manifest.read_bytes())
        assert made[0] == made[1]
        return await attempts_of(bench.journal, SESSION)

    runs, _ = deferring(settings, work, [says(1)], specs(2, rubric({"10": "yes", "0": "no"}, 10), HI))
    entries = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert [entry["id"] for entry in entries] == [f"{run.run_id}-0" for run in runs]
    entry, run = entries[1], runs[1]
    assert entry["context"] == {
        "sessionId": SESSION,
        "taskId": "t",
        "condition": "no-skill",
        "criterionIndex": 0,
        "criterionId": "taste",
        "runId": run.run_id,
        "repetition": 1,
        "model": "fake/m",
        "harness": run.harness,
        "inputsDigest": run.criteria[0].inputs_digest,
    }
    assert entry["criterion"] == {"method": "llm-judge", "rubric": {"10": "yes", "0": "no"}, "maxScore": 10.0}
    assert entry["createdAt"]
    assert entry["inputs"]["finalOutput"]["text"] == "done"
    assert [file["path"] for file in entry["inputs"]["workDirFiles"]] == ["a.txt"]
    assert isinstance(entry["inputs"]["trace"], list)
    assert manifest.stat().st_mode & 0o777 == 0o600


def test_results_say_what_was_judged(settings, manifest):
    async def work(bench):
        await by_files(bench, manifest)
        return await write_manifest(SESSION, bench.journal, bench.blobs, manifest)

    left, _ = deferring(settings, work, [says(0.4, "so so"), says(0.6)], specs(2))
    assert left == 0, "what is merged waits no more"
    lines = [json.loads(line) for line in results_path(manifest).read_text().splitlines()]
    assert [(line["score"], line["pass"], line["infraError"]) for line in lines] == [
        (0.4, False, None),
        (0.6, True, None),
    ]
    assert lines[0]["details"] == "0.4 of 1: so so"
    assert {"id", "context", "evaluatedAt", "judgeModel", "usage"} <= set(lines[0])


def test_a_late_judge_is_asked_in_the_same_words(settings, manifest):
    async def at_once():
        async with judged_bench(settings, [says(1)]) as (bench, server):
            await run_once(specs(1)[0], bench)
            return server.requests[0].body["messages"]

    words = anyio.run(at_once)
    for way in (settle, lambda bench: by_files(bench, manifest)):
        _, requests = deferring(settings, way, [says(1)], specs(1))
        assert requests[0].body["messages"] == words


@pytest.mark.parametrize("is_by_files", [False, True])
@pytest.mark.parametrize(
    ("broken", "calls"), [(FakeAnswer("oops", status=500), 2), (FakeAnswer("I like it"), 2 * 4 + 2)]
)
def test_what_the_judge_failed_on_is_asked_again(settings, manifest, is_by_files, broken, calls):
    way = (lambda bench: by_files(bench, manifest)) if is_by_files else settle
    is_up = False

    def answer(body):
        return says(1) if is_up else broken

    async def work(bench):
        nonlocal is_up
        down = await way(bench)
        assert (down.judged, len(down.failed)) == (0, 2)
        assert all("the judge failed" in why for why in down.failed.values())
        assert await scores(bench) == [None, None]
        left = await attempts_of(bench.journal, SESSION)
        assert all(counts(run) for run in left)
        assert await judged_runs(bench.journal, left) == left, "twice is the same as once"
        if not is_by_files:
            assert "waits for its judge; the judge failed" in left[0].criteria[0].details
        is_up = True
        assert (await way(bench)).judged == 2
        assert await scores(bench) == [1.0, 1.0]
        return await attempts_of(bench.journal, SESSION)

    runs, requests = deferring(settings, work, answer, specs(2))
    assert sum(run.judge_usage.calls for run in runs) == calls, "answers of no use were paid for, too"
    assert len(requests) > 4


@pytest.mark.parametrize("is_by_files", [False, True])
def test_doing_it_twice_is_as_good_as_once(settings, manifest, is_by_files):
    async def work(bench):
        if is_by_files:
            await by_files(bench, manifest)
            again = await judge_manifest(manifest, bench.judge, results_path(manifest))
            merged = await merge_results(bench.journal, manifest, results_path(manifest))
            assert (again.judged, again.standing) == (0, 2)
            assert (merged.appended, merged.standing, merged.refused, merged.open) == (0, 2, {}, 0)
        else:
            await settle(bench)
            assert (await settle(bench)).judged == 0
        return await attempts_of(bench.journal, SESSION), await bench.journal.query("judged")

    (runs, judged), requests = deferring(settings, work, [says(1)], specs(2))
    assert (len(judged), len(requests)) == (2, 2)
    assert [run.judge_usage.calls for run in runs] == [1, 1]


def test_results_that_fit_no_waiting_run_are_refused(settings, manifest):
    async def work(bench):
        await write_manifest(SESSION, bench.journal, bench.blobs, manifest)
        results = results_path(manifest)
        await judge_manifest(manifest, bench.judge, results)
        whole = manifest.read_text()
        lines = [json.loads(line) for line in whole.splitlines()]
        lines[0]["context"]["inputsDigest"] = "sha256:" + "0" * 64
        lines[1]["context"]["runId"] = "no-such-run"
        lines[2]["context"]["criterionIndex"] = 7
        manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
        merged = await merge_results(bench.journal, manifest, results)
        assert (merged.appended, len(merged.refused)) == (1, 3)
        assert sorted(map(str, await scores(bench))) == ["1.0", "None", "None", "None"]
        manifest.write_text(whole)
        results.write_text(results.read_text() + '{"id": "torn, "sco')
        assert (await merge_results(bench.journal, manifest, results)).appended == 3
        manifest.write_text(whole + "not an entry\n")
        with pytest.raises(UsageError, match="line 5 is no entry"):
            await merge_results(bench.journal, manifest, results)

    deferring(settings, work, [says(1)], specs(4))


def test_a_line_that_was_cut_short_swallows_nothing(settings, manifest):
    async def work(bench):
        results = results_path(manifest)
        await write_manifest(SESSION, bench.journal, bench.blobs, manifest)
        await judge_manifest(manifest, bench.judge, results)
        lines = results.read_text().splitlines(keepends=True)
        results.write_text(lines[0] + lines[1][:-40])
        assert (await judge_manifest(manifest, bench.judge, results)).judged == 2
        # A line that lacks only its end is whole.
        results.write_text(results.read_text().rstrip("\n"))
        assert (await judge_manifest(manifest, bench.judge, results)).judged == 0
        await merge_results(bench.journal, manifest, results)
        return await scores(bench)

    assert deferring(settings, work, [says(1)], specs(3))[0] == [1.0] * 3


def test_a_model_does_not_judge_itself_later_either(settings, manifest):
    runs = [replace(spec, model_id="fake/n") for spec in specs(1)]

    async def work(bench):
        own = replace(bench.judge, model_id="fake/n")
        await write_manifest(SESSION, bench.journal, bench.blobs, manifest)
        for way in (
            lambda: settle_pending(SESSION, bench.journal, bench.blobs, own),
            lambda: judge_manifest(manifest, own, results_path(manifest)),
        ):
            with pytest.raises(UsageError, match="would judge itself"):
                await way()
        forced = replace(own, allow_self=True)
        return await settle_pending(SESSION, bench.journal, bench.blobs, forced)

    tally, requests = deferring(settings, work, [says(1)], runs)
    assert (tally.judged, len(requests)) == (1, 1)


def test_a_ceiling_ends_it_and_what_was_judged_stands(settings):
    heavy = says(1, input_tokens=20_000)

    async def work(bench):
        with pytest.raises(BudgetExceededError):
            await settle(bench, concurrency=1)
        return await scores(bench)

    found, requests = deferring(settings, work, [heavy], specs(4), limit=SpendLimit(max_tokens=30_000))
    assert 0 < found.count(1.0) == len(requests) < 4
    assert None in found


def test_a_damaged_question_does_not_keep_the_others_from_their_judge(settings):
    different = [replace(spec, harness=FakeHarness({"a.txt": f"hi {spec.repetition}"})) for spec in specs(3)]

    async def work(bench):
        pending = await pending_of(bench.journal, SESSION)
        digest = pending[1].criterion.inputs_digest.removeprefix("sha256:")
        (bench.blobs.folder / digest[:2] / digest).write_bytes(b"{}")
        tally = await settle(bench)
        assert list(tally.failed) == [pending[1].id]
        return await scores(bench)

    assert deferring(settings, work, [says(1)], different)[0] == [1.0, None, 1.0]


def test_progress_is_told(settings):
    told = []

    async def work(bench):
        await settle(bench, on_done=lambda tally: told.append(tally.judged))

    deferring(settings, work, [says(1)], specs(3))
    assert told == [1, 2, 3]


def test_only_the_first_judgement_with_a_score_counts(settings):
    async def work(bench):
        await settle(bench)
        (entry,) = await bench.journal.query("judged")
        late = {**entry.body, "result": {**entry.body["result"], "score": 0.0}}
        await bench.journal.append("judged", late, entry.parent)
        others = {**late, "run_id": "another"}
        await bench.journal.append("judged", others, entry.parent)
        (run,) = await attempts_of(bench.journal, SESSION)
        unjudged = run.model_copy(update={"criteria": (CriterionResult(id="x", method="m", score=0.2),)})
        assert await judged_runs(bench.journal, [unjudged]) == (unjudged,), "nothing of it waits"
        return run

    run, _ = deferring(settings, work, [says(1)], specs(1))
    assert (run.score, run.judge_usage.calls) == (1.0, 1)


CHILD = """
import sys
from pathlib import Path
import anyio
from tests.unit.bench.test_deferred import SESSION, settle
from tests.unit.evaluate.judges import bench_at
from skvm.bench.deferred import judge_manifest, results_path
from skvm.settings import load_settings

way, cache, url, manifest = sys.argv[1:]

async def main():
    settings = load_settings(cache_dir=cache, tmp_dir=cache, env={})
    async with bench_at(settings, url) as bench:
        if way == "settle":
            await settle(bench, concurrency=2)
        else:
            await judge_manifest(Path(manifest), bench.judge, results_path(Path(manifest)), concurrency=2)

anyio.run(main)
"""


@pytest.mark.parametrize("way", ["settle", "files"])
def test_kill_9_half_way_loses_no_judgement_and_asks_for_none_twice(settings, manifest, way):
    async def prepare(bench):
        await write_manifest(SESSION, bench.journal, bench.blobs, manifest)

    deferring(settings, prepare, [says(1)], specs(12))
    with FakeServer.running([says(1, delay_s=0.05)]) as server:
        for wanted in (3, 7):
            arguments = [way, str(settings.cache_dir), server.base_url, str(manifest)]
            child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], cwd=REPO)
            while len(server.requests) < wanted and child.poll() is None:
                sleep(0.005)
            child.send_signal(signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL

        async def finish():
            async with bench_at(settings, server.base_url) as bench:
                before = await pending_of(bench.journal, SESSION)
                await (settle(bench) if way == "settle" else by_files(bench, manifest))
                return before, await attempts_of(bench.journal, SESSION), await bench.journal.query("judged")

        before, runs, judged = anyio.run(finish)
        asked = len(server.requests)
    assert [run.score for run in runs] == [1.0] * 12
    assert [run.judge_usage.calls for run in runs] == [1] * 12
    assert len(judged) == 12
    assert asked <= 12 + 2 * 2, "only what was under way was asked again"
    if way == "settle":
        assert len(before) < 12, "some judgements were made before the kills"
