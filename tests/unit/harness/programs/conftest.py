"""What the tests of driven programs share: a model behind the port, the fake program, one whole run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from skvm.evaluate.bench import RunSpec, load_trajectory, open_bench
from skvm.evaluate.run import run_once
from skvm.evidence.record import CriterionResult, RunRecord
from skvm.harness.contract import Harness
from skvm.harness.trajectory import Trajectory
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from skvm.settings import Route, Settings, load_settings
from skvm.task.model import Task
from tests.confinement import ALL, working
from tests.unit.harness.programs.fake_adapter import CLI, FakeProgram

KEY = "sk-planted0123456789abcdefghij"
TASK = Task(id="t", prompt="Make hello.txt.")


def answers(*calls: FakeToolCall) -> Callable[[dict[str, Any]], FakeAnswer]:
    """A model that makes the calls one by one, then is done; a title for whoever offers no tools."""

    def answer(body: dict[str, Any]) -> FakeAnswer:
        if not body.get("tools"):
            return FakeAnswer("A title")
        made = sum(message["role"] == "tool" for message in body["messages"])
        return FakeAnswer("", tool_calls=[calls[made]]) if made < len(calls) else FakeAnswer("All done.")

    return answer


def put(path: str, content: str = "hello") -> FakeToolCall:
    return FakeToolCall("put_file", {"filePath": path, "content": content})


@dataclass
class Done:
    """What came of a run."""

    record: RunRecord
    trajectory: Trajectory | None
    files: dict[str, str]
    requests: Sequence[Any]

    @property
    def told(self) -> Trajectory:
        assert self.trajectory is not None, self.record.detail
        return self.trajectory


@dataclass
class Stage:
    """Where programs are run: settings whose folders any user may pass, and a copy of the program."""

    settings: Settings
    executable: Path
    sandbox: str = "auto"

    @property
    def left(self) -> list[str]:
        """What of ours still lies in the temporary folder."""
        return sorted(path.name for path in self.settings.tmp_dir.iterdir())

    def program(self, **options: Any) -> FakeProgram:
        return FakeProgram(executable=self.executable, **options)

    async def run(
        self,
        agent: Harness | None = None,
        model: Callable[[dict[str, Any]], FakeAnswer] | Sequence[FakeAnswer] | None = None,
        task: Task = TASK,
        config_mode: Any = "managed",
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> Done:
        files: dict[str, str] = {}

        async def look(evidence: Any) -> list[CriterionResult]:
            for path in sorted(evidence.snapshot.rglob("*")):
                if path.is_file():
                    files[str(path.relative_to(evidence.snapshot))] = path.read_text(errors="replace")
            return [CriterionResult(id="x", method="oracle", score=1.0)]

        spec = RunSpec(task, "fake/m", harness=agent or self.program(), oracle=look, **options)
        async with FakeServer(answers(put("hello.txt")) if model is None else model) as server:
            routes = (Route("fake/*", "openai-compatible", base_url=server.base_url, api_key=KEY),)
            settings = replace(self.settings, routes=routes, auto_probe=False)
            sandbox = working(self.sandbox)
            async with open_bench(settings, sandbox=sandbox, config_mode=config_mode) as bench:
                record = await run_once(spec, replace(bench, max_output_tokens=max_output_tokens))
                return Done(record, load_trajectory(bench.blobs, record), files, server.requests)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    # Other users cannot pass the parents of pytest's tmp_path, and the user of a landlock cell is another.
    outer = Path(tempfile.mkdtemp(prefix="skvm-test-"))
    outer.chmod(0o755)
    for name in ("tmp", "program"):
        (outer / name).mkdir()
    executable = Path(shutil.copy(CLI, outer / "program" / "fake-cli"))
    executable.chmod(0o755)
    settings = load_settings(cache_dir=str(tmp_path / "cache"), tmp_dir=str(outer / "tmp"), env={})
    yield Stage(settings, executable)
    shutil.rmtree(outer)


@pytest.fixture(params=ALL)
def any_stage(stage: Stage, request: pytest.FixtureRequest) -> Stage:
    stage.sandbox = request.param
    return stage
