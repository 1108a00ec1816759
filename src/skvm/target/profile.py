"""The target capability profile: compatible TCP 1.0 with optional keys of our own.

Additions stand only in new optional keys, which older readers drop: ``schema`` of our extension,
seeds, usage, intervals, coverage. *Unmeasured* is an absent id, listed in ``unmeasured`` with the reason.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from skvm.target.contract import Level

__all__ = ["LevelResult", "PrimitiveDetail", "Profile", "ProfileCost", "TokenUsage"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class TokenUsage(_Part):
    """Token counts as the compatible files hold them."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


class ProfileCost(_Part):
    """What a profile cost; dollars are ``None`` in memory where the price is unknown (0 in the old key)."""

    total_usd: float = 0.0
    total_tokens: TokenUsage = TokenUsage()
    duration_ms: float = 0.0
    usd_known: bool | None = None


class LevelResult(_Part):
    """What one level's probes gave.

    Args:
        level: L1–L3.
        passed: Whether the level counts as held.
        pass_count: Probes passed.
        total_count: Probes asked, skipped ones included.
        skip_count: Probes that could not be asked or graded.
        failure_details: One line a failed probe.
        seeds: Seeds of the probes, in order (ours).
        interval: 95 % interval of the success probability, valid whenever one stops (ours).
        outcomes: Whether each probe passed, in the order of the seeds (ours).
    """

    level: Level
    passed: bool
    pass_count: int
    total_count: int
    skip_count: int = 0
    duration_ms: float = 0.0
    cost_usd: float = 0.0
    test_description: str = ""
    failure_details: tuple[str, ...] = ()
    failure_artifacts: tuple[dict[str, Any], ...] | None = None
    seeds: tuple[int, ...] | None = None
    interval: tuple[float, float] | None = None
    outcomes: tuple[bool, ...] | None = None


class PrimitiveDetail(_Part):
    """Everything measured of one primitive.

    Args:
        primitive_id: Which.
        highest_level: The level it counts as having.
        level_results: Evidence by level.
        calibration_note: What had to be resolved.
        conv_log_dir: Where logs lie, in foreign files.
        usage: Tokens of all its runs (ours).
        cost_usd: Dollars of all its runs, ``None`` where the price is unknown (ours).
        runs: Runs made, retries included (ours).
        probe_digest: Digest of the probes it was measured with (ours).
        design: How many probes were asked and when it was stopped (ours).
        measured_at: ISO time stamp (ours).
        harness_revision: Of a built-in harness, where it is not the first (ours).
        prior: What was expected of L0–L3 when it was decided, from the target's other primitives (ours).
    """

    primitive_id: str
    highest_level: Level
    level_results: tuple[LevelResult, ...] = ()
    calibration_note: str | None = None
    conv_log_dir: str | None = None
    usage: TokenUsage | None = None
    cost_usd: float | None = None
    runs: int | None = None
    probe_digest: str | None = None
    design: str | None = None
    measured_at: str | None = None
    prior: tuple[float, float, float, float] | None = None
    harness_revision: int | None = None


class Profile(_Part):
    """A target's machine description.

    Args:
        version: Always ``"1.0"``.
        model: Full model id.
        harness: Harness name.
        profiled_at: ISO time stamp.
        capabilities: Level by primitive id; an absent id is unmeasured.
        details: Evidence by primitive.
        cost: What it cost.
        is_partial: Whether something that was asked for is missing.
        unmeasured: Why an id that was asked for is absent (ours).
        requested: Ids this profile set out to measure (ours); ``None`` in foreign files.
        skvm_version: Version that measured it (ours).
        catalogue_digest: Digest of the probe catalogue it was measured with (ours).
        instances: Probes a level at most (ours).
        simulated: Whether a simulated processor answered (ours).
        unfinished: Primitives under way, in the checkpoint of a measurement (ours).
    """

    version: Literal["1.0"] = "1.0"
    model: str
    harness: str
    profiled_at: str
    capabilities: dict[str, Level] = Field(default_factory=dict)
    details: tuple[PrimitiveDetail, ...] = ()
    cost: ProfileCost = ProfileCost()
    is_partial: bool = False
    unmeasured: dict[str, str] | None = None
    requested: tuple[str, ...] | None = None
    skvm_version: str | None = None
    catalogue_digest: str | None = None
    instances: int | None = None
    simulated: bool | None = None
    unfinished: tuple[PrimitiveDetail, ...] | None = None

    def level_of(self, primitive_id: str) -> Level | None:
        """The measured level, ``None`` where unmeasured."""
        return self.capabilities.get(primitive_id)
