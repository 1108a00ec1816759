"""Every reader of foreign files gives a result, or an error that says what is wrong: no fault, and an end."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.errors import SkvmError
from tests.fuzz.damage import damaged_folders, few, lay, within_bounds
from tests.fuzz.specimens import READERS


@pytest.mark.parametrize("name", READERS)
def test_the_valid_example_is_read(name: str, tmp_path: Path):
    READERS[name].read(lay(tmp_path / "in", READERS[name].files()))


@pytest.mark.parametrize("name", READERS)
def test_nothing_makes_it_fail(name: str):
    reader = READERS[name]

    @few
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        files = data.draw(damaged_folders(reader.files(), may_be_odd=reader.may_be_odd))
        with tempfile.TemporaryDirectory() as folder, within_bounds():
            try:
                reader.read(lay(Path(folder) / "in", files))
            except SkvmError as error:
                assert error.message  # noqa: PT017 - an error is as good as a result

    holds()
