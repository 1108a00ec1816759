"""The answer reader: form does not matter, values do."""

from __future__ import annotations

from decimal import Decimal

import pytest

from skvm.target.answers import (
    bare,
    clean,
    find_json,
    has_block,
    read_choice,
    read_json,
    read_labelled,
    read_lines,
    read_number,
    read_only_json,
    same_value,
)


@pytest.mark.parametrize(
    "text",
    [
        "42",
        "**42**",
        "Answer: 42",
        "The answer is 42.",
        "42 apples",
        "$42",
        "6 * 7 = 42",
        "12 + 30 = 42 apples.",
        "`42`",
        "```\n42\n```",
        "\ufeff42\r\n",
        "42 (because 6 times 7)",
        "\\boxed{42}",
        "<think>maybe 41</think>42",
        "4.2e1",
        "42.00",
        "42 km (c = 1.668)",
        "42 km (c = 1.668 rad, cos(c) = -0.097)",
        "about 42 km, c = 1.668",
        "42 km, where c ≈ 1.668 and cos = -0.1",
        "**42** since 6 * 7 = 42 and 5 * 7 = 35",
        "√(6² + 7²) = √1764 ≈ 42 m",
        "(5 + 9) / 2 × 6 = 42",
        "(42)",
        "Area = 42 m^2",
        "\\(6 \\times 7 \\approx 42\\)",
    ],
)
def test_a_number_is_read_in_any_coat(text: str) -> None:
    assert read_number(text) == Decimal(42)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234,567.5", "1234567.5"),
        ("−7", "-7"),
        ("-7 degrees", "-7"),
        ("10-3", "10"),
        ("1\u202f234", "1234"),
        ("12,5", "12"),
        ("0.07", "0.07"),
        (".5", "0.5"),
        ("€1,000", "1000"),
        ("10275 km (c = 1.668)", "10275"),
        ("c = 1.668, so 6160 × 1.668 = 10275 km", "10275"),
        ("8 boxes, 25 in each = 200", "200"),
        ("8 × $302 = $2,416.00, minus 10% = $2,174.40", "2174.40"),
        ("$2{,}174.40$", "2174.40"),
    ],
)
def test_signs_separators_and_decimals(text: str, value: str) -> None:
    assert read_number(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "no idea", "v2beta", "forty-two"])
def test_no_number_is_none(text: str) -> None:
    assert read_number(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "1: cedar\n2: maple\n3: oak",
        "1. cedar\n2. maple\n3. oak",
        "**1:** cedar\n**2:** maple\n**3:** oak",
        "(1) cedar\n(2) maple\n(3) oak",
        "Answer 1: cedar\nAnswer 2: maple\nAnswer 3: oak",
        "Q1 = cedar\nQ2 = maple\nQ3 = oak",
        "Here they are:\n\n- 1: cedar\n- 2: maple\n- 3: oak\n\nHope this helps!",
        "| 1 | cedar |\n| 2 | maple |\n| 3 | oak |",
        "1: cedar, 2: maple, 3: oak",
        '{"1": "cedar", "2": "maple", "3": "oak"}',
        '["cedar", "maple", "oak"]',
        "cedar\nmaple\noak",
        "1: wrong\n1: cedar\r\n2: maple\r\n3: oak\r\n",
        "**1:**\ncedar\n\n**2:**\nmaple\n\n**3:**\noak",
    ],
)
def test_labelled_answers(text: str) -> None:
    assert read_labelled(text, ["1", "2", "3"]) == {"1": "cedar", "2": "maple", "3": "oak"}


def test_a_label_is_not_the_beginning_of_a_number() -> None:
    assert read_labelled("1.5\n2", ["1", "2", "3"]) == {}


def test_a_choice_must_be_clear() -> None:
    assert read_choice("Press the **cedar** button.", ["cedar", "maple"]) == "cedar"
    assert read_choice("cedar or maple", ["cedar", "maple"]) is None
    assert read_choice("cedarwood", ["cedar", "maple"]) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, 2]}',
        '```json\n{"a": [1, 2]}\n```',
        'Sure! Here:\n```\n{"a": [1, 2]}\n```\nEnjoy {this}.',
        'The result is {"a": [1, 2]}, as asked [1].',
        '{"a":\r\n [1,\r\n 2]}',
    ],
)
def test_json_is_found_in_prose(text: str) -> None:
    assert read_json(text) == {"a": [1, 2]}


@pytest.mark.parametrize("text", ["", "none", "{a: 1}", "[" * 50_000, '{"a": ' * 3000, "42", '"text"'])
def test_no_json_is_none(text: str) -> None:
    assert read_json(text) is None


def test_the_text_of_the_json_is_kept() -> None:
    found = find_json('Result: {"b":1,"a":2} done')
    assert found == ({"b": 1, "a": 2}, '{"b":1,"a":2}')


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (True, 1, False),
        (1, 1.0, True),
        ("1", 1, False),
        ({"a": 1, "b": [1]}, {"b": [1.0], "a": 1}, True),
        ([1, 2], [2, 1], False),
        (None, None, True),
        ({"a": None}, {}, False),
    ],
)
def test_values_are_compared_with_their_types(left: object, right: object, same: bool) -> None:
    assert same_value(left, right) is same


def test_a_block_has_no_gaps() -> None:
    assert has_block("Here:\n```\nA\nB\nC\n```\nBye", ["A", "B", "C"])
    assert has_block("**A**\n\n**B**", ["A", "B"])
    assert not has_block("A\nx\nB", ["A", "B"])
    assert not has_block("anything", [])


def test_lines_lose_their_markup() -> None:
    assert read_lines("# T\n\n- `a`\n> b\n```py\nc\n```") == ("T", "a", "b", "c")
    assert clean("\ufeffa\r\nb\rc") == "a\nb\nc"


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("a\nb", "a\nb"),
        ("```\na\nb\n```", "a\nb"),
        ("\r\n~~~text\r\na\r\n~~~\r\n", "a"),
        ("````md\n```\na\n```\n````", "```\na\n```"),
        ("Here:\n```\na\n```", "Here:\n```\na\n```"),
        ("```\na\n```\nor\n```\nb\n```", "```\na\n```\nor\n```\nb\n```"),
    ],
)
def test_only_a_fence_around_everything_is_taken_off(text: str, inside: str) -> None:
    assert bare(text) == inside


@pytest.mark.parametrize("text", ['{"a": 1}', '```json\n{"a": 1}\n```', '<think>{}</think>\n\n{"a": 1}\r\n'])
def test_json_alone_is_read(text: str) -> None:
    assert read_only_json(text) == ({"a": 1}, '{"a": 1}')


@pytest.mark.parametrize(
    "text",
    [
        'Sure:\n{"a": 1}',
        '{"a": 1}\n\nBye',
        '**Answer:**\n{"a": 1}',
        'Sure:\n```json\n{"a": 1}\n```',
        '{"a": 2, "a": 1}',
        "",
        "[" * 50_000,
    ],
)
def test_json_beside_anything_else_is_not_alone(text: str) -> None:
    assert read_only_json(text) is None


@pytest.mark.parametrize("text", ["1" + "a" * 20_000, "1" + "." * 3_000, "(" * 20_000 + "7" + ")" * 20_000])
def test_long_nonsense_is_read_to_its_end(text: str) -> None:
    assert read_number(text) in {Decimal(1), Decimal(7), None}


def test_a_label_alone_takes_no_other_labels_line() -> None:
    assert read_labelled("1:\n2: maple\n3:\n", ["1", "2", "3"]) == {"2": "maple"}
