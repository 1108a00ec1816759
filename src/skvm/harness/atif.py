"""Export a trajectory as ATIF, the Agent Trajectory Interchange Format of the Harbor project.

Version 1.7: step ids count from 1; only agent steps carry model, calls and metrics; ``prompt_tokens`` counts
cached tokens too; a result names its call; what the format has no field for stands in ``extra``.
"""

from __future__ import annotations

from typing import Any

import skvm
from skvm.evidence.record import RunRecord, Usage
from skvm.harness.trajectory import Observation, ToolCall, Trajectory, Turn

__all__ = ["SCHEMA_VERSION", "to_atif"]

SCHEMA_VERSION = "ATIF-v1.7"


def to_atif(trajectory: Trajectory, *, run: RunRecord | None = None) -> dict[str, Any]:
    """Export a trajectory as an ATIF document, ready for ``json.dump``.

    Args:
        trajectory: What the agent did.
        run: The run it belongs to, for ids, time and score.
    """
    steps: list[dict[str, Any]] = []
    if trajectory.system:
        steps.append({"source": "system", "message": trajectory.system})
    prompt: dict[str, Any] = {"source": "user", "message": trajectory.prompt}
    if run is not None:
        prompt["timestamp"] = run.started_at.isoformat()
    steps.append(prompt)
    steps.extend(_agent_step(turn, trajectory.model) for turn in trajectory.turns)
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "agent": {
            "name": trajectory.harness,
            "version": skvm.__version__,
            "model_name": trajectory.model,
        },
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, start=1)],
        "final_metrics": _final_metrics(trajectory, len(steps)),
        "extra": _about(trajectory, run),
    }
    if run is not None:
        document["session_id"] = run.session_id or run.run_id
        document["trajectory_id"] = run.run_id
    return document


def _agent_step(turn: Turn, model: str) -> dict[str, Any]:
    step: dict[str, Any] = {"source": "agent", "message": turn.text}
    if turn.tool_calls:
        step["tool_calls"] = [_tool_call(call) for call in turn.tool_calls]
    if turn.observations:
        step["observation"] = {"results": [_result(observation) for observation in turn.observations]}
    if turn.from_hook or turn.is_kept_back:
        # No model was called: the format forbids metrics here.
        step["llm_call_count"] = 0
    else:
        step |= {"model_name": model, "metrics": _metrics(turn.usage, turn.duration_ms)}
        if turn.usage.calls:
            step["llm_call_count"] = turn.usage.calls
    step["extra"] = {"dialect": turn.dialect.value}
    if turn.finish_reason:
        step["extra"]["finish_reason"] = turn.finish_reason
    return step


def _tool_call(call: ToolCall) -> dict[str, Any]:
    extra: dict[str, Any] = {"kind": call.kind.value}
    if call.raw_arguments is not None:
        extra["raw_arguments"] = call.raw_arguments
    arguments = call.model_dump(mode="json")["arguments"]
    return {"tool_call_id": call.id, "function_name": call.name, "arguments": arguments, "extra": extra}


def _result(observation: Observation) -> dict[str, Any]:
    extra: dict[str, Any] = {
        "is_error": observation.is_error,
        "is_truncated": observation.is_truncated,
        "duration_ms": observation.duration_ms,
    }
    if observation.exit_code is not None:
        extra["exit_code"] = observation.exit_code
    return {"source_call_id": observation.tool_call_id, "content": observation.text, "extra": extra}


def _prompt_tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens


def _metrics(usage: Usage, duration_ms: float) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "prompt_tokens": _prompt_tokens(usage),
        "completion_tokens": usage.output_tokens,
        "cached_tokens": usage.cache_read_tokens,
        "extra": {"duration_ms": duration_ms, "cache_write_tokens": usage.cache_write_tokens},
    }
    if usage.cost_usd is not None:
        metrics["cost_usd"] = usage.cost_usd
    return metrics


def _final_metrics(trajectory: Trajectory, steps: int) -> dict[str, Any]:
    usage = trajectory.usage
    metrics: dict[str, Any] = {
        "total_prompt_tokens": _prompt_tokens(usage),
        "total_completion_tokens": usage.output_tokens,
        "total_cached_tokens": usage.cache_read_tokens,
        "total_steps": steps,
        "extra": {
            "duration_ms": trajectory.duration_ms,
            "llm_duration_ms": trajectory.llm_duration_ms,
            "total_cache_write_tokens": usage.cache_write_tokens,
        },
    }
    if usage.cost_usd is not None:
        metrics["total_cost_usd"] = usage.cost_usd
    return metrics


def _about(trajectory: Trajectory, run: RunRecord | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "outcome": (run.outcome if run is not None else trajectory.outcome).value,
        "detail": trajectory.detail,
        "final_text": trajectory.final_text,
        "skill_loaded": trajectory.skill_loaded,
    }
    if run is not None:
        names = ("task_id", "condition", "repetition", "skill_id", "skill_digest", "score", "sandbox")
        told |= {name: getattr(run, name) for name in names}
    return {name: value for name, value in told.items() if value is not None}
