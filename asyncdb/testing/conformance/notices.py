"""What the server says beside its answers reaches whoever listens."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter


class Notices(Chapter):
    """A notice comes once, to one place, and breaks nothing.

    What every database that says anything remarks on is a table that is not there to
    be dropped. One without `Dialect.supports_notices` says nothing.
    """

    @pytest.fixture
    def missing(self) -> str:
        """The name of no table."""
        return f"kit_{uuid4().hex[:12]}"

    async def test_notice(self, database_url: str, missing: str) -> None:
        """A notice is heard before its statement is over, and its repr tells little."""
        heard: list[asyncdb.Notice] = []
        async with asyncdb.connect(database_url, on_notice=heard.append) as db:
            await db.execute(f"DROP TABLE IF EXISTS {missing}")
            if not db.dialect.supports_notices:
                assert [] == heard
                return
            (notice,) = heard
            await db.fetchval("SELECT 1")

        assert [notice] == heard
        assert "NOTICE" == notice.severity
        assert notice.code is not None
        assert missing in notice.message
        assert missing in str(notice)
        assert missing not in repr(notice)

    async def test_notice_in_a_script(self, database_url: str, missing: str) -> None:
        """Each statement of a script has its own notices, in their order."""
        heard: list[asyncdb.Notice] = []
        async with asyncdb.connect(database_url, on_notice=heard.append) as db:
            await db.executescript(
                f"DROP TABLE IF EXISTS {missing}_a; DROP TABLE IF EXISTS {missing}_b;"
            )
            told = db.dialect.supports_notices

        expected = [f"{missing}_a", f"{missing}_b"] if told else []
        assert len(expected) == len(heard)
        for name, notice in zip(expected, heard, strict=True):
            assert name in notice.message

    async def test_notice_after_a_reset(self, database_url: str, missing: str) -> None:
        """A pool's listener hears all its sessions, and is kept when one is reset."""
        heard: list[asyncdb.Notice] = []
        sql = f"DROP TABLE IF EXISTS {missing}"
        async with asyncdb.create_pool(
            database_url, max_size=1, reset="always", on_notice=heard.append
        ) as pool:
            for _ in range(2):
                async with pool.acquire() as db:
                    await db.execute(sql)
            told = pool.dialect.supports_notices

        assert (2 if told else 0) == len(heard)

    async def test_listener_that_raises(
        self, database_url: str, missing: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What a listener raises is logged, and the statement is none the wiser."""

        def listener(notice: asyncdb.Notice) -> None:
            raise ZeroDivisionError(notice.code)

        async with asyncdb.connect(database_url, on_notice=listener) as db:
            await db.execute(f"DROP TABLE IF EXISTS {missing}")
            assert 1 == await db.fetchval("SELECT 1")
            told = db.dialect.supports_notices

        raised = [r for r in caplog.records if "on_notice" in r.getMessage()]
        assert (1 if told else 0) == len(raised)

    async def test_notice_without_a_listener(
        self, database_url: str, missing: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Without a listener the logger asyncdb.server gets the notice."""
        with caplog.at_level(logging.INFO, "asyncdb.server"):
            async with asyncdb.connect(database_url) as db:
                await db.execute(f"DROP TABLE IF EXISTS {missing}")
                told = db.dialect.supports_notices

        records = [r for r in caplog.records if r.name == "asyncdb.server"]
        assert ([logging.INFO] if told else []) == [r.levelno for r in records]
        assert all(r.getMessage().startswith("NOTICE") for r in records)

    async def test_listener_that_is_none(self, database_url: str) -> None:
        """A listener that cannot be called, or would be awaited, is refused at once."""

        async def listener(notice: asyncdb.Notice) -> None:
            """Wait in vain."""

        text: Any = "print"
        with pytest.raises(asyncdb.URLError, match="on_notice"):
            asyncdb.connect(database_url, on_notice=text)
        with pytest.raises(TypeError, match="on_notice"):
            asyncdb.connect(database_url, on_notice=listener)
