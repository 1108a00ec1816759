"""What an endpoint can do with one model, and the memory of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from skvm.errors import InfrastructureError
from skvm.evidence.record import Record
from skvm.evidence.redact import without_keys
from skvm.files import replace_file
from skvm.llm.route import Endpoint, matches

if TYPE_CHECKING:
    from skvm.settings import Settings

__all__ = ["Capabilities", "LimitField", "ProbeMemory", "assumed", "memory_of"]

LimitField = Literal["max_tokens", "max_completion_tokens"]


class Capabilities(Record):
    """What one model can do behind one endpoint.

    Args:
        model: Full model id.
        base_url: The endpoint this is true of.
        forced_tool: A tool the request demands is called, as a tool call.
        clean_arguments: The arguments of tool calls are the JSON that was asked for and nothing else.
        json_schema: An answer is held to a JSON schema.
        limit_field: Name of the field that bounds the output (chat completions).
        probed_at: When the endpoint was asked; ``None`` where this is assumed from its kind.
        notes: What the probe saw, for a person.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    model: str
    base_url: str
    forced_tool: bool
    clean_arguments: bool = True
    json_schema: bool
    limit_field: LimitField = "max_tokens"
    probed_at: datetime | None = None
    notes: tuple[str, ...] = ()

    model_config = Record.model_config | {"populate_by_name": True}


def assumed(endpoint: Endpoint) -> Capabilities:
    """What an endpoint of its kind can do where nothing better is known."""
    is_local = endpoint.kind == "local"
    return Capabilities(
        model=endpoint.model_id,
        base_url=without_keys(endpoint.base_url),
        # Small embedded models write tool calls as text; the grammar of their server always holds.
        forced_tool=not is_local,
        json_schema=is_local,
        limit_field="max_completion_tokens" if "api.openai.com" in endpoint.host else "max_tokens",
    )


class _Memory(Record):
    schema_: Literal[1] = Field(default=1, alias="schema")
    probes: dict[str, Capabilities] = Field(default_factory=dict)

    model_config = Record.model_config | {"populate_by_name": True}


class ProbeMemory:
    """Remembered probes: one JSON file, by model id.

    Args:
        path: The file; made at the first ``put``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, endpoint: Endpoint) -> Capabilities | None:
        """What is remembered of the model behind this very endpoint."""
        found = self.all().get(endpoint.model_id)
        return found if found is not None and found.base_url == without_keys(endpoint.base_url) else None

    def all(self) -> dict[str, Capabilities]:
        """Everything remembered, by model id; an unreadable file counts as empty and is replaced later."""
        try:
            return dict(_Memory.model_validate_json(self.path.read_bytes()).probes)
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return {}
        except OSError as error:
            raise InfrastructureError(f"{self.path}: cannot be read: {error.strerror}") from error

    def put(self, found: Capabilities) -> None:
        """Remember one model."""
        with self._locked():
            self._write(self.all() | {found.model: found})

    def clear(self, glob: str = "*") -> tuple[str, ...]:
        """Forget the models whose id matches; returns which."""
        with self._locked():
            known = self.all()
            gone = tuple(sorted(model for model in known if matches(glob, model)))
            if gone:
                self._write({model: found for model, found in known.items() if model not in gone})
        return gone

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _unwritable(self, error: OSError) -> InfrastructureError:
        return InfrastructureError(
            f"{self.path}: cannot be written: {error.strerror}",
            help="choose another cache root (--skvm-cache or SKVM_CACHE)",
        )

    def _write(self, probes: dict[str, Capabilities]) -> None:
        memory = _Memory(probes=dict(sorted(probes.items())))
        data = (memory.model_dump_json(by_alias=True, indent=1) + "\n").encode()
        try:
            replace_file(self.path, data)
        except OSError as error:
            raise self._unwritable(error) from error


def memory_of(settings: Settings) -> ProbeMemory:
    """The memory in the cache root."""
    return ProbeMemory(settings.cache_dir / "probes.json")
