"""What the tests of ``skvm bench`` share: a scripted model, a dataset, and looks at what was recorded."""

import json
import sqlite3
import threading
from contextlib import closing
from functools import partial
from types import SimpleNamespace

import pytest

from skvm.cli.main import run as skvm
from skvm.evaluate.schedule import run_persistently
from skvm.evidence.sessions import read_sessions
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall

GRADE = {"method": "file-check", "id": "there", "path": "a", "mode": "exact", "expected": "x"}
JUDGED = {"method": "llm-judge", "id": "nice", "rubric": "Is it nice?"}
VERDICT = json.dumps({"score": 0.5, "reasoning": "half of it"})


class Model:
    """Writes x with the skill and y without it; ``says`` may answer instead."""

    def __init__(self):
        self.says = None
        self.asked = 0
        self.lock = threading.Lock()

    def __call__(self, body):
        with self.lock:
            self.asked += 1
        if self.says is not None and (answer := self.says(body)) is not None:
            return answer
        if "judge" in body["model"]:
            return FakeAnswer(VERDICT)
        if any(message["role"] == "tool" for message in body["messages"]):
            return FakeAnswer("done")
        good = "Write x" in json.dumps(body["messages"])
        return FakeAnswer("", [FakeToolCall("write_file", {"path": "a", "content": "x" if good else "y"})])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache with routes to a fake server, and a dataset of two tasks with a skill."""
    cache, skill = tmp_path / "cache", tmp_path / "skills" / "writer"
    monkeypatch.setenv("SKVM_CACHE", str(cache))
    monkeypatch.setenv("SKVM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("skvm.bench.execute.run_persistently", partial(run_persistently, pause_s=0))
    cache.mkdir()
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("---\nname: writer\ndescription: Writes.\n---\n\nWrite x into a.\n")
    model = Model()
    found = SimpleNamespace(cache=cache, skill=skill, root=tmp_path, model=model, log=cache / "log")
    for id in ("t1", "t2"):
        write_task(found, id)
    with FakeServer.running(model) as server:
        routes = [
            {"match": f"{name}/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
            for name in ("fake", "other", "court")
        ]
        (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": routes}}))
        yield found


def write_task(place, id, *, skill=True, criteria=(GRADE,), **fields):
    folder = place.root / "data" / "tasks" / id
    folder.mkdir(parents=True, exist_ok=True)
    task = {"id": id, "prompt": f"Do {id}", "eval": list(criteria), **fields}
    if skill:
        task["skill"] = str(place.skill)
    (folder / "task.json").write_text(json.dumps(task))


def go(*more, models="fake/m", conditions="no-skill,original"):
    return skvm(
        [
            "bench",
            f"--model={models}",
            f"--conditions={conditions}",
            "--sandbox=none",
            "--no-auto-probe",
            *more,
        ]
    )


def resume(*more, id="latest"):
    return skvm(["bench", f"--resume={id}", "--no-auto-probe", *more])


def finished(place):
    """Every finished attempt in the journal, as it stands there."""
    with closing(sqlite3.connect(place.log / "journal.sqlite")) as journal:
        rows = journal.execute("select body from records where kind = 'run_finished' order by id")
        return [json.loads(body) for (body,) in rows]


def sessions(place):
    return [entry for entry in read_sessions(place.log) if entry.type == "bench"]


def one_line(text):
    """The one error there is, without its help."""
    errors = [line for line in text.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, text
    assert "Traceback" not in text
    return errors[0]


def judged_task(place):
    for id in ("t1", "t2"):
        write_task(place, id, criteria=(GRADE, JUDGED))
