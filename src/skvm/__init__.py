"""Compile, run and measure agent skills for the model and harness that will run them.

What ``__all__`` names is the public API, typed in ``__init__.pyi``; nothing of it is imported before it is
used. See ``docs/explanation/api.md``.
"""

from importlib import import_module

try:
    from skvm._version import __version__
except ImportError:  # nothing was built or installed: a bare source tree
    __version__ = "0.1.0"

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

_HOMES = {
    "BoostCapability": "skvm.runtime.boost.capability",
    "Progress": "skvm.api.progress",
    "SkvmError": "skvm.errors",
    "compile": "skvm.api.compiling",
    "load_settings": "skvm.settings",
    "optimize": "skvm.api.optimizing",
    "profile": "skvm.api.profiling",
    "run": "skvm.api.running",
}
"""Public name → the module it is in."""


def __getattr__(name: str) -> object:
    if name == "bench":  # a package that can be called
        return import_module("skvm.bench")
    if name not in _HOMES:
        raise AttributeError(f"module 'skvm' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
