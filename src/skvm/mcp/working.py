"""Tools that work: they ask models, take long, or write. What is finished is kept when they are cut short."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations
from pydantic import Field

from skvm.errors import UsageError
from skvm.mcp.answers import Answer, Bench, Compiled, Plan, Profiles, Run, Started
from skvm.mcp.calling import Call, Caller, MaxTokens, MaxUsd, WaitS, flag, told
from skvm.mcp.ground import Ground, harness_name, plain_id, plain_ids

__all__ = ["WAIT_S", "add_working"]

WAIT_S = 45.0
"""Many clients give up after a minute."""
_WORKS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)
Model = Annotated[str, Field(description="Full model id, provider first: anthropic/claude-sonnet-4.6.")]
Harness = Annotated[str, Field(description="As `skvm harness list` names it; bare-agent is built in.")]
SkillPath = Annotated[str, Field(description="Folder of a skill, or of a compiled variant.")]


def add_working(server: MCPServer[Any], call: Caller) -> None:
    """Add them to a server."""
    _add_compiling(server, call)
    _add_running(server, call)
    _add_bench(server, call)
    _add_optimizing(server, call)


def _target(model: str, harness: str) -> tuple[str, ...]:
    return (*flag("model", plain_id(model, "model")), *flag("adapter", harness_name(harness)))


def _ceilings(ground: Ground, max_usd: float | None, max_tokens: int | None) -> tuple[str, ...]:
    return (*ground.dollars(max_usd), *flag("max-tokens", max_tokens))


def _add_compiling(server: MCPServer[Any], call: Caller) -> None:
    ground = call.ground

    @server.tool(annotations=_WORKS)
    @told
    async def profile_measure(
        ctx: Call,
        *,
        model: Model,
        harness: Harness = "bare-agent",
        primitives: list[str] | None = None,
        estimate_only: Annotated[bool, Field(description="Only say what it would take; ask first.")] = False,
        max_usd: MaxUsd = None,
        max_tokens: MaxTokens = None,
        wait_s: WaitS = WAIT_S,
    ) -> Answer[Profiles]:
        """Measure what a model in a harness can do. Asks the model many times; estimate_only first.

        What is known is not measured twice, and the same call goes on where it was cut short.
        """
        flags = (
            *_target(model, harness),
            *flag("primitives", plain_ids(primitives or (), "primitives")),
            *flag("estimate", estimate_only),
            *_ceilings(ground, max_usd, max_tokens),
            f"--sandbox={ground.sandbox}",
        )
        return await call(Profiles, ctx, "profile", *flags, wait_s=wait_s)

    @server.tool(annotations=_WORKS)
    @told
    async def compile(
        ctx: Call,
        *,
        skill: SkillPath,
        model: Model,
        harness: Harness = "bare-agent",
        compiler_model: Annotated[str, Field(description="A model that helps, or none.")] = "none",
        passes: Annotated[
            str | None, Field(pattern=r"^[a-z0-9,-]+$", description="Such as 1 or 1,2,3.")
        ] = None,
        dry_run: bool = False,
        lock: Annotated[bool, Field(description="Write skvm.lock beside SKILL.md.")] = True,
        max_usd: MaxUsd = None,
        max_tokens: MaxTokens = None,
        wait_s: WaitS = WAIT_S,
    ) -> Answer[Compiled]:
        """Compile a skill for a target that has been measured. The variant goes into the cache."""
        flags = (
            f"--skill={ground.path(skill, 'skill')}",
            *_target(model, harness),
            f"--compiler-model={plain_id(compiler_model, 'compiler_model')}",
            *flag("pass", passes),
            *flag("dry-run", dry_run),
            *flag("no-lock", not lock),
            *_ceilings(ground, max_usd, max_tokens),
        )
        return await call(Compiled, ctx, "aot-compile", *flags, wait_s=wait_s, shape=_without_proofs)


def _without_proofs(told: Any) -> Any:
    """Without what the tool verify reads from the variant itself."""
    if not isinstance(told, dict) or not isinstance(told.get("compiled"), list):
        return told
    kept = [{name: value for name, value in each.items() if name != "proof"} for each in told["compiled"]]
    return {**told, "compiled": kept}


def _add_running(server: MCPServer[Any], call: Caller) -> None:
    ground = call.ground

    @server.tool(annotations=_WORKS)
    @told
    async def run(
        ctx: Call,
        *,
        task: Annotated[str, Field(description="Task folder, or id in the dataset.")],
        model: Model,
        harness: Harness = "bare-agent",
        skill: SkillPath | None = None,
        skill_mode: Literal["inject", "discover"] | None = None,
        workdir: Annotated[str | None, Field(description="Run in this folder and keep it.")] = None,
        timeout_ms: Annotated[int | None, Field(ge=1)] = None,
        max_steps: Annotated[int | None, Field(ge=1)] = None,
        max_usd: MaxUsd = None,
        max_tokens: MaxTokens = None,
        wait_s: WaitS = WAIT_S,
    ) -> Answer[Run]:
        """Run one task once with a model in a harness, grade it, record it."""
        flags = (
            f"--task={ground.task(task)}",
            *_target(model, harness),
            *flag("skill", skill and ground.path(skill, "skill")),
            *flag("skill-mode", skill_mode),
            *flag("workdir", workdir and ground.workdir(workdir, must_exist=False)),
            *flag("timeout-ms", timeout_ms),
            *flag("max-steps", max_steps),
            *_ceilings(ground, max_usd, max_tokens),
            f"--sandbox={ground.sandbox}",
        )
        return await call(Run, ctx, "run", *flags, wait_s=wait_s)

    @server.tool(annotations=_WORKS)
    @told
    async def plan_run(
        ctx: Call,
        *,
        plan: Annotated[str, Field(description="A skill, a variant or a plan.json.")],
        workdir: Annotated[str, Field(description="Where it runs.")],
        model: Annotated[
            str | None, Field(description="For steps that need one; else they are left.")
        ] = None,
        harness: Harness = "bare-agent",
        prompt: str | None = None,
        dry_run: bool = False,
        done: Annotated[list[str] | None, Field(description="Steps you did yourself.")] = None,
        max_usd: MaxUsd = None,
        max_tokens: MaxTokens = None,
        wait_s: WaitS = WAIT_S,
    ) -> Answer[Plan]:
        """Run a plan's commands in the sandbox, as many at once as may be; the same call goes on with it.

        Steps that need a person are left and named; nobody answers a plan's questions in a person's place.
        """
        flags = (
            f"--workdir={ground.workdir(workdir)}",
            *flag("model", model and plain_id(model, "model")),
            *flag("adapter", harness_name(harness)),
            *flag("prompt", prompt),
            *flag("dry-run", dry_run),
            *(f"--done={plain_id(step, 'done')}" for step in done or ()),
            *_ceilings(ground, max_usd, max_tokens),
            f"--sandbox={ground.sandbox}",
        )
        return await call(Plan, ctx, "plan run", *flags, "--", ground.path(plan, "plan"), wait_s=wait_s)


def _add_bench(server: MCPServer[Any], call: Caller) -> None:
    ground = call.ground

    @server.tool(annotations=_WORKS)
    @told
    async def bench(
        ctx: Call,
        *,
        tasks: Annotated[list[str] | None, Field(description="Task folders, or ids in the dataset.")] = None,
        model: Model | None = None,
        harness: Harness = "bare-agent",
        skill: SkillPath | None = None,
        conditions: Annotated[
            list[str], Field(description="no-skill, original, aot-compiled, jit-boost, jit-optimized.")
        ] = ["no-skill", "original"],  # noqa: B006 - shown in the schema, never changed
        runs_per_task: Annotated[int, Field(ge=1, le=1000)] = 1,
        concurrency: Annotated[int, Field(ge=1, le=64)] = 1,
        temperature: Annotated[float, Field(ge=0, le=2)] = 0.0,
        judge_model: str | None = None,
        dry_run: Annotated[
            bool, Field(description="Forecast runs, tokens and dollars; run nothing.")
        ] = False,
        resume: Annotated[
            str | None, Field(description="Go on with this session, or latest; leave all else out.")
        ] = None,
        max_usd: MaxUsd = None,
        max_tokens: MaxTokens = None,
        wait_s: WaitS = WAIT_S,
    ) -> Answer[Bench]:
        """Say whether a skill helps, in what form, and how sure that is. dry_run first: it can cost much.

        The answer leaves out single runs; they are in the session's report, a resource. Nothing that counts
        is run twice: resume goes on with a session that was cut short.
        """
        limits = _ceilings(ground, max_usd, max_tokens)
        if resume is not None:
            if tasks or model or skill:
                raise UsageError("resume goes on with a session as it was planned", help="leave all else out")
            flags: tuple[str, ...] = (f"--resume={plain_id(resume, 'resume')}", *limits)
        else:
            if not tasks or not model:
                raise UsageError("bench needs tasks and model, or resume")
            flags = (
                f"--tasks={','.join(ground.task(each) for each in tasks)}",
                *_target(model, harness),
                *flag("skill", skill and ground.path(skill, "skill")),
                *flag("conditions", plain_ids(conditions, "conditions")),
                f"--runs-per-task={runs_per_task}",
                f"--concurrency={concurrency}",
                f"--temperature={temperature:g}",
                *flag("judge-model", judge_model and plain_id(judge_model, "judge_model")),
                *flag("dry-run", dry_run),
                *limits,
                f"--sandbox={ground.sandbox}",
            )
        return await call(Bench, ctx, "bench", *flags, wait_s=wait_s, shape=_without_runs)


def _without_runs(told: Any) -> Any:
    """Without what grows with every run."""
    return (
        {name: value for name, value in told.items() if name != "tasks"} if isinstance(told, dict) else told
    )


def _add_optimizing(server: MCPServer[Any], call: Caller) -> None:
    ground = call.ground

    @server.tool(annotations=_WORKS)
    @told
    async def optimize(
        ctx: Call,
        *,
        skill: SkillPath,
        target_model: Model,
        optimizer_model: Annotated[str, Field(description="Who edits the skill; none asks nobody.")],
        harness: Harness = "bare-agent",
        logs: Annotated[list[str] | None, Field(description="Reports or session logs to learn from.")] = None,
        tasks: Annotated[list[str] | None, Field(description="Or tasks to learn from.")] = None,
        budget_runs: Annotated[int | None, Field(ge=1)] = None,
        max_usd: MaxUsd = None,
        max_tokens: MaxTokens = None,
    ) -> Answer[Started]:
        """Start a session of the optimizer in the background: it edits a copy of the skill and measures it.

        Answers with the proposal's id; proposals_show tells how it goes. The skill itself stays as it is
        until a person accepts the proposal. The session outlives this server.
        """
        if bool(logs) == bool(tasks):
            raise UsageError("optimize learns from logs or from tasks", help="give one of the two")
        flags = (
            f"--skill={ground.path(skill, 'skill')}",
            f"--task-source={'log' if logs else 'real'}",
            *flag("logs", ",".join(ground.path(each, "logs") for each in logs or ())),
            *flag("tasks", ",".join(ground.task(each) for each in tasks or ())),
            f"--target-model={plain_id(target_model, 'target_model')}",
            f"--target-adapter={harness_name(harness)}",
            f"--optimizer-model={plain_id(optimizer_model, 'optimizer_model')}",
            *flag("budget-runs", budget_runs),
            *_ceilings(ground, max_usd, max_tokens),
            f"--sandbox={ground.sandbox}",
            "--detach",
        )
        return await call(Started, ctx, "jit-optimize", *flags)
