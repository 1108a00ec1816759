"""``skvm bench --compare``: two conditions of past sessions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.bench.compare_files import SkillDiff
    from skvm.bench.comparing import Found, PastComparison
    from skvm.evidence.record import RunRecord
    from skvm.harness.trajectory import Trajectory
    from skvm.settings import Settings

__all__ = ["compare_and_print"]


def compare_and_print(settings: Settings, options: dict[str, Any]) -> int:
    """Find both sides, compare them, write the files and print what came of it.

    Raises:
        UsageError: A side is missing, or no session has it.
        InfrastructureError: The journal cannot be read, or a file cannot be written.
    """
    import anyio

    from skvm.bench.compare_files import diff_of, skill_text, write_comparison
    from skvm.bench.comparing import compare_sides
    from skvm.cli.console import print_json
    from skvm.evaluate.bench import load_trajectory
    from skvm.evidence.blobs import BlobStore

    _check(settings, options)
    lhs, rhs = anyio.run(_find, settings, options)
    blobs = BlobStore(settings.blobs_dir)

    def load(run: RunRecord) -> Trajectory | None:
        return load_trajectory(blobs, run)

    compared = compare_sides(lhs, rhs)
    left, right = skill_text(lhs, load), skill_text(rhs, load)
    names = (f"{lhs.condition}/SKILL.md", f"{rhs.condition}/SKILL.md")
    diff = diff_of(left, right, names=names) if left is not None and right is not None else None
    if options["analyze_model"]:
        said = anyio.run(_analysed, settings, options, compared, diff or ())
        compared = compared.model_copy(update={"analysis": said})
    folder = Path(options["output_dir"] or settings.logs_dir / "bench" / "compare").expanduser()
    files = write_comparison(folder, compared, diff)
    if options["as_json"]:
        plain = compared.model_dump(mode="json", by_alias=True)
        print_json({**plain, "files": [str(path) for path in files]})
    else:
        _print(compared, diff, files)
    return 0


def _check(settings: Settings, options: dict[str, Any]) -> None:
    from skvm.errors import UsageError

    for name in ("lhs", "rhs"):
        if not options[name]:
            raise UsageError(f"--compare needs --{name}", help="CONDITION or CONDITION@SESSION")
    if len(options["models"]) != 1 or len(options["adapters"]) != 1:
        raise UsageError("--compare needs one --model and one --adapter", help="the target both sides ran on")
    if not settings.journal_path.exists():
        raise UsageError("no bench was ever started here", help=f"there is no {settings.journal_path}")


async def _find(settings: Settings, options: dict[str, Any]) -> tuple[Found, Found]:
    from skvm.bench.comparing import find_side, parse_side
    from skvm.evidence.journal import Journal

    (model,), (harness,) = options["models"], options["adapters"]
    async with Journal(settings.journal_path, read_only=True) as journal:
        lhs, rhs = [
            await find_side(
                journal,
                parse_side(options[name]),
                model=model,
                harness=harness,
                skill=options["skill_path"] or None,
            )
            for name in ("lhs", "rhs")
        ]
    return lhs, rhs


async def _analysed(
    settings: Settings, options: dict[str, Any], compared: PastComparison, diff: SkillDiff
) -> tuple[str, ...]:
    from skvm.bench.compare_analysis import analyse
    from skvm.llm.contract import SpendLimit
    from skvm.llm.port import ModelPort

    limit = SpendLimit(options["max_usd"], options["max_tokens"])
    async with ModelPort(settings, limit=limit if limit != SpendLimit() else None) as port:
        return await analyse(port, options["analyze_model"], compared, diff)


def _print(compared: PastComparison, diff: SkillDiff | None, files: tuple[Path, ...]) -> None:
    from rich.text import Text

    from skvm.bench.report import words
    from skvm.cli.console import out, visible

    found = compared.as_completed
    style = {"better": "green", "worse": "red"}.get(found.verdict, "")
    sides = f"{compared.rhs.condition} against {compared.lhs.condition}: "
    out.print(Text.assemble((visible(sides), "bold"), (visible(found.sentence), style)))
    out.print(
        Text(
            f"a run on the same tasks: tokens {words.signed(compared.tokens)}, "
            f"time {words.signed_seconds(compared.duration_ms)}, steps {words.signed(compared.steps, 1)}, "
            f"cost {words.signed_dollars(compared.cost)}"
        )
    )
    for name, left, right in compared.differently_held:
        out.print(Text(visible(f"not held the same: {name}: {left} left, {right} right"), style="yellow"))
    for task in compared.tasks:
        if task.incomparable:
            out.print(Text(visible(f"incomparable: {task.task_id}: {task.incomparable}"), style="yellow"))
    told = "not known" if diff is None else "the same" if not diff else f"{len(diff)} lines of diff"
    out.print(Text(f"the skill's text: {told}"))
    for bullet in compared.analysis or ():
        out.print(Text(f"- {visible(bullet)}"))
    for path in files:
        out.print(Text(visible(str(path)), style="dim"))
