"""Hooks that only one engine can have: codecs, search paths, functions, policies."""

from __future__ import annotations

import contextlib

import asyncdb
from tests.plugins.databases import POSTGRESQLS, engines
from tests.plugins.servers import Server


@engines(*POSTGRESQLS)
async def test_a_codec_on_every_connection(
    database_url: str, db: asyncdb.Connection, table: str
) -> None:
    """A codec and a search_path are there on each connection, after resets too."""
    await db.execute(f"CREATE SCHEMA {table}_s")
    await db.execute(f"CREATE DOMAIN {table}_s.point AS text")
    await db.execute(f"CREATE TYPE {table}_s.pair AS (a int, b int)")
    await db.execute(f"CREATE TABLE {table} (p {table}_s.pair)")

    async def prepare(db: asyncdb.Connection) -> None:
        await db.execute(f"SET search_path TO {table}_s, public")
        if "psycopg" in database_url:
            from psycopg.types.composite import CompositeInfo, register_composite

            info = await CompositeInfo.fetch(db.native, f"{table}_s.pair")
            assert info is not None
            register_composite(
                info,
                db.native,
                make_object=lambda pair, info: dict(
                    zip(info.field_names, pair, strict=True)
                ),
            )
            return
        await db.native.set_type_codec(
            "pair",
            schema=f"{table}_s",
            encoder=tuple,
            decoder=lambda pair: {"a": pair[0], "b": pair[1]},
            format="tuple",
        )

    async with asyncdb.create_pool(
        database_url, min_size=2, max_size=2, on_connect=prepare
    ) as pool:
        for _ in range(2):
            async with pool.acquire() as one, pool.acquire() as two:
                for each in (one, two):
                    assert {"a": 1, "b": 2} == await each.fetchval(
                        "SELECT ROW(1, 2)::pair"
                    )
                    await each.execute("SET search_path TO public")  # a touch
        assert 2 == pool.stats().created
    await db.execute(f"DROP SCHEMA {table}_s CASCADE")


@engines(*POSTGRESQLS)
async def test_row_level_security_by_transaction(
    database_url: str, db: asyncdb.Connection, table: str
) -> None:
    """A setting of the transaction decides what is seen, and nobody inherits it."""
    role = f"{table}_reader"
    await db.executescript(f"""
        CREATE TABLE {table} (tenant int, name text);
        INSERT INTO {table} VALUES (1, 'mine'), (2, 'theirs');
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON {table}
            USING (tenant = nullif(current_setting('app.tenant', true), '')::int);
        CREATE ROLE {role};
        GRANT SELECT ON {table} TO {role};
    """)

    async def prepare(db: asyncdb.Connection) -> None:
        await db.execute(f"SET ROLE {role}")

    query = f"SELECT name FROM {table}"
    try:
        async with asyncdb.create_pool(
            database_url, max_size=1, on_connect=prepare
        ) as pool:
            async with pool.transaction() as tx:
                await tx.fetchval("SELECT set_config('app.tenant', ?, true)", ["1"])
                assert ["mine"] == await tx.fetchall(query, into=str)
            assert [] == await pool.fetchall(query)
    finally:
        await db.executescript(f"DROP OWNED BY {role}; DROP ROLE {role}")


@engines("sqlite")
async def test_functions_on_every_connection(database_url: str) -> None:
    """A Python function is there on each connection of a pool, new ones included."""

    async def prepare(db: asyncdb.Connection) -> None:
        await db.native.create_function("twice", 1, lambda n: n * 2)
        await db.execute("PRAGMA recursive_triggers = 1")

    async with asyncdb.create_pool(
        database_url, min_size=1, max_size=3, on_connect=prepare
    ) as pool:
        async with pool.acquire() as one, pool.acquire() as two:
            for each in (one, two):
                assert 42 == await each.fetchval("SELECT twice(21)")
            await two.execute("PRAGMA recursive_triggers = 0")
        async with pool.acquire() as one, pool.acquire() as two:
            for each in (one, two):
                assert 1 == await each.fetchval("PRAGMA recursive_triggers")


@engines("mariadb", "mysql")
async def test_settings_of_mysql(database_url: str) -> None:
    """A variable set in the hook is there again after another was set by a borrower."""

    async def prepare(db: asyncdb.Connection) -> None:
        await db.execute("SET SESSION group_concat_max_len = 4321")

    async with asyncdb.create_pool(
        database_url, max_size=1, on_connect=prepare
    ) as pool:
        async with pool.acquire() as db:
            await db.execute("SET SESSION group_concat_max_len = 1234")
        assert 4321 == await pool.fetchval("SELECT @@group_concat_max_len")
        assert 1 == pool.stats().created


@engines("postgresql", "mariadb", fixture="server")
async def test_connections_after_a_restart_are_prepared(server: Server) -> None:
    """After the server came back each connection of the pool is a prepared one."""
    prepared = 0

    async def prepare(db: asyncdb.Connection) -> None:
        nonlocal prepared
        prepared += await db.fetchval("SELECT 1")

    async with asyncdb.create_pool(
        server.url, min_size=2, max_size=2, on_connect=prepare
    ) as pool:
        await pool.fetchval("SELECT 1")
        server.restart()
        with contextlib.suppress(asyncdb.ConnectionLost):  # nobody has told us yet
            await pool.fetchval("SELECT 1")
        async with pool.acquire() as one, pool.acquire() as two:
            assert [1, 1] == [await db.fetchval("SELECT 1") for db in (one, two)]

        assert 4 == prepared == pool.stats().created
