"""Reading free text: what counts as a sentence, a word, a first person, and what is no text at all."""

from __future__ import annotations

import random

import pytest

from skvm.target.passages import (
    between,
    contractions,
    fault_of,
    first_person,
    frames,
    has_word,
    paragraphs,
    plain,
    sections,
    sentences,
)
from skvm.target.sentences import Writer


@pytest.mark.parametrize(
    "text",
    [
        "The US signed it.",
        "After World War I the mill was closed.",
        "Part I ends here.",
        "Elizabeth I, who was queen, came by.",
        "The mines were dug by hand.",
        "It was a museum in Houston.",
    ],
)
def test_what_only_looks_like_the_first_person_is_none(text: str) -> None:
    assert first_person(text) == []


@pytest.mark.parametrize(
    "text", ["I saw it.", "She told us.", "It is mine.", "Then I'm off.", "Kira and I went.", "Our town."]
)
def test_the_first_person_is_found(text: str) -> None:
    assert first_person(text)


def test_a_possessive_is_no_contraction() -> None:
    assert contractions("Kira's lamp and the town's mill and the 1990's") == []
    assert contractions("It's late, don\u2019t go, we'll see, let's wait") == [
        "It's",
        "don\u2019t",
        "we'll",
        "let's",
    ]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Mr. Hale came. He left at 3.5 p.m. on Monday. Dr. Woo stayed!", 3),
        ('"Stop!" she said. "Why?" he asked.', 2),
        ("One line without an end", 1),
        ("First one... then more. Second one.", 2),
        ("# A heading\n\nA sentence here.", 1),
    ],
)
def test_sentences_are_counted_as_a_reader_would(text: str, count: int) -> None:
    assert len(sentences(text)) == count


def test_a_word_is_found_as_a_word_in_any_form_of_number() -> None:
    assert has_word("Two Lanterns, and the lantern's light", "lantern")
    assert has_word("the berries", "berry")
    assert has_word("Getting  There is easy", "Getting There")
    assert not has_word("the lanternfish", "lantern")


def test_headings_are_read_bold_numbered_and_from_named_lines() -> None:
    text = plain("**# The Town**\n\n## 1. **Food**\nBread.\n\n**Weather:**\nRain.")
    assert [(s.depth, s.title, s.body) for s in sections(text, ["Weather"])] == [
        (1, "the town", ""),
        (2, "food", "Bread."),
        (2, "weather", "Rain."),
    ]


def test_only_the_last_pair_of_markers_counts() -> None:
    text = "I will use A and B.\nA\ndraft\nB\nBetter:\nA\nfinal\nB\nDone."
    assert between(text, "A", "B") == "final"
    assert between("A\nno end", "A", "B") is None


def test_a_frame_is_offered_off_and_never_forced_off() -> None:
    body = Writer(random.Random(0)).sentences(4)
    assert frames(f"Sure, here it is:\n\n{body}\n\nI hope this helps.")[-1] == body
    assert frames(body) == [body]
    assert len(paragraphs(body)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "lantern, walnut, kettle, parcel, magnet, needle, orchid, pebble.",
        "The lantern is a thing here. The lantern is a thing here. The walnut is over there.",
        "The of lantern to a walnut the. A the kettle of is the a. With the by parcel a an of.",
        "Bla bla bla. Foo bar. Lorem ipsum. Yes. No.",
        "Xkcd qwrt the zzz of brrr. Hmpf tsk the grrr in pfft. Shh psst is a nth of hmm.",
        " ".join(
            f"This is a long sentence about the {word}."
            for word in ("lantern", "walnut", "kettle", "parcel", "magnet", "needle")
        ),
    ],
)
def test_what_is_no_text_is_told(text: str) -> None:
    assert fault_of(text)


def test_plain_prose_is_text() -> None:
    prose = (
        "The ferry was late again, and nobody on the pier seemed to mind. Two children fed the gulls with "
        "what was left of their lunch. \u201cIt will come,\u201d said the old man who sold "
        "tickets; it always did. When the horn finally sounded, the crowd took up its bags "
        "without hurry. Rain had begun to fall on the harbour."
    )
    assert fault_of(prose) == ""


def test_reference_sentences_are_text_over_many_pages() -> None:
    for seed in range(20):
        assert fault_of(Writer(random.Random(seed)).sentences(90)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Hey! Wow! You've gotta try this saddle. It's super comfy. Trust me!",
        "Wow, folks! Check out this ladder! It's awesome. Totally worth it! You'll love it.",
        "The town is nice. The town has a big market. The market has many stalls. The people are nice.",
        "She went to the market. She bought a candle. She bought a basket. She was happy. She went home.",
        "This ladder is great. This ladder is strong. This ladder is safe. This ladder is easy to use.",
        "Welcome to Harlan! What a place! Fresh bread. Warm soup. You will love it here!",
    ],
)
def test_plain_casual_and_repetitive_writing_is_text(text: str) -> None:
    assert fault_of(text) == ""
