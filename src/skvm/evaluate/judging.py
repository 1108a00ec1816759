"""Judges: a model that scores what a rubric asks for, metered apart from the agent it judges.

A judge is asked under the same spend ceiling as everything else, with a deadline of its own. It is never
the model it judges, unless that is forced. What goes wrong while it is asked is nobody's score: a result
without one and with ``infra_error``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from skvm.errors import InfrastructureError, SkvmError, UsageError
from skvm.evaluate.judge_prompt import SubmitScore, judge_prompt
from skvm.evaluate.judge_question import JudgeCriterion, JudgeQuestion
from skvm.evaluate.score import combine, standing_note
from skvm.evidence.blobs import BlobStore
from skvm.evidence.record import CallRecord, CriterionResult, Record, RunRecord, Usage
from skvm.evidence.redact import Redactor
from skvm.llm.contract import BudgetExceededError, CallScope, DeadlineExceededError
from skvm.llm.route import Endpoint, resolve_endpoint
from skvm.settings import Settings

if TYPE_CHECKING:
    from skvm.evaluate.bench import Bench, Port

__all__ = ["Judge", "Judged", "RunJudge", "check_judge", "is_same_model", "judge_of", "with_judgements"]

MAX_TOKENS = 2048
"""What a judge may write for one score."""
TIMEOUT_S = 180.0
"""Wall clock of one judgement, all attempts together."""
_MAX_REASON_CHARS = 4_000
_DATED = re.compile(r"[-@](?:20\d{6}|20\d\d-\d\d-\d\d|latest)$")
# How a router serves a model; other suffixes (``:7b``) name another one.
_SERVED = re.compile(r":(?:beta|exacto|extended|floor|free|nitro|online|thinking)$")


@dataclass(frozen=True, slots=True)
class Judge:
    """A configured judge.

    Args:
        model_id: Full model id.
        port: Where its calls go; the one the runs use, so that one ceiling holds for both.
        settings: Routes.
        blobs: Where its questions are kept.
        redactor: Replaces secrets in them.
        is_deferred: Whether questions are only kept, to be asked at the end of the session or later.
        allow_self: Whether a model may judge itself.
        timeout_s: Wall clock of one judgement.
    """

    model_id: str
    port: Port
    settings: Settings
    blobs: BlobStore
    redactor: Redactor
    is_deferred: bool = False
    allow_self: bool = False
    timeout_s: float = TIMEOUT_S

    def check(self, target_models: Iterable[str]) -> None:
        """Refuse to judge itself; see ``check_judge``."""
        check_judge(self.settings, self.model_id, target_models, force=self.allow_self)

    async def warm_up(self) -> None:
        """Find the model before anything is spent.

        Raises:
            ConfigError: No route or credential.
        """
        async with self.port.session(CallScope("judge")) as session:
            # A provider that fails now is met again when it is asked, and recorded there.
            with suppress(InfrastructureError):
                await session.model(self.model_id)

    def for_run(self, scope: CallScope) -> RunJudge:
        """The judge of one run, which counts what that run's judging takes.

        Args:
            scope: The run's own.
        """
        return RunJudge(self, replace(scope, condition=f"{scope.condition}/judge"))


class RunJudge:
    """A judge at work on one run."""

    def __init__(self, judge: Judge, scope: CallScope) -> None:
        self.judge, self.scope = judge, scope
        self.usage = Usage()
        """What it took so far, failed questions included."""
        self.calls: list[CallRecord] = []

    @property
    def is_deferred(self) -> bool:
        """Whether questions are only kept."""
        return self.judge.is_deferred

    @property
    def redactor(self) -> Redactor:
        """Replaces secrets in what a judge is shown."""
        return self.judge.redactor

    def keep(self, question: JudgeQuestion) -> str:
        """Store a question and give its digest; blocks for two fsyncs."""
        return self.judge.blobs.put(question.model_dump_json(by_alias=True).encode("utf-8", "replace"))

    async def ask(self, question: JudgeQuestion) -> CriterionResult:
        """Put a question to the judge.

        Raises:
            BudgetExceededError: The spend ceiling is reached.
            ConfigError: No route or credential.
        """
        from skvm.llm.structured import ask

        system, prompt = judge_prompt(question)
        model_id, timeout_s = self.judge.model_id, self.judge.timeout_s
        async with self.judge.port.session(self.scope, deadline_s=timeout_s) as session:
            try:
                answer = await ask(
                    session, model_id, SubmitScore, prompt=prompt, system=system, max_tokens=MAX_TOKENS
                )
            except BudgetExceededError:
                raise
            except InfrastructureError as error:
                return _unscored(f"the judge failed: {error.message}")
            except DeadlineExceededError:
                return _unscored(f"the judge {model_id} did not answer within {timeout_s:g} s")
            finally:
                self.usage += session.usage
                self.calls += session.calls
        return _scored(answer, question.criterion)


def judge_of(bench: Bench, model_id: str, *, is_deferred: bool = False, allow_self: bool = False) -> Judge:
    """A judge on a bench's port; put it into the bench with ``replace(bench, judge=…)``."""
    return Judge(
        model_id,
        bench.port,
        bench.settings,
        bench.blobs,
        Redactor.of(bench.settings),
        is_deferred=is_deferred,
        allow_self=allow_self,
    )


def check_judge(
    settings: Settings, judge_model: str, target_models: Iterable[str], *, force: bool = False
) -> None:
    """Refuse a judge that would judge itself, before anything is spent.

    Args:
        settings: Routes.
        judge_model: Full model id.
        target_models: Those that are judged.
        force: Allow it.

    Raises:
        UsageError: A target is served by the judge's endpoint under the same name, or is the same model
            served elsewhere.
    """
    same = [target for target in target_models if is_same_model(settings, judge_model, target)]
    if same and not force:
        raise UsageError(
            f"the judge {judge_model} would judge itself ({same[0]})",
            help="name another judge, or force it with --judge-itself; reports then say so",
        )


def is_same_model(settings: Settings, one: str, other: str) -> bool:
    """Whether two model ids lead to the same model, as far as routes and names tell."""
    if one == other:
        return True
    ends = _endpoint(settings, one), _endpoint(settings, other)
    if ends[0] is None or ends[1] is None:
        return _plain_name(one) == _plain_name(other)
    is_one_server = _server(ends[0]) == _server(ends[1])
    if is_one_server and ends[0].backend_id == ends[1].backend_id:
        return True
    return _plain_name(ends[0].backend_id) == _plain_name(ends[1].backend_id)


def _endpoint(settings: Settings, model_id: str) -> Endpoint | None:
    try:
        return resolve_endpoint(settings, model_id, need_credential=False)
    except SkvmError:
        # A simulated model has no route; a real one without a route fails when it is called.
        return None


def _server(endpoint: Endpoint) -> tuple[str, int | None, str]:
    parts = urlsplit(endpoint.base_url)
    host = (parts.hostname or "").lower()
    host = "127.0.0.1" if host in {"localhost", "::1"} else host
    return host, parts.port or {"http": 80, "https": 443}.get(parts.scheme), parts.path.rstrip("/")


def _plain_name(model_id: str) -> str:
    """A model's own name, without who serves it, how, and since when."""
    name = _SERVED.sub("", model_id.rpartition("/")[2].lower())
    return _DATED.sub("", name.replace(".", "-").replace("_", "-"))


def _unscored(why: str) -> CriterionResult:
    return CriterionResult(id="", method="llm-judge", infra_error=why, details=why)


def _scored(answer: SubmitScore, criterion: JudgeCriterion) -> CriterionResult:
    best = criterion.max_score
    counted = min(max(answer.score, 0.0), best)
    said = f"{answer.score:g} of {best:g}"
    if counted != answer.score:
        said += f", counted as {counted:g}"
    reasoning = answer.reasoning.strip()[:_MAX_REASON_CHARS]
    return CriterionResult(
        id="", method="llm-judge", score=min(1.0, counted / best), details=f"{said}: {reasoning}"
    )


class Judged(Record):
    """A judgement that came after its run was finished; a journal record under ``run_finished``.

    Args:
        run_id: The run.
        session_id: The session it belongs to.
        criterion_index: Which criterion, from 0.
        criterion_id: Its id in the run's results.
        result: What the judge said. One without a score settles nothing: the judge failed and is asked
            again, but what it took counts.
        judge_model: Full model id.
        inputs_digest: Blob of the question.
        usage: What it took.
        judged_at: When.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    run_id: str
    session_id: str | None = None
    criterion_index: int = Field(ge=0)
    criterion_id: str
    result: CriterionResult
    judge_model: str = ""
    inputs_digest: str | None = None
    usage: Usage = Usage()
    judged_at: datetime

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


def with_judgements(record: RunRecord, judgements: Sequence[Judged]) -> RunRecord:
    """A run with its later judgements, its score combined anew.

    Only criteria that wait for a judge are filled in, each by its first judgement with a score; those of
    other runs, and what came after it, are passed over. What failed tries took is counted when the criterion
    is settled, so that it is the same to do this once or twice.
    """
    criteria = list(record.criteria)
    usage = record.judge_usage
    tried = [Usage()] * len(criteria)
    for judged in judgements:
        index = judged.criterion_index
        if judged.run_id != record.run_id or index >= len(criteria) or not criteria[index].is_pending:
            continue
        waiting = criteria[index]
        tried[index] += judged.usage
        if judged.result.score is None:
            details = f"waits for its judge; {judged.result.infra_error}"
            criteria[index] = waiting.model_copy(update={"details": details})
            continue
        usage += tried[index]
        kept = {"id": waiting.id, "method": waiting.method, "weight": waiting.weight}
        settled = {"is_pending": False, "inputs_digest": waiting.inputs_digest}
        criteria[index] = judged.result.model_copy(update=kept | settled)
    if criteria == list(record.criteria):
        return record
    stale = standing_note(record.criteria)
    fresh = standing_note(criteria)
    notes = [note for note in record.notes if note != stale] + ([fresh] if fresh else [])
    score = combine(criteria, record.grading_weights) if record.outcome.is_graded else None
    changes = {"criteria": tuple(criteria), "score": score, "judge_usage": usage, "notes": tuple(notes)}
    return record.model_copy(update=changes)
