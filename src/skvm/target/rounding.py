"""Numbers that are asked for rounded: which ones can be asked, how they are written, when one is right.

A rounded answer is right to its last digit or it is wrong. So only numbers are asked that every rounding rule
and every floating point library rounds alike, and nothing within a relative tolerance of them passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from skvm.target.answers import read_labelled, read_number
from skvm.target.contract import Verdict

__all__ = ["check_numbers", "exact_text", "is_rounded", "rounded_text", "rounds_clearly"]

_GUARD_DIGITS = 6


def rounds_clearly(value: Fraction | float, places: int) -> bool:
    """Whether rounding to ``places`` cannot depend on the rounding rule or on a last float digit."""
    rest = (abs(Fraction(value)) * 10**places) % 1
    return bool(abs(rest - Fraction(1, 2)) > Fraction(1, 20))


def rounded_text(value: Fraction | float, places: int) -> str:
    """The value with exactly ``places`` decimals."""
    return f"{float(value):.{places}f}"


def exact_text(value: Fraction | float, places: int) -> str:
    """The value with guard digits, from which ``is_rounded`` can tell."""
    return rounded_text(value, places + _GUARD_DIGITS)


def is_rounded(said: Decimal, exact: str, places: int) -> bool:
    """Whether a stated number is a value rounded to ``places``.

    A number stated with more digits than asked for is right within a tenth of the last place that was asked
    for: it was worked out, and not rounded.

    Args:
        said: The number as it was stated.
        exact: The value, as ``exact_text`` gives it.
        places: Decimals asked for.
    """
    value, unit = Decimal(exact), Decimal(1).scaleb(-places)
    exponent = said.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -places:
        return abs(said - value) <= unit / 10
    return said == value.quantize(unit)


def check_numbers(response: str, exact: Sequence[str], places: int) -> Verdict:
    """Whether the answers to questions 1, 2, … are these values, each rounded to ``places``."""
    labels = [str(n) for n in range(1, len(exact) + 1)]
    answers = read_labelled(response, labels)
    for label, value in zip(labels, exact, strict=True):
        said = read_number(answers.get(label, ""))
        if said is None:
            return Verdict(False, f"no number for question {label}")
        if not is_rounded(said, value, places):
            return Verdict(
                False, f"question {label}: expected {rounded_text(float(value), places)}, said {said}"
            )
    return Verdict(True, "every number is right")
