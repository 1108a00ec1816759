"""Tools that look: they ask no model, change nothing and cost nothing."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations
from pydantic import Field

from skvm.mcp.answers import (
    Analysis,
    Answer,
    Doctor,
    Explained,
    Lint,
    Plan,
    Profiles,
    Proposals,
    Sessions,
    Verified,
)
from skvm.mcp.calling import Call, Caller, flag, told
from skvm.mcp.ground import harness_name, plain_id, plain_ids

__all__ = ["add_looking"]

_LOOKS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
Paths = Annotated[
    list[str], Field(min_length=1, max_length=200, description="Skill folders, or folders of them.")
]
Model = Annotated[str, Field(description="Full model id, provider first: anthropic/claude-sonnet-4.6.")]
Harness = Annotated[str, Field(description="As `skvm harness list` names it; bare-agent is built in.")]


def add_looking(server: MCPServer[Any], call: Caller) -> None:
    """Add them to a server."""
    ground = call.ground

    @server.tool(annotations=_LOOKS)
    @told
    async def doctor(ctx: Call) -> Answer[Doctor]:
        """Check what this machine can do, and why not. Call it first when something does not work."""
        return await call(Doctor, ctx, "doctor")

    @server.tool(annotations=_LOOKS)
    @told
    async def lint(ctx: Call, paths: Paths, strict: bool = False) -> Answer[Lint]:
        """Check skills against the format and against what breaks in real loaders."""
        places = [ground.path(each, "paths") for each in paths]
        return await call(Lint, ctx, "lint", *flag("strict", strict), "--", *places)

    @server.tool(annotations=_LOOKS)
    @told
    async def analyze(ctx: Call, paths: Paths) -> Answer[Analysis]:
        """Say what skills hold: kinds, what they need of a model, procedures, dependencies."""
        places = [ground.path(each, "paths") for each in paths]
        return await call(Analysis, ctx, "analyze", "--", *places)

    @server.tool(annotations=_LOOKS)
    @told
    async def explain(
        ctx: Call, code: Annotated[str, Field(description="A code of a finding, such as SKV203.")]
    ) -> Answer[Explained]:
        """Explain a diagnostic code."""
        return await call(Explained, ctx, "explain", "--", plain_id(code, "code"))

    @server.tool(annotations=_LOOKS)
    @told
    async def profile_list(ctx: Call) -> Answer[Profiles]:
        """List the targets (a model in a harness) that have been measured."""
        return await call(Profiles, ctx, "profile list")

    @server.tool(annotations=_LOOKS)
    @told
    async def profile_show(
        ctx: Call, model: Model, harness: Harness = "bare-agent", primitives: list[str] | None = None
    ) -> Answer[Profiles]:
        """Show what a target can do: a level from L0 to L3 for each capability. Measures nothing."""
        flags = (
            *flag("model", plain_id(model, "model")),
            *flag("adapter", harness_name(harness)),
            *flag("primitives", plain_ids(primitives or (), "primitives")),
        )
        return await call(Profiles, ctx, "profile show", *flags)

    @server.tool(annotations=_LOOKS)
    @told
    async def verify(ctx: Call, variant: str, skill: str | None = None) -> Answer[Verified]:
        """Check the proof of a compiled variant, or a skvm.lock, without a model.

        skill is the original, to compare with.
        """
        original = None if skill is None else ground.path(skill, "skill")
        return await call(
            Verified, ctx, "verify", *flag("skill", original), "--", ground.path(variant, "variant")
        )

    @server.tool(annotations=_LOOKS)
    @told
    async def plan_show(
        ctx: Call, plan: str, model: str | None = None, harness: str = "bare-agent"
    ) -> Answer[Plan]:
        """Show the steps of a plan and what waits for what; plan is a skill, a variant or a plan.json."""
        flags = (
            *flag("model", model and plain_id(model, "model")),
            *flag("adapter", harness_name(harness)),
        )
        return await call(Plan, ctx, "plan show", *flags, "--", ground.path(plan, "plan"))

    @server.tool(annotations=_LOOKS)
    @told
    async def bench_sessions(ctx: Call) -> Answer[Sessions]:
        """List bench sessions, finished or cut short. Their reports are resources."""
        return await call(Sessions, ctx, "bench", "--list-sessions", shape=lambda told: {"sessions": told})

    @server.tool(annotations=_LOOKS)
    @told
    async def proposals_list(
        ctx: Call, skill: str | None = None, model: str | None = None, harness: str | None = None
    ) -> Answer[Proposals]:
        """List what the optimizer proposes, and how much better each was on held-out tasks."""
        flags = (
            *flag("skill", skill and plain_id(skill, "skill")),
            *flag("target-model", model and plain_id(model, "model")),
            *flag("harness", harness and harness_name(harness)),
        )
        return await call(Proposals, ctx, "proposals list", *flags)

    @server.tool(annotations=_LOOKS)
    @told
    async def proposals_show(
        ctx: Call, id: str, round: Annotated[int | None, Field(ge=0, le=9999)] = None
    ) -> Answer[Proposals]:
        """Show a proposal: rounds, scores, what was wrong, what was changed; of a running session, its state.

        A person decides on it, with `skvm proposals accept ID` or reject; there is no tool for that.
        """
        return await call(Proposals, ctx, "proposals show", *flag("round", round), "--", plain_id(id, "id"))

    @server.tool(annotations=_LOOKS)
    @told
    async def proposals_diff(
        ctx: Call, id: str, round: Annotated[int | None, Field(ge=0, le=9999)] = None
    ) -> Answer[Proposals]:
        """Show what a round of a proposal changes in the skill; the best round if none is named."""
        return await call(Proposals, ctx, "proposals diff", *flag("round", round), "--", plain_id(id, "id"))
