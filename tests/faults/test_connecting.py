"""Connecting never hangs, always says ConnectionFailed, and leaves no file open."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import asyncdb
from asyncdb.testing.fake import faults
from tests.plugins.databases import PSYCOPG, SERVERS, engines
from tests.plugins.proxy import MakeProxy, Proxy
from tests.plugins.scale import eventually

ON_SERVERS = engines(*SERVERS, *PSYCOPG)

LIMIT = 0.3  # seconds: the connect_timeout of these tests
SLACK = 0.3


def open_files() -> int:
    """Count the process's open file descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


@asynccontextmanager
async def nothing_leaks() -> AsyncIterator[None]:
    """Check that a block leaves no more files open than it found."""
    before = open_files()
    yield

    async def closed() -> bool:
        return open_files() <= before

    await eventually(closed)


async def fails(url: str) -> asyncdb.ConnectionFailed:
    """Connect, which has to fail within the limit."""
    began = time.monotonic()
    with pytest.raises(asyncdb.ConnectionFailed) as caught:
        await asyncdb.connect(url, connect_timeout=LIMIT)

    assert time.monotonic() - began < LIMIT + SLACK
    first = next(asyncdb.DatabaseURL(url).each_host())
    assert str(caught.value).startswith(f"{url.partition(':')[0]}://")
    assert str(first.port or "") in str(caught.value)
    return caught.value


async def silent(make_proxy: MakeProxy, url: str) -> Proxy:
    """Make somebody who accepts and never speaks."""
    proxy = await make_proxy(url)
    proxy.be_silent()
    return proxy


@ON_SERVERS
async def test_a_silent_listener(database_url: str, make_proxy: MakeProxy) -> None:
    """A listener that never speaks is given up after connect_timeout, and let go."""
    proxy = await silent(make_proxy, database_url)

    error = await fails(proxy.url)

    assert "connect_timeout" in str(error)

    async def gone() -> bool:
        return not proxy.open_links

    await eventually(gone)


@ON_SERVERS
async def test_many_silent_listeners(database_url: str, make_proxy: MakeProxy) -> None:
    """Twenty attempts that time out at once leave no file open."""
    proxy = await silent(make_proxy, database_url)
    async with nothing_leaks():
        await asyncio.gather(*(fails(proxy.url) for _ in range(20)))


@ON_SERVERS
async def test_a_refusal(database_url: str, make_proxy: MakeProxy) -> None:
    """Nobody there is ConnectionFailed, at once."""
    proxy = await make_proxy(database_url)
    await proxy.refuse()

    await fails(proxy.url)


@ON_SERVERS
@pytest.mark.parametrize("size", [1, 4, 9, 80, 150, 300])
@pytest.mark.parametrize("how", ["stalls", "is_cut"])
async def test_half_a_handshake(
    database_url: str, make_proxy: MakeProxy, size: int, how: str
) -> None:
    """A line that stalls or breaks in the middle of the handshake fails cleanly."""
    proxy = await make_proxy(database_url)
    if how == "stalls":
        proxy.stall_after(size)
    else:
        proxy.cut_after(size)
    async with nothing_leaks():
        await fails(proxy.url)
        proxy.cut()

    proxy.flow()
    async with asyncdb.connect(proxy.url) as db:
        assert 1 == await db.fetchval("SELECT 1")


@ON_SERVERS
async def test_a_slow_line(database_url: str, make_proxy: MakeProxy) -> None:
    """A slow line is no fault: it takes as long as it takes."""
    proxy = await make_proxy(database_url)
    proxy.slow(0.005)
    async with asyncdb.connect(proxy.url) as db:
        assert 1 == await db.fetchval("SELECT 1")


@ON_SERVERS
async def test_the_next_host_is_tried(database_url: str, make_proxy: MakeProxy) -> None:
    """Each host has its own connect_timeout; a silent one does not hide a good one."""
    bad, good = await silent(make_proxy, database_url), await make_proxy(database_url)
    hosts = [re.search(r"@([^/]+)/", proxy.url)[1] for proxy in (bad, good)]  # type: ignore[index]
    url = bad.url.replace(hosts[0], ",".join(hosts))

    async with asyncdb.connect(url, connect_timeout=LIMIT) as db:
        assert 1 == await db.fetchval("SELECT 1")


@ON_SERVERS
async def test_a_pool_waits_for_its_server(
    database_url: str, make_proxy: MakeProxy
) -> None:
    """With `min_size=0` a pool opens while the server is down, and serves later."""
    proxy = await make_proxy(database_url)
    await proxy.refuse()
    with pytest.raises(asyncdb.ConnectionFailed):
        await asyncdb.create_pool(proxy.url, min_size=1)

    async with asyncdb.create_pool(proxy.url, min_size=0) as pool:
        assert pool.dialect.name in ("postgresql", "mysql")
        assert () == pool.dialect.server_version
        with pytest.raises(asyncdb.ConnectionFailed):
            async with pool.acquire():
                pass
        await proxy.listen()

        assert 1 == await pool.fetchval("SELECT 1")
        assert pool.dialect.server_version > (5,)


@engines("fake")
async def test_the_core_sees_to_it(database_url: str) -> None:
    """connect_timeout holds for every driver, whatever it does."""
    with faults() as ordered:
        ordered.add("connect", asyncio.Event().wait)

        await fails(database_url)
