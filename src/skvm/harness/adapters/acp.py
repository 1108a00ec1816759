"""``acp:<command>``: any agent that speaks the Agent Client Protocol over standard input and output.

Behind the colon stands an agent we know (``acp:opencode``) or a command line (``acp:my-agent --acp``).
"""

from __future__ import annotations

from collections.abc import Callable

from skvm.harness.acp.harness import make_harness
from skvm.harness.contract import Harness, harness_family

__all__ = ["make"]


def make(target: str) -> Callable[[], Harness]:
    """What makes the harness of a target.

    Raises:
        UsageError: The target names no agent.
    """
    made = make_harness(target)
    return lambda: made


harness_family("acp")(make)
