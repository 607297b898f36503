"""`asyncdb doctor`: what is installed, what the server says, what will bite."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, NamedTuple

import typer

import asyncdb
from asyncdb.contrib.cli.arguments import Ask, shown_version
from asyncdb.contrib.cli.drivers import installed
from asyncdb.contrib.cli.ping import role, tls
from asyncdb.contrib.cli.query import read_url_or_fail
from asyncdb.contrib.cli.running import FAILED, run
from asyncdb.contrib.cli.secrecy import connected
from asyncdb.contrib.cli.writing import Format, writer


class Finding(NamedTuple):
    """Something worth knowing; `level` is `ok`, `info` or `warning`."""

    level: str
    about: str
    what: str
    advice: str = ""


def doctor(
    url: Annotated[
        str,
        typer.Option(
            "--url",
            "-u",
            envvar="ASYNCDB_URL",
            help="The database to look at; without one, at what is installed.",
            metavar="URL",
            show_default=False,
        ),
    ] = "",
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 1 when there is a warning.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
    ask: Ask = False,
) -> None:
    """Look at what is installed and at a server, and say what will break portability.

    It changes nothing.

    ```
    asyncdb doctor
    asyncdb doctor -u mysql://ann@db/shop
    asyncdb doctor --strict -f jsonl
    ```
    """
    found: list[Finding] = []
    run(_doctor(read_url_or_fail(url) if url else None, form, found, ask=ask))
    if strict and any(one.level == "warning" for one in found):
        raise typer.Exit(FAILED)


async def _doctor(
    url: asyncdb.DatabaseURL | None, form: Format, found: list[Finding], *, ask: bool
) -> None:
    for library, version, urls, state in installed():
        level = "ok" if state == "ready" or state.startswith("Python") else "info"
        level = "warning" if state.startswith("broken") else level
        about = f"installed: {library}"
        found.append(Finding(level, about, f"{version or ''} {urls}".strip(), state))
    if url is not None:
        async with connected(url, ask=ask) as db:
            found.append(Finding("ok", "server", shown_version(db.dialect)))
            found.append(Finding("ok", "role", await role(db)))
            found.append(Finding("ok", "tls", await tls(db)))
            look = _LOOKS.get(db.dialect.name)
            if look is not None:
                found += await look(db)
    out = writer(form, Finding._fields)
    out.rows(found)
    out.end()


# -- engines ---------------------------------------------------------------------------


def _judged(
    about: str, what: str, wanted: bool, advice: str, level: str = "warning"
) -> Finding:
    """Return a finding that is a warning when it is not as wanted."""
    return Finding("ok" if wanted else level, about, what, "" if wanted else advice)


async def _postgresql(db: asyncdb.Connection) -> list[Finding]:
    row = await db.fetchone(
        """SELECT current_setting('server_encoding') AS encoding,
            datcollate::text AS collation, current_schema()::text AS schema,
            current_setting('max_connections')::int AS most,
            (SELECT reset_val FROM pg_settings WHERE name = 'TimeZone') AS zone,
            (SELECT reset_val FROM pg_settings
                WHERE name = 'default_transaction_isolation') AS isolation,
            (SELECT reset_val FROM pg_settings
                WHERE name = 'idle_in_transaction_session_timeout') AS idle,
            current_setting('fsync') AS fsync,
            (SELECT count(*) FROM pg_stat_activity) AS sessions
        FROM pg_database WHERE datname = current_database()"""
    )
    if row is None:
        return []
    utf8 = "texts beyond its encoding are refused: make databases with UTF8"
    c = 'ORDER BY and < follow the language\'s rules: COLLATE "C" sorts as others do'
    read = "transactions see other things than on a default server"
    return [
        _judged("encoding", row["encoding"], row["encoding"] == "UTF8", utf8),
        _judged(
            "collation",
            row["collation"],
            row["collation"] in ("C", "POSIX", "C.UTF-8", "C.utf8"),
            c,
            "info",
        ),
        _judged(
            "schema",
            row["schema"] or "none",
            bool(row["schema"]),
            "no schema of search_path exists: CREATE TABLE will fail",
        ),
        Finding("ok", "time zone", f"{row['zone']}; asyncdb's sessions are in UTC"),
        _judged(
            "isolation", row["isolation"], row["isolation"] == "read committed", read
        ),
        _judged(
            "idle_in_transaction_session_timeout",
            str(row["idle"]),
            row["idle"] not in ("0", 0),
            "a forgotten transaction holds its locks for ever",
            "info",
        ),
        _judged(
            "fsync",
            row["fsync"],
            row["fsync"] == "on",
            "a crash of the machine loses data",
        ),
        _judged(
            "connections",
            f"{row['sessions']} of {row['most']}",
            row["sessions"] < 0.8 * row["most"],
            "nearly all are taken: smaller pools, or PgBouncer",
        ),
    ]


async def _mysql(db: asyncdb.Connection) -> list[Finding]:
    row = await db.fetchone(
        """SELECT @@global.sql_mode AS mode, @@character_set_database AS charset,
            @@collation_database AS collation, @@global.time_zone AS zone,
            @@global.wait_timeout AS wait, @@global.max_allowed_packet AS packet,
            @@default_storage_engine AS engine, @@lower_case_table_names AS names,
            DATABASE() AS base"""
    )
    if row is None:
        return []
    odd = await db.fetchall(
        """SELECT table_name, engine FROM information_schema.tables
        WHERE table_schema = DATABASE() AND engine <> 'InnoDB'""",
        into=tuple[str, str],
    )
    narrow = await db.fetchall(
        """SELECT table_name FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_collation NOT LIKE 'utf8mb4%'""",
        into=str,
    )
    folds = "_ci" in row["collation"]
    strict = "STRICT" in row["mode"]
    exact = db.dialect.text_column.partition("COLLATE ")[2]
    return [
        _judged(
            "sql_mode",
            row["mode"] or "none",
            strict,
            "other clients' bad values are bent, not refused; asyncdb's own sessions "
            "are strict",
        ),
        _judged(
            "charset",
            str(row["charset"]),
            row["charset"] == "utf8mb4",
            "emoji and more are refused: ALTER DATABASE ... CHARACTER SET utf8mb4",
        ),
        _judged(
            "collation",
            row["collation"],
            not folds,
            f"'a' equals 'A', in unique keys too; {exact} tells them apart",
            "info",
        ),
        Finding("ok", "time zone", f"{row['zone']}; asyncdb's sessions are in UTC"),
        _judged(
            "tables not of InnoDB",
            ", ".join(name for name, _ in odd) or "none",
            not odd,
            "no transactions, no foreign keys",
        ),
        _judged(
            "tables not of utf8mb4",
            ", ".join(narrow) or "none",
            not narrow,
            "emoji and more are refused there",
        ),
        _judged(
            "lower_case_table_names",
            str(row["names"]),
            row["names"] == 0,
            "names of tables lose their case; on other machines they keep it",
            "info",
        ),
        _judged(
            "wait_timeout",
            f"{row['wait']} s",
            int(row["wait"]) >= 300,
            "idle sessions of a pool are ended early: a shorter max_idle",
            "info",
        ),
        _judged(
            "max_allowed_packet",
            f"{int(row['packet']) // 2**20} MB",
            int(row["packet"]) >= 16 * 2**20,
            "a statement or value beyond it is refused",
            "info",
        ),
    ]


async def _sqlite(db: asyncdb.Connection) -> list[Finding]:
    mode = await db.fetchval("PRAGMA journal_mode")
    foreign = await db.fetchval("PRAGMA foreign_keys")
    tables = await db.fetchall(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
        " AND name NOT LIKE 'sqlite_%'",
        into=tuple[str, str],
    )
    loose = [
        name for name, sql in tables if not sql.upper().rstrip().endswith("STRICT")
    ]
    orphan = await db.fetchone("PRAGMA foreign_key_check")
    version = db.dialect.server_version
    in_memory = mode == "memory"
    return [
        _judged(
            "version",
            ".".join(map(str, version)),
            version >= (3, 37),
            "no STRICT tables; RETURNING since 3.35",
            "info",
        ),
        _judged(
            "journal_mode",
            str(mode),
            mode == "wal" or in_memory,
            "readers wait for the writer: journal_mode=wal is asyncdb's default",
        ),
        _judged(
            "foreign_keys",
            "on" if foreign else "off",
            bool(foreign),
            "they are not looked at: leave the option foreign_keys as it is",
        ),
        _judged(
            "rows without their parent",
            "none" if orphan is None else f"in {orphan['table']}",
            orphan is None,
            "PRAGMA foreign_key_check lists them; other engines refuse them",
        ),
        _judged(
            "tables not STRICT",
            ", ".join(loose[:5]) + (" ..." if len(loose) > 5 else "") or "none",
            not loose,
            "they take any value in any column; other engines refuse it",
            "info",
        ),
    ]


_LOOKS: dict[str, Callable[[asyncdb.Connection], Awaitable[list[Finding]]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "sqlite": _sqlite,
}
