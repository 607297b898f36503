"""What asyncmy's driver alone does; the rest is the kit's and test_aiomysql's."""

from __future__ import annotations

import asyncio
import inspect
import struct
import subprocess
import sys
import tracemalloc

import pytest

pytest.importorskip("asyncmy")

import asyncmy.connection
import asyncmy.protocol

import asyncdb
from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.drivers.asyncmy.line import AsyncmyLine
from asyncdb.drivers.asyncmy.reading import reader
from tests.plugins.databases import engines

MYSQL = engines("mariadb+asyncmy", "mysql+asyncmy")


def packets(*payloads: bytes, first: int = 1) -> bytes:
    """Payloads that follow each other."""
    return b"".join(
        len(payload).to_bytes(3, "little") + bytes([(first + i) & 255]) + payload
        for i, payload in enumerate(payloads)
    )


def text(value: bytes | None) -> bytes:
    """A short value in a row, with its length."""
    return b"\xfb" if value is None else bytes([len(value)]) + value


def column(name: str, kind: int, charset: int = 45) -> bytes:
    """The payload of a column definition."""
    texts = [b"def", b"s", b"t", b"t", name.encode(), name.encode()]
    fixed = b"\x0c" + struct.pack("<HIBHBxx", charset, 10, kind, 0, 0)
    return b"".join(map(text, texts)) + fixed


EOF = b"\xfe\0\0\x02\0"
ROWS: list[list[bytes | None]] = [
    [b"1", b"one", b"2020-01-02 03:04:05"],
    [None, None, None],
    [b"-3", "drei é".encode(), b"2020-01-02 03:04:05.000006"],
]


def result(rows: list[list[bytes | None]], kind: int = 12) -> bytes:
    """A result of a number, a text and a time."""
    columns = [column("a", 3, 63), column("b", 253), column("c", kind, 63)]
    bodies = [b"".join(map(text, row)) for row in rows]
    return packets(b"\3", *columns, EOF, *bodies, EOF)


# -- rows -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [7, 12])
@pytest.mark.parametrize("utc", [True, False, None])
def test_both_readers_make_the_same_rows(kind: int, utc: bool | None) -> None:
    """The compiled reader and the shared one agree, wherever the bytes are divided."""
    data = result(ROWS * 3, kind)
    for cut in range(1, len(data)):
        plain, compiled = Answer(), Answer(utc=utc, reader=reader)
        for chunk in (data[:cut], data[cut:]):
            plain.feed(chunk)
            compiled.feed(chunk)

        assert plain.done
        assert compiled.done
        assert 9 == plain.count == compiled.count
        known = bool(utc)
        assert plain.take(4, utc=known) == compiled.take(4, utc=known)
        assert plain.take(None, utc=known) == compiled.take(None, utc=known)
        assert 0 == compiled.count


@pytest.mark.parametrize("bad", [b"0000-00-00 00:00:00", b"nonsense"])
def test_a_value_that_cannot_be_decoded_is_read_to_the_end(bad: bytes) -> None:
    """The answer is complete; only what is taken raises, and names the column."""
    answer = Answer(utc=True, reader=reader)
    answer.feed(result([*ROWS, [b"4", b"x", bad], *ROWS]))

    assert answer.done
    assert b"" == answer.rest
    assert 7 == answer.count
    with pytest.raises(asyncdb.DataError, match="column c"):
        answer.take(None, utc=True)


def test_a_row_out_of_turn_is_no_answer() -> None:
    """A packet with another number than is due is never taken for a row."""
    good = result(ROWS)
    start = good.index(b"\x01\x31\x03one") - 4
    answer = Answer(utc=True, reader=reader)

    with pytest.raises(asyncdb.InternalError, match="due"):
        answer.feed(good[:start] + packets(b"\x01\x31\x03one\xfb", first=99))


@MYSQL
async def test_a_bad_date_leaves_the_session_clean(db: asyncdb.Connection) -> None:
    """A date that is none raises DataError, and the next answer is the right one."""
    await db.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
    await db.execute("CREATE TEMPORARY TABLE bad (a INT, d DATE)")
    await db.execute("INSERT INTO bad VALUES (1, '2020-01-02'), (2, '0000-00-00')")
    with pytest.raises(asyncdb.DataError, match="column d"):
        await db.fetchall("SELECT a, d FROM bad ORDER BY a")

    assert not db.is_closed
    assert 7 == await db.fetchval("SELECT 7")


@MYSQL
async def test_a_slow_reader_takes_no_memory(db: asyncdb.Connection) -> None:
    """While nobody reads, the server waits: the buffer does not grow."""
    await db.execute("CREATE TEMPORARY TABLE big (a VARCHAR(1000))")
    await db.executemany("INSERT INTO big VALUES (?)", [["x" * 1000]] * 5_000)
    tracemalloc.start()
    async with db.stream("SELECT a FROM big", batch=10) as rows:
        await rows.fetchmany()
        for _ in range(50):
            await asyncio.sleep(0.002)
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
        assert 4_990 == sum([len(batch) async for batch in rows.batches()])
    tracemalloc.stop()

    assert 1 == await db.fetchval("SELECT 1")


@MYSQL
async def test_the_native_connection_works(db: asyncdb.Connection) -> None:
    """`native` is asyncmy's connection, and its cursors share the session."""
    await db.execute("SET @a = 5")
    async with db.native.cursor() as cursor:
        await cursor.execute("SELECT @a")

        assert (5,) == await cursor.fetchone()
    assert 5 == await db.fetchval("SELECT @a")


# -- the library ----------------------------------------------------------------------


def test_the_private_members_are_there() -> None:
    """What the driver relies on is in this version of asyncmy."""
    kind = asyncmy.connection.Connection
    names = ["connect", "read_packet", "_request_authentication"]
    names += ["get_server_info", "thread_id"]
    buffer = asyncmy.connection._MySQLProtocol

    assert not [name for name in names if not hasattr(kind, name)]
    assert not [n for n in ("wait_for_data", "wait_closed") if not hasattr(buffer, n)]
    assert not [n for n in ("buffer", "length", "pos", "eof") if not hasattr(buffer, n)]
    assert inspect.isroutine(asyncmy.protocol.parse_rows_from_buffer)
    assert issubclass(AsyncmyLine, kind)


def test_a_missing_library_says_what_to_install() -> None:
    """Without asyncmy the error names the extra, not a module."""
    code = (
        "import sys; sys.modules['asyncmy'] = None\n"
        "import asyncdb\n"
        "try: asyncdb.connect('mysql+asyncmy://localhost/x')\n"
        "except asyncdb.MissingDriver as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert 'pip install "asyncdb-toolkit[asyncmy]"' in done.stdout, done.stderr
