"""Elimination as a whole: from a skill and a target to edits, files and an account of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.compiler.contract import Gap
from skvm.compiler.elimination.choice import LEAST_SKILL_TOKENS, choose
from skvm.compiler.elimination.moving import Moves, move_out
from skvm.compiler.elimination.passages import Outline
from skvm.compiler.elimination.pieces import Layout
from skvm.compiler.elimination.repetition import Repetition, contents_tables, second_copies
from skvm.compiler.elimination.standing import Standing, can_read_on_demand
from skvm.compiler.elimination.tokens import ESTIMATE, estimate_tokens
from skvm.compiler.reading.prose import Prose
from skvm.compiler.requirements import Analysis
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.profile import Profile

__all__ = ["Elimination", "eliminate"]


@dataclass(frozen=True, slots=True)
class Elimination:
    """What leaves.

    Args:
        moves: Passages that go into files.
        dropped: What is said elsewhere as well.
        tokens: Of ``SKILL.md`` as it is, estimated.
    """

    moves: Moves
    dropped: tuple[Repetition, ...]
    tokens: int

    @property
    def edits(self) -> tuple[Edit, ...]:
        """Changes to ``SKILL.md``, by place."""
        made = [*(move.edit for move in self.moves.moves), *(found.edit for found in self.dropped)]
        return tuple(sorted(made, key=lambda edit: edit.span))

    @property
    def files(self) -> Mapping[str, bytes]:
        """Bundle files to add."""
        return self.moves.files

    def account(self, standing: Sequence[Edit]) -> dict[str, Any]:
        """The artifact ``elimination``, of those of its edits that stand."""
        kept = set(standing)
        moves = [move for move in self.moves.moves if move.edit in kept]
        dropped = [found for found in self.dropped if found.edit in kept]
        saved = sum(move.saved_tokens for move in moves) + sum(found.saved_tokens for found in dropped)
        after = self.tokens - saved
        paths = {move.path for move in moves}
        added = sum(estimate_tokens(data) for path, data in self.files.items() if path in paths)
        return {
            "tokenizer": ESTIMATE,
            "tokensBefore": self.tokens,
            "tokensAfter": after,
            "tokensWithEveryFileLoaded": after + added,
            "moved": [move.record() for move in moves],
            "dropped": [found.record() for found in dropped],
        }


def eliminate(
    prose: Prose, analysis: Analysis, profile: Profile, *, gaps: Sequence[Gap], edits: Sequence[Edit]
) -> Elimination:
    """Propose what may leave ``SKILL.md``.

    Args:
        prose: The skill, read.
        analysis: What it needs.
        profile: The target's.
        gaps: What the target lacks; nothing leaves there.
        edits: What others propose; nothing leaves there either.
    """
    layout = Layout(prose)
    before = layout.tokens.total
    moves, dropped = Moves(), []
    taken = [gap.requirement.span for gap in gaps] + _claimed(edits)
    if can_read_on_demand(profile) and before >= LEAST_SKILL_TOKENS and not layout.is_misnested:
        dropped = [found for found in contents_tables(layout) if not _overlaps(taken, found.edit.span)]
        layout.gone = tuple(found.edit.span for found in dropped)
        outline = Outline(layout)
        chosen = choose(outline, Standing(profile, analysis.requirements), [*taken, *layout.gone])
        moves = move_out(outline, chosen)
        moved = [move.edit.span for move in moves.moves]
        dropped += second_copies(layout, [*taken, *layout.gone, *moved])
    return Elimination(moves, tuple(dropped), before)


def _overlaps(taken: Sequence[Span], span: Span) -> bool:
    return any(found.overlaps(span) for found in taken)


def _claimed(edits: Sequence[Edit]) -> list[Span]:
    found = []
    for edit in edits:
        found.append(Span(max(0, edit.span.start - 1), edit.span.end + 1))
        found += [] if edit.requirement is None else [edit.requirement]
        found += [span for _, span in edit.answers]
    return found
