"""Which models take a temperature, and settings for those that take none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic_ai.settings import ModelSettings

__all__ = ["takes_sampling", "without_sampling"]

_SAMPLING = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "openai_logprobs",
        "openai_top_logprobs",
    }
)


def takes_sampling(profile: Mapping[str, Any], *, effort: object = None, thinking: object = None) -> bool:
    """Whether a request may say how to sample; models that reason refuse it, some only while they do.

    Args:
        profile: What is known of the model.
        effort: How hard the request wants it to reason, ``none`` for not at all; ``None`` if it does not say.
        thinking: Whether, or how hard, it is to think, where ``effort`` is not said.
    """
    if profile.get("anthropic_disallows_sampling_settings"):
        return False
    if not profile.get("openai_supports_reasoning"):
        return True
    efforts = profile.get("openai_reasoning_efforts")
    can_stop = profile.get("openai_supports_reasoning_effort_none") if efforts is None else "none" in efforts
    if not can_stop:
        return False
    if effort is not None:
        return effort == "none"
    if thinking is not None:
        return thinking is False
    return not profile.get("thinking_enabled_by_default")


def without_sampling(settings: ModelSettings) -> ModelSettings:
    """The settings but for those of sampling."""
    return cast("ModelSettings", {name: value for name, value in settings.items() if name not in _SAMPLING})
