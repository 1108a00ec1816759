"""The guide quotes a real adapter."""

from __future__ import annotations

import re
from pathlib import Path

import skvm.harness.adapters

GUIDE = Path(__file__).parents[4] / "docs/guides/add-a-harness.md"


def test_every_line_of_code_in_the_guide_stands_in_the_adapter() -> None:
    adapter = Path(skvm.harness.adapters.__path__[0], "pi.py").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 5
    for block in blocks:
        assert block in adapter
