#!/usr/bin/env python3
"""An agent of a few lines that speaks ACP, for a client to cope with. It knows nothing of skvm.

Its argument says how it behaves. ``ask`` takes a prompt of JSON, a list of requests to the client, and says
what it was answered; ``work`` asks a model at ``OPENAI_BASE_URL`` and writes the files that wants written.
"""

# ruff: noqa: T201, S310, PTH100 - a program of its own

import itertools
import json
import os
import pathlib
import signal
import sys
import time
import urllib.request

BEHAVIOUR = sys.argv[1]
MEBIBYTE = 1 << 20
TOOL = {
    "type": "function",
    "function": {
        "name": "write_file",
        "description": "Write a file.",
        "parameters": {
            "type": "object",
            "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}},
        },
    },
}
NUMBERS = itertools.count(1)


def send(**message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def update(kind, /, **fields):
    params = {"sessionId": "s1", "update": {"sessionUpdate": kind, **fields}}
    send(method="session/update", params=params)


def say(text, **fields):
    update("agent_message_chunk", content={"type": "text", "text": text}, **fields)


def receive():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


def request(method, params):
    """Ask the client; gives its whole answer."""
    send(id=f"agent-{next(NUMBERS)}", method=method, params=params)
    while "method" in (answer := receive()):
        pass
    return answer


def ask(prompt):
    answers, terminal = [], ""
    for method, params in json.loads(prompt):
        filled = {"sessionId": "s1", **params}
        if filled.get("terminalId") == "LAST":
            filled["terminalId"] = terminal
        answer = request(method, filled)
        result = answer.get("result")
        if isinstance(result, dict) and "terminalId" in result:
            terminal = result["terminalId"]
        answers.append(result if "result" in answer else {"error": answer["error"]})
    say(json.dumps(answers))


def complete(messages):
    body = {"model": os.environ["OPENAI_MODEL"], "messages": messages, "tools": [TOOL]}
    wanted = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    )
    with urllib.request.urlopen(wanted, timeout=60) as answer:
        return json.load(answer)["choices"][0]["message"]


def skills():
    found = sorted(pathlib.Path.home().glob(".agents/skills/*/SKILL.md"))
    return "".join(request("fs/read_text_file", {"path": str(file)})["result"]["content"] for file in found)


def work(prompt):
    messages = [{"role": "system", "content": "Agent. " + skills()}, {"role": "user", "content": prompt}]
    while True:
        message = complete(messages)
        messages.append(message)
        for number, call in enumerate(message.get("tool_calls") or []):
            arguments = json.loads(call["function"]["arguments"])
            path = os.path.abspath(arguments["file_path"])
            title = {"title": "Write", "kind": "edit", "locations": [{"path": path}]}
            update("tool_call", toolCallId=f"c{number}", status="pending", **title)
            options = [{"optionId": "yes", "name": "Allow", "kind": "allow_once"}]
            tool = {"toolCallId": f"c{number}", "title": "Write", "kind": "edit"}
            given = request(
                "session/request_permission", {"sessionId": "s1", "toolCall": tool, "options": options}
            )
            if given["result"]["outcome"].get("optionId") == "yes":
                request(
                    "fs/write_text_file", {"sessionId": "s1", "path": path, "content": arguments["content"]}
                )
            update("tool_call_update", toolCallId=f"c{number}", status="completed")
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": "written"})
        if not message.get("tool_calls"):
            say(message["content"])
            return


def wait_to_be_cancelled():
    while receive().get("method") != "session/cancel":
        pass


def turn(prompt):
    """Behave; gives the end of the turn."""
    usage = {"inputTokens": 30, "outputTokens": 5, "totalTokens": 35, "cachedReadTokens": 10}
    end = {"stopReason": "end_turn", "usage": usage}
    if BEHAVIOUR == "ask":
        ask(prompt)
    elif BEHAVIOUR == "work":
        work(prompt)
    elif BEHAVIOUR == "noise":
        print("Loading plugins …\n\n[1, 2]\n{not json}\nnull", flush=True)
        sys.stdout.buffer.write(b"\xff\xfe\x00 binary\n")
        send(method="session/update", params=None)
        send(method="session/update", params={"sessionId": 3, "update": {"sessionUpdate": "new_kind"}})
        send(method="craft/unheard_of", params={})
        send(id=999, result={})
        say("Still here.")
    elif BEHAVIOUR == "huge":
        update("tool_call", toolCallId="big", title="Read", kind="read", rawOutput="x" * (20 * MEBIBYTE))
        say("y" * (2 * MEBIBYTE))
        sys.stdout.write("{" + "z" * (70 * MEBIBYTE) + "}\n")
        say("Done.")
    elif BEHAVIOUR == "steps":
        say("I begin.")
        tool = {"toolCallId": "t1", "title": "cat a.txt", "kind": "execute"}
        update("tool_call", status="pending", locations=[{"path": "/w/a.txt"}], **tool)
        update("tool_call_update", toolCallId="t1", status="completed", rawOutput={"text": "a"})
        say("All ")
        say("done.", _meta={"usage": {"inputTokens": 1}})
    elif BEHAVIOUR == "cancel":
        wait_to_be_cancelled()
        pathlib.Path("cancelled.txt").write_text("so be it")
        end["stopReason"] = "cancelled"
    elif BEHAVIOUR == "deaf":
        time.sleep(600)
    elif BEHAVIOUR == "limit":
        end["stopReason"] = "max_turn_requests"
    elif BEHAVIOUR == "give-up":
        end["stopReason"] = "cancelled"
    else:
        say("Hello.")
    return end


def answer(message):
    method, number = message.get("method"), message.get("id")
    if method == "initialize":
        version = 7 if BEHAVIOUR == "future" else message["params"]["protocolVersion"]
        send(id=number, result={"protocolVersion": version, "agentCapabilities": {}})
    elif method == "session/new" and BEHAVIOUR == "die":
        sys.stderr.write("Error: no such setting: colour\n")
        sys.exit(3)
    elif method == "session/new" and BEHAVIOUR == "login":
        send(id=number, error={"code": -32000, "message": "Authentication required"})
    elif method == "session/new":
        send(id=number, result={"sessionId": "s1", "cwd": message["params"]["cwd"]})
    elif method == "session/prompt" and BEHAVIOUR == "fail":
        error = {"code": -32603, "message": "Internal error", "data": {"details": "the model said nothing"}}
        send(id=number, error=error)
    elif method == "session/prompt" and BEHAVIOUR == "vanish":
        sys.exit(0)
    elif method == "session/prompt":
        end = turn("".join(each.get("text", "") for each in message["params"]["prompt"]))
        if BEHAVIOUR == "abrupt":
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": number, "result": end}))
            sys.exit(0)
        send(id=number, result=end)
        if BEHAVIOUR == "late":
            say(" And one more thing.")
    elif number is not None and method:
        send(id=number, error={"code": -32601, "message": "Method not found"})


def main():
    if BEHAVIOUR == "stay":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            time.sleep(600)
    while True:
        line = sys.stdin.readline()
        if line:
            answer(json.loads(line))
        elif BEHAVIOUR == "stay":
            time.sleep(600)
        else:
            return


main()
