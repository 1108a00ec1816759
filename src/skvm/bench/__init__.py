"""The bench: what runs when one thing is varied, and what came of it.

The package can be called: ``skvm.bench(…)`` is one of the public verbs, and Python puts a package where its
parent had something of that name.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any


class _Verb(ModuleType):
    """A module that stands for the function of ``skvm.api`` called like it."""

    def __call__(self, *args: object, **options: object) -> object:
        return self.__wrapped__(*args, **options)

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        # Not imported above: what is public stands on the whole bench.
        found: Callable[..., Any] = import_module("skvm.api.benching").bench
        return found


sys.modules[__name__].__class__ = _Verb
