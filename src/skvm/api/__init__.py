"""The five verbs for programs: ``skvm.compile``, ``profile``, ``run``, ``bench``, ``optimize``.

Each is one async function that does what the command of its name does, with the same defaults, and records
what it does in the same place; nothing is printed. ``skvm`` itself names all that is public; what stands only
here or deeper may change in any release.
"""

from skvm.api.benching import BenchResult, bench
from skvm.api.compiling import compile
from skvm.api.optimizing import optimize
from skvm.api.profiling import profile
from skvm.api.progress import OnProgress, Progress
from skvm.api.running import Run, run

__all__ = ["BenchResult", "OnProgress", "Progress", "Run", "bench", "compile", "optimize", "profile", "run"]
