from __future__ import annotations

import json
from pathlib import Path

import pytest

from skvm.cli.main import run
from skvm.compiler.driver import is_complete
from skvm.target.contract import Level
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill
from tests.unit.profiler.solver import Solver, registered

BODY = "Orders: `orders.csv` with the columns `item`, `price`.\n\nCalculate the average `price`.\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_skill(tmp_path, BODY)
    (tmp_path / "profile.json").write_text(make_profile("L1").model_dump_json(by_alias=True))
    return tmp_path


def compile_with(place: Path, *more: str, verb: str = "aot-compile", skill: str | None = None) -> int:
    return run(
        [
            verb,
            f"--skill={skill or place / 'sample'}",
            f"--model={MODEL}",
            f"--adapter={HARNESS}",
            f"--skvm-cache={place / 'cache'}",
            *more,
        ]
    )


def given(place: Path) -> str:
    return f"--profile={place / 'profile.json'}"


@pytest.mark.parametrize("verb", ["aot-compile", "pipeline"])
def test_compiles_and_says_what_it_did(verb: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_with(place, given(place), verb=verb) == 0
    said = capsys.readouterr().out
    variant = place / "cache/proposals/aot-compile/shell-agent/local--weak/sample/p1"
    assert is_complete(variant)
    assert f"written to {variant}" in said
    assert "reason.arithmetic L2 → not needed" in said


def test_explain_prints_the_chain_and_the_diff(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_with(place, given(place), "--explain", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "the target holds" in said
    assert "+python3 scripts/calc.py mean orders.csv price" in said
    assert "dry run: nothing was written" in said
    assert not (place / "cache").exists()


def test_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_with(place, given(place), "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["failed"] == []
    assert printed["compiled"][0]["artifacts"]["gaps"][0]["gapType"] == "weak"


def test_no_gaps_says_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "profile.json").write_text(make_profile("L3").model_dump_json(by_alias=True))
    assert compile_with(place, given(place)) == 0
    said = capsys.readouterr().out
    assert "0 gaps" in said
    assert "the variant equals the original" in said


WRONG = [
    (["--pass="], 0, ""),
    (["--pass= "], 2, "no pass is named"),
    (["--pass=9"], 2, "no pass number 9"),
    (["--pass=rewrite-skil"], 2, "did you mean 'rewrite-skill'"),
    (["--compiler-model=anthropic/x"], 2, "no route serves 'anthropic/x'"),
    (["--compiler-model=x"], 2, "--compiler-model=none compiles statically"),
    (["--adapter=shel-agent"], 2, "did you mean 'shell-agent'"),
    (["--skill=/nowhere/at/all"], 2, "nowhere"),
    (["--model=local/other"], 1, "not of local/other"),
    (["--model=a,b"], 2, "describes one target"),
    (["--frobnicate"], 2, "No such option"),
]


@pytest.mark.parametrize(("more", "code", "words"), WRONG)
def test_wrong_use(
    more: list[str], code: int, words: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compile_with(place, given(place), "--dry-run", *more) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_pipeline_refuses_a_configuration_the_harness_has_not(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compile_with(place, given(place), "--adapter-config=native", verb="pipeline") == 2
    assert "no configuration of its own" in capsys.readouterr().err
    assert compile_with(place, given(place), "--adapter-config=managed", verb="pipeline") == 0


@pytest.mark.parametrize("missing", ["--skill", "--model"])
@pytest.mark.parametrize("verb", ["aot-compile", "pipeline"])
def test_required(verb: str, missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    given_flags = [flag for flag in ("--skill=x", "--model=y/z") if not flag.startswith(missing)]
    assert run([verb, *given_flags]) == 2
    assert f"{missing} is required" in capsys.readouterr().err


def test_a_missing_profile_names_the_command(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_with(place) == 2
    assert f"skvm profile --model={MODEL} --adapter={HARNESS}" in capsys.readouterr().err


def test_one_failing_job_does_not_stop_the_others(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "blank").mkdir()
    (place / "blank" / "SKILL.md").write_text("  \n")
    code = compile_with(place, given(place), "--concurrency=2", skill=f"{place / 'blank'},{place / 'sample'}")
    caught = capsys.readouterr()
    assert code == 1
    assert "blank" in caught.err
    assert is_complete(place / "cache/proposals/aot-compile/shell-agent/local--weak/sample/p1")


def test_a_job_that_took_too_long_is_told_by_its_code(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compile_with(place, given(place), "--timeout-ms=1", "--json") == 3
    [failed] = json.loads(capsys.readouterr().out)["failed"]
    assert failed["error"] == "SKV288: not done after 1 ms; nothing was written"
    assert failed["help"] == "allow more with --timeout-ms"
    assert not (place / "cache/proposals").exists()


def test_passes_that_edit_nothing_say_what_they_found_and_where_it_is_recorded(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = "Run:\n\n```bash\nffmpeg -i a.mp3 b.wav\n```\n\nCalculate the median absolute deviation of `x`.\n"
    skill = make_skill(place, body)
    assert compile_with(place, given(place), "--pass=2,3") == 0
    said = capsys.readouterr().out
    assert "needs of the machine: system:ffmpeg; skvm env check says what is missing" in said
    assert "steps that can run at once: none for sure" in said
    assert f"recorded in {skill.root}/skvm.lock (--no-lock leaves it out)" in said
    assert "the variant equals the original, 1 place still above the target" in said


def test_errors_of_the_skill_itself_are_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "sample/SKILL.md").write_text(BODY)
    assert compile_with(place, given(place), "--dry-run") == 0
    assert f"errors of its own (SKV110): skvm lint {place / 'sample'}" in capsys.readouterr().err


def test_primitives_of_a_profile_that_nobody_knows_are_told(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = json.loads((place / "profile.json").read_text())
    profile["capabilities"] |= {"gen.code.cobol": "L1"}
    (place / "profile.json").write_text(json.dumps(profile))
    assert compile_with(place, given(place), "--dry-run", "--json") == 0
    said = capsys.readouterr()
    assert "unknown here, which count for nothing: gen.code.cobol\n" in said.err
    assert json.loads(said.out)["compiled"][0]["diagnostics"] == []


def test_nothing_a_terminal_would_obey_is_printed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = BODY.replace("average", "average \x1b]0;title\x07 of each")
    make_skill(place, body, front='name: "s\\e[31mred"\ndescription: Sample.\n')
    compile_with(place, given(place), "--dry-run", "--explain")
    caught = capsys.readouterr()
    assert "[31mred for" in caught.out
    assert not set("\x1b\x07") & set(caught.out + caught.err)


def test_two_skills_of_one_name_do_not_share_a_place(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "other").mkdir()
    other = make_skill(place / "other", BODY).root
    assert compile_with(place, given(place), skill=f"{place / 'sample'},{other}") == 2
    assert "are both called 'sample'" in capsys.readouterr().err
    assert (
        compile_with(place, given(place), "--json", skill=f"{place / 'sample'},{place}/sample/SKILL.md") == 0
    )
    assert len(json.loads(capsys.readouterr().out)["compiled"]) == 1


def test_list_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["aot-compile", "--list-passes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert (listed[0]["number"], listed[0]["id"]) == (1, "rewrite-skill")
    numbers = [entry["number"] for entry in listed]
    assert numbers == sorted(set(numbers))


def test_pipeline_takes_the_stored_profile(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from skvm.target.store import ProfileStore

    ProfileStore(place / "cache" / "profiles").save(make_profile("L1"), {})
    assert compile_with(place, verb="pipeline") == 0
    caught = capsys.readouterr()
    assert "covers all the skill needs" in caught.err
    assert "written to" in caught.out


def test_pipeline_measures_nothing_for_what_it_cannot_compile(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "sample/SKILL.md").write_text(" \n")
    solver = Solver({})
    with registered(solver):
        flags = [
            f"--skill={place / 'sample'}",
            "--model=test/m",
            "--adapter=solver",
            f"--skvm-cache={place}/cache",
        ]
        assert run(["pipeline", *flags]) == 1
    assert "SKV281" in capsys.readouterr().err
    assert not (place / "cache").exists()


def test_pipeline_measures_what_is_missing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    route = {
        "match": "test/*",
        "kind": "openai-compatible",
        "baseUrl": "http://127.0.0.1:9/v1",
        "apiKey": "k",
    }
    (place / "cache").mkdir()
    (place / "cache" / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
    solver = Solver({"reason.arithmetic": Level.L1, "tool.exec": Level.L1})
    with registered(solver):
        code = run(
            [
                "pipeline",
                f"--skill={place / 'sample'}",
                "--model=test/m",
                "--adapter=solver",
                "--sandbox=none",
                f"--skvm-cache={place / 'cache'}",
            ]
        )
    assert code == 0
    assert "reason.arithmetic L2 → not needed" in capsys.readouterr().out
    assert is_complete(place / "cache/proposals/aot-compile/solver/test--m/sample/p1")
