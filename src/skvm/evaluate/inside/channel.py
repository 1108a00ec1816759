"""The first part of every program: take the request, keep the way back to ourselves, answer once.

Standard output is the only way out of the cell. It is taken away from everything else that runs here: the
program writes to a duplicate no child inherits, and descriptor 1 goes where 2 goes. What comes back counts
only with the nonce of the request, which no file holds and no child sees: this process hides its memory and
its descriptors from others of the same user.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False  # importing typing takes longer than all else here
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


def serve(main: Callable[[dict[str, Any]], dict[str, Any]]) -> NoReturn:
    """Answer one request with what ``main`` makes of it; never returns."""
    request = json.loads(sys.stdin.buffer.read())
    nonce = request.pop("nonce")
    write, dumps, leave = os.write, json.dumps, os._exit  # before anything foreign can replace them
    answers = os.dup(1)
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    _hide()
    sys.path.extend(_site_folders())
    # From here on, whatever ends this process, an answer of nobody else's can say that it never began.
    write(answers, ("\n" + dumps({"nonce": nonce, "started": True}) + "\n").encode())
    answer = main(request)
    # A line of its own, whatever else was written here.
    data = ("\n" + dumps({"nonce": nonce, "answer": answer}) + "\n").encode()
    while data:
        data = data[write(answers, data) :]
    leave(0)


def _hide() -> None:
    import ctypes

    if sys.platform != "linux":
        return
    not_dumpable = 4
    ctypes.CDLL(None).prctl(not_dumpable, 0, 0, 0, 0)


def _site_folders() -> list[str]:
    """What is installed for this Python, without running the start-up files that importing ``site`` would."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    folders = [f"{sys.prefix}/lib/{version}/site-packages"]
    if sys.prefix == "/usr":
        folders += [f"/usr/local/lib/{version}/dist-packages", "/usr/lib/python3/dist-packages"]
    return [folder for folder in folders if os.path.isdir(folder)]  # noqa: PTH112
