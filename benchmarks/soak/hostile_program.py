#!/usr/bin/env python3
"""An agent program that does everything it should not, and its work beside it. It knows nothing of skvm.

Which misdeed it is stands in its configuration, ``$HOME/.hostile.json``, with a word that is found on the
command line of every process it leaves behind. Each misdeed is bounded, so that it can be tried a thousand
times: what has no bound in the wild has one in the limits of the cell.
"""

# ruff: noqa: PTH101, PTH103, PTH104, PTH123, PTH211, SIM105, FURB122 - a program of its own, and no nice one

import ctypes
import json
import os
import pathlib
import signal
import sys
import time
import urllib.request

HOME = pathlib.Path(os.environ["HOME"])
MEGABYTE = 1 << 20


def ask(config):
    """One question to the model, as any agent would put it."""
    request = urllib.request.Request(
        config["baseUrl"] + "/chat/completions",
        json.dumps({"model": "any", "messages": [{"role": "user", "content": "hello"}]}).encode(),
        {"content-type": "application/json", "authorization": "Bearer " + config["token"]},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]


def linger(marker):
    """Become a process that is recognised by its command line, and stay."""
    os.execvp("sleep", ["sleep", marker])


def forks(config):
    """Leave children, grandchildren in sessions of their own, and a family that goes on growing."""
    for number in range(6):
        if os.fork() == 0:
            if number % 2:
                os.setsid()
                if os.fork():
                    os._exit(0)
            linger(config["marker"])
    if os.fork() == 0:
        for _ in range(200):
            try:
                if os.fork() == 0:
                    linger(config["marker"])
            except OSError:
                break
            time.sleep(0.005)
        linger(config["marker"])


def deaf(config):
    """Hear no signal and never end."""
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    if os.fork() == 0:
        linger(config["marker"])
    time.sleep(3600)


def floods(config):
    """Print without measure, on both streams."""
    line = b"x" * 65535 + b"\n"
    for _ in range(config.get("megabytes", 8) * 8):
        os.write(1, line)
        os.write(2, line)


def fills(config):
    """Write wherever something can be written, until no more goes in."""
    chunk = b"\1" * MEGABYTE
    for folder in (
        pathlib.Path.cwd(),
        HOME,
        pathlib.Path("/tmp"),
        pathlib.Path("/var/tmp"),
        pathlib.Path("/dev/shm"),
    ):
        try:
            with open(folder / "filler", "wb") as file:
                for _ in range(config.get("megabytes", 8)):
                    file.write(chunk)
        except OSError as error:
            print(json.dumps({"full": str(folder), "error": error.strerror}), flush=True)


def burgles(config):
    """Write to the places where a user keeps what matters, here and where the user really lives."""
    for home in (HOME, pathlib.Path("/root"), *pathlib.Path("/home").glob("*"), pathlib.Path("/etc")):
        for name in (
            ".ssh/authorized_keys",
            ".bashrc",
            ".profile",
            ".config/autostart/x",
            "cron.d/x",
            ".skvm/x",
        ):
            try:
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                (home / name).write_text(config["marker"])
            except OSError:
                continue


def hoards(config):
    """Open descriptors until there are no more, and keep them."""
    held = []
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        print(json.dumps({"held": len(held)}), flush=True)
    for number in held[:50]:
        os.close(number)


def gobbles(config):
    """Take memory until none is given."""
    held = []
    try:
        while len(held) < 4096:
            held.append(bytearray(16 * MEGABYTE))
    except MemoryError:
        held.clear()
        print(json.dumps({"memory": "gone"}), flush=True)


def mutes(config):
    """Close every stream and go on in silence."""
    for number in (0, 1, 2):
        os.close(number)


def shuffles(config):
    """Turn the work directory inside out: links that lead out, a pipe, a folder nobody may enter."""
    os.symlink("/etc/passwd", "passwd")
    os.symlink("/", "root")
    os.symlink("loop", "loop")
    os.mkfifo("pipe")
    deep = pathlib.Path("deep")
    for _ in range(100):
        deep = deep / "d"
    os.makedirs(deep)
    pathlib.Path("closed").mkdir()
    pathlib.Path("closed/inside").write_text("x")
    os.chmod("closed", 0)
    pathlib.Path(os.fsdecode(b"not-utf-8-\xff\xfe")).write_text("x")
    os.rename(HOME / ".hostile.json", HOME / ".moved.json")
    os.symlink("/etc/shadow", HOME / ".hostile.json")


def garbles(config):
    """Print what is no protocol."""
    sys.stdout.flush()
    for junk in (
        b"{not json\n",
        b"\xff\xfe\x00\n",
        b"[" * 100_000 + b"\n",
        b'{"event": "end", "text": 7}\n',
        b"null\n",
    ):
        os.write(1, junk)
    os.write(1, b'{"event": "end", "text": "' + b"y" * MEGABYTE)


def crashes(config):
    """Die of a bad address in the middle of it."""
    ctypes.string_at(0)


def quits(config):
    """Say that all is well, and do nothing."""
    print(json.dumps({"event": "end", "text": "all done"}), flush=True)
    os._exit(0)


MISDEEDS = {
    each.__name__: each
    for each in (
        forks,
        deaf,
        floods,
        fills,
        burgles,
        hoards,
        gobbles,
        mutes,
        shuffles,
        garbles,
        crashes,
        quits,
    )
}


def main():
    config = json.loads((HOME / ".hostile.json").read_text())
    text = ask(config) if config["asks"] else "nobody was asked"
    pathlib.Path("a").write_text("x")
    MISDEEDS[config["misdeed"]](config)
    try:
        print(json.dumps({"event": "end", "text": text}), flush=True)
    except (OSError, ValueError):
        pass
    # The interpreter would complain of streams that are closed.
    os._exit(0)


if __name__ == "__main__":
    main()
