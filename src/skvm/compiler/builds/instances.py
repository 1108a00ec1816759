"""What failed probes of the target looked like, copied into the variant for whoever reads the compile."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skvm.target.contract import Level
from skvm.target.profile import Profile

__all__ = ["MAX_BYTES", "MAX_PER_LEVEL", "instance_records", "read_failures"]

MAX_PER_LEVEL = 3
"""Failed probes kept of one level of one primitive."""
MAX_BYTES = 16_384
"""The largest record; of a larger one only its head is kept."""
_HEAD = ("primitiveId", "level", "instance", "evalDetails")
_MAX_TEXT = 2_000


def instance_records(
    gaps: Sequence[Mapping[str, Any]], failures: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, bytes]:
    """``_profiling/<primitive>/<level>/<n>.json`` for the levels that gaps stand on.

    Args:
        gaps: What the target lacks of what the skill needs, as the artifact ``gaps`` holds it.
        failures: Failure reports by ``primitive/level``, as stored beside the profile.
    """
    found: dict[str, bytes] = {}
    wanted = {
        f"{gap['primitiveId']}/L{rank}"
        for gap in gaps
        for rank in range(Level(gap["modelLevel"]).rank + 1, Level(gap["requiredLevel"]).rank + 1)
    }
    for place in sorted(wanted & set(failures)):
        for number, report in enumerate(failures[place][:MAX_PER_LEVEL], 1):
            found[f"_profiling/{place}/{number}.json"] = _capped(report)
    return found


def read_failures(folder: Path, profile: Profile) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The failure reports beside a profile, by ``primitive/level``; none where they are not its own."""
    try:
        stored = json.loads((folder / "failure-reports.json").read_bytes())
        if stored["profiledAt"] != profile.profiled_at:
            return {}
        reports = dict(stored["reports"])
    except (OSError, ValueError, KeyError, TypeError):
        # They explain, they decide nothing: a compile goes on without them.
        return {}
    return {
        str(place): [report for report in more if isinstance(report, dict)]
        for place, more in sorted(reports.items())
        if isinstance(more, list)
    }


def _capped(report: Mapping[str, Any]) -> bytes:
    # How long a probe took is not part of how it failed, and no input a compile may depend on twice.
    kept = {key: value for key, value in report.items() if key != "durationMs"}
    data = _bytes(kept)
    if len(data) > MAX_BYTES:
        head = {key: str(kept[key])[:_MAX_TEXT] for key in _HEAD if key in kept}
        data = _bytes({**head, "shortened": True})
    return data


def _bytes(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "replace")
