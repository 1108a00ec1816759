"""The guard, looked at before anybody is answered: are the files there, and are they what they were?

The step looks again, in the cell, at the very bytes it works on. Here it is found out early, so that a prompt
whose files are not there goes to the model without a detour, and files of another form are noticed as such.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvm.runtime.boost.extraction import path_of
from skvm.runtime.boost.given import UnreadableError, read_given
from skvm.runtime.boost.inside import relations, shapes
from skvm.runtime.boost.model import Check, Place, Template

__all__ = ["Guard", "check_inputs"]


@dataclass(frozen=True, slots=True)
class Guard:
    """Whether a step may begin.

    Args:
        holds: Whether it may.
        reason: One line, where it may not.
        is_drift: Whether a file is there and is not what it was.
    """

    holds: bool
    reason: str = ""
    is_drift: bool = False


def check_inputs(template: Template, params: Mapping[str, Any], folder: Path) -> Guard:
    """Look at every file a template reads; blocks, with bounds.

    Args:
        template: The template.
        params: Its values.
        folder: The work directory.
    """
    if (why := _in_the_way(template, params, folder)) is not None:
        return Guard(False, why)
    for check in template.inputs:
        if (broken := _broken(check, params, folder)) is not None:
            return Guard(False, *broken)
    return Guard(True)


def _in_the_way(template: Template, params: Mapping[str, Any], folder: Path) -> str | None:
    """Why a step cannot write where it is to write; that is for the model, and no change of any form."""
    known: dict[str, Place] = {}
    for check in template.inputs:
        if (path := path_of(check.place, params)) is not None:
            known[_plain(path)] = check.place
    for check in template.outputs:
        path = path_of(check.place, params)
        if path is None:
            return "an output has no name"
        if known.setdefault(_plain(path), check.place) != check.place:
            return f"{path} is named twice"
        if check.place.param is not None and any(part.startswith(".") for part in _plain(path).split("/")):
            return f"{path} is hidden"
        if not _is_free(folder / path):
            return f"{path} is there and is no plain file"
    return None


def _plain(path: str) -> str:
    # Some file systems take names that differ in capitals for one.
    return path.removeprefix("./").casefold()


def _is_free(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return True
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _broken(check: Check, params: Mapping[str, Any], folder: Path) -> tuple[str, bool] | None:
    path = path_of(check.place, params)
    if path is None:
        return "a file has no name", False
    try:
        data = read_given(folder, path)
    except UnreadableError as error:
        return f"{path}: {error}", True
    if data is None:
        return None if check.is_optional else (f"{path} is not there", False)
    if wrong := shapes.violations(check.shape, data):
        return f"{path}: {wrong[0]}", True
    # What the prompt's own words want of a file (a column of that name) says nothing of its form; that such
    # a column is written in another way does.
    for relation in check.relations:
        plain = relation.model_dump(mode="json", by_alias=True)
        if (why := relations.violation(plain, data, (), params, path)) is not None:
            return f"{path}: {why}", not why.startswith("it has no column")
    return None
