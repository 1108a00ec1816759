"""The worker's modules, compiled and in one piece, for a cell that does not see our files.

A worker inside a confinement of its own is a fresh Python every time. Handing it the code saves it the search
for nine files and, where no bytecode is kept, their compilation; and the cell sees nothing of our package.
"""

from __future__ import annotations

import functools
import marshal
from pathlib import Path

from skvm.harness.confine import inside
from skvm.harness.confine.provision import isolated_python

__all__ = ["COMMAND", "prelude"]

_PACKAGE = inside.__name__
# Each after what it imports.
_MODULES = (
    "lean",
    "frames",
    "lockdown",
    "darwin",
    "tree",
    "seccomp",
    "operations",
    "hands",
    "shepherd",
    "worker",
)

# The code is that of this very Python, and comes from us; so marshal is in order.
_BOOT = """\
import marshal, posix, sys
def take(count):
    data = b""
    while len(data) < count:
        data += posix.read(0, count - len(data)) or posix._exit(1)
    return data
for name, code in marshal.loads(take(int.from_bytes(take(4), "big"))):
    module = sys.modules[name] = type(sys)(name)
    if code is None:
        module.__path__ = []
    else:
        exec(code, module.__dict__)
posix._exit(module.main())
"""

COMMAND = (*isolated_python(), "-c", _BOOT)
"""How such a worker is started; it reads the ``prelude`` first."""


@functools.cache
def prelude() -> bytes:
    """The modules, parents first: a length of four bytes, and names with their code."""
    parts = _PACKAGE.split(".")
    modules: list[tuple[str, object]] = [(".".join(parts[:end]), None) for end in range(1, len(parts) + 1)]
    for name in _MODULES:
        path = Path(inside.__path__[0], f"{name}.py")
        code = compile(path.read_bytes(), f"<{path.name}>", "exec", dont_inherit=True, optimize=2)
        modules.append((f"{_PACKAGE}.{name}", code))
    data = marshal.dumps(modules)
    return len(data).to_bytes(4, "big") + data
