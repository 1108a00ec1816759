"""Extraction, one rule a case: what a skill says, and the entries it gives."""

from __future__ import annotations

import json

import pytest

from skvm.compiler.dependencies.extract import extract_manifest
from skvm.harness.environment.manifest import INSTALL_CONFIDENCE, Dependency
from tests.unit.compiler.dependencies.making import skill_of

FRONT = "---\nname: demo\ndescription: d\n---\n"


def found(text: str, **files: str) -> dict[str, Dependency]:
    return {
        f"{entry.type}:{entry.name}": entry
        for entry in extract_manifest(skill_of(FRONT + text, **files)).entries
    }


def sure(text: str, **files: str) -> set[str]:
    """Names of what is sure, the runtimes left out."""
    entries = found(text, **files)
    return {
        name
        for name, entry in entries.items()
        if entry.confidence >= INSTALL_CONFIDENCE and name not in ("system:python3", "system:node")
    }


def python(code: str) -> str:
    return f"```python\n{code}\n```\n"


def shell(code: str) -> str:
    return f"```bash\n{code}\n```\n"


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("from __future__ import annotations\nimport json, sys", set()),
        ("import yaml\nfrom PIL import Image", {"pip:PyYAML", "pip:pillow"}),
        ("import pandas as pd, numpy", {"pip:pandas", "pip:numpy"}),
        ("from google.cloud import storage", {"pip:google-cloud-storage"}),
        ("from . import utils\nfrom .core import x", set()),
        ("from utils import helper\nimport config", set()),
        ('"""\nimport pandas\n"""\nimport json', set()),
        ("import pandas\nthis is no python", {"pip:pandas"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas", set()),
        ("import subprocess\nsubprocess.run(['ffmpeg', '-i', 'x'])", {"system:ffmpeg"}),
        ("import os\nos.system('pdftotext a b')", {"system:pdftotext"}),
    ],
)
def test_python(code: str, names: set[str]) -> None:
    assert sure(python(code)) == names


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("pip install 'requests[socks]>=2,<3' rich", {"pip:requests", "pip:rich"}),
        ("python3 -m pip install --upgrade --index-url https://x.example/ tqdm", {"pip:tqdm"}),
        ("pip install -r requirements.txt -e . ./dist/x.whl git+https://github.com/a/b", set()),
        ("uv pip install ruff", {"pip:ruff"}),
        ("uv add 'httpx>=0.27'", {"pip:httpx"}),
        ("uvx --from mcp-tool mcp run", {"pip:mcp-tool"}),
        ("pipx install poetry", {"pip:poetry"}),
        ("npm install -g @scope/tool@^1.2 chalk", {"npm:@scope/tool", "npm:chalk"}),
        ("npm install", set()),
        ("yarn add --dev typescript", {"npm:typescript"}),
        ("pnpm add -D vitest", {"npm:vitest"}),
        ("npx -y @scope/tool run", {"npm:@scope/tool"}),
        ("npx skills add owner/repo", set()),
        ("clawhub install something", set()),
        ("sudo apt-get install -y poppler-utils", {"system:poppler-utils"}),
        ("brew install yakitrak/tap/obsidian-cli", {"system:obsidian-cli"}),
        ("cargo install ripgrep && rg x", {"system:ripgrep"}),
        ("cat a | grep b | sort && ./scripts/x.sh && awk 1", set()),
        ("f() { curl -s x; }\nf", {"system:curl"}),
        ("jq . a.json | tee b", {"system:jq"}),
        ("command -v ffmpeg", {"system:ffmpeg"}),
        ("gh pr view", {"system:gh", "service:github"}),
        ("npm install -g pinme\npinme upload x", {"npm:pinme"}),
        ("pip install yt-dlp && yt-dlp x", {"pip:yt-dlp", "service:youtube"}),
        ("curl https://api.openai.com/v1/models", {"system:curl", "service:openai"}),
        ("curl https://example.com/x https://localhost:80/", {"system:curl"}),
        ("export TAVILY_API_KEY=x", {"service:tavily"}),
    ],
)
def test_shell(code: str, names: set[str]) -> None:
    assert sure(shell(code)) == names


def test_versions_and_extras_are_kept() -> None:
    entries = found(shell("pip install 'requests[socks]>=2,<3'\nnpm i -g @scope/tool@^1.2"))

    assert entries["pip:requests"].spec == "[socks]>=2,<3"
    assert entries["npm:@scope/tool"].spec == "^1.2"
    assert entries["pip:requests"].evidence == "SKILL.md:6"


def test_what_nobody_knows_is_kept_but_never_sure() -> None:
    entries = found(python("import nobody_knows") + shell("nobodyknows run"))

    assert entries["pip:nobody-knows"].confidence < INSTALL_CONFIDENCE
    assert entries["system:nobodyknows"].confidence < INSTALL_CONFIDENCE


def test_an_import_that_may_fail_is_optional_unless_the_program_then_ends() -> None:
    text = (
        "try:\n    import pandas\nexcept ImportError:\n    pandas = None\n"
        "try:\n    import rich\nexcept ImportError:\n    raise SystemExit('install rich')\n"
    )
    entries = found(python(text))

    assert (entries["pip:pandas"].required, entries["pip:rich"].required) == (False, True)


def test_bundle_scripts_and_the_modules_of_the_skill_itself() -> None:
    entries = sure(
        "Write `helper.py` first.\n" + python("import helper, core.lib"),
        scripts__run_DOT_py="import requests\nimport lib2\nfrom core import x\n",
        scripts__lib2_DOT_py="import tqdm\n",
        core__x_DOT_py="",
        scripts__go_DOT_sh="#!/bin/bash\nffprobe x\n",
    )

    assert entries == {"pip:requests", "pip:tqdm", "system:ffprobe"}


def test_files_that_declare() -> None:
    entries = found(
        "",
        requirements_DOT_txt="# comment\npandas==2.1  # pinned\n-r other.txt\n"
        "uvicorn[standard]>=0.30; python_version > '3.8'\n",
        package_DOT_json='{"dependencies": {"@a/b": "^1.0.0"}, "devDependencies": {"jest": "*"}}',
        pyproject_DOT_toml='[project]\nname="x"\ndependencies=["rich>=13"]\n[project.optional-dependencies]\ndev=["black"]\n',
        scripts__x_DOT_py='# /// script\n# dependencies = ["httpx<1"]\n# ///\nimport httpx\n',
        assets__sample_requirements_DOT_txt="django\n",
    )

    specs = {name: (entry.spec, entry.required) for name, entry in entries.items()}
    assert specs["pip:pandas"] == ("==2.1", True)
    assert specs["pip:uvicorn"] == ("[standard]>=0.30", True)
    assert specs["npm:@a/b"] == ("^1.0.0", True)
    assert specs["npm:jest"] == (None, False)
    assert specs["pip:rich"] == (">=13", True)
    assert specs["pip:black"] == (None, False)
    assert specs["pip:httpx"] == ("<1", True)
    assert "pip:django" not in specs


def test_a_freeze_of_a_whole_host_says_nothing() -> None:
    freeze = "".join(f"package{number}==1.0\n" for number in range(80))

    assert sure("", requirements_DOT_txt=freeze) == set()


@pytest.mark.parametrize(
    ("front", "names"),
    [
        (
            'metadata: {"openclaw": {"requires": {"bins": ["jq", "python3"], "env": ["TAVILY_API_KEY"]}}}',
            {"system:jq", "service:tavily"},
        ),
        (
            'metadata: {"x": {"requires": {"bins": ["sf"]}, "install": '
            '[{"kind": "node", "package": "@salesforce/cli", "bins": ["sf"]}]}}',
            {"npm:@salesforce/cli", "service:salesforce"},
        ),
        (
            "compatibility: Requires Python 3.10+, feedparser (pip install feedparser), and docker.",
            {"pip:feedparser", "system:docker"},
        ),
        ("dependencies:\n  python:\n    - requests>=2.31.0", {"pip:requests"}),
        ("dependencies: None (prompt-only)", set()),
    ],
)
def test_frontmatter(front: str, names: set[str]) -> None:
    skill = skill_of(f"---\nname: demo\ndescription: d\n{front}\n---\nText.\n")
    entries = {f"{entry.type}:{entry.name}" for entry in extract_manifest(skill).entries}

    assert entries - {"system:python3", "system:node"} == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "## Prerequisites\n\n- Python 3.10+\n- [uv](https://x.example) package manager\n- Neo4j 5.x\n",
            {"system:uv", "service:neo4j"},
        ),
        (
            "## Requirements\n\n- `requests` (for the fallback)\n- ffmpeg\n- An Airtable API key\n",
            {"pip:requests", "system:ffmpeg", "service:airtable"},
        ),
        ("Run `gh auth login` first.\n", {"system:gh", "service:github"}),
        ("Do not use `git push` here.\n", set()),
        ("Similar to pandas, docker and ffmpeg.\n", set()),
        ("Requires Google Chrome installed.\n", {"system:chrome"}),
        ("Needs the `PARCEL_API_KEY` variable.\n", {"service:parcel"}),
    ],
)
def test_prose(text: str, names: set[str]) -> None:
    assert sure(text) == names


def test_examples_of_others_are_left_out() -> None:
    text = "## CI/CD\n\n" + shell("npm install -g other") + "## Run\n\nOutput:\n\n" + shell("docker ps")

    assert sure(text) == set()


def test_a_server_of_tools() -> None:
    text = '```json\n{"mcpServers": {"things": {"command": "npx", "args": ["-y", "@a/things"]}}}\n```\n'

    assert sure(text) == {"npm:@a/things", "service:things"}


def test_commands_of_one_package_are_one_need() -> None:
    entries = found(shell("pdftotext a b\npdfimages a b"))

    assert set(entries) == {"system:poppler-utils"}
    assert entries["system:poppler-utils"].commands == ("pdfimages", "pdftotext")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "```",
        "```python\n",
        "`" * 9000,
        "| a\n" * 500,
        python("(" * 5000),
        shell("$(" * 2000),
        shell("\\\n" * 3000),
    ],
)
def test_hostile_text_is_read_to_its_end(text: str) -> None:
    assert isinstance(found(text), dict)


def test_no_word_of_a_skill_gets_into_a_command_unquoted() -> None:
    text = shell("pip install 'x; touch y' '$(id)' '`id`' --index-url=http://evil '-e'\nnpm i 'a && b'")

    for entry in found(text).values():
        assert not set(";$`&|") & set(f"{entry.name}{entry.spec or ''}{entry.install_command or ''}")


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (shell("pip install --extra-index-url https://i.example/simple corp-internal requests"), {}),
        (shell("PIP_INDEX_URL=https://i.example/simple pip install corp-internal requests"), {}),
        (shell("pip config set global.index-url https://i.example\npip install corp-internal requests"), {}),
        (shell("pip install 'corp-internal @ git+https://g.example/corp/internal' requests"), {}),
        ("Text.", {"requirements.txt": "-i https://i.example/simple\ncorp-internal\nrequests\n"}),
        ("Text.", {"requirements.txt": "corp-internal @ git+ssh://g.example/x\nrequests\n"}),
        (
            "Text.",
            {
                "pyproject.toml": '[project]\ndependencies = ["corp-internal", "requests"]\n'
                '[tool.uv.sources]\ncorp_internal = { git = "https://g.example/x" }\n'
            },
        ),
    ],
)
def test_what_the_registry_may_hold_of_strangers_is_not_installed(text: str, files: dict[str, str]) -> None:
    entries = found(text, **files)

    corp = entries["pip:corp-internal"]
    assert (corp.elsewhere, corp.installable, corp.install_command) == (True, False, None)
    assert entries["pip:requests"].installable


def test_an_alias_of_a_node_package_is_not_installed() -> None:
    wanted = {"dependencies": {"a": "npm:b@1", "c": "github:x/c", "d": "workspace:*", "e": "^1.2"}}

    entries = found("Text.", **{"package.json": json.dumps(wanted)})

    assert {name: entry.installable for name, entry in entries.items() if entry.type == "npm"} == {
        "npm:a": False,
        "npm:c": False,
        "npm:d": False,
        "npm:e": True,
    }


def test_a_mirror_is_the_registry() -> None:
    entries = found(
        shell("npm config set registry https://registry.npmmirror.com\nnpm i a-tool")
        + shell("pip install -i https://pypi.tuna.tsinghua.edu.cn/simple some-tool"),
        **{"requirements.txt": "--index-url https://pypi.org/simple\nother-tool\n"},
    )

    assert entries["pip:some-tool"].installable
    assert entries["pip:other-tool"].installable
    assert entries["npm:a-tool"].installable
