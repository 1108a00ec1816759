"""Looking at profiles: show, list, compare; how a profile is named; what fits on a screen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from skvm.cli import console
from skvm.cli.main import run
from skvm.target.contract import Level
from skvm.target.profile import LevelResult, PrimitiveDetail, Profile, TokenUsage
from skvm.target.store import ProfileStore

IDS = ("gen.regex", "reason.logic", "tool.exec")
UNTOLD = "qwen/qwen@2:free"


def stored(folder: Path, model: str, harness: str, level: str, **more: object) -> Path:
    """A complete profile of three primitives, ten probes a level, one primitive unmeasured."""
    rank = int(level[1])
    results = tuple(
        LevelResult(
            level=Level(f"L{at}"),
            passed=at <= rank,
            pass_count=10 if at <= rank else 1,
            total_count=10,
            interval=(0.69, 1.0) if at <= rank else (0.0, 0.45),
            duration_ms=1500,
        )
        for at in (1, 2, 3)
    )
    details = tuple(
        PrimitiveDetail(
            primitive_id=name,
            highest_level=Level(level),
            level_results=results,
            runs=30,
            usage=TokenUsage(input=1000, output=200),
            cost_usd=0.25,
            measured_at="2026-02-03T04:05:06Z",
            calibration_note="L2 contradicted L3" if name == "tool.exec" else None,
        )
        for name in IDS
    )
    profile = Profile(
        model=model,
        harness=harness,
        profiled_at="2026-02-03T04:05:06Z",
        capabilities=dict.fromkeys(IDS, Level(level)),
        details=details,
        unmeasured={"tool.browser": "the harness has no browser"},
        requested=(*IDS, "tool.browser"),
        **more,
    )
    return ProfileStore(folder / "profiles").save(profile, {})


def skvm(folder: Path, *arguments: str) -> int:
    return run(["profile", *arguments, "--skvm-cache", str(folder)])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stored(tmp_path, "local/a", "bare-agent", "L3")
    stored(tmp_path, "local/a", "shell-agent", "L1")
    stored(tmp_path, UNTOLD, "shell-agent", "L2")
    monkeypatch.setattr(console.out, "_width", 80)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("local/a@bare-agent", [("local/a", "bare-agent")]),
        ("local/a", [("local/a", "bare-agent"), ("local/a", "shell-agent")]),
        (UNTOLD, [(UNTOLD, "shell-agent")]),
        (f"{UNTOLD}@shell-agent", [(UNTOLD, "shell-agent")]),
    ],
)
def test_a_profile_is_named_by_model_and_harness(
    cache: Path, capsys: pytest.CaptureFixture[str], name: str, shown: list[tuple[str, str]]
) -> None:
    assert skvm(cache, "show", name, "--json") == 0
    told = json.loads(capsys.readouterr().out)["profiles"]
    assert [(each["profile"]["model"], each["profile"]["harness"]) for each in told] == shown


def test_a_profile_is_named_by_its_path(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = cache / "profiles" / "bare-agent" / "local--a"
    for path in (folder, folder / "latest.json"):
        assert skvm(cache, "show", str(path)) == 0
        assert "local/a in bare-agent" in capsys.readouterr().out


def test_options_before_a_verb_hold_for_it(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = ["profile", "--skvm-cache", str(cache), "--model=local/a", "--adapter", "shell-agent", "--json"]
    assert run([*before, "show"]) == 0
    (only,) = json.loads(capsys.readouterr().out)["profiles"]
    assert only["profile"]["harness"] == "shell-agent"
    assert run([*before, "list"]) == 0
    (only,) = json.loads(capsys.readouterr().out)["profiles"]
    assert (only["model"], only["harness"]) == ("local/a", "shell-agent")


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "local/a@bare-agent"),
        ("show", "local/a@bare-agent", "--cost"),
        ("list",),
        ("compare", "local/a@bare-agent", "local/a@shell-agent"),
    ],
)
def test_tables_fit_80_columns(
    cache: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert skvm(cache, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 24
    assert [line for line in lines if cell_len(line.rstrip()) > 80 and str(cache) not in line] == []


def test_show_says_levels_counts_intervals_notes_and_reasons(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert skvm(cache, "show", "local/a@shell-agent") == 0
    said = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in said.splitlines() if line.strip()}
    assert lines["gen.regex"] == ["gen.regex", "L1", "10/10", "0.69–1.00", *("1/10", "0.00–0.45") * 2]
    assert lines["tool.exec"][-1] == "1"
    assert "1 L2 contradicted L3" in said
    assert lines["tool.browser"] == ["tool.browser", "–", "unmeasured"]
    assert "unmeasured: tool.browser – the harness has no browser" in said
    assert "3 measured (3 L1)" in said


def test_cost_adds_up(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert skvm(cache, "show", "local/a@shell-agent", "--cost", "--primitives=gen.regex,tool.exec") == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert lines["gen.regex"] == ["gen.regex", "L1", "30", "1,000", "200", "0.2500", "4", "2026-02-03"]
    assert lines["total"] == ["total", "60", "2,000", "400", "0.5000", "9"]
    assert "reason.logic" not in lines


def test_an_unknown_price_is_not_summed_up(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = cache / "profiles" / "bare-agent" / "local--a" / "latest.json"
    value = json.loads(path.read_text())
    del value["details"][0]["costUsd"]
    path.write_text(json.dumps(value))
    assert skvm(cache, "show", "local/a@bare-agent", "--cost") == 0
    (total,) = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("total")]
    assert total == ["total", "90", "3,000", "600", "–", "14"]


def test_compare_marks_what_differs(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert skvm(cache, "compare", "local/a@bare-agent", "local/a@shell-agent") == 0
    said = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in said.splitlines() if line.strip()}
    verdict = ["L3", "10/10", "0.69–1.00", "L1", "1/10", "0.00–0.45", "A", ">", "B", "at", "L2"]
    assert lines["gen.regex"][1:] == verdict
    assert lines["tool.browser"][1:] == ["–", "unmeasured", "–", "unmeasured", "unmeasured"]
    assert "unmeasured in A: tool.browser – the harness has no browser" in said
    assert "4 primitives: 0 same, 3 A higher, 0 B higher, 0 not told apart, 1 unmeasured" in said


def test_compare_for_programs(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = str(cache / "profiles" / "bare-agent" / "local--a" / "latest.json")
    assert skvm(cache, "compare", UNTOLD, mine, "--json", "--primitives", "gen.regex,tool.browser") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["summary"] == {"same": 0, "differ": 1, "not-told-apart": 0, "unmeasured": 1}
    regex, browser = told["primitives"]
    assert (regex["verdict"], regex["decidingLevel"]) == ("differ", "L3")
    assert regex["a"]["levels"]["L3"] == {"passes": 1, "trials": 10, "interval": [0.0, 0.45]}
    assert browser["a"]["level"] is None
    assert browser["a"]["unmeasured"] == "the harness has no browser"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show"], "no model given"),
        (["show", "local/b"], "did you mean 'local/a@"),
        (["show", "local/a@bare-agnt"], "did you mean 'local/a@bare-agent'"),
        (["show", "local/a", "--primitives=gen.regx"], "did you mean 'gen.regex'"),
        (["compare", "local/a@bare-agent"], "Missing argument 'B'"),
        (["compare", "local/a", UNTOLD], "in 2 harnesses"),
        (["compare", "local/a@bare-agent", UNTOLD, "--primitives=tool.exek"], "did you mean 'tool.exec'"),
        (["comare", "a", "b"], "Did you mean 'compare'"),
        (["show", "./absent.json"], "absent.json: No such file"),
        (["show", "x" * 5000], "xxx… is too long"),
        (["show", "a\0b"], "cannot name a directory"),
    ],
)
def test_wrong_words_exit_2_with_a_way_out(
    cache: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert skvm(cache, *arguments) == 2
    assert said in capsys.readouterr().err


def test_what_came_with_the_package_is_found_and_told(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = stored(cache, "local/new", "acp-agent", "L2")
    (cache / "prebuilt" / "acp-agent").mkdir(parents=True)
    made.parent.rename(cache / "prebuilt" / "acp-agent" / made.parent.name)
    assert skvm(cache, "show", "local/new@acp-agent") == 0
    assert "local/new in acp-agent" in capsys.readouterr().out
    assert skvm(cache, "list", "--model=local/new") == 0
    assert capsys.readouterr().out.splitlines()[2].split()[-3:] == ["3", "L2", "pre-built"]
    assert skvm(cache, "list", "--json") == 0
    told = {each["model"]: each["isPrebuilt"] for each in json.loads(capsys.readouterr().out)["profiles"]}
    assert told == {"local/a": False, "local/new": True, UNTOLD: False}


def test_what_strangers_wrote_is_not_obeyed(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = cache / "p.json"
    value = {"version": "1.0", "model": "m\x1b[2J", "harness": "h", "profiledAt": "t\n", "capabilities": {}}
    path.write_text(json.dumps({**value, "unmeasured": {"gen.regex": "bad \ud800 [/red]"}}))
    for arguments in (["show", str(path)], ["compare", str(path), UNTOLD], ["show", str(path), "--json"]):
        assert skvm(cache, *arguments) == 0
        said = capsys.readouterr().out
        assert "\x1b[2J" not in said
        assert "[/red]" in said
