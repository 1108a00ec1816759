"""Words that need the network or an image generator, and words that only look so."""

import pytest

from skvm.bench.prompt_needs import prompt_reasons

NETWORK = ["needs the network"]


@pytest.mark.parametrize(
    "prompt",
    [
        "Fetch https://news.ycombinator.com/ and list the titles.",
        "You should find them online and convert them.",
        "What is the current stock price of ACME?",
        "Search the web for three upcoming conferences.",
        "Install the humanizer skill from ClawdHub.",
        "Download the data from the server.",
    ],
)
def test_the_network_is_needed(prompt):
    assert prompt_reasons(prompt) == NETWORK


@pytest.mark.parametrize(
    "prompt",
    [
        "Add a download button to the online shop page.",
        "Write a config with base_url https://api.example.com/v1 and http://localhost:8080.",
        'Use xmlns="http://www.w3.org/2000/svg".',
        "Resize the image and save it.",
        "Count the events in log.txt; POST goes to https://example.org.",
    ],
)
def test_words_that_need_nothing(prompt):
    assert prompt_reasons(prompt) == []


def test_both_are_told():
    assert prompt_reasons("Generate an image of a cat you find online: look for one online") == [
        "needs an image generator",
        *NETWORK,
    ]
