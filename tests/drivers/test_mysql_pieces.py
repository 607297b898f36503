"""An answer is the same however the network cuts it, for us and for the library."""

from __future__ import annotations

import asyncio
import inspect
import random
from typing import Any

import pytest

import asyncdb
from tests.plugins.databases import engines
from tests.plugins.proxy import Proxy, Side

pytestmark = engines("mariadb", "mysql", "mariadb+asyncmy", "mysql+asyncmy")

ROWS = (
    "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})"
    " SELECT n, repeat('é', n % 300), IF(n % 3, NULL, n * 1.5) FROM s ORDER BY n"
)
SIZES = {"one": [1], "odd": [3], "any": [1, 2, 3, 4, 5, 50, 500]}


class Cutter(Proxy):
    """Sends on in pieces, once it is told their sizes."""

    sizes: list[int]

    async def _forward(
        self, side: Side, data: bytes, writer: asyncio.StreamWriter
    ) -> None:
        while side == "server" and self.sizes and data:
            size = random.choice(self.sizes)
            writer.write(data[:size])
            data = data[size:]
            await writer.drain()
            await asyncio.sleep(0)
        await super()._forward(side, data, writer)


async def _native(db: asyncdb.Connection, sql: str) -> list[Any]:
    """Ask the library itself."""
    cursor = db.native.cursor()
    if inspect.isawaitable(cursor):
        cursor = await cursor
    await cursor.execute(sql)
    found = [tuple(row) for row in await cursor.fetchall()]
    await cursor.close()
    return found


@pytest.mark.parametrize("name", SIZES)
async def test_in_pieces(database_url: str, name: str) -> None:
    """Whole, streamed, left early, in a batch, an error, the library's in between."""
    few, many = ROWS.format(count=40), ROWS.format(count=400)
    async with (
        asyncdb.connect(database_url) as db,
        Cutter(database_url) as proxy,
    ):
        proxy.sizes = []
        expected = [tuple(row) for row in await db.fetchall(few)]
        async with asyncdb.connect(proxy.url, tls="disable") as cut:
            proxy.sizes = SIZES[name]
            assert expected == await cut.fetchall(few)
            assert [row[:2] for row in expected] == [
                row[:2] for row in await _native(cut, few)
            ]
            async with cut.stream(few) as rows:
                assert expected == [row async for row in rows]
            async with cut.stream(many) as rows:
                assert expected[0] == await anext(aiter(rows))
            with pytest.raises(asyncdb.UndefinedTable):
                await cut.execute("SELECT 1 FROM no_such_table")
            described = await cut.describe("SELECT ?, 1")
            assert described.columns is not None
            assert 2 == len(described.columns)
            async with cut.batch() as batch:
                found = [batch.fetchall(few) for _ in range(3)]
            assert 3 * [expected] == [each.result() for each in found]
            assert 40 == len(await _native(cut, few))
            assert 1 == await cut.fetchval("SELECT 1")
