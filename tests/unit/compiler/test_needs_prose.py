"""What plain prose needs: skills that describe the work and its results instead of giving orders."""

from __future__ import annotations

from pathlib import Path

import pytest

from skvm.compiler.reading.computation import command_for
from skvm.compiler.reading.names import Names
from skvm.compiler.requirements import analyse
from tests.unit.compiler.making import make_skill

JSON = '\n\n```json\n{"name": "x", "parts": [{"n": 1}]}\n```'
# fmt: off
CASES = [
    ("reason.arithmetic", "L1", "The balance is what came in minus what went out."),
    ("reason.arithmetic", "L2", "The distance, which is the highest reading minus the lowest one."),
    ("reason.arithmetic", "L2", "- the yield per hectare, which is harvest / area * 10;"),
    ("reason.arithmetic", "L1", "The price of one bottle is therefore price / bottles."),
    ("reason.arithmetic", "L1", "Work on a Sunday is paid at twice the rate."),
    ("reason.arithmetic", "L2", "The takings, which is all that was paid at the till."),
    ("reason.arithmetic", "L2", "- `margin` = sales − cost, rounded to cents."),
    ("reason.arithmetic", "L1", "What is left is the stock minus the orders."),
    ("reason.arithmetic", "L2", "The fee is the weight times the rate, rounded to two decimals."),
    ("reason.arithmetic", None, "The input / output of the service is text."),
    ("reason.arithmetic", None, "A meeting takes half the day."),
    ("reason.arithmetic", None, "The CEO / COO is the owner of the plan."),
    ("reason.arithmetic", None, "A script computes the balance: what came in minus what went out."),
    ("tool.file.read", "L1", "The roster is the file `roster.csv`, one row for each shift."),
    ("tool.file.read", "L1", "The limits are laid down in [references/limits.md](references/limits.md)."),
    ("tool.file.read", "L1", "[references/codes.md](references/codes.md) lists the codes."),
    ("tool.file.read", "L1", "The bookings come as the file `bookings.csv`."),
    ("tool.file.read", "L1", "Which teams there are stands in `teams.md`."),
    ("tool.file.read", "L1", "Take the addresses from `contacts.csv`."),
    ("tool.file.read", "L1", "Compare every line with `last.csv`."),
    ("tool.file.read", "L1", "The rule is in `assets/alarm.py`, in the function `ring`."),
    ("tool.file.read", "L1", "专有名词以 `references/names.md` 为准。"),
    ("tool.file.read", "L1", "You can start from [assets/letter.md](assets/letter.md)."),
    ("tool.file.read", "L1", "The notes lie in the folder `notes/`. Go through all the notes before you begin."),  # noqa: E501
    ("tool.file.read", "L1", "## What you are given\n\n| file | rows |\n|---|---|\n| `a.csv` | orders |\n| `b.csv` | goods |"),  # noqa: E501
    ("tool.file.read", None, "The report is kept in `report.md`."),
    ("tool.file.read", None, "Everything is turned into one page, `page.md`. `page.md` has a title."),
    ("tool.file.read", None, "Read all the comments before you answer."),
    ("tool.file.write", "L1", "We turn it into one small page, `week.md`."),
    ("tool.file.write", "L1", "One file comes out of it: `plan.csv`."),
    ("tool.file.write", "L1", "The fragments become one page, `NEWS.md`."),
    ("tool.file.write", "L1", "Put the names into `names.txt`."),
    ("tool.file.write", "L1", "For each guest, add a line to `guests.txt`."),
    ("tool.file.write", "L1", "From the form we write three small files into the folder `out/`."),
    ("tool.file.write", None, "The prices are laid down in `prices.md`."),
    ("tool.file.write", None, "The folder turns up now and then."),
    ("follow.format", "L2", "`card.json` has these fields and no others:" + JSON),
    ("follow.format", "L1", "`card.json` has these fields:" + JSON),
    ("follow.format", "L1", "The whole list might be:\n\n```text\na.pdf: kind\n1 finding\n```"),
    ("follow.format", "L2", "One line `NAME=value` for each setting, in the order of the form, in upper case, without blanks and without quotes."),  # noqa: E501
    ("follow.format", "L1", "An entry is one line:\n\n    name: text (#number)"),
    ("follow.format", "L1", "One line to the club:\n\n> Booked for Thursday."),
    ("follow.format", "L1", "Use this form:\n\n```\nStall: x\nDue: y\n```"),
    ("follow.format", None, "The way it works:\n\nText."),
    ("follow.format", None, "The export has one line for each event:\n\n```text\n2026-01-01 boot\n```"),
    ("follow.format", None, "The input has these fields:" + JSON),
    ("gen.text.structured", "L1", "`card.json` has these fields and no others:" + JSON),
    ("gen.text.structured", "L1", "What comes out is a JSON object with two fields:" + JSON),
    ("gen.text.structured", None, "The server answers, its response has these fields:" + JSON),
    ("reason.logic", "L1", "Each letter gets a kind, the first one in the list that fits."),
    ("reason.logic", "L1", "The interval is 10 for an urgent job, 60 for any other."),
    ("reason.logic", "L1", "Rows without a name are left out."),
    ("reason.logic", "L1", "Lines that start with a blank are not counted."),
    ("reason.logic", "L1", "Only the rows with a stamp are counted."),
    ("reason.logic", "L1", "All others are kept."),
    ("reason.logic", "L1", "| status | when |\n|---|---|\n| `late` | it came after noon |\n| `ok` | all others |"),  # noqa: E501
    ("reason.logic", "L2", "1. Build the plan:\n   - Respect the room constraints:\n     - no two talks in one room\n     - breaks of an hour"),  # noqa: E501
    ("reason.logic", "L1", "A slip that cannot be read is returned to the keeper."),
    ("reason.logic", "L1", "A parcel is late when it came after noon."),
    ("reason.logic", "L1", "| it is about | topic |\n|---|---|\n| dates | booking |\n| anything else | other |"),  # noqa: E501
    ("reason.logic", None, "Check that all expected data is returned."),
    ("reason.logic", None, "The tool is used when the page loads."),
    ("reason.logic", None, "The first time that it applies you see a banner."),
    ("reason.logic", None, "| Tool | When |\n|---|---|\n| axe | chopping |"),
    ("follow.constraint", None, "Names on it may be in lower case."),
    ("follow.constraint", None, "One line for each event, always starting with date and time:\n\n```text\n2026-01-01 boot\n```"),  # noqa: E501
    ("follow.constraint", "L1", "Write the title in lower case."),
]
# fmt: on


@pytest.mark.parametrize(("primitive_id", "level", "body"), CASES)
def test_the_highest_level_of_plain_prose(
    primitive_id: str, level: str | None, body: str, tmp_path: Path
) -> None:
    found = analyse(make_skill(tmp_path, body + "\n")).requirements
    levels = [str(needed.level) for needed in found if needed.primitive_id == primitive_id]
    assert max(levels, default=None) == level


def test_numbered_sections_done_in_order_are_a_procedure(tmp_path: Path) -> None:
    sections = "".join(f"## {number}. {title}\n\nText.\n\n" for number, title in enumerate(TITLES, 1))
    for intro, level in (("Follow it in order.", "L2"), ("These are our views.", None)):
        found = analyse(
            make_skill(tmp_path, f"# Round\n\n{intro}\n\n## The log\n\nText.\n\n{sections}")
        ).requirements
        levels = [str(needed.level) for needed in found if needed.primitive_id == "follow.procedure"]
        assert max(levels, default=None) == level


TITLES = ("The list", "Open doors", "Lights", "Whom to call")


@pytest.mark.parametrize(
    ("text", "is_clear"),
    [
        ("Report the sum of `value`.", True),
        ("`shortage` is the sum of all negative `value` entries.", False),
        ("What was counted is the sum of `value` over its bins.", False),
    ],
)
def test_a_sum_over_chosen_rows_is_no_sum_of_the_column(text: str, is_clear: bool) -> None:
    names = Names(((0, "audit.csv"),), (), {"value": "value"}, {})
    assert (command_for(text, names, 0) is not None) == is_clear
