# ruff: noqa: T201
"""Print the number of entries of the cash book and their sum."""

import argparse
import csv
from decimal import Decimal
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--who")
parser.add_argument("--since", default="")
options = parser.parse_args()

count, total = 0, Decimal()
with Path("cashbook.csv").open(encoding="utf-8", newline="") as book:
    for row in csv.DictReader(book):
        if options.who in (None, row["who"]) and row["date"] >= options.since:
            count += 1
            total += Decimal(row["amount"])
print(count, total)
