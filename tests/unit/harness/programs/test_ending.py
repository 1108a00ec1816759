from __future__ import annotations

from pathlib import Path

import pytest

from skvm.errors import InfrastructureError
from skvm.evidence.record import Outcome
from skvm.harness.gateway.contract import Exchange, Recorded
from skvm.harness.programs.contract import Told
from skvm.harness.programs.driver import was_seen
from skvm.harness.programs.ending import Ran, complaint, ending_of
from skvm.harness.sandbox import Execution
from skvm.llm.contract import ProviderError


def answered() -> Exchange:
    from pydantic_ai.messages import ModelResponse, TextPart

    return Exchange("chat", "m", response=ModelResponse([TextPart("ok")]))


def ran(
    tmp_path: Path,
    *,
    exit_code: int | None = 0,
    told: Told | None = None,
    stderr: str = "",
    is_truncated: bool = False,
    **recorded: object,
) -> Ran:
    (tmp_path / "stderr").write_text(stderr)
    execution = Execution(exit_code, "", "", is_truncated, exit_code is None, 1.0)
    passed = Recorded(exchanges=(answered(),), **recorded)  # type: ignore[arg-type]
    return Ran("tool", execution, told or Told(), passed, tmp_path / "stderr", 9.0)


def test_what_the_gateway_saw_counts_before_what_the_program_says(tmp_path: Path) -> None:
    failed = Told(error="request failed with 500")
    for known, outcome in (
        ({"is_deadline": True}, Outcome.TIMED_OUT),
        ({"is_step_limit": True}, Outcome.STEP_LIMIT),
        ({"is_too_long": True}, Outcome.SCORED),
        ({}, Outcome.HARNESS_FAILED),
    ):
        run = ran(tmp_path, exit_code=1, told=failed, **known)  # type: ignore[arg-type]
        assert ending_of(run).outcome is outcome


def test_a_failure_of_ours_is_raised_as_what_it_is(tmp_path: Path) -> None:
    error = ProviderError("no answer", status=503)
    with pytest.raises(ProviderError) as caught:
        ending_of(ran(tmp_path, exit_code=1, failure=error))
    assert caught.value is error
    with pytest.raises(InfrastructureError, match="the gateway failed: ZeroDivisionError: x") as wrapped:
        ending_of(ran(tmp_path, failure=ZeroDivisionError("x")))
    assert isinstance(wrapped.value.__cause__, ZeroDivisionError)


def test_a_limit_of_the_programs_own_is_a_step_limit(tmp_path: Path) -> None:
    ending = ending_of(ran(tmp_path, exit_code=1, told=Told(is_step_limit=True)))
    assert ending.outcome is Outcome.STEP_LIMIT


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"exit_code": 2, "stderr": "Error: no\n"}, "tool ended with exit code 2: Error: no"),
        ({"exit_code": -11}, "tool ended with signal 11: it said nothing"),
        ({"told": Told(error="bad\nkey")}, "bad key"),
        ({"told": Told(error="bad", hint="mend\n it")}, "bad; mend it"),
        ({"is_truncated": True}, "tool printed without end and was stopped"),
    ],
)
def test_a_failure_is_told_in_one_line(tmp_path: Path, options: dict[str, object], detail: str) -> None:
    ending = ending_of(ran(tmp_path, **options))  # type: ignore[arg-type]
    assert (ending.outcome, ending.detail) == (Outcome.HARNESS_FAILED, detail)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("", None),
        ("\n  \n", None),
        ("starting\nready\n", "ready"),
        ("TypeError: x is not\n    at main (cli.js:1)\n    at node:2\n", "TypeError: x is not"),
        ("\x1b[31mError:\x1b[0m first\nError: last\nbye\n", "Error: last"),
        ("x" * 400, "x" * 300),
        ("permission denied\n" + "progress\n" * 9_000, "progress"),
    ],
)
def test_the_line_of_a_complaint(tmp_path: Path, said: str, line: str | None) -> None:
    (tmp_path / "stderr").write_text(said)
    assert complaint(tmp_path / "stderr") == line


def test_no_complaint_without_a_file(tmp_path: Path) -> None:
    assert complaint(tmp_path / "absent") is None


def test_a_text_was_seen_if_most_of_its_lines_were() -> None:
    text = "# Head\n\nPut everything away first.\nThen sweep the whole floor.\nThen go home and rest.\n-\n"
    assert was_seen(text, f"1\t{text}")
    numbered = "    3\tPut everything away first.\n    4\tThen sweep the whole floor.\n"
    assert was_seen(text, numbered)
    assert not was_seen(text, "# Head\n-\nThen go home and rest.")
    assert was_seen("Short.\n", "so it is: Short.")
    assert not was_seen("", "anything")
