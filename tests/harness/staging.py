"""Whole runs of real programs with a scripted model behind the gateway, and a look at what they have."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from skvm.evaluate.bench import Bench, RunSpec, load_trajectory, open_bench
from skvm.evaluate.run import run_once
from skvm.evidence.record import CriterionResult, RunRecord
from skvm.harness.programs.scripted import offered_tools, tool_results
from skvm.harness.trajectory import Trajectory
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from skvm.settings import Route, Settings
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.task.model import Task

__all__ = ["KEY", "SKILL_LINES", "Done", "Stage", "Steps", "a_skill", "open_stage"]

KEY = "sk-planted-0123456789abcdefghij"
"""The provider's key; no program may ever see it."""
SKILL_LINES = ("Write every greeting in small letters.", "End it without a full stop, ever.")


class Steps:
    """A model that makes one call an answer, then says its last words; a title where no tools are offered.

    Args:
        calls: The calls, one after the other.
        final_text: The last words.
        watch: Is asked at every request, while the program waits.
    """

    def __init__(
        self,
        *calls: FakeToolCall,
        final_text: str = "It is all done.",
        watch: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.calls, self.final_text, self.watch = calls, final_text, watch

    def __call__(self, body: dict[str, Any]) -> FakeAnswer:
        """Answer one request."""
        if self.watch is not None:
            self.watch(body)
        if not offered_tools(body):
            return _answer("A title")
        made = len(tool_results(body))
        if made < len(self.calls):
            # Claude Code passes over a call whose id it has seen before.
            return _answer("I go on.", replace(self.calls[made], id=f"call_{made}"))
        return _answer(self.final_text)


def _answer(text: str, *calls: FakeToolCall) -> FakeAnswer:
    # Programs count cached tokens differently, and the gateway must not.
    return FakeAnswer(text, tool_calls=calls, input_tokens=100, output_tokens=20, cache_read_tokens=7)


@dataclass
class Done:
    """What came of a run.

    Args:
        record: Its record.
        trajectory: Its trajectory, if there is one.
        files: What lay in the work directory as it was graded.
        requests: What the model was asked.
    """

    record: RunRecord
    trajectory: Trajectory | None
    files: dict[str, str]
    requests: Sequence[Any]

    @property
    def told(self) -> Trajectory:
        """The trajectory, which there is."""
        assert self.trajectory is not None, self.record.detail
        return self.trajectory


@dataclass
class Stage:
    """Where real programs are run.

    Args:
        settings: Theirs; the folders can be passed by any user.
        outer: Above all of them.
        upstream: The dialect the model is served in.
    """

    settings: Settings
    outer: Path
    upstream: Literal["chat", "messages"] = "chat"
    leaks: list[str] = field(default_factory=list)

    @property
    def left(self) -> list[str]:
        """What of ours still lies in the temporary folder."""
        return sorted(path.name for path in self.settings.tmp_dir.iterdir())

    async def run(
        self,
        harness: str,
        model: Callable[[dict[str, Any]], FakeAnswer] | Sequence[FakeAnswer],
        *,
        prompt: str = "Make hello.txt.",
        task: Task | None = None,
        model_id: str = "fake/some-model",
        config_mode: Any = "managed",
        sandbox: str = "auto",
        dress: Callable[[Bench], Bench] = lambda bench: bench,
        **options: Any,
    ) -> Done:
        """Run a program once, on a bench that is dressed first."""
        files: dict[str, str] = {}

        async def look(evidence: Any) -> list[CriterionResult]:
            for path in sorted(evidence.snapshot.rglob("*")):
                if path.is_file():
                    files[str(path.relative_to(evidence.snapshot))] = path.read_text(errors="replace")
            return [CriterionResult(id="x", method="oracle", score=1.0)]

        task = task or Task(id="t", prompt=prompt, timeout_ms=300_000)
        spec = RunSpec(task, model_id, harness=harness, oracle=look, **options)
        async with FakeServer(model) as server:
            is_chat = self.upstream == "chat"
            route = Route(
                "fake/*",
                "openai-compatible" if is_chat else "anthropic",
                base_url=server.base_url if is_chat else server.root_url,
                api_key=KEY,
            )
            settings = replace(self.settings, routes=(route,), auto_probe=False)
            async with open_bench(settings, sandbox=sandbox, config_mode=config_mode) as bench:
                record = await run_once(spec, dress(bench))
                return Done(record, load_trajectory(bench.blobs, record), files, server.requests)

    def watch_for_keys(self, _: dict[str, Any]) -> None:
        """Look for the key in all that programs have now: files, arguments, variables."""
        for path in self.settings.tmp_dir.rglob("*"):
            with suppress(OSError):
                if path.is_file() and KEY.encode() in path.read_bytes():
                    self.leaks.append(str(path.relative_to(self.settings.tmp_dir)))
        for folder in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                with suppress(OSError):
                    if KEY.encode() in (folder / name).read_bytes() and folder.name != str(os.getpid()):
                        self.leaks.append(f"{folder}/{name}")


def open_stage(settings: Settings) -> Iterator[Stage]:
    """A stage; other users cannot pass the parents of pytest's own folders, and a cell's user is another."""
    outer = Path(tempfile.mkdtemp(prefix="skvm-test-"))
    outer.chmod(0o755)
    (outer / "tmp").mkdir()
    try:
        yield Stage(replace(settings, tmp_dir=outer / "tmp"), outer)
    finally:
        shutil.rmtree(outer)


def a_skill(folder: Path) -> Skill:
    """A skill with a file beside it."""
    root = folder / "greet"
    (root / "references").mkdir(parents=True)
    text = "\n".join(("# Greeting", "", *SKILL_LINES))
    (root / "SKILL.md").write_text(
        f"---\nname: greet\ndescription: How greetings are written. Use it for each.\n---\n{text}\n"
    )
    (root / "references" / "words.md").write_text("hello, hi\n")
    return load_skill(root)
