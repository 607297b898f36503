"""How long a database takes to be copied, beside the tools that others offer for it.

python -m benchmarks.copying            a million rows: SQLite, PostgreSQL, MariaDB
python -m benchmarks.copying --rows 1000

Beside `asyncdb.contrib.copying`, with and without its comparing of all rows, run those
that are found on this machine: pgloader, `sqlite3 -csv` into psql's COPY (rows alone),
and pg_dump into psql.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncdb
from asyncdb.contrib.copying import plan_copy
from tests.plugins import servers
from tests.plugins.copies import new_database

_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
_WAYS = (
    ("sqlite", "postgresql"),
    ("sqlite", "mariadb"),
    ("postgresql", "sqlite"),
    ("postgresql", "postgresql"),
    ("postgresql", "mariadb"),
    ("mariadb", "sqlite"),
    ("mariadb", "postgresql"),
)


def rows(count: int) -> Iterator[tuple[int, str, int, float, datetime]]:
    """Give rows such as applications have."""
    for n in range(count):
        yield n, f"user number {n}", n % 1000, n / 7, _BEGIN + timedelta(seconds=n)


async def fill(url: str, count: int) -> None:
    """Make the table that is copied, with an index."""
    async with asyncdb.connect(url) as db:
        moment = db.dialect.column_types["datetime, aware"]
        moment = "TIMESTAMPTZ" if moment == "TEXT" else f"{moment} NULL"
        await db.execute(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, "
            f"n INTEGER, x {db.dialect.column_types['float']}, at {moment})"
        )
        names = ["id", "name", "n", "x", "at"]
        await db.load_rows("users", names, rows(count))
        await db.execute("CREATE INDEX users_n ON users (n)")


async def ours(source: str, target: str, *, verify: bool) -> float:
    """Copy by asyncdb; return seconds."""
    begun = time.perf_counter()
    async with asyncdb.connect(source) as one, asyncdb.connect(target) as other:
        plan = await plan_copy(one, other)
        await plan.run(verify=verify)
    return time.perf_counter() - begun


def theirs(source: str, target: str) -> dict[str, list[str]]:
    """Return the commands of others that copy this way, those that are installed."""
    found: dict[str, list[str]] = {}
    path = urlsplit(source).path[1:]
    to_server = target.startswith("postgres")
    if to_server and source.startswith("sqlite"):
        if shutil.which("pgloader"):
            found["pgloader"] = ["pgloader"]
            found["pgloader"] += [f"sqlite://{path}", _for_pgloader(target)]
        if shutil.which("sqlite3") and shutil.which("psql"):
            make = (
                "CREATE TABLE users (id bigint PRIMARY KEY, name varchar(100) NOT NULL,"
                " n bigint, x double precision, at timestamptz)"
            )
            psql = f"psql -q '{target}'"
            script = (
                f"{psql} -c '{make}' && sqlite3 -csv '{path}' 'SELECT * FROM users' | "
                f"{psql} -c 'COPY users FROM STDIN (FORMAT csv)' && "
                f"{psql} -c 'CREATE INDEX users_n ON users (n)'"
            )
            found["sqlite3 | psql, rows alone"] = ["sh", "-c", script]
    if to_server and source.startswith("mariadb") and shutil.which("pgloader"):
        mysql = source.replace("mariadb://", "mysql://", 1)
        found["pgloader"] = ["pgloader", _for_pgloader(mysql), _for_pgloader(target)]
    both = source.startswith("postgres") and to_server
    if both and shutil.which("pg_dump") and shutil.which("psql"):
        dump = f"pg_dump '{source}' | psql -q '{target}'"
        found["pg_dump | psql"] = ["sh", "-c", dump]
    return found


def _for_pgloader(url: str) -> str:
    """Return a URL whose password pgloader understands: it decodes none."""
    parts = urlsplit(url)
    return parts._replace(
        netloc=f"{parts.username}:plain@{parts.hostname}:{parts.port}"
    ).geturl()


def other(command: list[str]) -> float | str:
    """Run a tool; return seconds, or why it failed."""
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode or "ERROR" in done.stdout + done.stderr:
        lines = (done.stderr + done.stdout).strip().splitlines()
        return f"failed: {(lines or ['?'])[-1][:150]}"
    return seconds


async def checked(url: str, count: int, took: float) -> float | str:
    """Return the seconds, unless rows are missing."""
    async with asyncdb.connect(url) as db:
        try:
            found = await db.fetchval("SELECT count(*) FROM users")
        except asyncdb.UndefinedTable:
            found = 0
    return took if found == count else f"failed: {found} rows arrived"


async def allow(url: str) -> None:
    """Give the user a password that needs no escape, for tools that know none."""
    async with asyncdb.connect(url) as db:
        if db.dialect.name == "postgresql":
            await db.execute("ALTER USER asyncdb PASSWORD 'plain'")
        else:
            await db.execute("SET PASSWORD = PASSWORD('plain')")


def _plain(url: str) -> str:
    parts = urlsplit(url)
    netloc = f"{parts.username}:plain@{parts.hostname}:{parts.port}"
    return parts._replace(netloc=netloc).geturl()


async def main(count: int) -> None:
    """Copy in each direction, and print a line for each tool."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {"sqlite": f"sqlite:///{folder}/x.db"}
        for engine in ("postgresql", "mariadb"):
            server = stack.enter_context(servers.start(engine))
            await allow(server.url)
            urls[engine] = _plain(server.url)
        print(f"{count:,} rows; {os.cpu_count()} processors; Python", sys.version[:6])
        for source_engine, target_engine in _WAYS:
            print(f"{source_engine} -> {target_engine}", flush=True)
            async with new_database(urls[source_engine]) as source:
                await fill(source, count)
                for verify in (True, False):
                    async with new_database(urls[target_engine]) as target:
                        seconds = await ours(source, target, verify=verify)
                    name = "asyncdb, compared" if verify else "asyncdb, not compared"
                    print(f"  {name:28} {seconds:6.1f} s", flush=True)
                async with new_database(urls[target_engine]) as target:
                    names = list(theirs(source, target))
                for name in names:
                    async with new_database(urls[target_engine]) as target:
                        command = theirs(source, target)[name]
                        took = await asyncio.to_thread(other, command)
                        if not isinstance(took, str):
                            took = await checked(target, count, took)
                    shown = took if isinstance(took, str) else f"{took:6.1f} s"
                    print(f"  {name:28} {shown}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().rows))
