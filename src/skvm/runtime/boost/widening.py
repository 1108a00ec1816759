"""A candidate that has seen more values, and is otherwise what it was."""

from __future__ import annotations

from skvm.runtime.boost.model import Candidate, Param

__all__ = ["widened"]


def widened(old: Candidate, new: Candidate) -> Candidate | None:
    """The old candidate with what the new one has seen, too.

    Its digest, and so its evidence, stays: what values were seen is no part of what it does.

    Returns:
        ``None`` where both are of other wordings or parameters, or the new one has seen nothing new.
    """
    before, after = old.template.params, new.template.params
    alike = [(each.name, each.type) for each in before] == [(each.name, each.type) for each in after]
    if not alike or old.skeletons != new.skeletons:
        return None
    params = tuple(_joined(mine, theirs) for mine, theirs in zip(before, after, strict=True))
    if params == before:
        return None
    return old.model_copy(update={"template": old.template.model_copy(update={"params": params})})


def _joined(old: Param, new: Param) -> Param:
    seen = [*old.seen, *(value for value in new.seen if value not in old.seen)]
    return old.model_copy(update={"seen": tuple(seen)})
