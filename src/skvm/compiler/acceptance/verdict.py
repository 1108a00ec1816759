"""Acceptance: whether a variant that was measured against its original may take its place.

The variant is kept if the lower end of the 95 % interval of the paired difference (variant minus original) is
above ``THRESHOLD`` and nothing it must keep was lost. Else the variant folder holds the original and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from skvm.compiler.builds.proof import proof_of
from skvm.compiler.findings import SKV255
from skvm.compiler.keeping import find_losses
from skvm.compiler.pipeline import PipelineResult
from skvm.errors import FindingsError
from skvm.evaluate.stats import Comparison, compare_scores, exact_binomial
from skvm.skill.bundle import digest_of
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill
from skvm.target.profile import Profile

__all__ = [
    "MIN_PAIRS",
    "RECORD_NAME",
    "THRESHOLD",
    "Acceptance",
    "Bound",
    "Side",
    "TaskScores",
    "acceptance_account",
    "bound_of",
    "judge",
    "losses_of",
    "standing_result",
]

THRESHOLD = -0.1
"""How much worse than its original a variant may be at most, at the lower end of the interval."""
MIN_PAIRS = 3
"""Below so many pairs with scores nothing is decided, however they came out."""
RECORD_NAME = "acceptance.json"
"""The record's name in a variant."""
VerdictName = Literal["kept", "undecided", "worse", "unchanged"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class Side(_Record):
    """The runs of the original or of the variant.

    Args:
        runs: Runs made.
        scored: Runs with a score.
        mean: Mean score of the pairs that count, ``None`` without one.
        outcomes: Runs by how they ended.
        input_tokens: Tokens read by all runs, cached ones included.
        output_tokens: Tokens written by all runs.
    """

    runs: int = 0
    scored: int = 0
    mean: float | None = None
    outcomes: dict[str, int] = Field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0


class TaskScores(_Record):
    """The scores of one task, pair by pair.

    Args:
        id: The task.
        digest: Of the task.
        source: Where it came from: ``given``, ``evals`` or ``model``.
        original: Scores of the original, in order of repetition.
        variant: Those of the variant.
    """

    id: str
    digest: str
    source: str
    original: tuple[float, ...] = ()
    variant: tuple[float, ...] = ()


class Bound(_Record):
    """The 95 % interval of the difference.

    Args:
        low: Lower end.
        high: Upper end.
        method: How it was found, as ``evaluate.stats`` names it; ``exact`` where all pairs differ alike.
        over: What it speaks of: ``tasks`` in general, or ``runs`` of these tasks only.
    """

    low: float
    high: float
    method: str
    over: str


class Acceptance(_Record):
    """What measuring a variant against its original gave; holds no time and no place.

    Args:
        verdict: ``kept``, ``undecided``, ``worse``, or ``unchanged`` where there is nothing to measure.
        reason: Why, for a person.
        pairs: Pairs asked for.
        scored_pairs: Pairs in which both runs have a score.
        difference: Mean over tasks of variant minus original; ``None`` without a scored pair.
        interval: Around it.
        threshold: What the lower end has to be above.
        view: How a time-out counts.
        temperature: Sampling temperature of the runs.
        seeds: Sampling seeds, one a repetition, the same on both sides.
        lost: What the variant must keep and does not.
        original: The original's runs.
        variant: The variant's runs.
        tasks: Scores by task.
        original_digest: Of the original skill.
        variant_digest: Of the variant that was measured.
        model: Full model id of the target.
        harness: Harness name of the target.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    verdict: VerdictName
    reason: str
    pairs: int
    scored_pairs: int = 0
    difference: float | None = None
    interval: Bound | None = None
    threshold: float = THRESHOLD
    view: Literal["intention-to-treat"] = "intention-to-treat"
    temperature: float = 0.0
    seeds: tuple[int, ...] = ()
    lost: tuple[str, ...] = ()
    original: Side = Side()
    variant: Side = Side()
    tasks: tuple[TaskScores, ...] = ()
    original_digest: str
    variant_digest: str
    model: str
    harness: str

    @property
    def answer_key(self) -> str:
        """Under this key the record is one of the answers a build stands on."""
        parts = (self.original_digest, self.variant_digest, self.model, self.harness, str(self.pairs))
        return f"acceptance-{digest_of(' '.join(parts).encode())[7:]}"

    @property
    def is_kept(self) -> bool:
        """Whether the variant stands."""
        return self.verdict in {"kept", "unchanged"}

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        return self.model_dump(mode="json", by_alias=True)


def bound_of(
    variant: Mapping[str, Sequence[float]], original: Mapping[str, Sequence[float]]
) -> tuple[Comparison, Bound | None]:
    """The paired comparison of scores by task, and its interval.

    Where every pair differs by the same there is nothing to resample; then the bound is that of a proportion:
    if all of n pairs came out so, then with 95 % confidence at least a share p of all pairs does, and the
    rest is taken to differ by as much as scores can.
    """
    compared = compare_scores(variant, original, view="intention-to-treat")
    interval = compared.interval
    if interval is not None:
        return compared, Bound(
            low=interval.low, high=interval.high, method=interval.method, over=interval.over
        )
    if compared.difference is None:
        return compared, None
    pairs = sum(len(variant[task]) for task in compared.per_task)
    share = exact_binomial(pairs, pairs).low
    low = share * compared.difference - (1 - share)
    high = share * compared.difference + (1 - share)
    return compared, Bound(low=max(-1.0, low), high=min(1.0, high), method="exact", over="runs")


def judge(
    bound: Bound | None, *, scored_pairs: int, best: float, lost: Sequence[str] = ()
) -> tuple[VerdictName, str]:
    """The verdict and its reason.

    Args:
        bound: Interval of the difference.
        scored_pairs: Pairs it stands on.
        best: The best score of any run.
        lost: What the variant must keep and does not.
    """
    if lost:
        return "worse", f"the variant lost what it must keep: {lost[0]}"
    if bound is None or scored_pairs < MIN_PAIRS:
        return "undecided", f"{scored_pairs} pairs have scores; at least {MIN_PAIRS} are needed"
    said = f"the 95 % interval of the difference is {bound.low:+.3f} to {bound.high:+.3f}"
    if best <= 0:
        return "undecided", "no run of either side scored anything, so the tasks cannot tell them apart"
    if bound.low > THRESHOLD:
        return "kept", f"{said}, its lower end above {THRESHOLD:g}"
    if bound.high < 0:
        return "worse", f"{said}, all of it below 0"
    return "undecided", f"{said}, its lower end not above {THRESHOLD:g}"


def losses_of(result: PipelineResult) -> tuple[str, ...]:
    """What of the original the steps of a compile lost, looked at once more."""
    after = [step.before for step in result.steps[1:]] + [result.skill]
    return tuple(
        loss.message
        for step, made in zip(result.steps, after, strict=True)
        for loss in find_losses(step.before, made, dict(enumerate(step.edits)), step.files)
    )


def standing_result(result: PipelineResult, original: Skill, acceptance: Acceptance) -> PipelineResult:
    """What stands after a verdict: the compiled skill, or the original as if no pass had changed it."""
    if acceptance.is_kept:
        return result
    steps = tuple(replace(step, before=original, edits=(), dropped=(), files={}) for step in result.steps)
    return replace(result, skill=original, steps=steps)


def acceptance_account(
    original: Skill, result: PipelineResult, profile: Profile | None, acceptance: Acceptance
) -> dict[str, Any]:
    """What the proof says of a verdict: the record and, where the original stays, the edits not taken.

    Raises:
        FindingsError: The verdict is of another variant.
    """
    if skill_digest(result.skill) != acceptance.variant_digest:
        raise FindingsError(
            f"{SKV255.code}: what was measured is not the variant of skill {original.id!r} that was compiled",
            help="run the command again",
        )
    refused = [] if acceptance.is_kept else proof_of(original, result, profile)["edits"]
    return {"acceptance": {"record": acceptance.record(), "refusedEdits": refused}}
