"""What a statement takes and gives, learnt without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb import errors
from asyncdb.driver import SupportsDescribe

if TYPE_CHECKING:
    from asyncdb.connection.binding import Binder
    from asyncdb.driver import Description, DriverConnection


async def describe(
    inner: DriverConnection, binder: Binder, sql: str, *, parameters: bool
) -> Description:
    """Have the driver describe a statement.

    Args:
        inner: the driver's session.
        binder: prepares its statements.
        sql: the text.
        parameters: its markers are markers.

    Raises:
        NotSupportedError: the driver has no way to.
    """
    if not isinstance(sql, str):
        message = f"describe() takes a str, not a {type(sql).__name__}"
        raise errors.InterfaceError(message)
    if not isinstance(inner, SupportsDescribe):
        message = "this driver cannot describe a statement without running it"
        raise errors.NotSupportedError(message)
    if not parameters:
        return await inner.describe(binder.prepare(sql, "none"))
    try:
        statement = await binder.read(sql, ())
    except errors.ParameterError:  # it has names
        statement = await binder.read(sql, {})
    if statement.multiple:
        message = "there is more than one statement: describe() takes one"
        raise errors.ProgrammingError(message, sql=sql)
    return await inner.describe(statement)
