"""Grade the files in ``config/``: ``check.py service|settings|health|owners``, run in the work directory."""

import configparser
import hashlib
import json
import os
import sys
from pathlib import Path

expected = json.loads(Path(os.environ["SKVM_GRADERS"], "expected.json").read_text(encoding="utf-8"))
points: list[dict[str, object]] = []


def check(name: str, score: float, reason: object = "") -> None:
    """Note a checkpoint."""
    points.append({"name": name, "score": round(float(score), 6), "reason": str(reason)[:200]})


def read(name: str) -> str:
    """A file in ``config/``, empty if there is none."""
    try:
        return Path("config", name).read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def read_lines(name: str) -> list[str]:
    """The lines of a file without empty ones and without blanks at their ends."""
    return [line.rstrip() for line in read(name).splitlines() if line.strip()]


def is_brief_kept() -> bool:
    """Whether the brief is there, unchanged."""
    return all(
        Path(name).is_file() and hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest
        for name, digest in expected["inputs"].items()
    )


def grade_service() -> None:
    """The two sections and each of their values; blanks around the equals sign are no matter."""
    parser = configparser.ConfigParser(interpolation=None)
    text = read("service.ini")
    try:
        parser.read_string(text)
        found = {section: dict(parser.items(section)) for section in parser.sections()}
    except configparser.Error:
        found = {}
    wanted = expected["service"]
    form = {section: set(values) for section, values in wanted.items()}
    check("sections", {section: set(values) for section, values in found.items()} == form, text)
    for section, values in wanted.items():
        for name, value in values.items():
            given = found.get(section, {}).get(name)
            check(f"{section}: {name}", given == value, given)


def grade_settings() -> None:
    """Each variable word for word, their order and nothing else; the brief as it was."""
    lines = read_lines("settings.env")
    wanted = expected["settings"]
    for line in wanted:
        check(line, line in lines, lines)
    check("these lines in this order", lines == wanted, lines)
    files = ("service.ini", "settings.env", "health.json", "OWNERS")
    something = any(read(name) for name in files)
    check("brief kept", something and is_brief_kept(), "changed, or no file to speak of")


def grade_health() -> None:
    """The two fields."""
    try:
        found = json.loads(read("health.json"))
    except (ValueError, RecursionError):
        found = {}
    found = found if isinstance(found, dict) else {}
    wanted = expected["health"]
    check("fields", set(found) == set(wanted), sorted(found))
    check("url", found.get("url") == wanted["url"], found.get("url"))
    interval = found.get("interval")
    is_number = isinstance(interval, int | float) and not isinstance(interval, bool)
    check("interval", is_number and interval == wanted["interval"], interval)


def grade_owners() -> None:
    """The addresses, and the lines they stand on."""
    lines = read_lines("OWNERS")
    wanted = expected["owners"]
    check("addresses", len(set(lines) & set(wanted)) / len(set(lines) | set(wanted)), lines)
    check("these lines in this order", lines == wanted, lines)


GRADES = {
    "service": grade_service,
    "settings": grade_settings,
    "health": grade_health,
    "owners": grade_owners,
}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
