"""`asyncdb ping`: is it there, how fast, which one, and in what role."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

import asyncdb
from asyncdb.contrib.cli.arguments import Ask, Url, shown_version
from asyncdb.contrib.cli.query import read_url_or_fail
from asyncdb.contrib.cli.running import run
from asyncdb.contrib.cli.secrecy import connected
from asyncdb.contrib.cli.writing import Format, writer


def ping(
    url: Url,
    *,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, help="How many round trips.")
    ] = 5,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
    ask: Ask = False,
) -> None:
    """Connect and ask for a sign of life: times, version, role, TLS.

    asyncdb ping -u postgresql://ann@db/shop
    asyncdb ping -f jsonl
    """
    run(_ping(read_url_or_fail(url), count, form, ask=ask))


async def _ping(
    url: asyncdb.DatabaseURL, count: int, form: Format, *, ask: bool
) -> None:
    begun = time.perf_counter()
    async with connected(url, ask=ask) as db:
        opened = time.perf_counter() - begun
        times = []
        for _ in range(count):
            begun = time.perf_counter()
            await db.ping()
            times.append(time.perf_counter() - begun)
        facts = {
            "server": shown_version(db.dialect),
            "role": await role(db),
            "tls": await tls(db),
            "connect_ms": round(opened * 1000, 1),
            "ping_ms": round(min(times) * 1000, 2),
            "slowest_ms": round(max(times) * 1000, 2),
        }
    out = writer(form, [*facts])
    out.rows([[*facts.values()]])
    out.end()


async def role(db: asyncdb.Connection) -> str:
    """Return what the server is to others: `primary`, `standby`, `read-only`, ..."""
    if db.dialect.name == "postgresql":
        sql = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')"
        row = await db.fetchone(sql)
        if row is not None and row[0]:
            return "standby"
        return "primary, read-only" if row is not None and row[1] == "on" else "primary"
    if db.dialect.name == "mysql":
        only_reads = await db.fetchval("SELECT @@global.read_only")
        return "read-only" if only_reads in (1, "ON") else "read-write"
    if db.dialect.name == "sqlite":
        rows = await db.fetchall("PRAGMA database_list")
        in_file = any(row["name"] == "main" and row["file"] for row in rows)
        return "a file" if in_file else "in memory"
    return "unknown"


async def tls(db: asyncdb.Connection) -> str:
    """Return how the connection is encrypted: version and cipher, or `none`."""
    if db.dialect.name == "postgresql":
        sql = "SELECT version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        row: Any = await db.fetchone(sql)
        return f"{row[0]} {row[1]}" if row is not None and row[0] else "none"
    if db.dialect.name == "mysql":
        sql = "SHOW SESSION STATUS WHERE variable_name IN ('Ssl_version', 'Ssl_cipher')"
        words = [row[1] for row in await db.fetchall(sql) if row[1]]
        return " ".join(sorted(words, reverse=True)) or "none"
    return "none"
