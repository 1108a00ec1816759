"""How a compile is shown: requirements, gaps, edits with their reasons, where the variant lies."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from skvm.compiler.driver import CompileResult
    from skvm.target.profile import Profile

__all__ = ["as_json", "print_result"]

_SHOWN = 6
"""Dependencies named in a line."""
_COLOURS = {"L0": "red", "L1": "yellow", "L2": "cyan", "L3": "green"}


def print_result(result: CompileResult, profile: Profile, *, explain: bool) -> None:
    """Print one compile for a person."""
    from rich.text import Text

    from skvm.cli.console import out, print_diagnostics, visible

    out.print(
        Text.assemble(
            (visible(result.original.name), "bold"), " for ", (result.model, "bold"), f" in {result.harness}"
        )
    )
    if (table := _requirements(result, profile)).rows:
        out.print(table)
    gaps = result.pipeline.artifacts.get("gaps")
    if gaps == []:
        out.print("0 gaps: the target holds everything the skill is known to need.", style="green")
    for record in result.proof["edits"]:
        _print_edit(record, explain=explain)
    if explain:
        _print_chains(result)
        _print_passes(result)
        _print_diff(result)
    print_diagnostics(result.diagnostics)
    _print_lint_errors(result)
    _print_found(result)
    _print_tokens(result, explain=explain)
    _print_end(result)


def _print_edit(record: Mapping[str, Any], *, explain: bool) -> None:
    from rich.text import Text

    from skvm.cli.console import out, visible

    line = Text.assemble((f"  line {record['line']:>4}  ", "dim"))
    if record["primitive"]:
        after = record["toLevel"] if record["toLevel"] != "L0" else "not needed"
        line.append_text(
            Text.assemble(
                (f"{record['primitive']} ", "bold"),
                (record["fromLevel"], _COLOURS.get(record["fromLevel"], "")),
                " → ",
                (after, _COLOURS["L3"]),
                f"  {record['rule']}",
            )
        )
    else:
        moved = ", ".join(record.get("moved", ()))
        line.append_text(
            Text.assemble(
                (record["rule"] or record["pass"], "bold"), f"  to {visible(moved)}" if moved else ""
            )
        )
    out.print(line)
    if explain:
        out.print(Text(f"             {visible(record['reason'])}", style="dim"))


def _requirements(result: CompileResult, profile: Profile) -> Table:
    from rich.table import Table

    from skvm.compiler.builds.proof import remaining_gaps
    from skvm.compiler.requirements import analyse

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("primitive", "needed", "held", "places", "gaps", "left", "evidence"):
        justify: Literal["right", "left"] = "right" if title in {"places", "gaps", "left"} else "left"
        table.add_column(
            title,
            justify=justify,
            no_wrap=True,
            min_width=19 if title == "primitive" else len(title) if title != "evidence" else None,
        )
    needed = analyse(result.original).requirements
    left = remaining_gaps(result.skill, profile)
    for primitive_id in sorted({found.primitive_id for found in needed}):
        places = [found for found in needed if found.primitive_id == primitive_id]
        hardest = max(places, key=lambda found: found.level.rank)
        held = profile.level_of(primitive_id)
        gaps = sum(held is not None and found.level.rank > held.rank for found in places)
        open_gaps = sum(gap.requirement.primitive_id == primitive_id for gap in left)
        table.add_row(
            primitive_id,
            f"[{_COLOURS[hardest.level]}]{hardest.level}[/]",
            f"[{_COLOURS[held]}]{held}[/]" if held is not None else "[dim]unmeasured[/]",
            str(len(places)),
            str(gaps or "–"),
            f"[red]{open_gaps}[/]" if open_gaps else "–",
            _quoted(hardest.evidence),
        )
    return table


def _quoted(evidence: str) -> str:
    from rich.markup import escape

    from skvm.cli.console import visible

    words = " ".join(evidence.split())
    return escape(f'"{visible(words[:40])}{"…" if len(words) > 40 else ""}"')


def _print_chains(result: CompileResult) -> None:
    from rich.text import Text

    from skvm.cli.console import out, visible

    for record in result.proof["edits"]:
        chain = record["chain"]
        if not chain:
            continue
        after = chain["requiredAfter"]
        out.print()
        out.print(Text(f"{chain['primitive']} at line {record['line']}", style="bold"))
        for name, text in (
            ("the skill says", f'"{" ".join(chain["evidence"].split())[:200]}"'),
            ("which needs", f"{chain['required']}: {chain['rule']}"),
            ("that is to say", chain["claim"]),
            ("the target holds", f"{chain['held']}: {chain['heldClaim']}"),
            ("so the edit", record["rule"]),
            ("leaves needed", "nothing of it" if after == "L0" else after),
        ):
            out.print(Text.assemble((f"  {name:<17}", "cyan"), visible(text)))


def _print_passes(result: CompileResult) -> None:
    """What became of each pass, and what the guard put back and why."""
    from rich.text import Text

    from skvm.cli.console import out
    from skvm.compiler.builds.proof_checking import counted

    out.print()
    for step in result.proof["steps"]:
        mine = [record for record in result.proof["edits"] if record["pass"] == step["pass"]]
        back = [record for record in result.proof["rolledBack"] if record["pass"] == step["pass"]]
        said = f"{counted(len(mine), 'edit')}, {counted(len(step['files']), 'file')}"
        out.print(Text.assemble((step["pass"], "bold"), f": {said}, {len(back)} rolled back"))
        for record in back:
            what = record["primitive"] or record["rule"] or "edit"
            out.print(
                Text.assemble(
                    (f"  line {record['line']:>4}  ", "dim"),
                    (f"{what} ({record['rule']}) ", "yellow"),
                    record["because"],
                )
            )


def _print_diff(result: CompileResult) -> None:
    from rich.text import Text

    from skvm.cli.console import out, visible

    before, after = result.original.text().splitlines(), result.skill.text().splitlines()
    out.print()
    for line in difflib.unified_diff(before, after, "original", "variant", lineterm=""):
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim")
        out.print(Text(visible(line), style=style))


def _print_lint_errors(result: CompileResult) -> None:
    """That the skill itself has errors, which no compile mends."""
    from skvm.cli.console import err
    from skvm.diagnostics import Severity

    codes = sorted({found.code for found in result.original.diagnostics if found.severity is Severity.ERROR})
    if codes:
        said = f"the skill has errors of its own ({', '.join(codes)}): skvm lint {result.original.root}"
        err.print(said, style="yellow", markup=False)


def _print_found(result: CompileResult) -> None:
    """What the passes found that edit nothing: needs of the machine, steps that can run at once."""
    from skvm.cli.console import out
    from skvm.compiler.builds.proof_checking import counted
    from skvm.harness.environment.manifest import INSTALL_CONFIDENCE

    artifacts = result.pipeline.artifacts
    if "deps" in artifacts:
        sure = [
            entry
            for entry in artifacts["deps"]
            if entry["confidence"] >= INSTALL_CONFIDENCE and not entry["refused"]
        ]
        names = ", ".join(f"{entry['type']}:{entry['name']}" for entry in sure[:_SHOWN])
        more = f" and {len(sure) - _SHOWN} more" if len(sure) > _SHOWN else ""
        hint = "; skvm env check says what is missing" if sure else ""
        out.print(f"needs of the machine: {names or 'none'}{more}{hint}", style="dim", markup=False)
    if "dag" in artifacts:
        groups = len(artifacts["dag"]["parallelism"])
        said = f"{counted(groups, 'group')}, see workflow-dag.md"
        out.print(f"steps that can run at once: {said if groups else 'none for sure'}", style="dim")


def _print_tokens(result: CompileResult, *, explain: bool) -> None:
    """Tokens before and after: with all reasons counted with the target's vocabulary, else estimated."""
    from skvm.cli.console import out
    from skvm.compiler.elimination.account import account_of
    from skvm.llm.vocabulary import vocabulary_for
    from skvm.settings import load_settings

    if result.is_unchanged:
        return
    vocabulary = vocabulary_for(result.model, load_settings()) if explain else None
    found = account_of(result.original, result.skill, result.proof["files"], vocabulary)
    said = f"tokens given at once: {found.before} before, {found.after} after"
    if found.with_every_file != found.after:
        said += f", {found.with_every_file} with every added file"
    how = "estimated" if vocabulary is None else f"counted with the vocabulary of {result.model}"
    out.print(f"{said} ({how})", style="dim", highlight=False)


def _print_end(result: CompileResult) -> None:
    from rich.text import Text

    from skvm.cli.console import out
    from skvm.compiler.builds.proof_checking import counted

    edits = len(result.proof["edits"])
    files = result.proof["files"]
    left = len(result.proof["gapsLeft"])
    said = f"{counted(edits, 'edit')}, {counted(len(files), 'file')} added"
    if result.is_unchanged:
        said = "the variant equals the original"
    if left:
        said += f", {counted(left, 'place')} still above the target"
    out.print(Text.assemble((said, "bold"), f"  ({result.duration_ms:.0f} ms)"))
    where = f"written to {result.variant}" if result.variant else "dry run: nothing was written"
    out.print(f"up to date: {result.variant}" if result.is_reused else where, style="dim", markup=False)
    if result.lock is not None:
        out.print(f"recorded in {result.lock} (--no-lock leaves it out)", style="dim", markup=False)


def as_json(result: CompileResult) -> dict[str, Any]:
    """One compile as ``--json`` prints it."""
    return {
        "skill": result.original.id,
        "model": result.model,
        "harness": result.harness,
        "variant": str(result.variant) if result.variant else None,
        "lock": str(result.lock) if result.lock else None,
        "unchanged": result.is_unchanged,
        "passes": [step["pass"] for step in result.proof["steps"]],
        "buildKey": result.build_key,
        "reused": result.is_reused,
        "artifacts": dict(result.pipeline.artifacts),
        "proof": dict(result.proof),
        "diagnostics": [
            {
                "code": found.code,
                "severity": str(found.severity),
                "message": found.message,
                "path": found.path,
                "line": found.line,
                "column": found.column,
                "help": found.help,
            }
            for found in result.diagnostics
        ],
        "durationMs": round(result.duration_ms, 3),
    }
