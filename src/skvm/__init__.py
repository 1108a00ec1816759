"""Compile, run and measure agent skills for the model and harness that will run them."""

try:
    from skvm._version import __version__
except ImportError:  # nothing was built or installed: a bare source tree
    __version__ = "0.1.0"

__all__ = ["__version__"]
