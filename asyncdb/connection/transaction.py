"""Transactions as blocks: a transaction, savepoints inside it, and one end for each.

Rules:

1. A connection has a stack of blocks: the first is the transaction, each further one a
   savepoint. Only the innermost may run statements or end.
2. After a `DatabaseError`, a timeout or a cancellation in a block only rollback is left
   of it, on every engine (PostgreSQL's rule). What may fail goes into a block of its
   own, whose rollback mends the outer one.
3. A transaction that the server has ended (a deadlock, DDL on MySQL) is lost: every
   block of it says so, instead of going on in autocommit.
4. A rollback that fails never hides the error that led to it: it is logged, and the
   connection is cut, which rolls back too.
"""

from __future__ import annotations

import logging
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from asyncdb.errors import TransactionError
from asyncdb.options import TransactionOptions

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

logger = logging.getLogger("asyncdb")


class _State(Enum):
    NEW = "not begun"
    OPEN = "open"
    FAILED = "failed"
    LOST = "lost"
    OVER = "over"


class Host(Protocol):
    """What a transaction runs on: a session, which guards and translates."""

    blocks: list[Transaction]

    async def begin(self, options: TransactionOptions) -> None:
        """Begin the transaction."""

    async def commit(self) -> None:
        """Commit it."""

    async def roll_back(self) -> None:
        """Roll it back."""

    async def savepoint(self, sql: str) -> None:
        """Set or release a savepoint."""

    async def roll_back_to(self, name: str) -> None:
        """Roll back to a savepoint, and release it."""

    def has_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        ...

    def cut(self) -> None:
        """Close the session, which rolls back."""


class Transaction:
    """A block: `async with db.transaction() as tx`.

    It commits at its end, and rolls back when it is left by an exception. Inside
    another block it is a savepoint.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as db:
        ...         await db.execute("CREATE TABLE t (a INTEGER UNIQUE)")
        ...         async with db.transaction():
        ...             await db.execute("INSERT INTO t VALUES (1)")
        ...             try:
        ...                 async with db.transaction():
        ...                     await db.execute("INSERT INTO t VALUES (1)")
        ...             except asyncdb.UniqueViolation:
        ...                 await db.execute("INSERT INTO t VALUES (2)")
        ...         return [row.a for row in await db.fetchall("SELECT a FROM t")]
        >>> asyncio.run(main())
        [1, 2]
    """

    __slots__ = ("_cause", "_host", "_name", "_options", "_state")

    def __init__(self, host: Host, options: TransactionOptions) -> None:
        self._host = host
        self._options = options
        self._name = ""  # of the savepoint; "" for the transaction itself
        self._state = _State.NEW
        self._cause: BaseException | None = None  # why it failed or was lost

    # -- what the connection asks and tells ------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether statements may run in it."""
        return self._state is _State.OPEN

    @property
    def is_readonly(self) -> bool:
        """Whether it was opened only for reading."""
        return self._options.readonly

    def failed(self, error: BaseException) -> None:
        """Note that a statement in it failed: only rollback is left."""
        if self._state is _State.OPEN:
            self._state, self._cause = _State.FAILED, error

    def lost(self, error: BaseException | None) -> None:
        """Note that the server has ended the transaction."""
        if self._state is not _State.OVER:
            self._state = _State.LOST
            self._cause = self._cause or error

    def refusal(self) -> TransactionError:
        """Make the error for a statement that comes too late."""
        if self._state is _State.LOST:
            message = (
                f"the server has ended this transaction ({_name(self._cause)}): "
                "nothing more can run in its block; leave it, and run all of it again"
            )
        elif self._state is _State.FAILED:
            message = (
                f"a statement of this block has failed ({_name(self._cause)}): only "
                "rollback is left; nest transaction() around what may fail"
            )
        else:
            message = "this block has been committed or rolled back already: leave it"
        error = TransactionError(message)
        error.__cause__ = self._cause
        return error

    # -- the block -------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Begin the transaction, or set the savepoint."""
        if self._state is not _State.NEW:
            message = "a transaction() is for one block; call transaction() again"
            raise TransactionError(message)
        host = self._host
        name = self._next_name()
        if name:
            if self._options != TransactionOptions():
                message = (
                    "isolation, readonly and deferrable belong to the outermost block; "
                    "an inner one is a savepoint"
                )
                raise TransactionError(message)
            if host.blocks and not host.blocks[-1].is_open:
                raise host.blocks[-1].refusal()
            await host.savepoint(f"SAVEPOINT {name}")
            self._name = name
        else:
            await host.begin(self._options)
        host.blocks.append(self)
        self._state = _State.OPEN
        return self

    def _next_name(self) -> str:
        """Name the savepoint that it would be, "" for a transaction of its own."""
        host = self._host
        inside = host.blocks or host.has_transaction()
        return f"asyncdb_{len(host.blocks)}" if inside else ""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back when the block is left by an exception."""
        try:
            await self._finish(error)
        finally:
            self._state = _State.OVER
            if self in self._host.blocks:
                del self._host.blocks[self._host.blocks.index(self) :]

    async def commit(self) -> None:
        """Commit now: the rest of the block may not run statements.

        Raises:
            TransactionError: the block has failed, is lost, or is not the innermost.
            CommitUnknown: COMMIT was sent and its answer never came.
        """
        self._check_innermost()
        if not self.is_open:
            raise self.refusal()
        await self._commit()

    async def rollback(self) -> None:
        """Roll back now: the rest of the block may not run statements.

        Raises:
            TransactionError: the block is over already, or is not the innermost.
        """
        self._check_innermost()
        if self._state in (_State.NEW, _State.OVER):
            raise self.refusal()
        was_lost = self._state is _State.LOST
        self._state = _State.OVER
        if was_lost:
            return
        try:
            await self._undo()
        except BaseException:
            self._host.cut()  # or what was to be undone would stay open
            raise

    async def _finish(self, error: BaseException | None) -> None:
        if self._state is _State.OVER:
            return
        if self._host.blocks[-1:] != [self] and self._state is not _State.LOST:
            # Ended out of order: what the inner blocks did is undone with this one.
            await self._roll_back_quietly()
            if error is None:
                message = "blocks must end in reverse order of their beginning"
                raise TransactionError(message)
            return
        if error is not None:
            await self._roll_back_quietly()
        elif self._state is _State.OPEN:
            await self._commit()
        else:
            refusal = self.refusal()
            await self._roll_back_quietly()
            raise refusal

    async def _commit(self) -> None:
        try:
            if self._name:
                await self._host.savepoint(f"RELEASE SAVEPOINT {self._name}")
            else:
                await self._host.commit()
        except BaseException:
            await self._roll_back_quietly()
            raise
        self._state = _State.OVER

    async def _undo(self) -> None:
        if self._name:
            await self._host.roll_back_to(self._name)
        else:
            await self._host.roll_back()

    async def _roll_back_quietly(self) -> None:
        was, self._state = self._state, _State.OVER
        if was is _State.OVER or not self._host.has_transaction():
            return
        try:
            await self._undo()
        except Exception:
            logger.warning("rollback failed; the connection is cut", exc_info=True)
            self._host.cut()
        except BaseException:
            self._host.cut()
            raise

    def _check_innermost(self) -> None:
        if self._state is not _State.NEW and self._host.blocks[-1:] != [self]:
            message = "an inner block is still open: end it first"
            raise TransactionError(message)

    def __repr__(self) -> str:
        """Show the state."""
        kind = f"savepoint {self._name}" if self._name else "transaction"
        return f"<asyncdb.Transaction {kind}, {self._state.value}>"


def _name(error: BaseException | None) -> str:
    return "it was ended from outside" if error is None else type(error).__name__
