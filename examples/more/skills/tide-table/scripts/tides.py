# ruff: noqa: T201
"""Print the tides of the seven days from a given one."""

import csv
import sys
from datetime import date, timedelta
from pathlib import Path

first = date.fromisoformat(sys.argv[1])
week = {(first + timedelta(days=number)).isoformat() for number in range(7)}
path = Path(__file__).parent.parent / "assets" / "tides.csv"
with path.open(encoding="utf-8", newline="") as predictions:
    for row in csv.DictReader(predictions):
        if row["day"] in week:
            print(row["day"], row["time"], row["mark"], row["metres"])
