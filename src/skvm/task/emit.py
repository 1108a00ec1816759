"""A task back into the bytes of its ``task.json``."""

from __future__ import annotations

import json
from typing import Any

from skvm.task.model import Criterion, Task

__all__ = ["task_json"]


def task_json(task: Task) -> bytes:
    """The file's bytes: known fields in the order of the record, without those at their default.

    Reading them back gives an equal task, but for ``root``.
    """
    fields = task.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"criteria"})
    fields["eval"] = [_criterion(criterion) for criterion in task.criteria]
    try:
        return _encoded(fields, ensure_ascii=False)
    except UnicodeEncodeError:  # half a surrogate pair has no UTF-8, only an escape
        return _encoded(fields, ensure_ascii=True)


def _criterion(criterion: Criterion) -> dict[str, Any]:
    known = criterion.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"options"})
    return {**known, **criterion.options}


def _encoded(fields: dict[str, Any], *, ensure_ascii: bool) -> bytes:
    return (json.dumps(fields, ensure_ascii=ensure_ascii, indent=2, allow_nan=False) + "\n").encode()
