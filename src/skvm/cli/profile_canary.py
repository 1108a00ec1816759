"""``skvm profile --canary``: probe only what installed variants rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skvm.optimizer.adapting.canary import Canary, Checked
    from skvm.optimizer.adapting.installed import Installed
    from skvm.settings import Settings

__all__ = ["check_targets"]


def check_targets(
    settings: Settings, models: Sequence[str], adapters: Sequence[str], options: dict[str, Any]
) -> None:
    """Check every target that has installed variants, or those named.

    Args:
        settings: Where things lie.
        models: Full model ids; none for all.
        adapters: Harness names, where models are given.
        options: Of the command line.

    Raises:
        UsageError: There is no such variant.
        FindingsError: A target has drifted.
    """
    import anyio

    from skvm.errors import UsageError
    from skvm.evidence.sessions import recorded_session
    from skvm.optimizer.adapting.installed import installed_variants

    groups: dict[tuple[str, str], list[Installed]] = {}
    for variant in installed_variants(settings):
        wanted = not models or (variant.model in models and variant.harness in adapters)
        if wanted:
            groups.setdefault((variant.model, variant.harness), []).append(variant)
    if not groups:
        named = f" for {', '.join(models)} in {', '.join(adapters)}" if models else ""
        raise UsageError(
            f"no variant is installed{named}, so nothing rests on a profile",
            help="skvm aot-compile installs one",
        )
    about: dict[str, Any] = {
        "models": [model for model, _ in groups],
        "harness": [name for _, name in groups],
    }
    with recorded_session(settings.logs_dir, "profile", **about):
        anyio.run(_check_all, settings, groups, options)


async def _check_all(
    settings: Settings, groups: dict[tuple[str, str], list[Installed]], options: dict[str, Any]
) -> None:
    from skvm.cli.console import err, print_json
    from skvm.errors import FindingsError
    from skvm.evaluate.run import open_bench
    from skvm.llm.contract import SpendLimit
    from skvm.optimizer.adapting.canary import check_drift
    from skvm.optimizer.adapting.findings import SKV291
    from skvm.optimizer.adapting.profile_evidence import EvidenceFile
    from skvm.runtime.plan.touching import with_touching
    from skvm.target.store import ProfileStore

    store = ProfileStore.of(settings)
    limit = SpendLimit(options["max_usd"], options["max_tokens"])
    given = limit if limit != SpendLimit() else None
    mode: Any = options["adapter_config"] or "managed"
    done: list[Canary] = []
    async with open_bench(settings, sandbox=options["sandbox"], limit=given, config_mode=mode) as opened:
        bench = with_touching(opened)
        for (model, harness), variants in sorted(groups.items(), key=lambda item: item[0]):
            stored = store.latest(model, harness) or store.partial(model, harness)
            if stored is None:
                err.print(
                    f"{model} in {harness}: no profile to hold it against", style="yellow", markup=False
                )
                continue
            file = EvidenceFile.of(store, model, harness, stored.profile)
            say = (lambda _: None) if options["as_json"] else _print_checked
            if not options["as_json"]:
                err.print(f"{model} in {harness}: {len(variants)} installed variant(s)", markup=False)
            timeout_s = options["timeout_ms"] / 1000
            found = await check_drift(bench, file, variants, timeout_s=timeout_s, on_checked=say)
            done.append(found)
            if not options["as_json"]:
                _print_cost(found)
    if options["as_json"]:
        print_json({"targets": [_as_json(found) for found in done]})
    drifted = [f"{found.model} in {found.harness}" for found in done if found.drifted]
    if drifted:
        names = ",".join(sorted({each.rest.primitive_id for found in done for each in found.drifted}))
        raise FindingsError(
            f"{SKV291.code}: drifted: {', '.join(drifted)}",
            help=f"measure it again: skvm profile --force --primitives={names} …; or skvm recompile",
        )


def _print_checked(checked: Checked) -> None:
    from skvm.cli.console import out, visible

    styles = {"drifted": "red", "open": "yellow", "not-asked": "yellow"}
    rest = checked.rest
    share = f"{checked.passed} of {checked.asked} probes passed"
    told = f"{rest.primitive_id} {rest.level}: {checked.status}, {share}"
    more = f" ({checked.note})" if checked.note else ""
    out.print(visible(told + more), style=styles.get(checked.status, ""), markup=False)


def _print_cost(found: Canary) -> None:
    from skvm.cli.console import out

    usage = found.usage
    spent = "unknown cost" if usage.cost_usd is None else f"${usage.cost_usd:.4f}"
    out.print(f"{found.runs} runs, {usage.total_tokens:,} tokens, {spent}", markup=False)


def _as_json(found: Canary) -> dict[str, Any]:
    return {
        "model": found.model,
        "harness": found.harness,
        "skills": list(found.variants),
        "drifted": [each.rest.place for each in found.drifted],
        "levels": [
            {
                "primitive": each.rest.primitive_id,
                "level": str(each.rest.level),
                "status": each.status,
                "passed": each.passed,
                "asked": each.asked,
                "note": each.note,
            }
            for each in found.checked
        ],
        "runs": found.runs,
        "tokens": found.usage.total_tokens,
        "costUsd": found.usage.cost_usd,
    }
