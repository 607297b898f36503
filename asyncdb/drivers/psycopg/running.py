"""Statements run on one connection: found, encoded, sent, settled when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import pq

from asyncdb.dialect import Lexis
from asyncdb.dialects.postgresql import LEXIS, LEXIS_BACKSLASH
from asyncdb.dialects.postgresql.commands import BY_WIRE, COPY
from asyncdb.driver import Description
from asyncdb.drivers.psycopg.native import PgNative
from asyncdb.drivers.psycopg.settling import Settling
from asyncdb.drivers.psycopg.statements import (
    PsycopgKept,
    PsycopgStatements,
    in_transaction,
)
from asyncdb.drivers.psycopg.translation import Unfit, annotate, is_stale, raise_first
from asyncdb.errors import NotSupportedError
from asyncdb.sql import Statement

_COPY = COPY.format(method="cursor().copy()")
# Seconds for a ROLLBACK after a failure.
_UNDO = 0.4
_ACTIVE = pq.TransactionStatus.ACTIVE


class Running:
    """What runs them.

    Args:
        native: psycopg's connection.
        limit: how many statements are kept prepared; 0 where none may be.
        no_listen: why LISTEN is refused; "" where it is not.

    Attributes:
        around: whether a transaction is open around a result that is read in pieces;
            `None` where there is no such.
    """

    def __init__(self, native: PgNative, limit: int, no_listen: str = "") -> None:
        self.line = native.line
        self.pgconn: Any = native.line.pgconn
        self.statements = PsycopgStatements(native, self.line, limit)
        self.kept = self.statements.kept
        self.settling = Settling(self.line)
        self.around: bool | None = None
        self._no_listen = no_listen

    @property
    def lexis(self) -> Lexis:
        """How the session quotes: the server reports each change by itself."""
        setting = self.pgconn.parameter_status(b"standard_conforming_strings")
        return LEXIS if setting in (b"on", None) else LEXIS_BACKSLASH

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        if self.line.is_over():
            return False
        if self.around is not None and self.pgconn.transaction_status == _ACTIVE:
            return self.around
        return in_transaction(self.line)

    async def run(
        self, statement: Statement, args: Sequence[Any]
    ) -> tuple[PsycopgKept, Any]:
        """Run a statement; return it as it is kept, and libpq's result."""
        kept, values, fresh = await self.find(statement, args)
        pgconn, line = self.pgconn, self.line
        try:
            if line.unsynced:
                pgconn.send_query_prepared(kept.name, values, kept.formats, kept.format)
                results = await line.sync()
            else:
                pgconn.send_query_prepared(kept.name, values, kept.formats, kept.format)
                results = await line.results()
            result = results[-1]
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise_first(results, kept.form.text)
        except psycopg.Error as error:
            await self.settle(error, statement)
            if not is_stale(error):
                raise
            self.kept.clear()
            if fresh or in_transaction(line):
                raise
            return await self.run(statement, args)
        except BaseException as error:
            await self.settle(error)
            raise
        return kept, result

    async def describe(self, statement: Statement) -> Description:
        """Prepare a statement as it is, and tell what it takes and gives."""
        try:
            found = await self.statements.preparing.describe(statement.text)
        except BaseException as error:
            await self.settle(error, statement)
            raise
        return found

    async def find(
        self, statement: Statement, args: Sequence[Any]
    ) -> tuple[PsycopgKept, list[bytes | None], bool]:
        """Return a kept statement that takes these arguments, and them as they go.

        Returns:
            With both, whether the statement was prepared just now.
        """
        text = statement.text
        kept = self.kept.get(text)
        fresh = kept is None
        if kept is None:
            if statement.verb == "COPY" and statement.words & BY_WIRE:
                raise NotSupportedError(_COPY)
            if self._no_listen and statement.verb == "LISTEN":
                raise NotSupportedError(self._no_listen)
            try:
                kept, fresh = await self.statements.find(statement, args, self.lexis)
            except BaseException as error:
                await self.settle(error, statement)
                raise
        else:
            self.kept.move_to_end(text)
        try:
            return kept, kept.encode(args), fresh
        except Unfit as error:
            # It was not sent. The marker may have a type by its place alone ...
            again = await self._retype(statement, args, kept, error)
            if again is None and fresh:
                await self.settle(error)
                raise
            if again is None:  # ... or another one than it had.
                self.kept.clear()
            return await self.find(statement, args if again is None else again)
        except BaseException as error:
            await self.settle(error)
            raise

    async def _retype(
        self,
        statement: Statement,
        args: Sequence[Any],
        kept: PsycopgKept,
        error: Unfit,
    ) -> Sequence[Any] | None:
        """Look for a form that takes an argument which could not be encoded."""
        try:
            return await self.statements.retype(
                statement, args, self.lexis, kept, error.number
            )
        except BaseException as failure:
            await self.settle(failure)
            raise

    async def settle(
        self, error: BaseException, statement: Statement | None = None
    ) -> None:
        """Leave the session clean, or closed, after a failure.

        Args:
            error: what it was.
            statement: of which a text was sent, for the error to show where it is.
        """
        if statement is not None and not self.line.is_over():
            annotate(error, statement, self.lexis)
        await self.settling.settle(error)

    async def ask(self, text: str) -> list[Any]:
        """Run a text without parameters; return libpq's results."""
        try:
            results = await self.line.query(text)
            raise_first(results)
        except BaseException as error:
            await self.settle(error)
            raise
        return results

    async def tell(self, text: str) -> str:
        """Do the same; return the tag of the last answer."""
        results = await self.ask(text)
        return (results[-1].command_status or b"").decode()

    def parameter(self, name: str) -> str | None:
        """Return what the server has reported of a setting."""
        value: bytes | None = self.pgconn.parameter_status(name.encode())
        return None if value is None else value.decode()

    async def undo(self) -> None:
        """Roll back what a failure has left open, or be cut."""
        if not in_transaction(self.line):
            return
        try:
            async with asyncio.timeout(_UNDO):
                raise_first(await self.line.query("ROLLBACK"))
        except Exception:  # noqa: BLE001  # the first error is the one to be told
            self.settling.cut()
        except BaseException:
            self.settling.cut()
            raise
