"""What the tests of commands share: a machine on which nothing came with the package."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_prebuilt_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those that come with the package change with each release."""
    monkeypatch.setattr("skvm.target.store.PREBUILT_DIR", tmp_path / "prebuilt")
