"""``skvm cache``: how much is kept, and keeping it in bounds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, VerbGroup, settings_of

if TYPE_CHECKING:
    from skvm.cache.collecting import Collected, Fate

__all__ = ["command", "read_age", "read_size"]

_UNITS = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9}
_UNITS |= {"t": 10**12, "tb": 10**12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_AGES = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


@click.group("cache", cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """See how much is kept, and keep it in bounds."""


@command.command("du", cls=SkvmCommand)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def du(ctx: click.Context, as_json: bool) -> None:
    """Say what takes how much of the disk."""
    from skvm.cache.places import measure
    from skvm.cli.console import out, print_json

    settings = settings_of(ctx)
    usage = measure(settings)
    total = sum(each.size_bytes for each in usage)
    if as_json:
        print_json(
            {
                "schema": 1,
                "cacheDir": str(settings.cache_dir),
                "totalBytes": total,
                "places": [
                    {
                        "name": each.place.name,
                        "sizeBytes": each.size_bytes,
                        "files": each.files,
                        "about": each.place.about,
                        "paths": [str(path) for path in each.place.paths],
                    }
                    for each in usage
                ],
            }
        )
        return
    for each in usage:
        if each.files or each.size_bytes:
            name, about = each.place.name, each.place.about
            line = f"{_size(each.size_bytes):>9}  {each.files:>7} files  {name:<15} {about}"
            out.print(line, markup=False)
    out.print(f"{_size(total):>9}  in all, {settings.cache_dir}", markup=False)


@command.command("gc", cls=SkvmCommand)
@click.option(
    "--max-size", metavar="SIZE", help="Remove what can be made again, oldest first, to fit (10GB)."
)
@click.option("--older-than", metavar="AGE", help="Only what was not used for so long (30d, 12h).")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def gc(ctx: click.Context, /, **options: Any) -> int:
    """Keep the cache in bounds.

    Blobs nobody refers to and what killed processes left go when they are a day old. Weights, installed
    programs, environments, recorded answers and variants of benches, which can be made again, go only with
    --max-size or --older-than, and only where nothing refers to them. Profiles, proposals, templates,
    compiled skills and the journal never go.

    Exit status 1 if the cache does not fit --max-size.
    """
    from skvm.cache.collecting import Bounds, collect
    from skvm.cli.console import print_json

    bounds = Bounds(
        max_bytes=read_size(options["max_size"]) if options["max_size"] else None,
        older_than_s=read_age(options["older_than"]) if options["older_than"] else None,
    )
    done = collect(settings_of(ctx), bounds, is_dry=options["dry_run"])
    if options["as_json"]:
        print_json(_json(done, is_dry=options["dry_run"]))
    else:
        _print(done, bounds.max_bytes, is_dry=options["dry_run"])
    return 0 if done.fits else 1


def _print(done: Collected, max_bytes: int | None, *, is_dry: bool) -> None:
    from rich.text import Text

    from skvm.cli.console import out, visible

    verb = "would go" if is_dry else "gone"
    for is_removed, title in ((True, verb), (False, "kept")):
        for each in done.fates:
            if each.is_removed is is_removed:
                many = f" ({each.count})" if each.count > 1 else ""
                size = _size(each.size_bytes) if each.size_bytes else ""
                line = f"{title:<8} {size:>9}  {each.kind}: {each.name}{many}: {each.reason}"
                out.print(Text(visible(line), style="" if is_removed else "dim"))
    change = f"{_size(done.before_bytes)} before, {_size(done.after_bytes)} {'then' if is_dry else 'now'}"
    if done.fits:
        out.print(change, markup=False)
    else:
        held = _size(done.after_bytes)
        told = f"{change}: more than {_size(max_bytes or 0)}; the {held} that stay are held, see above"
        out.print(Text(f"{told} and `skvm cache du`", style="yellow"))


def _json(done: Collected, *, is_dry: bool) -> dict[str, Any]:
    return {
        "schema": 1,
        "dryRun": is_dry,
        "fits": done.fits,
        "beforeBytes": done.before_bytes,
        "afterBytes": done.after_bytes,
        "removed": [_fate(each) for each in done.fates if each.is_removed],
        "kept": [_fate(each) for each in done.fates if not each.is_removed],
    }


def _fate(each: Fate) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "name": each.name,
        "count": each.count,
        "sizeBytes": each.size_bytes,
        "reason": each.reason,
    }


def read_size(text: str) -> int:
    """Bytes of a size like ``10GB``, ``1.5 GiB`` or ``500000``.

    Raises:
        UsageError: It is none.
    """
    from skvm.errors import UsageError

    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]{0,3})", text.strip(), re.ASCII)
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise UsageError(f"{text!r} is not a size", help="write it like 10GB, 500MB or 1.5GiB")
    return int(float(found[1]) * unit)


def read_age(text: str) -> float:
    """Seconds of an age like ``30d``, ``12h`` or ``2w``.

    Raises:
        UsageError: It is none.
    """
    from skvm.errors import UsageError

    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*([mhdw])", text.strip(), re.ASCII)
    if found is None:
        raise UsageError(f"{text!r} is not an age", help="write it like 30d, 12h or 2w")
    return float(found[1]) * _AGES[found[2]]


def _size(count: int) -> str:
    for unit, divisor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= divisor:
            return f"{count / divisor:.1f} {unit}"
    return f"{count} B"
