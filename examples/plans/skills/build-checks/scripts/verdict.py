"""Put the checks together: ``verdict.py links.csv titles.csv SPELLING... --output verdict.json``."""

import argparse
import json
from pathlib import Path


def rows_of(path: Path) -> int:
    """The lines of a table below its head."""
    return max(0, len(path.read_text(encoding="utf-8").splitlines()) - 1)


def main() -> None:
    """Write how much each check found, and whether the pages are ready."""
    parser = argparse.ArgumentParser()
    parser.add_argument("links", type=Path)
    parser.add_argument("titles", type=Path)
    parser.add_argument("spelling", nargs="+", type=Path)
    parser.add_argument("--output", required=True, type=Path)
    given = parser.parse_args()
    pages = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(given.spelling)]
    found = {
        "broken_links": rows_of(given.links),
        "like_titles": rows_of(given.titles),
        "unknown_words": sum(len(page["unknown"]) for page in pages),
        "pages": len(pages),
    }
    is_ready = found["broken_links"] == found["like_titles"] == found["unknown_words"] == 0
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps({**found, "ready": is_ready}, indent=1) + "\n", encoding="utf-8")


main()
