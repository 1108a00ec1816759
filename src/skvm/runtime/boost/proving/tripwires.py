"""Programs of a cell that tell when a step asks the clock, chance or the network.

They stand before the real ones in PATH. Python is started as ever, with a profile function that looks at
what code outside the standard library calls.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from skvm.harness.confine.provision import find_program

__all__ = ["lay_tripwires"]

_PYTHON = """#!/bin/sh
PYTHONPATH={site}; export PYTHONPATH
exec {program} "$@"
"""
_PROGRAM = """#!/bin/sh
: > {asked}
exec {program} "$@"
"""
_PYTHONS = ("python3", "python")
_PROGRAMS = ("date", "curl", "wget", "shuf", "uuidgen", "hostname", "nc", "ssh", "ping", "dig", "nslookup")
_SITE = """\
import os
import sys

CALLS = {calls!r}
LIBRARY = os.path.dirname(os.__file__)


def tell(what):
    descriptor = os.open({work!r} + "/asked-" + what, os.O_WRONLY | os.O_CREAT, 0o644)
    os.close(descriptor)


def look(frame, event, called):
    if event != "c_call" or called.__name__ not in CALLS:
        return
    owner = getattr(called, "__self__", None)
    where = getattr(owner, "__name__", type(owner).__name__)
    place = frame.f_code.co_filename
    is_code = not place.startswith((LIBRARY, "<frozen", __file__))
    if is_code and where.split(".")[-1] in CALLS[called.__name__]:
        tell(called.__name__)


def hear(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        tell("network")


sys.addaudithook(hear)
sys.setprofile(look)
"""
_CALLS = {
    "time": ("time",),
    "time_ns": ("time",),
    "localtime": ("time",),
    "gmtime": ("time",),
    "ctime": ("time",),
    "asctime": ("time",),
    "now": ("datetime",),
    "utcnow": ("datetime",),
    "today": ("datetime", "date"),
    "urandom": ("posix",),
    "random": ("Random",),
    "getrandbits": ("Random",),
}


def lay_tripwires(folder: Path, work: Path) -> Path:
    """Write the programs to a folder and give the one to be put before PATH.

    Args:
        folder: Where; it is made, and the cell must see it.
        work: Where they leave a file ``asked-NAME``; the cell must be able to write there.
    """
    places = {"bin": folder / "bin", "site": folder / "site"}
    for each in (folder, *places.values()):
        each.mkdir()
        each.chmod(0o755)
    site = places["site"] / "sitecustomize.py"
    site.write_text(_SITE.format(calls=_CALLS, work=str(work)))
    site.chmod(0o644)
    for name in (*_PYTHONS, *_PROGRAMS):
        if (program := find_program(name)) is None:
            continue
        text = _PYTHON if name in _PYTHONS else _PROGRAM
        path = places["bin"] / name
        path.write_text(
            text.format(
                site=shlex.quote(str(places["site"])),
                asked=shlex.quote(f"{work}/asked-{name}"),
                program=shlex.quote(str(program)),
            )
        )
        path.chmod(0o755)
    return places["bin"]
