"""The names by which a worker makes again what is no data, and tells errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from skvm.cluster.order import RecipeOrder
from skvm.errors import ConfigError, FindingsError, InfrastructureError, SkvmError, UsageError
from skvm.evaluate.bench import Bench, RunSpec
from skvm.harness.hooks import Hooks
from skvm.llm.contract import BudgetExceededError, ProviderError

__all__ = ["ERRORS", "HOOKS", "RECIPES", "error_name", "hook_names", "remake", "with_hooks"]

RECIPES: Mapping[str, str] = {
    "probe": "skvm.profiler.ask",
    "snapshot": "skvm.optimizer.editing.capturing",
}
"""Modules whose ``remade`` makes what a recipe of that name says."""

HOOKS: Mapping[str, str] = {"touching": "Touching", "plan-command": "PlanCommand"}
"""Hooks that remember nothing between runs, so that each worker has its own; their classes."""

ERRORS: Mapping[str, type[SkvmError]] = {
    "usage": UsageError,
    "config": ConfigError,
    "findings": FindingsError,
    "budget": BudgetExceededError,
    "provider": ProviderError,
    "infrastructure": InfrastructureError,
}


def remake(spec: RunSpec, recipe: RecipeOrder) -> tuple[RunSpec, Callable[[], Any]]:
    """The run with what its recipe makes, and what gives what that saw.

    Raises:
        UsageError: There is no such recipe here, or it cannot be followed.
    """
    if recipe.name not in RECIPES:
        raise UsageError(f"this worker knows no recipe {recipe.name!r}")
    made: tuple[RunSpec, Callable[[], Any]] = import_module(RECIPES[recipe.name]).remade(spec, recipe.given)
    return made


def hook_names(hooks: Hooks) -> tuple[str, ...] | None:
    """The names of hooks, in order; ``None`` if one of them cannot be made again."""
    named = {kind: name for name, kind in HOOKS.items()}
    found = [named.get(type(hook).__name__) for hook in hooks.hooks]
    return tuple(name for name in found if name is not None) if None not in found else None


def with_hooks(bench: Bench, names: tuple[str, ...]) -> Bench:
    """The same bench with hooks of its own.

    Raises:
        UsageError: There is no hook of such a name.
    """
    from skvm.runtime.plan.outfit.hook import with_plan_command
    from skvm.runtime.plan.touching import with_touching

    makers = {"touching": with_touching, "plan-command": with_plan_command}
    for name in names:
        if name not in makers:
            raise UsageError(f"this worker knows no hook {name!r}")
        bench = makers[name](bench)
    return bench


def error_name(error: SkvmError) -> str:
    """What an error is called on the way: its own kind, or the nearest above it."""
    named = {kind: name for name, kind in ERRORS.items()}
    return next((named[kind] for kind in type(error).__mro__ if kind in named), "infrastructure")
