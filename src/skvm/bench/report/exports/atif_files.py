"""Trajectories as ATIF files, one a run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from skvm.bench.report.run_page import has_page_name
from skvm.bench.report.write import Load, write_file
from skvm.errors import InfrastructureError
from skvm.evidence.record import RunRecord
from skvm.harness.atif import to_atif

__all__ = ["Exported", "write_atif_files"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of an export.

    Args:
        files: What was written, in order of run id.
        missing: Why other runs have none, by run id.
    """

    files: tuple[Path, ...]
    missing: dict[str, str]


def write_atif_files(folder: Path, runs: Iterable[RunRecord], load: Load) -> Exported:
    """Write ``<run id>.json`` for each run that has a trajectory.

    Args:
        folder: Made if absent.
        runs: Which.
        load: Reads the trajectory of a run.

    Raises:
        InfrastructureError: A file cannot be written.
    """
    files, missing = [], {}
    for run in sorted(runs, key=lambda run: run.run_id):
        if not has_page_name(run.run_id):
            missing[run.run_id] = "its id cannot be the name of a file"
            continue
        try:
            trajectory = load(run)
        except InfrastructureError as error:
            missing[run.run_id] = error.message
            continue
        if trajectory is None:
            missing[run.run_id] = run.detail or "it ended before it had one"
            continue
        path = folder / f"{run.run_id}.json"
        write_file(path, json.dumps(to_atif(trajectory, run=run), ensure_ascii=False, indent=2) + "\n")
        files.append(path)
    return Exported(tuple(files), missing)
