"""What can be known to be wrong with a session before a proposal stands anywhere."""

from __future__ import annotations

from pathlib import Path

from skvm.errors import UsageError
from skvm.evaluate.judging import check_judge
from skvm.harness.environment.required import bound_environment
from skvm.llm.budget import Budget
from skvm.llm.contract import SpendLimit
from skvm.llm.prices import worst_case_usd
from skvm.llm.route import resolve_endpoint
from skvm.optimizer.loop.request import OptimizeRequest
from skvm.settings import Settings
from skvm.skill.frontend import load_skill

__all__ = ["check_request"]


def check_request(settings: Settings, request: OptimizeRequest) -> None:
    """Find what can be known to be wrong before a proposal stands anywhere.

    Raises:
        UsageError: There is no skill, an id is malformed, a price unknown, a log not there, or the judge
            would judge itself.
        FindingsError: The skill requires what is not there.
        ConfigError: A model has no route or credential.
    """
    load_skill(Path(request.skill))
    bound_environment(settings, Path(request.skill), allow_missing=False)
    budget = Budget(SpendLimit(request.max_usd, request.max_tokens))
    for model in request.models:
        endpoint = resolve_endpoint(settings, model)
        budget.check_price_known(model, worst_case_usd(endpoint, 1, 1))
    if request.judge_model is not None:
        check_judge(settings, request.judge_model, [request.target_model], force=request.may_judge_itself)
    if gone := [name for name in (*request.logs, *request.failures) if not Path(name).exists()]:
        raise UsageError(f"there is no file {gone[0]}", help="--logs and --failures name files")
