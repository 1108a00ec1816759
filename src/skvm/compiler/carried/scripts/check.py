"""Check the wording of a text against rules.

check.py RULES.json TEXT_FILE        the text may also come from standard input, with - as its name

Prints OK, or one line a rule that is broken, and ends with 1.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

EMOJI = "[\U0001f300-\U0001faff\u2600-\u27bf]"
FORMS = {
    "emoji": EMOJI,
    "exclamation mark": "[!\uff01]",
    "question mark": "[?\uff1f]",
    "bullet": r"(?m)^\s*(?:[-*+]|\d+[.)])\s",
    "heading": r"(?m)^#{1,6}\s",
    "hashtag": r"(?<!\w)#\w",
    "em dash": "\u2014",
    "code fence": "```",
    "semicolon": "[;\uff1b]",
    "link": r"https?://",
    "digit": r"\d",
    "table": r"(?m)^\s*\|",
}
EDGES = {
    "phone number": r"\+?\(?\d[\d ()/.-]{4,}\d",
    "question mark": "[^?\uff1f]*[?\uff1f]",
    "link": r"https?://\S+",
    "number": r"\d[\d.,]*",
    "emoji": EMOJI,
}
AROUND = " \t\r\n*_\"'\u201c\u201d.\u3002"


def stop(message: str) -> NoReturn:
    """End with a line that says what is wrong with the call."""
    sys.stderr.write(f"check.py: {message}\n")
    raise SystemExit(2)


def count(text: str, unit: str) -> int:
    """How many words, letters, characters, sentences, lines or paragraphs a text has."""
    if unit == "characters":
        return len(text.strip())
    if unit == "letters":
        return sum(sign.isalnum() for sign in text)
    if unit == "words":
        return len(re.findall(r"[^\W_]+(?:['\u2019.,:/-][^\W_]+)*", text))
    if unit == "sentences":
        return len(
            re.findall(
                r"[^.!?\u3002\uff01\uff1f]*\w[^.!?\u3002\uff01\uff1f]*(?:[.!?\u3002\uff01\uff1f]+|$)", text
            )
        )
    if unit == "lines":
        return sum(bool(line.strip()) for line in text.splitlines())
    return len([part for part in re.split(r"\n\s*\n", text) if part.strip()])


def fault(rule: dict[str, Any], text: str) -> str:
    """What is wrong with a text by one rule; empty where nothing is."""
    kind = rule["kind"]
    if kind in {"most", "least", "exactly"}:
        found, wanted = count(text, rule["unit"]), rule["number"]
        holds = found <= wanted if kind == "most" else found >= wanted if kind == "least" else found == wanted
        return "" if holds else f"it has {found} {rule['unit']}, {kind} {wanted} wanted"
    if kind == "word":
        word = re.escape(rule["word"])
        found = len(
            re.findall(
                rf"(?<![^\W\d_]){word}(?![^\W\d_])" if rule["word"].isascii() else word, text, re.IGNORECASE
            )
        )
        wanted = rule.get("times")
        return (
            ""
            if (found > 0 if wanted is None else found == wanted)
            else f"it has {rule['word']!r} {found} times"
        )
    if kind == "none":
        hit = re.search(FORMS[rule["form"]], text)
        return f"it has {hit.group(0).strip()!r}" if hit else ""
    return edge_fault(rule, text.strip(AROUND) if "text" in rule else text.strip(" \t\r\n*_\"'"))


def edge_fault(rule: dict[str, Any], text: str) -> str:
    """Whether a text opens or ends with what it has to."""
    pattern = re.escape(rule["text"].strip(AROUND)) if "text" in rule else EDGES[rule["form"]]
    if rule["kind"] == "opens":
        return "" if re.match(pattern, text, re.IGNORECASE) else f"it opens with {text[:30]!r}"
    return "" if re.search(rf"(?:{pattern})\W?\Z", text, re.IGNORECASE) else f"it ends with {text[-30:]!r}"


def main(words: list[str]) -> None:
    """Read the rules and the text, say what is broken."""
    if len(words) != 2:
        stop("call it with a file of rules and the file with the text")
    try:
        rules = json.loads(Path(words[0]).read_bytes())["rules"]
        text = sys.stdin.read() if words[1] == "-" else Path(words[1]).read_text(encoding="utf-8-sig")
    except OSError as error:
        stop(f"{error.filename}: {error.strerror}")
    if not text.strip():
        stop(f"{words[1]} is empty")
    broken = [f"Broken: {rule['says']}: {said}" for rule in rules if (said := fault(rule, text))]
    sys.stdout.write("\n".join(broken or ["OK: every rule holds."]) + "\n")
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
