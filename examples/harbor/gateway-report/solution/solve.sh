#!/bin/bash
set -e
cat > /tmp/report.py <<'PYTHON'
import json
import math
import re
from collections import Counter, defaultdict

LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z [A-Z]+ (?P<path>/\S*) (?P<status>\d{3}) (?P<s>\d+\.\d+) req=(?P<id>\w+)"
)
seen, malformed = set(), 0
durations, errors, minutes = defaultdict(list), Counter(), Counter()
for name in ("gateway.log.1", "gateway.log"):
    for line in open(f"/workspace/logs/{name}", encoding="utf-8"):
        found = LINE.fullmatch(line.rstrip("\n"))
        if not found:
            malformed += 1
            continue
        if found["id"] in seen:
            continue
        seen.add(found["id"])
        path = "/".join("{id}" if part.isdigit() else part for part in found["path"].split("?")[0].split("/"))
        durations[path].append(round(float(found["s"]) * 1000))
        if int(found["status"]) >= 500:
            errors[path] += 1
            minutes[found["time"][:16] + "Z"] += 1
report = {
    "requests": len(seen),
    "malformed": malformed,
    "endpoints": {
        path: {
            "requests": len(times),
            "errors": errors[path],
            "p95_ms": sorted(times)[math.ceil(0.95 * len(times)) - 1],
        }
        for path, times in sorted(durations.items())
    },
    "worst_minute": min(minutes, key=lambda minute: (-minutes[minute], minute)),
}
with open("/workspace/report.json", "w", encoding="utf-8") as file:
    json.dump(report, file, indent=2)
PYTHON
python3 /tmp/report.py
