"""The way into a session: one task at a time, and every failure told.

Theory of operation: each verb enters the guard (one task at a time, still connected,
the innermost block still good), turns text and parameters into what the driver takes,
awaits the driver once, and leaves the guard. Whatever a driver raises is translated on
the way out, and the blocks learn of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from asyncdb import errors
from asyncdb.connection.deadline import backstop, shorter, within
from asyncdb.driver import SupportsLastWords, SupportsPlainRows
from asyncdb.sql import (
    Expand,
    Template,
    arguments,
    prepare,
    read_template,
    spread,
    style_of,
)
from asyncdb.values import Decoding
from asyncdb.values.encoding import Encoders

if TYPE_CHECKING:
    from asyncdb.connection.cursor import Params, Stream, Text
    from asyncdb.connection.transaction import Transaction
    from asyncdb.driver import Driver, DriverConnection, Result
    from asyncdb.options import ConnectOptions, TransactionOptions
    from asyncdb.sql import Statement, Style

logger = logging.getLogger("asyncdb")

_CLOSED: Final = "the connection is closed; open another one"


class Session:
    """A driver's session with its guard; `Connection` is the public coat over it."""

    __slots__ = (
        "__weakref__",
        "_backstop",
        "_blocks",
        "_decoding",
        "_driver",
        "_encoders",
        "_lexis",
        "_loop",
        "_options",
        "_plain",
        "_process",
        "_session",
        "_stream",
        "_task",
    )

    def __init__(
        self, driver: Driver, session: DriverConnection, options: ConnectOptions
    ) -> None:
        self._driver = driver
        self._session = session
        self._options = options
        own = options.converters
        self._encoders = Encoders(
            session.dialect.encoders, {kind: there for kind, (there, _) in own.items()}
        )
        self._decoding = Decoding.of(session.dialect, own)
        self._plain = isinstance(session, SupportsPlainRows)
        self._lexis = session.lexis
        self._backstop = backstop(options, session.dialect)
        self._loop = asyncio.get_running_loop()
        self._process = os.getpid()
        self._blocks: list[Transaction] = []
        self._stream: Stream[Any] | None = None
        self._task: asyncio.Task[Any] | None = None  # who is inside

    # -- in and out ------------------------------------------------------------------

    def _enter(self) -> DriverConnection:
        """Let one task in, if the connection can serve it."""
        try:
            task = asyncio.current_task()
        except RuntimeError:  # no loop runs here: a forked process, or no coroutine
            raise self._elsewhere() from None
        if self._task is not None or self._stream is not None:
            raise self._busy(task)
        session = self._session
        if session.is_closed():
            raise self._failed(self._gone(session), None)
        if task is not None and task.get_loop() is not self._loop:
            raise self._elsewhere()
        self._task = task
        return session

    def _gone(self, session: DriverConnection) -> errors.Error:
        """Make the error for a session that is over: by whom decides its class."""
        if isinstance(session, SupportsLastWords):
            lost = session.last_words()
            if lost is not None:
                return lost
        return errors.ConnectionClosed(getattr(session, "farewell", _CLOSED))

    def _elsewhere(self) -> errors.WrongLoop:
        return errors.WrongLoop(wrong_loop("connection", self._process))

    def _busy(self, task: asyncio.Task[Any] | None) -> errors.ConnectionBusy:
        if self._task is None:
            return errors.ConnectionBusy(
                "a stream is open on this connection: finish or leave it first, or use "
                "a second connection"
            )
        mine, other = (t.get_name() if t else "no task" for t in (task, self._task))
        return errors.ConnectionBusy(
            f"task {other!r} is using this connection, task {mine!r} wants it too: a "
            "connection serves one task at a time; take one from a pool for each"
        )

    def _failed(self, error: BaseException, sql: Text | None) -> BaseException:
        """Translate what a driver raised, and tell the blocks."""
        found: BaseException | None = error
        if not isinstance(error, errors.Error):
            found = self._driver.translate(error)
        if isinstance(found, errors.DatabaseError):
            found.sql = found.sql or (sql if isinstance(sql, str) else None)
        failed = found is None or isinstance(found, errors.DatabaseError)
        # An error of ours before anything was sent leaves a block as it is.
        if self._blocks and (failed or found is not error):
            self._blocks[-1].failed(found or error)
            if not self._session.in_transaction():
                self._lose(found or error)
        return found or error

    def _lose(self, error: BaseException | None) -> None:
        for block in self._blocks:
            block.lost(error)

    async def _guarded(
        self,
        work: Callable[[DriverConnection], Coroutine[Any, Any, Any]],
        sql: Text | None = None,
        seconds: float | None = None,
    ) -> Any:
        session = self._enter()
        try:
            return await within(seconds, work(session))
        except BaseException as error:
            found = self._failed(error, sql)
            if found is error:
                raise
            raise found from error
        finally:
            self._task = None

    # -- statements ------------------------------------------------------------------

    async def _execute(
        self,
        sql: Text,
        params: Params,
        timeout: float | None = None,
        *,
        plain: bool = False,
    ) -> Result:
        session = self._enter()
        execute = session.execute
        if plain and self._plain:
            execute = cast("SupportsPlainRows", session).execute_plain
        try:
            if timeout is None and self._backstop is None:
                statement, args = await self._bind(session, sql, params)
                result = await execute(statement, args)
            else:
                seconds = shorter(timeout, self._backstop)
                work = self._send(session, execute, sql, params)
                result = await within(seconds, work)
            result.decoding = self._decoding
            if self._blocks and not session.in_transaction():
                self._lose(None)
                raise self._blocks[-1].refusal()
        except BaseException as error:
            found = self._failed(error, sql)
            if found is error:
                raise
            raise found from error
        else:
            return result
        finally:
            self._task = None

    async def _send(
        self,
        session: DriverConnection,
        execute: Callable[[Statement, Sequence[Any]], Awaitable[Result]],
        sql: Text,
        params: Params,
    ) -> Result:
        statement, args = await self._bind(session, sql, params)
        return await execute(statement, args)

    async def _bind(
        self, session: DriverConnection, sql: Text, params: Params
    ) -> tuple[Statement, Sequence[Any]]:
        """Turn a text and its parameters into what the driver takes."""
        if type(sql) is not str:
            sql, params = await self._written(session, sql, params)
        if params is None:
            return self._prepare(sql, "none"), ()
        if "\\" in sql:
            await self._learn_lexis(session)
        statement = self._prepare(sql, style_of(params))
        values = arguments(statement, params)
        dialect = session.dialect
        if Expand in map(type, values):
            statement, values = spread(statement, values, dialect)
        if dialect.max_parameters and len(values) > dialect.max_parameters:
            message = (
                f"{len(values)} parameters in one statement; "
                f"{dialect.max_parameters} are the most"
            )
            raise errors.ResourceLimit(message)
        return statement, self._encoders.encode(values, statement.order)

    async def _written(
        self, session: DriverConnection, sql: object, params: Params
    ) -> tuple[str, Params]:
        """Write a template as a text with named parameters."""
        if isinstance(sql, str):
            return str(sql), params
        if not isinstance(sql, Template):
            message = f"a statement is a str or a template, not a {type(sql).__name__}"
            raise errors.InterfaceError(message)
        if params is not None:
            message = "a template brings its values: it takes no other parameters"
            raise errors.ParameterError(message)
        if any("\\" in string for string in sql.strings):
            await self._learn_lexis(session)
        return read_template(sql, session.dialect, self._lexis)

    def _prepare(self, sql: str, style: Style) -> Statement:
        placeholder = self._session.dialect.placeholder
        statement = prepare(sql, style, self._lexis, placeholder)
        if not statement.verb:
            message = "the text holds no statement"
            raise errors.ProgrammingError(message, sql=sql)
        if self._blocks:
            if not self._blocks[-1].is_open:
                raise self._blocks[-1].refusal()
            if statement.controls_transaction:
                message = (
                    f"{statement.verb} sent as text would end this block unseen: use "
                    "transaction(), tx.commit() and tx.rollback()"
                )
                raise errors.TransactionError(message)
        return statement

    async def _learn_lexis(self, session: DriverConnection) -> None:
        """Be sure how the session quotes, before a text with a backslash is read.

        It is the one character whose meaning a session can change.
        """
        self._lexis = await session.read_lexis()

    # -- what transactions are made of -----------------------------------------------

    async def _begin(self, options: TransactionOptions) -> None:
        levels = self._session.dialect.supports_isolation
        if options.isolation is not None and options.isolation not in levels:
            known = ", ".join(sorted(levels)) or "none"
            message = f"isolation {options.isolation!r} is not one of: {known}"
            raise errors.TransactionError(message)
        await self._guarded(lambda session: self._begin_now(session, options))

    async def _begin_now(
        self, session: DriverConnection, options: TransactionOptions
    ) -> None:
        try:
            await within(self._backstop, session.begin(options))
        except BaseException:
            if session.in_transaction():  # it began all the same, and for nobody
                await self._roll_back_now(session)
            raise

    async def _commit(self) -> None:
        await self._guarded(self._commit_now)

    async def _rollback(self) -> None:
        await self._guarded(self._roll_back_now)

    async def _savepoint(self, sql: str) -> None:
        placeholder = self._session.dialect.placeholder
        statement = prepare(sql, "none", self._lexis, placeholder)
        await self._guarded(
            lambda session: session.execute(statement, ()), sql, self._backstop
        )

    async def _roll_back_to(self, name: str) -> None:
        placeholder = self._session.dialect.placeholder
        texts = f"ROLLBACK TO SAVEPOINT {name}", f"RELEASE SAVEPOINT {name}"
        both = [prepare(text, "none", self._lexis, placeholder) for text in texts]

        async def work(session: DriverConnection) -> None:
            for statement in both:
                await session.execute(statement, ())

        await self._guarded(lambda session: self._bounded(session, work(session)))

    def _has_transaction(self) -> bool:
        return self._session.in_transaction()

    def _cut(self) -> None:
        self._session.terminate()

    async def _commit_now(self, session: DriverConnection) -> None:
        try:
            await within(self._backstop, session.commit())
        except errors.StatementTimeout as error:  # ours: there was no answer
            if not session.is_closed() and session.in_transaction():
                raise
            raise _unknown() from error
        except Exception as error:
            found = self._driver.translate(error)
            if isinstance(found, errors.ConnectionLost) or session.is_closed():
                raise _unknown() from error
            raise
        except BaseException as error:
            if not session.is_closed() and session.in_transaction():
                raise  # certainly not committed
            raise error from _unknown()

    async def _roll_back_now(self, session: DriverConnection) -> None:
        await self._bounded(session, session.rollback())

    async def _bounded(
        self, session: DriverConnection, work: Coroutine[Any, Any, None]
    ) -> None:
        """Roll back in bounded time; a session that is cut is rolled back too."""
        try:
            await within(self._options.close_timeout, work)
        except errors.StatementTimeout:
            logger.warning("no answer to ROLLBACK; the connection is cut")
            session.terminate()
        except asyncio.CancelledError:
            session.terminate()  # or the transaction would stay open
            raise


def _unknown() -> errors.CommitUnknown:
    return errors.CommitUnknown(
        "COMMIT was sent and its answer never came: it may or may not have happened; "
        "look before you repeat it"
    )


def wrong_loop(thing: str, process: int) -> str:
    """Say why a thing that was made in `process` cannot be used here."""
    if process != os.getpid():
        return (
            f"this {thing} belongs to the process {process} that this one was forked "
            "from: open another one here"
        )
    return f"a {thing} serves only the event loop, and thread, that it was opened in"
