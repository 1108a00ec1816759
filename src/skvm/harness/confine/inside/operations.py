"""File operations and HTTP, done by a confined process: whatever path is named, the same walls hold."""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Reply = tuple[dict[str, Any], bytes]

__all__ = ["NEEDED_LATER", "OPERATIONS", "fetch", "list_directory", "read_file", "write_file"]

NEEDED_LATER = ("http.client", "ssl", "urllib.request", "encodings.idna")
"""What a fetch imports when it is asked for."""
_MAX_ENTRIES = 10_000
_MAX_FETCHED = 4 << 20
_CHUNK = 1 << 20


def _open_regular(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a FIFO would wait for its other end.
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, "is a directory" if stat.S_ISDIR(mode) else "not a regular file", path)
    return descriptor


def read_file(request: dict[str, Any], _body: bytes) -> Reply:
    """Read the regular file ``path`` of at most ``max_bytes``."""
    path, limit = request["path"], request["max_bytes"]
    descriptor = _open_regular(path, os.O_RDONLY)
    parts, size = [], 0
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while part := file.read(min(_CHUNK, limit + 1 - size)):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise OSError(errno.EFBIG, f"larger than {limit} bytes", path)
    return {}, b"".join(parts)


def write_file(request: dict[str, Any], body: bytes) -> Reply:
    """Write the regular file ``path``, making its parents; a new one is there whole or not at all."""
    path = request["path"]
    parent = os.path.dirname(path)  # noqa: PTH120 - pathlib is slow to import
    if parent:
        os.makedirs(parent, exist_ok=True)  # noqa: PTH103
    if os.path.lexists(path):
        # It stays the file it is: with its mode, its other names and whatever leads to it.
        _fill(_open_regular(path, os.O_WRONLY | os.O_CREAT), body)
        return {}, b""
    part = os.path.join(parent, f".part-{os.getpid()}-{os.urandom(6).hex()}")  # noqa: PTH118
    try:
        _fill(_open_regular(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL), body)
        os.rename(part, path)  # noqa: PTH104
    except OSError as error:
        if os.path.lexists(part):
            os.unlink(part)  # noqa: PTH108
        # Whoever asked knows of one path only.
        raise OSError(error.errno, error.strerror, path) from None
    return {}, b""


def _fill(descriptor: int, body: bytes) -> None:
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.truncate(0)
        view = memoryview(body)
        while view:
            view = view[file.write(view) or 0 :]


def list_directory(request: dict[str, Any], _body: bytes) -> Reply:
    """List ``path`` in order of name: name, whether it is a directory, size in bytes."""
    path = request["path"]
    entries: list[tuple[str, bool, int]] = []
    with os.scandir(path) as found:
        for entry in found:
            if len(entries) == _MAX_ENTRIES:
                raise OSError(errno.EOVERFLOW, f"more than {_MAX_ENTRIES} entries", path)
            status = entry.stat(follow_symlinks=False)
            # A name that is no UTF-8 cannot travel as JSON text otherwise.
            name = os.fsencode(entry.name).decode("utf-8", "replace")
            entries.append((name, entry.is_dir(), status.st_size))
    return {"entries": sorted(entries)}, b""


def fetch(request: dict[str, Any], body: bytes) -> Reply:
    """Fetch the http or https ``url``; redirects lead to http and https only."""
    import http.client
    import urllib.error
    import urllib.parse
    import urllib.request

    url, timeout_s = request["url"], request["timeout_s"]

    def check(address: str) -> None:
        if urllib.parse.urlsplit(address).scheme.lower() not in ("http", "https"):
            raise OSError(errno.EPROTONOSUPPORT, "only http and https can be fetched", address)

    check(url)
    # Named one by one: the usual opener also reads file: and ftp: URLs and obeys proxy variables.
    opener = urllib.request.OpenerDirector()
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.HTTPHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ]
    if hasattr(urllib.request, "HTTPSHandler"):
        handlers.append(urllib.request.HTTPSHandler())
    for handler in handlers:
        opener.add_handler(handler)
    asked = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        url, data=body if request["has_body"] else None, headers=request["headers"], method=request["method"]
    )
    try:
        answer = opener.open(asked, timeout=timeout_s)
        if answer is None:
            raise OSError(errno.EPROTONOSUPPORT, "no handler for this URL", url)
    except urllib.error.HTTPError as refused:
        answer = refused
        if 300 <= refused.code < 400:
            check(urllib.parse.urljoin(refused.url or url, refused.headers.get("Location", "")))
    except urllib.error.URLError as error:
        raise OSError(errno.EIO, str(error.reason), url) from error
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(errno.EIO, str(error) or type(error).__name__, url) from error
    with answer:
        text = answer.read(_MAX_FETCHED + 1)
        fields = {name.lower(): value for name, value in answer.headers.items()}
        charset = answer.headers.get_content_charset("utf-8")
    status = {"status": answer.status, "headers": fields, "charset": charset}
    return status | {"is_truncated": len(text) > _MAX_FETCHED}, text[:_MAX_FETCHED]


OPERATIONS: dict[str, Callable[[dict[str, Any], bytes], Reply]] = {
    "read": read_file,
    "write": write_file,
    "list": list_directory,
    "fetch": fetch,
}
