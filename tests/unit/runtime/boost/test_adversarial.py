"""Prompts and folders made to have templates do what they must not do; the whole is benchmarks/boost."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from benchmarks.boost.adversarial import BAD, attack, cases
from benchmarks.boost.case import Case, file_entry
from benchmarks.boost.chores import Family, Right, wrong_with
from benchmarks.boost.families import FAMILIES
from benchmarks.boost.ground import BAIT

from skvm.evidence.blobs import BlobStore
from skvm.runtime.boost.compiling.candidates import compile_candidates
from skvm.runtime.boost.model import Candidate, Check, Language, Place
from tests.confinement import working
from tests.unit.runtime.boost.compiling.workflows import Chore, carried_out

pytestmark = pytest.mark.anyio
PROMPTS = 300


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def ground() -> Iterator[Path]:
    # Not pytest's tmp_path: the user of a cell must be able to pass its parents.
    folder = Path(tempfile.mkdtemp(prefix="skvm-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def compiled(family: Family, folder: Path) -> tuple[Candidate, ...]:
    draw, blobs, runs = Random(family.name), BlobStore(folder / "blobs"), []
    for number, values in enumerate(family.lessons):
        data = family.data(draw, values)
        files = {family.source(values): family.written(data).decode()}
        chore = Chore(family.prompt(values), files, [family.code(values, number % 2)])
        runs.append(carried_out(chore, folder / family.name, blobs, number))
    return compile_candidates(runs).candidates


async def test_no_prompt_has_a_template_do_what_it_must_not(ground: Path) -> None:
    candidates = [each for family in FAMILIES for each in compiled(family, ground)]
    asked = cases(FAMILIES, PROMPTS, seed=11)
    outcomes = await attack(candidates, asked, sandbox=working("auto"), place=ground)
    assert [each for each in outcomes if each.came in BAD] == []
    came = Counter((each.case.kind, each.came) for each in outcomes)
    assert came["plain", "right answer"] >= 0.9 * sum(each.kind == "plain" for each in asked)
    assert came["look-alikes", "left to the model"] == sum(each.kind == "look-alikes" for each in asked)
    assert came["missing inputs", "right answer"] == 0


async def test_what_must_not_be_is_noticed(ground: Path) -> None:
    """A template that answers wrongly, and one that writes elsewhere, are seen as such."""
    family = next(each for each in FAMILIES if each.name == "levels")
    (good,) = compiled(family, ground)
    wrong = with_code(good, good.template.code.replace("[1]", "[0]"))
    stray = with_code(good, f"{good.template.code}open('/tmp/{BAIT}', 'w').close()\n")
    values = family.fresh(Random(3))
    data = family.data(Random(3), values)
    entries = (file_entry(values["source"], family.written(data)),)
    case = Case("levels", "plain", "", family.prompt(values), entries, family.right(data, values))
    sandbox = working("auto")
    for number, (candidate, came) in enumerate(
        ((good, "right answer"), (wrong, "wrong answer"), (stray, "injection"))
    ):
        place = ground / f"attack-{number}"
        place.mkdir()
        (outcome,) = await attack([candidate], [case], sandbox=sandbox, place=place)
        assert outcome.came == came, outcome.why
    (left,) = await attack([], [case], sandbox=sandbox, place=ground)
    assert left.came == "left to the model"


def with_code(candidate: Candidate, code: str) -> Candidate:
    """The same with other code, and a postcondition that lets anything pass."""
    assert candidate.template.language is Language.PYTHON
    outputs = (Check(place=Place(param="target")),)
    template = candidate.template.model_copy(update={"code": code, "outputs": outputs})
    return candidate.model_copy(update={"template": template})


@pytest.mark.parametrize(
    ("form", "value", "data"),
    [
        ("json", {"a": 1}, b'{"a": 2}'),
        ("json", {"a": 1}, b'{"a": 1, "a": 1}'),
        ("json", {"a": 1}, b'{"a": NaN}'),
        ("json", {"a": 1}, b'{"a": "1"}'),
        ("json", {"a": 1}, b'{"a": true}'),
        ("csv", [["a"], ["1"]], b"a\n2\n"),
        ("lines", ["a", "b"], b"b\na\n"),
        ("text", "a", b"a b"),
        ("text", "a", b"\xff"),
        ("top", ([["points"], ["1"], ["2"]], 0, 1), b"points\n1\n"),
    ],
)
def test_what_is_not_right_is_called_wrong(form: str, value: object, data: bytes) -> None:
    assert wrong_with(Right("a", form, value), data)
