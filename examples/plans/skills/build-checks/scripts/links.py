"""Find links that lead nowhere: ``links.py outline.json --output links.csv``."""

import argparse
import json
import re
from pathlib import Path


def anchor_of(title: str) -> str:
    """What a title is called in a link."""
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", title.lower()).strip())


def main() -> None:
    """Write a line for every link to a page or a title there is not."""
    parser = argparse.ArgumentParser()
    parser.add_argument("outline", type=Path)
    parser.add_argument("--output", required=True, type=Path)
    given = parser.parse_args()
    pages = json.loads(given.outline.read_text(encoding="utf-8"))
    anchors = {page["page"]: {anchor_of(title) for title in page["titles"]} for page in pages}
    lines = ["page,line,to"]
    for page in pages:
        for link in page["links"]:
            if "://" in link["to"]:
                continue
            name, _, anchor = link["to"].partition("#")
            known = anchors.get(name or page["page"])
            if known is None or (anchor and anchor not in known):
                lines.append(f"{page['page']},{link['line']},{link['to']}")
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
