"""Record and replay: every exchange under its canonical request, its scope and its occurrence.

::

    <dir>/<task>/<condition>/<repetition>/<digest>-<occurrence>.json    the request, readable
    <dir>/<task>/<condition>/<repetition>/<digest>-<occurrence>.body    the answer, byte for byte
    <dir>/endpoints/<model>.json, <dir>/probes.json              where it was served, what that can do

Headers are never written, and what requests and answers hold of keys is replaced: an agent that no sandbox
confines can read them to the model. The digest is that of the request without them, so that a replay, which
meets an answer without them, asks the same.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field, ValidationError

from skvm.errors import InfrastructureError, UsageError
from skvm.evidence.record import Record
from skvm.evidence.redact import Redactor, without_keys
from skvm.files import replace_file
from skvm.llm.canonical import canonical_json, canonicalise, digest_of
from skvm.llm.contract import CallScope
from skvm.llm.faults import MIN_SECRET_CHARS
from skvm.llm.route import Endpoint
from skvm.settings import RouteKind

__all__ = ["Answer", "Cassette", "CassetteMode", "ReplayMissError", "Slot"]

CassetteMode = Literal["auto", "record", "replay"]
_MODES = ("auto", "record", "replay")
_MAX_COMPARED = 200
_MAX_DIFF_LINES = 24


class ReplayMissError(InfrastructureError):
    """A replay was asked something the cassette holds no answer to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it went over the wire, decoded of transfer and content encodings.

    Args:
        status: HTTP status.
        content_type: The header's value.
        body: The bytes, a stream whole.
    """

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one exchange.

    Args:
        scope: Whose call it is.
        dialect: Wire dialect.
        text: The canonical request.
        digest: Of dialect and canonical request.
        occurrence: How often the scope asked this before, from 0.
    """

    scope: CallScope
    dialect: str
    text: str
    digest: str
    occurrence: int

    @property
    def stem(self) -> str:
        """File name without its ending."""
        return f"{self.digest[:20]}-{self.occurrence}"


class Entry(Record):
    """What the readable file of an exchange holds."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    task: str
    condition: str
    repetition: int
    occurrence: int
    dialect: str
    request: dict[str, Any]
    status: int
    content_type: str
    body_file: str
    body_sha256: str


class _EndpointEntry(Record):
    schema_: Literal[1] = Field(default=1, alias="schema")
    model: str
    backend_id: str
    kind: RouteKind
    base_url: str


class Cassette:
    """A folder of exchanges.

    Args:
        directory: Where they lie; made when the first one is written.
        mode: ``auto`` replays what is there and records what is not; ``record`` always asks and overwrites;
            ``replay`` never touches the network.
        temp_roots: Folders whose children have random names, besides the system's own.
        redactor: Replaces secrets; by default only what has the shape of a key.
    """

    def __init__(
        self,
        directory: Path | str,
        mode: CassetteMode = "auto",
        *,
        temp_roots: tuple[str, ...] = (),
        redactor: Redactor | None = None,
    ) -> None:
        self.directory = Path(directory)
        if mode not in _MODES:
            raise UsageError(
                f"{mode!r} is not a cassette mode", help=f"SKVM_CASSETTE_MODE is one of {', '.join(_MODES)}"
            )
        if self.directory.exists() and not self.directory.is_dir():
            raise UsageError(f"{self.directory}: the cassette must be a folder")
        if mode == "replay" and not self.directory.is_dir():
            raise UsageError(
                f"{self.directory}: there is no cassette to replay",
                help="record one first: SKVM_CASSETTE_MODE=record",
            )
        self.mode: CassetteMode = mode
        self._temp_roots = temp_roots
        self._redactor = redactor or Redactor()
        self._seen: dict[tuple[CallScope, str], int] = {}

    @classmethod
    def from_env(
        cls,
        env: Mapping[str, str] | None = None,
        *,
        temp_roots: tuple[str, ...] = (),
        redactor: Redactor | None = None,
    ) -> Cassette | None:
        """The cassette of ``SKVM_CASSETTE`` and ``SKVM_CASSETTE_MODE``, ``None`` if none is asked for."""
        env = os.environ if env is None else env
        directory = env.get("SKVM_CASSETTE")
        if not directory:
            return None
        mode = cast("CassetteMode", env.get("SKVM_CASSETTE_MODE") or "auto")
        return cls(Path(directory).expanduser(), mode, temp_roots=temp_roots, redactor=redactor)

    def slot(self, scope: CallScope, dialect: str, request: Mapping[str, Any]) -> Slot:
        """The place of the next exchange; asking counts as an occurrence."""
        asked = canonicalise(request, temp_roots=self._temp_roots)
        text = canonical_json(self._redactor.json(asked))
        digest = digest_of(f"{dialect}\n{text}")
        occurrence = self._seen.get((scope, digest), 0)
        self._seen[scope, digest] = occurrence + 1
        return Slot(scope, dialect, text, digest, occurrence)

    def find(self, slot: Slot) -> Answer | None:
        """The stored answer, or ``None`` where the network may be asked.

        Raises:
            ReplayMissError: Nothing is stored and the mode is ``replay``.
            InfrastructureError: The stored exchange is damaged.
        """
        if self.mode == "record":
            return None
        path = self._folder(slot.scope) / f"{slot.stem}.json"
        try:
            entry = Entry.model_validate_json(path.read_bytes())
            body = (path.parent / entry.body_file).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            if self.mode == "replay":
                raise self._miss(slot) from None
            return None
        except (OSError, ValidationError) as error:
            raise _damaged(path) from error
        if hashlib.sha256(body).hexdigest() != entry.body_sha256:
            raise _damaged(path)
        return Answer(entry.status, entry.content_type, body)

    def store(self, slot: Slot, answer: Answer, *, secret: str | None = None) -> None:
        """Write one exchange; the readable file comes last, so a half-written one is never found."""
        folder = self._folder(slot.scope)
        body, text = self._redactor.data(answer.body), slot.text
        if secret and len(secret) >= MIN_SECRET_CHARS:
            body = body.replace(secret.encode(), b"[key]")
            text = text.replace(json.dumps(secret)[1:-1], "[key]")
        entry = Entry(
            task=slot.scope.task,
            condition=slot.scope.condition,
            repetition=slot.scope.repetition,
            occurrence=slot.occurrence,
            dialect=slot.dialect,
            request=json.loads(text),
            status=answer.status,
            content_type=answer.content_type,
            body_file=f"{slot.stem}.body",
            body_sha256=hashlib.sha256(body).hexdigest(),
        )
        _write(folder / entry.body_file, body)
        readable = json.dumps(entry.model_dump(by_alias=True), ensure_ascii=False, indent=1, sort_keys=False)
        _write(folder / f"{slot.stem}.json", readable.encode("utf-8", "surrogatepass") + b"\n")

    def remember_endpoint(self, endpoint: Endpoint) -> None:
        """Keep where a model was served, so that a replay forms its requests alike without any settings."""
        path = self._endpoint_path(endpoint.model_id)
        entry = _EndpointEntry(
            model=endpoint.model_id,
            backend_id=endpoint.backend_id,
            kind=endpoint.kind,
            # A user and password in the address, or a key in its query, are keys like any other.
            base_url=without_keys(endpoint.base_url),
        )
        data = (entry.model_dump_json(by_alias=True, indent=1) + "\n").encode()
        if not path.is_file() or path.read_bytes() != data:
            _write(path, data)

    def recall_endpoint(self, model_id: str) -> Endpoint | None:
        """Where a model was served when it was recorded, without its key; ``None`` if that is unknown."""
        try:
            found = _EndpointEntry.model_validate_json(self._endpoint_path(model_id).read_bytes())
        except (OSError, ValidationError):
            return None
        return Endpoint(found.model, found.backend_id, found.kind, found.base_url)

    def _endpoint_path(self, model_id: str) -> Path:
        return self.directory / "endpoints" / f"{_slug(model_id)}.json"

    def _folder(self, scope: CallScope) -> Path:
        return self.directory / _slug(scope.task) / _slug(scope.condition) / str(scope.repetition)

    def _miss(self, slot: Slot) -> ReplayMissError:
        scope = slot.scope
        where = f"{scope.task!r} ({scope.condition}, repetition {scope.repetition})"
        head = (
            f"{self.directory}: no recorded answer for occurrence {slot.occurrence} of a request of {where}"
        )
        nearest = self._nearest(slot)
        if nearest is None:
            return ReplayMissError(
                f"{head}; the cassette holds nothing in the {slot.dialect} dialect",
                help="record it: SKVM_CASSETTE_MODE=auto",
            )
        path, text = nearest
        if text == slot.text:
            detail = "; the nearest entry holds the same request in another scope or occurrence"
        else:
            lines = difflib.unified_diff(
                text.splitlines(), slot.text.splitlines(), "recorded", "asked", lineterm="", n=1
            )
            shown = [line if len(line) <= 200 else line[:199] + "…" for line in lines]
            cut = ["…"] if len(shown) > _MAX_DIFF_LINES else []
            detail = "; the nearest entry differs so:\n" + "\n".join(shown[:_MAX_DIFF_LINES] + cut)
        return ReplayMissError(
            f"{head}\nnearest: {path.relative_to(self.directory)}{detail}",
            help="record it (SKVM_CASSETTE_MODE=auto), or undo what changed the request",
        )

    def _nearest(self, slot: Slot) -> tuple[Path, str] | None:
        own = self._folder(slot.scope)
        paths = sorted(self.directory.rglob("*.json"), key=lambda path: (path.parent != own, path))
        best: tuple[float, Path, str] | None = None
        wanted = slot.text.splitlines()
        for path in paths[:_MAX_COMPARED]:
            try:
                entry = Entry.model_validate_json(path.read_bytes())
            except (OSError, ValidationError):
                continue
            if entry.dialect != slot.dialect:
                continue
            text = canonical_json(entry.request)
            ratio = difflib.SequenceMatcher(None, text.splitlines(), wanted, autojunk=False).ratio()
            if best is None or ratio > best[0]:
                best = (ratio, path, text)
        return None if best is None else best[1:]


def _damaged(path: Path) -> InfrastructureError:
    return InfrastructureError(
        f"{path}: the recorded exchange is damaged", help="delete it and record it again"
    )


def _slug(name: str) -> str:
    """A folder name for any text: readable, and unlike that of any other text."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:60]
    return plain if plain == name else f"{plain or 'scope'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
    except OSError as error:
        raise InfrastructureError(
            f"{path}: the exchange cannot be recorded: {error.strerror or error}",
            help="make the cassette's folder writable, or unset SKVM_CASSETTE",
        ) from error
