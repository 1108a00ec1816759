"""What the tests of judges share: a bench whose judge is a fake server behind the real port."""

from contextlib import asynccontextmanager
from dataclasses import replace

from skvm.evaluate.bench import open_bench
from skvm.evaluate.judging import judge_of
from skvm.harness.fake import FakeSandbox
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from skvm.llm.port import ModelPort
from skvm.llm.retry import RetryPolicy
from skvm.settings import Route
from skvm.task.model import Criterion, Task

QUICK = RetryPolicy(base_s=0.001, jitter_s=0.0, max_s=0.01)
SECRET = "sk-very-secret-0123456789"
HI = Criterion(method="file-check", id="hi", options={"path": "a.txt", "mode": "contains", "expected": "hi"})


def says(score, reasoning="it is so", **more):
    return FakeAnswer(tool_calls=[FakeToolCall("answer", {"reasoning": reasoning, "score": score})], **more)


def rubric(text="Is it good?", max_score=1.0, **more):
    return Criterion(method="llm-judge", id="taste", options={"rubric": text, "maxScore": max_score}, **more)


def task(*criteria, **more):
    return Task(id="t", prompt="Do it", criteria=criteria, **more)


@asynccontextmanager
async def bench_at(settings, base_url, *, limit=None, **judge):
    """A bench whose judge is at an address."""
    route = Route("fake/*", "openai-compatible", base_url=base_url, api_key=SECRET)
    routes = replace(settings, auto_probe=False, routes=(route,))
    async with (
        ModelPort(routes, retry=QUICK, limit=limit) as port,
        open_bench(routes, sandbox=FakeSandbox(), port=port) as bench,
    ):
        yield replace(bench, judge=judge_of(bench, "fake/judge", **judge))


@asynccontextmanager
async def judged_bench(settings, answers, **more):
    """A bench whose judge gives these answers, and the server that gives them."""
    async with FakeServer(answers) as server, bench_at(settings, server.base_url, **more) as bench:
        yield bench, server


def prompt_of(body):
    return next(part["content"] for part in body["messages"] if part["role"] == "user")
