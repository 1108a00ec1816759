"""Compiles run side by side, and what comes of them printed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.cli.acceptance_runs import Acceptor
    from skvm.compiler.counsel import RecordedCounsel
    from skvm.compiler.driver import CompileResult
    from skvm.llm.contract import SpendLimit
    from skvm.settings import Settings
    from skvm.skill.ir import Skill
    from skvm.target.profile import Profile

__all__ = ["Failure", "Job", "Means", "compile_job", "run_jobs"]


@dataclass(frozen=True, slots=True)
class Job:
    """One skill for one target.

    Args:
        skill: The skill.
        model: Full model id of the target.
        harness: Harness name of the target.
        profile: The target's.
        failures: Failure reports that belong to the profile, by ``primitive/level``.
    """

    skill: Skill
    model: str
    harness: str
    profile: Profile
    failures: Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job gave no variant.

    Args:
        message: One line, with its code.
        help: The way out.
        exit_code: What a command with this one job exits with.
    """

    message: str
    help: str | None
    exit_code: int


@dataclass(frozen=True, slots=True)
class Means:
    """What the jobs of a command share.

    Args:
        counsel: The compiler model, if one is asked.
        acceptor: What measures variants, if they are to be measured.
    """

    counsel: RecordedCounsel | None = None
    acceptor: Acceptor | None = None


async def run_jobs(
    settings: Settings, jobs: Sequence[Job], passes: Sequence[str], options: dict[str, Any]
) -> None:
    """Compile all jobs and print what became of each.

    Raises:
        InfrastructureError: All that failed did so for reasons outside us; the others are done.
        FindingsError: One of them failed otherwise; the others are done.
    """
    from skvm.compiler.counsel import open_counsel
    from skvm.errors import FindingsError, InfrastructureError
    from skvm.llm.contract import SpendLimit

    limit = SpendLimit(max_usd=options["max_usd"], max_tokens=options["max_tokens"])
    async with (
        _acceptor(settings, options, limit) as acceptor,
        open_counsel(
            settings,
            options["compiler_model"],
            frozen=options["frozen"],
            limit=limit,
            port=acceptor.port if acceptor else None,
        ) as counsel,
    ):
        outcomes = await _all(settings, jobs, passes, options, Means(counsel, acceptor))
    _print(jobs, outcomes, options)
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if failed:
        is_outside = all(failure.exit_code == InfrastructureError.exit_code for failure in failed)
        kind = InfrastructureError if is_outside else FindingsError
        raise kind(f"{len(failed)} of {len(jobs)} compiles failed")


async def _all(
    settings: Settings,
    jobs: Sequence[Job],
    passes: Sequence[str],
    options: dict[str, Any],
    means: Means,
) -> list[CompileResult | Failure]:
    import anyio

    from skvm.cli.console import progress

    outcomes: list[CompileResult | Failure] = [Failure("not begun", None, 3)] * len(jobs)
    limiter = anyio.CapacityLimiter(options["concurrency"])
    with progress(quiet=options["is_json"] or len(jobs) == 1) as bars:
        bar = bars.add_task("compiling", total=len(jobs), note="")

        async def work(index: int) -> None:
            async with limiter:
                outcomes[index] = await compile_job(settings, jobs[index], passes, options, means)
            bars.advance(bar)

        async with anyio.create_task_group() as group:
            for index in range(len(jobs)):
                group.start_soon(work, index)
    return outcomes


async def compile_job(
    settings: Settings,
    job: Job,
    passes: Sequence[str],
    options: dict[str, Any],
    means: Means,
) -> CompileResult | Failure:
    """The result, or why there is none; measuring a variant has no part in the job's wall clock."""
    import anyio

    from skvm.compiler.builds.faults import SKV288
    from skvm.compiler.builds.lockfile import LOCK_NAME, read_lock
    from skvm.compiler.contract import CompileOptions
    from skvm.compiler.driver import BuildMode, compile_skill
    from skvm.errors import SkvmError

    try:
        counsel, acceptor = means.counsel, means.acceptor
        is_told = (counsel or acceptor) and job.skill.root
        locked = read_lock(job.skill.root / LOCK_NAME).answers if is_told and job.skill.root else {}
        asked = counsel.begin(locked) if counsel else None
        accept = (acceptor.pairs, acceptor.task_digests) if acceptor else (0, ())
        compiled = partial(
            compile_skill,
            job.skill,
            model=job.model,
            harness=job.harness,
            profile=job.profile,
            settings=settings,
            passes=passes,
            options=CompileOptions(
                eliminate=not options["no_eliminate"],
                refused=options["refuse"],
                compiler_model=options["compiler_model"],
                accept=accept[0],
                accept_tasks=accept[1],
            ),
            counsel=asked,
            failures=job.failures,
        )
        verdict = None
        if acceptor is not None:
            with anyio.fail_after(options["timeout_ms"] / 1000):
                proposed = await compiled(dry_run=True)
            verdict = await acceptor.measure(proposed, asked, locked, quiet=options["is_json"])
        mode = BuildMode(force=options["force"], frozen=options["frozen"], lock=not options["no_lock"])
        with anyio.fail_after(options["timeout_ms"] / 1000):
            return await compiled(dry_run=options["dry_run"], mode=mode, acceptance=verdict)
    except TimeoutError:
        late = f"{SKV288.code}: not done after {options['timeout_ms']} ms; nothing was written"
        return Failure(late, "allow more with --timeout-ms", SkvmError.exit_code)
    except SkvmError as error:
        return Failure(error.message, error.help, error.exit_code)


@asynccontextmanager
async def _acceptor(
    settings: Settings, options: dict[str, Any], limit: SpendLimit
) -> AsyncIterator[Acceptor | None]:
    """What measures variants, where that is asked for."""
    from skvm.errors import UsageError

    if options["accept"] and options["dry_run"]:
        raise UsageError("--accept and --dry-run exclude each other: runs are recorded")
    if not options["accept"]:
        if options["tasks"]:
            raise UsageError("--tasks is for --accept", help="say how many pairs to run: --accept=20")
        yield None
        return
    from skvm.cli.acceptance_runs import Acceptor, given_tasks
    from skvm.evaluate.bench import open_bench
    from skvm.runtime.plan.outfit.hook import with_plan_command

    tasks = given_tasks(settings, options["tasks"])
    if options["frozen"]:
        yield Acceptor(options["accept"], tasks, None)
        return
    async with open_bench(settings, limit=limit) as bench:
        yield Acceptor(options["accept"], tasks, with_plan_command(bench))


def _print(jobs: Sequence[Job], outcomes: Sequence[CompileResult | Failure], options: dict[str, Any]) -> None:
    from skvm.cli.compile_report import as_json, print_result
    from skvm.cli.console import err, print_json, visible

    pairs = list(zip(jobs, outcomes, strict=True))
    failures = [(job, outcome) for job, outcome in pairs if isinstance(outcome, Failure)]
    done = [(job, outcome) for job, outcome in pairs if not isinstance(outcome, Failure)]
    if options["is_json"]:
        failed = [
            {
                "skill": job.skill.id,
                "model": job.model,
                "harness": job.harness,
                "error": why.message,
                "help": why.help,
            }
            for job, why in failures
        ]
        print_json({"compiled": [as_json(result) for _, result in done], "failed": failed})
    else:
        for job, result in done:
            print_result(result, job.profile, explain=options["explain"])
    for job, why in failures:
        about = f"{job.skill.id} for {job.model} in {job.harness}"
        err.print(visible(f"{about}: {why.message}"), style="red", markup=False)
        if why.help:
            err.print(visible(f"  help: {why.help}"), markup=False)
