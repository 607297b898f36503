"""psycopg's connection, as `db.native` gives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from asyncdb.drivers.psycopg.decoding import usual
from asyncdb.drivers.psycopg.line import Line


class PgNative(psycopg.AsyncConnection[Any]):
    """A connection in autocommit, whose socket is watched between its own calls.

    Attributes:
        line: its line.
    """

    line: Line

    @classmethod
    def over(cls, pgconn: Any) -> PgNative:
        """Make the connection over libpq's."""
        native = cls(pgconn)
        native._autocommit = True
        native._adapters = usual()
        native.line = Line(pgconn)
        return native

    def __del__(self, *_: Any) -> None:
        """Say nothing: asyncdb warns of what was not closed."""

    async def wait(self, *args: Any, **options: Any) -> Any:
        """Wait as psycopg does, which is alone at the socket then."""
        with self.line.lent():
            return await super().wait(*args, **options)

    async def close(self) -> None:
        """Close."""
        self.line.finish()
        self._closed = True

    def add_termination_listener(self, callback: Callable[[PgNative], Any]) -> None:
        """Have a function called when the connection is over, by whomever.

        psycopg has none such, and the name is asyncpg's.

        Args:
            callback: called once, with the connection.
        """
        self.line.add_end_listener(lambda: callback(self))

    def forget(self, hearing: Callable[[Any], None]) -> None:
        """Forget what a borrower has set, but for asyncdb's own listener."""
        self._notice_handlers[:] = [hearing]
        self._notify_handlers.clear()
        if self._notifies_backlog is not None:
            self._notifies_backlog.clear()
        self._autocommit = True
        self._isolation_level = self._read_only = self._deferrable = None
        self._begin_statement = b""
