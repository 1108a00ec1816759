"""The mode harnesses run in where the command line names none: ``defaults.adapterConfigMode``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

__all__ = ["default_mode"]


def default_mode(ctx: click.Context) -> str | None:
    """``native`` where the configuration says so and every harness of this command can; else ``None``.

    Raises:
        ConfigError: The configuration cannot be read.
    """
    from skvm.cli.command import settings_of

    if getattr(ctx, "_protected_args", None):
        # A verb follows, with flags of its own: settings made now would be deaf to them.
        return None
    # A session that goes on is run as it was planned.
    if ctx.params.get("resume") or settings_of(ctx).adapter_mode != "native":
        return None
    from skvm.harness.contract import HARNESSES

    named: list[str] = []
    for key in ("adapters", "adapter", "harness"):
        value = ctx.params.get(key)
        named += [value] if isinstance(value, str) else [*(value or ())]
    can = [getattr(HARNESSES.get(name)(), "modes", None) for name in named if name in HARNESSES.names()]
    # Built-in ones have no configuration of their own, so it is not theirs to be asked for.
    programs = [modes for modes in can if modes is not None]
    is_all = bool(programs) and len(programs) == len(named) and all("native" in modes for modes in programs)
    return "native" if is_all else None
