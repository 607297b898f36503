"""The driver object: options, the portable session, opening."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from typing import cast

from asyncdb import errors
from asyncdb.dialect import Dialect
from asyncdb.dialects import database_error
from asyncdb.dialects.sqlite import DIALECT, SQLiteOptions
from asyncdb.dialects.sqlite_errors import from_code
from asyncdb.driver import Driver, DriverConnection
from asyncdb.driver.messages import MESSAGES
from asyncdb.drivers.aiosqlite.connection import BUSY_SLICE, AiosqliteConnection
from asyncdb.drivers.aiosqlite.files import (
    MEMORY,
    Place,
    explain,
    find_path,
    open_file,
    refusal,
)
from asyncdb.drivers.aiosqlite.jobs import busy
from asyncdb.drivers.aiosqlite.pragmas import set_pragmas
from asyncdb.drivers.aiosqlite.threads import Job, Member, Native, end_thread
from asyncdb.drivers.aiosqlite.writing import turn
from asyncdb.options import ConnectOptions
from asyncdb.url import DatabaseURL

_READONLY = 8
# sqlite3's errors that come without a code, by how their text begins.
_UNCODED: tuple[tuple[str, type[errors.Error], str], ...] = (
    (
        "You can only execute one statement",
        errors.MultipleStatements,
        MESSAGES[errors.MultipleStatements],
    ),
    (
        "Incorrect number of bindings",
        errors.ParameterError,
        "the text has SQLite's own markers, and not as many values came with it",
    ),
    (
        "You did not supply a value for binding",
        errors.ParameterError,
        "the text has SQLite's own named markers without a value",
    ),
    ("Cannot operate on a closed", errors.ConnectionClosed, "the connection is closed"),
    ("no active connection", errors.ConnectionClosed, "the connection is closed"),
    ("Connection closed", errors.ConnectionClosed, "the connection is closed"),
    ("the query contains a null", errors.ParameterError, "the text holds a NUL"),
    ("embedded null character", errors.ParameterError, "the text holds a NUL"),
    ("executemany() can only", errors.ProgrammingError, "executemany() is for writing"),
    ("Could not decode", errors.InvalidText, "stored text is not valid UTF-8"),
)


class AiosqliteDriver(Driver):
    """The entry point's object."""

    @property
    def dialect(self) -> Dialect:
        """SQLite's facts."""
        return DIALECT

    @property
    def options(self) -> type[ConnectOptions]:
        """SQLite's options."""
        return SQLiteOptions

    async def connect(
        self, url: DatabaseURL, options: ConnectOptions
    ) -> DriverConnection:
        """Open the file, or a new database in memory."""
        options = cast("SQLiteOptions", options)
        opener = _Opener(find_path(url.database, options), options)
        native = Native(opener)
        # aiosqlite's own way to open does not get over a loop that ends meanwhile.
        member = Member(native, asyncio.get_running_loop())
        opening = Job(member, opener)
        native._thread.start()
        member.worker.take(opening)
        try:
            native._connection = await opening
        except BaseException:
            opener.abandon()
            native._running = False
            member.worker.queue.put_nowait((None, end_thread))
            raise
        place = turn(opener.real_path) if opener.real_path else None
        return AiosqliteConnection(member, options, place, opener.place)

    def translate(self, error: BaseException) -> errors.Error | None:
        """Return asyncdb's error for sqlite3's."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None:
            name = getattr(error, "sqlite_errorname", "")
            return from_code(
                code,
                name,
                str(error),
                statement=getattr(error, "statement", None),
                opening=getattr(error, "opening", ""),
            )
        if isinstance(error, OverflowError):
            return errors.NumericOutOfRange("an integer is beyond 64 bits")
        if isinstance(error, UnicodeEncodeError):
            return errors.InvalidText("text holds surrogates, which are not characters")
        if not isinstance(error, sqlite3.Error | ValueError):
            return None
        text = str(error)
        for start, kind, message in _UNCODED:
            if text.startswith(start):
                return kind(message)
        if not isinstance(error, sqlite3.Error):
            return None
        if "binding" in text or "type" in text:
            return errors.DataError("a parameter is of a type that SQLite cannot store")
        return database_error(errors.OperationalError, diag=errors.Diagnostic(text))


class _Opener:
    """Opens in the worker's thread; abandoned at any time, it leaves no file open.

    aiosqlite drops the handle of an opening that was cancelled: it would stay open
    until the garbage collector comes by.
    """

    def __init__(self, path: str, options: SQLiteOptions) -> None:
        self._path = path
        self._options = options
        self._lock = threading.Lock()  # protects the two below
        self._abandoned = False
        self._raw: sqlite3.Connection | None = None
        self.real_path = ""  # of a file, once it is open
        self.place = Place(MEMORY)

    def __call__(self) -> sqlite3.Connection:
        try:
            raw = self._open()
        except sqlite3.Error as error:
            refused = refusal(error, self._path)
            if refused is not None:
                raise refused from error
            error.opening = explain(error, self._path, self._options)  # type: ignore[attr-defined]
            raise
        if self._path != MEMORY:
            self.real_path = os.path.realpath(self._path)
        self.place = Place(self.real_path or MEMORY).opened(self._options)
        with self._lock:
            if not self._abandoned:
                self._raw = raw
                return raw
        raw.close()
        raise sqlite3.OperationalError("abandoned")

    def _open(self) -> sqlite3.Connection:
        raw = open_file(self._path, self._options, timeout=BUSY_SLICE)
        try:
            self._set_up(raw)
        except BaseException:
            raw.close()
            raise
        return raw

    def abandon(self) -> None:
        """Close what was opened, or what will be."""
        with self._lock:
            self._abandoned = True
            if self._raw is not None:
                self._raw.close()

    def _set_up(self, raw: sqlite3.Connection) -> None:
        options = self._options
        # First: a page's size, say, is fixed with the first write.
        set_pragmas(raw, options.settings)
        raw.execute(f"PRAGMA foreign_keys={'ON' if options.foreign_keys else 'OFF'}")
        unchanged = options.journal_mode is None or options.only_reads
        if unchanged or self._path == MEMORY:
            return
        # Changing the mode of a file that another connection uses needs a lock.
        deadline = time.monotonic() + (options.lock_timeout or 0)
        while not self._abandoned:
            try:
                raw.execute(f"PRAGMA journal_mode={options.journal_mode}").fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF == _READONLY:
                    return  # a file that is only read keeps the mode it has
                if not busy(error) or time.monotonic() > deadline:
                    raise
            else:
                return
