"""Call ``grade(transcript, workspace_path)`` of a grader's source and send home what it gives."""

from __future__ import annotations

import os
import sys
import traceback

TYPE_CHECKING = False  # importing typing takes longer than all else here
if TYPE_CHECKING:
    from typing import Any

_NAME = "grade.py"
_MAX_TEXT, _MAX_RECORDS = 500, 2000


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Answer with ``given``, or with the ``stage`` and the ``error`` that ended it."""
    module = type(sys)("grade")
    module.__file__ = _NAME
    sys.modules["grade"] = module
    stage = "load"
    try:
        exec(compile(request["source"], _NAME, "exec"), module.__dict__)  # noqa: S102 - this is its purpose
        function = module.grade
        stage = "grade"
        given = function(request["transcript"], os.getcwd())  # noqa: PTH109
        stage = "result"
        return {"given": _plain(given)}
    except BaseException as error:  # noqa: BLE001 - also what calls sys.exit
        return {"stage": stage, "error": _describe(error), "is_absence": _is_absence(error)}


def _plain(given: Any) -> Any:
    if isinstance(given, dict):
        return {str(name): _number(score) for name, score in list(given.items())[:_MAX_RECORDS]}
    if not isinstance(given, (list, tuple)):
        raise TypeError(
            "grade() gave " + type(given).__name__ + ", not a list of records or a dict of scores"
        )
    return [_record(record) for record in given[:_MAX_RECORDS]]


def _record(record: Any) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise TypeError(f"grade() gave a record that is {type(record).__name__}, not a dict")
    plain = {key: _number(record[key]) for key in ("score", "weight") if key in record}
    texts = {key: str(record[key])[:_MAX_TEXT] for key in ("description", "details") if record.get(key)}
    return {"id": record.get("id") if isinstance(record.get("id"), str) else None, **plain, **texts}


def _number(value: Any) -> float:
    """A float, numbers of other libraries included; text is none, even if it looks like one."""
    if isinstance(value, (str, bytes)) or value is None:
        raise TypeError(f"a score or weight is {type(value).__name__}, not a number")
    return float(value)


def _is_absence(error: BaseException) -> bool:
    """Whether a file of the work directory is not as it was looked for; a program that is missing is none."""
    if not isinstance(error, OSError) or not isinstance(error.filename, (str, bytes)):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    if frames and os.path.basename(frames[-1].filename) == "subprocess.py":  # noqa: PTH119
        return False
    work = os.path.realpath(os.getcwd())  # noqa: PTH109
    return os.path.realpath(os.fsdecode(error.filename)).startswith(f"{work}/")


def _describe(error: BaseException) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _NAME]
    place = f" ({_NAME}, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}"[:_MAX_TEXT] + place
