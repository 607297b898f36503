"""psycopg's connection, to be looked at: is a PgBouncer in between?"""

from __future__ import annotations

import secrets

import psycopg

from asyncdb.dialects.postgresql.pgbouncer import SAME_NAME
from asyncdb.dialects.postgresql.recognising import Candidate
from asyncdb.drivers.psycopg.native import PgNative
from asyncdb.drivers.psycopg.statements import in_transaction
from asyncdb.drivers.psycopg.translation import raise_first


class PsycopgCandidate(Candidate):
    """A connection that was just opened.

    Args:
        native: psycopg's.
    """

    def __init__(self, native: PgNative) -> None:
        self.native = native
        self._line = native.line

    def parameter(self, name: str) -> str | None:
        """Return what was reported of a setting."""
        value: bytes | None = self._line.pgconn.parameter_status(name.encode())
        return None if value is None else value.decode()

    def pid(self) -> int:
        """Return the number in the key that it is cancelled by."""
        pid: int = self._line.pgconn.backend_pid
        return pid

    async def tag(self, sql: str) -> str:
        """Run a text; return the tag of its last answer."""
        results = await self._line.query(sql)
        raise_first(results)
        return (results[-1].command_status or b"").decode()

    async def renames(self) -> bool:
        """Tell whether what is in between gives prepared statements other names."""
        line = self._line
        name = f"asyncdb_{secrets.token_hex(8)}"
        try:
            await self.tag("BEGIN READ ONLY")
            text = SAME_NAME.format(name=name)
            line.pgconn.send_prepare(name.encode(), text.encode())
            raise_first(await line.results())
            line.pgconn.send_query_prepared(name.encode(), [])
            results = await line.results()
            raise_first(results)
            theirs = bool(results[0].ntuples == 0)
            await self.tag("COMMIT" if theirs else f"DEALLOCATE {name}; COMMIT")
        except psycopg.Error:
            if self.is_closed():  # statement mode ends who says BEGIN
                return False
            if in_transaction(line):
                await self.tag("ROLLBACK")
            return False
        return theirs

    def is_closed(self) -> bool:
        """Whether it is over."""
        return self._line.is_over()

    async def close(self) -> None:
        """Say goodbye."""
        await self.native.close()

    def terminate(self) -> None:
        """Cut it."""
        self._line.finish()
