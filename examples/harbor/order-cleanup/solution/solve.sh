#!/bin/bash
set -e
mkdir -p /app/out
python3 - <<'PYTHON'
import csv
import re
from datetime import datetime


def iso(text):
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"):
        try:
            return datetime.strptime(text.strip(), form).date().isoformat()
        except ValueError:
            pass
    return None


def number(text):
    text = text.strip()
    if not re.fullmatch(r"\d+(?:[.,]\d+)*", text):
        return None
    decimals = re.search(r"[.,](\d{1,2})$", text)
    whole = text[: decimals.start()] if decimals else text
    value = float(re.sub(r"[.,]", "", whole) + ("." + decimals[1] if decimals else ""))
    return f"{value:.2f}" if value > 0 else None


kept, rejected = {}, []
with open("/app/data/orders.csv", newline="", encoding="utf-8") as file:
    reader = csv.reader(file)
    header = next(reader)
    for row in reader:
        order_id, date, customer, amount, currency = row
        order_id = order_id.strip()
        day, value = iso(date), number(amount)
        reason = "no-id" if not order_id else "bad-date" if day is None else "bad-amount" if value is None else ""
        if reason:
            rejected.append((reader.line_num, reason))
            continue
        kept[order_id] = (order_id, day, " ".join(customer.split()), value, currency.strip().upper())
with open("/app/out/orders.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(sorted(kept.values(), key=lambda row: (row[1], row[0])))
with open("/app/out/rejected.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["line", "reason"])
    writer.writerows(rejected)
PYTHON
