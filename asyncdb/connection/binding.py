"""From a text and its parameters to what a driver takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from asyncdb import errors
from asyncdb.sql import (
    Expand,
    Template,
    arguments,
    prepare,
    read_template,
    refuse_lists,
    refuse_lists_in_rows,
    split_script,
    spread,
    style_of,
)
from asyncdb.values.encoding import Encoders

if TYPE_CHECKING:
    from asyncdb.connection.runner import Params
    from asyncdb.dialect import Dialect, Lexis
    from asyncdb.driver import DriverConnection
    from asyncdb.options import Converters
    from asyncdb.sql import Piece, Statement, Style


class Binder:
    """Prepares statements for one session of a driver.

    Args:
        inner: the driver's session: its dialect, and how its text is quoted.
        converters: how values of the user's own types go in.
    """

    __slots__ = ("_converters", "_encoders", "_inner", "_lexis", "dialect")

    def __init__(self, inner: DriverConnection, converters: Converters) -> None:
        self._inner = inner
        self.dialect = inner.dialect
        self._converters = converters
        self._encoders = Encoders(
            inner.dialect.encoders,
            {kind: there for kind, (there, _) in converters.items()},
        )
        self._lexis = inner.lexis

    async def bind(
        self, sql: str | Template, params: Params
    ) -> tuple[Statement, Sequence[Any]]:
        """Return the statement, and its values as they go to the driver."""
        if type(sql) is not str:
            sql, params = await self._written(sql, params)
        if params is None:
            return self.prepare(sql, "none"), ()
        if "\\" in sql:
            await self._learn()
        statement = self.prepare(sql, style_of(params))
        values = arguments(statement, params)
        if statement.memberships:
            refuse_lists(statement, values, self._converters)
        if Expand in map(type, values):
            statement, values = spread(statement, values, self.dialect)
        most = self.dialect.max_parameters
        if most and len(values) > most:
            message = f"{len(values)} parameters in one statement; {most} are the most"
            raise errors.ResourceLimit(message)
        return statement, self._encoders.encode(values, statement.order)

    async def read(self, sql: str, params: Sequence[Any] | Params) -> Statement:
        """Return the statement of a text whose parameters are of this style."""
        if "\\" in sql:
            await self._learn()
        return self.prepare(sql, style_of(params))

    def prepare(self, sql: str, style: Style) -> Statement:
        """Return the statement of a text, as the session is known to quote."""
        statement = prepare(sql, style, self._lexis, self.dialect.placeholder)
        if not statement.verb:
            message = "the text holds no statement"
            raise errors.ProgrammingError(message, sql=sql)
        return statement

    async def cut(self, text: str) -> list[Piece]:
        """Return the statements of a script."""
        if "\\" in text:
            await self._learn()
        return split_script(text, self._lexis)

    def encode_rows(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> Sequence[Sequence[Any]]:
        """Return the values of each row of a statement as they go to the driver."""
        if statement.memberships:
            refuse_lists_in_rows(statement, rows, self._converters)
        return self._encoders.encode_many(rows, statement.order)

    def encode_many(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """Return the values of each row as they go to the driver."""
        return self._encoders.encode_many(rows)

    def forget(self) -> None:
        """Take the quoting for what it was, after the session was reset."""
        self._lexis = self._inner.lexis

    async def _written(self, sql: object, params: Params) -> tuple[str, Params]:
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
            await self._learn()
        return read_template(sql, self.dialect, self._lexis)

    def show(self, sql: object) -> str:
        """Return the text of a statement without values, whatever is wrong with it."""
        if not isinstance(sql, Template):
            return sql if isinstance(sql, str) else ""
        try:
            return read_template(sql, self.dialect, self._lexis)[0]
        except errors.Error:
            return "?".join(sql.strings)

    def dialect_of_session(self) -> Dialect:
        """Return the dialect, with this session's quoting where it has its own."""
        if self._lexis is self.dialect.lexis:
            return self.dialect
        return _quoting_so(self.dialect, self._lexis)

    async def _learn(self) -> None:
        """Be sure how the session quotes, before a text with a backslash is read.

        It is the one character whose meaning a session can change.
        """
        self._lexis = await self._inner.read_lexis()


@lru_cache(16)
def _quoting_so(dialect: Dialect, lexis: Lexis) -> Dialect:
    return replace(dialect, lexis=lexis)
