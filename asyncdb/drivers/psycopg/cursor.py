"""Results read in pieces: a cursor at the server, or rows as they come.

libpq has no portals. What a query gives is read through `DECLARE ... CURSOR`, which
keeps it at the server and leaves the connection free between two pieces. That takes
queries alone: what a statement that writes returns is read as it comes, and to its end
when it is left early; the server has done its work by then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import pq

from asyncdb.driver import DriverCursor
from asyncdb.drivers.psycopg.running import Running
from asyncdb.drivers.psycopg.statements import PsycopgKept, in_transaction
from asyncdb.drivers.psycopg.translation import raise_first
from asyncdb.sql import Statement
from asyncdb.values.rows import Row

_QUERIES = frozenset(["SELECT", "VALUES", "TABLE", "WITH"])
_NO_QUERIES = frozenset(["INTO", "INSERT", "UPDATE", "DELETE", "MERGE"])
_ROWS = frozenset(
    [
        pq.ExecStatus.SINGLE_TUPLE,
        pq.ExecStatus.TUPLES_OK,
        pq.ExecStatus.TUPLES_CHUNK,
    ]
)
# Rows that libpq hands out together as they come.
_CHUNK = 100
# There is one at a time on a connection.
_NAME = "asyncdb_stream"
# How much of a statement is shown while it is read: what pg_stat_activity keeps.
_SHOWN = 1000


async def open_cursor(
    running: Running, statement: Statement, args: Sequence[Any], *, plain: bool
) -> DriverCursor:
    """Read the result of a statement in pieces."""
    kept, values, _ = await running.find(statement, args)
    try:
        if running.line.unsynced:
            await running.line.sync()
        if is_query(statement):
            return await _declare(running, statement, kept, values, plain=plain)
        return await _start(running, kept, values, plain=plain)
    except BaseException as error:
        await running.settle(error)
        raise


def is_query(statement: Statement) -> bool:
    """Tell whether the server takes a cursor for it; FOR UPDATE is of a query."""
    words = _NO_QUERIES if statement.verb == "WITH" else frozenset(["INTO"])
    return statement.verb in _QUERIES and words.isdisjoint(statement.words)


# -- at the server ---------------------------------------------------------------------


async def _declare(
    running: Running,
    statement: Statement,
    kept: PsycopgKept,
    values: list[bytes | None],
    *,
    plain: bool,
) -> DriverCursor:
    line = running.line
    pgconn = line.pgconn
    own = not in_transaction(line)
    head = f"DECLARE {_NAME} NO SCROLL CURSOR FOR "
    line.open_pipeline()
    if own:
        pgconn.send_query_params(b"BEGIN", None)
    text = (head + kept.form.text).encode()
    pgconn.send_query_params(text, values, kept.oids, kept.formats)
    try:
        results = await line.sync()
        raise_first(results, kept.form.text, len(head))
    except BaseException as error:
        await running.settle(error, statement)
        if own:
            await running.undo()
        raise
    return ServerCursor(running, kept, own=own, plain=plain)


class ServerCursor(DriverCursor):
    """A cursor at the server, and the transaction it lives in where that is its own."""

    def __init__(
        self,
        running: Running,
        kept: PsycopgKept,
        *,
        own: bool,
        plain: bool,
    ) -> None:
        self._running = running
        self._kept = kept
        # For who looks into pg_stat_activity what is read there.
        text = kept.form.text[:_SHOWN].replace("*", " * ")  # which ends no comment
        self._rest = f"FROM {_NAME} /* {text} */"
        self._own = own
        self._plain = plain
        self._open = True

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """Names and type OIDs."""
        return self._kept.columns or ()

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows."""
        running, kept = self._running, self._kept
        text = f"FETCH FORWARD {size} {self._rest}".encode()
        try:
            running.pgconn.send_query_params(text, None, result_format=kept.format)
            results = await running.line.results()
            raise_first(results)
        except BaseException as error:
            await running.settle(error)
            raise
        return kept.rows(results[-1], plain=self._plain)

    async def close(self) -> None:
        """Close the cursor; commit the transaction that was opened for it.

        COMMIT even when left early: the statement has run, and in autocommit what it
        did stays, as on every other engine. A failed one is answered by ROLLBACK.
        """
        running = self._running
        if not self._open or running.line.is_over():
            return
        self._open = False
        status = running.pgconn.transaction_status
        if not self._own and status == pq.TransactionStatus.INERROR:
            return  # it is closed already
        try:
            await running.tell("COMMIT" if self._own else f"CLOSE {_NAME}")
        except BaseException:
            if self._own and in_transaction(running.line):
                running.settling.cut()
            raise


# -- as they come ----------------------------------------------------------------------


async def _start(
    running: Running, kept: PsycopgKept, values: list[bytes | None], *, plain: bool
) -> DriverCursor:
    pgconn = running.pgconn
    around = in_transaction(running.line)
    if kept.name:
        pgconn.send_query_prepared(kept.name, values, kept.formats, kept.format)
    else:
        text = kept.form.text.encode()
        pgconn.send_query_params(text, values, kept.oids, kept.formats, kept.format)
    if psycopg.capabilities.has_stream_chunked():
        pgconn.set_chunked_rows_mode(_CHUNK)
    else:
        pgconn.set_single_row_mode()
    running.around = around
    return ComingRows(running, kept, plain=plain)


class ComingRows(DriverCursor):
    """Rows as they come."""

    def __init__(self, running: Running, kept: PsycopgKept, *, plain: bool) -> None:
        self._running = running
        self._kept = kept
        self._plain = plain
        self._rows: deque[Row] = deque()
        self._over = False

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """Names and type OIDs."""
        return self._kept.columns or ()

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows."""
        rows = self._rows
        try:
            while len(rows) < size and not self._over:
                result = await self._next()
                if result is not None and result.status in _ROWS:
                    rows.extend(self._kept.rows(result, plain=self._plain))
        except BaseException as error:
            await self._running.settle(error)
            self._end()
            raise
        return [rows.popleft() for _ in range(min(size, len(rows)))]

    async def close(self) -> None:
        """Leave what is not read."""
        self._rows.clear()
        if self._running.line.is_over():
            return
        try:
            while not self._over:
                await self._next()
        except BaseException as error:
            await self._running.settle(error)
            self._end()
            raise

    async def _next(self) -> Any:
        result = await self._running.line.next_result()
        if result is None:
            self._end()
            return None
        if result.status == pq.ExecStatus.FATAL_ERROR:
            while await self._running.line.next_result() is not None:
                pass
            self._end()
            raise_first([result])
        return result

    def _end(self) -> None:
        self._over = True
        self._running.around = None
