"""A plan run on record: what is written while it runs, what an earlier one left, what of it still stands."""

from skvm.runtime.plan.recording.earlier import EarlierRun, find_run, load_run, newest_run
from skvm.runtime.plan.recording.log import PlanLog
from skvm.runtime.plan.recording.standing import Standing, standing_of, steps_of

__all__ = [
    "EarlierRun",
    "PlanLog",
    "Standing",
    "find_run",
    "load_run",
    "newest_run",
    "standing_of",
    "steps_of",
]
