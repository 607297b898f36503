"""The jobs of a connection: what runs in a thread."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from asyncdb.dialects.sqlite import LEXIS
from asyncdb.driver import Command, Result
from asyncdb.sql.inserts import take_apart
from asyncdb.sql.statement import Statement
from asyncdb.values.rows import TupleRow, tuple_row, uncollected

_BUSY, _BUSY_SNAPSHOT = 5, 517
# In one statement; more of them buy nothing.
_ROWS_AT_ONCE = 50
# Rows that are read before it is worth while to keep the garbage collector waiting.
_FEW = 200
_COMMITTED = Result(None, [], -1)


@lru_cache(maxsize=1024)
def _shape(
    names: tuple[str, ...],
) -> tuple[type[TupleRow], tuple[tuple[str, Any], ...]]:
    return tuple_row(names), tuple((name, None) for name in names)


def run(
    raw: sqlite3.Connection,
    statement: Statement,
    args: Sequence[Any],
    plain: bool = False,
) -> Result:
    """Run a statement and fetch all of its result."""
    changes = raw.total_changes
    cursor = raw.cursor()
    try:
        cursor.execute(statement.text, args)
        if cursor.description is not None:
            names = tuple([column[0] for column in cursor.description])
            make, columns = _shape(names)
            cursor.row_factory = None  # whatever `db.native` has
            rows: list[Any]
            if plain:  # which the collector forgets best while they come
                rows = cursor.fetchall()
            else:
                made = map(make, cursor)
                rows = list(islice(made, _FEW))
                if len(rows) == _FEW:
                    rows += uncollected(list, made)
            count = len(rows)
        else:
            columns, rows = None, []
            count = cursor.rowcount
            if count < 0:
                count = _count(raw, statement, changes)
        keyed = count == 1 and raw.total_changes != changes and _inserts(statement)
        return Result(columns, rows, count, cursor.lastrowid if keyed else None)
    except sqlite3.Error as error:
        note(error, statement)
        raise
    finally:
        cursor.close()


def run_batch(
    raw: sqlite3.Connection,
    commands: Sequence[Command],
    outcomes: list[Any],
    is_stopping: Callable[[], bool],
    commit: Callable[[sqlite3.Connection, str], None] | None,
) -> None:
    """Run the statements of a batch that have no outcome yet.

    Args:
        raw: the connection.
        commands: all statements.
        outcomes: where results go.
        is_stopping: whether nobody wants the rest any more.
        commit: ends their transaction, where it is their own.
    """
    for statement, args, plain in commands[len(outcomes) :]:
        if is_stopping():
            return
        outcomes.append(run(raw, statement, args, plain))  # as it goes
    if commit is not None and raw.in_transaction:
        outcomes.append(_COMMITTED)
        # Asked afterwards: who stops it and finds nothing of COMMIT may rely on that.
        if is_stopping():
            outcomes.pop()
            return
        try:
            commit(raw, "COMMIT")
        except sqlite3.Error as error:
            if raw.in_transaction:  # then it can be tried again, with patience
                outcomes.pop()
            else:
                outcomes[-1] = error


def busy(error: Exception) -> bool:
    """Tell whether waiting may help: not for a snapshot that is too old."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == _BUSY and code != _BUSY_SNAPSHOT


def note(error: BaseException, statement: Statement) -> None:
    """Note on an error what ran, so that its translation can say where in it."""
    error.statement = statement  # type: ignore[attr-defined]


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
    except BaseException as error:
        if own and raw.in_transaction:
            raw.execute("ROLLBACK")
        note(error, statement)
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
    try:
        opened[0].execute(statement.text, args)
    except sqlite3.Error as error:
        note(error, statement)
        raise
    opened[0].row_factory = None  # whatever `db.native` has


def fetch(rows: Iterator[Any], size: int) -> list[Any]:
    """Return the next rows."""
    return uncollected(list, islice(rows, size))


def close_all(cursors: list[sqlite3.Cursor]) -> None:
    """Close cursors."""
    for cursor in cursors:
        cursor.close()


def close(raw: sqlite3.Connection, alone: AbstractContextManager[Any]) -> None:
    """Close the file; the last one to do so brings the log (`-wal`) into it.

    Args:
        raw: sqlite3's connection.
        alone: held while it closes, by one after the other.
    """
    with contextlib.suppress(sqlite3.Error):
        # An interrupt is remembered until the next statement, and would end that, too.
        raw.execute("SELECT 1").close()
    with alone:
        raw.close()


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
    try:
        if raw.in_transaction:
            raw.execute(text)
    finally:
        left = readonly and not raw.in_transaction
        while left:
            with contextlib.suppress(sqlite3.OperationalError):  # an interrupt
                raw.execute("PRAGMA query_only=OFF")
                left = raw.execute("PRAGMA query_only").fetchone()[0]
