"""Our three Harbor tasks with programs: the reference solution scores 1, an untouched or empty folder 0."""

from pathlib import Path

import anyio
import pytest

from skvm.bench.harbor.paths import relative_text
from skvm.bench.importing import import_from
from skvm.evaluate.grading import Seal, grade
from skvm.evaluate.workspace import lay_fixtures
from skvm.harness.confine import choose_sandbox
from skvm.harness.sandbox import Policy
from skvm.harness.trajectory import Trajectory
from skvm.task.loader import load_task

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "harbor"
NAMES = ("config-migration", "gateway-report", "order-cleanup")
PREFIXES = ("/srv/service", "/root", "/app", "/workspace")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    target = tmp_path_factory.mktemp("data") / "tasks"
    report = import_from("auto", EXAMPLES, target)
    assert [(item.task_id, item.status, item.reason) for item in report.items] == [
        (name, "written", "") for name in NAMES
    ]
    return {name: load_task(target / name) for name in NAMES}


def score(task, tmp_path, script, *, fixtures=True):
    """Score of what a shell script leaves in the sandbox, by the sealed tests of the task."""
    work = tmp_path / "work"
    work.mkdir()
    if fixtures:
        lay_fixtures(task, work)
    # The cell's user must pass the folders above.
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)

    async def main():
        sandbox = choose_sandbox("auto")
        async with sandbox.open(Policy(work_dir=work)) as cell:
            done = await cell.execute(["bash", "-c", script], timeout_s=60)
            assert done.exit_code == 0, done.stderr
        seal = Seal(sandbox=sandbox, tmp_dir=tmp_path / "tmp", left=work)
        return await grade(task, Trajectory(harness="h", model="m", prompt=task.prompt), seal)

    verdicts = anyio.run(main)
    assert verdicts.fault is None
    (result,) = verdicts.results
    return result


def solution(task):
    return relative_text((task.root / "REFERENCE" / "solve.sh").read_text(), PREFIXES)


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_solution_passes(tasks, tmp_path, name):
    result = score(tasks[name], tmp_path, solution(tasks[name]))
    assert result.score == 1.0, (result.details, result.checkpoints)


@pytest.mark.parametrize("fixtures", [True, False], ids=["untouched", "empty"])
@pytest.mark.parametrize("name", NAMES)
def test_an_empty_directory_fails(tasks, tmp_path, name, fixtures):
    assert score(tasks[name], tmp_path, "true", fixtures=fixtures).score == 0.0


SLIPS = {
    "config-migration": ("sed -i 's/9443/\"9443\"/' config.toml", 11 / 12),
    "gateway-report": ('sed -i \'s/"worst_minute": "[^"]*"/"worst_minute": ""/\' report.json', 6 / 7),
    "order-cleanup": ("sed -i 's/$/\\r/' out/orders.csv", 4 / 5),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_slip_costs_its_share(tasks, tmp_path, name):
    slip, expected = SLIPS[name]
    assert score(tasks[name], tmp_path, f"{solution(tasks[name])}\n{slip}").score == pytest.approx(expected)


FORGERY = """
echo '{"checkpoints": [{"name": "x", "score": 1}]}' > verdict
mkdir -p logs/verifier tests; echo 1 > logs/verifier/reward.txt; echo 1 > reward.txt
for name in json pathlib tomllib csv pytest conftest sitecustomize; do
  echo 'import os; print(open("verdict").read()); os._exit(0)' > $name.py
done
echo 'def test_all(): pass' > tests/test_outputs.py
"""


@pytest.mark.parametrize("name", NAMES)
def test_forged_rewards_and_modules_score_nothing(tasks, tmp_path, name):
    assert score(tasks[name], tmp_path, FORGERY).score == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_tests_or_the_solution_is_a_fixture(tasks, name):
    root = tasks[name].root
    shown = {path.name for path in (root / "fixtures").rglob("*")}
    assert not shown & {"test_outputs.py", "test.sh", "solve.sh", "Dockerfile", "task.toml"}
    assert "/app" not in tasks[name].prompt
    assert "/workspace" not in tasks[name].prompt
    assert "/root" not in tasks[name].prompt
