"""One statement for many rows, in libpq's pipeline, whose tags count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from asyncdb.dialects.postgresql.commands import not_committed
from asyncdb.drivers.psycopg.running import Running
from asyncdb.drivers.psycopg.statements import PsycopgKept, in_transaction
from asyncdb.drivers.psycopg.translation import is_stale, raise_first
from asyncdb.errors import TransactionError
from asyncdb.sql import Statement

# How many rows are sent before the answers to them are read.
_AT_ONCE = 1000
_WRITES = frozenset(["INSERT", "UPDATE", "DELETE", "MERGE"])

Part = tuple[PsycopgKept, list[list[bytes | None]]]


async def run_many(
    running: Running, statement: Statement, rows: Sequence[Sequence[Any]]
) -> int:
    """Run a statement for each row, all or nothing.

    Returns:
        How many rows they were about, -1 for what does not write.
    """
    own, fresh = False, True
    line = running.line
    try:
        parts, fresh = await running.statements.serve(statement, rows, running.lexis)
        # All is encoded before any is sent: what was said cannot be taken back.
        ready = [(kept, [*map(kept.encode, part)]) for kept, part in parts]
        if line.unsynced:
            await line.sync()
        own = not in_transaction(line)
        total = await _pipe(running, ready, own=own)
    except BaseException as error:
        await running.settle(error, statement)
        if own:
            await running.undo()
        stale = isinstance(error, psycopg.Error) and is_stale(error)
        if stale:
            running.kept.clear()
        if stale and not fresh and not in_transaction(line):
            return await run_many(running, statement, rows)
        raise
    return total if statement.words & _WRITES else -1


async def _pipe(running: Running, parts: Sequence[Part], *, own: bool) -> int:
    """Send all, in a transaction of its own if none is open; count the rows."""
    line, total = running.line, 0
    pgconn = line.pgconn
    line.open_pipeline()
    if own:
        pgconn.send_query_params(b"BEGIN", None)
    extra = int(own)
    for kept, rows in parts:
        name = kept.name
        if not name:  # behind PgBouncer: only the last one is there
            pgconn.send_prepare(name, kept.form.text.encode())
            extra += 1
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            for values in some:
                pgconn.send_query_prepared(name, values, kept.formats, kept.format)
            results = await line.piped(len(some) + extra)
            extra = 0
            raise_first(results, kept.form.text)
            total += sum(result.command_tuples or 0 for result in results)
    if own:
        pgconn.send_query_params(b"COMMIT", None)
    results = await line.sync()
    raise_first(results)
    if own and results[-1].command_status != b"COMMIT":
        tag = (results[-1].command_status or b"").decode()
        raise TransactionError(not_committed(tag))
    return total
