"""What a run sees of the gateway: a door with a token, and what passed through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Door"]


@dataclass(frozen=True, slots=True)
class Door:
    """The gateway, as one run sees it.

    Args:
        origin: ``http://127.0.0.1:PORT``, as the program reaches it.
        token: The only secret a harness gets; good for this run alone.
        model: The name of the model the gateway answers for; requests for any other name get it, too.
    """

    origin: str
    token: str = field(repr=False)
    model: str

    @property
    def chat_url(self) -> str:
        """Base URL for clients that add ``/chat/completions`` or ``/responses``."""
        return f"{self.origin}/v1"

    @property
    def messages_url(self) -> str:
        """Base URL for clients that add ``/v1/messages``."""
        return self.origin

    @property
    def headers(self) -> Mapping[str, str]:
        """What a client sends to be let in."""
        return {"authorization": f"Bearer {self.token}"}
