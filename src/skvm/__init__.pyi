from skvm.api.benching import bench as bench
from skvm.api.compiling import compile as compile
from skvm.api.optimizing import optimize as optimize
from skvm.api.profiling import profile as profile
from skvm.api.progress import Progress as Progress
from skvm.api.running import run as run
from skvm.errors import SkvmError as SkvmError
from skvm.runtime.boost.capability import BoostCapability as BoostCapability
from skvm.settings import load_settings as load_settings

__all__ = [
    "BoostCapability",
    "Progress",
    "SkvmError",
    "__version__",
    "bench",
    "compile",
    "load_settings",
    "optimize",
    "profile",
    "run",
]

__version__: str
