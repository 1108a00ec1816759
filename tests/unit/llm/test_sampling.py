"""What a model is told of sampling, and what the library would have warned of."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai.settings import ModelSettings

from skvm.llm.sampling import takes_sampling, without_sampling

ALWAYS = {"openai_supports_reasoning": True, "thinking_enabled_by_default": True}
PINNED = {
    **ALWAYS,
    "openai_supports_reasoning_effort_none": True,
    "openai_reasoning_efforts": frozenset({"low"}),
}
ON = {**ALWAYS, "openai_supports_reasoning_effort_none": True}
OFF = {**ON, "thinking_enabled_by_default": False}


@pytest.mark.parametrize(
    ("profile", "said", "takes"),
    [
        ({}, {}, True),
        ({"anthropic_disallows_sampling_settings": True}, {}, False),
        ({"thinking_enabled_by_default": True}, {"thinking": True}, True),
        (ALWAYS, {"effort": "none"}, False),
        (PINNED, {"effort": "none"}, False),
        (ON, {}, False),
        (ON, {"effort": "none", "thinking": True}, True),
        (ON, {"thinking": False}, True),
        (OFF, {}, True),
        (OFF, {"effort": "low", "thinking": False}, False),
        (OFF, {"thinking": "high"}, False),
    ],
)
def test_reasoning_models_take_no_sampling_while_they_reason(
    profile: dict[str, Any], said: dict[str, Any], *, takes: bool
) -> None:
    assert takes_sampling(profile, **said) is takes


def test_what_does_not_sample_stays() -> None:
    settings = ModelSettings(temperature=0.0, top_p=0.5, top_k=3, seed=7, max_tokens=9, stop_sequences=["x"])
    assert without_sampling(settings) == {"seed": 7, "max_tokens": 9, "stop_sequences": ["x"]}
