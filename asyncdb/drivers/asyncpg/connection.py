"""One session over an asyncpg connection, in one round trip per statement.

Rules that come from asyncpg and PostgreSQL:

* Each statement is prepared once and kept by us (LRU), with the names of its columns;
  where PostgreSQL finds no type for a marker, in a form with one (`statements`).
  It is run by the protocol's own call, as `PreparedStatement.fetch` would after three
  more; that one gives the command tag, too.
* asyncpg prepares with Flush, not Sync: between a first prepare and its execution the
  server sits in an implicit transaction that holds locks. When the execution does not
  follow (a bad argument, a cancellation), `Settling` sends the Sync by a simple query.
* BEGIN goes with the first statement of its block, if that is kept, or before it; at
  once in a session that somebody has the `native` of.
* A kept statement whose table changed underneath raises before anything ran: outside a
  transaction it is prepared again, once. One whose *type* changed has run when its
  answer cannot be read, so it is not: asyncpg forgets what it knew, for the next one.
* Through PgBouncer in transaction mode nothing of a session is ours, and mostly nothing
  may be kept (`dialects.pgbouncer`): then each call prepares anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from asyncpg import exceptions

from asyncdb.dialect import Dialect, Lexis
from asyncdb.dialects.postgresql import (
    DIALECT,
    LEXIS,
    LEXIS_BACKSLASH,
    PostgreSQLOptions,
)
from asyncdb.dialects.postgresql.commands import (
    BY_WIRE,
    COPY,
    IS_RESET,
    begin,
    count,
    not_committed,
    reset,
)
from asyncdb.dialects.postgresql.pgbouncer import DIRECT, NO_LISTEN, Pooling
from asyncdb.driver import Description, DriverConnection, DriverCursor, Result, Role
from asyncdb.drivers.asyncpg import inner
from asyncdb.drivers.asyncpg.arguments import ENCODERS
from asyncdb.drivers.asyncpg.cursor import AsyncpgCursor
from asyncdb.drivers.asyncpg.loading import insert, load
from asyncdb.drivers.asyncpg.native import PgNative
from asyncdb.drivers.asyncpg.notices import forget_listeners
from asyncdb.drivers.asyncpg.returning import returning
from asyncdb.drivers.asyncpg.roles import role_now
from asyncdb.drivers.asyncpg.settling import Settling
from asyncdb.drivers.asyncpg.statements import AsyncpgKept, AsyncpgStatements
from asyncdb.drivers.asyncpg.translation import annotate, answered
from asyncdb.errors import ConnectionLost, NotSupportedError, TransactionError
from asyncdb.options import TransactionOptions
from asyncdb.sql import Statement, prepare
from asyncdb.sql import quote_identifier as quoted
from asyncdb.values.rows import tuple_row

# Raised by the server, before it runs anything, when a kept statement is stale.
_STALE = (
    exceptions.InvalidCachedStatementError,
    exceptions.InvalidSQLStatementNameError,
)
# asyncpg answers no COPY FROM STDIN, and drops what TO STDOUT gives.
_COPY = COPY.format(method="copy_...")


class AsyncpgConnection(DriverConnection):
    """The session."""

    def __init__(
        self,
        native: PgNative,
        options: PostgreSQLOptions,
        role: Role | None = None,
        pooling: Pooling = DIRECT,
    ) -> None:
        self._native = native
        self._role = role
        direct = inner.RUNS_DIRECTLY
        self._protocol: Any = native._protocol if direct else inner.PublicProtocol()
        self._shared = pooling.shared
        self._at_begin = pooling.set_locally(options)
        self._reset = reset(pooling.set_again(options))
        limit = options.statement_cache_size if pooling.keeps else 0
        self._statements = AsyncpgStatements(native, limit)
        self._kept = self._statements.kept
        self._settling = Settling(native, self._statements)
        # What is to be set at BEGIN makes it several statements.
        self._begins_along = inner.BEGINS_ALONG and not self._at_begin
        known = native.get_server_version()[:2]
        self._dialect = replace(
            DIALECT,
            encoders=ENCODERS,
            server_version=known,
            supports_statement_timeout=not self._shared,
        )

    # -- facts ---------------------------------------------------------------------

    @property
    def dialect(self) -> Dialect:
        """PostgreSQL's facts with this server's version."""
        return self._dialect

    @property
    def native(self) -> PgNative:
        """asyncpg's connection; what it is told belongs to the block it is read in."""
        self._begins_along = False  # a statement prepared there runs behind our back
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

    @property
    def role(self) -> Role | None:
        """What the server was when the session was opened."""
        return self._role

    async def read_role(self) -> Role:
        """Ask what it is now."""
        return await role_now(self._native)

    # -- statements ----------------------------------------------------------------

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement and give its whole result."""
        text = statement.text
        kept = self._kept.get(text)
        fresh = kept is None
        if fresh and statement.verb == "COPY" and statement.words & BY_WIRE:
            raise NotSupportedError(_COPY)
        if fresh and self._shared and statement.verb == "LISTEN":
            raise NotSupportedError(NO_LISTEN)
        if self._native.opening:
            if fresh:
                await self._settling.begin()
            else:
                self._native.begin_along()
        try:
            if kept is None:
                kept, fresh = await self._statements.find(statement, args, self.lexis)
            else:
                self._kept.move_to_end(text)
            rows, tag, _ = await self._protocol.bind_execute(
                kept.state,
                kept.arguments(args) if kept.adapts else args,
                "",
                0,
                True,
                None,
            )
        except _STALE:
            self._kept.clear()
            if fresh or self._native.is_in_transaction():
                raise
            return await self.execute(statement, args)
        except exceptions.DataError as error:
            if kept is None or answered(error):
                await self._settling.settle(error, fresh=fresh)
                raise
            # It was not sent. The marker may have a type by its place alone ...
            again = await self._retype(statement, args, kept, error, fresh=fresh)
            if again is None and fresh:
                raise
            if again is None:  # ... or another one than it had.
                await self._statements.forget()
            return await self.execute(statement, args if again is None else again)
        except BaseException as error:
            annotate(error, statement, self, kept)
            await self._settling.settle(error, fresh=fresh)
            raise
        columns = kept.columns
        if columns is None:
            return Result(None, [], count(tag.decode()))
        if kept.duplicates:
            # A Record would give the last of the columns that share a name.
            row = tuple_row(tuple(name for name, _ in columns))
            return Result(columns, [row(r) for r in rows], len(rows))
        return Result(columns, rows, len(rows))

    async def describe(self, statement: Statement) -> Description:
        """Prepare a statement, and tell what the server says of it."""
        await self._settling.begin()
        try:
            return await self._statements.describe(statement)
        except BaseException as error:
            annotate(error, statement, self)
            await self._settling.settle(error, fresh=True)
            raise

    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row, pipelined; asyncpg makes it atomic."""
        await self._many(statement, rows, counting=False)
        # The protocol's tags are lost in the pipeline. A plain INSERT that succeeded
        # has inserted each row; of anything else the number is unknown.
        words = statement.words
        plain = statement.verb == "INSERT" and words.isdisjoint(("CONFLICT", "SELECT"))
        return len(rows) if plain else -1

    async def _many(
        self, statement: Statement, rows: Sequence[Sequence[Any]], *, counting: bool
    ) -> int:
        own, fresh, total = False, True, 0
        kept: AsyncpgKept | None = None
        await self._settling.begin()
        try:
            parts, fresh = await self._statements.serve(statement, rows, self.lexis)
            own = len(parts) > 1 and not self._native.is_in_transaction()
            if own:
                await self._native.execute("BEGIN")
            for kept, part in parts:
                sent = [*map(kept.arguments, part)] if kept.adapts else part
                if counting:
                    total += len(await kept.prepared.fetchmany(sent))
                else:
                    await kept.prepared.executemany(sent)
            if own:
                await self._native.execute("COMMIT")
        except BaseException as error:
            if own:
                await self._settling.undo()
            stale = isinstance(error, _STALE)
            if stale or isinstance(error, exceptions.DataError):
                self._kept.clear()  # as above, but some rows may have been sent
            if stale and not fresh and not self._native.is_in_transaction():
                return await self._many(statement, rows, counting=counting)
            annotate(error, statement, self, kept)
            if not own:
                await self._settling.settle(error, fresh=True)
            raise
        return total if counting else -1

    async def execute_many_exactly(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Count by having each row return something; tags are lost in pipelines."""
        if statement.words.isdisjoint(("INSERT", "UPDATE", "DELETE", "MERGE")):
            return await self.execute_many(statement, rows)
        if "RETURNING" not in statement.words:
            statement = returning(statement)
        return await self._many(statement, rows, counting=True)

    async def load_rows(
        self,
        table: Sequence[str],
        columns: Sequence[str],
        batches: AsyncIterator[Sequence[Sequence[Any]]],
    ) -> int:
        """Load rows by COPY, which is atomic by itself.

        Not through PgBouncer in transaction mode: after asyncpg's COPY a PgBouncer from
        1.21 on waits for an answer that never comes, and keeps the server's session.
        """
        await self._settling.begin()
        if self._shared:
            return await insert(self, self._settling, table, columns, batches)
        try:
            names = ", ".join(quoted(name, self._dialect) for name in columns)
            text = f"SELECT {names} FROM {quoted(table, self._dialect)}"
            kept = self._kept.get(text)
            if kept is None:
                statement = prepare(text, "none", LEXIS, "dollar")
                kept, _ = await self._statements.find(statement, (), LEXIS)
            types = [oid for _, oid in kept.columns or ()]
            return count(await load(self._native, table, columns, batches, types))
        except BaseException as error:
            await self._settling.settle(error, fresh=True)
            raise

    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Bind a portal, which lives in a transaction: the open one, or its own."""
        await self._settling.begin()
        own, begun = not self._native.is_in_transaction(), False
        kept = self._kept.get(statement.text)
        try:
            if kept is None:  # before BEGIN: another form may be wanted
                kept, _ = await self._statements.find(statement, args, self.lexis)
            if own:
                begun = True
                await self._native.execute("BEGIN")
            portal = await self._statements.bind_portal(
                kept, statement, args, self.lexis
            )
        except BaseException as error:
            annotate(error, statement, self)
            if begun:
                await self._settling.undo()
            else:
                await self._settling.settle(error, fresh=True)
            raise
        return AsyncpgCursor(self._settling, *portal, own_transaction=own)

    async def _retype(
        self,
        statement: Statement,
        args: Sequence[Any],
        kept: AsyncpgKept,
        error: exceptions.DataError,
        *,
        fresh: bool,
    ) -> Sequence[Any] | None:
        """Look for a form that takes an argument which could not be encoded."""
        try:
            found = await self._statements.retype_for(
                statement, args, self.lexis, kept, error
            )
        except BaseException as failure:
            await self._settling.settle(failure, fresh=True)
            raise
        if found is None:
            await self._settling.settle(error, fresh=fresh)
        return found

    # -- transactions --------------------------------------------------------------

    async def begin(self, options: TransactionOptions) -> None:
        """Open a transaction, if it can be with its first statement."""
        self._native.opening = begin(options, self._at_begin)
        if not self._begins_along:
            await self._settling.begin()

    async def commit(self) -> None:
        """Commit: the server answers a failed transaction's COMMIT with ROLLBACK."""
        if self._native.forget_opening():
            return  # a block without statements
        try:
            tag = await self._native.execute("COMMIT")
        except BaseException as error:
            await self._settling.settle(error)
            raise
        if tag != "COMMIT":
            raise TransactionError(not_committed(tag))

    async def rollback(self) -> None:
        """Roll back."""
        self._native.forget_opening()
        with suppress(exceptions.PostgresError):
            await self._native.begin()  # it may be half begun
        if self._native.is_in_transaction():
            await self._native.execute("ROLLBACK")

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        native = self._native
        return not native.is_closed() and native.is_in_transaction()

    # -- the end -------------------------------------------------------------------

    async def reset(self) -> bool:
        """Go back to the settings of the start-up packet, in one round trip.

        Through PgBouncer in transaction mode there is no session of ours to reset.
        """
        if self._shared:
            return True
        # asyncpg's own reset forgets roles and temporary tables.
        if not forget_listeners(self._native):
            return False
        tag: str = await self._native.execute(self._reset)
        return tag == IS_RESET

    def is_closed(self) -> bool:
        """Whether the session is over."""
        return bool(self._native.is_closed())

    def last_words(self) -> ConnectionLost | None:
        """Make the error for a session that the server has ended, with its reason."""
        return self._settling.last_words()

    async def close(self) -> None:
        """Say goodbye and close."""
        await self._settling.close()

    def terminate(self) -> None:
        """Cut the line, and stop what the server may still be doing."""
        self._settling.terminate()

    async def departed(self) -> None:
        """Wait until the server has closed its end of a line that was cut."""
        await self._settling.departed()
