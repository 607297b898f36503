"""asyncpg's connection, to be looked at: is a PgBouncer in between?"""

from __future__ import annotations

import secrets
from typing import Any

from asyncpg import exceptions

from asyncdb.dialects.postgresql.pgbouncer import SAME_NAME
from asyncdb.dialects.postgresql.recognising import Candidate


class AsyncpgCandidate(Candidate):
    """A connection that was just opened.

    Args:
        native: asyncpg's.
    """

    def __init__(self, native: Any) -> None:
        self.native = native

    def parameter(self, name: str) -> str | None:
        """Return what was reported of a setting."""
        value: str | None = getattr(self.native.get_settings(), name, None)
        return value

    def pid(self) -> int:
        """Return the number in the key that it is cancelled by."""
        pid: int = self.native.get_server_pid()
        return pid

    async def tag(self, sql: str) -> str:
        """Run a text; return the tag of its last answer."""
        tag: str = await self.native.execute(sql)
        return tag

    async def renames(self) -> bool:
        """Tell whether what is in between gives prepared statements other names."""
        return await renames(self.native)

    def is_closed(self) -> bool:
        """Whether it is over."""
        return bool(self.native.is_closed())

    async def close(self) -> None:
        """Say goodbye."""
        await self.native.close()

    def terminate(self) -> None:
        """Cut it."""
        self.native.terminate()


async def renames(native: Any) -> bool:
    """Tell whether what is in between gives prepared statements other names."""
    name = f"asyncdb_{secrets.token_hex(8)}"
    try:
        await native.execute("BEGIN READ ONLY")
        statement = await native.prepare(SAME_NAME.format(name=name), name=name)
        theirs = await statement.fetchval() is None
        await native.execute("COMMIT" if theirs else f"DEALLOCATE {name}; COMMIT")
    except exceptions.PostgresError:
        if native.is_closed():  # statement mode ends who says BEGIN
            return False
        if native.is_in_transaction():
            await native.execute("ROLLBACK")
        return False
    return theirs
