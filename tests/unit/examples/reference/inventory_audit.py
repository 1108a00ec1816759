"""The skill ``inventory-audit``, done by the book."""

import csv
import json
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
SLIPS = ("earlier rounds added up", "packs taken for pieces", "no tolerance", "SKUs as they were typed")


def solve(folder, prompt, slip=None):
    """Write ``audit.csv`` and ``summary.json``."""
    books = {row["sku"]: row for row in rows_of(folder / "stock.csv")}
    prices = {row["sku"]: row for row in rows_of(folder / "prices.csv")}
    counted = count(rows_of(folder / "count.csv"), slip)
    rows = []
    for sku in sorted(set(books) | set(counted)):
        kind, expected = (books[sku]["class"], int(books[sku]["expected"])) if sku in books else ("", 0)
        difference = counted.get(sku, 0) - expected
        value = Decimal(0)
        if sku in prices:
            pack = 1 if slip == "packs taken for pieces" else int(prices[sku]["pack"])
            value = difference * Decimal(prices[sku]["price"]) / pack
        value = value.quantize(CENT, ROUND_HALF_UP)
        allowed = 0 if slip == "no tolerance" else tolerance(kind, expected)
        if sku not in books:
            status = "unknown"
        elif expected > 0 and not counted.get(sku):
            status = "missing"
        elif abs(difference) <= allowed:
            status = "ok"
        else:
            status = "recount" if abs(value) >= 200 else "adjust"
        rows.append((sku, kind, expected, expected + difference, difference, value, status))
    with (folder / "audit.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("sku", "class", "expected", "counted", "difference", "value", "status"))
        out.writerows(rows)
    (folder / "summary.json").write_text(json.dumps(summary(rows)))


def rows_of(path):
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def count(sheet, slip):
    """Pieces by SKU."""
    rounds = {}
    for row in sheet:
        sku = row["sku"] if slip == "SKUs as they were typed" else row["sku"].strip().upper()
        place = (sku, row["bin"], row["round"] if slip == "earlier rounds added up" else "")
        rounds.setdefault(place, []).append((int(row["round"]), int(row["quantity"])))
    counted = defaultdict(int)
    for (sku, _, _), each in rounds.items():
        counted[sku] += max(each)[1]
    return counted


def tolerance(kind, expected):
    """Pieces of difference that are accepted."""
    return {"A": 0, "B": expected * 2 // 100, "C": max(3, expected * 5 // 100)}.get(kind, 0)


def summary(rows):
    """What the auditors get."""
    by_status = dict.fromkeys(("ok", "adjust", "recount", "missing", "unknown"), 0)
    by_status |= Counter(row[-1] for row in rows)
    recount = sorted((row for row in rows if row[-1] == "recount"), key=lambda row: -abs(row[5]))
    lost_a = any(row[1] == "A" and row[-1] == "missing" for row in rows)
    many = (len(rows) - by_status["ok"]) * 4 > len(rows)
    return {
        "items": len(rows),
        "by_status": by_status,
        "shortage": float(sum(row[5] for row in rows if row[5] < 0)),
        "surplus": float(sum(row[5] for row in rows if row[5] > 0)),
        "recount": [row[0] for row in recount],
        "verdict": "rejected" if lost_a or many else "accepted",
    }
