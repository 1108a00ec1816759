"""``jiuwenclaw``: an agent that is driven over ACP, with its server beside it in the cell.

Its one-shot command line does not end. It works in a folder of its own and is told in its prompt where the
task lies. Its ports are fixed, so it needs a cell with a network of its own.
"""

from __future__ import annotations

from skvm.harness.acp.harness import AcpHarness
from skvm.harness.acp.presets import JIUWENCLAW
from skvm.harness.contract import harness

__all__ = ["make"]


@harness("jiuwenclaw")
def make() -> AcpHarness:
    """Make the harness."""
    return AcpHarness("jiuwenclaw", JIUWENCLAW)
