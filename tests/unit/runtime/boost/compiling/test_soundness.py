"""What must not become a candidate, or not as general as it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.unit.runtime.boost.compiling.workflows import Chore, carried_out, heredoc

from skvm.evidence.blobs import BlobStore
from skvm.runtime.boost.compiling.candidates import Compiled, compile_candidates
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import ParamType
from skvm.runtime.boost.watching import WatchedRun

SALES = "id,region,amount\n1,north,5\n2,south,7\n3,north,11\n"
HOURS = "id,project,minutes\n1,alpha,30\n2,beta,45\n3,beta,60\n"


def watched(chores: Sequence[Chore], folder: Path) -> tuple[WatchedRun, ...]:
    blobs = BlobStore(folder / "blobs")
    return tuple(carried_out(chore, folder, blobs, number) for number, chore in enumerate(chores))


def compiled(chores: Sequence[Chore], folder: Path) -> Compiled:
    return compile_candidates(watched(chores, folder))


def answers(result: Compiled, prompt: str) -> bool:
    return bool(Matcher(result.candidates).match(prompt))


def total(source: str, column: str, target: str) -> str:
    return heredoc(
        f"import csv, json\nvalue = sum(int(r['{column}']) for r in csv.DictReader(open('{source}')))\n"
        f"json.dump({{'total': value}}, open('{target}', 'w'))"
    )


def add_up(source: str, column: str, target: str, data: str) -> Chore:
    return Chore(
        f"Add up {column} in {source} and write the total to {target}.",
        {source: data},
        [total(source, column, target)],
    )


def test_a_value_that_never_varied_stays_fixed(tmp_path: Path) -> None:
    result = compiled(
        [add_up("a.csv", "amount", "t.json", SALES), add_up("b.csv", "amount", "u.json", SALES)], tmp_path
    )
    assert answers(result, "Add up amount in c.csv and write the total to v.json.")
    assert not answers(result, "Add up price in c.csv and write the total to v.json.")


def test_one_run_answers_its_own_prompt_only(tmp_path: Path) -> None:
    chore = add_up("a.csv", "amount", "t.json", SALES)
    result = compiled([chore], tmp_path)
    assert answers(result, chore.prompt)
    assert not answers(result, chore.prompt.replace("a.csv", "b.csv"))


def test_holes_that_were_always_equal_have_to_be(tmp_path: Path) -> None:
    def chore(source: str, column: str) -> Chore:
        code = heredoc(
            f"import csv\nrows = list(csv.DictReader(open('{source}')))\n"
            f"rows.sort(key=lambda r: r['{column}'])\n"
            "w = csv.DictWriter(open('out.csv', 'w', newline=''), rows[0].keys())\n"
            f"w.writeheader()\nw.writerows(r for r in rows if r['{column}'])"
        )
        prompt = f"Sort {source} by {column}, drop rows without {column}, and write out.csv."
        return Chore(prompt, {source: "a,b\n2,x\n1,y\n"}, [code])

    result = compiled([chore("p.csv", "a"), chore("q.csv", "b")], tmp_path)
    assert answers(result, "Sort z.csv by b, drop rows without b, and write out.csv.")
    assert not answers(result, "Sort z.csv by a, drop rows without b, and write out.csv.")


def test_numbers_in_words_are_not_taken_for_others(tmp_path: Path) -> None:
    def chore(source: str, word: str, number: int) -> Chore:
        code = heredoc(
            f"lines = open('{source}').read().splitlines()\n"
            f"open('top.txt', 'w').write('\\n'.join(lines[:{number}]) + '\\n')"
        )
        return Chore(
            f"Write the first {word} lines of {source} to top.txt.", {source: "a\nb\nc\nd\n"}, [code]
        )

    result = compiled(
        [chore("a.txt", "two", 2), chore("b.txt", "three", 3), chore("c.txt", "two", 2)], tmp_path
    )
    assert answers(result, "Write the first two lines of d.txt to top.txt.")
    assert answers(result, "Write the first three lines of b.txt to top.txt.")
    assert not answers(result, "Write the first three lines of d.txt to top.txt.")
    assert not answers(result, "Write the first four lines of a.txt to top.txt.")
    assert all("three" not in str(c.template.params) for c in result.candidates)


def test_what_only_the_code_differs_in_splits_by_wording(tmp_path: Path) -> None:
    def chore(source: str, way: str, is_reverse: bool) -> Chore:
        code = heredoc(
            f"lines = sorted(open('{source}').read().splitlines(), reverse={is_reverse})\n"
            "open('s.txt', 'w').write('\\n'.join(lines) + '\\n')"
        )
        return Chore(f"Sort {source} {way} into s.txt.", {source: "b\na\nc\n"}, [code])

    result = compiled(
        [
            chore("a.txt", "upwards", False),
            chore("b.txt", "downwards", True),
            chore("c.txt", "upwards", False),
            chore("d.txt", "downwards", True),
        ],
        tmp_path,
    )
    codes = {
        way: Matcher(result.candidates).match(f"Sort q.txt {way} into s.txt.")[0].candidate.template.code
        for way in ("upwards", "downwards")
    }
    assert "reverse=True" in codes["downwards"]
    assert "reverse=False" in codes["upwards"]


def test_an_answer_written_down_is_refused(tmp_path: Path) -> None:
    chore = Chore(
        "Add up amount in sales.csv and write the total to t.json.",
        {"sales.csv": SALES},
        [heredoc("open('t.json', 'w').write('{\"total\": 23}')")],
    )
    result = compiled([chore, chore], tmp_path)
    assert result.candidates == ()
    assert "sales.csv" in result.findings[0]


def test_an_answer_written_beside_a_look_is_refused(tmp_path: Path) -> None:
    code = "text = open('sales.csv').read()\nimport json\njson.dump({'total': 23}, open('t.json', 'w'))"
    chore = Chore("Add up amount in sales.csv and write t.json.", {"sales.csv": SALES}, [heredoc(code)])
    result = compiled([chore, chore], tmp_path)
    assert result.candidates == ()
    assert "23" in result.findings[0]


def test_data_in_the_code_is_refused_until_other_data_show_it_harmless(tmp_path: Path) -> None:
    def chore(data: str) -> Chore:
        code = heredoc(
            "import csv, json\ntotals = {'north': 0, 'south': 0}\n"
            "for r in csv.DictReader(open('sales.csv')):\n"
            "    totals[r['region']] = totals.get(r['region'], 0) + int(r['amount'])\n"
            "json.dump(totals, open('t.json', 'w'))"
        )
        return Chore("Total the amounts of sales.csv by region, in t.json.", {"sales.csv": data}, [code])

    same = compiled([chore(SALES), chore(SALES)], tmp_path / "same")
    assert same.candidates == ()
    assert "north" in same.findings[0]
    other = compiled([chore(SALES), chore(SALES.replace("5", "6"))], tmp_path / "other")
    assert len(other.candidates) == 1


def test_a_file_the_code_does_not_open_is_missed(tmp_path: Path) -> None:
    chore = Chore(
        "Copy the lines of a.txt that stand in b.txt to c.txt.",
        {"a.txt": "x\ny\n", "b.txt": "x\ny\n"},
        ["cp a.txt c.txt"],
    )
    result = compiled([chore, chore], tmp_path)
    assert result.candidates == ()


def test_runs_without_a_good_score_teach_nothing(tmp_path: Path) -> None:
    chore = add_up("a.csv", "amount", "t.json", SALES)
    bad = Chore(chore.prompt, chore.files, chore.commands, score=0.2)
    assert compiled([bad, bad], tmp_path) == Compiled()


def test_files_found_by_looking_are_no_guard(tmp_path: Path) -> None:
    code = heredoc(
        "import glob\nlines = [l for p in sorted(glob.glob('*.txt')) for l in open(p)]\n"
        "open('all.md', 'w').writelines(lines)"
    )
    chore = Chore("Join all text files into all.md.", {"a.txt": "a\n", "b.txt": "b\n"}, [code])
    result = compiled([chore, chore], tmp_path)
    assert result.candidates == ()
    assert result.findings


def test_a_step_that_removes_a_file_is_none(tmp_path: Path) -> None:
    chore = Chore("Move a.txt to b.txt.", {"a.txt": "a\n"}, ["mv a.txt b.txt"])
    assert compiled([chore, chore], tmp_path).candidates == ()


def test_other_code_shows_what_may_vary(tmp_path: Path) -> None:
    other = heredoc(
        "import json\nlines = open('hours.csv').read().splitlines()\n"
        "at = lines[0].split(',').index('minutes')\nn = 0\n"
        "for line in lines[1:]:\n    n += int(line.split(',')[at])\n"
        "open('time.json', 'w').write(json.dumps({'total': n}))"
    )
    chores = [
        add_up("sales.csv", "amount", "t.json", SALES),
        Chore("Add up minutes in hours.csv and write the total to time.json.", {"hours.csv": HOURS}, [other]),
    ]
    result = compiled(chores, tmp_path)
    assert len(result.candidates) == 1
    (candidate,) = result.candidates
    assert candidate.origin.run_ids == ("run-00",)
    assert {param.type.value for param in candidate.template.params} == {"path", "string"}
    assert answers(result, "Add up price in c.csv and write the total to v.json.")
    assert not answers(result, "Add up no price in c.csv and write the total to v.json.")


def test_a_run_that_did_otherwise_does_not_spoil_the_others(tmp_path: Path) -> None:
    chores = [
        add_up("a.csv", "amount", "t.json", SALES),
        Chore(
            "Add up amount in b.csv and write the total to u.json.",
            {"b.csv": SALES},
            [total("b.csv", "amount", "t.json")],
        ),
        add_up("c.csv", "amount", "v.json", SALES),
    ]
    result = compiled(chores, tmp_path)
    assert answers(result, "Add up amount in z.csv and write the total to w.json.")


def test_a_run_that_left_more_does_not_spoil_the_others(tmp_path: Path) -> None:
    plain = [add_up(f"{name}.csv", "amount", f"{name}.json", SALES) for name in ("a", "b", "c")]
    messy = Chore(
        plain[1].prompt,
        plain[1].files,
        [plain[1].commands[0], "cp b.json notes.txt"],
    )
    result = compiled([plain[0], messy, plain[2]], tmp_path)
    assert answers(result, "Add up amount in z.csv and write the total to w.json.")


def test_a_witness_that_left_more_does_not_spoil_the_others(tmp_path: Path) -> None:
    def other(source: str, target: str, more: str) -> Chore:
        code = heredoc(
            f"import json\nlines = open('{source}').read().split()\nn = 0\nfor line in lines[1:]:\n"
            f"    n += int(line.split(',')[2])\n"
            f"open('{target}', 'w').write(json.dumps(dict(total=n)))\n{more}"
        )
        prompt = f"Add up amount in {source} and write the total to {target}."
        return Chore(prompt, {source: SALES}, [code])

    chores = [
        add_up("a.csv", "amount", "a.json", SALES),
        other("b.csv", "b.json", "open('log.txt', 'w').write('x')"),
        other("c.csv", "c.json", "print(n, n)"),
    ]
    result = compiled(chores, tmp_path)
    assert answers(result, "Add up amount in z.csv and write the total to w.json.")


def test_values_the_code_knows_by_name_are_no_open_set(tmp_path: Path) -> None:
    def chore(way: str, source: str) -> Chore:
        code = heredoc(
            f"rows = open('{source}').read().split()\nrows.sort(reverse='{way}' == 'downwards')\n"
            "open('s.txt', 'w').write('\\n'.join(rows) + '\\n')"
        )
        return Chore(f"Sort {source} {way} into s.txt.", {source: "b\na\nc\n"}, [code])

    result = compiled([chore("upwards", "a.txt"), chore("downwards", "b.txt")], tmp_path)
    (candidate,) = result.candidates
    (way,) = [param for param in candidate.template.params if param.type is ParamType.ENUM]
    assert way.values == ("downwards", "upwards")
    assert answers(result, "Sort c.txt upwards into s.txt.")
    assert not answers(result, "Sort c.txt randomly into s.txt.")


def test_names_with_blanks_and_quotes_are_values(tmp_path: Path) -> None:
    def chore(source: str, column: str) -> Chore:
        data = f'id,"{column}"\n1,5\n2,6\n'
        return add_up(source, column, "t.json", data)

    plain = [chore("a.csv", "unit price"), chore("b.csv", "net weight")]
    chores = [
        replace(each, prompt=each.prompt.replace(" up ", ' up column "').replace(" in ", '" in ', 1))
        for each in plain
    ]
    result = compiled(chores, tmp_path)
    assert answers(result, 'Add up column "gross weight" in c.csv and write the total to t.json.')
    assert not answers(result, 'Add up column "gross" or "net" in c.csv and write the total to t.json.')
