"""What needs the primitives of reasoning, place by place."""

from __future__ import annotations

from pathlib import Path

import pytest

from skvm.compiler.requirements import analyse
from tests.unit.compiler.making import make_skill

JOBS = "| Job | Minutes | Needs |\n|---|---|---|\n| a | 1 | - |\n| b | 2 | a |\n| c | 3 | a |\n\n"
# fmt: off
CASES = [
    ("reason.analysis", "L1", "Explain what the function does."),
    ("reason.analysis", "L1", "Read the existing source code before the change."),
    ("reason.analysis", "L1", "解释这段代码的作用。"),
    ("reason.analysis", "L2", "Find the line of `total` that makes it wrong."),
    ("reason.analysis", "L2", "Review the changed code for race conditions."),
    ("reason.analysis", "L2", "找出这个函数中出错的行。"),
    ("reason.analysis", "L3", "Trace the exception through the modules to the line that made the value."),
    ("reason.analysis", "L3", "沿着堆栈追踪崩溃的根本原因。"),
    ("reason.analysis", None, "Find the root cause of the complaint and tell the supplier."),
    ("reason.analysis", None, "Never debug the code of other teams."),
    ("reason.analysis", None, "Use this skill when the user wants to find bugs in code."),
    ("reason.analysis", None, '"Review the code of my module"'),
    ("reason.planning", "L1", "Order the tasks by their dependencies."),
    ("reason.planning", "L1", "Identify dependencies between stories."),
    ("reason.planning", "L1", "按依赖关系排列这些任务。"),
    ("reason.planning", "L2", "Determine which tasks can run in parallel."),
    ("reason.planning", "L2", "Calculate the critical path."),
    ("reason.planning", "L2", "找出哪些步骤可以同时进行。"),
    ("reason.planning", "L1", JOBS + "Say which jobs can run at the same time:\n\n| Order | Job | From | To | At the same time |\n|---|---|---|---|---|\n| 1 | a | 0 | 1 | - |"),  # noqa: E501
    ("reason.planning", "L3", "When a step fails, say which later steps are skipped."),
    ("reason.planning", "L3", "某个步骤失败时，说明哪些后续步骤要跳过。"),
    ("reason.planning", None, "Run all the package dependency checks in order."),
    ("reason.planning", None, "The job fails when the disk is full."),
    ("reason.spatial", "L1", "Work out the distance between the two points of the grid."),
    ("reason.spatial", "L1", "计算两点坐标之间的直线距离。"),
    ("reason.spatial", "L2", "Work out the area of the polygon."),
    ("reason.spatial", "L2", "计算多边形地块的面积。"),
    ("reason.spatial", "L3", "Give the great-circle distance between the ports."),
    ("reason.spatial", "L3", "Calculate the distance from the latitudes and longitudes."),
    ("reason.spatial", "L3", "根据经纬度计算球面距离。"),
    ("reason.spatial", None, "Find areas of improvement in the text."),
    ("reason.spatial", None, "Calculate the Levenshtein distance to the word."),
    ("reason.spatial", None, "Report the distance between the points with `python3 scripts/far.py points.csv`."),  # noqa: E501
    ("reason.arithmetic", "L1", "Subtract 12 from 40."),
    ("reason.arithmetic", "L2", "The price is hours times 80 dollars, apply a 10% discount, then add 8% tax."),  # noqa: E501
    ("reason.arithmetic", "L2", "S = a + b and T = S × 2"),
    ("reason.arithmetic", "L3", "N = M × 2^(t/3)"),
    ("reason.arithmetic", None, "Say which means of transport is meant."),
    ("reason.arithmetic", None, "Trust = candour + time"),
    ("reason.arithmetic", None, "Trust decays slowly (R = e^(-t/S))."),
    ("reason.arithmetic", None, "Write a query that computes the total of all orders."),
    ("reason.arithmetic", None, "打开计算机上的文件。"),
    ("reason.logic", "L1", "If the box is open or the lid is loose, close it; otherwise leave it."),
    ("reason.logic", "L1", "1. If it is empty, stop."),
    ("reason.logic", "L1", "若设备离线，则重启。"),
    ("reason.logic", "L1", "| Score | Say |\n|---|---|\n| good | yes |"),
    ("reason.logic", "L1", "```\nIs it static?\n├─ Yes → read it\n└─ No → run it\n```"),
    ("reason.logic", "L2", "Find an order such that Ann is first, Bob is not last, and Cy sits by Ann."),
    ("reason.logic", "L2", "安排座位，满足以下条件：甲不坐门边，乙坐在丙旁边，丁在第一排。"),
    ("reason.logic", "L3", "Minimise the cost of the trip given the constraints above."),
    ("reason.logic", "L3", "Of all boxes with at most 9 kg, take the one that holds the most."),
    ("reason.logic", "L3", "在重量不超过十公斤的条件下选出利润最高的组合。"),
    ("reason.logic", None, "Check if the file is there."),
    ("reason.logic", None, "| Name | City |\n|---|---|\n| Ann | Ulm |"),
]
# fmt: on


@pytest.mark.parametrize(("primitive_id", "level", "body"), CASES)
def test_level_of_a_place(primitive_id: str, level: str | None, body: str, tmp_path: Path) -> None:
    found = analyse(make_skill(tmp_path, body + "\n")).requirements
    levels = [str(needed.level) for needed in found if needed.primitive_id == primitive_id]
    assert levels == ([level] if level else [])


def test_causes_are_of_code_only_where_a_skill_speaks_of_software(tmp_path: Path) -> None:
    body = "Run the unit tests against the codebase.\n\nConfirm the root cause of it.\n"
    found = [
        need
        for need in analyse(make_skill(tmp_path, body)).requirements
        if need.primitive_id == "reason.analysis"
    ]
    assert [str(need.level) for need in found] == ["L2"]
