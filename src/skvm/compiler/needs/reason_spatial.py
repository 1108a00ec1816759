"""What needs ``reason.spatial``: distances and areas the agent works out itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.commands import has_command
from skvm.compiler.reading.prose import Prose, Sentence
from skvm.compiler.reading.spotting import spotted, stems
from skvm.target.contract import Level

RULES = {
    Level.L1: "a distance between points of the plane, straight or along a grid",
    Level.L2: "an area of a polygon or of a shape of several parts, or a formula on the sphere in steps",
    Level.L3: "a distance on a sphere from latitudes and longitudes",
}
_STEMS = stems("distance|area|haversine|great-circle|great circle|how far|nearest|perimeter|距离|面积|大圆")
_VERB = re.compile(
    r"\b(?:calculat\w+|comput\w+|work out|determin\w+|find|give|measure|figure out|estimate|state|report"
    r"|add up|derive)\b"
    r"|计算|求出?|算出|给出|测量|得出",
    re.IGNORECASE,
)
SPHERE = re.compile(r"\b(?:great[- ]circle|haversine|geodesic|vincenty)\b|大圆|球面距离", re.IGNORECASE)
"""Words for a distance on a sphere."""
_POSITIONS = re.compile(r"\b(?:latitudes?|longitudes?|lat/lon|gps)\b|经度|纬度|经纬度", re.IGNORECASE)
_DISTANCE = re.compile(
    r"\b(?:distances?)\s+(?:\w+\s+){0,3}?(?:between|from|to)\b|\bhow far\b|\bnearest\b|\bdistances? (?:in"
    r"|of)\b|距离",
    re.IGNORECASE,
)
_POINTS = re.compile(
    r"\b(?:points?|coordinates?|corners?|grid|cells?|blocks?|positions?|straight[- ]line|manhattan"
    r"|euclidean|x and y|metres|meters|kilomet(?:re|er)s|km|miles)\b"
    r"|坐标|[两]点|网格|直线|公里|千米|米",
    re.IGNORECASE,
)
_AREA = re.compile(
    r"\bareas?\s+(?:of|from|in|enclosed|under|between)\b|\bsurface areas?\b|\bperimeters?\b|面积|周长",
    re.IGNORECASE,
)
_SHAPE = re.compile(
    r"\b(?:plots?|polygons?|corners?|vertices|triangles?|rectangles?|shapes?|parcels?|squares?|rooms?"
    r"|floors?|walls?|fields?|outlines?|circles?|"
    r"square (?:met|feet|inch|kilomet|cent)\w*|hectares?|acres?)\b|多边形|三角形|矩形|房间|地块|顶点|平方",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(?:interactive|clickable|problem|focus|improvement|growth|subject|practice|expertise|levenshtein"
    r"|edit|cosine|hamming|wasserstein|"
    r"vector|embedding|emotional|cultural|social|genetic|hop|key|risk|coverage|feature"
    r"|opportunity) (?:areas?|distances?)\b"
    r"|\bareas? (?:of|for) (?:improvement|focus|concern|expertise|growth|life|law|practice|strength"
    r"|weakness|responsibilit\w+|the (?:business|product|code))\b"
    r"|\bdistance (?:matrix|metric|function|threshold|from emotions)\b",
    re.IGNORECASE,
)
STEPS = re.compile(r"\bsin\(|\bcos\(", re.IGNORECASE)
"""Formulas of trigonometry, written out."""


def find(reading: Reading) -> Iterator[Need]:
    """Sentences that ask for a distance or an area; a command behind it asks for nothing any more."""
    prose = reading.prose
    for sentence in spotted(prose, _STEMS):
        text = sentence.text
        if _NOT.search(text) or not _VERB.search(text) or has_command(prose, sentence):
            continue
        level = _level(prose, sentence)
        if level is not None:
            yield Need(level, sentence.span)


def _level(prose: Prose, sentence: Sentence) -> Level | None:
    text = sentence.text
    if SPHERE.search(text) or (_DISTANCE.search(text) and _POSITIONS.search(text)):
        fence = prose.fence_after(sentence.block)
        is_written = fence is not None and STEPS.search(prose.text(fence.content)) is not None
        return Level.L2 if is_written else Level.L3
    if _AREA.search(text) and _SHAPE.search(text):
        return Level.L2
    return Level.L1 if _DISTANCE.search(text) and _POINTS.search(text) else None


DETECTORS.register("reason.spatial", Detector(RULES, find))
