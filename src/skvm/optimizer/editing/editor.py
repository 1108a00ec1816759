"""One edit: a harness works on a copy of the skill, and what lies there when it stops is looked at.

Any harness may be the editor. It runs in the sandbox, without network, hooks or secrets, and is told once
what is wrong with its edit. What it says of the edit is kept; the files decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.evaluate.bench import Bench, RunSpec, load_trajectory
from skvm.evaluate.run import run_once
from skvm.evaluate.workspace import make_private_folder, remove_tree
from skvm.evidence.record import Outcome, RunRecord
from skvm.evidence.redact import Redactor
from skvm.harness.contract import HARNESSES, Harness, ProgramInCell
from skvm.harness.hooks import Hooks
from skvm.optimizer.editing.checking import check_edit, find_keys, is_no_edit
from skvm.optimizer.editing.copied import find_copied
from skvm.optimizer.editing.from_checks import CHECKS, ChecksEditor
from skvm.optimizer.editing.prompt import prompt_for, refusal_prompt
from skvm.optimizer.editing.recording import Attempt, keep_context, keep_record
from skvm.optimizer.editing.structured import STRUCTURED, StructuredEditor
from skvm.optimizer.editing.submission import Told, read_submission
from skvm.optimizer.editing.tree import CONTEXT_DIR, diff_of, read_back
from skvm.optimizer.editing.workspace import lay_workspace, renew_context
from skvm.optimizer.model import CostSlice, Evidence, FileDiff, HistoryEntry, Submission
from skvm.skill.ir import Skill
from skvm.task.model import Task

__all__ = ["EditRequest", "EditResult", "edit_skill"]

MAX_OUTPUT_TOKENS = 8_192
"""What a built-in editor may write a turn: a whole ``SKILL.md`` as a rule."""


@dataclass(frozen=True, slots=True)
class EditRequest:
    """What is to be edited.

    Args:
        skill: The skill the round is made from.
        parent_round: Its round, 0 for the original.
        round: The round to be made, from 1.
        evidence: Runs of train tasks; nothing of held-out tasks.
        history: Earlier rounds.
        editor_model: Full id of the model that edits.
        target_model: Full id of the model the skill is for.
        target_harness: The harness it is for.
        editor_harness: Registered name, or ``structured`` for one question to the model, no agent, or
            ``checks``, which asks no model.
        timeout_s: Wall clock of each of at most two tries, > 0.
        max_steps: Model turns of each, > 0.
        seed: Sampling seed.
        original: The skill growth is measured from; ``skill`` if ``None``.
        max_prompt_tokens: Of the structured question, roughly; small models have little room.
    """

    skill: Skill
    parent_round: int
    round: int
    evidence: Sequence[Evidence]
    history: Sequence[HistoryEntry]
    editor_model: str
    target_model: str
    target_harness: str
    editor_harness: str = "bare-agent"
    timeout_s: float = 600.0
    max_steps: int = 30
    seed: int | None = None
    original: Skill | None = None
    max_prompt_tokens: int = 4_000


@dataclass(frozen=True, slots=True)
class EditResult:
    """What came of it.

    Args:
        skill: The edited skill; ``None`` where nothing usable was made.
        submission: What the editor said, in the one form.
        diff: What became of the files; of a refused edit, too.
        refusals: Why an edit that was made may not stand.
        cost: Of all tries; an editor that failed costs, too.
        warnings: What else a person should know.
        failure: Why the editor itself failed (its provider, a crash), if it did.
    """

    skill: Skill | None
    submission: Submission
    diff: FileDiff
    refusals: tuple[str, ...]
    cost: CostSlice
    warnings: tuple[str, ...] = ()
    failure: str | None = None

    @property
    def is_edit(self) -> bool:
        """Whether there is an edited skill."""
        return self.skill is not None


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found in the work directory after a try."""

    skill: Skill | None
    diff: FileDiff
    told: Told
    refusals: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether it is an edit nobody objects to."""
        return self.skill is not None and not self.refusals


async def edit_skill(
    request: EditRequest, bench: Bench, *, record_dir: Path, session_id: str | None
) -> EditResult:
    """Have a skill edited, and check what came of it.

    Args:
        request: What is to be edited.
        bench: What runs share.
        record_dir: Where a record of it is kept (``round-N-optimizer``); made.
        session_id: The session it belongs to.

    Raises:
        UsageError: The editor's harness is unknown, or a bundle file has changed since the skill was read.
        ConfigError: The editor's model has no route or credential.
        BudgetExceededError: The spend ceiling is reached.
        InfrastructureError: A disk refuses.
    """
    return await _Editing(request, bench, record_dir, session_id).run()


@dataclass(slots=True)
class _Editing:
    """The moving parts of one edit."""

    request: EditRequest
    bench: Bench
    record_dir: Path
    session_id: str | None
    attempts: list[Attempt] = field(default_factory=list)
    cost: CostSlice = field(default_factory=CostSlice)

    async def run(self) -> EditResult:
        """Lay out, ask at most twice, look, record, clean up."""
        folder = await anyio.to_thread.run_sync(self._lay_out)
        try:
            look = await self._ask(folder, self._prompt(), 0)
            failure = _failure(self.attempts[-1].record)
            if failure is None and not look.told.submission.infra_blocked and (look.refusals or look.copied):
                look = await self._ask_again(folder, look)
            result = self._result(look, failure)
            await anyio.to_thread.run_sync(self._keep, result)
            return result
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(remove_tree, folder)

    def _lay_out(self) -> Path:
        request = self.request
        keep_context(self.record_dir, request.evidence, request.history)
        folder = make_private_folder(self.bench.settings.tmp_dir, "run")
        try:
            lay_workspace(request.skill, request.evidence, request.history, folder)
        except BaseException as error:
            remove_tree(folder)
            if not isinstance(error, OSError):
                raise
            raise InfrastructureError(f"{folder}: cannot be laid out: {error.strerror or error}") from error
        return folder

    def _prompt(self) -> str:
        return prompt_for(
            target_model=self.request.target_model,
            target_harness=self.request.target_harness,
            round=self.request.round,
            parent_round=self.request.parent_round,
            has_history=bool(self.request.history),
        )

    async def _ask_again(self, folder: Path, first: _Look) -> _Look:
        """Tell the editor once what is wrong; what it makes of it counts if it is no worse."""
        prompt = refusal_prompt(first.refusals, first.copied)
        await anyio.to_thread.run_sync(renew_context, self.request.evidence, self.request.history, folder)
        again = await self._ask(folder, prompt, 1)
        has_failed = _failure(self.attempts[-1].record) is not None
        if first.is_clean and (has_failed or not again.is_clean):
            return first
        if not again.told.problem or not first.told.submission.root_cause:
            return again
        # Its second try is the edit, but only the first one said why.
        return replace(again, told=first.told)

    async def _ask(self, folder: Path, prompt: str, number: int) -> _Look:
        request = self.request
        task = Task(
            id=f"optimize-{request.skill.id}-round-{request.round}",
            prompt=prompt,
            category="optimizer",
            timeout_ms=max(1, int(request.timeout_s * 1000)),
            max_steps=request.max_steps,
        )
        harness = self._harness(prompt if number else "")
        spec = RunSpec(
            task=task,
            # An editor that asks nobody is run as if by the target, which is not called either.
            model_id=request.target_model if request.editor_harness == CHECKS else request.editor_model,
            harness=harness,
            condition="optimizer",
            repetition=number,
            seed=request.seed,
            session_id=self.session_id,
            work_dir=folder,
        )
        record = await run_once(spec, self._bench_for(harness))
        usage = CostSlice.of(record.usage, runs=1, clean_runs=0, duration_ms=record.duration_ms)
        self.cost = self.cost + usage
        trajectory = await anyio.to_thread.run_sync(load_trajectory, self.bench.blobs, record)
        self.attempts.append(Attempt(prompt, record, trajectory))
        return await anyio.to_thread.run_sync(self._look, folder)

    def _harness(self, complaint: str) -> str | Harness:
        request = self.request
        if request.editor_harness == CHECKS:
            return ChecksEditor(request.skill, tuple(request.evidence))
        if request.editor_harness != STRUCTURED:
            return request.editor_harness
        return StructuredEditor(
            skill=request.skill,
            evidence=tuple(request.evidence),
            history=tuple(request.history),
            max_prompt_tokens=request.max_prompt_tokens,
            complaint=complaint,
        )

    def _bench_for(self, harness: str | Harness) -> Bench:
        """The bench without hooks and judge, and with room to write."""
        made = HARNESSES.get(harness)() if isinstance(harness, str) else harness
        most = self.bench.max_output_tokens
        if not isinstance(made, ProgramInCell):
            most = max(most or 0, MAX_OUTPUT_TOKENS)
        return replace(self.bench, hooks=Hooks(), judge=None, max_output_tokens=most)

    def _look(self, folder: Path) -> _Look:
        request = self.request
        redactor = Redactor.of(self.bench.settings)
        told = read_submission(folder, CONTEXT_DIR, redactor)
        left = read_back(folder, request.skill)
        if left.skill is None:
            return _Look(None, FileDiff(removed=("SKILL.md",)), told, left.problems)
        diff = diff_of(request.skill, left.skill)
        if is_no_edit(request.skill, left.skill):
            return _Look(None, diff, told, left.problems)
        refusals = (
            *left.problems,
            *find_keys(request.skill, left.skill, redactor),
            *check_edit(request.skill, left.skill, original=request.original),
        )
        copied = find_copied(request.skill, left.skill, request.evidence)
        return _Look(left.skill, diff, told, refusals, copied)

    def _result(self, look: _Look, failure: str | None) -> EditResult:
        submission = look.told.submission
        is_taken = look.is_clean and failure is None and not submission.infra_blocked
        return EditResult(
            skill=look.skill if is_taken else None,
            submission=submission,
            diff=look.diff,
            refusals=look.refusals,
            cost=self.cost,
            warnings=tuple(self._warnings(look)),
            failure=failure,
        )

    def _warnings(self, look: _Look) -> list[str]:
        submission, found = look.told.submission, [look.told.problem] if look.told.problem else []
        found += look.copied
        changed = {*look.diff.added, *look.diff.modified, *look.diff.removed}
        if look.skill is not None and submission.no_changes:
            found.append("the editor says it changed nothing, but files were changed")
        if look.skill is not None and submission.infra_blocked:
            found.append("the editor says it was blocked; what it changed is not taken")
        if submission.infra_blocked and not any(each.is_tainted for each in self.request.evidence):
            found.append("the editor says it was blocked, but no run was")
        claimed = set(submission.changed_files)
        if unchanged := sorted(claimed - changed):
            found.append(f"said to be changed, but not: {', '.join(unchanged[:5])}")
        if look.skill is None and not look.refusals and not submission.no_changes:
            found.append("nothing was changed")
        record = self.attempts[-1].record
        if len(self.attempts) > 1 and (why := _failure(record)):
            found.append(f"told what was wrong, {why}")
        if record.outcome in {Outcome.TIMED_OUT, Outcome.STEP_LIMIT}:
            found.append(f"the editor was stopped: {record.detail or record.outcome.value}")
        return found

    def _keep(self, result: EditResult) -> None:
        keep_record(
            self.record_dir,
            self.attempts,
            result.submission,
            result.diff,
            refusals=result.refusals,
            warnings=result.warnings,
            failure=result.failure,
        )


def _failure(record: RunRecord) -> str | None:
    """Why the editor itself failed, if it did."""
    if record.outcome.is_graded:
        return None
    return f"the editor did not work: {record.detail or record.outcome.value}"
