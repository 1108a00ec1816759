"""Valid examples of every kind of foreign input, and how each is read."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvm.harness.contract import path_name
from skvm.settings import Settings, load_settings
from tests.contracts.test_program_adapters import LEFT, adapter_of, programs
from tests.fuzz.damage import files_below
from tests.unit.bench.importers import sources
from tests.unit.cache import test_adopting as adopting
from tests.unit.certify.place import make_place
from tests.unit.compiler.making import make_profile
from tests.unit.optimizer.proposals.samples import deploy_skill, propose
from tests.unit.runtime.boost.hitting.samples import candidate

REPO = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Reader:
    """One parser.

    Args:
        name: What is read.
        files: Makes valid files, by path.
        read: Reads them below a folder.
    """

    name: str
    files: Callable[[], Mapping[str, bytes]]
    read: Callable[[Path], object]

    @property
    def may_be_odd(self) -> bool:
        """Whether others make the files themselves, and not only what is in them."""
        return not self.name.startswith(("program: ", "shell code", "boost pattern", "trajectory"))


READERS: dict[str, Reader] = {}


def reader(name: str, files: Callable[[], Mapping[str, bytes]]) -> Callable[[Any], Any]:
    """Enter a parser into the table."""

    def enter(read: Callable[[Path], object]) -> Callable[[Path], object]:
        READERS[name] = Reader(name, functools.cache(files), read)
        return read

    return enter


def made_in(make: Callable[[Path], object]) -> Callable[[], Mapping[str, bytes]]:
    """Files as some function makes them in an empty folder."""

    def files() -> Mapping[str, bytes]:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
            return files_below(Path(folder))

    return files


def settings_in(root: Path) -> Settings:
    """Settings whose folders lie below one."""
    return load_settings(cache_dir=str(root), env={})


# ---------------------------------------------------------------- skills

SKILL = (REPO / "examples" / "skills" / "expense-report").resolve()


@reader("skill: analyze", lambda: files_below(SKILL))
def _(root: Path) -> object:
    from skvm.compiler.study.skill_study import Unreadable, study_json, study_skill

    study = study_skill(root / "SKILL.md")
    return study if isinstance(study, Unreadable) else json.dumps(study_json(study))


@reader("skill: lint of a folder", lambda: files_below(SKILL))
def _(root: Path) -> object:
    from skvm.skill.frontend import bundle_findings, find_skill_files, load_skill
    from skvm.skill.verify import verify_skill

    skills = [load_skill(path.parent) for path in find_skill_files(root)]
    return [(verify_skill(each), bundle_findings(each)) for each in skills]


SHELL = rb"""#!/usr/bin/env bash
set -euo pipefail
for f in $(ls *.csv | sort -u); do awk -F, '{print $1}' "$f" >> out.txt; done
cat <<'EOF' > run.py
print("x")
EOF
if [[ -n "${A:-}" ]]; then curl -sS "https://example.org/a?b=$(date +%s)" | jq -r '.x[]' || true; fi
find . -name '*.md' -exec sed -i 's/a/b/g' {} +; python3 - "$@" <<< "import os"
"""


@reader("shell code", lambda: {"a.sh": SHELL})
def _(root: Path) -> object:
    from skvm.compiler.reading.shell import parsable, read_shell, statements_in

    data = (root / "a.sh").read_bytes()
    text = data.decode("utf-8", "replace")
    return parsable(data), read_shell(text), statements_in(text)


# ---------------------------------------------------------------- tasks


@reader("task", lambda: files_below(REPO / "examples" / "tasks" / "expense-report-march"))
def _(root: Path) -> object:
    from skvm.task.loader import read_task

    return read_task(root)


def _imported(name: str) -> Callable[[Path], object]:
    def read(root: Path) -> object:
        from skvm.bench.importing import import_from

        return import_from(name, root, root.parent / "imported", force=True)

    return read


reader("import: harbor", made_in(sources.harbor))(_imported("harbor"))
reader("import: pinchbench", made_in(sources.pinchbench))(_imported("pinchbench"))
reader("import: evals", made_in(sources.evals))(_imported("evals"))
reader("import: skvm-data", made_in(sources.skvm_data))(_imported("skvm-data"))

PLAN_FILE = b"""\
repetitions: 2
skills: [skills/one]
conditions:
  original: {}
  mine: {skill: skills/one, timeout-mult: 1.5}
targets:
  - model: fake/a
    adapter: bare-agent
tasks: [t1]
"""


@reader("bench plan file", lambda: {"plan.yaml": PLAN_FILE})
def _(root: Path) -> object:
    from skvm.bench.custom_plan import read_custom_plan

    return read_custom_plan(root / "plan.yaml", data_dir=root / "data")


# ---------------------------------------------------------------- profiles, locks, variants


def _profile() -> bytes:
    return make_profile("L2").model_dump_json(by_alias=True).encode()


@reader("profile", lambda: {"latest.json": _profile()})
def _(root: Path) -> object:
    from skvm.target.store import moment_of, open_profile

    return moment_of(open_profile(root / "latest.json").profile)


@reader("profiles from elsewhere", lambda: {"bare-agent/fake--m/latest.json": _profile()})
def _(root: Path) -> object:
    from skvm.target.importing import import_profiles
    from skvm.target.store import ProfileStore

    store = ProfileStore(root.parent / "profiles")
    return list(import_profiles(root, store, force=True)), list(store.list(lambda error: None))


def _lock() -> bytes:
    from skvm.compiler.builds.lockfile import Lock, LockedBuild, lock_bytes

    build = LockedBuild(build_key="k", inputs={"skill": "x"}, answers={"a": "b"}, variant="sha256:0")
    return lock_bytes(Lock(targets={"bare-agent fake/m p1": build}, answers={"b": {"text": "x"}}))


@reader("skvm.lock", lambda: {"skvm.lock": _lock()})
def _(root: Path) -> object:
    from skvm.compiler.builds.lock_checking import check_lock

    return check_lock(root / "skvm.lock", settings_in(root / "cache"))


# ---------------------------------------------------------------- boost


def _boost(root: Path) -> None:
    from skvm.runtime.boost.storage import BoostFolder

    BoostFolder(settings_in(root), "totals").save([candidate()])


@reader("boost candidates", made_in(_boost))
def _(root: Path) -> object:
    from skvm.runtime.boost.storage import BoostFolder

    return [(each.stamp(), each.load()) for each in BoostFolder.all(settings_in(root))]


FOREIGN = {
    "schemaVersion": 1,
    "skillId": "totals",
    "candidates": [
        {
            "purposeId": "city-totals",
            "keywords": ["total", "city"],
            "codeSignature": r"(?s)import\s+csv.*?(\w+)\.csv",
            "functionTemplate": "import csv\nprint(open('${file}').read(), ${limit})\n",
            "params": {
                "file": {"type": "string", "extractPattern": r"(\w+\.csv)"},
                "limit": {"type": "number", "extractPattern": r"limit (\d+)"},
            },
            "materializationType": "python",
        }
    ],
}


@reader(
    "boost candidates from elsewhere",
    lambda: {
        "proposals/jit-boost/totals/boost-candidates.json": json.dumps(FOREIGN).encode(),
        "proposals/jit-boost/totals/solidification-state.json": json.dumps(
            {"entries": [{"candidate": FOREIGN["candidates"][0], "hits": 3, "promoted": True}]}
        ).encode(),
    },
)
def _(root: Path) -> object:
    from skvm.runtime.boost.storage import BoostFolder

    return [each.load() for each in BoostFolder.all(settings_in(root))]


@reader("boost pattern", lambda: {"p": rb"(?i)^sum\s+(?P<col>\w+)(?:\s+of|in){1,3}[a-z\d-]*?(.+)$"})
def _(root: Path) -> object:
    from skvm.runtime.boost.foreign.patterns import compile_pattern
    from skvm.runtime.boost.foreign.translation import PatternRefusedError

    text = (root / "p").read_bytes().decode("utf-8", "replace")
    try:
        return compile_pattern(text)
    except PatternRefusedError as refused:
        return refused


# ---------------------------------------------------------------- proposals


def _proposals(root: Path) -> None:
    from skvm.optimizer.proposals.store import ProposalStore

    with tempfile.TemporaryDirectory() as folder:
        deployed = deploy_skill(Path(folder) / "skills" / "totals")
        propose(ProposalStore(settings_in(root)), deployed)


@reader("proposals", made_in(_proposals))
def _(root: Path) -> object:
    from skvm.errors import SkvmError
    from skvm.optimizer.proposals.store import ProposalStore

    store = ProposalStore(settings_in(root))
    told: list[object] = [store.listing()]
    for id in store.ids():
        try:
            proposal = store.open(id)
        except SkvmError as error:
            told.append(error)
            continue
        told += [proposal.standing, proposal.phase]
        for ask in (proposal.why_not_servable, proposal.why_not_accepted, lambda made=proposal: made.history):
            try:
                told.append(ask())
            except SkvmError as error:
                told.append(error)
    return told


# ---------------------------------------------------------------- programs


def _program(name: str, case: Path) -> None:
    @reader(f"program: {name}, {case.name}", lambda: files_below(case) | {"stderr": b"warning: x\n"})
    def _(root: Path) -> object:
        from skvm.harness.programs.contract import Left
        from skvm.harness.programs.ending import complaint

        (root / "home").mkdir(exist_ok=True)
        then = root / "then"
        for stream in ("stdout", "stderr"):
            (root / stream).touch()
        told = [
            adapter_of(name).read(
                Left(root / "stdout", root / "stderr", code, root / "home", then if then.exists() else None)
            )
            for code in (0, 1, None)
        ]
        return told, complaint(root / "stderr")


for _name in programs():
    for _case in sorted((LEFT / path_name(_name)).glob("*/told.json"))[:1]:
        _program(_name, _case.parent)


# ---------------------------------------------------------------- the house's own files, written by others

CONFIG = {
    "providers": {
        "routes": [
            {"match": "a/*", "kind": "openai-compatible", "apiKey": "k", "baseUrl": "http://127.0.0.1:1/v1"},
            {"match": "b/*", "kind": "anthropic", "apiKeyEnv": "B_KEY"},
        ]
    },
    "adapters": {"pi": "/opt/pi", "codex": {"repoPath": "x", "extraCliArgs": ["-v"]}},
    "paths": {"tmpDir": "/tmp"},
    "defaults": {"adapterConfigMode": "managed"},
}


@reader("configuration", lambda: {"skvm.config.json": json.dumps(CONFIG).encode()})
def _(root: Path) -> object:
    from skvm.errors import SkvmError
    from skvm.evidence.redact import Redactor
    from skvm.llm.route import resolve_endpoint

    settings = settings_in(root)
    told: list[object] = [Redactor.of(settings, {})]
    for model in ("a/x", "b/y", "local/z", "c/z"):
        try:
            told.append(resolve_endpoint(settings, model, env={"B_KEY": "secret-of-b"}))
        except SkvmError as error:
            told.append(error)
    return told


def _trajectory() -> bytes:
    from skvm.harness.trajectory import Trajectory

    return Trajectory(harness="h", model="m", prompt="p", final_text="f").model_dump_json().encode()


@reader("trajectory", lambda: {"t.json": _trajectory()})
def _(root: Path) -> object:
    from datetime import UTC, datetime

    from skvm.evaluate.bench import load_trajectory
    from skvm.evidence.blobs import BlobStore
    from skvm.evidence.record import Outcome, RunRecord

    blobs = BlobStore(root / "blobs")
    now = datetime.now(UTC)
    record = RunRecord(
        run_id="r",
        task_id="t",
        task_digest="sha256:0",
        condition="c",
        repetition=0,
        model="m",
        harness="h",
        sandbox="none",
        outcome=Outcome.SCORED,
        score=1.0,
        duration_ms=1.0,
        started_at=now,
        finished_at=now,
        trajectory_digest=blobs.put((root / "t.json").read_bytes()),
    )
    return load_trajectory(blobs, record)


def _certificate(root: Path) -> None:
    import pytest

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        place = make_place(Path(folder), patch)
        assert place.certify() == 0
        (root / "c.json").write_bytes(place.file.read_bytes())


@reader("certificate", made_in(_certificate))
def _(root: Path) -> object:
    from skvm.certify.checking import check_certificate

    path = root / "c.json"
    return check_certificate(path, skill=None, trusted=frozenset(), is_any_key_good=True, is_alone=True)


def _another_cache(root: Path) -> None:
    adopting.proposal(root)
    adopting.templates(root)
    adopting.variant(root)
    adopting.profile(root)


@reader("cache of another system", made_in(_another_cache))
def _(root: Path) -> object:
    from skvm.cache.adopting import adopt

    ours = settings_in(root.parent / "ours")
    return list(adopt(root, ours, is_dry=True)), list(adopt(root, ours))
