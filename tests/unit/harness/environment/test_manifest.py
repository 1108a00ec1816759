"""Manifests: the file, its digest, what older readers wrote, versions, sources."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from skvm.errors import UsageError
from skvm.harness.environment.manifest import MAX_MANIFEST_BYTES, Manifest, load_manifest
from skvm.harness.environment.sources import read_sources
from skvm.harness.environment.versions import fits
from tests.unit.harness.environment.making import entry, manifest


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    wanted = manifest(
        entry("pandas", spec=">=2", evidence="SKILL.md:3"), entry("jq", "system", commands=("jq",))
    )
    path = tmp_path / "env-manifest.json"
    path.write_bytes(wanted.to_bytes())

    assert load_manifest(path) == wanted
    assert set(json.loads(wanted.to_bytes())["entries"][0]) >= {
        "name",
        "type",
        "checkCommand",
        "required",
        "source",
    }


@pytest.mark.parametrize("text", ["", "[]", '{"skill": 1}', '{"schema": 2, "skill": "x"}', "\0"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "env-manifest.json"
    path.write_text(text)

    with pytest.raises(UsageError):
        load_manifest(path)
    with pytest.raises(UsageError):
        load_manifest(tmp_path / "absent")


def test_a_huge_file_is_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "env-manifest.json"
    path.write_bytes(manifest(entry("pandas")).to_bytes() + b" " * MAX_MANIFEST_BYTES)

    with pytest.raises(UsageError, match="over 4 MiB"):
        load_manifest(path)


def test_an_entry_of_the_older_form_is_read() -> None:
    old = {
        "name": "pandas",
        "type": "pip",
        "checkCommand": "python -c 'import pandas'",
        "pythonModules": ["pandas"],
    }

    read = Manifest.model_validate({"skill": "x", "entries": [old], "more": 1})

    assert (read.entries[0].required, read.entries[0].confidence) == (True, 0.7)


def test_the_digest_is_of_what_may_be_installed_alone() -> None:
    base = manifest(entry("pandas", spec=">=2"))
    same = manifest(
        entry("jq", "system"), entry("Pandas", spec=">=2", evidence="SKILL.md:9"), entry("x", confidence=0.5)
    )

    assert base.digest == same.digest
    assert base.digest != manifest(entry("pandas", spec=">=3")).digest
    assert base.digest != manifest(entry("pandas", spec=">=2", refused=True)).digest


@pytest.mark.parametrize(
    ("version", "spec", "allowed"),
    [
        ("2.1.0", ">=2", True),
        ("1.9", ">=2", False),
        ("2.0", "==2.*", True),
        ("2.1", "==2.0", False),
        ("2", "==2.0.0", True),
        ("1.4.9", "~=1.4.2", True),
        ("1.5", "~=1.4.2", False),
        ("1.5", "!=1.5", False),
        ("3.0", "[all]>=1,<3", False),
        ("3.0", "[all]", True),
        ("3.0", None, True),
        ("weird", ">=2", True),
    ],
)
def test_versions(version: str, spec: str | None, allowed: bool) -> None:
    assert fits(version, spec) is allowed


def test_installers_get_the_configuration_without_its_secrets(tmp_path: Path) -> None:
    (tmp_path / ".config" / "pip").mkdir(parents=True)
    (tmp_path / ".config" / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://user:hunter2@packages.example/simple\n[install]\ntrusted-host = a b\n"
    )
    (tmp_path / ".npmrc").write_text(
        "registry=https://npm.example/\n//npm.example/:_authToken=hunter2\n@corp:registry=https://x:${T}@corp.example/\n"
    )

    found = read_sources(
        {
            "HOME": str(tmp_path),
            "T": "hunter2",
            "AWS_SECRET_ACCESS_KEY": "hunter2",
            "HTTPS_PROXY": "http://u:hunter2@p:1",
        }
    )

    assert found.env["PIP_INDEX_URL"] == "https://packages.example/simple"
    assert found.env["UV_DEFAULT_INDEX"] == "https://packages.example/simple"
    assert found.env["HTTPS_PROXY"] == "http://p:1"
    assert {"@corp:registry=https://corp.example/", "registry=https://npm.example/"} <= set(
        found.npmrc.split()
    )
    assert "hunter2" not in repr((found.env, found.npmrc))
    assert found.dropped == ("@corp:registry", "HTTPS_PROXY", "PIP_INDEX_URL", "UV_DEFAULT_INDEX")


def test_no_form_of_a_secret_reaches_an_installer(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    found = read_sources(
        {
            "HOME": str(tmp_path),
            "PIP_CONFIG_FILE": "/dev/null",
            "HTTP_PROXY": "u:hunter2@proxy.example:3128",
            "PIP_INDEX_URL": "https://[hunter2/simple",
            "PIP_FIND_LINKS": f"https://store.example/w?sig=hunter2 {tmp_path} {tmp_path}/wheels",
            "NO_PROXY": "localhost,10.0.0.1:80",
        }
    )

    assert "hunter2" not in repr((found.env, found.npmrc))
    assert found.env["HTTP_PROXY"] == "proxy.example:3128"
    assert found.env["NO_PROXY"] == "localhost,10.0.0.1:80"
    assert {"HTTP_PROXY", "PIP_FIND_LINKS", "PIP_INDEX_URL"} <= set(found.dropped)
    assert {path for path in found.paths if path.is_relative_to(tmp_path)} == {tmp_path / "wheels"}


def test_an_index_on_disk_is_shown_with_the_files_its_pages_name(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    for name in ("mirror/simple", "mirror/files", "plain", "simple"):
        (tmp_path / name).mkdir(parents=True)
    indexes = [f"file://{tmp_path}/{name}" for name in ("mirror/simple", "plain", "simple")]
    env = {
        "HOME": str(tmp_path / "home"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_EXTRA_INDEX_URL": " ".join(indexes),
    }
    shown = [path for path in read_sources(env).paths if path.is_relative_to(tmp_path)]
    # What lies beside the last one is the home.
    assert shown == [tmp_path / "mirror", tmp_path / "plain", tmp_path / "simple"]
