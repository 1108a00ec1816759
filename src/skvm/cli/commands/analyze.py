"""``skvm analyze``: what a corpus of skills holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, executor_of, executor_options, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from skvm.cluster.opening import Executor
    from skvm.compiler.study.corpus import Portion
    from skvm.compiler.study.skill_study import SkillStudy, Unreadable
    from skvm.settings import Settings

__all__ = ["command"]


@click.command("analyze", cls=SkvmCommand)
@click.argument("paths", nargs=-1, required=True, metavar="DIR…", type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes; as many as there are cores otherwise.")
@click.option("--chart", type=click.Path(path_type=Path), metavar="FILE", help="Draw it (.png or .svg).")
@click.option("--skills", "each", is_flag=True, help="With --json: one entry a skill as well.")
@executor_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    paths: tuple[Path, ...],
    jobs: int | None,
    chart: Path | None,
    each: bool,
    as_json: bool,
    **where: Any,
) -> int:
    """Say what skills hold: kinds, needs, procedures, dependencies, parallel steps, findings.

    Every SKILL.md in or below each DIR is read; no model is asked and nothing of a skill is run.
    Exit code: 0, or 1 if a skill could not be read.
    """
    import time

    from skvm.cli.analyze_report import print_summary
    from skvm.cli.console import err, out, print_json, progress
    from skvm.compiler.study.skill_study import study_json
    from skvm.compiler.study.summary import summarise, summary_json
    from skvm.errors import UsageError

    if each and not as_json:
        raise UsageError("--skills needs --json")
    executor: Executor = executor_of(where)
    files = _skill_files(paths)
    began = time.perf_counter()
    studies: list[SkillStudy] = []
    unreadable: list[Unreadable] = []
    with progress(quiet=as_json or len(files) < 2) as bars:
        bar = bars.add_task("analyze", total=len(files), note="")

        def advance(portion: Portion) -> None:
            bars.advance(bar, len(portion.studies) + len(portion.unreadable))

        for found in _studied(settings_of(ctx), files, executor, jobs, advance):
            studies += found.studies
            unreadable += found.unreadable
    seconds = time.perf_counter() - began
    summary = summarise(studies)
    if chart is not None:
        from skvm.cli.analyze_chart import write_chart

        write_chart(summary, chart.expanduser())
    if as_json:
        entries = {"entries": [study_json(study) for study in studies]} if each else {}
        failed = [{"path": left.path, "error": left.message} for left in unreadable]
        print_json({"schema": 1, **summary_json(summary), "unreadable": failed, **entries})
    else:
        print_summary(summary)
        for left in unreadable:
            err.print(f"{left.path}: {left.message}", style="red", markup=False)
        rate = f", {len(files) / seconds:,.0f} skills/s" if len(files) > 1 else ""
        count = f"{len(files)} skill{'s' if len(files) != 1 else ''}"
        unread = f", {len(unreadable)} of them unreadable" if unreadable else ""
        out.print(f"{count} in {seconds:.1f} s{rate}{unread}", style="dim")
        if chart is not None:
            out.print(f"chart: {chart}", style="dim", markup=False)
    return 1 if unreadable else 0


def _studied(
    settings: Settings,
    files: list[Path],
    executor: Executor,
    jobs: int | None,
    on_portion: Callable[[Portion], None],
) -> Iterator[Portion]:
    """Portions in the order of the files, from processes of this machine or from a cluster."""
    if executor.kind == "local":
        from skvm.compiler.study.corpus import study_corpus

        for portion in study_corpus(files, jobs=jobs):
            on_portion(portion)
            yield portion
        return
    import anyio

    from skvm.cli.console import tell_note
    from skvm.cluster.opening import study_on_cluster

    yield from anyio.run(study_on_cluster, settings, files, executor, on_portion, tell_note)


def _skill_files(paths: tuple[Path, ...]) -> list[Path]:
    from skvm.errors import UsageError
    from skvm.skill.frontend import find_skill_files

    files: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise UsageError(f"no such file or folder: {str(path)!r}")
        found = list(find_skill_files(path))
        if not found:
            raise UsageError(f"no SKILL.md in or below {str(path)!r}")
        files.update(dict.fromkeys(found))
    return list(files)
