"""The journal: what happened, appended once and never rewritten.

One SQLite file in WAL mode with full fsyncs. Many processes may append; SQLite lets one write at a time
and the others wait. A run leaves a ``run_started`` record before its agent starts and a ``run_finished``
record, its child, at the end; whatever has no such child was cut short or still runs.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.evidence.migrate import Migrations
from skvm.evidence.record import RunRecord, RunStarted
from skvm.evidence.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

__all__ = ["Entry", "Journal"]

T = TypeVar("T")
_BUSY_TIMEOUT_S = 30.0
_CANNOT_SHARE = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL})
"""What SQLite says where it cannot make the file by which readers know of each other."""
_NO_SPACE_BYTES = 64 << 10
_MIGRATIONS = Migrations(application_id=0x534B564D)


@_MIGRATIONS.step(1)
def _create(connection: sqlite3.Connection) -> None:
    for statement in (
        """CREATE TABLE records (
             id INTEGER PRIMARY KEY AUTOINCREMENT,
             kind TEXT NOT NULL,
             parent INTEGER REFERENCES records (id),
             created_at TEXT NOT NULL,
             body TEXT NOT NULL CHECK (json_valid(body))
           ) STRICT""",
        "CREATE INDEX records_by_kind ON records (kind, id)",
        "CREATE INDEX records_by_parent ON records (parent, kind)",
        "CREATE UNIQUE INDEX finished_once ON records (parent) WHERE kind = 'run_finished'",
        """CREATE TRIGGER records_no_update BEFORE UPDATE ON records
             BEGIN SELECT raise(ABORT, 'records are never rewritten'); END""",
        """CREATE TRIGGER records_no_delete BEFORE DELETE ON records
             BEGIN SELECT raise(ABORT, 'records are never deleted'); END""",
        # INSERT OR REPLACE would delete without asking the trigger above.
        """CREATE TRIGGER records_no_replace BEFORE INSERT ON records
             WHEN EXISTS (SELECT 1 FROM records WHERE id = NEW.id)
             BEGIN SELECT raise(ABORT, 'records are never rewritten'); END""",
    ):
        connection.execute(statement)


@_MIGRATIONS.step(2)
def _index_sessions(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE INDEX runs_by_session ON records (json_extract(body, '$.session_id'), kind, id)"
        " WHERE kind IN ('run_started', 'run_finished')"
    )


@_MIGRATIONS.step(3)
def _index_boost(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE INDEX boost_by_skill ON records (json_extract(body, '$.skillId'), kind, id)"
        " WHERE kind IN ('boost', 'boost_watch')"
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as it stands in the journal.

    Args:
        id: Ascending in order of writing, from 1.
        kind: What it is of (``run_started``, ``run_finished``, ``call`` …).
        parent: The record it belongs to.
        created_at: When it was written, UTC.
        body: The record, as JSON.
    """

    id: int
    kind: str
    parent: int | None
    created_at: datetime
    body: Mapping[str, Any]


class Journal:
    """An append-only log of records; an async context manager.

    Args:
        path: The file; made (0600, its folder 0700) if absent, unless ``read_only``.
        redactor: Replaces secrets in everything appended.
        read_only: Open an existing file for queries only.
    """

    def __init__(self, path: Path, *, redactor: Redactor | None = None, read_only: bool = False) -> None:
        self.path = path
        self._redactor = redactor or Redactor()
        self._read_only = read_only
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        """Open the file and bring it up to date.

        Raises:
            InfrastructureError: It cannot be opened, is not a journal, or is newer than this program.
        """
        await anyio.to_thread.run_sync(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; at once, because a cancelled scope may be what we leave."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    async def append(
        self, kind: str, record: BaseModel | Mapping[str, Any], parent: int | None = None
    ) -> int:
        """Append one record, on disk when this returns, and give its id.

        Raises:
            InfrastructureError: The disk is full or read-only, or another writer holds the file for long.
        """
        return (await self.append_all([(kind, record)], parent))[0]

    async def append_all(
        self, records: Iterable[tuple[str, BaseModel | Mapping[str, Any]]], parent: int | None = None
    ) -> tuple[int, ...]:
        """Append several records with one parent: all of them or none."""
        return await self.append_made(lambda: records, parent)

    async def append_made(
        self,
        make: Callable[[], Iterable[tuple[str, BaseModel | Mapping[str, Any]]]],
        parent: int | None = None,
    ) -> tuple[int, ...]:
        """Append what ``make`` gives, as ``append_all`` does; it may block, and what it raises is raised.

        It runs in the thread that writes: leaving the event loop once costs more than most records do.
        """

        def work() -> tuple[int, ...]:
            rows = [(kind, self._body(record)) for kind, record in make()]
            return self._locked(lambda connection: _insert(connection, rows, parent))

        return await anyio.to_thread.run_sync(work)

    async def append_below(
        self,
        top: int,
        make: Callable[[], Iterable[tuple[int, str, BaseModel | Mapping[str, Any]]]],
    ) -> tuple[int, ...]:
        """Append records that hang below one another, all of them or none; ``make`` as for ``append_made``.

        Args:
            top: The record that stands already.
            make: Gives parent, kind and record of each; parent 0 is ``top``, *n* the *n*-th given, from 1.

        Raises:
            InfrastructureError: One of them is there already, or as for ``append``.
        """

        def work() -> tuple[int, ...]:
            rows = [(parent, kind, self._body(record)) for parent, kind, record in make()]
            return self._locked(lambda connection: _insert_below(connection, rows, top))

        return await anyio.to_thread.run_sync(work)

    async def query(
        self,
        kind: str | None = None,
        *,
        parent: int | None = None,
        since: datetime | int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        session: str | None = None,
        skill: str | None = None,
    ) -> tuple[Entry, ...]:
        """Records in the order they were written.

        Args:
            kind: Only this kind.
            parent: Only children of this record.
            since: Only later ones: written at or after a time, or with a greater id.
            limit: At most so many.
            newest_first: Turn the order round; ``limit`` then keeps the newest.
            session: Only runs of this session (kinds ``run_started`` and ``run_finished`` have one).
            skill: Only what boost recorded of this skill (kinds ``boost`` and ``boost_watch``).
        """
        where = ["1"]
        values: list[Any] = []
        if kind is not None:
            where.append("kind = ?")
            values.append(kind)
        if parent is not None:
            where.append("parent = ?")
            values.append(parent)
        if session is not None:
            # As the index has it, or it is not used.
            where.append("kind IN ('run_started', 'run_finished')")
            where.append("json_extract(body, '$.session_id') = ?")
            values.append(session)
        if skill is not None:
            where.append("kind IN ('boost', 'boost_watch')")
            where.append("json_extract(body, '$.skillId') = ?")
            values.append(skill)
        if isinstance(since, datetime):
            where.append("created_at >= ?")
            values.append(_stamp(since))
        elif since is not None:
            where.append("id > ?")
            values.append(since)
        order = "DESC" if newest_first else "ASC"
        sql = f"SELECT id, kind, parent, created_at, body FROM records WHERE {' AND '.join(where)} ORDER BY id {order} LIMIT ?"  # noqa: S608, E501 - only the fixed words above
        return await self._select(sql, [*values, -1 if limit is None else limit])

    async def start_run(self, started: RunStarted, parent: int | None = None) -> int:
        """Record that a run begins; the id is what ``finish_run`` wants."""
        return await self.append("run_started", started, parent)

    async def finish_run(
        self, start: int, run: RunRecord, others: Iterable[tuple[str, BaseModel | Mapping[str, Any]]] = ()
    ) -> int:
        """Record how a run ended, with other records of it, in one step.

        Raises:
            InfrastructureError: The run is finished already, or as for ``append``.
        """
        return (await self.append_all([*others, ("run_finished", run)], start))[-1]

    async def unfinished(self) -> tuple[Entry, ...]:
        """Every ``run_started`` without an end: cut short, or still running (see ``RunStarted.is_alive``)."""
        return await self._select(
            """SELECT id, kind, parent, created_at, body FROM records AS run WHERE kind = 'run_started'
               AND NOT EXISTS (SELECT 1 FROM records WHERE parent = run.id AND kind = 'run_finished')
               ORDER BY id""",
            [],
        )

    def _body(self, record: BaseModel | Mapping[str, Any]) -> str:
        plain = dict(record) if isinstance(record, Mapping) else record.model_dump(mode="json", by_alias=True)
        text = json.dumps(self._redactor.json(plain), ensure_ascii=False, separators=(",", ":"))
        # SQLite takes no lone surrogates; a message that quotes a file name may hold one.
        return text.encode("utf-8", "replace").decode("utf-8")

    async def _select(self, sql: str, values: list[Any]) -> tuple[Entry, ...]:
        rows = await self._call(lambda connection: connection.execute(sql, values).fetchall())
        return tuple(
            Entry(row[0], row[1], row[2], datetime.fromisoformat(row[3]), json.loads(row[4])) for row in rows
        )

    async def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await anyio.to_thread.run_sync(self._locked, work)

    def _locked(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            if self._connection is None:
                raise RuntimeError("the journal is not open")
            with _translated(self.path):
                return work(self._connection)

    def _open(self) -> None:
        with _translated(self.path):
            self._connection = self._opened_to_read() if self._read_only else self._opened_to_write()

    def _opened_to_write(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        with self._connected("rw") as connection:
            # Before anything is changed: it may be another program's.
            _MIGRATIONS.check(connection, self.path)
            _use_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            _MIGRATIONS.apply(connection, self.path)
            return connection

    def _opened_to_read(self) -> sqlite3.Connection:
        try:
            return self._opened_as_it_is()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in _CANNOT_SHARE and self.path.exists():
                return self._opened_in_memory()
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
        # Whoever made the file was killed in the first write to it; only one who may write can undo that.
        with self._connected("rw") as connection:
            _MIGRATIONS.check(connection, self.path)
        connection.close()
        return self._opened_as_it_is()

    def _opened_in_memory(self) -> sqlite3.Connection:
        """What stands in the file, where there is no room beside it for what its readers share.

        Raises:
            InfrastructureError: As for opening.
        """
        whole = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            with tempfile.TemporaryDirectory(prefix="skvm-journal-") as folder:
                copy = Path(folder, self.path.name)
                shutil.copyfile(self.path, copy)
                with suppress(FileNotFoundError):
                    shutil.copyfile(f"{self.path}-wal", f"{copy}-wal")
                with closing(sqlite3.connect(copy)) as source:
                    source.backup(whole)
            if _MIGRATIONS.check(whole, self.path) == 0:
                _MIGRATIONS.apply(whole, self.path)
        except BaseException:
            whole.close()
            raise
        return whole

    def _opened_as_it_is(self) -> sqlite3.Connection:
        with self._connected("ro") as connection:
            if _MIGRATIONS.check(connection, self.path) > 0:
                return connection
        # Whoever made the file was killed before anything stood in it.
        connection.close()
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        _MIGRATIONS.apply(connection, self.path)
        return connection

    @contextmanager
    def _connected(self, mode: Literal["ro", "rw"]) -> Iterator[sqlite3.Connection]:
        """A connection to the file, in autocommit mode; left open, unless something is raised."""
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            yield connection
        except BaseException:
            connection.close()
            raise


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file over; unlike other statements, this one does not wait for another process by itself."""
    give_up_at = monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error).lower() or monotonic() > give_up_at:
                raise
            sleep(0.02)
        else:
            return


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _insert(
    connection: sqlite3.Connection, rows: list[tuple[str, str]], parent: int | None
) -> tuple[int, ...]:
    return _insert_below(connection, [(0, kind, body) for kind, body in rows], parent)


def _insert_below(
    connection: sqlite3.Connection, rows: list[tuple[int, str, str]], top: int | None
) -> tuple[int, ...]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        ids: list[int] = []
        for place, kind, body in rows:
            cursor = connection.execute(
                "INSERT INTO records (kind, parent, created_at, body) VALUES (?, ?, ?, ?)",
                (kind, ids[place - 1] if place else top, _stamp(datetime.now(UTC)), body),
            )
            ids.append(int(cursor.lastrowid or 0))
        connection.execute("COMMIT")
    except BaseException:
        # A full disk makes SQLite roll back by itself; then there is nothing left to undo.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return tuple(ids)


def _is_full(path: Path) -> bool:
    """Whether its disk has no room: SQLite calls that an I/O error where it is about its own files."""
    with suppress(OSError):
        disk = os.statvfs(path.parent)
        return disk.f_bavail * disk.f_frsize < _NO_SPACE_BYTES
    return False


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the disk say into an error a person can act on."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise InfrastructureError(f"{path}: refused a record: {error}") from error
    except (sqlite3.Error, OSError) as error:
        said = str(error).lower()
        if "locked" in said or "busy" in said:
            help = "another skvm writes to it for too long; wait for it, or stop it"
        elif "full" in said or "no space" in said or ("i/o error" in said and _is_full(path)):
            help = "free some space, or point SKVM_LOGS_DIR at another disk"
        elif "not a database" in said or "malformed" in said:
            help = "the file is damaged; move it away (its -wal and -shm too) and a new one is begun"
        else:
            help = "check that its folder can be written, or point SKVM_LOGS_DIR at one that can"
        raise InfrastructureError(f"{path}: the journal cannot be used: {error}", help=help) from error
