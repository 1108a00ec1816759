"""Frames of the worker protocol: two lengths, a JSON header, raw bytes.

::

    header length (4 bytes, big endian) | body length (4 bytes) | header (JSON object) | body
"""

from __future__ import annotations

import struct

from skvm.harness.confine.inside.lean import from_json, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["MAX_BODY", "MAX_HEADER", "Decoder", "decode_frame", "encode", "frame_length"]

MAX_HEADER = 16 << 20
MAX_BODY = 256 << 20
_LENGTHS = struct.Struct(">II")


def encode(header: dict[str, Any], body: bytes = b"") -> bytes:
    """Make one frame.

    Raises:
        ValueError: Header or body is longer than a frame may hold.
    """
    text = to_json(header).encode()
    if len(text) > MAX_HEADER or len(body) > MAX_BODY:
        raise ValueError(f"too much for one message: {len(text)} + {len(body)} bytes")
    return _LENGTHS.pack(len(text), len(body)) + text + body


def frame_length(buffer: bytes | bytearray) -> int | None:
    """Bytes of the first frame of ``buffer``, or ``None`` before its lengths are there.

    Raises:
        ValueError: The lengths are out of range: these are not frames.
    """
    if len(buffer) < _LENGTHS.size:
        return None
    header, body = _LENGTHS.unpack_from(buffer)
    if header > MAX_HEADER or body > MAX_BODY:
        raise ValueError("the stream does not hold frames")
    return _LENGTHS.size + int(header) + int(body)


def decode_frame(frame: bytes) -> tuple[dict[str, Any], bytes]:
    """Split one whole frame into header and body.

    Raises:
        ValueError: The header is not a JSON object.
    """
    header_length, _ = _LENGTHS.unpack_from(frame)
    start = _LENGTHS.size
    header = from_json(frame[start : start + header_length].decode())
    if not isinstance(header, dict):
        raise ValueError("a frame's header must be a JSON object")  # noqa: TRY004 - wrong data, not type
    return header, frame[start + header_length :]


class Decoder:
    """Collects bytes and gives whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Add bytes; gives the frames they complete.

        Raises:
            ValueError: The bytes are not frames.
        """
        self._buffer += data
        while (length := frame_length(self._buffer)) is not None and len(self._buffer) >= length:
            frame = bytes(self._buffer[:length])
            del self._buffer[:length]
            yield decode_frame(frame)
