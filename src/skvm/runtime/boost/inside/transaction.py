"""A step as a transaction: guard, copy, run, check, commit; or nothing at all, and the reason.

The last line of standard output is the verdict: ``[boost TICKET: done] wrote a.json (3 keys)`` or
``[boost TICKET: bailed out: REASON] nothing was changed``. Exit code 0 or 75. The first word of a reason says
what did not hold: ``call``, ``values``, ``folder``, ``input``, ``code``, ``output`` or ``stdout``.
"""

from __future__ import annotations

import binascii
import json
import os
import signal
import sys
import time

from skvm.runtime.boost.inside import committing, relations, running, shapes, staging, values

TYPE_CHECKING = False  # importing typing would take as long as all of this
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["BAILED_OUT", "execute", "main"]

BAILED_OUT = 75
REASON_LIMIT = 400
PRINTED_LIMIT = 16_000
VALUES_LIMIT = 100_000

PRELUDE = """\
import json as _json, os as _os; P = _json.loads(_os.environ["SKVM_BOOST_PARAMS"])
exec(compile(open({place!r}, "rb").read(), "step.py", "exec", dont_inherit=True))
"""
"""Two lines before the code, which stays a file of its own: it may begin as any program may."""


def main(arguments: Sequence[str], outfit: str) -> int:
    """Take one step in the current folder, print what it printed and the verdict, and give the exit code.

    Args:
        arguments: Purpose, first 12 hex digits of the template's digest, ticket, values as a JSON object.
        outfit: The folder that holds ``templates``.
    """
    ticket = arguments[2] if len(arguments) > 2 else ""
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, _interrupted)
    try:
        if len(arguments) != 4:
            return _bail_out(ticket, "call: four arguments are needed")
        template = _template(outfit, arguments[1])
        printed, wrote = execute(template, _values(template, arguments[3]))
    except committing.Halfway as refusal:
        return _bail_out(ticket, str(refusal), "some files were changed")
    except staging.Refusal as refusal:
        return _bail_out(ticket, str(refusal))
    except Exception as error:  # noqa: BLE001 - whatever it was, the model has to be told
        return _bail_out(ticket, f"call: {type(error).__name__}: {error}")
    _print(printed, f"[boost {ticket}: done] {wrote}", ticket)
    return 0


def execute(template: Mapping[str, Any], params: Mapping[str, Any]) -> tuple[bytes, str]:
    """Take a step in the current folder.

    Returns:
        What the code printed, and what was written, for a person.

    Raises:
        Refusal: Something did not hold; nothing has changed.
    """
    inputs = _places(template, "inputs", params)
    outputs = _places(template, "outputs", params)
    root = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stage = ""
    try:
        stage = _doing("folder", staging.new_stage, os.getcwd())
        return _in_stage(template, params, inputs, outputs, root, stage)
    finally:
        if stage:
            staging.remove(stage)
        os.close(root)


def _in_stage(
    template: Mapping[str, Any],
    params: Mapping[str, Any],
    inputs: Sequence[tuple[str, Mapping[str, Any]]],
    outputs: Sequence[tuple[str, Mapping[str, Any]]],
    root: int,
    stage: str,
) -> tuple[bytes, str]:
    work = os.path.join(stage, "work")
    for name in ("work", "code", "home", "tmp"):
        os.mkdir(os.path.join(stage, name), 0o700)
    _doing("folder", staging.sweep, root, [path for path, _ in outputs], time.time())
    mine = {path for path, _ in (*inputs, *outputs)}
    before = _doing("folder", staging.scan, root, mine)
    _refuse_aliases(before, inputs, outputs)
    _doing("folder", staging.copy, root, before, work)
    copied = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        read = _guarded(copied, inputs, params)
        old = {path: _doing("output", staging.read, copied, path) for path, _ in outputs}
        fresh = _doing("folder", staging.scan, copied)
        ended = _run(template, params, stage, work)
        _check_stdout(template, ended.out)
        changed = staging.changes(fresh, _doing("code", staging.scan, copied))
        written = _checked(copied, outputs, changed, read, params)
        after = _doing("folder", staging.scan, copied)
    finally:
        os.close(copied)
    new = [_change(path, written[path], old[path], before, after) for path in sorted(written)]
    _refuse_meanwhile(before, _doing("folder", staging.scan, root, mine), mine)
    told = ", ".join(f"{path} ({shapes.summary(written[path], path)})" for path in sorted(written))
    with _Undisturbed():
        _doing("folder", committing.commit, root, new, stage)
    return ended.out, f"wrote {told}" if told else "wrote nothing"


def _template(outfit: str, name: str) -> dict[str, Any]:
    if len(name) != 12 or name.strip("0123456789abcdef"):
        raise staging.Refusal("call: no such template")
    place = os.path.join(outfit, "templates", f"{name}.json")
    try:
        with open(place, "rb") as file:
            data = file.read()
    except OSError:
        raise staging.Refusal("call: no such template") from None
    if not _sha256(data).startswith(name):
        raise staging.Refusal("call: the template was changed")
    found: dict[str, Any] = json.loads(data)
    return found


def _sha256(data: bytes) -> str:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found]  # hashlib loads all of OpenSSL
    except ImportError:
        from hashlib import sha256
    return str(sha256(data).hexdigest())


def _values(template: Mapping[str, Any], text: str) -> dict[str, Any]:
    if len(text) > VALUES_LIMIT:
        raise staging.Refusal("values: too long")
    try:
        given = json.loads(text)
    except ValueError:
        raise staging.Refusal("values: not JSON") from None
    params = {param["name"]: param for param in template.get("params", ())}
    if not isinstance(given, dict) or set(given) != set(params):
        raise staging.Refusal(f"values: these are needed: {', '.join(sorted(params)) or 'none'}")
    for name, value in given.items():
        if (why := values.refusal(params[name], value)) is not None:
            raise staging.Refusal(f"values: {name} is {why}")
    return given


def _places(
    template: Mapping[str, Any], kind: str, params: Mapping[str, Any]
) -> list[tuple[str, Mapping[str, Any]]]:
    """The checks of a template with their paths; an output may not be named twice, nor hidden by a value."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for check in template.get(kind, ()):
        place = check["place"]
        path = params.get(place["param"]) if place.get("param") else place.get("path")
        what = kind[:-1]
        if not isinstance(path, str) or (why := values.path_refusal(path)) is not None:
            raise staging.Refusal(f"{what}: {'no path' if not isinstance(path, str) else f'{path} is {why}'}")
        path = path[2:] if path.startswith("./") else path
        if what == "output" and place.get("param") and staging.is_hidden(path):
            raise staging.Refusal(f"output: {path} is hidden")
        if what == "output" and any(path == other for other, _ in found):
            raise staging.Refusal(f"output: {path} is named twice")
        found.append((path, check))
    return found


def _refuse_aliases(
    before: Mapping[str, staging.Entry],
    inputs: Sequence[tuple[str, Mapping[str, Any]]],
    outputs: Sequence[tuple[str, Mapping[str, Any]]],
) -> None:
    """Two places that a template keeps apart must not be one file, or an output would overwrite its input."""
    for path, check in outputs:
        entry = before.get(path)
        if entry is not None and (entry.kind != "file" or entry.links > 1):
            raise staging.Refusal(f"output: {path} is {'a link' if entry.links > 1 else 'no file'}")
        for other, twin in inputs:
            if other == path and twin["place"] != check["place"]:
                raise staging.Refusal(f"output: {path} is an input, too")
        for other, _ in (*inputs, *outputs):
            if other.startswith(path + "/") or (entry and other.lower() == path.lower() and other != path):
                raise staging.Refusal(f"output: {path} is in the way of {other}")


def _guarded(
    copied: int, inputs: Sequence[tuple[str, Mapping[str, Any]]], params: Mapping[str, Any]
) -> list[bytes]:
    """The inputs, all of the shape they should be; an absent optional one is empty."""
    found: list[bytes] = []
    for path, check in inputs:
        data = _doing("input", staging.read, copied, path)
        if data is None and not check.get("isOptional"):
            raise staging.Refusal(f"input: {path} is absent")
        if data is not None and (wrong := shapes.violations(check.get("shape") or {}, data)):
            raise staging.Refusal(f"input: {path}: {'; '.join(wrong[:3])}")
        for relation in check.get("relations", ()) if data is not None else ():
            if (why := relations.violation(relation, data, (), params, path)) is not None:
                raise staging.Refusal(f"input: {path}: {why}")
        found.append(data or b"")
    return found


def _run(template: Mapping[str, Any], params: Mapping[str, Any], stage: str, work: str) -> running.Ended:
    environment = _environment(params, stage)
    code = template["code"].encode("utf-8", "surrogateescape")
    is_python = template["language"] == "python"
    place = os.path.join(stage, "code", "step.py" if is_python else "step.sh")
    with open(place, "wb") as file:
        file.write(code)
    if is_python:
        started = os.path.join(stage, "code", "start.py")
        with open(started, "w", encoding="utf-8") as file:
            file.write(PRELUDE.format(place=place))
        program = running.find_program(("python3",), environment["PATH"]) or sys.executable
        command = [program, "-B", started]
    else:
        program = running.find_program(("bash", "sh"), environment["PATH"]) or "/bin/sh"
        command = [program, place]
        environment.update(
            (f"P_{name}", "\n".join(value) if isinstance(value, list) else _text(value))
            for name, value in params.items()
        )
    ended: running.Ended = _doing(
        "code", running.run, command, work, environment, float(template.get("timeoutS", 60.0))
    )
    if ended.why:
        raise staging.Refusal(f"code: {ended.why}")
    if ended.code:
        last = ended.err.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise staging.Refusal(f"code: exit code {ended.code}" + "".join(f": {line[:200]}" for line in last))
    return ended


def _environment(params: Mapping[str, Any], stage: str) -> dict[str, str]:
    """All the code sees. Its home is private, so that nothing it leaves there outlives the step."""
    home = os.environ.get("HOME", "")
    # A relative folder would let a file of the work directory stand for a program.
    folders = [each for each in os.environ.get("PATH", "").split(":") if each.startswith("/")]
    found = {
        "PATH": ":".join(folders) or "/usr/local/bin:/usr/bin:/bin",
        "HOME": os.path.join(stage, "home"),
        "LANG": os.environ.get("LANG") or "C.UTF-8",
        "TMPDIR": os.path.join(stage, "tmp"),
        "PYTHONHASHSEED": "0",
        "SKVM_BOOST_PARAMS": json.dumps(params),
    }
    if home.startswith("/"):
        found["PYTHONUSERBASE"] = os.path.join(home, ".local")
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _check_stdout(template: Mapping[str, Any], printed: bytes) -> None:
    shape = template.get("stdout")
    if shape is not None and (wrong := shapes.violations(shape, printed)):
        raise staging.Refusal(f"stdout: {'; '.join(wrong[:3])}")


def _checked(
    copied: int,
    outputs: Sequence[tuple[str, Mapping[str, Any]]],
    changed: Mapping[str, str],
    read: Sequence[bytes],
    params: Mapping[str, Any],
) -> dict[str, bytes]:
    """The outputs as written, all of the shape and in the relations they should be; nothing else changed."""
    declared = dict(outputs)
    for path, how in sorted(changed.items()):
        is_parent = how == "made" and any(each.startswith(path + "/") for each in declared)
        if not is_parent and not (how == "written" and path in declared):
            raise staging.Refusal(f"output: {path} was {how}, and is no output")
    written: dict[str, bytes] = {}
    for path, check in outputs:
        if path not in changed:
            if check.get("isOptional"):
                continue
            raise staging.Refusal(f"output: {path} was not written")
        data = _doing("output", staging.read, copied, path)
        if data is None:
            raise staging.Refusal(f"output: {path} was not written")
        if wrong := shapes.violations(check.get("shape") or {}, data):
            raise staging.Refusal(f"output: {path}: {'; '.join(wrong[:3])}")
        for relation in check.get("relations", ()):
            if (why := relations.violation(relation, data, read, params, path)) is not None:
                raise staging.Refusal(f"output: {path}: {why}")
        written[path] = data
    return written


def _change(
    path: str,
    data: bytes,
    old: bytes | None,
    before: Mapping[str, staging.Entry],
    after: Mapping[str, staging.Entry],
) -> committing.Change:
    mode = after[path].mode & 0o777 | 0o600 if old is None else before[path].mode & 0o777
    return committing.Change(path, data, mode, old)


def _refuse_meanwhile(
    before: Mapping[str, staging.Entry], now: Mapping[str, staging.Entry], mine: set[str]
) -> None:
    for path in sorted(staging.changes(before, now)):
        if path in mine or not staging.is_hidden(path):
            raise staging.Refusal(f"folder: {path} changed meanwhile")


def _doing(what: str, action: Any, *arguments: Any) -> Any:
    """Do something; say of what a failure is."""
    try:
        return action(*arguments)
    except _Stopped:
        raise
    except staging.Refusal as refusal:
        raise type(refusal)(f"{what}: {refusal}") from None
    except (OSError, MemoryError, RecursionError) as error:
        text = getattr(error, "strerror", None) or type(error).__name__
        raise staging.Refusal(f"{what}: {getattr(error, 'filename', None) or ''} {text}") from None


class _Undisturbed:
    """Signals wait while files are moved."""

    def __enter__(self) -> None:
        self._old = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))

    def __exit__(self, *_: object) -> None:
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)  # too late: the verdict must be told as it is
        signal.pthread_sigmask(signal.SIG_SETMASK, self._old)


class _Stopped(staging.Refusal):
    """Somebody asked the step to end."""


def _interrupted(number: int, _frame: object) -> None:
    raise _Stopped(f"call: stopped by signal {number}")


def _bail_out(ticket: str, reason: str, left: str = "nothing was changed") -> int:
    folded = " ".join(reason.split()).replace("[", "(").replace("]", ")")
    plain = "".join(char if char.isprintable() else "?" for char in folded)[:REASON_LIMIT]
    _print(b"", f"[boost {ticket}: bailed out: {plain}] {left}", ticket)
    return BAILED_OUT


def _print(printed: bytes, verdict: str, ticket: str) -> None:
    """Print what the code printed, then the verdict on a line of its own.

    The verdict says how much was printed and its checksum: a reader can tell whether it has all of it.
    """
    text = printed.decode("utf-8", "replace").replace("\r\n", "\n")
    if len(ticket) > 3:
        text = text.replace(ticket, "…")  # only the verdict may speak of it
    if len(text) > PRINTED_LIMIT:
        half = PRINTED_LIMIT // 2
        text = f"{text[:half]}\n… {len(text) - PRINTED_LIMIT} characters left out …\n{text[-half:]}"
        verdict += f"; printed {len(printed)} bytes"
    elif text:
        body = text.rstrip("\n").encode("utf-8", "replace")
        verdict += f"; printed {len(body)} bytes, {binascii.crc32(body):08x}"
    if text and not text.endswith("\n"):
        text += "\n"
    sys.stdout.buffer.write((text + verdict + "\n").encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()
