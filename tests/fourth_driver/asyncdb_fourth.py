"""A whole driver in one file: the standard library's sqlite3, a thread for each call.

It marks parameters by number (`$1`), like PostgreSQL, and makes rows of tuples, so that
it takes other ways through the core than asyncdb's own driver for SQLite.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from asyncdb import errors
from asyncdb.driver import (
    STANDARD_VERBS,
    STANDARD_WORDS,
    ConnectOptions,
    DatabaseURL,
    Dialect,
    Driver,
    DriverConnection,
    DriverCursor,
    Lexis,
    Result,
    Row,
    Statement,
    TransactionOptions,
    database_error,
    tuple_row,
    values,
)

# -- facts ----------------------------------------------------------------------------


def decimal_text(value: Decimal) -> str:
    """Return the text of a number, which SQLite has no exact type for."""
    if not value.is_finite():
        raise errors.NumericOutOfRange("a Decimal must be finite")
    return str(value)


def decimal_of_real(value: float) -> Decimal:
    """Return the number that a DECIMAL column has made a REAL of, if it is exact."""
    found = Decimal(repr(value))
    if not found.is_finite() or len(found.normalize().as_tuple().digits) > 15:
        raise values.MisfitError("it has more digits than SQLite's REAL holds exactly")
    return found


ENCODERS: dict[type, Callable[[Any], Any] | None] = {
    type(None): None,
    bool: int,
    int: values.integer,
    float: values.not_nan,
    Decimal: decimal_text,
    str: values.text,
    bytes: None,
    bytearray: bytes,
    memoryview: bytes,
    date: date.isoformat,
    time: lambda value: values.naive_time(value).isoformat(),
    datetime: lambda value: values.instant(value).isoformat(" "),
    timedelta: lambda value: values.integer(value // timedelta(microseconds=1)),
    UUID: str,
    dict: values.json_text,
    list: values.json_text,
}
DECODERS: dict[type, Mapping[type, Any]] = {
    bool: {int: values.zero_or_one},
    timedelta: {int: values.microseconds},
    Decimal: {float: decimal_of_real},
    **values.JSON_TEXT,
}
COLUMN_TYPES = {
    **dict.fromkeys(["bool", "int", "timedelta"], "INTEGER"),
    **dict.fromkeys(["Decimal", "str", "UUID", "dict, list"], "TEXT"),
    **dict.fromkeys(["date", "time", "datetime, naive", "datetime, aware"], "TEXT"),
    "float": "REAL",
    "bytes": "BLOB",
}
DIALECT = Dialect(
    name="fourth",
    server_version=sqlite3.sqlite_version_info,
    placeholder="dollar",
    lexis=Lexis(
        names='"`',
        brackets="name",
        native_markers=r"\?\d+|[@$#][0-9A-Za-z_$]+",
    ),
    encoders=ENCODERS,
    decoders=DECODERS,
    column_types=COLUMN_TYPES,
    max_parameters=32766,
    text_column="TEXT",
    identity_column="INTEGER PRIMARY KEY AUTOINCREMENT",
    supports_lastrowid=True,
    supports_returning=True,
    supports_transactional_ddl=True,
    # Every transaction is serializable, which is what the weaker levels allow too.
    supports_isolation=frozenset(["read committed", "repeatable read", "serializable"]),
    harmless_verbs=STANDARD_VERBS | {"REPLACE", "EXPLAIN"},  # not PRAGMA or ATTACH
    touching_words=STANDARD_WORDS | {"LOAD_EXTENSION"},
    bends_bad_values=True,  # 'x' in an INTEGER column is stored as it is
    typed_columns=False,  # rows tell no types
)


@dataclass(frozen=True, kw_only=True)
class FourthOptions(ConnectOptions):
    """What every driver takes, and one option more.

    Args:
        foreign_keys: foreign keys hold (SQLite's own default is that they do not).
    """

    foreign_keys: bool = True


# -- errors ---------------------------------------------------------------------------

# By SQLite's extended code, or by the primary one in its low byte.
BY_CODE: dict[int, type[errors.DatabaseError]] = {
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: errors.UniqueViolation,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: errors.UniqueViolation,
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: errors.NotNullViolation,
    sqlite3.SQLITE_CONSTRAINT_CHECK: errors.CheckViolation,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: errors.ForeignKeyViolation,
    sqlite3.SQLITE_BUSY_SNAPSHOT: errors.SerializationFailure,
    sqlite3.SQLITE_CONSTRAINT: errors.IntegrityError,
    sqlite3.SQLITE_BUSY: errors.LockTimeout,
    sqlite3.SQLITE_LOCKED: errors.LockTimeout,
    sqlite3.SQLITE_INTERRUPT: errors.QueryCanceled,
    sqlite3.SQLITE_READONLY: errors.ReadOnlyTransaction,
    sqlite3.SQLITE_CANTOPEN: errors.ConnectionFailed,
    sqlite3.SQLITE_FULL: errors.ResourceLimit,
    sqlite3.SQLITE_TOOBIG: errors.ResourceLimit,
}
# SQLITE_ERROR is told apart by its words alone; they hold names and SQL, no values.
BY_TEXT: dict[str, type[errors.DatabaseError]] = {
    "^no such table: ": errors.UndefinedTable,
    "^no such column: |has no column named ": errors.UndefinedColumn,
    "^no such function: |^wrong number of arg": errors.UndefinedFunction,
    "^ambiguous column name: ": errors.AmbiguousColumn,
    "^(table|view|index|trigger) .* already exists$": errors.DuplicateTable,
    "^duplicate column name: ": errors.DuplicateColumn,
    "syntax error$|^unrecognized token: |^incomplete input$": errors.SQLSyntaxError,
}
COLUMNS = re.compile(r"(?:UNIQUE|NOT NULL) constraint failed: (?!index ')(?P<all>.+)$")
CONSTRAINT = re.compile(r"constraint failed: (?:index '(?P<index>.+)'|(?P<check>\w+))$")


def from_code(code: int, name: str, text: str) -> errors.Error:
    """Make the error for a result code of SQLite's, with the names in its text."""
    if text.startswith("no such savepoint"):
        return errors.TransactionError("there is no such savepoint")
    diag = errors.Diagnostic(text)  # for those who ask: it may hold values
    if code == sqlite3.SQLITE_ERROR:
        kinds = [kind for words, kind in BY_TEXT.items() if re.search(words, text)]
        kind = kinds[0] if kinds else errors.ProgrammingError
        return database_error(kind, detail=text, code=name, diag=diag)
    kind = BY_CODE.get(code) or BY_CODE.get(code & 0xFF) or errors.OperationalError
    if found := COLUMNS.search(text):
        places = [place.rpartition(".") for place in found["all"].split(", ")]
        columns = tuple(column for _, _, column in places)
        return database_error(
            kind, table=places[0][0], columns=columns, code=name, diag=diag
        )
    found = CONSTRAINT.search(text)
    constraint = found["index"] or found["check"] if found else None
    return database_error(kind, constraint=constraint, code=name, diag=diag)


# -- cursor ---------------------------------------------------------------------------


class FourthCursor(DriverCursor):
    """A result read in pieces."""

    def __init__(self, connection: FourthConnection, raw: sqlite3.Cursor) -> None:
        self._connection = connection
        self._raw = raw
        names = tuple(column[0] for column in raw.description or ())
        self._columns = tuple((name, None) for name in names)
        self._row = tuple_row(names)

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """Names, without types."""
        return self._columns

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows."""
        rows = await self._connection.run(self._raw.fetchmany, size)
        return [self._row(row) for row in rows]

    async def close(self) -> None:
        """Drop the result, and with it SQLite's lock."""
        if not self._connection.is_closed():
            self._raw.close()


# -- connection -----------------------------------------------------------------------

SLICE = 0.02  # seconds; how long SQLite waits for a lock by itself, which none can stop
WRITES = frozenset(["INSERT", "UPDATE", "DELETE", "REPLACE"])


def named(args: Sequence[Any]) -> dict[str, Any]:
    """Return the parameters as sqlite3 wants them for `$1`, `$2`, ..."""
    return {str(number): value for number, value in enumerate(args, 1)}


class FourthConnection(DriverConnection):
    """The session."""

    def __init__(self, raw: sqlite3.Connection, options: ConnectOptions) -> None:
        self._raw = raw
        self._patience = options.lock_timeout or 0
        self._closed = False
        self._readonly = False

    @property
    def dialect(self) -> Dialect:
        """The facts; a server would add its version here."""
        return DIALECT

    @property
    def native(self) -> sqlite3.Connection:
        """The connection of sqlite3."""
        return self._raw

    @property
    def lexis(self) -> Lexis:
        """It quotes in one way."""
        return DIALECT.lexis

    async def read_lexis(self) -> Lexis:
        """Return the same: no session can change it."""
        return DIALECT.lexis

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call in a thread, again and again while another connection has the lock."""
        deadline = clock.monotonic() + self._patience
        while True:
            try:
                return await self._in_thread(function, *args)
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
                if not busy or clock.monotonic() >= deadline:
                    raise
            await asyncio.sleep(0.002)

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        work = asyncio.ensure_future(asyncio.to_thread(function, *args))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # Clean or closed: SQLite is told to stop until it has.
            while not work.done():
                self._raw.interrupt()
                await asyncio.wait([work], timeout=SLICE)
            work.exception()  # has been seen
            raise

    def tell(self, *texts: str) -> None:
        """Run texts one after the other; called in a thread."""
        for text in texts:
            self._raw.execute(text).close()

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement and give its whole result."""
        result: Result = await self.run(self._execute, statement, args)
        return result

    def _execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        before = self._raw.total_changes
        cursor = self._raw.execute(statement.text, named(args))
        if cursor.description is None:
            count = cursor.rowcount
            if count < 0 and not WRITES.isdisjoint(statement.words):
                count = self._raw.total_changes - before
            made = count == 1 and statement.verb in ("INSERT", "REPLACE")
            return Result(None, [], count, cursor.lastrowid if made else None)
        names = tuple(column[0] for column in cursor.description)
        row = tuple_row(names)
        rows: list[Row] = [row(found) for found in cursor.fetchall()]
        return Result(tuple((name, None) for name in names), rows, len(rows))

    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row, all or nothing."""
        count: int = await self.run(self._execute_many, statement, rows)
        return count

    def _execute_many(self, statement: Statement, rows: Sequence[Sequence[Any]]) -> int:
        own = not self._raw.in_transaction
        if own:
            self._raw.execute("BEGIN IMMEDIATE")
        try:
            before = self._raw.total_changes
            counted = self._raw.executemany(statement.text, map(named, rows)).rowcount
            if own:
                self._raw.execute("COMMIT")
        except BaseException:
            if own and self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
            raise
        return counted if counted >= 0 else self._raw.total_changes - before

    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement and read its result in pieces."""
        raw = self._raw.cursor()
        try:
            await self.run(raw.execute, statement.text, named(args))
        except BaseException:
            if not self._closed:
                raw.close()  # or it would keep its lock for a while
            raise
        return FourthCursor(self, raw)

    async def begin(self, options: TransactionOptions) -> None:
        """Open a transaction; one that may write takes the lock at once."""
        try:
            if options.readonly:
                self._readonly = True
                await self.run(self.tell, "PRAGMA query_only = ON", "BEGIN")
            else:
                await self.run(self.tell, "BEGIN IMMEDIATE")
        except BaseException:
            await self.rollback()
            raise

    async def commit(self) -> None:
        """Commit."""
        if not self._raw.in_transaction:
            raise errors.TransactionError("the transaction was already over")
        await self.run(self.tell, "COMMIT")
        await self._writable()

    async def rollback(self) -> None:
        """Roll back."""
        if self.in_transaction():
            await self.run(self.tell, "ROLLBACK")
        await self._writable()

    async def _writable(self) -> None:
        if self._readonly and not self._closed:
            await self.run(self.tell, "PRAGMA query_only = OFF")
            self._readonly = False

    def in_transaction(self) -> bool:
        """Whether a transaction is open: SQLite knows."""
        return not self._closed and self._raw.in_transaction

    def is_closed(self) -> bool:
        """Whether the session is over."""
        return self._closed

    async def close(self) -> None:
        """Close the file; there is nobody to say goodbye to."""
        self.terminate()

    def terminate(self) -> None:
        """Stop what runs, and close the file."""
        if not self._closed:
            self._closed = True
            self._raw.interrupt()
            self._raw.close()


# -- driver ---------------------------------------------------------------------------


class FourthDriver(Driver):
    """The entry point's object."""

    @property
    def dialect(self) -> Dialect:
        """The facts."""
        return DIALECT

    @property
    def options(self) -> type[ConnectOptions]:
        """The options."""
        return FourthOptions

    async def connect(
        self, url: DatabaseURL, options: ConnectOptions
    ) -> DriverConnection:
        """Open a file, in the portable state."""
        assert isinstance(options, FourthOptions)  # the core made them from `options`
        raw = sqlite3.connect(
            url.database or ":memory:",
            timeout=SLICE,
            isolation_level=None,  # autocommit
            check_same_thread=False,
        )
        session = FourthConnection(raw, options)
        try:
            keys = "ON" if options.foreign_keys else "OFF"
            texts = f"PRAGMA foreign_keys = {keys}", "PRAGMA journal_mode = wal"
            await session.run(session.tell, *texts)
        except BaseException:
            session.terminate()
            raise
        return session

    def translate(self, error: BaseException) -> errors.Error | None:
        """Return asyncdb's error for sqlite3's."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None:
            return from_code(code, getattr(error, "sqlite_errorname", ""), str(error))
        if isinstance(error, OverflowError):
            return errors.NumericOutOfRange("an integer is beyond 64 bits")
        if isinstance(error, UnicodeEncodeError):
            return errors.InvalidText("text holds surrogates")
        if isinstance(error, sqlite3.Error):
            if "one statement at a time" in str(error):
                return database_error(errors.MultipleStatements)
            return errors.InterfaceError("sqlite3 cannot do this")
        return None


driver = FourthDriver()
