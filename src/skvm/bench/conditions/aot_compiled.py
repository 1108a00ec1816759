"""``aot-compiled``, ``aot-compiled-p<digits>``: each skill compiled for the target, with these passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from skvm.bench.compiling import Recipe, begin_counsel, compiled, profile_for, skill_as_made
from skvm.bench.contract import Loadout, Situation, Unavailable, condition
from skvm.bench.outfit import deliver, refused
from skvm.compiler.contract import PASSES
from skvm.compiler.counsel import RecordedCounsel, open_counsel
from skvm.compiler.driver import CompileResult
from skvm.errors import SkvmError, UsageError
from skvm.evidence.record import Usage
from skvm.llm.contract import BudgetExceededError
from skvm.llm.port import ModelPort
from skvm.skill.emit import skill_digest

__all__ = ["AotCompiled"]

_ALL = "123"


@condition("aot-compiled")
@dataclass(frozen=True, slots=True)
class AotCompiled:
    """What the compiler makes of the skill for this very target.

    Args:
        argument: ``p`` and the digits of the passes; ``""`` for passes 1, 2 and 3.
    """

    argument: str = ""

    def __post_init__(self) -> None:
        """Look the passes up.

        Raises:
            UsageError: There is none of a number.
        """
        known = {str(registered.number) for registered in PASSES.all()}
        if unknown := sorted(set(self.passes) - known):
            raise UsageError(
                f"condition aot-compiled-{self.argument}: there is no pass {', '.join(unknown)}",
                help=f"known passes: {', '.join(sorted(known))}",
            )

    @property
    def passes(self) -> tuple[str, ...]:
        """Numbers of the passes, each once, in order."""
        return tuple(sorted(set(self.argument.removeprefix("p") or _ALL)))

    @property
    def needs_skill(self) -> bool:
        """There is nothing else to compile."""
        return True

    async def prepare(self, situation: Situation) -> Loadout | Unavailable:
        """Compile each skill of the task, or find it compiled.

        Raises:
            UsageError: The profile that was named cannot be read.
            BudgetExceededError: The spend ceiling is reached.
        """
        started, spent = perf_counter(), _Spent()
        found = await self._prepare(situation, spent)
        return replace(found, usage=spent.usage, duration_ms=(perf_counter() - started) * 1000)

    async def _prepare(self, situation: Situation, spent: _Spent) -> Loadout | Unavailable:
        plan, target, settings = situation.plan, situation.target, situation.bench.settings
        try:
            stored = profile_for(settings, target, plan.profile)
        except UsageError as error:
            if plan.profile is not None:
                raise
            return refused(error)
        if stored is None:
            return Unavailable(
                f"there is no profile of {target.label}",
                f"skvm profile --model={target.model} --adapter={target.harness}",
            )
        recipe = Recipe(target, stored, self.passes, plan.compiler_model)
        try:
            results = await _compile_all(situation, recipe, spent)
            skills = [skill_as_made(result) for result in results]
        except BudgetExceededError:
            raise
        except SkvmError as error:
            return refused(error)
        folders = [result.variant for result in results if isinstance(result.variant, Path)]
        told = deliver(
            situation,
            skills,
            folders,
            is_compiled=True,
            what=_what(results),
            provenance=_provenance(results, recipe),
        )
        is_reused = all(result.is_reused for result in results)
        return replace(told, is_reused=is_reused) if isinstance(told, Loadout) else told


@dataclass(slots=True)
class _Spent:
    """The counsels of the compiles so far: what they cost is known also where one of them failed."""

    counsels: list[RecordedCounsel] = field(default_factory=list)

    @property
    def usage(self) -> Usage:
        return sum((counsel.usage for counsel in self.counsels), Usage())


async def _compile_all(situation: Situation, recipe: Recipe, spent: _Spent) -> list[CompileResult]:
    settings, port = situation.bench.settings, situation.bench.port
    opened = port if isinstance(port, ModelPort) else None
    results = []
    async with open_counsel(settings, recipe.compiler_model, port=opened) as counsel:
        for skill in situation.skills:
            asked = begin_counsel(counsel, skill)
            if asked is not None:
                spent.counsels.append(asked)
            results.append(await compiled(settings, skill, recipe, asked))
    return results


def _what(results: Sequence[CompileResult]) -> str:
    told = []
    for result in results:
        done = "up to date" if result.is_reused else "compiled"
        told.append("unchanged: the original" if result.is_unchanged else done)
    if len(told) == 1:
        return told[0]
    pairs = zip(results, told, strict=True)
    return "; ".join(f"{result.original.id}: {word}" for result, word in pairs)


def _provenance(results: Sequence[CompileResult], recipe: Recipe) -> dict[str, str]:
    digests = {"profile": recipe.profile_digest, "passes": recipe.tag}
    for index, result in enumerate(results):
        place = f" {index + 1}" if len(results) > 1 else ""
        digests[f"skill{place}"] = skill_digest(result.original)
        digests[f"build{place}"] = result.build_key
    return digests
