"""A certificate as one page that opens from a file and loads nothing."""

from __future__ import annotations

from collections.abc import Iterable

from skvm.bench.report import words
from skvm.bench.report.page_parts import Html, facts_list, html_table, page, text
from skvm.certify import summary
from skvm.certify.evidence_model import ConditionFigures, Evidence
from skvm.certify.statement import Certificate, Statement, TargetPart

__all__ = ["certificate_html"]

_STYLE = """
dl.facts dd { overflow-wrap: anywhere; }
svg.scale { display: inline-block; width: 130px; height: 14px; vertical-align: middle; overflow: visible; }
ul.limits { padding-left: 20px; max-width: 68em; } ul.limits li { margin: 3px 0; }
section.target { border-top: 2px solid var(--line); margin-top: 22px; padding-top: 2px; }
p.headline { font-size: 16px; margin: 4px 0 10px; max-width: 60em; }
code { font-size: 12px; overflow-wrap: anywhere; }
tbody th { min-width: 7em; } td { min-width: 3em; } .whole { white-space: nowrap; }
.said { min-width: 18em; }
"""


def certificate_html(certificate: Certificate) -> str:
    """The whole certificate as a page."""
    statement = certificate.statement
    title = f"Certificate of {statement.skill.name}"
    parts = (
        _header(certificate, title),
        _matrix(statement),
        *(_target(target) for target in statement.targets),
        _limits(statement),
        _machine(statement),
        _findings(statement),
        _built_from(statement),
        _files(statement),
    )
    body = "\n".join(part for part in parts if part)
    return page(title, f"<main>\n{body}\n</main>", extra_style=_STYLE)


def _header(certificate: Certificate, title: str) -> str:
    statement, signature = certificate.statement, certificate.signature
    skill, made = statement.skill, statement.environment
    facts = {
        "Skill": f"{skill.name}{f' {skill.version}' if skill.version else ''}"
        f" ({'compiled' if skill.form == 'variant' else 'as it was written'})",
        "License": skill.license or "not said",
        "Digest": skill.digest,
        "Issued": f"{statement.issued_at} by skvm {made.skvm_version} on {made.system} {made.machine},"
        f" Python {made.python}",
        "Signed by": signature.fingerprint if signature else "nobody",
    }
    note = (
        "A page can be changed by anybody; what is signed is the file: <code>skvm verify</code> checks that."
    )
    return f'<h1>{text(title)}</h1>\n{facts_list(facts)}\n<p class="soft">{note}</p>'


def _matrix(statement: Statement) -> str:
    rows = (_matrix_row(target) for target in statement.targets)
    headings = ("target", "score", "", "against no skill", "needs", "tokens", "time", "cost")
    caption = "The skill on each target: mean score with its 95 % interval; tokens, time and cost of a run"
    return html_table(caption, headings, rows, figures=3)


def _matrix_row(target: TargetPart) -> tuple[str, ...]:
    found = summary.subject_figures(target)
    name, needs = text(target.label), _whole(summary.needs_line(target))
    if found is None:
        empty = (words.NO_DATA,) * 3
        return (name, text(summary.headline(target)), "", words.NO_DATA, needs, *empty)
    figures, _ = found
    compared = summary.against_no_skill(target)
    return (
        name,
        _whole(summary.score_of(figures)),
        _scale(figures),
        _whole(f"{summary.difference_of(compared)}, {compared.verdict}" if compared else "not compared"),
        needs,
        *_taken(figures),
    )


def _taken(figures: ConditionFigures) -> tuple[str, str, str]:
    seconds = None if figures.seconds is None else figures.seconds * 1000
    return words.count(figures.tokens), words.seconds(seconds), summary.cost_of(figures)


def _whole(value: str) -> Html:
    """Words that stay on one line; where that is narrow, the table scrolls."""
    return Html(f'<span class="whole">{text(value)}</span>')


def _scale(figures: ConditionFigures) -> Html:
    """A score between 0 and 1 with its interval, drawn; the figures stand beside it."""
    if figures.score is None:
        return Html("")
    low, high = (
        (figures.interval.low, figures.interval.high) if figures.interval else (figures.score, figures.score)
    )
    return Html(
        '<svg class="scale" viewBox="0 0 130 14" aria-hidden="true">'
        '<line class="grid" x1="5" x2="125" y1="7" y2="7"/>'
        '<line class="grid" x1="5" x2="5" y1="3" y2="11"/>'
        '<line class="grid" x1="125" x2="125" y1="3" y2="11"/>'
        f'<line class="range" x1="{_x(low)}" x2="{_x(high)}" y1="7" y2="7"/>'
        f'<circle class="mark" cx="{_x(figures.score)}" cy="7" r="4.5"/></svg>'
    )


def _x(score: float) -> str:
    return f"{5 + 120 * min(1.0, max(0.0, score)):.1f}"


def _target(target: TargetPart) -> str:
    version = f" ({target.harness_version})" if target.harness_version else ""
    title = text(f"{target.label}{version}")
    sessions = "\n".join(_session(evidence) for evidence in target.evidence)
    return (
        f'<section class="target"><h2>{title}</h2>\n'
        f'<p class="headline">{text(summary.headline(target))}</p>\n{sessions}\n{_needs(target)}</section>'
    )


def _session(evidence: Evidence) -> str:
    held = evidence.held
    facts = {
        "Session": evidence.session,
        "Tasks": f"{len(evidence.tasks)}, {words.plural(held.repetitions, 'repetition')}",
        "Held the same": f"temperature {held.temperature:g}, seed {held.seed} plus the repetition, skill mode"
        f" {held.skill_mode}, {words.turn_bound(held.max_output_tokens)}",
        "Judge": held.judge_model,
        "Sandbox": ", ".join(evidence.sandboxes),
        "Records": f"{len(evidence.runs)} runs, plan {evidence.plan}",
    }
    rows = (
        (
            text(each.condition + (" (this skill)" if each.is_subject else "")),
            _whole(summary.score_of(each)),
            _scale(each),
            words.score(each.strict_score),
            f"{each.scored} of {each.runs}",
            *_taken(each),
        )
        for each in evidence.conditions
    )
    headings = ("condition", "score", "", "time-out = 0", "scored runs", "tokens", "time", "cost")
    table = html_table("Conditions", headings, rows, figures=5, is_caption_seen=False)
    compared = html_table(
        "Comparisons",
        ("condition", "against", "difference", "p", "p (Holm)", "verdict"),
        (
            (
                text(each.treatment),
                text(each.control),
                _whole(summary.difference_of(each)),
                words.probability(each.p),
                words.probability(each.holm_p),
                Html(f'<div class="said">{text(each.sentence)}</div>'),
            )
            for each in evidence.comparisons
        ),
        is_caption_seen=False,
    )
    tasks = html_table(
        "Tasks", ("task", "digest"), ((text(each.id), text(each.digest)) for each in evidence.tasks)
    )
    left_out = "".join(
        f"<li>{text(each.condition)}, {text(each.reason)}: {each.runs:,} ({text(each.explanation)})</li>"
        for each in evidence.excluded
    )
    return (
        f"{facts_list(facts)}\n{table}\n{compared if evidence.comparisons else ''}"
        f"{f'<p>Left out:</p><ul>{left_out}</ul>' if left_out else ''}"
        f"<details><summary>{words.plural(len(evidence.tasks), 'task')}</summary>{tasks}</details>"
    )


def _needs(target: TargetPart) -> str:
    if not target.needs:
        return "<p>The skill needs nothing of the target that is graded.</p>"
    rows = ((text(name), needed, held, state) for name, needed, held, state in summary.levels(target))
    table = html_table("What the skill needs of the target", ("primitive", "needed", "held", ""), rows)
    gaps = any(need.is_gap for need in target.needs)
    return (
        f"<details{' open' if gaps else ''}><summary>{text(summary.needs_line(target))}</summary>"
        f"{table}</details>"
    )


def _limits(statement: Statement) -> str:
    lines = "".join(f"<li>{text(line)}</li>" for line in statement.limits)
    return f'<h2>What this does not say</h2>\n<ul class="limits">{lines}</ul>'


def _machine(statement: Statement) -> str:
    touched = statement.permissions
    facts = {
        "Reads": _listed(touched.read) or "nothing that it names",
        "Writes": _listed(touched.write) or "nothing that it names",
        "Runs": _listed(touched.commands) or "no program",
        "Network": summary.network_line(statement),
        "Not understood": _listed(touched.unknown),
    }
    rows = (
        (
            text(each.name),
            text(each.type),
            text(each.version or ""),
            "required" if each.is_required else "optional",
            text(each.evidence or ""),
        )
        for each in statement.dependencies.needed
    )
    needed = html_table(
        "Dependencies", ("name", "type", "version", "", "where it says so"), rows, is_caption_seen=False
    )
    empty = "<p>It needs nothing of the machine.</p>"
    return (
        f"<h2>What it touches</h2>\n{facts_list(facts)}\n<h2>What it needs of a machine</h2>\n"
        f"{needed if statement.dependencies.needed else empty}{_installed(statement)}"
    )


def _installed(statement: Statement) -> str:
    installed = statement.dependencies.installed
    if not installed:
        return ""
    rows = (
        (text(each.name), text(each.type), text(each.version), text(each.digest or "")) for each in installed
    )
    table = html_table("Installed", ("package", "type", "version", "digest"), rows, is_caption_seen=False)
    return f"<details><summary>{len(installed)} packages of its environment</summary>{table}</details>"


def _findings(statement: Statement) -> str:
    if not statement.findings:
        return "<h2>Findings of the linter</h2>\n<p>None.</p>"
    rows = (
        (
            text(each.code),
            each.severity,
            text(f"{each.path}{f':{each.line}' if each.line else ''}"),
            text(each.message),
        )
        for each in statement.findings
    )
    table = html_table("Findings", ("code", "severity", "place", "what"), rows, is_caption_seen=False)
    return f"<h2>Findings of the linter</h2>\n{table}"


def _built_from(statement: Statement) -> str:
    made = statement.built_from
    if made is None:
        return ""
    facts = {
        "Original": made.skill,
        "Compiler": f"skvm {made.compiler}; {', '.join(f'{each.id} {each.version}' for each in made.passes)}",
        "Model asked": f"{made.compiler_model}, {words.plural(made.answers, 'recorded answer')}",
        "Profile": made.profile or "none",
        "Build": made.build_key,
        "Proof": f"{made.proof}: {'; '.join(made.checked)}",
    }
    return f"<h2>What it was made from</h2>\n{facts_list(facts)}"


def _files(statement: Statement) -> str:
    rows = (
        (
            text(each.path),
            _whole("link" if each.kind == "link" else f"{each.size or 0:,} bytes"),
            _whole("may be executed" if each.is_executable else ""),
            each.digest,
        )
        for each in statement.skill.files
    )
    table = html_table("Files", ("file", "", "", "digest"), rows, is_caption_seen=False)
    count = words.plural(len(statement.skill.files), "file")
    return f"<h2>Files</h2>\n<details><summary>{count}</summary>{table}</details>"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
