"""What a compile did to the tokens an agent is given: at once, and with every added file loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from skvm.compiler.elimination.tokens import ESTIMATE, estimate_tokens
from skvm.llm.vocabulary import Vocabulary
from skvm.skill.emit import resource_bytes
from skvm.skill.ir import Skill

__all__ = ["TokenAccount", "account_of"]


@dataclass(frozen=True, slots=True)
class TokenAccount:
    """Tokens before and after.

    Args:
        tokenizer: Whose vocabulary counted, or ``estimate``.
        before: Of the original ``SKILL.md``.
        after: Of the variant's.
        with_every_file: Of the variant's and all text files it adds.
    """

    tokenizer: str
    before: int
    after: int
    with_every_file: int

    def record(self) -> dict[str, Any]:
        """The account as JSON."""
        return {
            "tokenizer": self.tokenizer,
            "tokensBefore": self.before,
            "tokensAfter": self.after,
            "tokensWithEveryFileLoaded": self.with_every_file,
        }


def account_of(
    original: Skill, made: Skill, files: Iterable[str], vocabulary: Vocabulary | None = None
) -> TokenAccount:
    """Count what stands, whatever was proposed.

    Args:
        original: The skill before the compile.
        made: The skill after it.
        files: Paths of the files it adds for agents to read.
        vocabulary: The target's; without one tokens are estimated.
    """

    def count(text: bytes) -> int:
        return (
            estimate_tokens(text) if vocabulary is None else vocabulary.count(text.decode("utf-8", "replace"))
        )

    known = {resource.path: resource for resource in made.resources}
    texts = [resource_bytes(made, path) for path in files if path in known and known[path].is_text]
    after = count(made.source)
    name = ESTIMATE if vocabulary is None else vocabulary.name
    return TokenAccount(name, count(original.source), after, after + sum(count(text) for text in texts))
