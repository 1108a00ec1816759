"""What is wrong with a plan: coded findings about a ``plan.json``, each with its place in the file."""

from skvm.runtime.plan.checking.check import Checked, check_plan
from skvm.runtime.plan.checking.surroundings import Surroundings

__all__ = ["Checked", "Surroundings", "check_plan"]
