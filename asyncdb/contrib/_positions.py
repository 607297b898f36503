"""Where a server stands in the stream of changes: what a token says, engine by engine.

========  ==============================================  ==========================
kind      what it holds                                   how a server is asked
========  ==============================================  ==========================
`pg`      system identifier, timeline, LSN                replay LSN, in short pauses
`my`      MySQL's set of GTIDs                            WAIT_FOR_EXECUTED_GTID_SET
`gr`      the same, of a group with several primaries     that, in a transaction
                                                          with consistency BEFORE
`ma`      MariaDB's GTIDs, one for each domain            the state of its binary log
`ws`      Galera's cluster and sequence number            in a transaction with
                                                          wsrep_sync_wait, and for it
`sq`      a mark for SQLite's file                        the file's own
========  ==============================================  ==========================

An LSN alone would not do: a standby that could not follow a failover may be further on
its dead timeline than the new primary is on the living one. Neither would the number
of a MariaDB GTID without its server. What cannot be known for certain is "not there".
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import asyncdb
from asyncdb.contrib._gtids import shows

LONGEST: Final = 4000  # characters, what a cookie holds
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_GTIDS = rf"{_UUID}(?::[a-z0-9_-]{{1,65}})+"
_MARIA = r"\d{1,10}-\d{1,10}-\d{1,20}"
# In a token `~` stands for the comma, and `-` for PostgreSQL's slash: a cookie takes
# neither.
_FORMS: Final = {
    "pg": r"\d{1,20}\.\d{1,10}\.[0-9A-F]{1,8}-[0-9A-F]{1,8}",
    "my": rf"{_GTIDS}(?:~{_GTIDS})*",
    "gr": rf"{_GTIDS}(?:~{_GTIDS})*",
    "ma": rf"{_MARIA}(?:~{_MARIA})*",
    "ws": rf"{_UUID}\.\d{{1,20}}",
    "sq": r"[0-9a-f]{16}",
}
_TOKEN = re.compile(
    "|".join(f"(?:{kind}\\.{form})" for kind, form in _FORMS.items()),
    re.ASCII,
)
# Of a cluster that is written to on several servers: also the one that is asked may
# not have yet what another one has committed.
_MULTI: Final = frozenset(["gr", "ws"])

_NO_GTIDS: Final = 1772  # ER_MALFORMED_GTID_SET_SPECIFICATION

BEHIND: Final = "it is behind"
OTHER: Final = "it is no server of the token's database"

# On a standby the newest timeline that it knows: that of its last restart point, or
# what it receives (which only some roles may see).
_POSTGRESQL = """
SELECT r, (SELECT system_identifier FROM pg_control_system()),
  CASE WHEN r THEN greatest(
    (SELECT timeline_id FROM pg_control_checkpoint()),
    (SELECT received_tli FROM pg_stat_get_wal_receiver()))
  ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int
  END,
  CASE WHEN r THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text
FROM (SELECT pg_is_in_recovery() AS r) AS role
"""
_MYSQL = """
SELECT @@GLOBAL.gtid_mode, @@GLOBAL.gtid_executed, @@GLOBAL.read_only,
  (SELECT variable_value FROM performance_schema.global_variables
   WHERE variable_name = 'group_replication_group_name'),
  (SELECT variable_value FROM performance_schema.global_variables
   WHERE variable_name = 'group_replication_single_primary_mode')
"""
_MEMBER = """
SELECT member_state FROM performance_schema.replication_group_members
WHERE member_id = @@server_uuid
"""
_READ_ONLY = """
SELECT variable_value FROM performance_schema.global_variables
WHERE variable_name = 'read_only'
"""
# Not by `@@`: after a statement with a `@` a pool resets the session.
_VARIABLES = """
SELECT variable_name, variable_value FROM information_schema.global_variables
WHERE variable_name IN ('GTID_BINLOG_STATE', 'GTID_CURRENT_POS', 'GTID_SLAVE_POS',
  'LOG_BIN', 'READ_ONLY', 'WSREP_ON')
"""
_WSREP = """
SELECT variable_name, variable_value FROM information_schema.global_status
WHERE variable_name IN ('WSREP_READY', 'WSREP_CLUSTER_STATUS',
  'WSREP_CLUSTER_STATE_UUID', 'WSREP_LAST_COMMITTED')
"""


def is_token(text: object) -> bool:
    """Tell whether a text has the form of a token."""
    return (
        isinstance(text, str)
        and len(text) <= LONGEST
        and _TOKEN.fullmatch(text) is not None
    )


# -- what the primary has --------------------------------------------------------------


async def written(db: asyncdb.Connection, timeout: float) -> str:
    """Return the position of all that is committed on a primary.

    Raises:
        ReadOnlyTransaction: it is not a primary.
        NotSupportedError: it keeps no positions.
    """
    match db.dialect.name, db.dialect.flavor:
        case "postgresql", _:
            standby, system, timeline, lsn = await _one(db, _POSTGRESQL, timeout)
            if standby:
                raise _demoted()
            return f"pg.{system}.{timeline}.{lsn.replace('/', '-')}"
        case "mysql", "mariadb":
            return await _written_mariadb(db, timeout)
        case "mysql", _:
            mode, gtids, readonly, group, single = await _one(db, _MYSQL, timeout)
            if mode != "ON":
                message = "no positions: the server's gtid_mode is not ON"
                raise asyncdb.NotSupportedError(message)
            kind = "gr" if group and single == "OFF" else "my"
            if readonly:
                raise _demoted()
            return _made(kind, "".join(gtids.split()).lower())
        case "sqlite", _:
            return f"sq.{await _file(db, timeout)}"
    message = f"no positions are known for {db.dialect.name}"
    raise asyncdb.NotSupportedError(message)


async def _written_mariadb(db: asyncdb.Connection, timeout: float) -> str:
    found = await _named(db, _VARIABLES, timeout)
    if found["READ_ONLY"] != "OFF":
        raise _demoted()
    if found.get("WSREP_ON") == "ON":
        found = await _named(db, _WSREP, timeout)
        cluster = found["WSREP_CLUSTER_STATE_UUID"]
        return f"ws.{cluster}.{found['WSREP_LAST_COMMITTED']}"
    if found["LOG_BIN"] != "ON":
        message = "no positions: the server's log_bin is OFF"
        raise asyncdb.NotSupportedError(message)
    return _made("ma", found["GTID_CURRENT_POS"])


def _made(kind: str, gtids: str) -> str:
    token = f"{kind}.{gtids.replace(',', '~')}"
    if not gtids:
        message = "no positions: the server has written nothing yet"
        raise asyncdb.NotSupportedError(message)
    if not is_token(token):
        message = f"no token: the server's GTIDs have more than {LONGEST} characters"
        raise asyncdb.NotSupportedError(message)
    return token


def _demoted() -> asyncdb.ReadOnlyTransaction:
    message = (
        "the pool of the primary is connected to a server that takes no writes: it was "
        "demoted, or the URL is a replica's"
    )
    return asyncdb.ReadOnlyTransaction(message)


# -- what a server has -----------------------------------------------------------------


async def trouble(db: asyncdb.Connection, timeout: float) -> str:
    """Say why a server should not be read from, `""` if there is no reason.

    That it answers says nothing of a member that its cluster has left behind.
    """
    match db.dialect.name, db.dialect.flavor:
        case "mysql", "mariadb":
            found = await _named(db, _VARIABLES, timeout)
            if found.get("WSREP_ON") == "ON":
                found = await _named(db, _WSREP, timeout)
                if found["WSREP_CLUSTER_STATUS"] != "Primary":
                    return "its part of the cluster has no majority"
                if found["WSREP_READY"] != "ON":
                    return "it is not ready in its cluster"
        case "mysql", _:
            with suppress(asyncdb.InsufficientPrivilege):  # then nobody knows
                state = await db.fetchval(_MEMBER, timeout=timeout)
                if state not in (None, "ONLINE"):
                    return f"in its group it is {state}"
        case _:
            await db.execute("SELECT 1", timeout=timeout)
    return ""


async def is_primary(db: asyncdb.Connection, timeout: float) -> bool:
    """Tell whether a server takes writes."""
    match db.dialect.name, db.dialect.flavor:
        case "postgresql", _:
            sql = "SELECT pg_is_in_recovery()"
            return not await db.fetchval(sql, into=bool, timeout=timeout)
        case "mysql", "mariadb":
            found = await _named(db, _VARIABLES, timeout)
            return str(found["READ_ONLY"]) == "OFF"
        case "mysql", _:
            return await db.fetchval(_READ_ONLY, into=str, timeout=timeout) == "OFF"
    return True


async def lacking(
    db: asyncdb.Connection,
    token: str,
    wait: float,
    timeout: float,
    *,
    primary: bool = False,
) -> str:
    """Say why a server has not what a token stands for, `""` if it has.

    Args:
        db: a connection to it.
        token: the token.
        wait: seconds to wait for it.
        timeout: seconds for each answer, beyond those to wait.
        primary: it is the primary's pool that lent the connection.
    """
    if primary and token[:2] not in _MULTI and await is_primary(db, timeout):
        return ""  # what it does not have, nobody has any more
    reason = await _lacking(db, token, wait, timeout)
    if primary and reason == OTHER and await is_primary(db, timeout):
        return ""  # likewise: a cluster that is there no more, or never was
    return reason


async def _lacking(
    db: asyncdb.Connection, token: str, wait: float, timeout: float
) -> str:
    kind, _, rest = token.partition(".")
    match kind, db.dialect.name, db.dialect.flavor:
        case "pg", "postgresql", _:
            return await _until(lambda: _lacking_postgresql(db, rest, timeout), wait)
        case "ma", "mysql", "mariadb":
            return await _until(lambda: _lacking_mariadb(db, rest, timeout), wait)
        case "ws", "mysql", "mariadb":
            return await _lacking_galera(db, rest, wait, timeout)
        case "my", "mysql", "":
            return await _lacking_mysql(db, rest, wait, timeout)
        case "gr", "mysql", "":
            return await _lacking_group(db, rest, wait, timeout)
        case "sq", "sqlite", _:
            return "" if rest == await _file(db, timeout) else OTHER
    return OTHER


async def _lacking_postgresql(db: asyncdb.Connection, rest: str, timeout: float) -> str:
    system, timeline, lsn = rest.split(".")
    _, its_system, its_timeline, its_lsn = await _one(db, _POSTGRESQL, timeout)
    if int(system) != its_system:
        return OTHER
    there = its_timeline >= int(timeline) and _number(its_lsn, "/") >= _number(lsn, "-")
    return "" if there else BEHIND


def _number(lsn: str, separator: str) -> int:
    high, low = lsn.split(separator)
    return (int(high, 16) << 32) + int(low, 16)


async def _lacking_mysql(
    db: asyncdb.Connection, rest: str, wait: float, timeout: float
) -> str:
    sql = "SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)"  # whose 0 waits for ever
    gtids, seconds = rest.replace("~", ","), max(wait, 0.001)
    try:
        late = await db.fetchval(sql, [gtids, seconds], timeout=seconds + timeout)
    except asyncdb.DatabaseError as error:
        return _refused(error)
    return BEHIND if late else ""


def _refused(error: asyncdb.DatabaseError) -> str:
    """Take a text that MySQL knows no GTIDs in for a stranger's, which it must be.

    It is not the server's trouble: whoever sends a forged cookie would have a replica
    left out for all others.
    """
    if error.code != _NO_GTIDS:
        raise error
    return OTHER


async def _lacking_group(
    db: asyncdb.Connection, rest: str, wait: float, timeout: float
) -> str:
    """Wait in a transaction that sees all that the group agreed on before it.

    What begins later on this member sees it as well, so that the session need not stay
    so. A statement without a table would not wait; BEGIN does.
    """
    before = await db.fetchval(
        "SELECT @@SESSION.group_replication_consistency", timeout=timeout
    )
    change = "SET SESSION group_replication_consistency = '{}'"
    await db.execute(change.format("BEFORE"), timeout=timeout)
    try:
        async with asyncio.timeout(wait + timeout), db.transaction():
            late = await _lacking_mysql(db, rest, wait, timeout)
    except TimeoutError:
        late = BEHIND
    except asyncdb.TransactionError as error:  # an error has ended the transaction
        if not isinstance(error.__cause__, asyncdb.DatabaseError):
            raise
        late = _refused(error.__cause__)
    if not db.is_closed:
        await db.execute(change.format(before), timeout=timeout)
    return late


async def _lacking_galera(
    db: asyncdb.Connection, rest: str, wait: float, timeout: float
) -> str:
    """Wait until all is applied that the cluster had agreed on before; see above.

    And for the number itself: the wait alone lets a read be stale once in a while.
    """
    cluster, _, number = rest.partition(".")
    loop = asyncio.get_running_loop()
    end = loop.time() + wait

    async def ask() -> str:
        found = await _named(db, _WSREP, timeout)
        if found.get("WSREP_CLUSTER_STATE_UUID") != cluster:
            return OTHER
        return "" if int(found["WSREP_LAST_COMMITTED"]) >= int(number) else BEHIND

    if await ask() == OTHER:
        return OTHER
    before = await db.fetchval("SELECT @@SESSION.wsrep_sync_wait", timeout=timeout)
    change = "SET SESSION wsrep_sync_wait = {}"
    await db.execute(change.format(int(before) | 1), timeout=timeout)
    late = ""
    try:
        async with asyncio.timeout(wait + timeout), db.transaction():
            pass
    except (TimeoutError, asyncdb.LockTimeout):
        late = BEHIND
    if not db.is_closed:
        await db.execute(change.format(int(before)), timeout=timeout)
    return late or await _until(ask, end - loop.time())


async def _lacking_mariadb(db: asyncdb.Connection, rest: str, timeout: float) -> str:
    found = await _named(db, _VARIABLES, timeout)
    return "" if shows(found, rest.replace("~", ",")) else BEHIND


async def _file(db: asyncdb.Connection, timeout: float) -> str:
    """Return a mark for SQLite's file, which does not tell its path."""
    sql = "SELECT file FROM pragma_database_list WHERE name = 'main'"
    path = str(Path(await db.fetchval(sql, timeout=timeout)).resolve())  # noqa: ASYNC240  # local, and once
    return hashlib.sha256(path.encode()).hexdigest()[:16]


async def _until(ask: Callable[[], Awaitable[str]], wait: float) -> str:
    """Ask until the answer is good, or hopeless, or time is over."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + wait, 0.001
    while (reason := await ask()) == BEHIND and (left := end - loop.time()) > 0:
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, 0.05)
    return reason


async def _one(db: asyncdb.Connection, sql: str, timeout: float) -> Any:
    found = await db.fetchone(sql, into=tuple, timeout=timeout)
    assert found is not None  # noqa: S101  # each has one row
    return found


async def _named(db: asyncdb.Connection, sql: str, timeout: float) -> Mapping[str, Any]:
    rows = await db.fetchall(sql, into=tuple, timeout=timeout)
    return {name.upper(): value for name, value in rows}
