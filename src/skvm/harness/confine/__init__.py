"""The back ends of the sandbox and the choice among them.

::

    our process                        │ the confinement
    cell.py  ── frames over pipes ───► │ inside/worker.py ─ forks per request ─► shepherd ─► command
                                       │                                     └─► file operation
    a server   ── accepts from ──────► │ a socket the worker made: the cell's door (``Policy.listen_ports``)

A socket stays in the network it was made in, whoever holds it: so we serve, from outside, a port inside,
and nothing is copied or forwarded. Where a cell has no network of its own, the door is a port of the host.
Nothing is imported here: the worker loads this package as the parent of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skvm.harness.sandbox import Sandbox, SandboxReport

__all__ = ["choose_sandbox", "probe_sandboxes"]


def choose_sandbox(name: str = "auto") -> Sandbox:
    """The sandbox called ``name``; ``auto`` takes the strongest that works here, never ``none``.

    Args:
        name: ``auto``, ``bubblewrap``, ``landlock``, ``sandbox-exec`` or ``none``.

    Raises:
        UsageError: There is no such back end.
        InfrastructureError: It does not work here; the message says why.
    """
    from skvm.harness.confine.choose import choose_sandbox as choose

    return choose(name)


async def probe_sandboxes() -> tuple[SandboxReport, ...]:
    """Try every back end on this machine with a real confined process; remembered in this process."""
    from skvm.harness.confine.choose import probe_sandboxes as probe

    return await probe()
