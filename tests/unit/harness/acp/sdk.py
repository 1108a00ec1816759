"""Whether the protocol's SDK is here; it comes with the extra ``acp``."""

from __future__ import annotations

import importlib.util

import pytest

needs_sdk = pytest.mark.skipif(
    importlib.util.find_spec("acp") is None, reason="the extra acp is not installed"
)
