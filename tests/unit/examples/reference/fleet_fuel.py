"""The skill ``fleet-fuel``, done by the book."""

import csv
import json
import re
from collections import defaultdict

TANKS = {"VAN-01": 80, "VAN-02": 80, "VAN-03": 70, "VAN-04": 90, "VAN-05": 70, "TRUCK-01": 200}
SLIPS = ("every litre counted", "diesel alone paid for", "the last reading for the kilometres", "no tanks")


def solve(folder, prompt, slip=None):
    """Write ``fuel_report.json``."""
    with (folder / "fuel.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    purchases = defaultdict(list)
    for row in rows:
        purchases[row["vehicle"]].append(row)
    vehicles = {name: figures(each, slip) for name, each in purchases.items()}
    report = {
        "month": re.search(r"\d{4}-\d\d", prompt)[0],
        "total_litres": round(sum(each["litres"] for each in vehicles.values()), 2),
        "total_cost": round(sum(each["cost"] for each in vehicles.values()), 2),
        "vehicles": vehicles,
        "too_large": [
            f"{row['date']} {row['vehicle']}"
            for row in rows
            if row["product"] == "diesel"
            and float(row["litres"]) > TANKS[row["vehicle"]]
            and slip != "no tanks"
        ],
    }
    (folder / "fuel_report.json").write_text(json.dumps(report))


def figures(rows, slip):
    """What one vehicle used."""
    diesel = [row for row in rows if row["product"] == "diesel"]
    litres = sum(float(row["litres"]) for row in (rows if slip == "every litre counted" else diesel))
    cost = sum(float(row["amount"]) for row in (diesel if slip == "diesel alone paid for" else rows))
    readings = [int(row["odometer"]) for row in rows]
    km = max(readings) - min(readings)
    if slip == "the last reading for the kilometres":
        km = readings[-1]
    return {
        "litres": round(litres, 2),
        "cost": round(cost, 2),
        "km": km,
        "per_100_km": round(litres / km * 100, 1) if km else None,
    }
