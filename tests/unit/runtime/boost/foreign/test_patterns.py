"""JavaScript patterns on RE2: the same matches as in JavaScript, or a refusal; never slow."""

import json
import random
import shutil
import subprocess

import pytest

from skvm.runtime.boost.foreign.patterns import MAX_TEXT, compile_pattern
from skvm.runtime.boost.foreign.translation import PatternRefusedError

NODE = shutil.which("node")
SCRIPT = """
const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const found = cases.map(([source, text]) => {
  let pattern;
  try { pattern = new RegExp(source, 'di'); } catch { return 'invalid'; }
  const match = pattern.exec(text);
  if (!match) return null;
  const span = match.indices.length > 1 ? match.indices[1] : match.indices[0];
  return span === undefined || (match.length > 1 && span[0] === span[1]) ? null : span;
});
console.log(JSON.stringify(found));
"""


def in_javascript(cases):
    ran = subprocess.run(
        [NODE, "-e", SCRIPT], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout)


def here(source, text):
    try:
        found = compile_pattern(source).find(text)
    except PatternRefusedError as error:
        return error.reason
    return None if found is None else list(found)


HANDMADE = [
    (r"(?:from|in|of)\s+[\"'`]?([^\s\"'`]+\.csv)", "Sum the amounts in `sales.csv` now"),
    (r"column\s+(\w+)", "the COLUMN Amount of x"),
    (r"json\.load[\s\S]*?for\s+\w+\s+in", "json.load(f)\nfor  row in"),
    (r"^\s*(\d+)\s*$", "  12  "),
    (r"^(\d+)$", "12\n"),
    (r"a$", "a\n"),
    (r"(?<year>\d{4})-\d\d", "on 2026-03-01"),
    (r"[^]*x([^])", "ab\ncxy"),
    (r"[]", "a"),
    (r"a|[^]|", ""),
    (r"k", "\u212a"),
    (r"s", "\u017f"),
    (r"[a-z]", "\u212a"),
    (r"[k-s]", "K"),
    (r"[^k]", "K\u212a"),
    (r"\w", "\u017f"),
    (r"\W", "\u017f"),
    (r"[\w]", "\u212a"),
    (r"é", "É"),
    (r"[à-é]", "É"),
    (r"\s", "\ufeff"),
    (r"\s", "\u2028"),
    (r"\S+", "\u00a0x\u180e"),
    (r".", "\u2028"),
    (r".+", "\u0085a"),
    (r"\u00e9", "É"),
    (r"\x41\x4", "ax4"),
    (r"\u41", "u41"),
    (r"\u{3}", "uuu"),
    (r"\cA", "\x01"),
    (r"\c", "\\c"),
    (r"[\c]", "\\"),
    (r"\0", "\x00"),
    (r"\01", "\x01"),
    (r"\8", "8"),
    (r"\377\400", "\xff 0"),
    (r"a{,3}", "a{,3}"),
    (r"a{2}{", "aa{"),
    (r"{", "{"),
    (r"}]", "}]"),
    (r"x{1,2}?y", "xxy"),
    (r"[\b]", "\x08"),
    (r"\bx", "é-xy"),
    (r"[a-\d]", "-"),
    (r"[\d-z]", "-"),
    (r"[-a]", "-"),
    (r"[a-]", "-"),
    (r"\-\_\/\#\'", "-_/#'"),
    (r"\p{L}", "p{L}"),
    (r"\k", "k"),
    (r"(a)|b", "b"),
    (r"(a)?b", "b"),
    (r"(a*?)b", "aab"),
    (r"((a)|(b))+?c", "abc"),
    (r"", "abc"),
]


@pytest.mark.skipif(NODE is None, reason="there is no node to compare with")
def test_handmade_patterns_match_as_in_javascript():
    for (source, text), expected in zip(HANDMADE, in_javascript(HANDMADE), strict=True):
        assert expected != "invalid", source
        assert here(source, text) == expected, (source, text)


ATOMS = [
    *("a", "b", "k", "s", "K", "x", "0", "-", "_", "é", ".", "^", "$"),
    *(r"\d", r"\w", r"\s", r"\S", r"\W", r"\D", r"\b", r"\B", r"\.", r"\/", r"\n", r"\t", r"\""),
    *("[abc]", "[^ab]", "[a-k]", r"[\d_]", r"[\s,]", r"[^\s]", r"\u0041", r"\x62"),
    " ",
    ",",
    "{",
    "}",
    "]",
    r"[\]]",
    r"[^\w\s]",
    "\\\\",
]
TEXTS = [
    "a",
    "b",
    "k",
    "s",
    "K",
    "x",
    "0",
    "-",
    "_",
    "é",
    "É",
    " ",
    "\n",
    "\t",
    ",",
    ".",
    "/",
    "{",
    "}",
    "]",
    '"',
]
TEXTS += ["\u00a0", "\\", "d", "u", "A", "B"]


def some_pattern(draw, depth=0):
    parts = []
    for _ in range(draw.randint(1, 4)):
        part = draw.choice(ATOMS)
        if depth < 3 and draw.random() < 0.3:
            opening = draw.choice(["(", "(", "(?:", f"(?<n{draw.randrange(10**6)}>"])
            part = f"{opening}{some_pattern(draw, depth + 1)})"
        if draw.random() < 0.4:
            part += draw.choice(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,}", "{1,3}?"])
        parts.append(part)
    text = "".join(parts)
    return f"{text}|{draw.choice(ATOMS)}" if draw.random() < 0.15 else text


REFUSED_THOUGH_VALID = ("looks", "repeats")


@pytest.mark.skipif(NODE is None, reason="there is no node to compare with")
def test_random_patterns_match_as_in_javascript():
    draw = random.Random(3)
    cases = []
    for _ in range(3000):
        text = "".join(draw.choice(TEXTS) for _ in range(draw.randint(0, 8)))
        cases.append((some_pattern(draw), text))
    compared = 0
    for (source, text), expected in zip(cases, in_javascript(cases), strict=True):
        found = here(source, text)
        if expected == "invalid":
            assert isinstance(found, str), source
        elif isinstance(found, str):
            assert found.startswith(REFUSED_THOUGH_VALID), (source, found)
        else:
            compared += 1
            assert found == expected, (source, text)
    assert compared > 2000


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (r"(?=a)", "looks ahead"),
        (r"(?!a)", "looks ahead"),
        (r"(?<=a)b", "looks behind"),
        (r"(?<!a)b", "looks behind"),
        (r"(a)\1", "refers back"),
        (r"\1(a)", "refers back"),
        (r"(?<n>a)\k<n>", "refers back"),
        (r"a\B", "no edge of a word"),
        (r"a{1001}", "repeats more than"),
        (r"(a*)*", "repeats what may be nothing"),
        (r"(.*)?", "repeats what may be nothing"),
        (r"(|a)+", "repeats what may be nothing"),
        (r"(?:\b){2}", "repeats what may be nothing"),
        (r"(a", "unterminated group"),
        (r"a)", "unmatched"),
        (r"[a", "unterminated class"),
        (r"*a", "nothing to repeat"),
        (r"a**", "nothing to repeat"),
        (r"^*", "nothing to repeat"),
        (r"{2}", "nothing to repeat"),
        (r"a{3,2}", "wrong way round"),
        (r"[z-a]", "wrong way round"),
        ("\\", "backslash"),
        (r"(?i)a", "no group of JavaScript"),
        (r"(?P<n>a)", "no group of JavaScript"),
        (r"(?<1>a)", "no proper name"),
        (r"\ud83d", "half of a character"),
        (r"[\ud83d\ude00]", "half of a character"),
        ("(" * 60 + ")" * 60, "nested too deeply"),
        ("a" * 2001, "longer than"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_place(source, why):
    with pytest.raises(PatternRefusedError, match=why):
        compile_pattern(source)


HOSTILE = [
    (r"(a+)+$", "a" * 50_000 + "!"),
    (r"(a|a)*$", "a" * 50_000 + "!"),
    (r"(a|aa)+$", "a" * 50_000 + "!"),
    (r"(.*)*x", "a" * 50_000),
    (r"(.+)*x", "a" * 50_000),
    (r"([a-z]+)*\d", "a" * 50_000),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 50_000),
    (r"(\w+\s?)*!", "word " * 10_000),
    (r"(x+x+)+y", "x" * 50_000),
    (r"(?:a?){500}(?:a){500}", "a" * 499),
    (r"[\s\S]*?" * 50 + "z", "a" * 20_000),
    (r"(((a{1,9}){1,9}){1,9}){1,9}b", "a" * 5_000),
    ("|".join(["a" * 30] * 60) + "!", "a" * 50_000),
]


@pytest.mark.parametrize(("source", "text"), HOSTILE)
def test_patterns_that_blow_up_elsewhere_end_here(source, text):
    """Each of them takes other engines longer than anybody waits; that the test ends is the point of it."""
    found = here(source, text)
    assert found is None or isinstance(found, list | str)


def test_repeats_of_repeats_too_large_for_memory_are_refused():
    with pytest.raises(PatternRefusedError, match="RE2 refuses it"):
        compile_pattern("((((x{1000}){1000}){1000}){1000})")


def test_a_long_text_is_read_so_far_and_no_further():
    pattern = compile_pattern("(z)")
    assert pattern.find("a" * (MAX_TEXT - 1) + "z") == (MAX_TEXT - 1, MAX_TEXT)
    assert pattern.find("a" * MAX_TEXT + "z") is None


def test_places_are_counted_in_characters_also_behind_odd_ones():
    assert compile_pattern("(z)").find("😀é\udc80z") == (3, 4)
    assert compile_pattern(r"\ud83d\ude00").find("a😀") == (1, 2)


@pytest.mark.parametrize("junk", range(20))
def test_random_bytes_as_a_pattern_are_compiled_or_refused(junk):
    draw = random.Random(junk)
    for _ in range(200):
        source = "".join(chr(draw.choice([*range(32, 127), 0, 10, 233, 0x1F600])) for _ in range(20))
        found = here(source, "some text 12")
        assert found is None or isinstance(found, list | str)
