"""What runs are compiled into: one candidate for each chore, which does the ones it has not seen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.unit.runtime.boost.compiling.workflows import FAMILIES, Family, runs_of

from skvm.runtime.boost.compiling.candidates import Compiled, compile_candidates
from skvm.runtime.boost.extraction import Resolved, resolve
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import Candidate
from skvm.runtime.boost.outfit import lay_outfit, verdict_of
from skvm.runtime.boost.watching import WatchedRun, read_tree

TICKET = "t1ck3t"
HELPERS = {"solve.py"}


def answered(candidate: Candidate, run: WatchedRun, folder: Path) -> dict[str, bytes] | str:
    """What a candidate makes of a run's prompt and files; why it does not where it does not."""
    work = folder / f"answer-{run.record.run_id}"
    for path, data in (run.files(0) or {}).items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(data)
    matches = Matcher((candidate,)).match(run.prompt)
    if len(matches) != 1:
        return "no match"
    resolved = resolve(matches[0], work)
    assert isinstance(resolved, Resolved), resolved
    outfit = lay_outfit(folder / "outfit", [candidate.template])
    done = subprocess.run(
        ["bash", "-c", outfit.command_line(candidate, TICKET, resolved.params)],
        cwd=work,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    verdict = verdict_of(done.stdout, TICKET)
    assert verdict is not None, done
    return (read_tree(work) or {}) if verdict.is_done else verdict.reason


def left_by(run: WatchedRun) -> dict[str, bytes]:
    return {path: data for path, data in (run.files(-1) or {}).items() if path not in HELPERS}


def only(compiled: Compiled) -> Candidate:
    assert len(compiled.candidates) == 1, compiled
    return compiled.candidates[0]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[WatchedRun, ...]]:
    return {family.name: runs_of(family, tmp_path_factory.mktemp(family.name)) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_is_one_candidate(family: Family, watched: dict[str, tuple[WatchedRun, ...]]) -> None:
    compiled = compile_candidates(watched[family.name])
    candidate = only(compiled)
    assert compiled.findings == ()
    assert {param.name for param in candidate.template.params} == family.params
    assert candidate.template.outputs
    matcher = Matcher((candidate,))
    assert all(len(matcher.match(chore.prompt)) == 1 for chore in family.chores)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_look_alikes_are_not_answered(family: Family, watched: dict[str, tuple[WatchedRun, ...]]) -> None:
    matcher = Matcher(compile_candidates(watched[family.name]).candidates)
    others = [chore.prompt for other in FAMILIES if other is not family for chore in other.chores]
    assert family.strangers
    assert [prompt for prompt in (*family.strangers, *others) if matcher.match(prompt)] == []


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_candidate_does_what_every_run_did(
    family: Family, watched: dict[str, tuple[WatchedRun, ...]], tmp_path: Path
) -> None:
    runs = watched[family.name]
    candidate = only(compile_candidates(runs))
    for run in runs:
        assert answered(candidate, run, tmp_path) == left_by(run)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_compiling_is_the_same_every_time(family: Family, watched: dict[str, tuple[WatchedRun, ...]]) -> None:
    runs = watched[family.name]
    assert compile_candidates(runs) == compile_candidates(list(runs))
