"""Sandboxes and folders in which candidates are proved."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.confinement import CONFINING, working

from skvm.evidence.blobs import BlobStore
from skvm.harness.sandbox import Sandbox


@pytest.fixture(params=CONFINING)
def any_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return working(request.param)


@pytest.fixture
def sandbox() -> Sandbox:
    return working("auto")


@pytest.fixture
def ground() -> Iterator[Path]:
    # Not pytest's tmp_path: the user of a cell must be able to pass its parents.
    folder = Path(tempfile.mkdtemp(prefix="skvm-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")
