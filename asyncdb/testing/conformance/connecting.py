"""Opening, closing, and what a connection says of itself."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter


class Connecting(Chapter):
    """A connection opens by URL and closes once."""

    async def test_connect_is_awaitable(self, database_url: str) -> None:
        """`await connect()` gives an open connection that close() closes."""
        db = await asyncdb.connect(database_url)

        assert not db.is_closed
        await db.close()
        assert db.is_closed

    async def test_connect_is_a_context_manager(self, database_url: str) -> None:
        """`async with connect()` closes at the end of the block."""
        async with asyncdb.connect(database_url) as db:
            assert 1 == await db.fetchval("SELECT 1")

        assert db.is_closed

    async def test_close_twice(self, database_url: str) -> None:
        """Closing a closed connection is harmless."""
        db = await asyncdb.connect(database_url)
        await db.close()

        await db.close()

    async def test_closed_connection_refuses(self, database_url: str) -> None:
        """Every verb of a closed connection raises ConnectionClosed."""
        db = await asyncdb.connect(database_url)
        await db.close()

        for verb in (db.execute, db.fetchone, db.fetchall, db.fetchval, db.fetchmany):
            with pytest.raises(asyncdb.ConnectionClosed):
                await verb("SELECT 1")
        with pytest.raises(asyncdb.ConnectionClosed):
            await db.executemany("INSERT INTO t VALUES (?)", [[1]])
        with pytest.raises(asyncdb.ConnectionClosed):
            async with db.transaction():
                pass
        with pytest.raises(asyncdb.ConnectionClosed):
            async with db.stream("SELECT 1"):
                pass
        with pytest.raises(asyncdb.ConnectionClosed):
            await db.ping()

    async def test_ping(self, db: asyncdb.Connection) -> None:
        """A live connection answers a ping."""
        await db.ping()

    async def test_dialect(self, db: asyncdb.Connection) -> None:
        """The dialect names the database and its version."""
        assert db.dialect.name
        assert all(isinstance(part, int) for part in db.dialect.server_version)

    async def test_native(self, db: asyncdb.Connection) -> None:
        """`native` is the library's own connection."""
        assert db.native is not None

    async def test_unknown_option(self, database_url: str) -> None:
        """An unknown option is refused with the known ones."""
        with pytest.raises(asyncdb.URLError, match="lock_timeout"):
            asyncdb.connect(database_url, **_unknown("no_such_option"))

    async def test_a_name_of_others_in_a_url(self, database_url: str) -> None:
        """A URL may call an option as other libraries do; a keyword may not."""
        mark = "&" if "?" in database_url else "?"
        async with asyncdb.connect(f"{database_url}{mark}command_timeout=60") as db:
            assert 1 == await db.fetchval("SELECT 1")
        with pytest.raises(asyncdb.URLError, match="did you mean 'statement_timeout'"):
            asyncdb.connect(database_url, **_unknown("command_timeout"))
        with pytest.raises(
            asyncdb.URLError, match=r"'command_timeout' .our 'statement"
        ):
            asyncdb.connect(f"{database_url}{mark}command_timeout=soon")

    async def test_application_name(self, database_url: str) -> None:
        """The name of the client goes through, where the driver takes one."""
        try:
            connecting = asyncdb.connect(database_url, application_name="kit's ü")
        except asyncdb.URLError:
            pytest.skip("the driver has no option application_name")
        async with connecting as db:
            assert 1 == await db.fetchval("SELECT 1")
        with pytest.raises(asyncdb.URLError, match="at most 63 bytes"):
            asyncdb.connect(database_url, application_name="x" * 64)

    async def test_a_setting_that_there_is_not(self, database_url: str) -> None:
        """A setting that the database does not know is an error that names it."""
        name = "kit_no_such_setting"
        try:
            connecting = asyncdb.connect(database_url, settings={name: "s3cret"})
        except asyncdb.URLError:
            pytest.skip("the driver has no option settings")
        with pytest.raises(asyncdb.ProgrammingError, match=name) as caught:
            await connecting
        assert "s3cret" not in str(caught.value)

        mark = "&" if "?" in database_url else "?"
        with pytest.raises(asyncdb.ProgrammingError, match=name):
            await asyncdb.connect(f"{database_url}{mark}setting.{name}=1")

    async def test_a_setting_that_is_none(self, database_url: str) -> None:
        """A name that could be more than a name is refused before anything is sent."""
        with pytest.raises(asyncdb.URLError, match="option 'settings'"):
            asyncdb.connect(database_url, settings={"a = 1; DROP TABLE t; --": 1})

    async def test_repr_hides_password(self, db: asyncdb.Connection) -> None:
        """The repr shows the state, and never a password."""
        assert "idle" in repr(db)
        assert not db.url.password or db.url.password not in repr(db)

    async def test_unclosed_connection_warns(self, database_url: str) -> None:
        """A connection that nobody closed says so when it is collected."""
        db = await asyncdb.connect(database_url)
        with pytest.warns(ResourceWarning, match="never closed"):
            del db
            gc.collect()
        await asyncio.sleep(0)  # the loop sees the transport go


def _unknown(name: str) -> dict[str, Any]:
    """Make a keyword that a type checker would refuse."""
    return {name: 60}
