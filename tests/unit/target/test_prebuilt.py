"""Profiles that come with the package: readable, whole, dated, with seeds, and of no machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from skvm.harness.contract import HARNESSES
from skvm.llm.catalog import CATALOG
from skvm.settings import load_settings
from skvm.target.contract import PRIMITIVES
from skvm.target.store import PREBUILT_DIR, ProfileStore, read_profile

FILES = sorted(PREBUILT_DIR.glob("*/*/latest.json"))


def test_there_are_some() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}/{path.parent.name}")
def test_a_prebuilt_profile_is_whole(path: Path, tmp_path: Path) -> None:
    profile = read_profile(path)
    assert profile.harness in HARNESSES.names()
    assert profile.model.removeprefix("local/") in {entry.id for entry in CATALOG}
    assert not profile.is_partial
    assert profile.simulated is None
    assert set(profile.capabilities) | set(profile.unmeasured or {}) == set(PRIMITIVES.names())
    assert {detail.primitive_id for detail in profile.details} == set(profile.capabilities)
    for detail in profile.details:
        assert detail.measured_at
        assert detail.probe_digest
        for result in detail.level_results:
            assert len(result.seeds or ()) == len(result.outcomes or ()) == result.total_count > 0
    assert not re.search(r"/(tmp|root|home|work)/", path.read_text())
    settings = load_settings(cache_dir=str(tmp_path), env={})
    stored = ProfileStore.of(settings).latest(profile.model, profile.harness)
    assert stored is not None
    assert stored.is_prebuilt
    assert stored.profile == profile
