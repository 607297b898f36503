"""What stands under the verbs: whatever carries out their statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from typing_extensions import TypeVar

from asyncdb.connection.chunks import Rows
from asyncdb.driver import Result
from asyncdb.options import TransactionOptions
from asyncdb.sql import Template
from asyncdb.values.rows import Row

if TYPE_CHECKING:
    from asyncdb.dialect import Dialect
    from asyncdb.values import Decoding

Text: TypeAlias = str | Template
Seconds: TypeAlias = float | None
Params: TypeAlias = Sequence[Any] | Mapping[str, Any] | None

# What a verb takes for a statement besides templates, and what a transaction's block
# gives; invisible to whoever writes `Executor`.
S_contra = TypeVar("S_contra", contravariant=True, default=str)
B_co = TypeVar("B_co", covariant=True, default=Any)


class Step:
    """One statement of a batch, and what has become of it.

    Args:
        sql: the statement.
        params: its parameters.
        plain: its rows are read by position alone.

    Attributes:
        result: what it gave; `None` if it did not run, failed, or was undone.
        error: why it failed.
    """

    __slots__ = ("error", "params", "plain", "result", "sql")

    def __init__(self, sql: Any, params: Params, *, plain: bool = False) -> None:
        self.sql = sql
        self.params = params
        self.plain = plain
        self.result: Result | None = None
        self.error: BaseException | None = None


class OpenStream(Protocol):
    """A result that is read in pieces, guarded like every other use of a connection."""

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """`(name, type code)` of each column."""
        ...

    @property
    def decoding(self) -> Decoding:
        """How the rows are read `into` something."""
        ...

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows, at most `size`; the empty list says that it is over."""
        ...

    async def close(self) -> None:
        """Leave the result; whatever it was read from is free again."""


class Runner(Protocol[S_contra, B_co]):
    """What carries out the statements of an `Executor`: its `runner`.

    A connection's is its session (`asyncdb.connection.session.Session`), a pool's takes
    whichever connection is free (`asyncdb.pool.runner.PoolRunner`). Who wraps an
    executor (see `asyncdb.contrib.sqlalchemy`) writes one that prepares statements and
    results, and hands them to the runner of what is wrapped; the verbs, with their
    types, are inherited.

    Example:
        >>> import asyncio, asyncdb
        >>> class Counting:
        ...     def __init__(self, runner):
        ...         self._runner, self.count = runner, 0
        ...     def __getattr__(self, name):
        ...         return getattr(self._runner, name)
        ...     async def execute(self, sql, params, timeout=None, *, plain=False):
        ...         self.count += 1
        ...         return await self._runner.execute(sql, params, timeout, plain=plain)
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as connection:
        ...         db = asyncdb.Executor(Counting(connection.runner))
        ...         return await db.fetchval("SELECT 7"), db.runner.count
        >>> asyncio.run(main())
        (7, 1)
    """

    @property
    def dialect(self) -> Dialect:
        """Facts about the database."""
        ...

    async def execute(
        self,
        sql: S_contra | Template,
        params: Params,
        timeout: Seconds = None,
        *,
        plain: bool = False,
    ) -> Result:
        """Run a statement; `plain` if its rows are read by position alone."""
        ...

    async def execute_many(
        self,
        sql: S_contra,
        rows: Rows,
        *,
        exact_rowcount: bool = False,
        timeout: Seconds = None,
    ) -> Result:
        """Run a statement for each of `rows`, all or nothing."""
        ...

    async def execute_script(
        self, text: str, timeout: Seconds = None, *, transaction: bool = True
    ) -> Result:
        """Run the statements of a text one after another; chain their results."""
        ...

    async def execute_batch(
        self,
        steps: Sequence[Step],
        timeout: Seconds = None,
        *,
        transaction: bool | None = None,
    ) -> None:
        """Run statements together; each step gets its result or its error.

        The first error is raised. In a transaction, an open one or one of their own
        (`transaction`; `None` for what a connection or a pool does by itself), it
        undoes all of them; outside, the others run all the same.
        """
        ...

    async def load_rows(
        self, table: str | Sequence[str], columns: Sequence[str], rows: Rows
    ) -> int:
        """Load rows into a table, all or nothing; return their number."""
        ...

    async def open_stream(
        self,
        sql: S_contra | Template,
        params: Params,
        timeout: Seconds = None,
        *,
        plain: bool = False,
    ) -> OpenStream:
        """Run a statement whose rows are read in pieces."""
        ...

    def transaction(
        self, options: TransactionOptions
    ) -> AbstractAsyncContextManager[B_co]:
        """Make a block that is a transaction, or a savepoint inside another."""
        ...
