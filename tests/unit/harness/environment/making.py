"""Packages made on the spot, so that installs need no network."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

from skvm.harness.environment.manifest import Dependency, Manifest, Type


def wheel(
    folder: Path, name: str, version: str = "1.0", *, needs: tuple[str, ...] = (), script: str = ""
) -> Path:
    """A wheel with one module that knows its version, and a command if one is named."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n\n\ndef main():\n    print('made by {name}', VERSION)\n",
        f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{script} = {name}:main\n"
    record = "".join(f"{file},{_hash(text)},{len(text)}\n" for file, text in files.items())
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def npm_tarball(name: str, version: str, command: str) -> bytes:
    """A Node package with one command."""
    files = {
        "package.json": f'{{"name": "{name}", "version": "{version}", "bin": {{"{command}": "run.js"}}}}',
        "run.js": "#!/usr/bin/env node\nconsole.log('made by node')\n",
    }
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for file, text in files.items():
            member = tarfile.TarInfo(f"package/{file}")
            member.size, member.mode = len(text), 0o755
            archive.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


def entry(name: str, type: str = "pip", **fields: object) -> Dependency:
    """An entry that is sure."""
    return Dependency.model_validate(
        {"name": name, "type": Type(type), "checkCommand": "true", "confidence": 0.95, **fields}
    )


def manifest(*entries: Dependency) -> Manifest:
    """A manifest of a skill called ``demo``."""
    return Manifest(skill="demo", entries=entries)
