"""Join parts of one document: lists of JSON or YAML become one list, other text one text.

join.py PART_FILE ...        prints the whole; parts are taken by the numbers in their names
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, NoReturn


def stop(message: str) -> NoReturn:
    """End with a line that says what is wrong; nothing has been printed."""
    sys.exit(f"join.py: {message}")


def order(name: str) -> list[Any]:
    """Numbers in a name compare as numbers, so that part-10 stands behind part-9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", Path(name).name)]


def bare(text: str) -> str:
    """A part without the fence it may have been written in, without empty lines around it."""
    lines = [line.rstrip() for line in text.strip("\n").splitlines() if not line.startswith("```")]
    return "\n".join(lines).strip("\n")


def joined_json(parts: dict[str, str]) -> str:
    """One list of what the parts hold."""
    whole: list[Any] = []
    for name, text in parts.items():
        try:
            value = json.loads(text)
        except ValueError as error:
            stop(f"{name} is not JSON: {error}")
        whole += value if isinstance(value, list) else [value]
    return json.dumps(whole, indent=2, ensure_ascii=False)


def joined_yaml(parts: dict[str, str]) -> str:
    """The items of all parts in one list."""
    for name, text in parts.items():
        first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
        if not re.match(r"- ", first):
            stop(f"{name} must be a list: its first line begins with '- '")
        if "\t" in re.sub(r"[^\t\n ].*", "", text):
            stop(f"{name} is indented with tabs; use blanks")
    return "\n".join(parts.values())


def main(words: list[str]) -> None:
    """Read every part, print the whole."""
    if not words:
        stop("call it with the files of the parts")
    try:
        parts = {
            name: bare(Path(name).read_text(encoding="utf-8-sig"))
            for name in sorted(dict.fromkeys(words), key=order)
        }
    except OSError as error:
        stop(f"{error.filename}: {error.strerror}")
    endings = {Path(name).suffix.lower() for name in parts}
    if len(endings) > 1:
        stop(f"the parts are of different kinds: {', '.join(sorted(endings))}")
    if empty := [name for name, text in parts.items() if not text]:
        stop(f"{empty[0]} is empty")
    ending = endings.pop()
    if ending == ".json":
        whole = joined_json(parts)
    else:
        whole = joined_yaml(parts) if ending in {".yaml", ".yml"} else "\n\n".join(parts.values())
    sys.stdout.write(whole + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
