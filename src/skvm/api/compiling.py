"""``skvm.compile``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skvm.api.progress import OnProgress, Progress, nobody, settings_or_default
from skvm.api.ranges import at_least_one, lists, more_than_zero

if TYPE_CHECKING:
    from skvm.compiler.driver import CompileResult
    from skvm.settings import Settings
    from skvm.skill.ir import Skill
    from skvm.target.store import StoredProfile

__all__ = ["compile"]


async def compile(
    skill: str | Path,
    *,
    model: str,
    harness: str = "bare-agent",
    passes: Sequence[str] = ("1",),
    profile: str | Path | None = None,
    compiler_model: str = "none",
    dry_run: bool = False,
    force: bool = False,
    frozen: bool = False,
    lock: bool = True,
    timeout_s: float = 300.0,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    on_progress: OnProgress = nobody,
    settings: Settings | None = None,
) -> CompileResult:
    """Compile one skill for one target; as ``skvm aot-compile``.

    Args:
        skill: Its folder.
        model: Full model id of the target, provider first.
        harness: Harness name of the target.
        passes: Passes by number, name or tag.
        profile: A profile file; ``None`` takes the target's stored one, or one that came with the package.
        compiler_model: A model to ask, or ``none``. Unlike the command, a call asks none that is not named.
        dry_run: Write nothing.
        force: Compile even if the same build is there already.
        frozen: Build only what ``skvm.lock`` describes, and ask no model.
        lock: Whether ``skvm.lock`` beside ``SKILL.md`` is read and written.
        timeout_s: Wall clock in seconds, > 0.
        max_usd: Spend ceiling in dollars, > 0.
        max_tokens: Spend ceiling in tokens, ≥ 1.
        on_progress: Told of the beginning and the end.
        settings: Where things lie; by default what the environment and the configuration file say.

    Returns:
        The variant's folder (``variant``, ``None`` after a dry run), the skill in it, the passes and their
        edits with reasons, the proof.

    Raises:
        UsageError: There is no skill or no profile of the target, or a pass is unknown.
        FindingsError: The profile is another target's or lacks what the skill needs; or the build is frozen
            and not the one the lock describes.
        ConfigError: The compiler model has no route or credential.
        InfrastructureError: The disk refuses, or another process compiles this variant.
        TimeoutError: It is not done in time; nothing was written.
    """
    from contextlib import nullcontext

    import anyio
    from anyio.to_thread import run_sync

    from skvm.compiler.builds.instances import read_failures
    from skvm.compiler.contract import CompileOptions
    from skvm.compiler.counsel import open_counsel
    from skvm.compiler.driver import BuildMode, compile_skill
    from skvm.compiler.pipeline import resolve_passes
    from skvm.evidence.sessions import recorded_session
    from skvm.harness.contract import HARNESSES
    from skvm.llm.contract import SpendLimit
    from skvm.skill.frontend import load_skill

    lists(passes=passes)
    at_least_one(max_tokens=max_tokens)
    more_than_zero(timeout_s=timeout_s, max_usd=max_usd)
    HARNESSES.get(harness)
    resolve_passes(tuple(passes))
    at = await run_sync(settings_or_default, settings)
    loaded = await run_sync(lambda: load_skill(Path(skill).expanduser()))
    found = await run_sync(_profile_of, at, model, harness, profile)
    about = f"{loaded.id} for {model} in {harness}"
    on_progress(Progress("compile", f"{about}: compiling", total=1))
    limit = SpendLimit(max_usd=max_usd, max_tokens=max_tokens)
    entry = recorded_session(at.logs_dir, "aot-compile", models=[model], harness=[harness], skill=[loaded.id])
    with nullcontext() if dry_run else entry, anyio.fail_after(timeout_s):
        async with open_counsel(at, compiler_model, frozen=frozen, limit=limit) as counsel:
            result = await compile_skill(
                loaded,
                model=model,
                harness=harness,
                profile=found.profile,
                settings=at,
                passes=tuple(passes),
                dry_run=dry_run,
                options=CompileOptions(compiler_model=compiler_model),
                counsel=counsel.begin(_answers(loaded)) if counsel is not None else None,
                mode=BuildMode(force=force, frozen=frozen, lock=lock),
                failures=read_failures(found.path.parent, found.profile),
            )
    said = "the same build lay there already" if result.is_reused else "done"
    on_progress(Progress("compile", f"{about}: {said}", done=1, total=1))
    return result


def _answers(skill: Skill) -> dict[str, Any]:
    """The compiler model's answers that the lock beside a skill holds."""
    from skvm.compiler.builds.lockfile import LOCK_NAME, read_lock

    return dict(read_lock(skill.root / LOCK_NAME).answers) if skill.root is not None else {}


def _profile_of(settings: Settings, model: str, harness: str, path: str | Path | None) -> StoredProfile:
    from skvm.errors import UsageError
    from skvm.target.store import ProfileStore, StoredProfile, read_profile

    if path is not None:
        place = Path(path).expanduser()
        return StoredProfile(read_profile(place), place)
    store = ProfileStore.of(settings)
    stored = store.latest(model, harness) or store.partial(model, harness)
    if stored is None:
        raise UsageError(
            f"no profile of {model} in {harness}", help=f"skvm profile --model={model} --adapter={harness}"
        )
    return stored
