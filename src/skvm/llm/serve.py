"""The process an embedded model lives in: ``python -P -m skvm.llm.serve``.

It reads one ``ServeOrder`` line on standard input, loads the weights, answers one ``ServeAnswer`` line on
standard output, and serves until its standard input closes, which happens however its parent ends. A
process of its own, because an assertion in the native library ends the process it runs in.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = ["ServeAnswer", "ServeOrder"]


class ServeOrder(BaseModel):
    """What to load, and how.

    Args:
        api_key: What clients must send as bearer token. Comes over the pipe, as other users can read
            command lines.
        slots: Requests served at once.
        slot_context_tokens: Context of each slot.
        threads: Threads that compute.
        cache_mib: Memory for the prompt states of conversations that hold no slot at the moment.
        states_dir: Folder in which a slot's state may be put for a moment, to give it to another one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    path: str
    alias: str
    api_key: str = Field(repr=False)
    slots: int = Field(ge=1)
    slot_context_tokens: int = Field(ge=256)
    threads: int = Field(ge=1)
    cache_mib: int = Field(ge=0)
    states_dir: str


class ServeAnswer(BaseModel):
    """Where it is served, or why not: exactly one of the two."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    address: str | None = None
    error: str | None = None


def load(order: ServeOrder) -> Any:
    """Load the weights and start the server; returns the ``xllamacpp.Server``, which serves while it lives.

    Raises:
        RuntimeError: The library cannot read the file or has no memory for it.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = order.path
    params.model_alias = {order.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [order.api_key]
    params.cors_origins = ""
    params.ui = False
    params.n_parallel = order.slots
    params.n_ctx = order.slots * order.slot_context_tokens
    params.fit_params = False  # It would shrink the context without a word.
    params.n_gpu_layers = 0  # The same arithmetic, and so the same answers, on every machine of a kind.
    params.cpuparams.n_threads = order.threads
    params.cpuparams_batch.n_threads = order.threads
    params.cache_ram_mib = order.cache_mib
    params.slot_save_path = f"{order.states_dir}/"
    params.endpoint_slots = True
    params.use_jinja = True
    params.warmup = False
    params.verbosity = 1  # Errors only; they go to the log our parent reads when we die.
    return xllamacpp.Server(params)


def main() -> None:
    """Serve until standard input closes."""
    answers = os.dup(1)
    os.dup2(2, 1)  # What the native library prints must not get between the answers.
    try:
        order = ServeOrder.model_validate_json(sys.stdin.buffer.readline())
        server = load(order)
    except (ValidationError, ImportError, RuntimeError) as error:
        _send(answers, ServeAnswer(error=str(error) or type(error).__name__))
        os._exit(1)
    _send(answers, ServeAnswer(address=server.listening_address))
    sys.stdin.buffer.read()
    # Leaving at once: unwinding would wait for an answer that is still being generated.
    os._exit(0)


def _send(fd: int, answer: ServeAnswer) -> None:
    os.write(fd, answer.model_dump_json(by_alias=True).encode() + b"\n")


if __name__ == "__main__":
    main()
