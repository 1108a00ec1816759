"""What one slot of an embedded model has read, given to the others: they need not read it again.

Each slot keeps the state of the conversation it had last. Conversations that begin alike and run at once
would have every slot read that beginning by itself, which costs more than running at once gains.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    import httpx2

__all__ = ["spread"]

_TIMEOUT_S = 30.0


async def spread(base_url: str, api_key: str, folder: Path) -> int:
    """Copy the state of the slot that answered last into every other one that is idle.

    What those held is lost; a slot at work is left alone.

    Args:
        base_url: Of the server, ending in ``/v1``.
        api_key: Its key.
        folder: Where the server keeps states for a moment.

    Returns:
        Slots that were given the state: 0 where there is nothing to give, or the server does not do it.
    """
    import httpx2

    root = base_url.removesuffix("/v1")
    path = folder / "shared.state"
    async with httpx2.AsyncClient(
        timeout=_TIMEOUT_S, headers={"authorization": f"Bearer {api_key}"}
    ) as client:
        try:
            slots = (await client.get(f"{root}/slots")).json()
            # An error is JSON, too: while the model is loaded, and where slots are not told.
            if not isinstance(slots, list) or not all(isinstance(slot, dict) for slot in slots):
                return 0
            source = _answered_last(slots)
            if source is None:
                return 0
            if not await _do(client, f"{root}/slots/{source}?action=save", path):
                return 0
            given = 0
            for slot in slots:
                if slot["id"] != source and not slot.get("is_processing"):
                    given += await _do(client, f"{root}/slots/{slot['id']}?action=restore", path)
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            # Nothing depends on it: slots that were given nothing read for themselves.
            return 0
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(lambda: path.unlink(missing_ok=True))
        return given


def _answered_last(slots: list[Mapping[str, Any]]) -> int | None:
    """The idle slot of the newest request; ``None`` while that is being answered, or where there was none."""
    known = [slot for slot in slots if isinstance(slot.get("id_task"), int) and slot["id_task"] >= 0]
    newest = max(known, key=lambda slot: int(slot["id_task"]), default=None)
    if newest is None or newest.get("is_processing"):
        return None
    return int(newest["id"])


async def _do(client: httpx2.AsyncClient, url: str, path: Path) -> bool:
    answer = await client.post(url, json={"filename": path.name})
    return answer.status_code == 200
