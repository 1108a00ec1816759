"""Migrations: numbered steps from an older database file to today's."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from skvm.errors import InfrastructureError

__all__ = ["Migrations"]

Step = Callable[[sqlite3.Connection], None]


class Migrations:
    """Steps in order of version; the version reached stands in the file's ``user_version``.

    Args:
        application_id: Marks a file as ours (SQLite's ``application_id``), 1 to 2**31 - 1.
    """

    def __init__(self, application_id: int) -> None:
        self.application_id = application_id
        self._steps: list[Step] = []

    @property
    def version(self) -> int:
        """The version this program writes."""
        return len(self._steps)

    def step(self, version: int) -> Callable[[Step], Step]:
        """Declare the step that leads from ``version - 1`` to ``version``.

        Raises:
            ValueError: The numbers have a gap or come twice.
        """
        if version != self.version + 1:
            raise ValueError(f"migration {version} follows {self.version}")

        def declare(step: Step) -> Step:
            self._steps.append(step)
            return step

        return declare

    def check(self, connection: sqlite3.Connection, path: Path) -> int:
        """The file's version; the connection is in autocommit mode.

        Raises:
            InfrastructureError: It is not ours, or a newer program wrote it.
        """
        # One snapshot: of a file that another process makes between two reads, each would tell of another.
        connection.execute("BEGIN")
        try:
            return self._version_in(connection, path)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def apply(self, connection: sqlite3.Connection, path: Path) -> None:
        """Bring a file up to date in one transaction; the connection is in autocommit mode.

        Raises:
            InfrastructureError: As for ``check``.
        """
        # Most files are up to date; their readers need not wait for a writer to learn that.
        if self.check(connection, path) == self.version:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have migrated while we waited for the lock.
            reached = self._version_in(connection, path)
            for number, step in enumerate(self._steps[reached:], reached + 1):
                step(connection)
                connection.execute(f"PRAGMA user_version = {number}")
                connection.execute(f"PRAGMA application_id = {self.application_id}")
            connection.execute("COMMIT")
        except BaseException:
            # A full disk makes SQLite roll back by itself; then there is nothing left to undo.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _version_in(self, connection: sqlite3.Connection, path: Path) -> int:
        """The version, read in the transaction that is open."""
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if owner != self.application_id and (owner or tables or version):
            raise InfrastructureError(
                f"{path}: is a database of another program", help="move it away or choose another folder"
            )
        if version > self.version:
            raise InfrastructureError(
                f"{path}: has schema version {version}, this skvm knows up to {self.version}",
                help="upgrade skvm, or point SKVM_LOGS_DIR at another folder",
            )
        return version
