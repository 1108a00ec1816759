"""Values no prompt tells: the only file of its kind, a value in a file, a name made of another name."""

from __future__ import annotations

from pathlib import Path

from tests.unit.runtime.boost.compiling.test_candidates import answered, left_by
from tests.unit.runtime.boost.compiling.workflows import Chore, carried_out, heredoc

from skvm.evidence.blobs import BlobStore
from skvm.runtime.boost.compiling.candidates import compile_candidates
from skvm.runtime.boost.compiling.sources import derived_from, source_of
from skvm.runtime.boost.model import Candidate, Place, Source


def made_of(chores: list[Chore], folder: Path, count: int = 2) -> tuple[Candidate, ...]:
    """The candidates of the first runs; each is tried on all of them."""
    blobs = BlobStore(folder / "blobs")
    runs = [carried_out(chore, folder, blobs, number) for number, chore in enumerate(chores)]
    candidates = compile_candidates(runs[:count]).candidates
    if len(candidates) == 1:
        for run in runs:
            assert answered(candidates[0], run, folder) == left_by(run)
    return candidates


def to_json(source: str, target: str) -> str:
    return heredoc(
        f"import csv, json\nrows = list(csv.DictReader(open('{source}')))\n"
        f"json.dump(rows, open('{target}', 'w'))"
    )


def table(number: int) -> str:
    return f"id,name\n{number},n{number}\n{number + 1},m{number}\n"


def test_a_name_made_of_another_name(tmp_path: Path) -> None:
    chores = [
        Chore(
            f"Convert {stem}.csv to JSON.",
            {f"{stem}.csv": table(at)},
            [to_json(f"{stem}.csv", f"{stem}.json")],
        )
        for at, stem in enumerate(("sales", "orders", "hours"))
    ]
    (candidate,) = made_of(chores, tmp_path)
    assert candidate.sources == {
        "target": Source(kind="derived", file=Place(param="source"), locator="{stem}.json")
    }


def test_a_name_put_around_another_name(tmp_path: Path) -> None:
    chores = [
        Chore(
            f"Turn {stem}.csv into JSON and put a copy of it under a name that says so.",
            {f"{stem}.csv": table(at)},
            [to_json(f"{stem}.csv", f"copy_of_{stem}-new.json")],
        )
        for at, stem in enumerate(("sales", "orders", "hours"))
    ]
    (candidate,) = made_of(chores, tmp_path)
    assert candidate.sources["target"].locator == "copy_of_{stem}-new.json"


def test_the_only_file_of_its_kind(tmp_path: Path) -> None:
    chores = [
        Chore("Convert the table to JSON, as out.json.", {name: table(at)}, [to_json(name, "out.json")])
        for at, name in enumerate(("a.csv", "b.csv", "c.csv"))
    ]
    (candidate,) = made_of(chores, tmp_path)
    assert candidate.sources == {"source": Source(kind="listing", locator="*.csv")}


def test_a_value_of_a_file_the_step_reads(tmp_path: Path) -> None:
    def chore(at: int, limit: int) -> Chore:
        code = heredoc(
            "import json\nconfig = json.load(open('config.json'))\nlines = open('in.txt').readlines()\n"
            f"open('out.txt', 'w').writelines(lines[:{limit}])"
        )
        files = {"config.json": f'{{"limits": {{"lines": {limit}}}}}', "in.txt": "a\nb\nc\nd\ne\n"}
        return Chore("Cut in.txt as config.json says, to out.txt.", files, [code])

    (candidate,) = made_of([chore(0, 2), chore(1, 3), chore(2, 4)], tmp_path)
    (source,) = candidate.sources.values()
    assert source == Source(kind="file", file=Place(path="config.json"), locator="/limits/lines")


def test_a_place_must_be_right_in_every_run() -> None:
    files = [{"a.json": b'{"x": 1, "y": 2}'}, {"a.json": b'{"x": 3, "y": 2}'}]
    place = Place(path="a.json")
    assert source_of([1, 3], files, [place]) == Source(kind="file", file=place, locator="/x")
    assert source_of([1, 2], files, [place]) is None
    assert source_of([2, 2], files, [place]) is None
    assert source_of(["1", "3"], files, [place]) is None


def test_header_and_lines_are_places() -> None:
    files = [{"a.csv": b"id,x\n1,2\n"}, {"a.csv": b"id,y\n1,2\n"}]
    found = source_of(["x", "y"], files, [Place(path="a.csv")])
    assert found is not None
    assert found.locator == "header:1"
    lines = [{"n.txt": b"one\ntwo\n"}, {"n.txt": b"one\nthree\n"}]
    found = source_of(["two", "three"], lines, [Place(path="n.txt")])
    assert found is not None
    assert found.locator == "line:1"


def test_two_files_of_a_kind_are_no_listing() -> None:
    assert source_of(["a.csv", "b.csv"], [{"a.csv": b"", "c.csv": b""}, {"b.csv": b""}]) is None


def test_derived_names() -> None:
    assert derived_from(["a_x.md", "b_x.md"], ["a.csv", "b.csv"]) is None
    assert derived_from(["aa_x.md", "bb_x.md"], ["aa.csv", "bb.csv"]) == "{stem}_x.md"
    assert derived_from(["aa_x.md", "bb_y.md"], ["aa.csv", "bb.csv"]) is None
    assert derived_from(["d/aa.md", "d/bb.md"], ["d/aa.csv", "d/bb.csv"]) is None
    assert derived_from(["aax.md", "bbx.md"], ["aa.csv", "bb.csv"]) is None
