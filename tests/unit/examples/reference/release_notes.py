"""The skill ``release-notes``, done by the book."""

import re
from itertools import groupby

ORDER = ("Breaking changes", "Security", "New", "Improved", "Fixed", "Deprecated")
SECTION = {
    "security": "Security",
    "feature": "New",
    "change": "Improved",
    "performance": "Improved",
    "fix": "Fixed",
    "deprecation": "Deprecated",
}
SLIPS = ("in the order of the files", "reverts overlooked", "only the first five files", "as a list of stars")


def solve(folder, prompt, slip=None):
    """Write ``RELEASE_NOTES.md``."""
    product, version, date = re.search(r"(\w+) (\d+\.\d+\.\d+)\D.*?(\d{4}-\d\d-\d\d)", prompt).groups()
    paths = sorted(path for path in (folder / "changes").iterdir() if path.name != "README.md")
    if slip == "only the first five files":
        paths = paths[:5]
    found = [read(path.read_text()) for path in paths]
    listed = [each for each in found if each["type"] != "internal"]
    if slip != "reverts overlooked":
        listed = without_reverts(listed)
    if slip != "in the order of the files":
        listed.sort(key=lambda each: (each["area"], int(each["pr"])))
    listed.sort(key=lambda each: ORDER.index(section(each)))
    people = sorted({each["author"] for each in listed})
    lines = [f"# {product} {version}", ""]
    lines += [f"Released on {date}. {len(listed)} changes from {len(people)} people.", ""]
    for name, entries in groupby(listed, section):
        lines += [f"## {name}", ""]
        lines += [f"- **{each['area']}**: {each['text']} (#{each['pr']})" for each in entries]
        lines += [""]
    text = "\n".join([*lines, "## Thanks", "", ", ".join(people), ""])
    if slip == "as a list of stars":
        text = text.replace("- **", "* **")
    (folder / "RELEASE_NOTES.md").write_text(text)


def read(text):
    """A fragment as its header and ``text`` on one line."""
    head, body = text.split("\n\n", 1)
    return dict(line.split(": ", 1) for line in head.splitlines()) | {"text": " ".join(body.split())}


def section(each):
    """Where a change stands on the page."""
    return "Breaking changes" if each.get("breaking") == "yes" else SECTION[each["type"]]


def without_reverts(listed):
    """What is left when reverts and what they take back have cancelled each other."""
    numbers = {each["pr"] for each in listed}
    gone = {
        number
        for each in listed
        if each.get("reverts") in numbers
        for number in (each["pr"], each["reverts"])
    }
    return [each for each in listed if each["pr"] not in gone]
