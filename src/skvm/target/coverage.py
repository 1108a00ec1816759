"""What of a profile may be used again, and why the rest may not.

A profile answers for a primitive if it was measured with the same probes in the same design. Foreign
profiles carry no digests: a complete one answers for what it holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from skvm.target.contract import LEVELS, Primitive
from skvm.target.profile import Profile

__all__ = ["Coverage", "ProfileKey", "catalogue_digest", "coverage", "probe_digest"]

_SAMPLE_SEEDS = range(4)


def probe_digest(primitive: Primitive) -> str:
    """Digest of what a primitive asks: its revision, claims, and the first probes of each level."""
    digest = hashlib.sha256(f"{primitive.id}\n{primitive.revision}\n".encode())
    for level in LEVELS:
        digest.update(primitive.levels[level].claim.encode())
        for seed in _SAMPLE_SEEDS:
            probe = primitive.probe(level, seed)
            shown = [probe.prompt, dict(probe.files), dict(probe.secret)]
            digest.update(json.dumps(shown, sort_keys=True, default=str).encode())
    return f"sha256:{digest.hexdigest()}"


def catalogue_digest(digests: Mapping[str, str]) -> str:
    """Digest over the probe digests of several primitives, by id."""
    text = "\n".join(f"{name} {digests[name]}" for name in sorted(digests))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class ProfileKey:
    """What a measurement would be: the target, the probes, the design.

    Args:
        model: Full model id.
        harness: Harness name.
        design: What the ladder calls itself (``fixed-3``).
        probes: Probe digest by primitive id: what is asked for.
        harness_revision: Of a built-in harness, whose words are part of what is measured.
    """

    model: str
    harness: str
    design: str
    probes: Mapping[str, str]
    harness_revision: int = 1

    @classmethod
    def of(
        cls,
        model: str,
        harness: str,
        design: str,
        primitives: Iterable[Primitive],
        harness_revision: int = 1,
    ) -> ProfileKey:
        """The key of measuring these primitives."""
        probes = {primitive.id: probe_digest(primitive) for primitive in primitives}
        return cls(model, harness, design, probes, harness_revision)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of a profile answers a request.

    Args:
        usable: Ids whose measured level may be used again.
        missing: The others of the request, each with the reason.
    """

    usable: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether nothing has to be measured."""
        return not self.missing


def coverage(profile: Profile | None, key: ProfileKey, *, accept_foreign: bool = True) -> Coverage:
    """Which of the primitives asked for a profile answers for.

    Args:
        profile: What is stored, ``None`` for nothing.
        key: What is asked.
        accept_foreign: Whether a complete profile without our keys answers for what it holds.
    """
    if profile is None:
        return Coverage(missing=dict.fromkeys(key.probes, "never measured"))
    details = {detail.primitive_id: detail for detail in profile.details}
    usable, missing = [], {}
    for name, digest in key.probes.items():
        detail = details.get(name)
        if profile.level_of(name) is None:
            missing[name] = (profile.unmeasured or {}).get(name, "not in the profile")
        elif detail is None or detail.probe_digest is None:
            if profile.is_partial or not accept_foreign:
                missing[name] = "measured by something else, or only in part"
            else:
                usable.append(name)
        elif detail.probe_digest != digest:
            missing[name] = "measured with other probes"
        elif (detail.harness_revision or 1) != key.harness_revision:
            missing[name] = "measured in another revision of the harness"
        elif detail.design != key.design:
            missing[name] = f"measured with the design {detail.design}, not {key.design}"
        else:
            usable.append(name)
    return Coverage(tuple(usable), missing)
