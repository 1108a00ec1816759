"""The capability atlas: every cell is there, told in words, told apart by colour, and self-contained."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import pytest

from skvm.cli.atlas import LEVEL_FILLS, LEVEL_INKS, OPEN_FILL
from skvm.cli.main import run
from skvm.profiler.atlas import build_atlas
from skvm.target.contract import Level
from skvm.target.profile import LevelResult, PrimitiveDetail, Profile
from skvm.target.store import ProfileStore

HOSTILE = "prov/<script>alert('x')</script>&\"m"


def made(model: str, level: Level = Level.L2, *, harness: str = "bare-agent") -> Profile:
    seen = LevelResult(level=Level.L1, passed=True, pass_count=9, total_count=10, interval=(0.55, 0.99))
    detail = PrimitiveDetail(
        primitive_id="gen.regex",
        highest_level=level,
        level_results=(seen,),
        runs=11,
        measured_at="2026-02-09T",
    )
    return Profile(
        model=model,
        harness=harness,
        profiled_at="2026-02-03T04:05:06Z",
        capabilities={"gen.regex": level, "tool.exec": Level.L0},
        details=(detail,),
        unmeasured={"tool.web": "the harness has no web"},
        requested=("gen.regex", "tool.exec", "tool.web"),
    )


def skvm(folder: Path, *arguments: str) -> int:
    return run(["profile", "atlas", *arguments, "--skvm-cache", str(folder)])


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    store = ProfileStore(tmp_path / "profiles")
    store.save(made("local/a"), {})
    store.save(made("local/a", Level.L3, harness="shell-agent"), {})
    return tmp_path


def needs_charts() -> None:
    for name in ("altair", "vl_convert"):
        pytest.importorskip(name, reason="the extra 'bench' is not installed")


class Page(HTMLParser):
    """What a page asks for, its elements' labels and the words of its table cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.labels: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "srcset", "data"):
                self.asked.append(value or "")
            if name == "aria-label" and tag == "path":
                self.labels.append(value or "")


def test_the_grid_holds_every_primitive_that_one_knows_by_category() -> None:
    other = made("local/b").model_copy(update={"capabilities": {"follow.style": Level.L1}})
    grid = build_atlas([made("local/a"), other])
    assert list(grid.categories()) == [
        ("Generation", ("gen.regex",)),
        ("Tool use", ("tool.exec", "tool.web")),
        ("Instruction following", ("follow.style",)),
    ]
    assert grid.rows[0].standings["follow.style"].reason == "not in the profile"
    assert grid.rows[0].tally == "1 L2, 1 L0, 2 unmeasured"


def test_names_are_short_and_never_the_same() -> None:
    long = "org/" + "very-" * 30 + "long"
    grid = build_atlas([made("m"), made("m"), made(long), made(long + "er")])
    labels = [row.label for row in grid.rows]
    assert len(set(labels)) == 4
    assert max(len(label) for label in labels) < 75
    assert labels[0] == "m · bare-agent · 2026-02-03 #1"


def test_png_and_page_are_written_and_told(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_charts()
    monkeypatch.chdir(cache)
    assert skvm(cache) == 0
    assert capsys.readouterr().out.split() == ["atlas.png", "atlas.html"]
    picture = (cache / "atlas.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert skvm(cache, "--png=new/folder/p.png", "--json") == 0
    assert json.loads(capsys.readouterr().out)["files"] == ["new/folder/p.png"]
    assert (cache / "new" / "folder" / "p.png").read_bytes() == picture
    assert skvm(cache, "local/a@shell-agent", "--out=one") == 0
    assert (cache / "one" / "atlas.png").read_bytes() != picture


def test_the_page_asks_for_nothing_and_says_every_cell_twice(cache: Path) -> None:
    needs_charts()
    ProfileStore(cache / "profiles").save(made("local/b").model_copy(update={"model": "local/b\u00e9"}), {})
    strange = cache / "strange.json"
    strange.write_text(made(HOSTILE).model_dump_json(by_alias=True, exclude_none=True))
    assert skvm(cache, "local/a", str(strange), "--html", str(cache / "p.html")) == 0
    text = (cache / "p.html").read_text()
    page = Page(text)
    assert page.asked == []
    assert not re.findall(r"url\(|@import|fetch\(|XMLHttp|<link", text)
    assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert page.tags.count("script") == 1  # ours; that of the model's name is text
    cells = [label for label in page.labels if label.startswith("target: ")]
    assert len(cells) == 3 * 3
    regex = "\n".join(
        (
            "target: local/a in shell-agent",
            "primitive: gen.regex",
            "level: L3",
            "L1: 9/10 passed, 95 % interval 0.55–0.99",
            "runs: 11",
            "measured: 2026-02-09",
        )
    )
    assert regex in cells
    assert any(
        f"target: {HOSTILE} in" in cell and "unmeasured – the harness has no web" in cell for cell in cells
    )
    assert text.count("<td>9/10 (0.55–0.99)</td>") == 3
    assert text.count("<td>the harness has no web</td>") == 3
    assert page.tags.count("table") == 3
    assert "prefers-color-scheme: dark" in text


def test_json_alone_writes_nothing_and_needs_no_charts(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    monkeypatch.chdir(cache)
    before = sorted(cache.iterdir())
    assert skvm(cache, "--json", "--primitives=gen.regex") == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["harness"] for each in told["targets"]] == ["bare-agent", "shell-agent"]
    assert told["targets"][1]["capabilities"]["gen.regex"]["level"] == "L3"
    assert (told["primitives"], told["files"]) == ([{"id": "gen.regex", "category": "Generation"}], [])
    assert sorted(cache.iterdir()) == before
    assert skvm(cache) == 2
    said = capsys.readouterr().err
    assert "altair is not installed" in said
    assert "pip install 'skvm[bench]'" in said


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--primitives=gen.regx"], "did you mean 'gen.regex'", 2),
        (["local/c"], "no profile of local/c", 2),
        (["--html={}/profiles"], "is a folder", 2),
        (["--html={}/skvm.config.json/p.html"], "cannot be written", 3),
    ],
)
def test_wrong_words_are_told(
    cache: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str, code: int
) -> None:
    needs_charts()
    (cache / "skvm.config.json").write_text("{}")
    assert skvm(cache, *(each.format(cache) for each in arguments)) == code
    assert said in capsys.readouterr().err


def test_an_empty_store_says_how_to_fill_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert skvm(tmp_path) == 2
    assert "skvm profile import DIR" in capsys.readouterr().err


def test_a_broken_profile_does_not_hide_the_others(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / "profiles" / "bare-agent" / "local--a" / "latest.json").write_text("{")
    assert skvm(cache, "--json") == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["targets"]) == 1
    assert "warning: " in captured.err


def linear(colour: str) -> tuple[float, ...]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_levels_are_told_apart_by_lightness_alone_and_their_words_can_be_read() -> None:
    # Lightness is what every kind of colour vision, and a grey print, keeps.
    fills = [LEVEL_FILLS[level] for level in ("L0", "L1", "L2", "L3")]
    assert sorted(fills, key=luminance, reverse=True) == fills
    assert min(contrast(one, other) for one, other in combinations(fills, 2)) > 1.3
    assert all(contrast(LEVEL_FILLS[level], ink) >= 4.5 for level, ink in LEVEL_INKS.items())
    assert OPEN_FILL not in fills
    channels = [int(OPEN_FILL[at : at + 2], 16) for at in (1, 3, 5)]
    assert max(channels) - min(channels) < 8  # grey: no level is
