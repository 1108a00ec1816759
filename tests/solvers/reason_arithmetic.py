"""``reason.arithmetic`` from its words: step by step in decimals, interest period by period."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext

from skvm.target.contract import Answer, Level, Probe

CENT = Decimal("0.01")


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _one, Level.L2: _bill, Level.L3: _account}[level](probe.prompt)


def _one(prompt: str) -> list[Answer]:
    a, b = map(int, re.findall(r"\d+", prompt))
    if "buys" in prompt:
        result = sum((a, b))
    elif "sells" in prompt:
        result = len(range(b, a))
    elif "boxes" in prompt:
        result = sum(b for _ in range(a))
    else:
        assert "percent" in prompt
        whole, rest = divmod(a * b, 100)
        if rest:
            return []
        result = whole
    return [Answer(f"Answer: {result}")]


def _rounded(values: list[Decimal]) -> list[Answer]:
    """One answer, or one for each rounding rule where these differ."""
    texts = {
        "\n".join(f"{n}: {value.quantize(CENT, rule)}" for n, value in enumerate(values, start=1))
        for rule in (ROUND_HALF_UP, ROUND_HALF_EVEN)
    }
    return [Answer(text) for text in texts]


def _bill(prompt: str) -> list[Answer]:
    words = r"buys (\d+) \w+ at \$(\d+) each\. First (\d+)% .* then (\d+)% tax"
    found = re.search(words, prompt)
    assert found
    count, price, discount, tax = map(Decimal, found.groups())
    bill = sum(price for _ in range(int(count)))
    net = bill - bill * discount / 100
    early = net.quantize(CENT, ROUND_HALF_UP)
    answers = {
        answer.response for each in (net, early) for answer in _rounded([net, each + each * tax / 100])
    }
    return [Answer(text) for text in answers]


def _account(prompt: str) -> list[Answer]:
    found = re.search(
        r"\$(\d+) .* of ([\d.]+)% a year\. .* compounded (.+? a year); .* (\d+) years\.", prompt
    )
    assert found
    times = {"twice a year": 2, "four times a year": 4}[found[3]]
    rate = Decimal(found[2])
    with localcontext() as context:
        context.prec = 60
        balance, hundred = Decimal(found[1]), Decimal(100)
        for _ in range(times * int(found[4])):
            balance += balance * rate / 100 / times
        for _ in range(times):
            hundred += hundred * rate / 100 / times
        return _rounded([balance, hundred - 100])
