"""One session over a psycopg connection, in one round trip per statement.

Rules that come from libpq and PostgreSQL:

* Each statement is prepared once and kept (LRU), with the types of its parameters and
  columns: values are written for the types that the server expects, and a text whose
  markers have none is sent in another form (`dialects/postgresql/forms.py`).
* Parse and Describe go together, with their Sync, in libpq's pipeline: no transaction
  is left open between a first prepare and its execution.
* A kept statement whose table changed underneath raises before anything ran: outside a
  transaction it is prepared again, once.
* Through PgBouncer in transaction mode nothing of a session is ours
  (`dialects.pgbouncer`). Where it keeps no statements either, the Sync comes after the
  execution: until then all goes to one server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from asyncdb.dialect import Dialect, Lexis
from asyncdb.dialects.postgresql import DIALECT, PostgreSQLOptions
from asyncdb.dialects.postgresql.commands import IS_RESET, begin, not_committed, reset
from asyncdb.dialects.postgresql.pgbouncer import NO_LISTEN, Pooling
from asyncdb.dialects.postgresql.roles import AT_START, NOW, reported
from asyncdb.driver import (
    Command,
    Description,
    DriverConnection,
    DriverCursor,
    Result,
    Role,
)
from asyncdb.drivers.psycopg.arguments import ENCODERS
from asyncdb.drivers.psycopg.batch import run_batch
from asyncdb.drivers.psycopg.cursor import open_cursor
from asyncdb.drivers.psycopg.loading import load
from asyncdb.drivers.psycopg.many import run_many
from asyncdb.drivers.psycopg.native import PgNative
from asyncdb.drivers.psycopg.notices import Hearing
from asyncdb.drivers.psycopg.running import Running
from asyncdb.drivers.psycopg.statements import kept_result
from asyncdb.errors import ConnectionLost, TransactionError
from asyncdb.options import TransactionOptions
from asyncdb.sql import Statement

_TYPE_CODES = {**DIALECT.type_codes, 2950: UUID}


class PsycopgConnection(DriverConnection):
    """The session."""

    def __init__(
        self, native: PgNative, options: PostgreSQLOptions, pooling: Pooling
    ) -> None:
        self._native = native
        self._pooling = pooling
        self._at_begin = pooling.set_locally(options)
        self._reset = reset(pooling.set_again(options))
        limit = options.statement_cache_size if pooling.keeps else 0
        self._keeps = limit > 0
        self._running = Running(native, limit, NO_LISTEN if pooling.shared else "")
        self._settling = self._running.settling
        self._role: Role | None = None
        self._hearing = Hearing(options.on_notice, self._settling.hear)
        native.add_notice_handler(self._hearing)
        self._dialect = replace(
            DIALECT,
            encoders=ENCODERS,
            type_codes=_TYPE_CODES,
            max_parameters=65535,  # libpq's
            server_version=divmod(native.line.pgconn.server_version, 10000),
            supports_statement_timeout=not pooling.shared,
        )

    # -- facts ---------------------------------------------------------------------

    @property
    def dialect(self) -> Dialect:
        """PostgreSQL's facts with this server's version."""
        return self._dialect

    @property
    def native(self) -> PgNative:
        """psycopg's connection."""
        return self._native

    @property
    def lexis(self) -> Lexis:
        """How the session quotes: the server reports each change by itself."""
        return self._running.lexis

    async def read_lexis(self) -> Lexis:
        """Return the same, which is always known."""
        return self.lexis

    @property
    def role(self) -> Role | None:
        """What the server was when the session was opened, where that was wanted."""
        return self._role

    async def learn_role(self, options: PostgreSQLOptions) -> None:
        """Read what the server has said of itself, or ask it, where that is wanted."""
        if options.target_session_attrs == "any":
            return
        standby = self._running.parameter("in_hot_standby")
        read_only = self._running.parameter("default_transaction_read_only")
        said = reported(standby, read_only, pooled=self._pooling.is_pooled)
        self._role = said or await self._ask_role(AT_START)

    async def read_role(self) -> Role:
        """Ask the server what it is now."""
        return await self._ask_role(NOW)

    async def _ask_role(self, query: str) -> Role:
        (result,) = await self._running.ask(query)
        standby, read_only = (result.get_value(0, i) == b"t" for i in range(2))
        return Role(standby=standby, read_only=read_only)

    # -- statements ----------------------------------------------------------------

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement and give its whole result."""
        return kept_result(*await self._running.run(statement, args), plain=False)

    async def execute_plain(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Do the same, with tuples for rows."""
        return kept_result(*await self._running.run(statement, args), plain=True)

    async def describe(self, statement: Statement) -> Description:
        """Prepare a statement, and tell what the server says of it."""
        return await self._running.describe(statement)

    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row in one pipeline, all or nothing; tags count."""
        return await run_many(self._running, statement, rows)

    async def execute_batch(
        self,
        commands: Sequence[Command],
        outcomes: list[Result | Exception],
        *,
        begin: bool,
    ) -> bool:
        """Run statements together, where they are kept prepared: in a pipeline."""
        if not self._keeps:
            return False
        first = ["BEGIN", self._at_begin] if begin else []
        await run_batch(self._running, commands, outcomes, [*filter(None, first)])
        return True

    async def load_rows(
        self,
        table: Sequence[str],
        columns: Sequence[str],
        batches: AsyncIterator[Sequence[Sequence[Any]]],
    ) -> int:
        """Load rows by COPY, which is atomic by itself."""
        return await load(self._running, table, columns, batches)

    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Read a result in pieces."""
        return await open_cursor(self._running, statement, args, plain=False)

    async def open_plain_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Read a result in pieces, with tuples for rows."""
        return await open_cursor(self._running, statement, args, plain=True)

    # -- transactions --------------------------------------------------------------

    async def begin(self, options: TransactionOptions) -> None:
        """Open a transaction."""
        # The core rolls back what has begun.
        await self._running.tell(begin(options, self._at_begin))

    async def commit(self) -> None:
        """Commit: the server answers a failed transaction's COMMIT with ROLLBACK."""
        tag = await self._running.tell("COMMIT")
        if tag != "COMMIT":
            raise TransactionError(not_committed(tag))

    async def rollback(self) -> None:
        """Roll back."""
        if self._running.in_transaction():
            await self._running.tell("ROLLBACK")

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._running.in_transaction()

    # -- the end -------------------------------------------------------------------

    async def reset(self) -> bool:
        """Go back to the settings of the start-up packet, in one round trip.

        Through PgBouncer in transaction mode there is no session of ours to reset.
        """
        if self._pooling.shared:
            return True
        self._native.forget(self._hearing)
        return await self._running.tell(self._reset) == IS_RESET

    def is_closed(self) -> bool:
        """Whether the session is over."""
        return self._native.line.is_over()

    def last_words(self) -> ConnectionLost | None:
        """Make the error for a session that the server has ended, with its reason."""
        return self._settling.last_words()

    async def close(self) -> None:
        """Say goodbye and close."""
        self._settling.close()

    def terminate(self) -> None:
        """Cut the line, and stop what the server may still be doing."""
        self._settling.terminate()

    async def departed(self) -> None:
        """Wait until the server has closed its end of a line that was cut."""
        await self._settling.departed()
