"""``skvm config doctor``: the rows about settings, and with ``--live`` a call over every route."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

    from skvm.cli.config_checks import Check
    from skvm.errors import ConfigError
    from skvm.settings import Settings

__all__ = ["run_doctor", "settings_or_fault"]


def settings_or_fault(ctx: click.Context) -> tuple[Settings, ConfigError | None]:
    """The settings, and why the file could not be read; it then counts as empty."""
    from skvm.cli.command import settings_of
    from skvm.errors import ConfigError
    from skvm.settings import load_settings

    try:
        return settings_of(ctx), None
    except ConfigError as error:
        flags = ctx.meta.get("skvm.flags", {})
        settings = load_settings(
            cache_dir=flags.get("skvm_cache"),
            data_dir=flags.get("skvm_data_dir"),
            tmp_dir=flags.get("tmp_dir"),
            auto_probe=False if flags.get("no_auto_probe") else None,
            with_file=False,
        )
        return settings, error


def run_doctor(ctx: click.Context, *, live: bool, as_json: bool) -> int:
    """Look, print, and give the exit code: 1 if a row failed."""
    import anyio

    from skvm.cli.config_checks import print_checks
    from skvm.cli.console import err, print_json

    settings, fault = settings_or_fault(ctx)
    checks = anyio.run(_examine, settings, fault)
    if live and fault is None:
        from skvm.cli.config_live import call_routes

        is_shown = err.is_terminal and not as_json
        with err.status("calling every route") if is_shown else contextlib.nullcontext():
            checks += anyio.run(call_routes, settings)
    is_ok = all(check.status != "failed" for check in checks)
    if as_json:
        print_json({"schema": 1, "ok": is_ok, "checks": [_json(check) for check in checks]})
    else:
        whole = "the configuration works" if live else "the configuration is sound"
        print_checks(checks, whole=whole, broken="the arrows say the way out")
    return 0 if is_ok else 1


def _json(check: Check) -> dict[str, Any]:
    return asdict(check)


async def _examine(settings: Settings, fault: ConfigError | None) -> tuple[Check, ...]:
    from skvm.cli.commands.doctor import check_embedded, check_sandboxes
    from skvm.cli.config_checks import check_adapters, check_dataset, check_file, check_folders, check_routes
    from skvm.harness.confine import probe_sandboxes

    reports = await probe_sandboxes()
    return (
        *check_file(settings, fault),
        *check_routes(settings),
        *check_adapters(settings),
        *check_folders(settings),
        *check_dataset(settings),
        *check_sandboxes(reports),
        *check_embedded(settings),
    )
