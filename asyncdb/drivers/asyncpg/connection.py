"""One session over an asyncpg connection, in one round trip per statement.

Rules that come from asyncpg and PostgreSQL:

* Each statement is prepared once and kept by us (LRU), with the names of its columns.
  It is run by the protocol's own call, as `PreparedStatement.fetch` would after three
  more; that one gives the command tag, too.
* asyncpg prepares with Flush, not Sync: between a first prepare and its execution the
  server sits in an implicit transaction that holds locks. When the execution does not
  follow (a bad argument, a cancellation), `_settle` sends the Sync by a simple query.
* A kept statement whose table changed underneath raises before anything ran: outside a
  transaction it is prepared again, once. One whose *type* changed has run when its
  answer cannot be read, so it is not: asyncpg forgets what it knew, for the next one.
* Behind PgBouncer nothing may be kept: each call prepares anew.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
from asyncpg import exceptions
from asyncpg.prepared_stmt import PreparedStatement

from asyncdb.dialect import Dialect, Lexis
from asyncdb.dialects.postgresql import (
    DIALECT,
    LEXIS,
    LEXIS_BACKSLASH,
    PostgreSQLOptions,
)
from asyncdb.driver import DriverConnection, DriverCursor, Result
from asyncdb.drivers.asyncpg.arguments import ENCODERS, aware, instants
from asyncdb.drivers.asyncpg.cursor import AsyncpgCursor
from asyncdb.drivers.asyncpg.notices import forget_listeners
from asyncdb.drivers.asyncpg.translation import answered
from asyncdb.errors import NotSupportedError, TransactionError
from asyncdb.options import TransactionOptions
from asyncdb.sql import Statement
from asyncdb.sql import quote_identifier as quoted
from asyncdb.sql.lexer import scan
from asyncdb.values.rows import Row, tuple_row

Columns = tuple[tuple[str, Any], ...]

# Seconds for the server to answer after a failure before the line is cut.
_SETTLE = 0.4
# Seconds of that after which a cancelled statement that still runs is cancelled again.
_REPEAT = 0.1
# Raised by the server, before it runs anything, when a kept statement is stale.
_STALE = (
    exceptions.InvalidCachedStatementError,
    exceptions.InvalidSQLStatementNameError,
)
# asyncpg could not read the answer: what is left on the wire is anybody's guess.
_UNREADABLE = (
    AssertionError,
    exceptions.InternalClientError,
    exceptions.ProtocolError,
    exceptions.UnsupportedClientFeatureError,
)

# asyncpg answers no COPY FROM STDIN, and drops what TO STDOUT gives.
_BY_WIRE = frozenset(["STDIN", "STDOUT"])
_COPY = "COPY is not run as text: use load_rows(), or db.native.copy_..."

# Everything but statements prepared by SQL, which the last one counts: DEALLOCATE ALL
# would take ours too.
_RESET = """\
CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *;
SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES;
SELECT name FROM pg_prepared_statements WHERE from_sql"""


class PgRow(Row, asyncpg.Record):  # type: ignore[misc]  # it has no types
    """asyncpg's record as a Row."""

    __slots__ = ()


class Kept:
    """A prepared statement and what is known of its result."""

    __slots__ = ("columns", "duplicates", "instants", "prepared", "state")

    def __init__(self, prepared: PreparedStatement) -> None:
        self.prepared = prepared
        self.state = prepared._state
        attributes = prepared.get_attributes()
        self.columns: Columns | None = (
            tuple((a.name, a.type.oid) for a in attributes) or None
        )
        self.duplicates = len({a.name for a in attributes}) != len(attributes)
        self.instants = instants([p.oid for p in prepared.get_parameters()])


class AsyncpgConnection(DriverConnection):
    """The session."""

    def __init__(self, native: asyncpg.Connection, options: PostgreSQLOptions) -> None:
        self._native = native
        self._protocol: Any = native._protocol
        self._pgbouncer = options.pgbouncer
        self._limit = 0 if self._pgbouncer else options.statement_cache_size
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        version = native.get_server_version()
        self._dialect = replace(
            DIALECT,
            encoders=ENCODERS,
            server_version=(version.major, version.minor),
        )

    # -- facts ---------------------------------------------------------------------

    @property
    def dialect(self) -> Dialect:
        """PostgreSQL's facts with this server's version."""
        return self._dialect

    @property
    def native(self) -> asyncpg.Connection:
        """asyncpg's connection."""
        return self._native

    @property
    def lexis(self) -> Lexis:
        """How the session quotes: the server reports each change by itself."""
        setting = getattr(
            self._native.get_settings(), "standard_conforming_strings", "on"
        )
        return LEXIS if setting == "on" else LEXIS_BACKSLASH

    async def read_lexis(self) -> Lexis:
        """Return the same, which is always known."""
        return self.lexis

    # -- statements ----------------------------------------------------------------

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement and give its whole result."""
        text = statement.text
        kept = self._kept.get(text)
        fresh = kept is None
        if fresh and statement.verb == "COPY" and statement.words & _BY_WIRE:
            raise NotSupportedError(_COPY)
        try:
            if kept is None:
                kept = await self._prepare(text)
            else:
                self._kept.move_to_end(text)
            if kept.instants:
                args = aware(args, kept.instants)
            rows, tag, _ = await self._protocol.bind_execute(
                kept.state, args, "", 0, True, None
            )
        except _STALE:
            self._kept.clear()
            if fresh or self._native.is_in_transaction():
                raise
            return await self.execute(statement, args)
        except exceptions.DataError as error:
            if fresh or answered(error):
                await self._settle(error, fresh=fresh)
                raise
            # It was not sent: a parameter may be of another type than it was.
            await self._forget()
            return await self.execute(statement, args)
        except BaseException as error:
            await self._settle(error, fresh=fresh)
            raise
        columns = kept.columns
        if columns is None:
            return Result(None, [], _count(tag.decode()))
        if kept.duplicates:
            # A Record would give the last of the columns that share a name.
            row = tuple_row(tuple(name for name, _ in columns))
            return Result(columns, [row(r) for r in rows], len(rows))
        return Result(columns, rows, len(rows))

    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row, pipelined; asyncpg makes it atomic."""
        await self._many(statement.text, rows, counting=False)
        # The protocol's tags are lost in the pipeline. A plain INSERT that succeeded
        # has inserted each row; of anything else the number is unknown.
        words = statement.words
        plain = statement.verb == "INSERT" and words.isdisjoint(("CONFLICT", "SELECT"))
        return len(rows) if plain else -1

    async def _many(
        self, text: str, rows: Sequence[Sequence[Any]], *, counting: bool
    ) -> int:
        kept = self._kept.get(text)
        fresh = kept is None
        try:
            if kept is None:
                kept = await self._prepare(text)
            if kept.instants:
                rows = [aware(row, kept.instants) for row in rows]
            if counting:
                return len(await kept.prepared.fetchmany(rows))
            await kept.prepared.executemany(rows)
        except _STALE:
            self._kept.clear()
            if fresh or self._native.is_in_transaction():
                raise
            return await self._many(text, rows, counting=counting)
        except BaseException as error:
            if isinstance(error, exceptions.DataError):
                self._kept.pop(text, None)  # as above, but some rows may have been sent
            await self._settle(error, fresh=fresh)
            raise
        return -1

    async def execute_many_exactly(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Count by having each row return something; tags are lost in pipelines."""
        text = statement.text
        if statement.words.isdisjoint(("INSERT", "UPDATE", "DELETE", "MERGE")):
            return await self.execute_many(statement, rows)
        if "RETURNING" not in statement.words:
            tokens = scan(text, LEXIS)
            ends = [start for kind, start, _ in tokens if kind == "semicolon"]
            text = f"{text[: ends[0]] if ends else text}\nRETURNING 1"
        return await self._many(text, rows, counting=True)

    async def load_rows(
        self,
        table: Sequence[str],
        columns: Sequence[str],
        batches: AsyncIterator[Sequence[Sequence[Any]]],
    ) -> int:
        """Load rows by COPY, which is atomic by itself."""

        async def records() -> AsyncIterator[Sequence[Any]]:
            async for batch in batches:
                for row in batch:
                    yield aware(row, found) if found else row

        try:
            names = ", ".join(quoted(name, self._dialect) for name in columns)
            text = f"SELECT {names} FROM {quoted(table, self._dialect)}"
            kept = self._kept.get(text) or await self._prepare(text)
            found = instants([oid for _, oid in kept.columns or ()])
            tag = await self._native.copy_records_to_table(
                table[-1],
                schema_name=table[-2] if len(table) > 1 else None,
                columns=columns,
                records=records(),
            )
        except BaseException as error:
            await self._settle(error, fresh=True)
            raise
        return _count(tag)

    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Bind a portal, which lives in a transaction: the open one, or its own."""
        own = not self._native.is_in_transaction()
        try:
            if own:
                await self._native.execute("BEGIN")
            kept = self._kept.get(statement.text) or await self._prepare(statement.text)
            portal = await kept.prepared.cursor(*aware(args, kept.instants))
        except BaseException as error:
            if own:
                await self._undo()
            else:
                await self._settle(error, fresh=True)
            raise
        return AsyncpgCursor(
            self._native, kept, portal, self._settle, own_transaction=own
        )

    async def _prepare(self, text: str) -> Kept:
        kept = Kept(await self._native.prepare(text))
        if self._limit:
            self._kept[text] = kept
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        return kept

    async def _settle(self, error: BaseException, *, fresh: bool = False) -> None:
        """Leave the session clean, or closed, after a statement failed.

        After a cancellation too: only an answer tells that the work has stopped, and
        whether a transaction is open.
        """
        if self._native.is_closed():
            return
        if isinstance(error, exceptions.OutdatedSchemaCacheError):
            await self._forget()
        elif isinstance(error, _UNREADABLE):
            self._native.terminate()
        elif not answered(error) and (fresh or not isinstance(error, Exception)):
            await self._undo("SELECT")

    async def _forget(self) -> None:
        """Learn anew what was learned of statements and types."""
        self._kept.clear()
        await self._native.reload_schema_state()

    async def _undo(self, text: str = "ROLLBACK") -> None:
        """Send one simple query, bounded; a server that does not answer is left."""
        try:
            async with asyncio.timeout(_SETTLE):
                try:
                    async with asyncio.timeout(_REPEAT):
                        await self._native.execute(text)
                except TimeoutError:
                    await self._cancel_again()
                    await self._native.execute(text)
        except exceptions.PostgresError:
            pass  # it answers, that the transaction has failed
        except Exception:  # noqa: BLE001  # the first error is the one to be told
            self._native.terminate()
        except BaseException:
            self._native.terminate()
            raise

    async def _cancel_again(self) -> None:
        """Repeat asyncpg's cancel request: one that overtakes its statement is lost."""
        sent = asyncio.get_running_loop().create_future()
        self._native._cancel_current_command(sent)
        await sent

    # -- transactions --------------------------------------------------------------

    async def begin(self, options: TransactionOptions) -> None:
        """Open a transaction."""
        modes = [
            f"ISOLATION LEVEL {options.isolation.upper()}" if options.isolation else "",
            "READ ONLY" if options.readonly else "",
            "DEFERRABLE" if options.deferrable else "",
        ]
        try:
            await self._native.execute(" ".join(["BEGIN", *filter(None, modes)]))
        except BaseException as error:
            await self._settle(error)  # the core rolls back what has begun
            raise

    async def commit(self) -> None:
        """Commit: the server answers a failed transaction's COMMIT with ROLLBACK."""
        try:
            tag = await self._native.execute("COMMIT")
        except BaseException as error:
            await self._settle(error)
            raise
        if tag != "COMMIT":
            raise TransactionError(
                f"the server answered COMMIT with {tag}: nothing was committed"
            )

    async def rollback(self) -> None:
        """Roll back."""
        if self._native.is_in_transaction():
            await self._native.execute("ROLLBACK")

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(not self.is_closed() and self._native.is_in_transaction())

    # -- the end -------------------------------------------------------------------

    async def reset(self) -> bool:
        """Go back to the settings of the start-up packet, in one round trip.

        Behind PgBouncer there is no session of ours to reset.
        """
        if self._pgbouncer:
            return True
        # asyncpg's own reset forgets roles and temporary tables.
        forget_listeners(self._native)
        tag: str = await self._native.execute(_RESET)
        return tag == "SELECT 0"

    def is_closed(self) -> bool:
        """Whether the session is over."""
        return bool(self._native.is_closed())

    async def close(self) -> None:
        """Say goodbye and close."""
        await self._native.close()

    def terminate(self) -> None:
        """Cut the line."""
        self._native.terminate()


def _count(tag: str | None) -> int:
    """Read the number at the end of a command tag such as `INSERT 0 1`."""
    number = (tag or "").rpartition(" ")[2]
    return int(number) if number.isdigit() else -1
