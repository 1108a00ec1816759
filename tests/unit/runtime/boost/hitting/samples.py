"""A template that sums a column by group, its prompts, and a library without a disk behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skvm.evidence.blobs import BlobStore
from skvm.runtime.boost.inside import shapes
from skvm.runtime.boost.model import (
    BoostEvent,
    Candidate,
    Check,
    Language,
    Origin,
    Param,
    ParamType,
    Place,
    Skeleton,
    Template,
)
from skvm.runtime.boost.outfit import Outfit, lay_outfit
from skvm.runtime.boost.standing import Bounds, Key

SALES = b"city,amount\nRome,3\nOslo,4\nRome,5\n"
CODE = """\
import csv, json
totals = {}
with open(P["source"], newline="") as file:
    for row in csv.DictReader(file):
        totals[row["city"]] = totals.get(row["city"], 0) + int(row[P["column"]])
with open(P["target"], "w") as file:
    json.dump(totals, file)
print(len(totals), "cities")
"""
TOTALS = shapes.opened(shapes.describe(b'{"Rome": 8}', "t.json"), "")
PARAMS = (
    Param(name="column", type=ParamType.STRING, seen=("amount", "tax")),
    Param(name="source", type=ParamType.PATH, seen=("sales.csv", "costs.csv")),
    Param(name="target", type=ParamType.PATH, seen=("totals.json", "sums.json")),
)
TEXTS = ("Sum the column `", "` of ", " by city and write the totals to ", ".")
PROMPT = "Sum the column `amount` of\nsales.csv by city and write the totals to totals.json."


def template(**changes: Any) -> Template:
    made = Template(
        language=Language.PYTHON,
        code=CODE,
        params=PARAMS,
        inputs=(Check(place=Place(param="source"), shape=shapes.describe(SALES, "sales.csv")),),
        outputs=(Check(place=Place(param="target"), shape=TOTALS),),
    )
    return made.model_copy(update=changes)


def candidate(**changes: Any) -> Candidate:
    made = Candidate(
        purpose_id="city-totals",
        skeletons=(Skeleton(texts=TEXTS, params=("column", "source", "target")),),
        template=template(),
        origin=Origin(kind="runs"),
    )
    return made.model_copy(update=changes)


@dataclass
class FakeShelf:
    """What a shelf of ``library.Library`` says, from lists."""

    outfit: Outfit
    promoted: tuple[Candidate, ...] = ()
    watched: tuple[Candidate, ...] = ()
    resting: tuple[Candidate, ...] = ()
    fallen: list[Candidate] = field(default_factory=list)
    target: tuple[str, str, str, str] = ("", "", "", "")

    def key(self, candidate: Candidate) -> Key:
        return Key(*self.target, candidate.purpose_id, candidate.digest)

    def is_promoted(self, candidate: Candidate) -> bool:
        return candidate in self.promoted and candidate not in self.fallen


@dataclass
class FakeLibrary:
    """A library of one shelf."""

    place: Path
    promoted: tuple[Candidate, ...] = ()
    watched: tuple[Candidate, ...] = ()
    error: Exception | None = None
    noted: list[BoostEvent] = field(default_factory=list)
    fallen: list[Candidate] = field(default_factory=list)
    bounds: Bounds = field(default_factory=Bounds)

    @property
    def blobs(self) -> BlobStore:
        return BlobStore(self.place / "blobs")

    def folder(self, skill_id: str) -> Path:
        folder = self.place / "outfit"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def shelf(self, skill_id: str, skill_digest: str, model: str, harness: str) -> FakeShelf:
        if self.error is not None:
            raise self.error
        known: Sequence[Candidate] = (*self.promoted, *self.watched)
        outfit = lay_outfit(self.folder(skill_id), [each.template for each in known])
        target = (skill_id, skill_digest, model, harness)
        return FakeShelf(outfit, self.promoted, self.watched, fallen=self.fallen, target=target)

    def note(self, events: Iterable[BoostEvent]) -> None:
        self.noted += events
