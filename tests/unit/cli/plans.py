"""Small plans for the tests of ``skvm plan run``, written by hand."""

import json

from skvm.cli.main import run


def step(step_id, command="", *, after=(), idempotent=True, reads=(), writes=(), is_open=False, **others):
    """One step; without a command it is one for a model."""
    commands = [command] if isinstance(command, str) else list(command)
    return {
        "id": step_id,
        "description": f"Step {step_id}",
        "span": {"start": 0, "end": 1},
        "kind": "command" if command else "open",
        "actions": [{"command": line} for line in commands if line],
        "executable": bool(command),
        "text": f"Do what step {step_id} says.",
        "idempotent": idempotent,
        "reads": list(reads),
        "writes": list(writes),
        "open": is_open,
        "dependsOn": [{"step": before, "kind": "flow", "reason": "it uses it"} for before in after],
        **others,
    }


def plan(*steps, groups=(), skill="demo"):
    """A plan with one procedure of all steps."""
    ids = [each["id"] for each in steps]
    procedure = {"id": "1", "title": "Main", "span": {"start": 0, "end": 1}, "steps": ids}
    return {
        "schema": 1,
        "skill": skill,
        "skillDigest": "0" * 64,
        "procedures": [procedure],
        "steps": list(steps),
        "groups": list(groups),
    }


def mapped(step_id, over, command):
    """A group that runs a command for every file of a pattern."""
    return {
        "id": f"map-{step_id}",
        "type": "dlp",
        "steps": [step_id],
        "items": {"kind": "glob", "over": over, "command": command},
        "mechanism": "one call for each",
        "reason": "they are independent",
        "span": {"start": 0, "end": 1},
    }


def write_plan(folder, *steps, groups=()):
    """Write it as ``plan.json``; its path."""
    path = folder / "plan.json"
    path.write_text(json.dumps(plan(*steps, groups=groups)))
    return path


def plan_run(capsys, *words):
    """Run ``skvm plan run …`` here: its exit code, standard output and standard error."""
    capsys.readouterr()
    code = run(["plan", "run", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def logged(name):
    """A command that says it was run."""
    return f"echo {name} >> log"


def log_of(work):
    path = work / "log"
    return path.read_text().split() if path.exists() else []
