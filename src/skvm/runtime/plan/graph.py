"""The graph of a plan: its nodes in an order that can be run, and everything each has to wait for.

Beside what a plan says itself, a node waits for every earlier one that touches the same thing if one of the
two writes it: so the results of any order the graph allows are those of running the nodes one by one.
"""

from __future__ import annotations

import heapq
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from skvm.compiler.effects.resources import touches_same
from skvm.errors import UsageError
from skvm.runtime.plan.model import Node

__all__ = ["Graph"]


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and what each waits for; made by ``Graph.of``.

    Args:
        nodes: By id, each after everything it waits for.
        after: By id, the nodes it waits for directly, in the order of ``nodes``.
        successors: By id, the nodes that wait for it directly.
        followers: By id, the nodes that begin only once it has ended, and else have nothing to do with it.
    """

    nodes: Mapping[str, Node]
    after: Mapping[str, tuple[str, ...]]
    successors: Mapping[str, tuple[str, ...]]
    followers: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> Self:
        """Put nodes in order and add what they touch in common.

        The cost is linear in nodes, names and resulting edges; names with a star are compared with every
        other name.

        Args:
            nodes: In the order a serial run would take where nothing else is said.

        Raises:
            UsageError: Two nodes have one id, one waits for a node that is not there, or they wait for each
                other in a circle.
        """
        ordered = _sorted(_by_id(nodes))
        place = {node.id: index for index, node in enumerate(ordered)}
        hazards = _Hazards()
        after: dict[str, tuple[str, ...]] = {}
        successors: dict[str, list[str]] = {node.id: [] for node in ordered}
        for node in ordered:
            found = set(node.after) | hazards.add(node)
            after[node.id] = tuple(sorted(found, key=place.__getitem__))
            for before in after[node.id]:
                successors[before].append(node.id)
        followers: dict[str, list[str]] = {}
        for node in ordered:
            for before in set(node.order):
                followers.setdefault(before, []).append(node.id)
        return cls(
            {node.id: node for node in ordered},
            after,
            {node: tuple(found) for node, found in successors.items()},
            {node: tuple(found) for node, found in followers.items()},
        )

    def before(self, node: str) -> frozenset[str]:
        """Everything a node waits for, directly or not."""
        return _reached(node, self.after)

    def behind(self, node: str) -> frozenset[str]:
        """Everything that waits for a node, directly or not."""
        return _reached(node, self.successors)

    def may_overlap(self, node: str) -> bool:
        """Whether some other node may run at the same time."""
        later = {one: (*found, *self.followers.get(one, ())) for one, found in self.successors.items()}
        return len(_reached(node, later)) + len(self.earlier(node)) + 1 < len(self.nodes)

    def earlier(self, node: str) -> frozenset[str]:
        """Everything that has always ended when a node begins, for whatever reason."""
        return _reached(node, {one: (*found, *self.nodes[one].order) for one, found in self.after.items()})

    def urgency(self) -> Mapping[str, float]:
        """By id, seconds from the node's beginning to the end of the longest chain that begins with it.

        A node of which nothing is known counts as one second.
        """
        longest: dict[str, float] = {}
        for node in reversed(list(self.nodes.values())):
            own = 1.0 if node.forecast_s is None else node.forecast_s
            later = (*self.successors[node.id], *self.followers.get(node.id, ()))
            longest[node.id] = own + max((longest[other] for other in later), default=0.0)
        return longest


def _by_id(nodes: Iterable[Node]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for node in nodes:
        if node.id in found:
            raise UsageError(f"the plan has two steps {node.id!r}", help="give each step an id of its own")
        found[node.id] = node
    for node in found.values():
        for before in (*node.after, *node.order):
            if before not in found:
                raise UsageError(
                    f"step {node.id!r} of the plan waits for {before!r}, which is not there",
                    help="name a step of the plan, or leave the dependency out",
                )
    return found


def _sorted(nodes: Mapping[str, Node]) -> list[Node]:
    """Each after what it names, else in the given order."""
    place = {node: index for index, node in enumerate(nodes)}
    waiting = {node.id: len({*node.after, *node.order}) for node in nodes.values()}
    behind: dict[str, list[str]] = {node: [] for node in nodes}
    for node in nodes.values():
        for before in {*node.after, *node.order}:
            behind[before].append(node.id)
    ready = [place[node] for node, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    given = list(nodes.values())
    found: list[Node] = []
    while ready:
        node = given[heapq.heappop(ready)]
        found.append(node)
        for other in behind[node.id]:
            waiting[other] -= 1
            if waiting[other] == 0:
                heapq.heappush(ready, place[other])
    if len(found) < len(given):
        circle = _circle(nodes, {node for node, count in waiting.items() if count > 0})
        raise UsageError(
            f"steps of the plan wait for each other in a circle: {' → '.join(circle)}",
            help="take one of these dependencies out",
        )
    return found


def _circle(nodes: Mapping[str, Node], stuck: set[str]) -> list[str]:
    """One circle among nodes that can never begin; its first is also its last."""
    node = min(stuck)
    seen: dict[str, int] = {}
    path: list[str] = []
    while node not in seen:
        seen[node] = len(path)
        path.append(node)
        waits = (*nodes[node].after, *nodes[node].order)
        node = min(before for before in waits if before in stuck)
    return [*path[seen[node] :], node]


def _reached(node: str, links: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    found: set[str] = set()
    pending = list(links[node])
    while pending:
        one = pending.pop()
        if one not in found:
            found.add(one)
            pending += links[one]
    return frozenset(found)


@dataclass(slots=True)
class _Entry:
    """Who touched one name: the last to write it, and those who have read it since."""

    writers: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Hazards:
    """What nodes, added in order, must wait for because they touch the same thing.

    A node that may touch anything is a fence: it waits for all before it, and all after it wait for it.
    Fences of one group were checked, or stated, to be independent: they stand side by side.
    """

    names: dict[str, _Entry] = field(default_factory=dict)
    patterns: dict[str, _Entry] = field(default_factory=dict)
    below: dict[str, list[str]] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)
    fence: list[Node] = field(default_factory=list)
    before_fence: set[str] = field(default_factory=set)
    since: list[Node] = field(default_factory=list)

    def add(self, node: Node) -> set[str]:
        """The ids a node waits for; it is then one of those the next ones may wait for."""
        found = self._fenced(node)
        for name in node.reads:
            for entry in self._related(name):
                found.update(entry.writers)
        for name in node.writes:
            for entry in self._related(name):
                found.update(entry.writers, entry.readers)
        for name in node.reads:
            self._entry(name).readers.append(node.id)
        for name in node.writes:
            entry = self._entry(name)
            # It waits for all of them, so who waits for it waits for them, too.
            entry.writers, entry.readers = [node.id], []
        found.discard(node.id)
        return found

    def _fenced(self, node: Node) -> set[str]:
        """What a node waits for because one of the two may touch anything."""
        stands_beside = any(_are_mates(node, other) for other in self.fence)
        if not node.is_open:
            self.since.append(node)
            return set(self.before_fence) if stands_beside else {other.id for other in self.fence}
        if stands_beside:
            self.fence.append(node)
            return self.before_fence | {other.id for other in self.since if not _are_mates(node, other)}
        earlier = (*self.fence, *self.since)
        self.before_fence = {other.id for other in earlier if not _are_mates(node, other)}
        self.fence, self.since = [node], [other for other in earlier if _are_mates(node, other)]
        return set(self.before_fence)

    def _entry(self, name: str) -> _Entry:
        if _is_loose(name):
            return self.patterns.setdefault(name, _Entry())
        entry = self.names.get(name)
        if entry is None:
            entry = self.names[name] = _Entry()
            for above in _above(name):
                self.below.setdefault(above, []).append(name)
            self.bases.setdefault(posixpath.basename(name.rstrip("/")), []).append(name)
        return entry

    def _related(self, name: str) -> Iterator[_Entry]:
        """Everything that may be the same as a name, or in it, or around it."""
        for pattern, entry in self.patterns.items():
            if touches_same(name, pattern):
                yield entry
        if _is_loose(name):
            for other, entry in self.names.items():
                if touches_same(name, other):
                    yield entry
            return
        plain = name.rstrip("/")
        base = posixpath.basename(plain)
        candidates = {name, plain, f"{plain}/", *self.below.get(plain, ())}
        for above in _above(name):
            candidates.update((above, f"{above}/"))
        # A name without a directory may be any file of that name.
        same = self.bases.get(base, ()) if "/" not in plain else (base, f"{base}/")
        candidates.update(same)
        for other in candidates:
            if (found := self.names.get(other)) is not None and touches_same(name, other):
                yield found


def _are_mates(one: Node, other: Node) -> bool:
    return one.group is not None and one.group == other.group


def _is_loose(name: str) -> bool:
    return "*" in name or "?" in name


def _above(name: str) -> Iterator[str]:
    """The directories around a name, without a slash at the end."""
    path = posixpath.dirname(name.rstrip("/"))
    while path and path != "/":
        yield path
        path = posixpath.dirname(path)
