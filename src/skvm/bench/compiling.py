"""A skill compiled for a bench: the build that stands if it is the very same one, else a new one.

A bench never replaces what somebody compiled otherwise: where another build lies in the variant's place, its
own goes under the cache, in a folder named by everything it was made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from skvm.bench.plan import Target
from skvm.compiler.builds.build import inputs_of, json_digest, profile_digest
from skvm.compiler.builds.instances import read_failures
from skvm.compiler.builds.lockfile import LOCK_NAME, read_lock
from skvm.compiler.builds.standing import standing_build
from skvm.compiler.builds.variant import is_complete, variant_dir
from skvm.compiler.contract import CompileOptions
from skvm.compiler.counsel import RecordedCounsel
from skvm.compiler.driver import CompileResult, compile_skill
from skvm.compiler.pipeline import pass_tag, resolve_passes
from skvm.errors import InfrastructureError
from skvm.settings import Settings
from skvm.skill.emit import resource_bytes
from skvm.skill.frontend import parse_skill
from skvm.skill.ir import Skill
from skvm.target.store import ProfileStore, StoredProfile, read_profile

__all__ = ["COMPILE_TIMEOUT_S", "Recipe", "compiled", "profile_for", "skill_as_made"]

COMPILE_TIMEOUT_S = 600.0
"""Wall clock of one compile, a compiler model's answers included."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What skills are compiled with.

    Args:
        target: For whom.
        stored: Its profile.
        passes: Numbers of the passes.
        compiler_model: Full id of the model that is asked, or ``none``.
    """

    target: Target
    stored: StoredProfile
    passes: tuple[str, ...]
    compiler_model: str

    @property
    def tag(self) -> str:
        """``p1p2p3``."""
        return pass_tag(resolve_passes(self.passes))

    @property
    def profile_digest(self) -> str:
        """Of what the profile says."""
        return profile_digest(self.stored.profile)


def profile_for(settings: Settings, target: Target, named: str | None) -> StoredProfile | None:
    """The profile a bench compiles for: the one named, else the target's newest, else its unfinished one.

    Whether it is of this target, and holds enough, is the compiler's to say.

    Raises:
        UsageError: A file is broken.
    """
    if named is not None:
        return StoredProfile(read_profile(Path(named)), Path(named))
    store = ProfileStore.of(settings)
    return store.latest(target.model, target.harness) or store.partial(target.model, target.harness)


async def compiled(
    settings: Settings, skill: Skill, recipe: Recipe, counsel: RecordedCounsel | None
) -> CompileResult:
    """Compile one skill, or find that this was done.

    Args:
        settings: Where variants lie.
        skill: The skill.
        recipe: What with.
        counsel: The compiler model, fresh for this compile (``begin_counsel``).

    Raises:
        SkvmError: As ``compile_skill``.
        InfrastructureError: Not done within ``COMPILE_TIMEOUT_S``; nothing was written.
    """
    target, stored = recipe.target, recipe.stored
    options = CompileOptions(compiler_model=recipe.compiler_model)
    failures = read_failures(stored.path.parent, stored.profile)
    chosen = resolve_passes(recipe.passes)
    inputs = inputs_of(
        skill,
        model=target.model,
        harness=target.harness,
        profile=stored.profile,
        passes=chosen,
        options=options,
        failures=failures,
    ).record()
    try:
        with anyio.fail_after(COMPILE_TIMEOUT_S):
            return await compile_skill(
                skill,
                model=target.model,
                harness=target.harness,
                profile=stored.profile,
                settings=_settings_for(settings, skill, recipe, inputs),
                passes=recipe.passes,
                options=options,
                counsel=counsel,
                failures=failures,
            )
    except TimeoutError as error:
        raise InfrastructureError(
            f"skill {skill.id!r} was not compiled within {COMPILE_TIMEOUT_S:g} s",
            help="use a faster compiler model, or --compiler-model=none",
        ) from error


def _settings_for(settings: Settings, skill: Skill, recipe: Recipe, inputs: dict[str, object]) -> Settings:
    """The settings whose place for this variant is free, or holds this very build."""
    target = recipe.target
    place = variant_dir(
        settings.proposals_dir,
        harness=target.harness,
        model=target.model,
        skill_id=skill.id,
        tag=recipe.tag,
    )
    if not is_complete(place) or standing_build(place, skill, inputs) is not None:
        return settings
    digest = json_digest(inputs).removeprefix("sha256:")
    return replace(settings, proposals_dir=settings.cache_dir / "bench" / "variants" / digest[:32])


def begin_counsel(counsel: RecordedCounsel | None, skill: Skill) -> RecordedCounsel | None:
    """The counsel of one compile; answers that the skill's lock holds are not asked for again.

    Raises:
        FindingsError: There is a lock, and it cannot be read.
    """
    if counsel is None:
        return None
    return counsel.begin(read_lock(skill.root / LOCK_NAME).answers if skill.root is not None else None)


def skill_as_made(result: CompileResult) -> Skill:
    """The compiled skill, independent of the folder its variant lies in: somebody may compile there again."""
    original, made = result.original, result.skill
    if result.is_unchanged:
        return original
    known = {resource.path: resource.digest for resource in original.resources}
    changed: Sequence[str] = [item.path for item in made.resources if known.get(item.path) != item.digest]
    return parse_skill(
        made.source,
        id=original.id,
        root=original.root,
        resources=made.resources,
        contents={**original.contents, **{path: resource_bytes(made, path) for path in changed}},
    )


__all__ += ["begin_counsel"]
