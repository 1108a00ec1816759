"""What of an earlier run stands, case by case."""

import hashlib

import pytest

from skvm.errors import UsageError
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import AgentJob, CommandJob, LeftJob, MapJob, Node, StepResult, StepState
from skvm.runtime.plan.recording import EarlierRun, standing_of
from tests.unit.runtime.plan.recording.worlds import begun

DONE, FAILED = StepState.DONE, StepState.FAILED


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def node(name, *, after=(), reads=(), writes=(), once=False, is_open=False, job=None):
    return Node(
        id=name,
        title=f"Step {name}",
        after=tuple(after),
        reads=tuple(reads),
        writes=tuple(writes),
        is_idempotent=not once,
        is_open=is_open,
        job=job or CommandJob(("true",)),
    )


def earlier(results, uncertain=()):
    finished = {
        name: result if isinstance(result, StepResult) else StepResult(DONE, digests=result)
        for name, result in results.items()
    }
    return EarlierRun(begun(), 1, finished, frozenset(uncertain), {}, is_complete=False)


@pytest.fixture
def place(tmp_path):
    def put(**files):
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        return tmp_path

    return put


def states(standing):
    return {name: result.state.value for name, result in standing.finished.items()}


def test_a_new_run_has_everything_to_do(tmp_path):
    graph = Graph.of([node("1"), node("2", once=True)])
    assert standing_of(graph, None, tmp_path).finished == {}


def test_what_is_built_on_a_step_that_runs_again_runs_again_if_it_may(place):
    graph = Graph.of(
        [
            node("1", writes=["a.txt"]),
            node("2", after=["1"], reads=["a.txt"], writes=["b.txt"]),
            node("3", after=["1"], reads=["a.txt"], once=True),
            node("4", writes=["d.txt"]),
            node("5", after=["2", "3", "4"]),
        ]
    )
    was = earlier({"1": {"a.txt": sha("a")}, "2": {"b.txt": sha("b")}, "3": {}, "4": {"d.txt": sha("d")}})
    standing = standing_of(graph, was, place(b_txt="b", d_txt="d"))
    assert states(standing) == {"3": "done", "4": "done"}
    assert standing.notes == (
        "step 1 runs again: a.txt is gone",
        "step 2 runs again: what it builds on does",
        "step 3 is not run again although what it builds on is; --repeat 3 does it",
    )


def test_a_file_that_a_later_step_changed_is_as_that_step_left_it(place):
    graph = Graph.of([node("1", writes=["a.txt"]), node("2", after=["1"], writes=["a.txt"]), node("3")])
    was = earlier({"1": {"a.txt": sha("one")}, "2": {"a.txt": sha("two")}})
    assert states(standing_of(graph, was, place(a_txt="two"))) == {"1": "done", "2": "done"}
    assert states(standing_of(graph, was, place(a_txt="one"))) == {"1": "done"}


@pytest.mark.parametrize("pending", ["named", "open"])
def test_what_a_step_that_is_yet_to_end_may_have_changed_is_no_fault(place, pending):
    second = node(
        "2",
        after=["1"],
        writes=["a.txt"] if pending == "named" else [],
        is_open=pending == "open",
        job=LeftJob("it needs a model"),
    )
    graph = Graph.of([node("1", writes=["a.txt"]), second])
    was = earlier({"1": {"a.txt": sha("a")}})
    standing = standing_of(graph, was, place(a_txt="edited"))
    assert states(standing) == {"1": "done"}
    assert standing.notes == ()


def test_who_says_a_step_is_done_vouches_for_the_files_as_they_are(place):
    graph = Graph.of(
        [
            node("1", writes=["a.txt"]),
            node("2", after=["1"], is_open=True, job=LeftJob("it needs a model")),
            node("3", after=["2"], reads=["a.txt"]),
        ]
    )
    was = earlier({"1": {"a.txt": sha("a")}})
    folder = place(a_txt="edited")
    standing = standing_of(graph, was, folder, done=["2"])
    assert states(standing) == {"1": "done", "2": "done"}
    assert standing.said == ("2",)
    later = earlier(dict(standing.finished))
    assert states(standing_of(graph, later, folder)) == {"1": "done", "2": "done"}


def test_who_says_a_step_is_done_is_told_what_of_it_is_not_there(place):
    writes = ["a.txt", "out/*.json", "*.md", "host:x", "gone.txt"]
    graph = Graph.of([node("1", writes=writes), node("2", after=["1"], writes=["b.txt"])])
    standing = standing_of(graph, None, place(a_txt="a", b_md="b"), done=["1"])
    assert states(standing) == {"1": "done"}
    assert standing.notes == ("step 1 is said to be done, yet there is no out/*.json, gone.txt",)


def test_a_file_a_step_removed_must_stay_away(place):
    graph = Graph.of([node("1", writes=["a.txt"]), node("2", after=["1"])])
    was = earlier({"1": {"a.txt": ""}})
    assert states(standing_of(graph, was, place())) == {"1": "done"}
    standing = standing_of(graph, was, place(a_txt="a"))
    assert standing.finished == {}
    assert standing.notes == ("step 1 runs again: a.txt is there again",)


def test_a_file_that_became_a_link_or_a_pipe_is_not_followed(place, tmp_path):
    graph = Graph.of([node("1", writes=["a.txt"]), node("2")])
    folder = place(other_txt="a")
    (folder / "a.txt").symlink_to("other.txt")
    standing = standing_of(graph, earlier({"1": {"a.txt": sha("a")}}), folder)
    assert standing.notes == ("step 1 runs again: a.txt is changed",)


def test_a_file_changed_in_its_place_is_made_from_the_beginning(place):
    graph = Graph.of(
        [
            node("1", writes=["a.txt"]),
            node("2", after=["1"], reads=["a.txt"], writes=["a.txt"]),
            node("3", after=["2"], reads=["a.txt"]),
        ]
    )
    was = earlier({"1": {"a.txt": sha("one")}, "2": {"a.txt": sha("two")}})
    assert states(standing_of(graph, was, place())) == {}
    once = Graph.of([node("1", writes=["a.txt"], once=True), *list(graph.nodes.values())[1:]])
    assert states(standing_of(once, was, place())) == {"1": "uncertain", "2": "done"}


def test_a_step_whose_input_is_no_longer_what_it_was_is_not_run_again_by_itself(place):
    graph = Graph.of(
        [
            node("1", writes=["a.txt"], once=True),
            node("2", after=["1"], reads=["a.txt"], writes=["b.txt"]),
            node("3", after=["2"], reads=["a.txt"], writes=["a.txt"], once=True),
            node("4", after=["2"], reads=["b.txt"]),
        ]
    )
    was = earlier({"1": {"a.txt": sha("one")}, "2": {"b.txt": sha("b")}, "3": {"a.txt": sha("two")}})
    standing = standing_of(graph, was, place(a_txt="two"))
    assert states(standing) == {"1": "done", "3": "done", "2": "uncertain"}
    assert standing.finished["2"].reason.startswith(
        "it is done, but b.txt is gone, and step 3 has changed its files since: --repeat 2"
    )


def test_nothing_is_written_over_what_a_step_did_that_may_not_be_repeated(place):
    graph = Graph.of(
        [
            node("1", writes=["a.txt", "b.txt"]),
            node("2", after=["1"], reads=["a.txt"], writes=["a.txt"], once=True),
            node("3", after=["2"]),
        ]
    )
    was = earlier({"1": {"a.txt": sha("one"), "b.txt": sha("b")}, "2": {"a.txt": sha("two")}})
    standing = standing_of(graph, was, place(a_txt="two"))
    assert states(standing) == {"1": "uncertain", "2": "done"}
    assert "step 2 has changed its files since" in standing.finished["1"].reason


def test_steps_that_were_fused_otherwise_are_known_by_their_steps(place):
    apart = Graph.of([node("1"), node("2", after=["1"]), node("3", after=["2"])])
    together = Graph.of([node("1+2"), node("3", after=["1+2"])])
    assert states(standing_of(apart, earlier({"1+2": {}}), place())) == {"1": "done", "2": "done"}
    assert states(standing_of(together, earlier({"1": {}, "2": {}}), place())) == {"1+2": "done"}
    assert states(standing_of(together, earlier({"1": {}}), place())) == {}


def test_half_of_what_is_now_one_and_may_not_be_repeated_is_uncertain(place):
    graph = Graph.of([node("1+2", once=True)])
    standing = standing_of(graph, earlier({"1": {}}), place())
    assert states(standing) == {"1+2": "uncertain"}
    assert "--repeat 1+2" in standing.finished["1+2"].reason


def test_a_step_that_failed_is_tried_again_only_if_it_may_be(place):
    graph = Graph.of([node("1"), node("2", once=True)])
    was = earlier({"1": StepResult(FAILED, reason="no"), "2": StepResult(FAILED, reason="no")})
    standing = standing_of(graph, was, place())
    assert states(standing) == {"2": "failed"}
    assert standing.finished["2"].reason == "no: --repeat 2 runs it again, --done 2 says it is done"
    assert states(standing_of(graph, was, place(), repeat=["2"])) == {}


def test_items_of_a_map_stand_for_themselves(place):
    job = MapJob(CommandJob(("true {item}",)), glob="*.in")
    graph = Graph.of([node("1", once=True, job=job), node("2", after=["1"])])
    was = earlier({"1[a.in]": {}, "1[b+c.in]": StepResult(FAILED, reason="no")}, uncertain=["1", "1[d.in]"])
    standing = standing_of(graph, was, place())
    assert states(standing) == {"1[a.in]": "done", "1[b+c.in]": "failed", "1[d.in]": "uncertain"}
    assert states(standing_of(graph, was, place(), repeat=["1[d.in]"])) == {
        "1[a.in]": "done",
        "1[b+c.in]": "failed",
    }
    assert states(standing_of(graph, was, place(), repeat=["1"])) == {"1[a.in]": "done"}
    assert states(standing_of(graph, was, place(), done=["1[d.in]"]))["1[d.in]"] == "done"


def test_an_item_whose_file_is_gone_is_done_again_alone(place):
    job = MapJob(CommandJob(("true {item}",)), glob="*.in")
    graph = Graph.of([node("1", job=job)])
    was = earlier({"1[a]": {"a.out": sha("a")}, "1[b]": {"b.out": sha("b")}, "1": {}})
    standing = standing_of(graph, was, place(b_out="b"))
    assert states(standing) == {"1[b]": "done"}


def test_agents_of_items_work_apart_and_may_be_tried_again(place):
    job = MapJob(AgentJob("do it", ("1",), item="{item}"), items=("a",))
    graph = Graph.of([node("1", once=True, job=job)])
    was = earlier({"1[a]": StepResult(FAILED, reason="no")})
    assert states(standing_of(graph, was, place())) == {}


def test_one_agent_for_all_items_that_was_under_way_is_uncertain(place):
    job = MapJob(AgentJob("do it", ("1",), item="{item}"), items=("a", "b"), is_serial=True)
    graph = Graph.of([node("1", once=True, job=job)])
    assert states(standing_of(graph, earlier({}, uncertain=["1"]), place())) == {"1": "uncertain"}
    assert states(standing_of(graph, earlier({}, uncertain=["1"]), place(), repeat=["1"])) == {}
    with_items = earlier({"1[a]": {}}, uncertain=["1"])
    assert states(standing_of(graph, with_items, place())) == {"1[a]": "done"}


def test_a_merge_that_was_whole_is_done_although_nobody_wrote_it_down(place):
    graph = Graph.of([node("1", job=AgentJob("do it", ("1",))), node("2", after=["1"])])
    standing = standing_of(graph, earlier({}), place(a_txt="a"), merged={"1": {"a.txt": sha("a")}, "9": {}})
    assert states(standing) == {"1": "done"}
    assert standing.said == ("1",)


@pytest.mark.parametrize(("flag", "words"), [("--done", {"done": ["7"]}), ("--repeat", {"repeat": ["7"]})])
def test_a_step_that_is_not_there_is_refused(tmp_path, flag, words):
    with pytest.raises(UsageError, match=f"{flag} 7"):
        standing_of(Graph.of([node("1")]), None, tmp_path, **words)


def test_names_that_lead_out_are_never_opened(place, tmp_path):
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("secret")
    graph = Graph.of([node("1"), node("2")])
    was = earlier({"1": {"../outside.txt": sha("secret"), "/etc/hostname": "x", "a\0b": "y"}})
    standing = standing_of(graph, was, place())
    assert standing.notes == ("step 1 runs again: ../outside.txt is changed",)
