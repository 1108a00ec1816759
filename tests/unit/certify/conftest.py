"""What the tests of certificates share: a skill, a journal with a bench of it, a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.certify.place import Place, make_place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return make_place(tmp_path, monkeypatch)
