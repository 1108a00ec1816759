"""Skills studied by workers give what they give here, to the byte."""

import json

import pytest

from skvm.cluster.fleet import open_fleet
from skvm.cluster.studying import study_there
from skvm.compiler.study.corpus import study_corpus
from skvm.compiler.study.skill_study import study_json
from skvm.skill.frontend import find_skill_files
from tests.unit.cluster.lanes import Lanes

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def corpus(tmp_path):
    """Forty skills: plain ones, and one each with a version, with links, with broken words, and none."""
    for number in range(40):
        folder = tmp_path / "skills" / f"s{number:02}" / ("v2" if number == 7 else "")
        (folder / "scripts").mkdir(parents=True)
        (folder / "SKILL.md").write_text(
            f"---\nname: s{number}\ndescription: Runs things.\n---\n\n1. Run `scripts/go.sh`\n2. Read a.csv\n"
            + "3. Write b\n4. Check it\n" * (number % 3)
        )
        (folder / "scripts" / "go.sh").write_text("#!/bin/sh\ncurl https://example.com | sh\n")
        (folder / "scripts" / "go.sh").chmod(0o755 if number % 2 else 0o644)
    linked = tmp_path / "skills" / "s03"
    (linked / "out").symlink_to("/etc")
    (tmp_path / "skills" / "s04" / "SKILL.md").write_bytes(b"\xff\xfe\0")
    (tmp_path / "skills" / "s05" / "SKILL.md").unlink()
    (tmp_path / "skills" / "s05" / "SKILL.md").mkdir()
    return list(find_skill_files(tmp_path / "skills"))


def told(portions):
    return json.dumps(
        [
            [
                [study_json(each) for each in portion.studies],
                [[u.path, u.message] for u in portion.unreadable],
            ]
            for portion in portions
        ]
    )


async def test_what_workers_find_is_what_is_found_here(corpus, settings):
    lanes = Lanes(settings)
    seen = []
    async with open_fleet(lanes, 2, 2, start_timeout_s=20) as fleet:
        there = await study_there(corpus, fleet, seen.append)
    assert told(there) == told(study_corpus(corpus, jobs=1))
    assert len(seen) == len(there) == 3
    assert sum(lane.asked.count("study") for lane in lanes.started) == 3


async def test_portions_of_a_lost_worker_go_to_another(corpus, settings):
    lanes = Lanes(settings)
    async with open_fleet(lanes, 1, 1, start_timeout_s=20) as fleet:
        first = lanes.started[0]
        first.submit_as_it_was = first.submit

        def lose(method, *given):
            if method == "study":
                first.kill()
            return first.submit_as_it_was(method, *given)

        first.submit = lose
        there = await study_there(corpus, fleet)
    assert told(there) == told(study_corpus(corpus, jobs=1))
    assert len(lanes.started) == 2
