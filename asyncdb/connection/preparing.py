"""Hooks: an application's own functions, run on a session that is nobody's yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from asyncdb import errors
from asyncdb.connection.connection import Connection
from asyncdb.connection.exclusive import Ended

if TYPE_CHECKING:
    from asyncdb.connection.session import Session
    from asyncdb.options import Hook

_OVER: Final = "this connection was for its hook alone: do not keep it"


async def run_hook(name: str, hook: Hook, session: Session) -> tuple[object, bool]:
    """Run a hook on a session.

    Args:
        name: its option's.
        hook: the function.
        session: what its connection is made over; it stays as it is.

    Returns:
        What it returned, and whether it may have left something in the session.

    Raises:
        InterfaceError: it left a transaction or a stream open.
    """
    lent = session.lend(None)
    try:
        verdict = await hook(Connection(lent))
        if lent.is_busy or lent.has_transaction():
            message = f"{name} left a transaction, a stream or a task behind"
            raise errors.InterfaceError(message)
        return verdict, lent.touched
    except BaseException:
        lent.cut()
        raise
    finally:
        lent.end(Ended(session.inner, _OVER))
