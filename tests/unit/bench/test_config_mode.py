"""A run with the user's own configuration is another run than one with ours."""

from __future__ import annotations

from skvm.bench.matrix import _key
from skvm.bench.plan import BenchPlan
from skvm.evaluate.bench import RunSpec
from skvm.task.model import Task


def test_whose_configuration_a_harness_has_is_part_of_a_cell() -> None:
    spec = RunSpec(Task(id="t", prompt="p"), "p/m")
    plan = BenchPlan(session_id="s", created_at="x", tasks=(), targets=(), conditions=())
    native = plan.model_copy(update={"adapter_config": "native"})
    assert _key(spec, plan, "d", None) != _key(spec, native, "d", None)
    assert BenchPlan.model_validate_json(native.model_dump_json(by_alias=True)).adapter_config == "native"
