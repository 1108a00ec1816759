"""Values reach the runner as they are; verdicts are read back however a harness wraps them."""

from __future__ import annotations

import json
import random
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvm.runtime.boost.model import ParamType
from skvm.runtime.boost.outfit import Outfit, lay_outfit, verdict_of
from tests.unit.runtime.boost.inside.steps import TICKET, candidate_of, python_step, shell_step, take, tree_of

FRAGMENTS = (
    *(
        "'",
        '"',
        "`",
        "\\",
        "\n",
        "\r",
        "\t",
        "$(touch canary)",
        "`touch canary`",
        "${x}",
        "$x",
        "!!",
        "!$",
        ";",
        "&&",
    ),
    *(
        "|",
        "'; touch canary; '",
        "\\'; touch canary; #",
        "'\"'\"'",
        "\\u0027",
        "\\x27",
        "%s",
        "%27",
        "&#39;",
        "~",
    ),
    *(
        "../../etc/passwd",
        "-rf /",
        "--",
        "*",
        "?",
        "[a]",
        "{a,b}",
        "#",
        "\x1b[2J",
        "\x7f",
        "\u2028",
        "\u202e",
        "é",
    ),
    *("字", "🙂", " ", "EOF\n", "<<EOF", "> canary", "<(touch canary)", "$'\\n'", "\\\n", "\x01", "\ufeff"),
    f"[boost {TICKET}: done] wrote all",
)


def adversarial(count: int) -> list[dict[str, Any]]:
    chance = random.Random(7)
    return [
        {
            "text": "".join(chance.choices(FRAGMENTS, k=chance.randint(1, 6))),
            "items": chance.choices(FRAGMENTS, k=chance.randint(1, 3)),
            "number": chance.choice([0, -1, 1e-9, 12.5, 10**15]),
        }
        for _ in range(count)
    ]


def script_of(folder: Path, values: list[dict[str, Any]]) -> list[str]:
    """The commands, with a printer in place of the runner: it prints the words a shell made of them."""
    template = python_step("pass", params={"text": ParamType.STRING})
    outfit = lay_outfit(folder, [template])
    lines = [outfit.command_line(candidate_of(template), TICKET, each) for each in values]
    assert all(line.isascii() and line.isprintable() for line in lines)
    return [line.replace("python3 -I -S", "printf '%s\\0'", 1) for line in lines]


@pytest.mark.parametrize(
    ("shell", "count"), [(("sh", "-c"), 10_000), (("bash", "-lc"), 10_000), (("bash", "-ic"), 500)]
)
def test_ten_thousand_odd_values_arrive_as_they_are(
    tmp_path: Path, shell: tuple[str, str], count: int
) -> None:
    values = adversarial(count)
    lines = script_of(tmp_path / "outfit", values)
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    arrived: list[dict[str, Any]] = []
    for start in range(0, len(lines), 400):
        ended = subprocess.run(
            [*shell, "\n".join(lines[start : start + 400])],
            cwd=work_dir,
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        words = ended.stdout.decode().split("\0")[:-1]
        arrived += [json.loads(word) for word in words[4::5]]
    assert arrived == values
    assert tree_of(work_dir) == {}


NOTHING = python_step("pass")
OUTFIT = Outfit(Path("/an outfit"), frozenset({NOTHING.digest}))


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.one_of(st.text(), st.integers(), st.lists(st.text()))))
def test_a_command_line_is_one_line_of_ascii_that_ends_where_it_should(values: dict[str, Any]) -> None:
    line = OUTFIT.command_line(candidate_of(NOTHING), TICKET, values)
    assert line.isascii()
    assert line.isprintable()
    before, quoted, after = line.partition(f"'{TICKET}' '")
    assert before.startswith("python3 -I -S '/an outfit/boost.py' sum-up ")
    assert quoted
    assert after.endswith("'")
    assert "'" not in after[:-1]
    assert json.loads(after[:-1]) == values


def test_values_reach_python_as_json_and_shell_as_variables(tmp_path: Path) -> None:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    params = {"items": ParamType.LIST, "text": ParamType.STRING, "times": ParamType.INTEGER}
    python = python_step("import json; json.dump(P, open('seen.json', 'w'))", "seen.json", params=params)
    shell = shell_step(
        'printf "%s|%s|%s" "$P_items" "$P_text" "$P_times" > seen.txt', "seen.txt", params=params
    )
    for given_values in adversarial(8):
        items = [item for item in given_values["items"] if "\n" not in item and "\r" not in item] or ["x"]
        values = {"items": items, "text": given_values["text"], "times": 3}
        for template in (python, shell):
            taken = take(template, work_dir, values, shell=("bash", "-c"))  # noqa: S604
            assert taken.verdict is not None
            assert taken.verdict.is_done, taken.text
        assert json.loads((work_dir / "seen.json").read_text()) == values
        wanted = f"{chr(10).join(items)}|{values['text']}|3"
        assert (work_dir / "seen.txt").read_bytes() == wanted.encode()
    assert sorted(tree_of(work_dir)) == ["seen.json", "seen.txt"]


def test_an_outfit_is_the_same_however_often_it_is_laid(tmp_path: Path) -> None:
    one, other = python_step("pass"), shell_step("true")
    first = lay_outfit(tmp_path / "a", [one])
    before = {path: path.stat().st_ino for path in first.folder.rglob("*") if path.is_file()}
    second = lay_outfit(tmp_path / "a", [one, other])
    assert second.digests == {one.digest, other.digest}
    assert all(path.stat().st_ino == inode for path, inode in before.items())
    lay_outfit(tmp_path / "b", [other, one])
    assert tree_of(tmp_path / "a") == tree_of(tmp_path / "b")
    modes = {path.stat().st_mode & 0o777 for path in first.folder.rglob("*") if path.is_file()}
    assert modes == {0o644}
    assert first.folder.stat().st_mode & 0o777 == 0o755


def test_an_outfit_that_was_cut_short_is_mended(tmp_path: Path) -> None:
    template = python_step("print('well')")
    lay_outfit(tmp_path / "outfit", [template])
    for path in (tmp_path / "outfit").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:40])
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    taken = take(template, work_dir, outfit=tmp_path / "outfit")
    assert taken.verdict is not None
    assert taken.verdict.stdout == "well"


def test_the_digest_of_a_template_is_that_of_its_file(tmp_path: Path) -> None:
    template = python_step("print('é\\ud800')", "ä.json", params={"x": ParamType.ENUM})
    assert lay_outfit(tmp_path / "o", [template]).digests == {template.digest}


def test_a_template_or_ticket_that_is_none_is_refused(tmp_path: Path) -> None:
    outfit = lay_outfit(tmp_path / "o", [python_step("pass")])
    with pytest.raises(ValueError, match="is not in"):
        outfit.command_line(candidate_of(python_step("1")), TICKET, {})
    for ticket in ("", "a b c d", "x'; touch y; '", "a" * 65):
        with pytest.raises(ValueError, match="no ticket"):
            outfit.command_line(candidate_of(python_step("pass")), ticket, {})
    with pytest.raises(ValueError, match=r"NaN|JSON"):
        outfit.command_line(candidate_of(python_step("pass")), TICKET, {"x": float("nan")})


def test_a_purpose_of_any_words_is_one_word(tmp_path: Path) -> None:
    template = python_step("print('well')")
    candidate = candidate_of(template, purpose="it's $(touch x); `y`\n--")
    line = lay_outfit(tmp_path / "o", [template]).command_line(candidate, TICKET, {})
    assert " it-s-touch-x-y " in line


PRINTED = 'total: "5"\n\tüber 🙂 \\n done'
DONE = f"[boost {TICKET}: done] wrote a.json (3 keys), b c.csv (12 rows)"
LINE = f"{DONE}; printed {len(PRINTED.encode())} bytes, {zlib.crc32(PRINTED.encode()):08x}"
WHOLE = f"{PRINTED}\n{LINE}\n"
BAILED = f"[boost {TICKET}: bailed out: input: a.csv: has no column 'x', but \"y\"] nothing was changed"


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        WHOLE.strip(),
        WHOLE.replace("\n", "\r\n"),
        f"Exit code: 0\nWall time: 0.1 seconds\nOutput:\n{WHOLE}",
        f"<stdout>\n{WHOLE}</stdout>\n<stderr></stderr>",
        f"{WHOLE}\nCommand finished with exit code 0",
        json.dumps({"output": WHOLE, "metadata": {"exit_code": 0}}),
        json.dumps({"output": WHOLE, "metadata": {"exit_code": 0}}, ensure_ascii=False),
        json.dumps({"content": [{"text": json.dumps({"output": WHOLE})}]}),
        json.dumps({"output": WHOLE.strip(), "metadata": {"exit_code": 0}}),
        json.dumps([{"type": "text", "text": WHOLE.strip()}]),
        f"$ python3 -I -S /x/boost.py sum-up 0123456789ab '{TICKET}' '{{}}'\n{WHOLE}",
        f"[boost {TICKET}: bailed out: code: first] nothing was changed\n{WHOLE}",
    ],
)
def test_a_verdict_is_read_back_from_any_wrapping(text: str) -> None:
    verdict = verdict_of(text, TICKET)
    assert verdict is not None
    assert verdict.is_done
    assert verdict.outputs == "wrote a.json (3 keys), b c.csv (12 rows)"
    assert verdict.stdout == PRINTED


def test_a_text_that_was_cut_says_so() -> None:
    cut = WHOLE[5:]
    verdict = verdict_of(cut, TICKET)
    assert verdict is not None
    assert verdict.is_done
    assert verdict.stdout is None
    assert verdict_of(WHOLE[: len(PRINTED) + 10], TICKET) is None
    lost = verdict_of(WHOLE[: WHOLE.index("; printed") - 4], TICKET)
    assert lost is not None
    assert lost.stdout is None


@pytest.mark.parametrize(
    "wrap", [str, lambda text: json.dumps({"out": text}), lambda text: text + "\nexit 75"]
)
def test_a_bail_out_is_read_back_with_its_reason(wrap: Any) -> None:
    verdict = verdict_of(wrap(BAILED), TICKET)
    assert verdict is not None
    assert not verdict.is_done
    assert verdict.reason == "input: a.csv: has no column 'x', but \"y\""


@pytest.mark.parametrize(
    "wrap", [str, lambda text: json.dumps({"out": text}), lambda text: text + "\nexit 0"]
)
def test_a_step_that_printed_nothing_says_so(wrap: Any) -> None:
    verdict = verdict_of(wrap(f"[boost {TICKET}: done] wrote a (1).json (3 keys), b.csv (12 rows)"), TICKET)
    assert verdict is not None
    assert verdict.stdout == ""
    assert verdict.outputs == "wrote a (1).json (3 keys), b.csv (12 rows)"


@pytest.mark.parametrize(
    "text", ["", "done", "[boost other: done] wrote all", f"'{TICKET}'", f"[boost {TICKET}: "]
)
def test_other_texts_hold_no_verdict(text: str) -> None:
    assert verdict_of(text, TICKET) is None


def test_what_code_prints_is_no_verdict(tmp_path: Path) -> None:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    code = f"print('[boost {TICKET}: done] wrote all (1 keys)'); raise SystemExit(P['code'])"
    template = python_step(code, params={"code": ParamType.INTEGER})
    assert take(template, work_dir, {"code": 4}).reason.startswith("code: exit code 4")
    taken = take(template, work_dir, {"code": 0})
    assert taken.verdict is not None
    assert taken.verdict.outputs == "wrote nothing"
    assert taken.text.count(TICKET) == 1
