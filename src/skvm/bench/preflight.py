"""What can be known to be wrong with a bench before a session of it stands anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skvm.bench.plan import BenchPlan
    from skvm.settings import Settings

__all__ = ["check_plan"]


def check_plan(settings: Settings, plan: BenchPlan) -> None:
    """Find every model's route, credential and, under a dollar ceiling, price; look up what limits name.

    A session that could never run would stay the newest unfinished one.

    Raises:
        UsageError: An id is malformed, a price unknown, a ceiling not above 0, a limit's name means nothing
            here, or the judge would judge itself.
        ConfigError: A model has no route or credential.
    """
    from skvm.evaluate.judging import check_judge
    from skvm.llm.budget import Budget
    from skvm.llm.contract import SpendLimit
    from skvm.llm.prices import worst_case_usd
    from skvm.llm.route import resolve_endpoint

    targets = list(dict.fromkeys(target.model for target in plan.targets))
    asked = [model for model in (plan.judge_model, plan.compiler_model) if model and model != "none"]
    budget = Budget(SpendLimit(plan.max_usd, plan.max_tokens))
    for model in dict.fromkeys([*targets, *asked]):
        endpoint = resolve_endpoint(settings, model)
        budget.check_price_known(model, worst_case_usd(endpoint, 1, 1))
    if plan.judge_model is not None:
        check_judge(settings, plan.judge_model, targets, force=plan.may_judge_itself)
    _check_limits(plan)


def _check_limits(plan: BenchPlan) -> None:
    from skvm.bench.limits import provider_of
    from skvm.errors import UsageError

    known = dict.fromkeys(
        name for target in plan.targets for name in (target.harness, provider_of(target.model))
    )
    if unknown := [name for name in plan.limits if name not in known]:
        raise UsageError(
            f"--limits: {unknown[0]!r} is no harness or provider of this bench",
            help=f"the names here: {', '.join(known)}",
        )
