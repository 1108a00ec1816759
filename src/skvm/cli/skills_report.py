"""Which folders ``skvm skills`` means, and what it tells of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import skvm
from skvm.errors import InfrastructureError, UsageError
from skvm.skills.places import GENERIC, LOOKERS, Looker, find_looker, home_of
from skvm.skills.placing import Placed, state_of
from skvm.skills.shipped import shipped_skills

__all__ = ["Standings", "carry_out", "print_standings", "standings_of"]

_STYLES = {"refused": "yellow", "failed": "red", "unchanged": "dim", "absent": "dim"}
_STATES = {"current": "green", "absent": "dim"}
"""States nobody has to know the place of, and how they look."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A folder of skills.

    Args:
        looker: Whose it is.
        folder: Where it is.
        is_there: Whether the program seems to be used here.
    """

    looker: Looker
    folder: Path
    is_there: bool


@dataclass(frozen=True, slots=True)
class Standings:
    """How skills stand, row by row.

    Args:
        scope: ``user`` or ``project``.
        rows: Harness, folder and skill, each with its state.
    """

    scope: str
    rows: tuple[dict[str, Any], ...]


def standings_of(names: Sequence[str], harnesses: Sequence[str], scope: str) -> Standings:
    """How skills stand in every folder that is meant.

    Raises:
        UsageError: A skill or harness is unknown.
    """
    skills = shipped_skills(names)
    rows = []
    for target in _targets(harnesses, scope, everything=True):
        for skill in skills:
            found = state_of(skill, target.folder)
            rows.append(
                {
                    "harness": target.looker.name,
                    "isThere": target.is_there,
                    "skill": skill.name,
                    "path": str(target.folder / skill.name),
                    "state": found.state,
                    "version": found.version,
                }
            )
    return Standings(scope, tuple(rows))


def print_standings(standings: Standings, *, as_json: bool) -> None:
    """The table, or JSON."""
    from rich.table import Table
    from rich.text import Text

    from skvm.cli.console import out, print_json, visible

    if as_json:
        print_json(
            {
                "schema": 1,
                "version": skvm.__version__,
                "scope": standings.scope,
                "skills": list(standings.rows),
            }
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    names = list(dict.fromkeys(row["skill"] for row in standings.rows))
    for title in ("harness", "here", *names):
        table.add_column(title, no_wrap=True)
    for harness in dict.fromkeys(row["harness"] for row in standings.rows):
        rows = [row for row in standings.rows if row["harness"] == harness]
        states = (Text(row["state"], style=_STATES.get(row["state"], "yellow")) for row in rows)
        table.add_row(harness, "yes" if rows[0]["isThere"] else "no", *states)
    out.print(table)
    for row in standings.rows:
        if row["state"] not in _STATES:
            out.print(
                f"{row['skill']} is {row['state']}: {visible(row['path'])}", style="yellow", markup=False
            )


def carry_out(
    act: Callable[..., Placed],
    names: Sequence[str],
    *,
    harnesses: Sequence[str],
    scope: str,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Install or uninstall, tell what was done, and return the exit code.

    One folder that cannot be written keeps no other from being served.

    Raises:
        UsageError: A skill or harness is unknown, or no harness is here.
        InfrastructureError: No folder could be written.
    """
    skills = shipped_skills(names)
    rows: list[dict[str, Any]] = []
    errors: list[InfrastructureError] = []
    for target in _targets(harnesses, scope):
        for skill in skills:
            try:
                row = _row(target, act(skill, target.folder, force=force, dry_run=dry_run))
            except InfrastructureError as error:
                errors.append(error)
                row = _failed(target, skill.name, error)
            rows.append(row)
    if errors and len(errors) == len(rows):
        raise errors[0]
    _tell(rows, scope, dry_run=dry_run, as_json=as_json)
    return 1 if any(row["action"] in ("refused", "failed") for row in rows) else 0


def _targets(harnesses: Sequence[str], scope: str, *, everything: bool = False) -> tuple[_Target, ...]:
    env = dict(os.environ)
    home = home_of(env)
    project = Path.cwd() if scope == "project" else None
    wanted = [name.strip() for each in harnesses for name in each.split(",") if name.strip()]
    if wanted:
        lookers = tuple(find_looker(name) for name in dict.fromkeys(wanted))
    else:
        lookers = tuple(each for each in LOOKERS if project is None or each.project is not None)
    found = tuple(
        _Target(each, each.folder(home, env, project), each.is_there(home, env, project)) for each in lookers
    )
    if wanted or everything:
        return found
    # Programs with a folder of their own often read the generic one as well, and would list a skill twice.
    own = tuple(each for each in found if each.is_there and each.looker.name != GENERIC)
    if here := own or tuple(each for each in found if each.is_there):
        return here
    known = ", ".join(each.name for each in LOOKERS)
    raise UsageError("no agent program was found here", help=f"name one with --harness: {known}")


def _row(target: _Target, placed: Placed) -> dict[str, Any]:
    return {
        "harness": target.looker.name,
        "skill": placed.skill,
        "path": str(placed.path),
        "action": placed.action,
        "state": placed.state,
        "version": placed.version,
        "detail": placed.detail or None,
    }


def _failed(target: _Target, skill: str, error: InfrastructureError) -> dict[str, Any]:
    return {
        "harness": target.looker.name,
        "skill": skill,
        "path": str(target.folder / skill),
        "action": "failed",
        "state": None,
        "version": None,
        "detail": error.message,
    }


def _tell(rows: Sequence[dict[str, Any]], scope: str, *, dry_run: bool, as_json: bool) -> None:
    from skvm.cli.console import err, out, print_json, visible

    if as_json:
        told = {"schema": 1, "version": skvm.__version__, "scope": scope, "isDryRun": dry_run}
        print_json({**told, "skills": list(rows)})
        return
    for row in rows:
        would = "would be " if dry_run and row["action"] not in ("unchanged", "refused", "absent") else ""
        detail = f": {row['detail']}" if row["detail"] else ""
        out.print(
            visible(f"{row['harness']}: {row['skill']} {would}{row['action']}{detail}  ({row['path']})"),
            style=_STYLES.get(row["action"], ""),
            markup=False,
        )
    changed = {row["harness"] for row in rows if row["action"] in ("installed", "updated", "replaced")}
    for looker in LOOKERS:
        remarks = (looker.remark, looker.project_remark if scope == "project" else "")
        for remark in filter(None, remarks if looker.name in changed else ()):
            err.print(f"note: {looker.name}: {remark}", style="dim", markup=False)
