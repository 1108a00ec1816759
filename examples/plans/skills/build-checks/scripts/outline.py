"""List the titles and the links of Markdown pages: ``outline.py PAGE... --output outline.json``."""

import argparse
import json
import re
from pathlib import Path

TITLE = re.compile(r"#{1,6}\s+(.+?)\s*#*\s*\Z")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def outline_of(path: Path) -> dict[str, object]:
    """The titles and links of a page, in order; what stands in fences is neither."""
    titles: list[str] = []
    links: list[dict[str, object]] = []
    in_fence = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_fence = not in_fence
        elif not in_fence:
            if found := TITLE.match(line):
                titles.append(found[1])
            links += [{"line": number, "to": target} for target in LINK.findall(line)]
    return {"page": path.name, "titles": titles, "links": links}


def main() -> None:
    """Write one entry a page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--output", required=True, type=Path)
    given = parser.parse_args()
    given.output.parent.mkdir(parents=True, exist_ok=True)
    pages = [outline_of(path) for path in sorted(given.pages)]
    given.output.write_text(json.dumps(pages, indent=1) + "\n", encoding="utf-8")


main()
