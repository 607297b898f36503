"""A batch on its way: statements sent together, or one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, cast

from asyncdb import errors
from asyncdb.connection.deadline import within
from asyncdb.connection.exclusive import gone
from asyncdb.driver import Command, Result, SupportsBatch, SupportsPlainRows
from asyncdb.options import TransactionOptions

if TYPE_CHECKING:
    from asyncdb.connection.binding import Binder
    from asyncdb.connection.exclusive import ExclusiveUse
    from asyncdb.connection.runner import Step
    from asyncdb.connection.transaction_control import TransactionControl
    from asyncdb.driver import DriverConnection
    from asyncdb.sql import Statement
    from asyncdb.values import Decoding

_PLAIN: Final = TransactionOptions()
_CUT_SHORT: Final = (
    "it is not known whether this statement ran: its batch was cut short before the "
    "answer came"
)
_UNSEEN: Final = (
    "sent as text would end the batch's own transaction unseen: leave it out, as the "
    "batch commits when its block ends"
)


@lru_cache(maxsize=256)
def _can(kind: type, capability: type) -> bool:
    """Tell whether a class has the methods: asking takes as long as a statement."""
    return issubclass(kind, capability)


class SessionBatch:
    """Runs the statements of a batch through one session of a driver.

    Args:
        steps: the statements; each gets its result or its error.
        use: the exclusive use of the session, which names errors.
        binder: prepares statements.
        control: begins and ends a transaction.
        check: refuses a statement that has no place where the session is.
        transaction: run them in one of their own, if none is open.
        limit: seconds for each statement; `None` for as long as it takes.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        use: ExclusiveUse,
        binder: Binder,
        control: TransactionControl,
        check: Callable[[Statement], None],
        *,
        transaction: bool,
        limit: float | None,
    ) -> None:
        self._steps = steps
        self._use = use
        self._binder = binder
        self._control = control
        self._check = check
        self._transaction = transaction
        self._limit = limit
        self._outcomes: list[Result | Exception] = []

    async def run(self, seconds: float | None, decoding: Decoding) -> None:
        """Run all statements.

        Args:
            seconds: how long all of it may take; `None` for as long as it takes.
            decoding: how rows are read `into` something.
        """
        try:
            work = self._run if seconds is None else partial(self._within, seconds)
            await self._use.run(work)
        except errors.DatabaseError as error:
            at = len(self._outcomes)  # the first without an answer
            if error.sql is None and at < len(self._steps):
                sql = self._steps[at].sql
                error.sql = sql if isinstance(sql, str) else None
                self._named(error, at + 1)
            raise
        finally:
            for step in self._steps:
                if step.result is not None:
                    step.result.decoding = decoding

    async def _within(self, seconds: float, inner: DriverConnection) -> None:
        """Run all in time.

        Raises:
            CommitUnknown: its time was over in the middle of COMMIT.
        """
        try:
            await within(seconds, self._run(inner))
        except errors.StatementTimeout as error:
            doubt = self._steps[-1].error
            if isinstance(doubt, errors.CommitUnknown):
                # Another one, as this error has come of that one.
                raise errors.CommitUnknown(*doubt.args) from error
            raise

    async def _run(self, inner: DriverConnection) -> None:
        inside = inner.in_transaction()
        own = self._transaction and not inside
        commands = await self._bind(own=own)
        failed: errors.Error | None = None
        try:
            try:
                await self._send(inner, commands, own=own)
            except BaseException as error:
                self._check_commit(inner, error)
                raise
            finally:  # what is known is known, also when the rest never came
                failed = self._tell()
            if failed is not None and (own or inside):
                raise failed
            blocks = self._use.blocks
            if blocks and not inner.in_transaction():
                self._use.lose(None)
                raise blocks[-1].refusal()
            if own:
                await self._commit(inner)
        except BaseException as error:
            self._settle(error, undone=own or bool(self._use.blocks))
            if own and not inner.is_closed() and inner.in_transaction():
                await self._control.roll_back(inner)
            raise
        if failed is not None:
            raise failed

    async def _bind(self, *, own: bool) -> list[Command]:
        """Prepare every statement before the first is sent."""
        commands = []
        for number, step in enumerate(self._steps, 1):
            try:
                statement, args = await self._binder.bind(step.sql, step.params)
                self._check(statement)
                if own and statement.controls_transaction:
                    message = f"{statement.verb} {_UNSEEN}"
                    raise errors.TransactionError(message)
            except errors.Error as error:
                step.error = self._named(error, number)
                raise
            commands.append(Command(statement, args, step.plain))
        return commands

    async def _send(
        self, inner: DriverConnection, commands: list[Command], *, own: bool
    ) -> None:
        limit, together = self._limit, None
        if limit is None:
            together = 0.0
        elif self._binder.dialect.supports_statement_timeout:
            # Each is stopped by the server; ours is for one that is silent.
            together = limit * len(commands)
        if together is not None and _can(type(inner), SupportsBatch):
            several = cast("SupportsBatch", inner)
            work = several.execute_batch(commands, self._outcomes, begin=own)
            if await within(together or None, work):
                return
        if own:
            await self._control.begin(inner, _PLAIN)
        plainly = _can(type(inner), SupportsPlainRows)
        for statement, args, plain in commands:
            run = inner.execute
            if plain and plainly:
                run = cast("SupportsPlainRows", inner).execute_plain
            try:
                self._outcomes.append(await within(limit, run(statement, args)))
            except Exception as error:  # noqa: BLE001  # the statement's, until named
                self._outcomes.append(error)
                if own or inner.in_transaction() or inner.is_closed():
                    return

    async def _commit(self, inner: DriverConnection) -> None:
        """Commit, unless the driver has."""
        (sent,) = self._outcomes[len(self._steps) :] or (None,)
        if sent is None:
            if inner.is_closed():  # by another task: COMMIT was never sent
                raise gone(inner)
            await self._control.commit(inner)
        elif isinstance(sent, Exception):
            self._check_commit(inner, sent)
            raise sent

    def _check_commit(self, inner: DriverConnection, error: BaseException) -> None:
        """Raise what an error means for a COMMIT that was sent with the statements."""
        if len(self._outcomes) > len(self._steps):
            sent = self._outcomes[-1]
            if (
                isinstance(sent, Exception)
                and self._control.commit_failed(inner, sent) is sent
            ):
                return  # whatever came after that, it has certainly not happened
            found = self._control.commit_failed(inner, error)
            if found is not error:
                raise found from error

    def _tell(self) -> errors.Error | None:
        """Give each step what has become of it; return the first failure."""
        first: errors.Error | None = None
        outcomes = zip(self._steps, self._outcomes, strict=False)  # and of COMMIT
        for number, (step, outcome) in enumerate(outcomes, 1):
            if isinstance(outcome, Result):
                step.result = outcome
                continue
            found: Any = self._use.failed(outcome, step.sql)
            if not isinstance(found, errors.Error):
                raise found
            if found is not outcome:
                found.__cause__ = outcome
            step.error = self._named(found, number)
            if first is None:
                first = found
            else:
                kind = type(found).__name__
                first.add_note(f"statement {number} of the batch failed too: {kind}")
        return first

    def _settle(self, error: BaseException, *, undone: bool) -> None:
        """Say of each step what is true of it when the batch has ended early."""
        causes = (error, error.__cause__)
        unknown = [one for one in causes if isinstance(one, errors.CommitUnknown)]
        for step in self._steps:
            if undone:
                step.result = None
            if unknown:
                step.error = unknown[0]
            elif not undone and step.result is None and step.error is None:
                # It stood for itself, and was sent, or was about to be.
                step.error = errors.TransactionError(_CUT_SHORT)
                step.error.__cause__ = error

    def _named(self, error: errors.Error, number: int) -> errors.Error:
        """Say in an error which statement it is about."""
        where = f"statement {number} of {len(self._steps)} of the batch"
        error.args = (f"{where}: {error}", *error.args[1:])
        return error
