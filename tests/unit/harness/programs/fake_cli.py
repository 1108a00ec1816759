#!/usr/bin/env python3
"""A coding agent of a few lines, to be driven like the real ones. It knows nothing of skvm.

It reads its configuration and its skills from its home, its prompt from standard input, speaks chat
completions, runs its own tools and prints a line of JSON for everything that happens.
"""

# ruff: noqa: T201, S310, S606, PTH109, PTH113, PTH118, PTH202 - a program of its own

import json
import os
import pathlib
import shutil
import signal
import sys
import time
import urllib.request

HOME = pathlib.Path(os.environ["HOME"])
CONFIG = json.loads((HOME / ".fake/config.json").read_text())
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": name,
            "parameters": {
                "type": "object",
                "properties": {each: {"type": "string"} for each in ("filePath", "content")},
            },
        },
    }
    for name in ("put_file", "show_file")
]


def say(**event):
    print(json.dumps(event), flush=True)


def ask(messages, *, tools=True):
    body = {"model": "any", "messages": messages, **({"tools": TOOLS} if tools else {})}
    request = urllib.request.Request(
        CONFIG["baseUrl"] + "/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer " + CONFIG["token"]},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def use(name, arguments):
    path = pathlib.Path(arguments["filePath"])
    if name == "put_file":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(arguments["content"])
        return "written"
    return path.read_text()


def system():
    words = "You are an agent. " + CONFIG.get("instructions", "")
    for file in sorted((HOME / ".fake/skills").glob("*/SKILL.md")):
        words += f"\nSkill {file}: {file.read_text().splitlines()[0]}"
    return words


def work(prompt):
    ask([{"role": "user", "content": "A title for: " + prompt}], tools=False)
    messages = [{"role": "system", "content": system()}, {"role": "user", "content": prompt}]
    tokens = 0
    while True:
        answer = ask(messages)
        tokens += answer["usage"]["completion_tokens"]
        message = answer["choices"][0]["message"]
        messages.append(message)
        calls = message.get("tool_calls") or []
        for call in calls:
            result = use(call["function"]["name"], json.loads(call["function"]["arguments"]))
            say(event="tool", name=call["function"]["name"])
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
        if not calls:
            say(event="end", text=message["content"], tokens=tokens)
            return


def world(folders):
    """What can be seen from here: variables, processes, files of some folders."""
    seen = [repr(dict(os.environ)), repr(sys.argv)]
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                seen.append((process / name).read_text(errors="replace"))
            except OSError:
                continue
    for top in (*folders, str(HOME), os.getcwd()):
        for folder, _, names in os.walk(top):
            # The installation of Python is large, and of nobody's making here.
            for name in names if "/lib/python3" not in folder else ():
                path = os.path.join(folder, name)
                try:
                    if os.path.isfile(path) and os.path.getsize(path) < 1 << 20:
                        seen.append(path + "\n" + pathlib.Path(path).read_text(errors="replace"))
                except OSError:
                    continue
    return "\n".join(seen)


def stay(marker):
    """Leave a process behind that is hard to get rid of and holds our output open."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", marker])
        os._exit(0)


def main():
    behaviour, _, argument = CONFIG.get("behaviour", "").partition(" ")
    prompt = sys.stdin.read()
    if behaviour == "stay":
        stay(argument)
    if behaviour == "hang":
        stay(argument)
        time.sleep(600)
    if behaviour == "crash":
        sys.stderr.write("\x1b[31mError: no such setting: colour\x1b[0m\n    at main (cli.js:1)\n")
        sys.exit(3)
    if behaviour == "silent":
        return
    if behaviour == "flood":
        while True:
            print("x" * 4096)
    if behaviour == "links":
        (HOME / "session").symlink_to("/etc/hostname")
        os.mkfifo(HOME / "pipe")
    if behaviour == "dump":
        pathlib.Path("world.txt").write_text(world(argument.split()))
    if behaviour == "modes":
        paths = [HOME, *HOME.rglob("*")]
        modes = {str(each.relative_to(HOME)): oct(each.stat().st_mode & 0o777) for each in paths}
        pathlib.Path("modes.json").write_text(json.dumps(modes))
    if behaviour == "path":
        pathlib.Path("found.txt").write_text(str(shutil.which("python3")))
    if behaviour == "visit":
        with urllib.request.urlopen(prompt.split()[1].rstrip("."), timeout=30) as answer:
            pathlib.Path("code.txt").write_bytes(answer.read())
    if behaviour == "complain":
        say(event="error", text="the model said nothing")
        return
    work(prompt)


if sys.argv[1:] == ["sessions"]:
    print(json.dumps({"sessions": sorted(each.name for each in (HOME / ".fake").iterdir())}))
else:
    main()
