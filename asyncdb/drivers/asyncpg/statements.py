"""The statements that asyncpg has prepared, and how it is given their arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import asyncpg
from asyncpg import exceptions
from asyncpg.cursor import Cursor as Portal
from asyncpg.prepared_stmt import PreparedStatement

from asyncdb import errors
from asyncdb.dialect import Lexis
from asyncdb.dialects.postgresql.forms import Form
from asyncdb.dialects.postgresql.kept import Kept, KeptStatements
from asyncdb.driver import Description
from asyncdb.drivers.asyncpg import inner
from asyncdb.drivers.asyncpg.arguments import aware, instants
from asyncdb.drivers.asyncpg.translation import answered, translate
from asyncdb.sql import Statement

# asyncpg's words for an argument that it cannot encode; nothing was sent then.
_ARGUMENT = re.compile(r"invalid input for query argument \$(\d+)")


class AsyncpgKept(Kept):
    """A prepared statement of asyncpg's."""

    def __init__(self, prepared: PreparedStatement, form: Form) -> None:
        self.prepared = prepared
        self.state = prepared._state if inner.RUNS_DIRECTLY else prepared
        attributes = prepared.get_attributes()
        columns = tuple((a.name, a.type.oid) for a in attributes)
        self.duplicates = len({name for name, _ in columns}) != len(columns)
        oids = [parameter.oid for parameter in prepared.get_parameters()]
        super().__init__(form, oids, columns)
        self._instants = instants(oids)
        # Whether `arguments` does anything.
        self.adapts = bool(self._instants) or form.slots is not None

    def arguments(self, args: Sequence[Any]) -> Sequence[Any]:
        """Return the arguments of a call as asyncpg is to get them."""
        return aware(self._form.arguments(args), self._instants)


class _Preparing:
    """Prepares on one connection."""

    refusals: type[Exception] = exceptions.PostgresError

    def __init__(self, native: asyncpg.Connection) -> None:
        self._native = native

    async def prepare(self, form: Form) -> AsyncpgKept:
        """Prepare a form's text."""
        return AsyncpgKept(await self._native.prepare(form.text), form)

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._native.is_in_transaction())

    def translate(self, error: Exception) -> errors.Error | None:
        """Return asyncdb's error for the server's."""
        return translate(error)


class AsyncpgStatements(KeptStatements[AsyncpgKept]):
    """A connection's.

    Args:
        native: asyncpg's connection.
        limit: how many are kept; 0 behind a PgBouncer where none may be.
    """

    def __init__(self, native: asyncpg.Connection, limit: int) -> None:
        super().__init__(_Preparing(native), limit)
        self._native = native

    async def describe(self, statement: Statement) -> Description:
        """Prepare a statement as it is, and tell what it takes and gives."""
        prepared = await self._native.prepare(statement.text)
        columns = tuple((a.name, a.type.oid) for a in prepared.get_attributes())
        return Description(columns or None, len(prepared.get_parameters()))

    async def retype_for(
        self,
        statement: Statement,
        args: Sequence[Any],
        lexis: Lexis,
        kept: AsyncpgKept,
        error: exceptions.DataError,
    ) -> Sequence[Any] | None:
        """Do as `retype` does for the argument that asyncpg could not encode."""
        found = _ARGUMENT.match(str(error))
        if found is None:
            return None
        return await self.retype(statement, args, lexis, kept, int(found[1]))

    async def bind_portal(
        self, kept: AsyncpgKept, statement: Statement, args: Sequence[Any], lexis: Lexis
    ) -> tuple[AsyncpgKept, Portal]:
        """Bind a portal of a kept statement, or of the form that takes the arguments.

        Returns:
            The kept statement that it is one of, and the portal.
        """
        try:
            return kept, await kept.prepared.cursor(*kept.arguments(args))
        except exceptions.DataError as error:
            if answered(error):
                raise
            again = await self.retype_for(statement, args, lexis, kept, error)
            if again is None:
                raise
            args = again
        kept, _ = await self.find(statement, args, lexis)
        return await self.bind_portal(kept, statement, args, lexis)

    async def forget(self) -> None:
        """Learn anew what was learned of statements and types."""
        self.kept.clear()
        await self._native.reload_schema_state()
