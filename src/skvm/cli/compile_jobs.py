"""Compiles run side by side, and what comes of them printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.compiler.counsel import RecordedCounsel
    from skvm.compiler.driver import CompileResult
    from skvm.settings import Settings
    from skvm.skill.ir import Skill
    from skvm.target.profile import Profile

__all__ = ["Job", "compile_job", "run_jobs"]


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


async def run_jobs(
    settings: Settings, jobs: Sequence[Job], passes: Sequence[str], options: dict[str, Any]
) -> None:
    """Compile all jobs and print what became of each.

    Raises:
        FindingsError: One of them failed; the others are done.
    """
    from skvm.compiler.counsel import open_counsel
    from skvm.errors import FindingsError

    async with open_counsel(settings, options["compiler_model"], frozen=options["frozen"]) as counsel:
        outcomes = await _all(settings, jobs, passes, options, counsel)
    _print(jobs, outcomes, options)
    failed = sum(isinstance(outcome, str) for outcome in outcomes)
    if failed:
        raise FindingsError(f"{failed} of {len(jobs)} compiles failed")


async def _all(
    settings: Settings,
    jobs: Sequence[Job],
    passes: Sequence[str],
    options: dict[str, Any],
    counsel: RecordedCounsel | None,
) -> list[CompileResult | str]:
    import anyio

    from skvm.cli.console import progress

    outcomes: list[CompileResult | str] = [""] * len(jobs)
    limiter = anyio.CapacityLimiter(options["concurrency"])
    with progress(quiet=options["is_json"] or len(jobs) == 1) as bars:
        bar = bars.add_task("compiling", total=len(jobs), note="")

        async def work(index: int) -> None:
            async with limiter:
                outcomes[index] = await compile_job(settings, jobs[index], passes, options, counsel)
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
    counsel: RecordedCounsel | None,
) -> CompileResult | str:
    """The result, or why there is none."""
    import anyio

    from skvm.compiler.contract import CompileOptions
    from skvm.compiler.driver import BuildMode, compile_skill
    from skvm.compiler.lockfile import LOCK_NAME, read_lock
    from skvm.errors import SkvmError

    try:
        locked = read_lock(job.skill.root / LOCK_NAME).answers if counsel and job.skill.root else {}
        with anyio.fail_after(options["timeout_ms"] / 1000):
            return await compile_skill(
                job.skill,
                model=job.model,
                harness=job.harness,
                profile=job.profile,
                settings=settings,
                passes=passes,
                dry_run=options["dry_run"],
                options=CompileOptions(compiler_model=options["compiler_model"]),
                counsel=counsel.begin(locked) if counsel else None,
                mode=BuildMode(force=options["force"], frozen=options["frozen"], lock=not options["no_lock"]),
                failures=job.failures,
            )
    except TimeoutError:
        return f"not done after {options['timeout_ms']} ms"
    except SkvmError as error:
        return f"{error.message}{f' (help: {error.help})' if error.help else ''}"


def _print(jobs: Sequence[Job], outcomes: Sequence[CompileResult | str], options: dict[str, Any]) -> None:
    from skvm.cli.compile_report import as_json, print_result
    from skvm.cli.console import err, print_json

    pairs = list(zip(jobs, outcomes, strict=True))
    failures = [(job, outcome) for job, outcome in pairs if isinstance(outcome, str)]
    done = [(job, outcome) for job, outcome in pairs if not isinstance(outcome, str)]
    if options["is_json"]:
        failed = [
            {"skill": job.skill.id, "model": job.model, "harness": job.harness, "error": why}
            for job, why in failures
        ]
        print_json({"compiled": [as_json(result) for _, result in done], "failed": failed})
    else:
        for job, result in done:
            print_result(result, job.profile, explain=options["explain"])
    for job, why in failures:
        err.print(f"{job.skill.id} for {job.model} in {job.harness}: {why}", style="red", markup=False)
