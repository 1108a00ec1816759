"""A scripted compiler model on loopback: one answer for each form it is asked for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from skvm.compiler.counsel import RecordedCounsel, open_counsel
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.settings import Route, load_settings

ADVISER = "fake/adviser"
FORMS = {
    "SkillNeeds": "Below are a scale of abilities",
    "Proposals": "Propose replacements of short pieces of text",
    "Demand": "How much of this ability does the passage below demand",
    "TrialTasks": "Invent small tasks",
}
"""Words only the question for a form holds."""


@dataclass
class Script:
    """What the model says to each form; the last answer of a form is given again.

    Args:
        answers: JSON values, or texts that are sent as they are, by name of the form.
        asked: The forms it was asked for, in order.
        prompts: The whole requests, as text.
    """

    answers: Mapping[str, Sequence[Any]]
    asked: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)

    def __call__(self, body: dict[str, Any]) -> FakeAnswer:
        text = json.dumps(body, ensure_ascii=False)
        form = next(name for name, words in FORMS.items() if words in text)
        said = self.answers.get(form, [{}])
        answer = said[min(self.asked.count(form), len(said) - 1)]
        self.asked.append(form)
        self.prompts.append("\n".join(str(message.get("content")) for message in body["messages"]))
        return FakeAnswer(answer if isinstance(answer, str) else json.dumps(answer))


@asynccontextmanager
async def advised(folder: Path, script: Script) -> AsyncIterator[RecordedCounsel]:
    """A counsel whose model follows the script."""
    async with FakeServer(script) as server:
        route = Route("fake/*", "openai-compatible", base_url=server.base_url, api_key="k-0123456789")
        base = load_settings(cache_dir=str(folder / "cache"), env={})
        settings = replace(base, auto_probe=False, routes=(route,))
        async with open_counsel(settings, ADVISER) as counsel:
            assert counsel is not None
            yield counsel
