"""Naming a profile on the command line: ``MODEL``, ``MODEL@HARNESS`` or the path of a file.

Model ids may hold ``@``, ``:`` and ``/``; harness names hold no ``@``. So the last ``@`` parts the two where
what follows it is a harness that the store knows; else the whole text is the model.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from skvm.errors import UsageError

if TYPE_CHECKING:
    from skvm.target.store import ProfileStore, StoredProfile

__all__ = ["TARGET_HELP", "check_primitives", "find_profile", "find_profiles", "stored_profiles"]

TARGET_HELP = (
    "A profile is named MODEL (local/qwen2.5-coder-1.5b), MODEL@HARNESS where several harnesses have one "
    "(local/qwen2.5-coder-1.5b@shell-agent), or by the path of a profile file or its folder. "
    "Model ids may hold ':' and '@'; what follows the last '@' is the harness if one is called that."
)


def find_profile(store: ProfileStore, text: str) -> StoredProfile:
    """The one profile a text names.

    Raises:
        UsageError: None, several, or a broken one.
    """
    found = find_profiles(store, text)
    if len(found) > 1:
        names = ", ".join(f"{each.profile.model}@{each.profile.harness}" for each in found)
        raise UsageError(f"{text} is profiled in {len(found)} harnesses", help=f"name one of {names}")
    return found[0]


def find_profiles(store: ProfileStore, text: str, harnesses: Sequence[str] = ()) -> tuple[StoredProfile, ...]:
    """The profiles a text names: of a model without a harness, those of every harness.

    Args:
        store: Where to look.
        text: Model, ``MODEL@HARNESS`` or path.
        harnesses: Only these, where the text is a model.

    Raises:
        UsageError: There is none; suggests what was meant. Or it is broken.
    """
    from skvm.target.store import StoredProfile, read_profile

    path = _path(text)
    if path is not None:
        return (_shown(StoredProfile(read_profile(path), path)),)
    places = _harness_names(store)
    model, _, harness = text.rpartition("@")
    if model and (harness in harnesses or (harness in places and not harnesses)):
        found = _stored(store, model, harness)
        if found is not None:
            return (found,)
    wanted = harnesses or places
    every = tuple(found for name in wanted if (found := _stored(store, text, name)) is not None)
    if not every:
        raise _absent(store, text, harnesses)
    return every


def _path(text: str) -> Path | None:
    """The file a text names; model ids are no paths unless such a file is there."""
    path = Path(text).expanduser()
    try:
        if path.is_dir() and (path / "latest.json").exists():
            return path / "latest.json"
        # ``sim/dials.json`` is the model id of a simulated processor.
        is_named = text.endswith(".json") and not text.startswith("sim/")
        is_path = path.is_file() or is_named or text.startswith(("/", "./", "../", "~"))
    except (OSError, ValueError):  # a name too long for a file, or one with a null byte
        return None
    return path if is_path else None


def _harness_names(store: ProfileStore) -> tuple[str, ...]:
    roots = [root for root in (store.root, store.prebuilt) if root is not None and root.is_dir()]
    return tuple(sorted({folder.name for root in roots for folder in root.iterdir() if folder.is_dir()}))


def _stored(store: ProfileStore, model: str, harness: str) -> StoredProfile | None:
    found = store.latest(model, harness) or store.partial(model, harness)
    return _shown(found) if found else None


def _shown(stored: StoredProfile) -> StoredProfile:
    from skvm.profiler.standing import printable

    return replace(stored, profile=printable(stored.profile))


def _absent(store: ProfileStore, text: str, harnesses: Sequence[str]) -> UsageError:
    where = f" in {' or '.join(harnesses)}" if harnesses else ""
    names: dict[str, str] = {}
    for each in store.list(lambda error: None):
        name = f"{each.profile.model}@{each.profile.harness}"
        names[name] = names[each.profile.model] = name
    close = difflib.get_close_matches(text, names, n=1, cutoff=0.5)
    model, _, harness = text.rpartition("@")
    if not (model and harness in _harness_names(store)):
        model, harness = text, harnesses[0] if harnesses else ""
    measure = f"measure it: skvm profile --model {model}{f' --adapter {harness}' if harness else ''}"
    help_line = f"did you mean {names[close[0]]!r}? Or {measure}" if close else measure
    return UsageError(f"no profile of {text}{where}", help=help_line)


def stored_profiles(
    store: ProfileStore, texts: Sequence[str], on_broken: Callable[[UsageError], None]
) -> tuple[StoredProfile, ...]:
    """The profiles that texts name, or all that are stored without any; by model, then harness.

    Args:
        store: Where to look.
        texts: As for ``find_profiles``; kept in this order.
        on_broken: Called with the error of each broken file of the store, which is left out.
    """
    if texts:
        found: dict[Path, StoredProfile] = {}
        for text in texts:
            found |= {each.path: each for each in find_profiles(store, text)}
        return tuple(found.values())

    every = [_shown(each) for each in store.list(on_broken)]
    return tuple(sorted(every, key=lambda each: (_natural(each.profile.model), each.profile.harness)))


def _natural(name: str) -> list[str]:
    """Sorts ``model-5`` before ``model-10``."""
    return [part.zfill(20) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name.lower())]


def check_primitives(wanted: Sequence[str], known: Sequence[str]) -> None:
    """Refuse ids that neither a profile nor the catalogue knows.

    Raises:
        UsageError: With the first such id and what was meant.
    """
    from skvm.target.contract import PRIMITIVES

    for name in wanted:
        if name in known:
            continue
        close = difflib.get_close_matches(name, known, n=1)
        if close:
            raise UsageError(f"unknown primitive {name!r}", help=f"did you mean {close[0]!r}?")
        PRIMITIVES.get(name)  # tells what was meant, from the catalogue
