"""Directories of a step's own: copied, and merged back by what was changed in them."""

from skvm.runtime.plan.branching.branches import Branch, Branches, Forked, Merge
from skvm.runtime.plan.branching.folders import Recovered

__all__ = ["Branch", "Branches", "Forked", "Merge", "Recovered"]
