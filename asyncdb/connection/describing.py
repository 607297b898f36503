"""What a statement takes and gives, learnt without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb import errors
from asyncdb.driver import SupportsDescribe

if TYPE_CHECKING:
    from asyncdb.connection.binding import Binder
    from asyncdb.connection.exclusive import ExclusiveUse
    from asyncdb.driver import Description, DriverConnection
    from asyncdb.sql import Statement


async def describe(
    use: ExclusiveUse, binder: Binder, sql: str, *, parameters: bool
) -> Description:
    """Have the driver describe a statement.

    Args:
        use: the exclusive use of the session, which names errors.
        binder: prepares the session's statements.
        sql: the text.
        parameters: its markers are markers.

    Raises:
        NotSupportedError: the driver has no way to.
    """
    if not isinstance(sql, str):
        message = f"describe() takes a str, not a {type(sql).__name__}"
        raise errors.InterfaceError(message)

    async def work(inner: DriverConnection) -> Description:
        if not isinstance(inner, SupportsDescribe):
            message = "this driver cannot describe a statement without running it"
            raise errors.NotSupportedError(message)
        return await inner.describe(await _read(binder, sql, parameters=parameters))

    found: Description = await use.run(work, sql)
    return found


async def _read(binder: Binder, sql: str, *, parameters: bool) -> Statement:
    if not parameters:
        return binder.prepare(sql, "none")
    try:
        statement = await binder.read(sql, ())
    except errors.ParameterError:  # it has names
        statement = await binder.read(sql, {})
    if statement.multiple:
        message = "there is more than one statement: describe() takes one"
        raise errors.ProgrammingError(message, sql=sql)
    return statement
