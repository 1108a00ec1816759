from __future__ import annotations

import shlex
import string
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skvm.compiler.effects.model import Repetition
from skvm.compiler.effects.patterns import filled
from skvm.compiler.effects.shell_maps import shell_repetitions


def maps(code: str) -> list[Repetition]:
    return shell_repetitions(code, 0, lambda _: None)


def command(body: str, over: str = "in/*.csv") -> str | None:
    (found,) = maps(f"for f in {over}; do\n{body}\ndone\n")
    return found.command


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('sort "$f" > out/$(basename "$f" .csv).txt', "sort {item} > out/{name}.txt"),
        ('sort "$f" > "out/$(basename "$f" .csv).txt"', "sort {item} > out/{name}.txt"),
        ("sort $f > out/$(basename $f)", "sort {item} > out/{name}.csv"),
        ('sort "$f" > "out/${f##*/}"', "sort {item} > out/{name}.csv"),
        ('sort "${f}" > "${f%.csv}.txt"', "sort {item} > in/{name}.txt"),
        ('sort "$f" > "my out/$(basename "${f%.*}").txt"', 'sort {item} > "my out/"{name}.txt'),
        ('n=$(basename "$f" .csv)\nsort "$f" > "out/$n.txt"', "sort {item} > out/{name}.txt"),
        ('b="${f##*/}"; sort "$f" > "out/${b%.csv}.txt"', "sort {item} > out/{name}.txt"),
        ('awk -F, \'{s += $2; n++} END {print s/n}\' "$f" > "$f.sum"', None),
        ('echo "== $f"\nsort "$f" > "out/$(basename "$f")"', "sort {item} > out/{name}.csv"),
        ('sed -i "s/a/b/" "$f"', 'sed -i "s/a/b/" {item}'),
    ],
)
def test_the_command_for_one_file(body: str, told: str | None) -> None:
    if told is None:
        told = "awk -F, '{s += $2; n++} END {print s/n}' {item} > {item}.sum"
    assert command(body) == told


@pytest.mark.parametrize(
    "body",
    [
        'sort "$f" > out.txt',
        'sort "$f" >> "out/$(basename "$f")"',
        'sort "$f" > "out/$other.txt"',
        'sort "$f" "all.csv" > "all.csv"',
        'sort "$f" > "in/x-${f##*/}"',
        'sqlite3 stock.db ".import $f rows"',
        'mystery "$f"',
        'sort "$f" > "out/$(date).txt"',
        'cat > "out/${f##*/}" <<EOF\n$f\nEOF',
    ],
)
def test_rounds_that_touch_the_same_are_no_map(body: str) -> None:
    assert maps(f"for f in in/*.csv; do\n{body}\ndone\n") == []


@pytest.mark.parametrize("behind", [" > all.txt", " | sort", " &", " >> log", " < names"])
def test_what_stands_behind_the_loop_joins_its_rounds(behind: str) -> None:
    loop = 'for f in in/*.csv; do sort "$f" > "out/${f##*/}"; done'
    assert len(maps(loop)) == len(maps(loop + "\n")) == len(maps(loop + "\r\n")) == 1
    assert maps(loop + behind + "\n") == []


def test_names_that_may_be_the_same_are_no_map() -> None:
    assert maps('for f in in/*/x.csv; do sort "$f" > "out/${f##*/}"; done\n') == []
    assert maps('for f in a/x.csv b/x.csv; do sort "$f" > "out/$(basename $f .csv).txt"; done\n') == []


def test_ranges_and_listings_are_items() -> None:
    (numbers,) = maps("for n in {1..4}; do sort in-$n.txt > out-$n.txt; done\n")
    assert (numbers.kind, numbers.items) == ("list", ("1", "2", "3", "4"))
    (listed,) = maps("for f in $(ls in/*.csv); do sort $f > out/$(basename $f); done\n")
    assert (listed.kind, listed.over) == ("glob", "in/*.csv")
    (several,) = maps("for f in in/*.csv more/*.csv; do sort $f > $f.txt; done\n")
    assert several.kind == "named"


def test_what_all_rounds_touch_is_named_by_the_pattern() -> None:
    (found,) = maps('for f in in/*.csv; do sort "$f" > "out/$(basename "$f" .csv).txt"; done\n')
    assert found.effects is not None
    assert found.effects.reads == ("env:", "in/*.csv")
    assert found.effects.writes == ("out/*.txt",)


NAMES = st.text(alphabet=string.ascii_letters + string.digits + " '$;&()-_é", min_size=1, max_size=8).filter(
    lambda name: name.strip() == name and not name.startswith("-")
)
BODIES = [
    'sort "$f" > out/"$(basename "$f" .csv)".txt',
    'b="${f##*/}"; sort "$f" > "out/${b%.csv}.txt"',
    'tr a b < "$f" | sort > "out dir/${f##*/}"',
    'sort "$f" > "${f%.csv}.txt"',
]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=3, unique_by=str.lower), st.sampled_from(BODIES))
def test_the_command_for_each_gives_what_the_loop_gives(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], body: str
) -> None:
    trees = []
    told = command(body)
    assert told is not None
    for way in ("loop", "each"):
        work = tmp_path_factory.mktemp(way)
        for folder in ("in", "out", "out dir"):
            (work / folder).mkdir()
        for name in names:
            (work / "in" / f"{name}.csv").write_text(f"b{name}\na\n")
        items = [f"in/{name}.csv" for name in names]
        lines = [f"for f in in/*.csv; do {body}; done"]
        if way == "each":
            lines = [told.replace("{item}", shlex.quote(item)) for item in items]
            lines = [
                line.replace("{name}", shlex.quote(filled("{name}", item)))
                for line, item in zip(lines, items, strict=True)
            ]
        for line in lines:
            subprocess.run(["bash", "-c", line], cwd=work, check=True)
        trees.append(_tree(work))
    assert trees[0] == trees[1]
    assert len(trees[0]) == 2 * len(names)


def _tree(work: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(work)): path.read_bytes() for path in sorted(work.rglob("*")) if path.is_file()
    }
