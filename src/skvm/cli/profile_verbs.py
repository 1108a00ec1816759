"""The verbs of ``skvm profile``: show, list, compare, import, atlas. They only translate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import CommaList, SkvmCommand, settings_of
from skvm.cli.profile_targets import TARGET_HELP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skvm.errors import SkvmError
    from skvm.target.store import ProfileStore

__all__ = ["VERBS", "list_profiles"]

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_primitives_option = click.option("--primitives", type=CommaList(), default="", help="Only these.")


def _store(ctx: click.Context) -> ProfileStore:
    from skvm.target.store import ProfileStore

    return ProfileStore.of(settings_of(ctx))


def _given(ctx: click.Context, name: str, value: Any) -> Any:
    """An option of the verb, else the one that was given before the verb (``profile --model X show``)."""
    parent = ctx.parent
    if (
        value
        or parent is None
        or parent.get_parameter_source(name) in (None, click.core.ParameterSource.DEFAULT)
    ):
        return value
    return parent.params[name]


def _warn(error: SkvmError) -> None:
    from rich.text import Text

    from skvm.cli.console import err

    err.print(Text.assemble(("warning: ", "bold yellow"), error.message))


@click.command("show", cls=SkvmCommand, epilog=TARGET_HELP)
@click.argument("targets", nargs=-1, metavar="[PROFILE]...")
@click.option("--model", "--target-model", "models", type=CommaList(), default="", help="Model ids.")
@click.option("--adapter", "--target-adapter", "adapters", type=CommaList(), default="", help="Harnesses.")
@_primitives_option
@click.option("--cost", is_flag=True, help="Runs, tokens, dollars and seconds of each primitive.")
@_json_option
@click.pass_context
def show(ctx: click.Context, /, targets: tuple[str, ...], **options: Any) -> None:
    """Show what a target can do: levels, counts, intervals, and why something is unmeasured."""
    from skvm.cli.console import out, print_json
    from skvm.cli.profile_targets import check_primitives, find_profiles, stored_profiles
    from skvm.cli.profile_view import print_profile
    from skvm.errors import UsageError
    from skvm.profiler.standing import standings

    store = _store(ctx)
    named = (*targets, *_given(ctx, "models", options["models"]))
    adapters = _given(ctx, "adapters", options["adapters"])
    found = [each for name in named for each in find_profiles(store, name, adapters)]
    if not named:
        every = [
            each
            for each in stored_profiles(store, (), _warn)
            if not adapters or each.profile.harness in adapters
        ]
        if len(every) != 1:
            raise UsageError(
                "no model given" if every else f"no profiles in {store.root}",
                help="name one: skvm profile show local/qwen2.5-coder-1.5b; skvm profile list names all",
            )
        found = every
    wanted = _given(ctx, "primitives", options["primitives"])
    check_primitives(wanted, [name for each in found for name in standings(each.profile)])
    if _given(ctx, "as_json", options["as_json"]):
        print_json(
            {
                "profiles": [
                    {
                        "path": str(each.path),
                        "profile": each.profile.model_dump(mode="json", by_alias=True, exclude_none=True),
                    }
                    for each in found
                ]
            }
        )
        return
    for index, each in enumerate(found):
        if index:
            out.print()
        print_profile(each.profile, only=wanted or None, cost=options["cost"], path=each.path)


@click.command("list", cls=SkvmCommand)
@click.option("--model", "--target-model", "models", type=CommaList(), default="", help="Model ids.")
@click.option("--adapter", "--target-adapter", "adapters", type=CommaList(), default="", help="Harnesses.")
@_json_option
@click.pass_context
def list_verb(
    ctx: click.Context, /, models: tuple[str, ...], adapters: tuple[str, ...], as_json: bool
) -> None:
    """List the profiles that are there."""
    list_profiles(
        _store(ctx),
        _given(ctx, "models", models),
        _given(ctx, "adapters", adapters),
        as_json=_given(ctx, "as_json", as_json),
    )


def list_profiles(
    store: ProfileStore, models: Sequence[str], adapters: Sequence[str] = (), *, as_json: bool
) -> None:
    """Print every stored profile, or those of some models or harnesses.

    Args:
        store: Where they lie; a broken one is warned of.
        models: Only these; all where empty.
        adapters: Likewise.
        as_json: For programs.
    """
    from collections import Counter

    from rich.text import Text

    from skvm.cli.console import out, print_json
    from skvm.cli.profile_targets import stored_profiles
    from skvm.cli.profile_view import plain_table
    from skvm.profiler.standing import level_counts

    entries = [
        each
        for each in stored_profiles(store, (), _warn)
        if (not models or each.profile.model in models) and (not adapters or each.profile.harness in adapters)
    ]
    if as_json:
        print_json(
            {
                "profiles": [
                    {
                        "model": each.profile.model,
                        "harness": each.profile.harness,
                        "profiledAt": each.profile.profiled_at,
                        "primitives": len(each.profile.capabilities),
                        "isPartial": each.profile.is_partial,
                        "isPrebuilt": each.is_prebuilt,
                        "path": str(each.path),
                    }
                    for each in entries
                ]
            }
        )
        return
    if not entries:
        which = " of these targets" if models or adapters else ""
        out.print(f"no profiles{which} in {store.root}", markup=False)
        return
    states = ["pre-built" if each.is_prebuilt else "partial" * each.profile.is_partial for each in entries]
    table = plain_table("model", "harness", "measured", "levels", *([""] if any(states) else []))
    for each, state in zip(entries, states, strict=True):
        profile = each.profile
        counts = level_counts(Counter(level.value for level in profile.capabilities.values()))
        table.add_row(
            Text(profile.model),
            Text(profile.harness),
            Text(profile.profiled_at[:10]),
            Text(counts or "none"),
            *([Text(state, style="dim")] if any(states) else []),
        )
    out.print(table)
    out.print(str(store.root), style="dim", markup=False)


@click.command("compare", cls=SkvmCommand, epilog=TARGET_HELP)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@_primitives_option
@_json_option
@click.pass_context
def compare(ctx: click.Context, /, first: str, second: str, **options: Any) -> None:
    """Compare two profiles, primitive by primitive.

    Two levels count as different only where the 95 % intervals at the lowest level that only one of
    the two holds lie apart; else the probes made so far do not tell them apart.
    """
    from skvm.cli.console import print_json
    from skvm.cli.profile_compare import comparison_json, contrasts_of, print_comparison
    from skvm.cli.profile_targets import find_profile

    store = _store(ctx)
    both = (find_profile(store, first), find_profile(store, second))
    contrasts = contrasts_of(both, _given(ctx, "primitives", options["primitives"]))
    if _given(ctx, "as_json", options["as_json"]):
        print_json(comparison_json(both, contrasts))
    else:
        print_comparison(both, contrasts)


@click.command("import", cls=SkvmCommand)
@click.argument("source", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace what is stored; it stays as v_<stamp>.json.")
@_json_option
@click.pass_context
def import_verb(ctx: click.Context, /, source: Path, force: bool, as_json: bool) -> None:
    """Take profiles from elsewhere: a folder of <harness>/<model>/latest.json or v_*.json, or one file.

    A stored profile stays if it is not older, or was measured by skvm and the other was not.
    """
    from skvm.cli.profile_import import import_and_report

    force, as_json = _given(ctx, "force", force), _given(ctx, "as_json", as_json)
    import_and_report(_store(ctx), source.expanduser(), force=force, as_json=as_json)


@click.command("atlas", cls=SkvmCommand, epilog=TARGET_HELP)
@click.argument("profiles", nargs=-1, metavar="[PROFILE]...")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for atlas.png and atlas.html (default: here)."
)
@click.option("--png", type=click.Path(path_type=Path), help="Write this picture.")
@click.option("--html", type=click.Path(path_type=Path), help="Write this page.")
@_primitives_option
@_json_option
@click.pass_context
def atlas(ctx: click.Context, /, profiles: tuple[str, ...], **options: Any) -> None:
    """Draw what targets can do as a heat map: all that are stored, or those named.

    Writes atlas.png and atlas.html, a page that needs no network; only --png or --html where
    one is given, and nothing with --json alone.
    """
    from skvm.cli.atlas_files import write_atlas
    from skvm.cli.profile_targets import check_primitives, stored_profiles
    from skvm.errors import UsageError
    from skvm.profiler.standing import standings

    store = _store(ctx)
    found = stored_profiles(store, profiles, _warn)
    if not found:
        raise UsageError(
            f"no profiles in {store.root}", help="measure one, or take some in: skvm profile import DIR"
        )
    wanted = _given(ctx, "primitives", options["primitives"])
    check_primitives(wanted, [name for each in found for name in standings(each.profile)])
    write_atlas(
        [each.profile for each in found],
        only=wanted,
        folder=options["out"],
        png=options["png"],
        page=options["html"],
        as_json=_given(ctx, "as_json", options["as_json"]),
    )


VERBS = (show, list_verb, compare, import_verb, atlas)
"""In the order ``--help`` lists them."""
