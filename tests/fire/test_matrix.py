"""Every command against every fault: it ends, says what happened, leaves nothing, and works again afterwards.

A test run takes a part of the whole, so that each fault meets several commands and each command several
faults. ``SKVM_FIRE=all`` takes the whole; ``make soak`` does so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from skvm.llm.fake_faults import FaultKind, FaultSchedule
from tests.fire.ground import HASTE_S, PATIENCE_S, Ground
from tests.fire.orders import ORDERS

SLOW = {FaultKind.SILENCE, FaultKind.DRIP}
CODES: Mapping[str, tuple[int, int]] = {
    # With a model that fails; with a model that is too slow, which is the agent's own ending.
    "run": (3, 1),
    "run-messages": (3, 1),
    "run-openrouter": (3, 1),
    "run-boosted": (3, 1),
    "bench": (1, 0),
    "bench-judged": (1, 1),
    "profile": (1, 0),
    "aot-compile": (3, 3),
    "pipeline": (3, 3),
    "jit-optimize": (3, 0),
    "plan-run": (1, 1),
    "boost-improve": (3, 3),
    "config-probe": (3, 3),
}
WORDS: Mapping[FaultKind, str] = {
    FaultKind.RATE_LIMIT: "answered 429",
    FaultKind.RATE_LIMIT_SECONDS: "answered 429",
    FaultKind.RATE_LIMIT_DATE: "answered 429",
    FaultKind.SERVER_ERROR: "answered 5",
    FaultKind.RESET_EARLY: "the connection was reset",
    FaultKind.RESET_BODY: "the connection was reset",
    FaultKind.RESET_STREAM: "the connection was reset",
    FaultKind.MALFORMED_EVENTS: "200 with an error inside",
    FaultKind.ERROR_BODY: "the engine is overloaded",
    FaultKind.WRONG_JSON: "200 with an error inside",
    FaultKind.TRUNCATED_JSON: "200 with an error inside",
    FaultKind.ENDLESS: "more than 1 MiB, and no end of it",
}


def pairs() -> list[tuple[str, FaultKind]]:
    kinds, is_whole = list(FaultKind), os.environ.get("SKVM_FIRE") == "all"
    return [
        (order, kind)
        for row, order in enumerate(ORDERS)
        for column, kind in enumerate(kinds)
        if is_whole or (3 * row + column) % 7 == 0
    ]


@pytest.mark.parametrize(("order", "kind"), pairs(), ids=str)
def test_a_command_under_fire(ground: Ground, order: str, kind: FaultKind) -> None:
    ground.patience_s = HASTE_S if kind in SLOW else PATIENCE_S
    ground.server.schedule = FaultSchedule(kinds=(kind,))
    ground.look()
    ended = ground.skvm(*ORDERS[order](ground))
    failing, slow = CODES[order]
    code = 0 if kind is FaultKind.LATENCY else slow if kind in SLOW else failing
    assert ended.code == code, ended.said
    assert "Traceback" not in ended.said
    assert "k-planted" not in ended.said
    assert WORDS.get(kind, "") in ended.said
    if code == 3:
        assert "fake/" in ended.said or "ant/m" in ended.said or "or/maker/m" in ended.said
    assert ground.server.injected[kind] > 0
    assert ground.leftovers() == []
    ground.heal()
    ground.patience_s = PATIENCE_S
    ended = ground.skvm(*ORDERS[order](ground))
    assert ended.code == 0, ended.said
    assert ground.leftovers() == []


def test_a_bench_of_a_silent_model_says_that_it_was_silent(ground: Ground) -> None:
    ground.patience_s = HASTE_S
    ground.server.schedule = FaultSchedule(kinds=(FaultKind.SILENCE,))
    ended = ground.skvm(*ORDERS["bench"](ground))
    assert ended.code == 0
    assert "out of time: original: 2 of 2 runs, 2 of them without one answer of the model" in ended.out


def test_the_part_that_is_run_leaves_no_command_and_no_fault_out() -> None:
    assert set(CODES) == set(ORDERS)
    taken = pairs()
    assert {order for order, _ in taken} == set(ORDERS)
    assert {kind for _, kind in taken} == set(FaultKind)
