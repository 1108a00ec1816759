"""``skvm aot-compile --compiler-model``: asked once, locked, frozen; nonsense leaves no variant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from skvm.cli.main import run
from skvm.llm.fake import FakeServer
from tests.unit.compiler.asking.adviser import ADVISER, Script
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill

SENTENCE = "Write a letter to the customer in the voice of a patient shopkeeper."
EASIER = "Write a short, formal letter to the customer."
ANSWERS: Mapping[str, Any] = {
    "SkillNeeds": [
        {
            "purposes": [
                {
                    "purpose": "sample",
                    "requirements": [{"id": "reason.spatial", "level": "L2", "quote": SENTENCE}],
                }
            ]
        }
    ],
    "Proposals": [
        {"edits": [{"gap": 1, "old_text": SENTENCE, "new_text": EASIER, "why": "A plainer tone."}]}
    ],
    "Demand": [{"level": "L1"}],
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_skill(tmp_path, f"{SENTENCE}\n")
    profile = make_profile("L3", reason_spatial="L1")
    (tmp_path / "profile.json").write_text(profile.model_dump_json(by_alias=True))
    (tmp_path / "cache").mkdir()
    return tmp_path


def compile_with(place: Path, url: str, *more: str) -> int:
    route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": url, "apiKey": "k-0123456789"}
    (place / "cache/skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
    return run(
        [
            "aot-compile",
            f"--skill={place / 'sample'}",
            f"--model={MODEL}",
            f"--adapter={HARNESS}",
            f"--profile={place / 'profile.json'}",
            f"--compiler-model={ADVISER}",
            f"--skvm-cache={place / 'cache'}",
            "--no-auto-probe",
            *more,
        ]
    )


def variant_of(place: Path) -> Path:
    return place / "cache/proposals/aot-compile/shell-agent/local--weak/sample/p1"


def test_answers_are_locked_and_a_frozen_compile_needs_no_model(place: Path) -> None:
    script = Script(ANSWERS)
    with FakeServer.running(script) as server:
        assert compile_with(place, server.base_url) == 0
    text = (variant_of(place) / "SKILL.md").read_text()
    assert EASIER in text
    assert script.asked == ["SkillNeeds", "Proposals", "Demand"]
    lock = json.loads((place / "sample/skvm.lock").read_text())
    assert len(lock["answers"]) == 3
    # Another machine: neither the model nor its recorded answers are there, only the lock.
    for path in sorted((place / "cache/answers").rglob("*.json")):
        path.unlink()
    assert compile_with(place, "http://127.0.0.1:9/v1", "--frozen", "--force") == 0
    assert (variant_of(place) / "SKILL.md").read_text() == text


def test_a_frozen_compile_without_a_record_fails(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_with(place, "http://127.0.0.1:9/v1", "--frozen") == 1
    assert "SKV" in capsys.readouterr().err
    assert not variant_of(place).exists()


def test_nonsense_leaves_no_variant(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeServer.running(Script({"SkillNeeds": ["As a language model I cannot."]})) as server:
        assert compile_with(place, server.base_url) == 1
    assert "SKV252" in capsys.readouterr().err
    assert not variant_of(place).exists()
