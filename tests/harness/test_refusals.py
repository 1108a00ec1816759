"""A provider that refuses our credential is asked once, whatever program asked; nobody is sent to sign in."""

from __future__ import annotations

import pytest

from skvm.evidence.record import Outcome
from skvm.llm.fake import FakeAnswer
from tests.harness.conftest import GetProgram
from tests.harness.staging import Stage
from tests.harness.table import DRIVEN

pytestmark = [pytest.mark.anyio, pytest.mark.harness]


@pytest.mark.parametrize("status", [401, 402, 403])
@pytest.mark.parametrize("name", sorted(DRIVEN))
async def test_it_is_not_tried_again(name: str, status: int, stage: Stage, get_program: GetProgram) -> None:
    get_program(name)
    refused = [FakeAnswer("Incorrect API key provided", status=status)] * 50
    done = await stage.run(name, refused)
    assert done.record.outcome is Outcome.INFRA_FAILED
    assert all(words in (done.record.detail or "") for words in (f"answered {status}", "Incorrect API key"))
    # Some ask for a title at the same time.
    conversations = {str(request.body["messages"]) for request in done.requests}
    assert len(done.requests) == len(conversations)
