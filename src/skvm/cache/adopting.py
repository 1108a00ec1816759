"""What another system kept, looked through and taken over: never in the place of what we have.

Everything in such a folder may be anybody's. Each profile, proposal, variant and set of templates is read by
the reader we use ourselves, must lie where its own record says it lies, and is copied only if it is made of
plain files. Nothing of it is run.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from skvm.cache.trees import Tree, copy_tree, read_tree
from skvm.errors import UsageError

if TYPE_CHECKING:
    from skvm.settings import Settings

__all__ = ["Adopted", "adopt"]

Action = Literal["adopted", "skipped", "refused"]
_MAX_JSON_BYTES = 16 << 20
_MAX_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of one thing.

    Args:
        kind: ``profile``, ``proposal``, ``templates``, ``variant`` or ``folder``.
        name: Which one.
        action: What became of it.
        reason: Why.
    """

    kind: str
    name: str
    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class _Job:
    source: Path
    settings: Settings
    is_dry: bool
    force: bool


def adopt(
    source: Path, settings: Settings, *, is_dry: bool = False, force: bool = False
) -> Iterator[Adopted]:
    """Take over profiles, proposals, templates and variants; says what became of each as it happens.

    Args:
        source: The other system's cache root.
        settings: Where ours lies.
        is_dry: Only look.
        force: Whether what we have gives way; it is kept beside, under another name.

    Raises:
        UsageError: There is no such folder, nothing of the kind in it, or it is our own.
        InfrastructureError: The disk refuses; what was told is done.
    """
    if not source.is_dir():
        raise UsageError(f"{source}: no such folder", help="name the cache root, usually ~/.skvm")
    ours = {settings.cache_dir.resolve(), settings.proposals_dir.resolve(), settings.profiles_dir.resolve()}
    if source.resolve() in ours:
        raise UsageError(f"{source} is the cache in use", help="name another one with --skvm-cache")
    job = _Job(source, settings, is_dry, force)
    yield from _profiles(job)
    yield from _each(job, "proposals/jit-optimize", 4, "proposal", _proposal)
    yield from _each(job, "proposals/jit-boost", 1, "templates", _templates)
    yield from _each(job, "proposals/aot-compile", 3, "variant", _variants)


def _profiles(job: _Job) -> Iterator[Adopted]:
    from skvm.target.importing import import_profiles
    from skvm.target.store import ProfileStore

    folder = job.source / "profiles"
    if not _is_folder(folder):
        return
    with tempfile.TemporaryDirectory(prefix="skvm-adopt-") as scratch:
        root = job.settings.profiles_dir
        if job.is_dry:
            trial = Path(scratch, "profiles")
            if root.is_dir():
                shutil.copytree(root, trial, ignore=shutil.ignore_patterns("*.lock"))
            root = trial
        store = ProfileStore.of(replace(job.settings, profiles_dir=root))
        actions: dict[str, Action] = {"imported": "adopted", "history": "adopted", "broken": "refused"}
        try:
            for each in import_profiles(folder, store, force=job.force):
                name = str(each.source.relative_to(folder))
                yield Adopted("profile", name, actions.get(each.action.value, "skipped"), each.reason)
        except UsageError as error:
            yield Adopted("profile", ".", "skipped", error.message)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _each(
    job: _Job,
    below: str,
    depth: int,
    kind: str,
    work: Callable[[_Job, Path, tuple[str, ...]], Iterator[Adopted]],
) -> Iterator[Adopted]:
    """Every folder so deep below one; links are not followed."""
    root = job.source
    for part in below.split("/"):
        root /= part
        if root.is_symlink():
            yield Adopted("folder", below, "refused", "a link, which could lead anywhere")
            return
    for counted, parts in enumerate(_names(root, depth)):
        if counted >= _MAX_ENTRIES:
            yield Adopted("folder", below, "refused", f"more than {_MAX_ENTRIES:,} entries; the rest stays")
            return
        try:
            yield from work(job, root.joinpath(*parts), parts)
        except UsageError as error:
            yield Adopted(kind, "/".join(parts), "refused", error.message)


def _names(root: Path, depth: int) -> Iterator[tuple[str, ...]]:
    try:
        with os.scandir(root) as listing:
            names = sorted(
                entry.name
                for entry in listing
                if not entry.name.startswith(".") and (entry.is_symlink() or entry.is_dir())
            )
    except OSError:
        return
    for name in names:
        if depth == 1 or (root / name).is_symlink():
            yield (name,)
        else:
            yield from ((name, *rest) for rest in _names(root / name, depth - 1))


def _checked(folder: Path, parts: tuple[str, ...], depth: int) -> Tree:
    if folder.is_symlink() or len(parts) != depth:
        raise UsageError("a link, which could lead anywhere")
    return read_tree(folder)


def _proposal(job: _Job, folder: Path, parts: tuple[str, ...]) -> Iterator[Adopted]:
    from skvm.harness.contract import path_name
    from skvm.optimizer.proposals.ids import ProposalId
    from skvm.optimizer.proposals.proposal import load_proposal
    from skvm.optimizer.proposals.store import ProposalStore
    from skvm.target.store import safe_model

    tree = _checked(folder, parts, 4)
    id = ProposalId(*parts)
    proposal = load_proposal(id, folder)
    meta = proposal.meta
    if (path_name(meta.harness), safe_model(meta.target_model)) != (id.harness, id.model_dir):
        raise UsageError(f"meta.json says {meta.target_model} in {meta.harness}, its place says otherwise")
    if meta.skill_name != id.skill:
        raise UsageError(f"meta.json says skill {meta.skill_name!r}, its place says otherwise")
    files = {path for path, _ in tree.files}
    if "history.json" in files:
        _object(folder / "history.json")
    best = "original" if meta.best_round == 0 else f"round-{meta.best_round}"
    if f"{best}/SKILL.md" not in files:
        raise UsageError(f"there is no {best}/SKILL.md, its best round")
    if proposal.phase == "running":
        yield Adopted("proposal", str(id), "skipped", "its session still runs")
        return
    rounds = len([each for each in proposal.round_numbers() if each])
    told = f"{rounds} rounds, {proposal.standing}; accepting it would write to {meta.skill_dir}"
    place = id.folder(ProposalStore(job.settings).root)
    yield _take(job, Adopted("proposal", str(id), "adopted", told), tree, place)


def _templates(job: _Job, folder: Path, parts: tuple[str, ...]) -> Iterator[Adopted]:
    from skvm.runtime.boost.storage import CANDIDATES, STATE, BoostFolder

    tree = _checked(folder, parts, 1)
    theirs = BoostFolder(replace(job.settings, proposals_dir=job.source / "proposals"), parts[0])
    strange = [path for path, _ in tree.files if path not in (CANDIDATES, STATE)]
    if strange or tree.folders:
        kept = tuple(each for each in tree.files if each[0] in (CANDIDATES, STATE))
        tree = _only(tree, kept)
    if not tree.files:
        yield Adopted("templates", parts[0], "skipped", "neither candidates nor state in it")
        return
    for path, _ in tree.files:
        _object(folder / path)
    loaded = theirs.load()
    if not loaded.candidates:
        reason = loaded.findings[0].message if loaded.findings else "no candidate in it"
        raise UsageError(reason)
    told = f"{len(loaded.candidates)} templates, each to be proved on runs here"
    if loaded.findings:
        told += f"; {len(loaded.findings)} not understood ({loaded.findings[0].message})"
    place = BoostFolder(job.settings, parts[0]).path
    yield _take(job, Adopted("templates", parts[0], "adopted", told), tree, place)


def _only(tree: Tree, files: tuple[tuple[str, bool], ...]) -> Tree:
    """The same without the rest; its digest is that of what is left."""
    with tempfile.TemporaryDirectory(prefix="skvm-adopt-") as scratch:
        for path, _ in files:
            shutil.copy2(tree.root / path, Path(scratch, path), follow_symlinks=False)
        return replace(tree, folders=(), files=files, digest=read_tree(Path(scratch)).digest)


def _variants(job: _Job, folder: Path, parts: tuple[str, ...]) -> Iterator[Adopted]:
    """The variants of one skill: one for each set of passes, or a single flat one."""
    if folder.is_symlink() or len(parts) != 3:
        raise UsageError("a link, which could lead anywhere")
    if (folder / "SKILL.md").is_file():
        yield _variant(job, folder, parts)
        return
    for (tag,) in _names(folder, 1):
        name = (*parts, tag)
        try:
            yield _variant(job, folder / tag, name)
        except UsageError as error:
            yield Adopted("variant", "/".join(name), "refused", error.message)


def _variant(job: _Job, folder: Path, parts: tuple[str, ...]) -> Adopted:
    from skvm.compiler.builds.standing import tampering
    from skvm.compiler.builds.variant import is_complete
    from skvm.harness.contract import path_name
    from skvm.optimizer.proposals.ids import ProposalId
    from skvm.target.store import safe_model

    tree = _checked(folder, parts, len(parts))
    # The same segments make ids of proposals, so the same characters will do.
    ProposalId(parts[0], parts[1], parts[2], "20000101T000000000Z")
    if len(parts) == 4 and not (parts[3].isascii() and parts[3].isalnum()):
        raise UsageError("names no set of passes")
    meta = _object(folder / "meta.json")
    harness, model = meta.get("harness"), meta.get("model")
    if not isinstance(harness, str) or not isinstance(model, str):
        raise UsageError("meta.json names no harness and model")
    if (path_name(harness), safe_model(model)) != parts[:2]:
        raise UsageError(f"meta.json says {model} in {harness}, its place says otherwise")
    if "SKILL.md" not in {path for path, _ in tree.files}:
        raise UsageError("there is no SKILL.md")
    if (folder / "compilation-plan.json").exists():
        _object(folder / "compilation-plan.json")
    told = "of the existing system: kept to look at; a bench compiles its own"
    if is_complete(folder) and (folder / "proof.json").is_file():
        if found := list(tampering(folder)):
            raise UsageError(f"its proof does not hold: {found[0].path} {found[0].message}")
        told = "with a proof, which holds"
    place = job.settings.proposals_dir.joinpath("aot-compile", *parts)
    return _take(job, Adopted("variant", "/".join(parts), "adopted", told), tree, place)


def _take(job: _Job, hoped: Adopted, tree: Tree, place: Path) -> Adopted:
    """Copy a tree, unless something lies there; ``hoped`` is what is said if it is copied."""
    told = hoped.reason
    if os.path.lexists(place):
        try:
            is_same = read_tree(place).digest == tree.digest
        except UsageError:
            is_same = False
        if is_same:
            return replace(hoped, action="skipped", reason="is there already")
        if not job.force:
            return replace(hoped, action="skipped", reason="another one is there; --force replaces it")
        told += "; the one that was there is kept beside it"
    if not job.is_dry:
        copy_tree(tree, place, replaces=job.force)
    return replace(hoped, reason=told)


def _object(path: Path) -> dict[str, Any]:
    """A JSON object of bounded size.

    Raises:
        UsageError: It is none.
    """
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise UsageError(f"{path.name} is larger than {_MAX_JSON_BYTES >> 20} MB")
        loaded = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path.name} cannot be read: {type(error).__name__}") from error
    if not isinstance(loaded, dict):
        raise UsageError(f"{path.name} holds no object")
    return loaded
