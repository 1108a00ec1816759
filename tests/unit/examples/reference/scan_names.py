"""The skill ``scan-names``, done by the book."""

import re

KINDS = ("contract", "invoice", "letter", "receipt")
SLIPS = ("every file listed", "no sizes", "kinds not looked at", "findings alone counted")


def solve(folder, prompt, slip=None):
    """Write ``findings.txt``."""
    scans = folder / re.search(r"folder (\w+)/", prompt)[1]
    files = sorted(scans.iterdir())
    rules = {path.name: broken(path, slip) for path in files}
    found = {name: rule or "kind" for name, rule in rules.items() if rule or slip == "every file listed"}
    total = len(found) if slip == "findings alone counted" else len(files)
    lines = [*(f"{name}: {rule}" for name, rule in found.items()), f"{len(found)} findings in {total} files"]
    (folder / "findings.txt").write_text("\n".join(lines) + "\n")


def broken(path, slip):
    """The first rule that a file breaks."""
    parts = path.name.removesuffix(".pdf").split("_")
    tests = {
        "empty": slip != "no sizes" and path.stat().st_size == 0,
        "ending": not path.name.endswith(".pdf"),
        "letters": re.search("[A-Z ]", path.name),
        "date": not re.match(r"\d{4}-\d\d-\d\d_", path.name),
        "kind": slip != "kinds not looked at" and parts[1:2] != [] and parts[1] not in KINDS,
        "sender": len(parts) < 3,
    }
    return next((rule for rule, is_broken in tests.items() if is_broken), None)
