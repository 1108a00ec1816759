"""A certificate for people: in the terminal, as a page, as a badge, as Markdown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from skvm.certify.checking import Checked
    from skvm.certify.evidence_model import Evidence
    from skvm.certify.statement import Certificate, TargetPart
    from skvm.settings import Settings

__all__ = ["show_certificate"]

_WIDE = 90


def show_certificate(settings: Settings, file: Path, options: dict[str, Any]) -> int:
    """Show a certificate; the exit code.

    Raises:
        UsageError: The file cannot be read.
        InfrastructureError: A view cannot be written.
    """
    from skvm.certify.checking import open_certificate
    from skvm.certify.keys import own_fingerprint
    from skvm.certify.sealing import plain
    from skvm.cli.console import err, print_diagnostics, print_json

    book = open_certificate(file)
    certificate = book.certificate
    if options["as_json"]:
        print_json(
            {
                "schema": 1,
                "holds": not book.findings,
                "findings": [{"code": each.code, "message": each.message} for each in book.findings],
                "certificate": plain(certificate) if certificate is not None else None,
            }
        )
    print_diagnostics(book.findings, console=err)
    if certificate is None:
        return 1
    # A view has no signature of its own: none is made of what nobody has signed.
    written = _write_views(certificate, options) if not book.findings else ()
    if not options["as_json"] and options["markdown"] != "-":
        _print(book, certificate, own_fingerprint(settings))
        _say_written(written)
    return 1 if book.findings else 0


def _write_views(certificate: Certificate, options: dict[str, Any]) -> tuple[Path, ...]:
    from skvm.errors import InfrastructureError
    from skvm.files import replace_file

    written = []
    for name in ("html", "badge", "markdown"):
        if not options[name]:
            continue
        text = _view(name, certificate)
        if name == "markdown" and options[name] == "-":
            sys.stdout.write(text)
            continue
        place = Path(options[name]).expanduser()
        try:
            replace_file(place, text.encode(), mode=0o644)
        except OSError as error:
            raise InfrastructureError(f"{place}: cannot be written: {error.strerror}") from error
        written.append(place)
    return tuple(written)


def _view(name: str, certificate: Certificate) -> str:
    if name == "html":
        from skvm.certify.page import certificate_html

        return certificate_html(certificate)
    if name == "badge":
        from skvm.certify.badge import badge_svg

        return badge_svg(certificate.statement)
    from skvm.certify.markdown import certificate_markdown

    return certificate_markdown(certificate)


def _say_written(paths: tuple[Path, ...]) -> None:
    from skvm.cli.console import out, visible

    for path in paths:
        out.print(visible(f"written to {path}"), style="dim", markup=False, highlight=False)


def _print(book: Checked, certificate: Certificate, own: str | None) -> None:
    from rich.text import Text

    from skvm.certify import summary
    from skvm.cli.console import out, visible

    statement = certificate.statement
    skill = statement.skill
    title = f"{skill.name}{f' {skill.version}' if skill.version else ''}"
    out.print(Text.assemble((visible(title), "bold"), f"  {skill.form}, issued {statement.issued_at}"))
    out.print(_signature(book, certificate, own))
    out.print(f"{skill.digest}, {len(skill.files)} files", style="dim", markup=False, highlight=False)
    for target in statement.targets:
        out.print()
        _print_target(target)
    out.print()
    needed = ", ".join(f"{each.name}{each.version or ''}" for each in statement.dependencies.needed)
    facts = (
        ("needs", needed or "nothing of the machine"),
        ("runs", ", ".join(statement.permissions.commands) or "no program"),
        ("writes", ", ".join(statement.permissions.write) or "nothing that it names"),
        ("network", summary.network_line(statement)),
        ("findings", summary.findings_line(statement)),
        ("license", skill.license or "not said"),
    )
    for name, value in facts:
        out.print(Text.assemble((f"{name:<9}", "bold"), visible(value)))
    out.print()
    for line in statement.limits:
        out.print(Text(f"limit  {visible(line)}", style="dim"))


def _signature(book: Checked, certificate: Certificate, own: str | None) -> Any:
    from rich.text import Text

    if certificate.signature is None:
        return Text("not signed", style="bold red")
    fingerprint = certificate.signature.fingerprint
    if not book.is_signed_right:
        return Text(f"the signature of {fingerprint} was not found to hold", style="bold red")
    whose = "your own key" if fingerprint == own else "whose key that is, nobody has checked"
    return Text.assemble((f"signed by {fingerprint}", "green"), f" ({whose})")


def _print_target(target: TargetPart) -> None:
    from rich.text import Text

    from skvm.certify import summary
    from skvm.cli.console import out, visible

    version = f", {target.harness_version}" if target.harness_version else ""
    out.print(Text.assemble((visible(target.label), "bold"), visible(version)))
    style = "green" if summary.is_measured(target) else "yellow"
    out.print(Text(f"  {visible(summary.headline(target))}", style=style))
    gaps = [need for need in target.needs if need.is_gap]
    lacking = ", ".join(f"{each.primitive} {each.needed} (has {each.held})" for each in gaps)
    out.print(Text(f"  {summary.needs_line(target)}{f': {visible(lacking)}' if lacking else ''}"))
    for evidence in target.evidence:
        out.print(Text(f"  session {visible(evidence.session)}", style="dim"))
        out.print(_conditions(evidence))
        for compared in evidence.comparisons:
            style = {"better": "green", "worse": "red"}.get(compared.verdict, "")
            out.print(Text(f"  {visible(summary.comparison_line(compared))}", style=style))


def _conditions(evidence: Evidence) -> Table:
    """Conditions with their figures; where it is narrow, with those that say most."""
    from rich.table import Table
    from rich.text import Text

    from skvm.bench.report import words
    from skvm.certify import summary
    from skvm.cli.console import out, visible

    if not out.is_terminal:
        out.width = 240  # a pipe has no width to fit into
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 2))
    table.add_column("condition", no_wrap=True, overflow="ellipsis", min_width=12)
    headings = ("score", "runs", "tokens", "time", "cost") if out.width >= _WIDE else ("score", "cost")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for each in evidence.conditions:
        cells = {
            "score": summary.score_of(each),
            "runs": f"{each.scored} of {each.runs}",
            "tokens": words.count(each.tokens),
            "time": words.seconds(None if each.seconds is None else each.seconds * 1000),
            "cost": summary.cost_of(each),
        }
        name = Text(visible(each.condition), style="bold" if each.is_subject else "")
        table.add_row(name, *(cells[heading] for heading in headings))
    return table
