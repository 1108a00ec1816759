"""The condition ``jit-boost``, from warm-up to report, with a scripted model behind a real endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.bench.situations import write_skill
from tests.unit.runtime.boost.learning.world import CHORES, Chore

from skvm.cli.main import run as skvm
from skvm.llm.fake import FakeAnswer, FakeServer


def text_of(message: dict[str, object]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def answer(body: dict[str, object]) -> FakeAnswer:
    """The chore's program first, then that it is done."""
    said = [text_of(message) for message in body["messages"] if message["role"] == "user"]
    if len(said) > 1:
        return FakeAnswer("Done.")
    chore = next(chore for chore in CHORES if chore.prompt == said[0])
    return FakeAnswer(f"```bash\npython3 - <<'EOF'\n{chore.code}EOF\n```", input_tokens=100)


def write_task(folder: Path, chore: Chore) -> str:
    folder.mkdir(parents=True)
    check = (
        "import json\n"
        f"good = json.load(open({chore.target!r})) == json.loads({json.dumps(chore.totals)!r})\n"
        "print(json.dumps({'checkpoints': [{'name': 'totals', 'score': float(good)}]}))\n"
    )
    (folder / "fixtures").mkdir()
    for name, text in chore.files.items():
        (folder / "fixtures" / name).write_text(text)
    grader = {"method": "script", "id": "totals", "command": f"python3 - <<'EOF'\n{check}EOF"}
    task = {"id": folder.name, "prompt": chore.prompt, "maxSteps": 5, "eval": [grader]}
    (folder / "task.json").write_text(json.dumps(task))
    return str(folder)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("SKVM_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)
    tasks = [write_task(tmp_path / "tasks" / f"chore-{n}", chore) for n, chore in enumerate(CHORES[:4])]
    with FakeServer.running(answer) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "k"}
        (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        skill = write_skill(tmp_path, "sums", "Sum with Python.\n")
        yield SimpleNamespace(root=tmp_path, skill=str(skill), tasks=tasks, server=server)


def bench(place: SimpleNamespace, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, object]:
    command = ["bench", "--model=fake/m", "--adapter=shell-agent", f"--tasks={','.join(place.tasks)}"]
    assert skvm([*command, f"--skill={place.skill}", "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def preparation(report: dict[str, object]) -> dict[str, object]:
    return next(each for each in report["preparations"] if each["condition"] == "jit-boost")


def test_templates_answer_after_the_default_warm_up(place, capsys):
    report = bench(place, capsys, "--conditions=original,jit-boost")
    warm = preparation(report)
    assert warm["what"].startswith("1 template after ")
    assert warm["calls"] > 0
    # Two calls for each of the four runs of the original, and none for those that count with boost.
    assert len(place.server.requests) == warm["calls"] + 8
    again = bench(place, capsys, "--conditions=jit-boost")
    assert len(place.server.requests) == warm["calls"] + 8
    assert preparation(again)["what"] == "1 template trusted already"
    assert preparation(again)["isReused"] is True


def test_it_is_not_run_unless_it_is_asked_for(place, capsys):
    report = bench(place, capsys, "--dry-run")
    assert "jit-boost" not in json.dumps(report)


def test_one_warm_up_run_is_not_enough_and_the_model_works(place, capsys):
    report = bench(place, capsys, "--conditions=jit-boost", "--jit-runs=1")
    assert preparation(report)["what"].startswith("0 templates after 1 warm-up runs")
    assert len(place.server.requests) == 2 + 8
