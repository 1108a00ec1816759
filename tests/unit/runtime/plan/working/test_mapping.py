from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_ai.messages import ModelMessage, ModelResponse

from skvm.errors import InfrastructureError, UsageError
from skvm.harness.adapters.bare_agent import BareAgent
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.runtime.plan.model import (
    AgentJob,
    AskJob,
    CommandJob,
    MapJob,
    Node,
    StepResult,
    StepState,
)
from skvm.runtime.plan.working.agents import Helper
from skvm.runtime.plan.working.limits import RunLimits
from tests.unit.runtime.plan.making import Remembered
from tests.unit.runtime.plan.working.benches import a_bench, a_context, said, words_of

pytestmark = pytest.mark.anyio

LABELS = Node(
    "1.2", title="Label", job=MapJob(AskJob("Label it.", (), "out/{name}.txt", "{item}"), glob="in/*.txt")
)
COPIES = Node("1.2", job=MapJob(CommandJob(("cp {item} out/{name}.bak",)), glob="in/*.txt"))


def lay(root: Path, count: int = 4) -> None:
    (root / "in").mkdir()
    (root / "out").mkdir()
    for index in range(count):
        (root / f"in/t{index}.txt").write_text(f"ticket {index}")


async def test_a_command_is_run_for_each(tmp_path: Path):
    lay(tmp_path)
    (tmp_path / "in/a b';x.txt").write_text("odd")
    log = Remembered()

    result = await a_bench(tmp_path, log=log).do(COPIES)

    assert (result.state, result.text) == (StepState.DONE, "5 items done")
    assert (tmp_path / "out/a b';x.bak").read_text() == "odd"
    assert {node for node, _ in log.ended} == {f"1.2[in/{name}.txt]" for name in ("a b';x", *_names(4))}


def _names(count: int) -> list[str]:
    return [f"t{index}" for index in range(count)]


async def test_all_questions_are_under_way_at_once(tmp_path: Path):
    lay(tmp_path, 8)
    under_way, all_there = set(), anyio.Event()

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        item = words_of(messages).split("Do it for this one: ")[1].split("\n")[0]
        under_way.add(item)
        if len(under_way) == 8:
            all_there.set()
        # None is answered before all are asked: one after the other this would never end.
        await all_there.wait()
        return said(f"label of {item}")

    with anyio.fail_after(20):
        result = await a_bench(tmp_path, [answer]).do(LABELS)

    assert result.state is StepState.DONE
    assert result.usage.calls == 8
    for name in _names(8):
        assert (tmp_path / f"out/{name}.txt").read_text() == f"label of in/{name}.txt\n"


async def test_a_serial_map_asks_one_at_a_time(tmp_path: Path):
    lay(tmp_path)
    now, most, order = 0, 0, []

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        nonlocal now, most
        now += 1
        most = max(most, now)
        order.append(words_of(messages).split("in/")[1][:2])
        await anyio.sleep(0.01)
        now -= 1
        return said("x")

    job = LABELS.job
    assert isinstance(job, MapJob)
    serial = Node("1.2", job=MapJob(job.each, glob=job.glob, is_serial=True))

    await a_bench(tmp_path, [answer]).do(serial)

    assert (most, order) == (1, _names(4))


async def test_what_a_step_has_for_itself_its_items_have_in_turn(tmp_path: Path):
    lay(tmp_path)
    command = CommandJob(("mkdir busy && sleep 0.05 && rmdir busy",))
    node = Node("1.2", needs=("only:browser",), job=MapJob(command, glob="in/*.txt"))

    assert (await a_bench(tmp_path).do(node)).is_done


async def test_items_that_write_one_file_do_so_in_order(tmp_path: Path):
    lay(tmp_path, 0)
    for name in ("a.md", "a.txt", "b.txt"):
        (tmp_path / "in" / name).write_text(name)
    quick = "case {item} in *.md) sleep 0.3;; esac; cp {item} out/{name}"
    node = Node("1.2", job=MapJob(CommandJob((quick,)), glob="in/*"))

    await a_bench(tmp_path).do(node)

    assert (tmp_path / "out/a").read_text() == "a.txt"


async def test_what_is_done_stays_and_only_the_rest_is_done_again(tmp_path: Path):
    lay(tmp_path)
    command = "echo {name} >> ran.log; test {item} != in/t2.txt -o -e fixed && cp {item} out/{name}.bak"
    node = Node("1.2", job=MapJob(CommandJob((command,)), glob="in/*.txt"))
    earlier: dict[str, StepResult] = {}

    class Kept(Remembered):
        async def finished(self, node: Node, result: StepResult, queued_s: float) -> None:
            earlier[node.id] = result

    first = await a_bench(tmp_path, log=Kept()).do(node)

    assert first.state is StepState.FAILED
    assert first.reason.startswith("1 of 4 items are not done: in/t2.txt")
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == ["t0", "t1", "t3"]

    (tmp_path / "fixed").touch()
    done = {name: result for name, result in earlier.items() if result.is_done}
    second = await a_bench(tmp_path, earlier=done).do(node)

    assert second.state is StepState.DONE
    ran = (tmp_path / "ran.log").read_text().split()
    assert (ran[-1], sorted(ran)) == ("t2", ["t0", "t1", "t2", "t2", "t3"])


async def test_an_uncertain_item_stays_so(tmp_path: Path):
    lay(tmp_path, 2)
    earlier = {"1.2[in/t0.txt]": StepResult(StepState.UNCERTAIN, reason="it was under way")}

    result = await a_bench(tmp_path, earlier=earlier).do(COPIES)

    assert result.state is StepState.UNCERTAIN
    assert "it was under way" in result.reason
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["t1.bak"]


async def test_listed_items_need_not_be_files(tmp_path: Path):
    job = MapJob(CommandJob(("echo {item} > {name}.txt",)), items=("north", "south", "north"))

    result = await a_bench(tmp_path).do(Node("1.2", job=job))

    assert result.text == "2 items done"
    assert (tmp_path / "south.txt").read_text() == "south\n"


async def test_no_item_is_no_failure_but_told(tmp_path: Path):
    result = await a_bench(tmp_path).do(COPIES)

    assert (result.state, result.text) == (StepState.DONE, "there was no item")


async def test_without_a_model_a_map_of_questions_is_left(tmp_path: Path):
    lay(tmp_path)

    result = await a_bench(tmp_path).do(LABELS)

    assert result.state is StepState.LEFT
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("output", ["../{name}", "{item}", "in/{name}.txt"])
async def test_an_output_outside_or_over_its_item_is_refused(tmp_path: Path, output: str):
    lay(tmp_path)
    node = Node("1.2", job=MapJob(AskJob("x", (), output, "{item}"), glob="in/*.txt"))

    with pytest.raises(UsageError):
        await a_bench(tmp_path, ["never"]).do(node)


async def test_a_serial_map_of_agents_is_one_conversation(tmp_path: Path):
    lay(tmp_path, 2)
    node = Node("1.2", job=MapJob(AgentJob("Read it.", ("1.2",)), glob="in/*.txt", is_serial=True))
    bench = a_bench(tmp_path, ["all read"])

    result = await bench.do(node)

    assert (result.state, result.text) == (StepState.DONE, "all read")
    assert bench.agent is not None
    (conversation,) = bench.agent.context.session.requests  # type: ignore[attr-defined]
    assert "- in/t0.txt\n- in/t1.txt" in words_of(conversation)


async def test_in_a_serial_map_too_one_that_fails_keeps_none_from_running(tmp_path: Path):
    lay(tmp_path)
    command = CommandJob(("test {name} != t1 && cp {item} out/",))
    node = Node("1.2", job=MapJob(command, glob="in/*.txt", is_serial=True))

    result = await a_bench(tmp_path).do(node)

    assert result.reason.startswith("1 of 4 items are not done: in/t1.txt")
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == ["t0", "t2", "t3"]


@pytest.mark.parametrize(("model", "alone"), [("fake/one", True), ("local/one", False)])
async def test_where_much_is_shared_the_first_question_goes_alone(tmp_path: Path, model: str, alone: bool):
    lay(tmp_path)
    (tmp_path / "rules.md").write_text("Be exact. " * 2_000)
    now, others = 0, []

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        nonlocal now
        now += 1
        await anyio.sleep(0.02)
        others.append((words_of(messages[:1]).split("for this one: in/")[1][:2], now))
        now -= 1
        return said("")

    each = AskJob("Label it.", ("rules.md",), "out/{name}.txt", "{item}")
    node = Node("1.2", job=MapJob(each, glob="in/*.txt"))
    helper = Helper(BareAgent(), replace(a_context(tmp_path, [answer]), model_id=model))

    await a_bench(tmp_path, agent=helper).do(node)

    # Even where the first comes to nothing the others are asked.
    assert len(others) == 8
    assert (others[0] == ("t0", 1)) is alone
    assert max(count for _, count in others) > 1


async def test_a_map_that_does_not_fit_into_the_turns_that_are_left_asks_nothing(tmp_path: Path):
    lay(tmp_path)
    bench = a_bench(tmp_path, ["x"], limits=RunLimits(steps=4))

    result = await bench.do(LABELS)

    assert (result.state, result.reason) == (StepState.FAILED, "4 model turns are left for 4 questions")
    assert list((tmp_path / "out").iterdir()) == []


STEMS = st.sampled_from(["a", "b", "c d", "-e", "f'g", "[h]", "i*"])
NAMES = st.builds("{}{}".format, STEMS, st.sampled_from([".md", ".txt", ""]))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(NAMES, min_size=1, max_size=7), data=st.data())
def test_at_once_a_map_ends_as_in_a_row(tmp_path: Path, names: set[str], data: st.DataObject):
    """Some items write the same file; who writes it last must not depend on who is fastest."""
    pauses = {name: data.draw(st.integers(0, 5)) for name in sorted(names)}

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        item = words_of(messages).split("Do it for this one: in/")[1].split("\n")[0]
        for _ in range(pauses[item]):
            await anyio.lowlevel.checkpoint()
        return said(f"label of {item}")

    async def left_by(*, is_serial: bool) -> dict[str, str]:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            root = Path(folder)
            (root / "in").mkdir()
            for name in names:
                (root / "in" / name).write_text(name)
            each = AskJob("Label it.", (), "out/{name}", "{item}")
            node = Node("1", job=MapJob(each, glob="in/*", is_serial=is_serial))
            result = await a_bench(root, [answer]).do(node)
            assert result.text == f"{len(names)} items done"
            return {path.name: path.read_text() for path in (root / "out").iterdir()}

    async def both() -> None:
        assert await left_by(is_serial=False) == await left_by(is_serial=True)

    anyio.run(both)


async def test_what_all_questions_share_is_read_once(tmp_path: Path):
    lay(tmp_path)
    (tmp_path / "rules.md").write_text("Be exact.")
    read: list[str] = []

    class Counting(FakeCell):
        async def read(self, path: str, *, max_bytes: int = 4 << 20) -> bytes:
            read.append(path)
            return await FakeCell.read(self, path, max_bytes=max_bytes)

    context = replace(a_context(tmp_path, ["bug"]), cell=Counting(tmp_path))
    each = AskJob("Label it.", ("rules.md",), "out/{name}.txt", "{item}")

    result = await a_bench(tmp_path, agent=Helper(BareAgent(), context)).do(
        Node("1.2", job=MapJob(each, glob="in/*.txt"))
    )

    assert result.is_done
    assert sorted(read) == [*(f"in/{name}.txt" for name in _names(4)), "rules.md"]


async def test_where_what_is_shared_cannot_be_read_nobody_is_asked(tmp_path: Path):
    lay(tmp_path)
    each = AskJob("Label it.", ("rules.md",), "out/{name}.txt", "{item}")
    bench = a_bench(tmp_path, ["bug"])

    with pytest.raises(InfrastructureError, match=r"rules\.md"):
        await bench.do(Node("1.2", job=MapJob(each, glob="in/*.txt")))

    assert bench.agent is not None
    assert bench.agent.context.session.usage.calls == 0


class SharingSession(ScriptedSession):
    """A session that says when what was read is shared."""

    def __init__(self, answers: Sequence[object], told: list[str]) -> None:
        super().__init__(answers)
        self.told = told

    async def share_reading(self, model_id: str) -> int:
        self.told.append(f"shared by {model_id}")
        return 1


async def told_by(
    folder: Path, model_id: str, count: int, rules: int, *, is_serial: bool = False
) -> list[str]:
    lay(folder, count)
    (folder / "rules.md").write_text("Take care. " * rules)
    told: list[str] = []

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        told.append(f"asked {words_of(messages)[-6:].strip()}")
        return said("a label")

    context = replace(
        a_context(folder, []), model_id=model_id, session=SharingSession([answer] * count, told), max_steps=99
    )
    job = MapJob(
        AskJob("Label it.", ("rules.md",), "out/{name}.txt", "{item}"), glob="in/*.txt", is_serial=is_serial
    )
    bench = a_bench(folder, agent=Helper(BareAgent(), context))
    assert (await bench.do(Node("1.2", job=job))).is_done
    return told


async def test_an_embedded_model_reads_what_questions_share_only_once(tmp_path: Path):
    told = await told_by(tmp_path, "local/some", 4, rules=200)
    assert [each.partition(" ")[0] for each in told] == ["asked", "shared", "asked", "asked", "asked"]
    assert told[1] == "shared by local/some"


@pytest.mark.parametrize(
    ("model_id", "count", "rules", "is_serial"),
    [
        ("local/some", 4, 1, False),
        ("local/some", 2, 200, False),
        ("local/some", 4, 200, True),
        ("other/some", 4, 200, False),
    ],
)
async def test_where_there_is_little_to_share_nobody_waits_for_it(
    tmp_path: Path, model_id: str, count: int, rules: int, is_serial: bool
):
    told = await told_by(tmp_path, model_id, count, rules, is_serial=is_serial)
    assert len(told) == count
    assert not any(each.startswith("shared") for each in told)
