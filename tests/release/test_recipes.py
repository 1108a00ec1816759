"""Recipes that cannot be carried out here: what they name is there, and they pin what they fetch."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.conftest import REPO

RECIPE = (REPO / "Containerfile").read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    lines = [line for line in RECIPE.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in joined.splitlines() if line.strip()]


def test_a_container_is_made_of_known_instructions():
    found = [name for name, _ in instructions()]
    assert set(found) <= {
        "ARG",
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "VOLUME",
        "ENTRYPOINT",
        "CMD",
    }
    assert found[:2] == ["ARG", "FROM"]
    bases = [value.split()[0] for name, value in instructions() if name == "FROM"]
    assert bases == ["${BASE}", "${BASE}"]


def test_what_it_copies_is_there_and_shipped():
    shipped = (REPO / "pyproject.toml").read_text(encoding="utf-8")
    for name, value in instructions():
        if name != "COPY" or value.startswith("--from"):
            continue
        *sources, _ = value.split()
        for source in sources:
            assert (REPO / source).exists(), source
            named = f'"/{source}"' in shipped or source == "pyproject.toml"
            assert named or source.startswith(("requirements", "README")), source


def test_it_installs_by_hash_and_runs_as_nobody_in_particular():
    runs = " ".join(value for name, value in instructions() if name == "RUN")
    installs = re.findall(r"pip install ([^&]*)", runs)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)
    users = [value for name, value in instructions() if name == "USER"]
    assert users == ["skvm"]
    names = [name for name, _ in instructions()]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "sudo" not in RECIPE
    assert "API_KEY=" not in RECIPE


def test_every_command_in_it_exists():
    """Those of the base image are here too; ours are ours."""
    runs = [value for name, value in instructions() if name == "RUN"]
    programs = {part.split()[0] for run in runs for part in re.split(r"&&|\|", run)}
    programs = {name for name in programs if "=" not in name}
    known = {"python", "/opt/skvm/bin/python", "/opt/build/bin/python", "apt-get", "rm", "useradd", "install"}
    assert programs <= known
    for words in re.findall(r"^#\s+podman run .* skvm (\w[\w-]*)$", RECIPE, re.MULTILINE):
        done = subprocess.run(
            [sys.executable, "-m", "skvm", words, "--help"], capture_output=True, check=False
        )
        assert done.returncode == 0, words


@pytest.mark.parametrize("pins", ["requirements-base.txt", "requirements-build.txt"])
def test_pins_of_a_part_are_those_of_all(pins):
    every = (REPO / "requirements.txt").read_text(encoding="utf-8")
    for entry in re.split(r"(?<!\\)\n(?=\S)", (REPO / pins).read_text(encoding="utf-8").strip()):
        assert entry in every, entry.split()[0]
        assert "--hash=sha256:" in entry


def test_a_bill_of_materials_is_the_pins_with_their_hashes(tmp_path):
    """As ``make sbom`` writes it; byte for byte the same each time."""
    written = []
    for name in ("one", "two"):
        path = tmp_path / name
        subprocess.run(
            [
                *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"),
                *("requirements-base.txt", "--pyproject", "pyproject.toml", "--output-reproducible"),
                *("--no-validate", "-o", str(path)),
            ],
            cwd=REPO,
            check=True,
            env={"PYTHONHASHSEED": str(len(written)), "PATH": "/usr/bin:/bin"},
        )
        written.append(path.read_bytes())
    assert written[0] == written[1]
    bill = json.loads(written[0])
    pins = (REPO / "requirements-base.txt").read_text(encoding="utf-8")
    found = {f"{each['name']}=={each['version']}" for each in bill["components"]}
    assert found == set(re.findall(r"^([\w.-]+==[^ ;\\]+)", pins, re.MULTILINE))
    assert all(each["externalReferences"][0]["hashes"] for each in bill["components"])
    assert bill["metadata"]["component"]["name"] == "skvm"
