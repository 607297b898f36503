"""A script on its way: many statements, one after another, all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from asyncdb import errors
from asyncdb.connection.deadline import within
from asyncdb.driver import Result
from asyncdb.options import TransactionOptions

if TYPE_CHECKING:
    from asyncdb.connection.binding import Binder
    from asyncdb.connection.exclusive import ExclusiveUse
    from asyncdb.connection.transaction_control import TransactionControl
    from asyncdb.driver import DriverConnection
    from asyncdb.sql import Piece, Statement

_PLAIN: Final = TransactionOptions()


class Script:
    """Runs the statements of a text through one session of a driver.

    Args:
        text: the script.
        use: the exclusive use of the session.
        binder: prepares its statements.
        control: begins and ends its transaction.
        check: refuses a statement that has no place where the session is.
        transaction: run it in one transaction, where the engine can.
        limit: seconds for each statement; `None` for as long as it takes.
    """

    def __init__(
        self,
        text: str,
        use: ExclusiveUse,
        binder: Binder,
        control: TransactionControl,
        check: Callable[[Statement], None],
        *,
        transaction: bool,
        limit: float | None,
    ) -> None:
        if not isinstance(text, str):
            message = f"executescript() takes a str, not a {type(text).__name__}"
            raise errors.InterfaceError(message)
        self._text = text
        self._use = use
        self._binder = binder
        self._control = control
        self._check = check
        self._transaction = transaction
        self._limit = limit
        self._pieces: list[Piece] = []
        self._at: Piece | None = None  # the statement that is running

    async def run(self, seconds: float | None) -> Result:
        """Run all statements; the results are chained in their order."""
        try:
            first: Result = await self._use.run(self._run, self._text, seconds)
        except errors.Error as error:
            self._name(error)
            raise
        return first

    async def _run(self, inner: DriverConnection) -> Result:
        self._pieces = await self._binder.cut(self._text)
        statements = []
        for piece in self._pieces:
            self._at = piece
            statement = self._binder.prepare(piece.sql, "none")
            self._check(statement)
            statements.append(statement)
        self._at = None
        is_inside = inner.in_transaction()
        own = self._transaction and not is_inside and self._can_be_one(statements)
        if own:
            await self._control.begin(inner, _PLAIN)
        try:
            first = last = Result(None, [], -1)
            for piece, statement in zip(self._pieces, statements, strict=True):
                self._at = piece
                work = inner.execute(statement, ())
                last.following = await within(self._limit, work)
                last = last.following
            self._at = None
            if not own and not is_inside and inner.in_transaction():
                message = "the script began a transaction and did not end it"
                raise errors.TransactionError(message)
        except BaseException:
            if not is_inside and not inner.is_closed() and inner.in_transaction():
                await self._control.roll_back(inner)
            raise
        if own:
            await self._control.commit(inner)
        return first.following or first

    def _name(self, error: errors.Error) -> None:
        """Say in an error which statement it is about."""
        if self._at is None:
            return
        number, line = self._at.number, self._at.line
        where = f"statement {number} of {len(self._pieces)}, line {line}"
        error.args = (f"{where}: {error}", *error.args[1:])
        if isinstance(error, errors.DatabaseError):
            error.sql = self._at.sql

    def _can_be_one(self, statements: list[Statement]) -> bool:
        """Whether one transaction can hold all of it, and none is in it already."""
        dialect = self._binder.dialect
        return not any(
            statement.controls_transaction
            or (
                not dialect.supports_transactional_ddl
                and statement.verb not in dialect.transactional_verbs
            )
            for statement in statements
        )
