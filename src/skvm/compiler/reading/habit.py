"""Rules that go against habit: words that mean their opposite, what is untrue said as a plain fact."""

from __future__ import annotations

import re

__all__ = ["is_against_habit"]

_OPPOSITES = (
    ("yes", "no"), ("hot", "cold"), ("up", "down"), ("left", "right"), ("true", "false"), ("day", "night"),
    ("black", "white"), ("good", "bad"), ("big", "small"), ("open", "closed"), ("是", "否"), ("对", "错"),
)  # fmt: skip
_MEANS = re.compile(
    r"[\"“'‘]?\b([a-z]+)\b[\"”'’]?\s+(?:means?|is called|are called|stands for|"
    r"counts as)\s+[\"“'‘]?([a-z]+)\b"
    r"|[“\"](.{1,4})[”\"](?:的意思是|表示|意味着)[“\"]?(.{1,4}?)[”\"，。]",
    re.IGNORECASE,
)
_INVENTED = re.compile(
    r"\b(?:invented|made-up|imaginary) (?:calendar|week|month|alphabet|unit|number system|language)\b"
    r"|\b(?:state|present|assert|claim)\b[^.;]{0,60}\b(?:untrue|false|falsehoods?|wrong|"
    r"lies?)\b[^.;]{0,40}\bas\b[^.;]{0,12}\bfacts?\b"
    r"|\b(?:always|only) (?:lie|answer with the opposite|say the opposite)\b|\bopposite of the truth\b"
    r"|(?:虚构|编造)的(?:历法|日历|星期|单位)|说反话|把假的当真",
    re.IGNORECASE,
)


def is_against_habit(text: str) -> bool:
    """Whether a sentence changes what words mean, or has what is untrue said as a plain fact."""
    if _INVENTED.search(text):
        return True
    pairs = [
        ((hit.group(1) or hit.group(3)).lower(), (hit.group(2) or hit.group(4)).lower())
        for hit in _MEANS.finditer(text)
    ]
    return any(pair in _OPPOSITES or pair[::-1] in _OPPOSITES for pair in pairs)
