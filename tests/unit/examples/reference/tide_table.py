"""The skill ``tide-table``, done by the book."""

import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

SKILL = Path(__file__).resolve().parents[4] / "examples" / "more" / "skills" / "tide-table"
SLIPS = ("with a heading", "all predictions printed")


def solve(folder, prompt, slip=None):
    """Write ``table.txt`` with the bundled program, run where the bundle is laid: in the work directory."""
    for part in ("assets", "scripts"):
        shutil.copytree(SKILL / part, folder / part, dirs_exist_ok=True)
    command = [sys.executable, "scripts/tides.py", first_day(prompt)]
    table = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    if slip == "with a heading":
        table = "Tides of the week\n" + table
    if slip == "all predictions printed":
        rows = (folder / "assets" / "tides.csv").read_text().splitlines()[1:]
        table = "".join(row.replace(",", " ") + "\n" for row in rows)
    (folder / "table.txt").write_text(table)


def first_day(prompt):
    """The day the prompt names, as the program wants it."""
    if found := re.search(r"\d{4}-\d\d-\d\d", prompt):
        return found[0]
    return datetime.strptime(re.search(r"\d+ [A-Z]\w+ \d{4}", prompt)[0], "%d %B %Y").date().isoformat()
