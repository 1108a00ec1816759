"""A site seen from inside real cells, through whole runs."""

from __future__ import annotations

import shutil
import socket
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.confinement import ALL, working
from tests.unit.evaluate.conftest import Agent

from skvm.evaluate.bench import RunSpec
from skvm.evaluate.run import run_once
from skvm.evidence.record import CriterionResult, Outcome
from skvm.harness.adapters.bare_agent import BareAgent
from skvm.harness.adapters.shell_agent import ShellAgent
from skvm.harness.contract import Facility, RunContext
from skvm.harness.fake import ScriptedSession
from skvm.harness.site import SITE_ORIGIN, SITE_PORT, Page, Site, Visit
from skvm.settings import Settings, load_settings
from skvm.task.model import Task

SITE = Site((Page("/code", "k7-3391"), Page("/send", "thanks", method="POST", form={"n": "5"})))
TASK = Task(id="t", prompt=f"Ask {SITE_ORIGIN}/code for the code.")
FETCH = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).read().decode())"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    # Other users cannot pass the parents of pytest's tmp_path, and the user of a landlock cell is another.
    open_folder = Path(tempfile.mkdtemp(prefix="skvm-test-"))
    open_folder.chmod(0o755)
    yield load_settings(cache_dir=str(tmp_path / "cache"), tmp_dir=str(open_folder), env={})
    shutil.rmtree(open_folder)


async def keep(seen: dict[str, Any], evidence: Any) -> list[CriterionResult]:
    seen["visits"] = evidence.visits
    return [CriterionResult(id="x", method="oracle", score=1.0)]


def run(bench: Callable, sandbox: str, act: Callable, **options: Any) -> tuple[Any, dict[str, Any]]:
    seen: dict[str, Any] = {}

    async def main() -> Any:
        async with bench(working(sandbox)) as opened:
            return await run_once(
                RunSpec(TASK, "m", harness=Agent(act), oracle=partial(keep, seen), **options), opened
            )

    return anyio.run(main), seen


def url_of(context: RunContext) -> str:
    return context.prompt.removeprefix("Ask ").removesuffix(" for the code.")


@pytest.mark.parametrize("sandbox", ALL)
def test_commands_and_fetches_reach_the_site_and_nothing_else_of_ours(bench: Callable, sandbox: str) -> None:
    said: dict[str, Any] = {}

    async def act(context: RunContext) -> None:
        url = url_of(context)
        assert url == f"{context.site_origin}/code"
        assert not context.network
        said["url"] = url
        said["fetched"] = (await context.cell.fetch(url)).text
        said["command"] = (await context.cell.execute(["python3", "-c", FETCH, url], timeout_s=30)).stdout
        sent = await context.cell.fetch(
            f"{context.site_origin}/send", method="POST", body=b"n=5",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        said["sent"] = sent.text
        listing = await context.cell.execute("ls -A; env", timeout_s=30)
        said["in sight"] = listing.stdout

    record, seen = run(bench, sandbox, act, site=SITE)
    assert record.outcome is Outcome.SCORED, record.detail
    assert (said["fetched"], said["command"], said["sent"]) == ("k7-3391", "k7-3391\n", "thanks")
    assert "k7-3391" not in said["in sight"]
    assert seen["visits"] == (
        Visit("GET", "/code", {}, 200),
        Visit("GET", "/code", {}, 200),
        Visit("POST", "/send", {}, 200, {"n": "5"}),
    )
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(said["url"], timeout=5)  # noqa: S310 - the site's own URL
    if sandbox == "bubblewrap":
        assert said["url"] == f"{SITE_ORIGIN}/code"


def test_two_runs_at_once_have_the_same_address_and_sites_of_their_own(bench: Callable) -> None:
    sandbox = working("bubblewrap")
    said: dict[str, str] = {}
    here = anyio.Event()

    async def act(name: str, context: RunContext) -> None:
        assert context.site_origin == SITE_ORIGIN
        if name == "one":
            here.set()
            with anyio.fail_after(60):
                while "two" not in said:  # noqa: ASYNC110 - the other run ends meanwhile
                    await anyio.sleep(0.01)
        else:
            await here.wait()
        said[name] = (await context.cell.fetch(f"{SITE_ORIGIN}/name")).text

    async def main() -> None:
        async with bench(sandbox) as opened, anyio.create_task_group() as group:
            for name in ("one", "two"):
                spec = RunSpec(
                    TASK, "m", harness=Agent(partial(act, name)), site=Site((Page("/name", name),))
                )
                group.start_soon(run_once, spec, opened)

    anyio.run(main)
    assert said == {"one": "one", "two": "two"}


@pytest.mark.parametrize("sandbox", ALL)
def test_a_site_outlives_a_command_that_kills_all_it_can(bench: Callable, sandbox: str) -> None:
    if sandbox == "none":
        pytest.skip("an unconfined command would kill the test")

    async def act(context: RunContext) -> None:
        await context.cell.execute(["python3", "-c", "import os; os.kill(-1, 9)"], timeout_s=30)
        assert (await context.cell.fetch(url_of(context))).text == "k7-3391"

    record, seen = run(bench, sandbox, act, site=SITE)
    assert record.outcome is Outcome.SCORED, record.detail
    assert len(seen["visits"]) == 1


ESCAPE = """
import errno, socket, sys
site, other = int(sys.argv[1]), int(sys.argv[2])
def attempt(name, make):
    try: make()
    except OSError as error: print(name, "refused")
    else: print(name, "PASSED")
def tcp(port): socket.create_connection(("127.0.0.1", port), timeout=5).close()
def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b"x", ("127.0.0.1", other))
def raw(kind, protocol): socket.socket(socket.AF_INET, kind, protocol)
def fast_open():
    s = socket.socket(); s.sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", other))
def fast_message():
    s = socket.socket(); s.sendmsg([b"x"], [], socket.MSG_FASTOPEN, ("127.0.0.1", other))
tcp(site)
attempt("tcp", lambda: tcp(other))
attempt("udp", udp)
attempt("mptcp", lambda: raw(socket.SOCK_STREAM, 262))
attempt("sctp", lambda: raw(socket.SOCK_STREAM, 132))
attempt("unix", lambda: socket.socket(socket.AF_UNIX))
attempt("inet6", lambda: socket.socket(socket.AF_INET6))
attempt("bind", lambda: socket.create_server(("127.0.0.1", 0)))
attempt("fast open", fast_open)
attempt("fast message", fast_message)
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 6)
print("end")
"""


def test_the_door_of_a_landlock_cell_opens_no_other(bench: Callable) -> None:
    said: dict[str, str] = {}
    with socket.create_server(("127.0.0.1", 0)) as other:

        async def act(context: RunContext) -> None:
            ports = [context.site_origin.rpartition(":")[2], str(other.getsockname()[1])]  # type: ignore[union-attr]
            ran = await context.cell.execute(["python3", "-c", ESCAPE, *ports], timeout_s=60)
            said["out"], said["errors"] = ran.stdout, ran.stderr

        record, _ = run(bench, "landlock", act, site=SITE)
    assert record.outcome is Outcome.SCORED, record.detail
    assert said["out"].endswith("end\n"), said["errors"]
    assert "PASSED" not in said["out"], said["out"]


def test_a_task_with_the_network_has_its_site_on_the_host(bench: Callable) -> None:
    async def act(context: RunContext) -> None:
        assert context.site_origin != SITE_ORIGIN
        assert (await context.cell.fetch(url_of(context))).text == "k7-3391"

    seen: dict[str, Any] = {}

    async def main() -> Any:
        task = TASK.model_copy(update={"network": True})
        async with bench(working("bubblewrap")) as opened:
            spec = RunSpec(task, "m", harness=Agent(act), oracle=partial(keep, seen), site=SITE)
            return await run_once(spec, opened)

    record = anyio.run(main)
    assert record.outcome is Outcome.SCORED, record.detail
    assert seen["visits"] == (Visit("GET", "/code", {}, 200),)


def test_a_run_without_a_site_has_no_door_and_no_visits(bench: Callable) -> None:
    async def act(context: RunContext) -> None:
        assert context.cell.listeners == ()
        assert context.site_origin is None
        with pytest.raises(OSError, match="refused"):
            await context.cell.fetch(f"http://127.0.0.1:{SITE_PORT}/")

    record, seen = run(bench, "bubblewrap", act)
    assert record.outcome is Outcome.SCORED, record.detail
    assert seen["visits"] is None


def answers_with(harness: Any, answers: Mapping[str, Any], said: list[str]) -> Agent:
    """A built-in harness whose model follows a script."""

    async def act(context: RunContext) -> dict[str, Any]:
        from dataclasses import replace

        script = [answer.format(url=url_of(context)) for answer in answers["script"]]
        trajectory = await harness.run(replace(context, session=ScriptedSession(script)))
        said.extend(text.text for turn in trajectory.turns for text in turn.observations)
        return {"turns": trajectory.turns, "final_text": trajectory.final_text}

    return Agent(act)


CALL = '{{"name": "web_fetch", "arguments": {{"url": "{url}"}}}}'
OUTSIDE = '{{"name": "web_fetch", "arguments": {{"url": "http://127.0.0.1:9/"}}}}'
SHELL = "```bash\npython3 -c 'import urllib.request as u; print(u.urlopen(\"{url}\").read().decode())'\n```"


@pytest.mark.parametrize("sandbox", ALL)
@pytest.mark.parametrize(
    ("harness", "script"),
    [(BareAgent(), [CALL, OUTSIDE, "Done."]), (ShellAgent(), [SHELL, "Done."])],
    ids=["bare-agent", "shell-agent"],
)
def test_built_in_harnesses_reach_the_site(
    bench: Callable, sandbox: str, harness: Any, script: list[str]
) -> None:
    said: list[str] = []
    seen: dict[str, Any] = {}

    async def main() -> Any:
        async with bench(working(sandbox)) as opened:
            agent = answers_with(harness, {"script": script}, said)
            spec = RunSpec(TASK, "m", harness=agent, oracle=partial(keep, seen), site=SITE)
            return await run_once(spec, opened)

    record = anyio.run(main)
    assert record.outcome is Outcome.SCORED, record.detail
    assert "k7-3391" in said[0]
    assert seen["visits"] == (Visit("GET", "/code", {}, 200),)
    assert all("without a network" in text for text in said[1:])
    assert Facility.FETCH in harness.facilities


def test_a_kernel_that_cannot_hold_ports_says_how_a_site_is_reached(
    bench: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skvm.harness.confine.landlock.abi_version", lambda: 3)

    async def act(context: RunContext) -> None:
        pytest.fail("the agent was started")

    record, _ = run(bench, "landlock", act, site=SITE)
    assert record.outcome is Outcome.INFRA_FAILED
    assert "ABI 3" in (record.detail or "")
