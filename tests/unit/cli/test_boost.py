"""``skvm boost`` and ``skvm clean-jit``, as a user calls them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from skvm.cli.commands import boost, clean_jit
from skvm.cli.main import COMMANDS
from skvm.cli.main import run as skvm
from skvm.evidence.journal import Journal
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.runtime.boost.evidence import EVENT_KIND
from skvm.runtime.boost.model import BoostEvent, Event
from skvm.runtime.boost.storage import BoostFolder
from skvm.settings import load_settings
from tests.confinement import working
from tests.unit.runtime.boost.hitting.samples import PROMPT, SALES, candidate

HERE, THERE = ("fake/m", "shell-agent"), ("fake/m", "pi")
START = datetime(2026, 5, 1, tzinfo=UTC)


def event(kind: Event, place: int, target: tuple[str, str] = HERE, **more: object) -> BoostEvent:
    return BoostEvent(
        event=kind,
        skill_id="totals",
        skill_digest="sha256:1",
        model=target[0],
        harness=target[1],
        purpose_id="city-totals",
        template_digest=candidate().digest,
        at=START + timedelta(minutes=place),
        **more,
    )


PROMOTED = (
    event(Event.COMPILED, 0),
    *(event(Event.SHADOWED, number, run_id=f"run-{number}", is_good=True) for number in (1, 2, 3)),
    event(Event.FUZZED, 4, is_good=True),
    event(Event.ANSWERED, 5, run_id="run-5", is_good=True, match_ms=1.5, step_ms=80.0),
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A cache in which one template is trusted on one target."""
    monkeypatch.setenv("SKVM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    made = SimpleNamespace(root=tmp_path, settings=load_settings())
    BoostFolder(made.settings, "totals").save([candidate()])
    record(made, *PROMOTED)
    return made


def record(place: SimpleNamespace, *events: BoostEvent) -> None:
    async def write() -> None:
        async with Journal(place.settings.journal_path) as journal:
            await journal.append_all([(EVENT_KIND, each) for each in events])

    anyio.run(write)


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert skvm(["boost", "list", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["candidates"]


@pytest.mark.parametrize(("module", "name"), [(boost, "boost"), (clean_jit, "clean-jit")])
def test_the_help_line_is_the_listed_one(module, name):
    assert (module.command.help or "").splitlines()[0] == COMMANDS[name]


def test_list_says_where_each_stands(place, capsys):
    assert skvm(["boost", "list"]) == 0
    shown = capsys.readouterr().out
    # How wide the console is depends on who made it first; names are folded, never cut.
    assert {"totals", "fake/m", "shell-agent", "promoted"} <= set(shown.split())
    assert "80.0 ms" in shown


def test_list_as_json(place, capsys):
    (found,) = listed(capsys)
    (target,) = found["targets"]
    assert (target["status"], target["good"], target["answers"]) == ("promoted", 4, 1)
    assert target["isFuzzed"] is True


def test_list_with_nothing_to_list(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SKVM_CACHE", str(tmp_path))
    assert skvm(["boost", "list"]) == 0
    assert "skvm run --boost=on" in capsys.readouterr().err


def test_a_broken_file_is_told_and_kept(place, capsys):
    path = place.settings.proposals_dir / "jit-boost" / "totals" / "boost-candidates.json"
    path.write_text("{")
    assert skvm(["boost", "list", "totals"]) == 0
    assert "SKV601" in capsys.readouterr().err
    assert path.read_text() == "{"


def test_show_has_prompt_code_and_evidence(place, capsys):
    assert skvm(["boost", "show", "totals", "city-totals"]) == 0
    shown = capsys.readouterr().out
    assert "Sum the column `{column}` of {source} by city" in shown
    assert 'P["source"]' in shown
    assert "csv with city (text), amount (integer)" in shown
    assert "json, object of any keys with integer" in shown
    assert "promoted" in shown


def test_what_is_not_there_is_named_with_what_is(place, capsys):
    assert skvm(["boost", "show", "totals", "city-total"]) == 2
    assert "did you mean 'city-totals'?" in capsys.readouterr().err


def test_explain_tells_the_story(place, capsys):
    assert skvm(["boost", "explain", "totals", "city-totals", "--json"]) == 0
    events = json.loads(capsys.readouterr().out)["events"]
    assert [each["event"] for each in events] == ["compiled", *["shadowed"] * 3, "fuzzed", "answered"]


def test_explain_a_prompt_it_answers(place, capsys):
    (place.root / "sales.csv").write_bytes(SALES)
    asked = ["boost", "explain", "totals", "city-totals", "--prompt", PROMPT, "--workdir", "."]
    assert skvm(asked) == 0
    assert "it would answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("Sum the rows of sales.csv.", "it departs from"),
        (PROMPT.replace("totals.json.", "/etc/passwd."), "its values are not like those it has seen"),
        (PROMPT + " Skip Rome.", "target = 'totals.json. Skip Rome'"),
    ],
)
def test_explain_a_prompt_it_does_not_answer(place, capsys, prompt, said):
    assert skvm(["boost", "explain", "totals", "city-totals", "--prompt", prompt]) == 1
    assert said in capsys.readouterr().out


def test_explain_files_it_does_not_take(place, capsys):
    (place.root / "sales.csv").write_bytes(SALES.replace(b",", b";"))
    asked = ["boost", "explain", "totals", "city-totals", "--prompt", PROMPT, "--workdir", ".", "--json"]
    assert skvm(asked) == 1
    assert "sales.csv" in json.loads(capsys.readouterr().out)["answer"]["reason"]


def test_disabled_it_answers_no_more_until_it_is_enabled(place, capsys):
    assert skvm(["boost", "disable", "totals", "city-totals"]) == 0
    assert listed(capsys)[0]["targets"][0]["status"] == "disabled"
    assert skvm(["boost", "enable", "totals", "city-totals"]) == 0
    assert listed(capsys)[0]["targets"][0]["status"] == "promoted"


def test_one_that_was_quarantined_is_watched_anew_once_enabled(place, capsys):
    record(place, event(Event.ANSWERED, 9, run_id="run-9", is_good=False, reason="output: too long"))
    assert listed(capsys)[0]["targets"][0]["status"] == "quarantined"
    assert skvm(["boost", "enable", "totals", "city-totals"]) == 0
    assert listed(capsys)[0]["targets"][0]["status"] == "watched"


def test_rm_asks_first(place, capsys):
    assert skvm(["boost", "rm", "totals"]) == 2
    assert "there is nobody to ask" in capsys.readouterr().err
    assert len(listed(capsys)) == 1
    assert skvm(["boost", "rm", "totals", "city-totals", "--yes"]) == 0
    assert listed(capsys) == []


def test_test_without_recorded_runs_says_so(place, capsys):
    working("auto")
    assert skvm(["boost", "test", "totals"]) == 0
    assert "unseen" in capsys.readouterr().out
    assert skvm(["boost", "test", "totals", "--sandbox=none"]) == 2


def cleaned(*more: str) -> int:
    return skvm(["clean-jit", "--model=fake/m", "--adapter=shell-agent", *more])


def test_clean_jit_looks_before_it_forgets(place, capsys):
    assert cleaned("--dry-run") == 0
    assert "totals  city-totals: removed" in capsys.readouterr().out
    assert len(listed(capsys)) == 1
    assert cleaned() == 2
    assert cleaned("--yes") == 0
    assert listed(capsys) == []


def test_clean_jit_keeps_what_was_met_elsewhere_and_forgets_what_it_did_here(place, capsys):
    record(place, *(event(Event.SHADOWED, 20 + n, THERE, run_id=f"p{n}", is_good=True) for n in range(2)))
    assert cleaned("--yes") == 0
    (found,) = listed(capsys)
    good = {target["harness"]: (target["status"], target["good"]) for target in found["targets"]}
    assert good == {"shell-agent": ("watched", 0), "pi": ("watched", 2)}


def test_clean_jit_of_a_target_where_nothing_was_learnt(place, capsys):
    assert skvm(["clean-jit", "--model=fake/other", "--adapter=pi", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] is False


def test_run_with_boost_needs_a_skill(place, capsys):
    (place.root / "task.json").write_text('{"id": "t", "prompt": "p", "eval": []}')
    assert skvm(["run", "--task", ".", "--model", "fake/m", "--boost=on"]) == 2
    assert "--boost needs --skill" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--boost=on"], "--boost needs --model and --skill"),
        (["--boost=shadow"], "a gateway sees no files"),
        (["--skill=x"], "--skill needs --boost=on"),
    ],
)
def test_gateway_with_boost_says_what_it_needs(place, capsys, more, said):
    assert skvm(["gateway", *more]) == 2
    assert said in capsys.readouterr().err


def test_improve_takes_names_of_a_model_and_nothing_on_trust(place, capsys):
    advice = {
        "params": [
            {"name": "column", "better_name": "amount_column", "description": "Column to add up."},
            {"name": "source", "better_name": "source", "description": "Table to read."},
            {"name": "target", "better_name": "2 bad", "description": "File to write."},
        ],
        "wordings": [{"number": 9, "values": [{"name": "column", "text": "x"}]}],
    }
    with FakeServer.running([FakeAnswer(json.dumps(advice))]) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "k"}
        config = {"providers": {"routes": [route]}, "autoProbe": False}
        (place.root / "cache" / "skvm.config.json").write_text(json.dumps(config))
        asked = ["boost", "improve", "totals", "city-totals", "--compiler-model=fake/m"]
        assert skvm(asked) == 0
    shown = capsys.readouterr().out
    assert "is   Sum the column `{amount_column}` of {source} by city" in shown
    assert "also" not in shown
    (found,) = listed(capsys)
    assert found["targets"] == []


def test_improve_asks_nobody(place, capsys):
    assert skvm(["boost", "improve", "totals", "city-totals", "--compiler-model=none"]) == 2
    assert "name a model" in capsys.readouterr().err


def test_of_a_skill_that_is_removed_whole_nothing_counts_any_more(place, capsys):
    assert skvm(["boost", "rm", "totals", "--yes"]) == 0
    BoostFolder(place.settings, "totals").save([candidate()])
    (target,) = listed(capsys)[0]["targets"]
    assert (target["status"], target["good"]) == ("watched", 0)
