"""Files of the house that others may have damaged, and the pages: the journal, judgements, forms."""

from __future__ import annotations

import functools
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from skvm.bench.deferred import merge_results
from skvm.errors import SkvmError
from skvm.evidence.journal import Journal
from skvm.web.app import make_app
from skvm.web.atlas_pages import SECTION as ATLAS
from skvm.web.bench_pages import SECTION as BENCH
from skvm.web.boost_pages import SECTION as BOOST
from skvm.web.proposal_pages import SECTION as PROPOSALS
from tests.fuzz.damage import VALUES, damaged, few, lay, within_bounds
from tests.unit.web.proposal_factories import recommended, settings_in

TOKEN = "a-token-nobody-guesses"


@functools.cache
def sound_journal() -> bytes:
    """The bytes of a journal with some records."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"

        async def write() -> None:
            async with Journal(path) as made:
                for number in range(40):
                    await made.append("run_finished", {"run_id": f"r{number}", "said": "x" * 300})

        anyio.run(write)
        with sqlite3.connect(path) as base:
            base.execute("pragma wal_checkpoint(truncate)")
        base.close()
        return path.read_bytes()


@st.composite
def damaged_journals(draw: st.DrawFn) -> dict[str, bytes]:
    """A damaged journal, now and then with damaged files of SQLite's beside it."""
    files = {"journal.sqlite": draw(damaged(sound_journal()))}
    for name in sorted(draw(st.sets(st.sampled_from(("journal.sqlite-wal", "journal.sqlite-shm"))))):
        files[name] = draw(st.binary(max_size=200))
    return files


async def _used(path: Path) -> None:
    for read_only in (True, False):
        try:
            async with Journal(path, read_only=read_only) as made:
                await made.query("run_finished", limit=100)
                if not read_only:
                    await made.append("run_finished", {"run_id": "new"})
        except SkvmError as error:
            assert error.message  # noqa: PT017 - an error is as good as a result


@few
@given(files=damaged_journals())
def test_a_damaged_journal_is_told(files: dict[str, bytes]):
    with tempfile.TemporaryDirectory() as folder, within_bounds():
        anyio.run(_used, lay(Path(folder) / "log", files) / "journal.sqlite")


@few
@given(
    version=st.integers(-(2**31), 2**31 - 1),
    statements=st.lists(
        st.sampled_from(
            [
                "drop table records",
                "alter table records rename to elsewhere",
                "alter table records drop column body",
                "create trigger t after insert on records begin delete from records; end",
                "create view v as select * from records",
                "update records set body = x'00ff'",
                "update records set body = 'null', created_at = 'soon', kind = ''",
                "delete from records",
            ]
        ),
        max_size=3,
    ),
)
def test_a_journal_of_another_form_is_told(version: int, statements: list[str]):
    with tempfile.TemporaryDirectory() as folder, within_bounds():
        path = Path(folder) / "journal.sqlite"
        path.write_bytes(sound_journal())
        base = sqlite3.connect(path)
        base.execute(f"pragma user_version = {version}")
        for statement in statements:
            try:
                base.execute(statement)
            except sqlite3.Error:
                continue
        base.commit()
        base.close()
        anyio.run(_used, path)


ENTRY = (
    b'{"schema":1,"id":"a","createdAt":"2026-01-01T00:00:00Z","context":{"sessionId":"s","taskId":"t",'
    b'"condition":"c","criterionIndex":0,"runId":"r0","model":"m","harness":"h"},"task":{},"criterion":{},'
    b'"inputs":{}}\n'
)
RESULT = (
    b'{"schema":1,"id":"a","context":{"sessionId":"s","taskId":"t","condition":"c","criterionIndex":0,'
    b'"runId":"r0","model":"m","harness":"h"},"score":0.5,"evaluatedAt":"2026-01-01T00:00:00Z","pass":true}\n'
)


@few
@given(data=st.data())
def test_damaged_judgements_are_told(data: st.DataObject):
    with tempfile.TemporaryDirectory() as name, within_bounds():
        folder = Path(name)
        (folder / "manifest.jsonl").write_bytes(data.draw(damaged(ENTRY * 2)))
        (folder / "results.jsonl").write_bytes(data.draw(damaged(RESULT * 2)))

        async def merge() -> None:
            async with Journal(folder / "journal.sqlite") as made:
                try:
                    await merge_results(made, folder / "manifest.jsonl", folder / "results.jsonl")
                except SkvmError as error:
                    assert error.message  # noqa: PT017 - an error is as good as a result

        anyio.run(merge)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root = tmp_path_factory.mktemp("pages")
    settings = settings_in(root)
    proposal = recommended(settings)
    app = make_app(settings, token=TOKEN, brought=[PROPOSALS, ATLAS, BENCH, BOOST])
    headers = {"authorization": f"Bearer {TOKEN}"}
    with TestClient(app, base_url="http://127.0.0.1:7878", headers=headers, follow_redirects=False) as client:
        client.proposal = str(proposal.id)
        yield client
    shutil.rmtree(root)


PLACES = (
    *(
        "/",
        "/atlas",
        "/atlas/target",
        "/atlas/compare",
        "/bench",
        "/bench/{x}",
        "/bench/{x}/file/{x}",
        "/boost",
    ),
    *("/boost/template", "/proposals/{id}", "/proposals/{id}/diff", "/proposals/{id}/rounds/{x}", "/{x}"),
    *("/proposals/{id}/rounds/1/editor", "/proposals/{id}/evidence/{x}/{x}/{x}", "/api/proposals"),
    *("/api/proposal/diff", "/static/{x}", "/proposals/{x}/{x}/{x}/{x}"),
)
DEEDS = ("/boost/turn", "/api/proposal/accept", "/api/proposal/reject", "/api/proposal/rollback", "/api/{x}")
NAMES = st.sampled_from(
    [
        "id",
        "round",
        "reason",
        "skill",
        "purpose",
        "model",
        "harness",
        "q",
        "sort",
        "page",
        "status",
        "left",
        "to",
    ]
) | st.text(max_size=6)
TEXTS = st.sampled_from([*(str(value)[:2_000] for value in VALUES), "1", "../../x", "a/b/c/d"]) | st.text(
    max_size=9
)


def address(data: st.DataObject, pages: TestClient, places: tuple[str, ...]) -> str:
    place = data.draw(st.sampled_from(places)).replace("{id}", pages.proposal)
    while "{x}" in place:
        word = data.draw(TEXTS).encode("utf-8", "replace")[:200]
        place = place.replace("{x}", quote(word, safe="" if data.draw(st.booleans()) else "/"), 1)
    asked = data.draw(st.lists(st.tuples(NAMES, TEXTS), max_size=4))
    return f"{place}?{urlencode(asked, errors='replace')}"


@few
@given(data=st.data())
def test_no_address_makes_a_page_fail(pages: TestClient, data: st.DataObject):
    with within_bounds():
        answer = pages.get(address(data, pages, PLACES))
    assert answer.status_code < 500, answer.text[:300]


@few
@given(data=st.data())
def test_no_form_makes_a_deed_fail(pages: TestClient, data: st.DataObject):
    form = urlencode(data.draw(st.lists(st.tuples(NAMES, TEXTS), max_size=4)), errors="replace").encode()
    document = b'{"id": "x", "round": 1, "reason": "because"}'
    body = data.draw(damaged(document) | damaged(form))
    kind = data.draw(
        st.sampled_from(
            ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
        )
    )
    with within_bounds():
        answer = pages.post(address(data, pages, DEEDS), content=body, headers={"content-type": kind})
    assert answer.status_code < 500, answer.text[:300]
