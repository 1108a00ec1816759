"""The compiler's counsel: a model that is asked at most once, its answers kept by what was asked.

The key of an answer is a digest of model, system text, prompt and the schema of the answer. What is recorded
under it is read instead of asking again, so that a compile with a model is as repeatable as one without; a
frozen counsel has nothing but the record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skvm.compiler.builds.faults import SKV289
from skvm.compiler.findings import SKV251, SKV252
from skvm.errors import FindingsError, InfrastructureError, SkvmError
from skvm.evidence.record import Usage
from skvm.files import replace_file

if TYPE_CHECKING:
    from skvm.compiler.contract import Counsel
    from skvm.llm.contract import PortSession, SpendLimit
    from skvm.llm.port import ModelPort
    from skvm.settings import Settings

__all__ = [
    "ANSWER_TIMEOUT_S",
    "DEFAULT_MODEL",
    "MAX_TRIES",
    "AnswerRecord",
    "RecordedCounsel",
    "answer_key",
    "answers_dir",
    "cost_of",
    "model_to_ask",
    "open_counsel",
]

MAX_TRIES = 3
"""Requests a question may cost, refused forms of asking included."""
ANSWER_TIMEOUT_S = 180.0
"""Wall clock of one question, all its tries together."""
MAX_ANSWER_TOKENS = 4096

A = TypeVar("A", bound=BaseModel)
AskFor = Callable[[str, type[Any], str], Awaitable[tuple[BaseModel, Usage]]]
"""Asks the model itself: prompt, form of the answer, system text; gives the answer and what it cost."""
DEFAULT_MODEL = "openrouter/anthropic/claude-sonnet-4.6"
"""The compiler model where none is named and there is a key for this one."""


class AnswerRecord(BaseModel):
    """One answer as it lies on disk.

    Args:
        key: Digest of the question; also the file's name.
        model: Full id of the model that answered.
        form: Name of the form of the answer, for people.
        answer: The answer, as JSON.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    key: str
    model: str
    form: str
    answer: dict[str, Any]


def answers_dir(settings: Settings) -> Path:
    """Where answers are kept."""
    return settings.cache_dir / "answers"


def answer_key(model: str, system: str, prompt: str, answer: type[BaseModel]) -> str:
    """The key of a question: 64 hex digits."""
    return _digest([model, system, prompt, answer.model_json_schema()])


class _UnansweredError(Exception):
    """A question that came to nothing: why, and what it cost."""

    def __init__(self, reason: SkvmError, spent: Usage) -> None:
        super().__init__(reason.message)
        self.reason = reason
        self.spent = spent


class RecordedCounsel:
    """A ``Counsel`` over a folder of recorded answers.

    One counsel serves one compile: what it has answered is part of that build's key (see ``begin``).

    Args:
        model: Full id of the compiler model.
        folder: Where answers are kept; made when the first is.
        ask_model: Asks the model; ``None`` for a frozen counsel.
        locked: Answers by key that a lock holds; they come before those of the folder.
    """

    def __init__(
        self,
        model: str,
        folder: Path,
        ask_model: AskFor | None = None,
        *,
        locked: Mapping[str, Any] | None = None,
    ) -> None:
        self._model = model
        self._folder = folder
        self._ask_model = ask_model
        self._locked = dict(locked or {})
        self._used: dict[str, Any] = {}
        self._usage = Usage()
        self._asking: dict[str, anyio.Lock] = {}

    def begin(self, locked: Mapping[str, Any] | None = None) -> RecordedCounsel:
        """A counsel of the same model and record that has answered nothing yet.

        Args:
            locked: Answers by key that a lock holds.
        """
        fresh = RecordedCounsel(self._model, self._folder, self._ask_model, locked=locked)
        fresh._asking = self._asking
        return fresh

    @property
    def model(self) -> str:
        """Full model id."""
        return self._model

    @property
    def usage(self) -> Usage:
        """What this counsel's questions cost; answers from the record cost nothing."""
        return self._usage

    @property
    def answers(self) -> Mapping[str, Any]:
        """Every answer given so far as JSON, by the key of its question, in order of key."""
        return {key: self._used[key] for key in sorted(self._used)}

    @property
    def answers_used(self) -> tuple[tuple[str, str], ...]:
        """Key and digest (64 hex digits) of every answer given so far, in order of key."""
        return tuple((key, _digest(answer)) for key, answer in self.answers.items())

    async def ask(self, prompt: str, answer: type[A], *, system: str = "") -> A:
        """Answer from the record, else ask the model and record what it says (see ``Counsel``).

        Raises:
            FindingsError: Frozen and not recorded (SKV251), or no usable answer in ``MAX_TRIES`` (SKV252).
            InfrastructureError: The model or the disk failed, or the answer took over ``ANSWER_TIMEOUT_S``.
        """
        key = answer_key(self._model, system, prompt, answer)
        path = self._folder / key[:2] / f"{key}.json"
        # Two compiles at once may have the same question; the second waits for the answer to the first.
        async with self._asking.setdefault(key, anyio.Lock()):
            plain, value = (
                _valid(self._locked.get(key), answer)
                or _valid(_recorded(path, key), answer)
                or await self._fresh(key, path, prompt, answer, system)
            )
        self._used[key] = plain
        return value

    async def _fresh(self, key: str, path: Path, prompt: str, answer: type[A], system: str) -> tuple[Any, A]:
        if self._ask_model is None:
            raise FindingsError(
                f"{SKV251.code}: the compile is frozen, and {self._model} has no recorded answer "
                f"{key[:12]} ({answer.__name__})",
                help="compile once without --frozen, or with --compiler-model=none",
            )
        try:
            said, spent = await self._ask_model(prompt, answer, system)
        except _UnansweredError as error:
            # What came to nothing was paid for all the same.
            self._usage = self._usage + error.spent
            raise error.reason from error.__cause__
        self._usage = self._usage + spent
        # What is given is what a later compile will read, to the byte.
        plain = json.loads(said.model_dump_json(by_alias=True))
        record = AnswerRecord(key=key, model=self._model, form=answer.__name__, answer=plain)
        _keep(path, record)
        return plain, answer.model_validate(plain)


def _valid(plain: Any, answer: type[A]) -> tuple[Any, A] | None:
    """A recorded answer with its value; ``None`` where there is none or it has not the form."""
    if plain is None:
        return None
    try:
        return plain, answer.model_validate(plain)
    except ValidationError:
        return None


def _recorded(path: Path, key: str) -> dict[str, Any] | None:
    """What is recorded under a key; a damaged record is none."""
    try:
        record = AnswerRecord.model_validate_json(path.read_bytes())
        return record.answer if record.key == key else None
    except (FileNotFoundError, ValidationError):
        return None
    except OSError as error:
        raise InfrastructureError(f"{path}: cannot be read: {error.strerror or error}") from error


def _keep(path: Path, record: AnswerRecord) -> None:
    body = json.dumps(record.model_dump(mode="json", by_alias=True), ensure_ascii=False, indent=2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, f"{body}\n".encode("utf-8", "replace"))
    except OSError as error:
        raise InfrastructureError(
            f"{path}: the answer cannot be recorded: {error.strerror or error}",
            help="free some space, or keep answers elsewhere with --skvm-cache DIR (SKVM_CACHE)",
        ) from error


def _digest(value: Any) -> str:
    plain = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def model_to_ask(settings: Settings, named: str | None) -> str:
    """The compiler model: the one named, else ``DEFAULT_MODEL`` if there is a key for it, else ``none``."""
    if named:
        return named
    from skvm.llm.route import resolve_endpoint

    try:
        resolve_endpoint(settings, DEFAULT_MODEL)
    except SkvmError:
        return "none"
    return DEFAULT_MODEL


def cost_of(counsel: Counsel | None) -> float | None:
    """Dollars a compile's questions cost; ``None`` where a price is unknown."""
    return counsel.usage.cost_usd if isinstance(counsel, RecordedCounsel) else 0.0


@asynccontextmanager
async def open_counsel(
    settings: Settings,
    model: str,
    *,
    frozen: bool = False,
    limit: SpendLimit | None = None,
    timeout_s: float = ANSWER_TIMEOUT_S,
    port: ModelPort | None = None,
) -> AsyncIterator[RecordedCounsel | None]:
    """Open the counsel of a command; ``None`` for the model ``none``. No model is started before it is asked.

    Args:
        settings: Routes and places.
        model: Full model id, or ``none``.
        frozen: Answer from the record only.
        limit: Spend ceiling over all questions, where no port is given.
        timeout_s: Wall clock of one question, > 0.
        port: A port that is open already.

    Raises:
        UsageError: The id has no provider segment.
        ConfigError: No route serves the model, or its key is missing.
    """
    if model == "none":
        yield None
        return
    if frozen:
        yield RecordedCounsel(model, answers_dir(settings))
        return
    from skvm.llm.port import ModelPort

    async with nullcontext(port) if port is not None else ModelPort(settings, limit=limit) as opened:
        opened.resolve(model)
        asker = _Asker(opened, model, timeout_s)
        yield RecordedCounsel(model, answers_dir(settings), asker.ask)


class _Asker:
    """Puts questions to the model, each in a session with a deadline."""

    def __init__(self, port: ModelPort, model: str, timeout_s: float) -> None:
        self._port = port
        self._model = model
        self._timeout_s = timeout_s

    async def ask(self, prompt: str, answer: type[Any], system: str) -> tuple[BaseModel, Usage]:
        """One question, at most ``MAX_TRIES`` requests; what was wrong with a try is told in the next."""
        from skvm.llm.contract import CallScope, DeadlineExceededError, ProviderError
        from skvm.llm.structured import StructuredAnswerError, ask

        scope = CallScope("compile", condition=answer.__name__)
        spent = Usage()
        try:
            async with self._port.session(scope, deadline_s=self._timeout_s) as session:
                try:
                    answered: BaseModel = await ask(
                        session,
                        self._model,
                        answer,
                        prompt=prompt,
                        system=system,
                        max_tokens=MAX_ANSWER_TOKENS,
                        attempts=await _plain_tries(session, self._model),
                    )
                finally:
                    spent = session.usage
                return answered, spent
        except DeadlineExceededError as error:
            late = InfrastructureError(
                f"{SKV289.code}: {self._model} gave no answer within {self._timeout_s:g} s",
                help="use a faster compiler model, or compile with --compiler-model=none",
            )
            raise _UnansweredError(late, spent) from error
        except StructuredAnswerError as error:
            unusable = FindingsError(f"{SKV252.code}: {error.message}", help=error.help)
            raise _UnansweredError(unusable, spent) from error
        except ProviderError as error:
            way_out = "; ".join(part for part in (error.help, "--compiler-model=none asks no model") if part)
            down = InfrastructureError(f"{SKV289.code}: {error.message}", help=way_out)
            raise _UnansweredError(down, spent) from error


async def _plain_tries(session: PortSession, model: str) -> int:
    """Tries left for asking in words once a forced tool and a schema were tried."""
    from skvm.llm.port import OpenSession

    if not isinstance(session, OpenSession):
        return MAX_TRIES - 1
    found = await session.capabilities(model)
    constrained = int(found.forced_tool and found.clean_arguments) + int(found.json_schema)
    return max(1, MAX_TRIES - constrained)
