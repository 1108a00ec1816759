"""What of an earlier run still stands: what need not, may not and has to be done again.

A step that is done stays done as long as the files it wrote are there as it left them, or something that is
yet to end may have touched them. A step that may be repeated is then simply run again, and so is what was
built on it; one that may not is told.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from skvm.compiler.effects.resources import touches_same
from skvm.errors import UsageError
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import AgentJob, CommandJob, MapJob, Node, StepResult, StepState
from skvm.runtime.plan.recording.earlier import EarlierRun
from skvm.runtime.plan.recording.files import digest_of, digests_of
from skvm.runtime.plan.recording.log import parent_of

__all__ = ["Standing", "standing_of", "steps_of"]

_MOST_STARS = 3
_SAID = "somebody said it is done"
_UNASKED = "it may not be repeated unasked"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run goes on.

    Args:
        finished: What is not to be run, by node; items of maps too.
        said: Of it, what is known to be done only now; it is yet to be written down.
        notes: What is run again or kept for a reason worth telling, one line each.
    """

    finished: Mapping[str, StepResult]
    said: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def steps_of(node: str) -> tuple[str, ...]:
    """The steps a node stands for: one, or several that were fused; an item of a map is one."""
    return (node,) if parent_of(node) else tuple(node.split("+"))


def standing_of(
    graph: Graph,
    earlier: EarlierRun | None,
    work_dir: Path,
    *,
    done: Iterable[str] = (),
    repeat: Iterable[str] = (),
    merged: Mapping[str, Mapping[str, str]] | None = None,
) -> Standing:
    """Compare what is on record with the files; reads every file a finished step wrote.

    Args:
        graph: What is to be run now; its steps may be fused otherwise than they were.
        earlier: What is on record; ``None`` for a new run.
        work_dir: Where the files are.
        done: Steps or nodes somebody did by hand.
        repeat: Steps, nodes or items that are to be run again whatever became of them.
        merged: Nodes whose work was whole when their process was killed, with the digests of what they wrote.

    Raises:
        UsageError: There is no step of a name in ``done`` or ``repeat``.
    """
    review = _Review(graph, work_dir)
    asked_again = _named(graph, repeat, "--repeat", earlier)
    said = _named(graph, done, "--done", earlier)
    if earlier is not None:
        review.recall(earlier)
        said = (*review.take(merged or {}), *said)
    review.say(name for name in said if name not in (merged or {}))
    review.drop(asked_again)
    review.compare()
    review.cascade()
    return Standing(review.finished, said, tuple(review.notes))


def _named(graph: Graph, names: Iterable[str], flag: str, earlier: EarlierRun | None) -> tuple[str, ...]:
    """Nodes, or items of maps, that are called so or stand for such a step."""
    items = (
        {item for item in (*earlier.finished, *earlier.uncertain) if parent_of(item)} if earlier else set()
    )
    found: list[str] = []
    for name in names:
        whole = [node for node in graph.nodes if name == node or name in steps_of(node)]
        if not whole and name not in items:
            known = ", ".join(list(graph.nodes)[:12])
            raise UsageError(f"{flag} {name}: the plan has no step of this id", help=f"it has {known}")
        found += whole or [name]
    return tuple(dict.fromkeys(found))


@dataclass(slots=True)
class _Review:
    """What is known of each node while it is looked at."""

    graph: Graph
    work_dir: Path
    finished: dict[str, StepResult] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _began: set[str] = field(default_factory=set)
    _again: set[str] = field(default_factory=set)
    _ran: set[str] = field(default_factory=set)
    _known: dict[str, str] = field(default_factory=dict)

    def recall(self, earlier: EarlierRun) -> None:
        """What ended stays, unless it may be tried again; what was under way and may not be is uncertain."""
        self._began = set(earlier.uncertain)
        by_step = {step: result for node, result in earlier.finished.items() for step in steps_of(node)}
        unsure = {step for node in earlier.uncertain for step in steps_of(node)}
        # The order of their ends says who wrote a file last.
        places = {step: place for place, step in enumerate(by_step)}
        nodes = {
            node: max((places.get(step, -1) for step in steps_of(node)), default=-1)
            for node in self.graph.nodes
        }
        items = {item: places[item] for item in by_step if self._map_of(item) is not None}
        items |= {item: -1 for item in unsure if self._map_of(item) is not None}
        for name, _ in sorted({**nodes, **items}.items(), key=lambda found: found[1]):
            result = self._recalled(name, by_step, unsure)
            if result is not None:
                self.finished[name] = result

    def _recalled(self, name: str, by_step: Mapping[str, StepResult], unsure: set[str]) -> StepResult | None:
        steps = steps_of(name)
        node = self._node(name)
        if isinstance(node.job, MapJob) and name in self.graph.nodes and not by_step.get(name, _NONE).is_done:
            # Its items have records of their own; without any it was one agent that worked on all of them.
            has_items = any(parent_of(other) == name for other in (*by_step, *unsure))
            is_agent = isinstance(node.job.each, AgentJob) and not has_items
            return _uncertain(name) if is_agent and name in unsure else None
        if unsure.intersection(steps):
            # Of steps that were one, some may be repeated by themselves.
            is_free = isinstance(node.job, CommandJob) and node.is_idempotent
            return None if is_free else _uncertain(name)
        results = [by_step[step] for step in steps if step in by_step]
        done = [result for result in results if result.is_done]
        if len(done) == len(steps):
            return _joined(done)
        if _may_be_repeated(node):
            return None
        failed = next((result for result in results if result.state is StepState.FAILED), None)
        if failed is not None:
            return replace(failed, reason=_with_way_out(failed.reason or "it failed", name))
        return _uncertain(name) if done else None

    def take(self, merged: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
        """What was merged is done, although its process did not come to write that down; which it was."""
        taken = []
        for name, digests in merged.items():
            is_known = name in self.graph.nodes or self._map_of(name) is not None
            if is_known and not self.finished.get(name, _NONE).is_done:
                self.finished.pop(name, None)
                self.finished[name] = StepResult(
                    StepState.DONE, reason="it was merged when its process ended", digests=dict(digests)
                )
                taken.append(name)
        return tuple(taken)

    def say(self, names: Iterable[str]) -> None:
        """Somebody did these: whatever they may have touched is now as they left it."""
        for name in names:
            node = self._node(name)
            known = {path: self.finished[names[-1]].digests[path] for path, names in self._writers().items()}
            mine = {path for path in known if _may_write(node, path) and self._differs(path, known[path])}
            digests = {path: digest_of(self.work_dir, path) or "" for path in sorted(mine)}
            if absent := [path for path in node.writes if not _is_there(self.work_dir, path)]:
                self.notes.append(f"step {name} is said to be done, yet there is no {', '.join(absent[:3])}")
            self.finished.pop(name, None)
            self.finished[name] = StepResult(
                StepState.DONE,
                reason=_SAID,
                digests=digests_of(self.work_dir, node.writes) | digests,
            )

    def drop(self, names: Iterable[str]) -> None:
        """These are run again."""
        for name in names:
            # Of a map that is not done, only what is not done in it; of one that is, all.
            was_done = name in self.finished and self.finished[name].is_done
            self._forget(name)
            for item in [each for each in self.finished if parent_of(each) == name]:
                if was_done or not self.finished[item].is_done:
                    self._forget(item)
            if (of_map := self._map_of(name)) is not None:
                self._forget(of_map)

    def compare(self) -> None:
        """Look at every file a finished step wrote."""
        writers = self._writers()
        self._known = {path: self.finished[names[-1]].digests[path] for path, names in writers.items()}
        # Before anything is dropped: what has run has changed what it writes.
        self._ran |= {name for name, result in self.finished.items() if result.is_done} | self._began
        bad: dict[str, str] = {}
        for path, names in writers.items():
            found = self._differs(path, self.finished[names[-1]].digests[path])
            if found and not self._is_explained(path, names[-1], found):
                for name in self._makers(path, names):
                    bad.setdefault(name, f"{path} is {found}")
        for name in [each for each in self.graph.nodes if each in bad] + [
            each for each in bad if parent_of(each)
        ]:
            self._tell(name, bad[name])

    def _makers(self, path: str, writers: list[str]) -> list[str]:
        """Those of a file's writers that have to be run again for it; alone the first that may not be."""
        found: list[str] = []
        for name in reversed(writers):
            found.append(name)
            node = self._node(name)
            # What changes a file in its place needs it as it was before.
            if not (node.is_open or any(touches_same(read, path) for read in node.reads)):
                break
        tried = set(found) - self._again
        self._again |= tried
        stuck = [name for name in found if not self._is_free(name)]
        self._again -= tried
        return stuck[-1:] or found

    def _is_free(self, name: str) -> bool:
        """Whether a step may be run again, and comes to the same if it is."""
        return _may_be_repeated(self._node(name)) and self._spoiler(name) is None

    def cascade(self) -> None:
        """What is built on something that is run again is run again as well, if it may be."""
        behind = {
            node for name in self._again if name in self.graph.nodes for node in self.graph.behind(name)
        }
        for name in [node for node in self.graph.nodes if node in behind and node in self.finished]:
            if not self.finished[name].is_done:
                continue
            spoiler = self._spoiler(name)
            if _may_be_repeated(self.graph.nodes[name]) and spoiler is None:
                self.notes.append(f"step {name} runs again: what it builds on does")
                self._forget(name)
                for item in [each for each in self.finished if parent_of(each) == name]:
                    self._forget(item)
            else:
                why = f" (step {spoiler} has changed its files since)" if spoiler is not None else ""
                self.notes.append(
                    f"step {name} is not run again although what it builds on is{why};"
                    f" --repeat {name} does it"
                )

    def _spoiler(self, name: str) -> str | None:
        """A later step that has run and stands in the way of running a step again.

        It has changed what the step reads, which is not made anew for it; or what the step writes over, and
        would not do so again.
        """
        node = self._node(name)
        place = self._map_of(name) or name
        before, behind = self.graph.before(place), self.graph.behind(place)
        # What was under way and may be repeated left no word of that, but what it has changed shows.
        altered = {
            read for read in node.reads if read in self._known and self._differs(read, self._known[read])
        }
        for other in [each for each in self.graph.nodes if each in behind]:
            later = self.graph.nodes[other]
            if other not in self._ran and not any(_may_write(later, read) for read in altered):
                continue
            if not _may_be_repeated(later) and any(_may_write(later, written) for written in node.writes):
                return other
            for read in node.reads:
                made_anew = any(
                    maker in self._again and _makes(self.graph.nodes[maker], read) for maker in before
                )
                if _may_write(later, read) and not made_anew:
                    return other
        return None

    def _forget(self, name: str) -> None:
        if self.finished.pop(name, None) is not None:
            self._again.add(name)

    def _tell(self, writer: str, what: str) -> None:
        node = self._node(writer)
        behind = self.graph.behind(self._map_of(writer) or writer)
        is_needed = not all(self.finished.get(other, _NONE).is_done for other in behind)
        spoiler = self._spoiler(writer)
        if _may_be_repeated(node) and spoiler is None:
            self.notes.append(f"step {writer} runs again: {what}")
            self._forget(writer)
            if (of_map := self._map_of(writer)) is not None:
                self._forget(of_map)
            for item in [each for each in self.finished if parent_of(each) == writer]:
                self._forget(item)
        elif what.endswith("gone") and is_needed:
            why = f"step {spoiler} has changed its files since" if spoiler is not None else _UNASKED
            reason = f"it is done, but {what}, and {why}"
            self.finished[writer] = StepResult(StepState.UNCERTAIN, reason=_with_way_out(reason, writer))
        else:
            self.notes.append(f"step {writer} is done, but {what}; --repeat {writer} runs it again")

    def _is_explained(self, path: str, writer: str, found: str) -> bool:
        """Whether something that has not ended may have touched the file."""
        behind = self.graph.behind(self._map_of(writer) or writer)
        for name in behind:
            result = self.finished.get(name)
            if result is not None and result.is_done:
                continue
            node = self.graph.nodes[name]
            if not _may_write(node, path):
                continue
            if found == "changed":
                return True
            # Making it anew is right unless that may not be, or a step that was under way has moved it.
            if name in self._began or not _may_be_repeated(self._node(writer)):
                return True
        return False

    def _writers(self) -> dict[str, list[str]]:
        """By path, the finished steps that wrote it, in the order they ended."""
        found: dict[str, list[str]] = {}
        for name, result in self.finished.items():
            for path, digest in result.digests.items() if result.is_done else ():
                names = found.setdefault(path, [])
                # What a map wrote an item of it wrote.
                is_items = bool(names) and parent_of(names[-1]) == name
                if not is_items or self.finished[names[-1]].digests[path] != digest:
                    names.append(name)
        return found

    def _differs(self, path: str, digest: str) -> str:
        """How a file differs from what is on record; ``""`` if it does not."""
        found = digest_of(self.work_dir, path)
        if found == digest:
            return ""
        if not digest:
            return "there again"
        return "gone" if found == "" else "changed"

    def _map_of(self, name: str) -> str | None:
        """The mapped node of the graph a name is an item of."""
        parent = parent_of(name)
        node = self.graph.nodes.get(parent) if parent is not None else None
        return node.id if node is not None and isinstance(node.job, MapJob) else None

    def _node(self, name: str) -> Node:
        of_map = self._map_of(name)
        return self.graph.nodes[of_map or name]


_NONE = StepResult(StepState.LEFT)


def _is_there(root: Path, name: str) -> bool:
    """Whether something of a name or pattern is there; so too where that cannot be said quickly."""
    if ":" in name or "\0" in name or name.startswith("/") or name.count("*") > _MOST_STARS:
        return True
    found = glob.iglob(name, root_dir=root)  # noqa: PTH207 - hidden files are left out, as a shell does
    return os.path.lexists(root / name) or next(found, None) is not None


def _may_be_repeated(node: Node) -> bool:
    """Whether it may be run again unasked; agents of items change nothing before they are done."""
    is_apart = isinstance(node.job, MapJob) and isinstance(node.job.each, AgentJob)
    return node.is_idempotent or is_apart


def _uncertain(name: str) -> StepResult:
    reason = "it was under way when an earlier run ended, and may not be repeated unasked"
    return StepResult(StepState.UNCERTAIN, reason=_with_way_out(reason, name))


def _with_way_out(reason: str, name: str) -> str:
    if "--repeat" in reason:
        return reason
    return f"{reason}: --repeat {name} runs it again, --done {name} says it is done"


def _joined(results: list[StepResult]) -> StepResult:
    if len(results) == 1:
        return results[0]
    digests = {path: digest for result in results for path, digest in result.digests.items()}
    return replace(results[-1], digests=digests)


def _makes(node: Node, path: str) -> bool:
    """Whether a step writes a file without needing it as it was before."""
    writes = any(touches_same(name, path) for name in node.writes)
    return writes and not node.is_open and not any(touches_same(name, path) for name in node.reads)


def _may_write(node: Node, path: str) -> bool:
    return node.is_open or any(touches_same(name, path) for name in node.writes)
