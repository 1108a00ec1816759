"""``skvm gateway``."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, boost_option, settings_of

if TYPE_CHECKING:
    from socket import socket

    from skvm.evidence.record import Usage
    from skvm.harness.gateway.contract import Door, Exchange, Held
    from skvm.runtime.boost.alone import Served

__all__ = ["command"]

MIN_TOKEN_CHARS = 16


@click.command("gateway", cls=SkvmCommand)
@click.option("--model", metavar="ID", help="The model that answers; else the one each request names.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; any free one by default."
)
@click.option("--token-file", metavar="FILE", help="Take the token from here; it is made if there is none.")
@click.option("--max-usd", type=click.FloatRange(min=0), help="Spend ceiling in dollars.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Spend ceiling in tokens.")
@boost_option
@click.option("--skill", "skills", metavar="DIR", multiple=True, help="With --boost: whose templates.")
@click.option(
    "--adapter", metavar="NAME", default="bare-agent", help="With --boost: the harness they were learnt in."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> int:
    """Serve a model on loopback in three dialects, for any client or harness.

    Chat completions, responses and messages, streaming or not; what is asked in one dialect may be answered
    by a model of another. Clients need the token; the provider's key stays here. Ctrl-C ends it.

    With --boost=on trusted templates answer first, with a command in the client's own tool. Nothing is learnt
    here: there are no files to look at and nobody grades.
    """
    import anyio

    settings = settings_of(ctx)
    _check_boost(options)
    anyio.run(_stand, settings, options)
    return 0


def _check_boost(options: dict[str, Any]) -> None:
    """Refuse what makes no sense, before anything listens.

    Raises:
        UsageError: It does not.
    """
    from skvm.errors import UsageError
    from skvm.harness.contract import HARNESSES

    if options["boost"] == "off":
        if options["skills"]:
            raise UsageError("--skill needs --boost=on")
        return
    if options["boost"] == "shadow":
        raise UsageError(
            "--boost=shadow compares what runs leave, and a gateway sees no files",
            help="skvm run --boost=shadow does",
        )
    if not options["model"] or not options["skills"]:
        raise UsageError("--boost needs --model and --skill", help="templates are trusted for one model each")
    HARNESSES.get(options["adapter"])


@contextlib.asynccontextmanager
async def _held(settings: Any, options: dict[str, Any]) -> AsyncIterator[Held]:
    """What calls are held to: nothing, or templates first."""
    from skvm.harness.gateway.contract import Held

    if options["boost"] == "off":
        yield Held()
        return
    from skvm.evidence.blobs import BlobStore
    from skvm.evidence.journal import Journal
    from skvm.harness.acp.tools import COMMON_TOOLS
    from skvm.harness.confine import choose_sandbox
    from skvm.harness.hooks import Hooks
    from skvm.runtime.boost.alone import BoostAlone
    from skvm.runtime.boost.library import Library

    async with Journal(settings.journal_path) as journal:
        library = Library.open(settings, journal, BlobStore(settings.blobs_dir), choose_sandbox("none"))
        hook = BoostAlone(library, _served(options), tell=_say_of_boost)
        yield Held(hooks=Hooks((hook,)), is_local=False, tools=COMMON_TOOLS)


def _say_of_boost(said: str) -> None:
    from skvm.cli.console import err

    err.print(f"boost gave up; the model answers: {' '.join(said.split())}", markup=False)


def _served(options: dict[str, Any]) -> list[Served]:
    """Whose templates may answer.

    Raises:
        SkvmError: A skill cannot be read.
    """
    from skvm.runtime.boost.alone import Served
    from skvm.skill.emit import skill_digest
    from skvm.skill.frontend import load_skill

    skills = [load_skill(Path(folder).expanduser()) for folder in options["skills"]]
    return [Served(skill.id, skill_digest(skill), options["model"], options["adapter"]) for skill in skills]


async def _stand(settings: Any, options: dict[str, Any]) -> None:
    import signal

    import anyio

    from skvm.harness.gateway.server import Gateway
    from skvm.llm.contract import CallScope, SpendLimit
    from skvm.llm.port import ModelPort

    show = _Lines(as_json=options["as_json"])
    limit = SpendLimit(max_usd=options["max_usd"], max_tokens=options["max_tokens"])
    async with contextlib.AsyncExitStack() as stack:
        listener = stack.enter_context(_listening(options["port"]))
        signals = stack.enter_context(
            anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        )
        port = await stack.enter_async_context(ModelPort(settings, limit=limit))
        session = await stack.enter_async_context(port.session(CallScope("gateway")))
        if options["model"]:
            await session.model(options["model"])
        token, place = stack.enter_context(
            _token(settings.cache_dir, listener.getsockname()[1], options["token_file"])
        )
        held = await stack.enter_async_context(_held(settings, options))
        gateway = await stack.enter_async_context(Gateway(on_exchange=show.call))
        await gateway.serve(listener)
        door = gateway.open(session, options["model"], token=token, is_kept=False, held=held)
        show.listening(door, place)
        async for _ in signals:
            break
        show.end((await gateway.close(door.token)).usage)


def _listening(port: int) -> socket:
    from socket import create_server

    from skvm.errors import InfrastructureError

    try:
        return create_server(("127.0.0.1", port))
    except OSError as error:
        raise InfrastructureError(
            f"127.0.0.1:{port}: {error.strerror}", help="choose another port, or none for any free one"
        ) from error


@contextlib.contextmanager
def _token(cache_dir: Path, port: int, given: str | None) -> Iterator[tuple[str, Path]]:
    """The token and the file it lies in; a file nobody named goes when the gateway ends."""
    import secrets

    from skvm.files import replace_file

    place = cache_dir / "gateway" / f"{port}.token" if given is None else Path(given).expanduser()
    if given is not None and place.exists():
        yield _token_in(place), place
        return
    if given is None:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = secrets.token_urlsafe(32)
    replace_file(place, f"{token}\n".encode(), mode=0o600)
    try:
        yield token, place
    finally:
        if given is None:
            place.unlink(missing_ok=True)


def _token_in(place: Path) -> str:
    """A token that was made before.

    Raises:
        ConfigError: Others can read it, or it is none.
    """
    from skvm.errors import ConfigError

    if place.stat().st_mode & 0o077:
        raise ConfigError(
            f"{place}: others can read the token", help=f"chmod 600 {place}, or choose another file"
        )
    token = place.read_text("utf-8", "replace").strip()
    if len(token) < MIN_TOKEN_CHARS or not token.isascii() or len(token.split()) != 1:
        raise ConfigError(
            f"{place}: no token", help=f"one word of {MIN_TOKEN_CHARS} or more ASCII characters, or no file"
        )
    return token


class _Lines:
    """What is printed: where it listens, a line a call, the sum."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def listening(self, door: Door, place: Path) -> None:
        """Where it listens."""
        if self._as_json:
            self._print(
                event="listening",
                model=door.model or None,
                chat=door.chat_url,
                responses=door.chat_url,
                messages=door.messages_url,
                tokenFile=str(place),
            )
            return
        self._say(f"model      {door.model or 'the one each request names'}")
        self._say(f"chat       {door.chat_url}/chat/completions")
        self._say(f"responses  {door.chat_url}/responses")
        self._say(f"messages   {door.messages_url}/v1/messages")
        self._say(f"token      in {place}")

    def call(self, exchange: Exchange) -> None:
        """One call."""
        usage = exchange.usage
        if self._as_json:
            self._print(
                event="call",
                dialect=exchange.dialect,
                model=exchange.model,
                status=exchange.status,
                durationMs=round(exchange.duration_ms, 1),
                usage=usage.model_dump(mode="json"),
                fromTemplate=exchange.from_hook,
                error=exchange.error,
            )
            return
        from skvm.cli.console import visible

        error = f"  {visible(exchange.error)}" if exchange.error else ""
        error += "  by a template" if exchange.from_hook else ""
        error += "  kept from an earlier answer" if exchange.is_kept_back else ""
        self._say(
            f"{exchange.status}  {exchange.dialect:<9}  {visible(exchange.model)}  "
            f"{exchange.duration_ms / 1000:.1f} s  {_spent(usage)}{error}"
        )

    def end(self, usage: Usage) -> None:
        """The sum."""
        if self._as_json:
            self._print(event="end", usage=usage.model_dump(mode="json"))
            return
        self._say(f"{usage.calls} calls  {_spent(usage)}")

    def _print(self, **values: Any) -> None:
        import json

        click.echo(json.dumps(values))

    def _say(self, line: str) -> None:
        click.echo(line)


def _spent(usage: Usage) -> str:
    cost = "unknown cost" if usage.cost_usd is None else f"${usage.cost_usd:.4f}"
    read = usage.total_tokens - usage.output_tokens
    return f"{read} tokens in, {usage.output_tokens} out, {cost}"
