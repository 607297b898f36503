"""The jobs of a connection: what runs in its thread, and how it tells."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextvars import Context
from functools import lru_cache
from itertools import chain
from typing import Any

from aiosqlite.core import _STOP_RUNNING_SENTINEL as END_OF_THREAD

from asyncdb._sql.inserts import take_apart
from asyncdb._sql.statement import Statement
from asyncdb.dialects.sqlite import LEXIS, LiteRow, lite_row
from asyncdb.driver import Result
from asyncdb.drivers.aiosqlite.bell import Bell

# In one statement; more of them buy nothing.
_ROWS_AT_ONCE = 50


class Job:
    """A call for the connection's thread, which a task awaits like a future.

    It is none of asyncio's own: that would wake the task one turn of the loop later,
    which is an eighth of a short statement. asyncio lets tasks await whatever has an
    `_asyncio_future_blocking` and the methods below (`isfuture` in asyncio/futures.py).

    aiosqlite logs what it calls, so that the `repr` must not show the values.
    """

    __slots__ = (
        *("_args", "_bell", "_callbacks", "_cancelled", "_error", "_function", "_loop"),
        *("_asyncio_future_blocking", "_is_done", "_result", "dropped"),
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        bell: Bell,
        function: Callable[..., Any],
        args: tuple[Any, ...] = (),
    ) -> None:
        self._loop = loop
        self._bell = bell
        self._function = function
        self._args = args
        self.dropped = False  # cancelled before the thread came to it
        # Of the thread, until it rings.
        self._result: Any = None
        self._error: BaseException | None = None
        # Of the loop.
        self._is_done = False
        self._cancelled: asyncio.CancelledError | None = None
        self._callbacks: list[tuple[Callable[[Job], object], Context | None]] = []
        self._asyncio_future_blocking = False

    def __call__(self) -> None:
        """Run in the thread."""
        if self.dropped:
            return
        try:
            self._result = self._function(*self._args)
        except BaseException as error:  # noqa: BLE001  # all of them are the caller's
            self._error = error
        self._bell.ring(self)

    def settle(self) -> None:
        """Go on with the task that waits, at once; called in the loop."""
        if not self._is_done:
            self._is_done = True
            for call, context in self._callbacks:
                if context is None:
                    call(self)
                else:
                    context.run(call, self)

    # -- what a task asks of what it awaits --------------------------------------------

    def __await__(self) -> Generator[Job, None, Any]:
        """Wait until it has run."""
        self._asyncio_future_blocking = True
        yield self
        return self.result()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return where it was made."""
        return self._loop

    def add_done_callback(
        self, call: Callable[[Job], object], *, context: Context | None = None
    ) -> None:
        """Note who is to be called."""
        self._callbacks.append((call, context))

    def cancel(self, msg: object = None) -> bool:
        """Have the waiting task get a `CancelledError`, whatever the thread does."""
        if self._is_done:
            return False
        self._is_done = True
        self._cancelled = asyncio.CancelledError(*([] if msg is None else [msg]))
        for call, context in self._callbacks:
            self._loop.call_soon(call, self, context=context)
        return True

    def result(self) -> Any:
        """Return or raise what has become of it."""
        error = self._cancelled or self._error
        if error is not None:
            raise error
        return self._result


class Fence:
    """Stands behind the jobs before it: its future is done when they are."""

    __slots__ = ("_bell", "future")

    def __init__(self, loop: asyncio.AbstractEventLoop, bell: Bell) -> None:
        self._bell = bell
        self.future: asyncio.Future[None] = loop.create_future()

    def __call__(self) -> None:
        """Run in the thread."""
        self._bell.ring(self)

    def settle(self) -> None:
        """Tell who waits, in the loop."""
        if not self.future.done():
            self.future.set_result(None)


def end_thread() -> object:
    """End the thread: what aiosqlite's loop looks for in a job's result."""
    return END_OF_THREAD


@lru_cache(maxsize=1024)
def _shape(names: tuple[str, ...]) -> tuple[type[LiteRow], tuple[tuple[str, Any], ...]]:
    return lite_row(names), tuple((name, None) for name in names)


def run(raw: sqlite3.Connection, statement: Statement, args: Sequence[Any]) -> Result:
    """Run a statement and fetch all of its result."""
    changes = raw.total_changes
    cursor = raw.cursor()
    try:
        cursor.execute(statement.text, args)
        if cursor.description is not None:
            names = tuple([column[0] for column in cursor.description])
            cursor.row_factory, columns = _shape(names)
            rows: list[Any] = cursor.fetchall()
            count = len(rows)
        else:
            columns, rows = None, []
            count = cursor.rowcount
            if count < 0:
                count = _count(raw, statement, changes)
        made = count == 1 and raw.total_changes != changes and _inserts(statement)
        return Result(columns, rows, count, cursor.lastrowid if made else None)
    finally:
        cursor.close()


def _count(raw: sqlite3.Connection, statement: Statement, before: int) -> int:
    """Count what sqlite3 does not: it looks only at the first word of a text."""
    if raw.total_changes != before:
        (changed,) = raw.execute("SELECT changes()").fetchone()
        return int(changed)
    writes = not statement.words.isdisjoint(("INSERT", "UPDATE", "DELETE", "REPLACE"))
    return 0 if statement.verb == "WITH" and writes else -1


def _inserts(statement: Statement) -> bool:
    """Tell whether it made a key: an upsert that updates leaves the last one."""
    words = statement.words
    return not words.isdisjoint(("INSERT", "REPLACE")) and not (
        "CONFLICT" in words and "UPDATE" in words
    )


def run_many(
    raw: sqlite3.Connection, statement: Statement, rows: Sequence[Sequence[Any]]
) -> int:
    """Run a statement for each row, in a transaction."""
    own = not raw.in_transaction
    if own:
        raw.execute("BEGIN IMMEDIATE")
    try:
        if "RETURNING" in statement.words:  # sqlite3 counts what is fetched
            count = sum(
                len(raw.execute(statement.text, row).fetchall()) for row in rows
            )
        else:
            done, count = _insert(raw, statement, rows)
            count += _one_by_one(raw, statement, rows[done:] if done else rows)
        if own:
            raw.execute("COMMIT")
    except BaseException:
        if own and raw.in_transaction:
            raw.execute("ROLLBACK")
        raise
    return count


def _insert(
    raw: sqlite3.Connection, statement: Statement, rows: Sequence[Sequence[Any]]
) -> tuple[int, int]:
    """Insert rows, many in a statement: nearly twice as fast as one by one.

    Returns:
        How many rows are done, the rest being fewer than go into a statement, and the
        count of all statements.
    """
    room = raw.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    many = min(_ROWS_AT_ONCE, room // max(1, len(statement.keys)))
    parts = take_apart(statement, LEXIS) if 1 < many <= len(rows) else None
    if parts is None or _refers_to_itself(raw, statement):
        return 0, 0
    text = f"{parts.head}{','.join(['?'.join(parts.row)] * many)}{parts.tail}"
    count, end = 0, len(rows) - len(rows) % many
    for start in range(0, end, many):
        values = list(chain.from_iterable(rows[start : start + many]))
        count += raw.execute(text, values).rowcount
    return end, count


def _refers_to_itself(raw: sqlite3.Connection, statement: Statement) -> bool:
    """Tell whether a row may name one behind it, as its parent.

    SQLite looks at foreign keys when a statement ends: many rows in one would be more
    than as many statements may.
    """
    sql = 'SELECT 1 FROM pragma_foreign_key_list(?) WHERE "table" = ? COLLATE NOCASE'
    names = statement.words | statement.names
    return any(raw.execute(sql, [name, name]).fetchone() for name in names)


def _one_by_one(
    raw: sqlite3.Connection, statement: Statement, rows: Sequence[Sequence[Any]]
) -> int:
    before = raw.total_changes
    count = raw.executemany(statement.text, rows).rowcount
    return count if count >= 0 else raw.total_changes - before


def open_cursor(
    raw: sqlite3.Connection,
    statement: Statement,
    args: Sequence[Any],
    opened: list[sqlite3.Cursor],
) -> None:
    """Run a statement, and put its cursor where the caller finds it."""
    close_all(opened)  # of a try before
    opened[:] = [raw.cursor()]
    opened[0].execute(statement.text, args)
    if opened[0].description is not None:
        names = tuple(column[0] for column in opened[0].description)
        opened[0].row_factory = lite_row(names)


def close_all(cursors: list[sqlite3.Cursor]) -> None:
    """Close cursors."""
    for cursor in cursors:
        cursor.close()


def script(raw: sqlite3.Connection, *texts: str) -> None:
    """Run texts one after the other."""
    for text in texts:
        raw.execute(text)


def begin_and(
    raw: sqlite3.Connection,
    opening: Sequence[str],
    function: Callable[..., Any],
    *args: Any,
) -> Any:
    """Begin a transaction, if that was not done before, and run its first statement."""
    if not raw.in_transaction:
        script(raw, *opening)
    return function(raw, *args)


def end(raw: sqlite3.Connection, text: str, *, readonly: bool) -> None:
    """End a transaction, if one is open, and allow writing again, in one job."""
    if raw.in_transaction:
        raw.execute(text)
    while readonly and raw.execute("PRAGMA query_only").fetchone()[0]:
        with contextlib.suppress(sqlite3.OperationalError):  # interrupted in between
            raw.execute("PRAGMA query_only=OFF")
