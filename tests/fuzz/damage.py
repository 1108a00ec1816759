"""Damages valid files: bytes flipped, cut, doubled; hostile words put in; values of JSON replaced by others.

How many examples are tried: ``SKVM_FUZZ_EXAMPLES``, few by default. A hang is a failure; nothing else of time
is looked at.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("SKVM_FUZZ_EXAMPLES", "12"))
HANG_S = 60
"""Far more than anything takes, on any machine."""

few = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    # The same few every time; whoever asks for more wants other ones.
    derandomize="SKVM_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)

WORDS = (
    *(
        b"\0",
        b"\xef\xbb\xbf",
        b"\r\n",
        b"\r",
        b"\x1b[2J",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xc3\x28",
        b"\\ud800",
    ),
    *(b"1" * 5_000, b"1e999", b"-1", b"NaN", b"Infinity", b"1" + b"0" * 400, b"0x10", b"true", b"null", b"~"),
    *(
        b"[" * 3_000,
        b'{"a":' * 3_000,
        b"- " * 2_000,
        b"> " * 2_000,
        b"((" * 1_500,
        b"<a>" * 2_000,
        b"{{" * 900,
    ),
    *(b"a" * 20_000, b" " * 20_000, b"\t" * 3_000, b"`" * 5_000, b"#" * 5_000, b"*" * 5_000, b"|" * 5_000),
    *(
        b"\n" * 5_000,
        b"a\n" * 3_000,
        b"-" * 5_000,
        b"/../" * 1_000,
        b"a=" * 5_000,
        b"$(" * 1_000,
        b"\\" * 3_000,
    ),
    *(
        b"../../etc/passwd",
        b"/etc/passwd",
        b"~/x",
        b"C:\\x",
        b"file:///etc/passwd",
        b"\xe2\x80\xae",
        b"\xe2\x80\xa8",
    ),
    b"a: &a [x]\n" + b"".join(b"b%d: &b%d [*a, *a, *a]\n" % (number, number) for number in range(9)),
    b"!!python/object/apply:os.system ['true']\n",
    b"!!timestamp 2001-99-99\n",
    b"? [complex, key]\n: value\n",
    b"<<: *nothing\n",
    b"---\n",
    b"```\n",
    b"<<EOF\n",
    b"%PDF-1.4",
    b"SQLite format 3\0",
    b"PK\x03\x04",
)
"""What readers have stumbled over, here or elsewhere."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**53 + 1, -(2**63) - 1, 10**300, 1e308, float("nan"), float("inf"), 0.1),
    *(
        "",
        " ",
        "\0",
        "\ud800",
        "a" * 20_000,
        "../x",
        "/x",
        "1",
        "{}",
        "\u202e",
        "é",
        "\n",
        "[redacted]",
        "latest",
    ),
    *([], {}, [None], [[]], [{}], {"": None}, {"a": {"a": []}}, [1, "a", None], {"schema": 99}, [[[[[[]]]]]]),
)
"""What stands in the place of a value."""


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """The bytes, changed a few times; or none of them at all."""
    return st.one_of(
        _changed_bytes(data), _changed_bytes(data), _changed_values(data), st.binary(max_size=300)
    )


@st.composite
def _changed_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.sampled_from((0, 1, 2, 7, 40, 400))))
        what = draw(st.sampled_from(("put", "put", "cut", "end", "twice", "flip", "any")))
        if what == "put":
            data = data[:at] + draw(st.sampled_from(WORDS)) + data[at:]
        elif what == "cut":
            data = data[:at] + data[to:]
        elif what == "end":
            data = data[:at]
        elif what == "twice":
            data = data[:to] + data[at:to] * draw(st.sampled_from((1, 50))) + data[to:]
        elif what == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
        else:
            data = data[:at] + draw(st.binary(max_size=8)) + data[to:]
    return data


@st.composite
def _changed_values(draw: st.DrawFn, data: bytes) -> bytes:
    """Documents of JSON, or lines of it, with a few values replaced, left out or called otherwise."""
    try:
        documents = [json.loads(data)]
    except ValueError:
        documents = []
        for line in data.splitlines():
            with contextlib.suppress(ValueError):
                documents.append(json.loads(line))
    if not documents:
        return draw(_changed_bytes(data))
    for _ in range(draw(st.integers(1, 3))):
        places = [place for document in documents for place in _places(document, 0)]
        if not places:
            return draw(st.sampled_from([json.dumps(value).encode() for value in VALUES]))
        holder, key = draw(st.sampled_from(places))
        what = draw(st.sampled_from(("value", "value", "value", "away", "more")))
        if what == "value" or isinstance(holder, list):
            holder[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        elif what == "away":
            del holder[key]
        else:
            holder[draw(st.sampled_from(("", "schema", "\ud800", "x", "__class__")))] = holder[key]
    return b"\n".join(json.dumps(document).encode() for document in documents)


def _places(value: Any, depth: int) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        if depth < 12:
            yield from _places(value[key], depth + 1)


Odd = Literal["absent", "pipe", "folder", "loop", "outside", "above", "nowhere"]
"""What may lie where a file is expected: nothing, a pipe, a folder, links."""
ODD: tuple[Odd, ...] = ("absent", "absent", "pipe", "folder", "loop", "outside", "above", "nowhere")
_TARGETS = {"outside": "/etc/passwd", "above": "..", "nowhere": "/nowhere/at/all"}


@st.composite
def damaged_folders(
    draw: st.DrawFn, files: Mapping[str, bytes], *, may_be_odd: bool = True
) -> dict[str, bytes | Odd]:
    """The files with one of them damaged, and now and then something odd in the place of one."""
    made: dict[str, bytes | Odd] = dict(files)
    name = draw(st.sampled_from(sorted(files)))
    made[name] = draw(damaged(files[name]))
    if may_be_odd and draw(st.integers(0, 6)) == 0:
        made[draw(st.sampled_from(sorted(files)))] = draw(st.sampled_from(ODD))
    return made


def lay(root: Path, files: Mapping[str, bytes | Odd]) -> Path:
    """Lay files out in an empty folder."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for name, data in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, bytes):
            place.write_bytes(data)
        elif data == "pipe":
            os.mkfifo(place)
        elif data == "folder":
            place.mkdir()
        elif data != "absent":
            place.symlink_to(_TARGETS.get(data, place.name))
    return root


def files_below(root: Path) -> dict[str, bytes]:
    """The files of a folder, by path."""
    found = sorted(path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


@contextlib.contextmanager
def within_bounds() -> Iterator[None]:
    """Fail where something does not come to an end."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"no end after {HANG_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
