"""The reference of environment variables and settings; a variable that nobody describes stops the build."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import skvm
from docsite.words import code, plain, said_of_arguments, table
from skvm.settings import AdapterSettings, Route, Settings

__all__ = ["found_variables", "page"]

_NAME = re.compile(r"SKVM_[A-Z][A-Z_]*[A-Z]|(?:OPENROUTER|ANTHROPIC|OPENAI)_(?:API_KEY|BASE_URL)")

_GIVEN: dict[str, str] = {
    "SKVM_CACHE": "Root of everything we keep; `~/.skvm` by default. `--skvm-cache` overrules it.",
    "SKVM_DATA_DIR": "The dataset of tasks and skills; `./skvm-data` if it is there, else `<cache>/data`.",
    "SKVM_PROFILES_DIR": "Profiles; `<cache>/profiles`.",
    "SKVM_LOGS_DIR": "The journal, blobs and reports; `<cache>/log`.",
    "SKVM_PROPOSALS_DIR": "Variants, templates of boost, proposals; `<cache>/proposals`.",
    "SKVM_TMP_DIR": "Where work directories are made; the system's folder for temporary files.",
    "SKVM_AUTO_PROBE": "`0`: never ask an endpoint what it can do.",
    "SKVM_PROGRESS": "`json`: progress as lines of JSON on standard error, for programs.",
    "SKVM_CASSETTE": "A folder: exchanges with models are recorded there, and replayed from there.",
    "SKVM_CASSETTE_MODE": "`auto` (replay, else record), `record`, or `replay` (a miss is an error).",
    "ANTHROPIC_API_KEY": "Key for `anthropic/…`.",
    "OPENROUTER_API_KEY": "Key for `openrouter/…`. If it is set, the compiler may ask a model.",
    "OPENAI_API_KEY": "Key for `openai/…`.",
    "OPENAI_BASE_URL": "Another endpoint for `openai/…`.",
    "ANTHROPIC_BASE_URL": "Set for agents in their cell: our gateway.",
    "SKVM_OPENCODE_CMD": "The program that `opencode` runs: a path, or a name on `PATH`.",
    "SKVM_CLAUDE_CMD": "Likewise for `claude-code`.",
    "SKVM_CODEX_CMD": "Likewise for `codex`.",
    "SKVM_OPENCLAW_CMD": "Likewise for `openclaw`.",
    "SKVM_PI_CMD": "Likewise for `pi`.",
    "SKVM_QWEN_CMD": "Likewise for `acp:qwen-code`.",
    "SKVM_HERMES_PYTHON": "Likewise for `hermes`; may name the Python of its environment.",
    "SKVM_JIUWENCLAW_PYTHON": "Likewise for `jiuwenclaw`; may name the Python of its environment.",
}
"""What a user sets."""

_INSIDE: dict[str, str] = {
    "SKVM_GRADERS": "In a grader's cell: the folder of the sealed graders.",
    "SKVM_LOGS": "In the cell of an imported Harbor test: where it writes its reward.",
    "SKVM_GATEWAY_TOKEN": "In the cell of `codex`: the token of the run.",
    "SKVM_IN_CELL": "In the cell of an agent: a plan that is run there uses the cell as it is.",
    "SKVM_BOOST_PARAMS": "In the process of a template: its values, as JSON.",
    "SKVM_OPTIMIZE_READY_FD": "For a session in the background: where it says that it has begun.",
}
"""What we set, for processes of ours; setting it oneself is of no use."""

_HEAD = """# Environment and settings

A value comes from the command line, else from the environment, else from `skvm.config.json`, else it is
the default. The file is looked for in the cache root first, then in the current folder. Keys of providers
are read when a model is first asked, and never leave the process.

"""


def found_variables() -> set[str]:
    """Names of environment variables that occur as whole strings in the package."""
    found: set[str] = set()
    for path in Path(skvm.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value):
                found.add(node.value)
    return found


def page() -> str:
    """All variables and settings.

    Raises:
        LookupError: A variable of the package has no description here.
    """
    found = found_variables()
    missing = found - set(_GIVEN) - set(_INSIDE)
    if missing:
        raise LookupError(f"docsite/variables.py says nothing of {', '.join(sorted(missing))}")
    return "\n".join(
        (
            f"{_HEAD}## Environment variables\n",
            _variables(_GIVEN, found),
            "Harnesses get none of your variables. Of a route, `apiKeyEnv` may name any other variable.\n",
            "## Variables we set ourselves\n",
            _variables(_INSIDE, found),
            "## Places\n",
            _fields(Settings),
            "## Routes: `providers.routes[]`\n",
            _fields(Route),
            "## Harnesses: `adapters.NAME`\n",
            _fields(AdapterSettings),
        )
    )


def _variables(said: dict[str, str], found: set[str]) -> str:
    return table(("variable", "means"), ((code(name), text) for name, text in said.items() if name in found))


def _fields(shape: type) -> str:
    said = said_of_arguments(shape)
    rows = [(code(each.name), said.get(each.name, "")) for each in dataclasses.fields(shape)]
    return table(("setting", "means"), ((name, plain(text)) for name, text in rows))
