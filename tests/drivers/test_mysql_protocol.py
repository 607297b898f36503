"""MySQL's drivers against servers that we made up: packets, logins, bad manners."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pymysql.constants import CLIENT

import asyncdb
from asyncdb.dialects.mysql.protocol import cursor, login
from asyncdb.dialects.mysql.protocol.answers import Answer
from tests.plugins.scale import eventually

ABILITIES = CLIENT.CAPABILITIES & ~CLIENT.SSL
FULL = 0xFFFFFF
MORE = 0x0008


# -- packets --------------------------------------------------------------------------


def packet(payload: bytes, sequence: int) -> bytes:
    """A payload as it goes over the wire, in several packets where it is long."""
    sent = b""
    for start in range(0, len(payload) + 1, FULL):
        part = payload[start : start + FULL]
        sent += len(part).to_bytes(3, "little") + bytes([sequence & 255]) + part
        sequence += 1
    return sent


def packets(*payloads: bytes, first: int = 1) -> bytes:
    """Payloads that follow each other."""
    sent = b""
    for payload in payloads:
        sent += packet(payload, first)
        first += len(payload) // FULL + 1
    return sent


def text(value: bytes | None) -> bytes:
    """A value in a row, with its length."""
    if value is None:
        return b"\xfb"
    size = len(value)
    if size < 0xFB:
        return bytes([size]) + value
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + value
    return b"\xfd" + size.to_bytes(3, "little") + value


def ok(affected: int = 0, made: int = 0, status: int = 2) -> bytes:
    """The payload of an OK packet."""
    return bytes([0, affected, made]) + struct.pack("<HH", status, 0)


def eof(status: int = 2) -> bytes:
    """The payload of an EOF packet."""
    return b"\xfe" + struct.pack("<HH", 0, status)


def error(number: int, message: str = "no", state: str = "HY000") -> bytes:
    """The payload of an error packet."""
    return b"\xff" + struct.pack("<H", number) + f"#{state}{message}".encode()


def column(name: str, kind: int = 253, charset: int = 45) -> bytes:
    """The payload of a column definition."""
    texts = [b"def", b"s", b"t", b"t", name.encode(), name.encode()]
    fixed = struct.pack("<xHIBHBxx", charset, 10, kind, 0, 0).replace(b"\0", b"\x0c", 1)
    return b"".join(map(text, texts)) + fixed


def result(
    names: list[str], rows: list[list[bytes | None]], status: int = 2
) -> list[bytes]:
    """The payloads of a result."""
    return [
        bytes([len(names)]),
        *map(column, names),
        eof(),
        *(b"".join(map(text, row)) for row in rows),
        eof(status),
    ]


def read(*chunks: bytes) -> Answer:
    """The answer that these bytes are."""
    answer = Answer()
    for chunk in chunks:
        answer.feed(chunk)
    return answer


@pytest.mark.parametrize("head", [b"\xfc", b"\xfd", b"\xfe", b"\xfc\x01", b"\x02\x00"])
def test_a_number_of_columns_that_is_none(head: bytes) -> None:
    """It is refused at once: nothing that follows could be waited for."""
    with pytest.raises(asyncdb.InternalError):
        read(packets(head))


def test_an_answer_may_be_cut_anywhere() -> None:
    """A result is the same, wherever the bytes of its packets are divided."""
    rows: list[list[bytes | None]] = [
        [b"1", None],
        [b"", b"x" * 251],
        [b"y" * 70_000, b"\xfe" * 8],
    ]
    data = packets(*result(["a", "b"], rows, MORE), *result(["c"], []), first=1)
    whole = read(data)

    assert whole.done
    assert [value for row in rows for value in row] == whole.earlier[0].values
    assert [] == whole.values
    cuts = [*range(1, 450), *random.sample(range(450, len(data)), 50)]
    for cut in cuts:
        assert told(whole) == told(read(data[:cut], data[cut:]))
    pieces = [data[i : i + 777] for i in range(0, len(data), 777)]
    assert told(whole) == told(read(*pieces))


def told(answer: Answer) -> list[object]:
    """What an answer and those in it say."""
    return [
        (part.shape and part.shape.columns, part.values, part.affected, part.made)
        for part in (*answer.earlier, answer)
    ]


def test_every_byte_alone() -> None:
    """One byte at a time is enough, and the answer ends at its last."""
    data = packets(*result(["a"], [[b"1"], [None]], MORE), ok(3, 4))
    answer = Answer()
    for i in range(len(data)):
        assert not answer.done
        answer.feed(data[i : i + 1])

    assert answer.done
    assert [b"1", None] == answer.earlier[0].values
    assert ([], 3, 4) == (answer.values, answer.affected, answer.made)


@pytest.mark.parametrize("size", [FULL - 5, FULL - 4, FULL - 3, FULL, 2 * FULL - 4])
@pytest.mark.parametrize("discard", [False, True])
def test_rows_of_several_packets(size: int, discard: bool) -> None:
    """A row that fills its packets exactly, or nearly, is read whole."""
    length = b"\xfe" + size.to_bytes(8, "little")
    value = b"v" * size
    row = length + value
    data = packets(b"\1", column("a"), eof(), b"\1a", row, b"\1b", eof(1))
    answer = Answer()
    step = 1 << 20
    if discard:
        answer.feed(data[:100])
        answer.discard()
        data = data[100:]
    for i in range(0, len(data), step):
        assert answer.missing >= 1
        answer.feed(data[i : i + step])

    assert answer.done
    assert 1 == answer.status
    assert ([] if discard else [b"a", value, b"b"]) == answer.values


def test_what_is_missing_is_known() -> None:
    """Within a long packet the reader is told how much to read at once."""
    data = packets(*result(["a"], [[b"x" * 1_000_000]]))
    answer = read(data[:200])

    assert len(data) - 200 - 9 == answer.missing


def test_an_error_may_end_the_rows() -> None:
    """Rows before an error packet are read, and the packet is kept."""
    payloads = result(["a"], [[b"1"], [b"2"]])[:-1]
    answer = read(packets(*payloads, error(1242)))

    assert answer.done
    assert error(1242) == answer.error


PROCEDURE = packets(
    ok(1, 0, MORE),
    *result(["a"], [[b"1"]], MORE),
    *result(["b", "c"], [[b"2", b"3"]] * 5, MORE),
    ok(7, 0, 1),
)


def test_all_results_of_a_procedure_are_kept() -> None:
    """Each result is put by when the next begins, and the answer is the last one."""
    answer = read(PROCEDURE)

    assert answer.done
    assert [
        (None, [], 1, 0),
        ((("a", 253),), [b"1"], 0, 0),
        ((("b", 253), ("c", 253)), [b"2", b"3"] * 5, 0, 0),
        (None, [], 7, 0),
    ] == told(answer)
    assert 1 == answer.status


def test_the_first_result_with_columns_is_streamed() -> None:
    """Read in pieces, a procedure's further results are read and left."""
    answer = Answer()
    answer.is_stream = True
    answer.feed(PROCEDURE)

    assert answer.done
    assert (("a", 253),) == (answer.shape and answer.shape.columns)
    assert ([b"1"], 7, 1) == (answer.values, answer.affected, answer.status)
    assert [] == answer.earlier


def test_a_shape_is_not_taken_for_a_longer_one() -> None:
    """Columns that begin like those of the result before are their own."""
    assert [b"1"] == read(packets(*result(["a"], [[b"1"]]))).values
    answer = read(packets(*result(["a", "b"], [[b"1", b"2"]])))

    assert (("a", 253), ("b", 253)) == (answer.shape and answer.shape.columns)
    assert [b"1", b"2"] == answer.values


@pytest.mark.parametrize(
    "data",
    [
        packets(ok(), first=2),
        packets(*result(["a"], [[b"1"], [b"2"]])[:3], first=1) + packet(eof(), 9),
        packets(b""),
        packets(b"\1", column("a"), b"\0no"),
        packets(b"\1", column("a"), eof(), b""),
        packets(b"\1", column("a"), eof(), b"\5x"),
        packets(b"\1", column("a"), eof(), b"\1xy"),
        packets(b"\1", column("a"), eof(), b"\xff"),
        packets(b"\xff"),
        packets(b"\1\1"),
        packets(b"\xfe\1"),
    ],
)
def test_what_is_no_answer_is_no_answer(data: bytes) -> None:
    """Packets out of turn, too short or too long end in an error, not in rows."""
    with pytest.raises(asyncdb.InternalError):
        answer = read(data + b"\0" * 20)
        assert answer.error
        raise asyncdb.InternalError


def test_a_farewell_is_no_answer() -> None:
    """An error packet that nobody asked for says that the connection has ended."""
    with pytest.raises(asyncdb.ConnectionLost) as caught:
        read(packet(error(1053), 0))

    assert 1053 == caught.value.code


# -- a server that does as it is told --------------------------------------------------


def greeting(
    abilities: int = ABILITIES,
    plugin: str = "mysql_native_password",
    version: str = "8.0.99",
) -> bytes:
    """The first packet of a server."""
    low, high = abilities & 0xFFFF, abilities >> 16
    payload = b"\x0a" + version.encode() + b"\0" + struct.pack("<I", 7) + b"saltsalt\0"
    payload += struct.pack("<HBHHB", low, 45, 2, high, 21) + b"\0" * 10
    return packet(payload + b"saltsaltsalt\0" + plugin.encode() + b"\0", 0)


class Peer:
    """The server's end of a connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.received = b""

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def command(self) -> bytes:
        """The payload of the next packet."""
        header = await self.reader.readexactly(4)
        payload = await self.reader.readexactly(int.from_bytes(header[:3], "little"))
        self.received += header + payload
        return payload

    async def everything(self) -> bytes:
        """All that comes until the client closes."""
        self.received += await self.reader.read()
        return self.received

    async def log_in(self, **kwargs: Any) -> None:
        """Greet, and let anybody in."""
        self.send(greeting(**kwargs))
        await self.command()
        self.send(packet(ok(), 2))

    async def serve(self, server: str = "h:1:1", limit: int = 1 << 20) -> None:
        """Log in and answer the questions of the set-up."""
        await self.log_in()
        await self.command()
        self.send(packets(ok()))
        await self.command()
        row: list[bytes | None] = [b"ANSI_QUOTES", b"+00:00", b"UTC", b"utf8mb4"]
        answer = result(list("abcdef"), [[*row, str(limit).encode(), server.encode()]])
        answer[5] = column("e", 8, 63)
        self.send(packets(*answer))


Script = Callable[[Peer], Awaitable[Any]]


Fake = Callable[..., AbstractAsyncContextManager[tuple[str, list[Any]]]]


@pytest.fixture(params=["aiomysql", "asyncmy"])
def fake(request: pytest.FixtureRequest) -> Fake:
    """A server whose connections follow the scripts; gives its URL, their results."""
    pytest.importorskip(request.param)

    @asynccontextmanager
    async def serving(*scripts: Script) -> AsyncIterator[tuple[str, list[Any]]]:
        results: list[Any] = []
        waiting = list(scripts)
        done = asyncio.Event()

        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            try:
                script = waiting.pop(0)
                results.append(await script(Peer(reader, writer)))
            except (asyncio.IncompleteReadError, ConnectionError) as gone:
                results.append(gone)
            finally:
                writer.close()
                if not waiting:
                    done.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        try:
            yield f"mysql+{request.param}://u:s3cret@{host}:{port}/db", results
            async with asyncio.timeout(5):
                await done.wait()
        finally:
            server.close()

    return serving


async def test_a_stripped_offer_of_tls_is_refused(fake: Fake) -> None:
    """Without the server's offer nothing is sent, if TLS was asked for."""

    async def script(peer: Peer) -> bytes:
        peer.send(greeting())
        return await peer.everything()

    for mode in ("require", "verify-ca", "verify-full"):
        async with fake(script) as (url, results):
            with pytest.raises(asyncdb.ConnectionFailed, match="TLS"):
                await asyncdb.connect(url, tls=mode)
        assert [b""] == results


async def test_tls_may_be_done_without(fake: Fake) -> None:
    """`prefer` logs in without TLS where there is none, and does not claim any."""

    async def script(peer: Peer) -> int:
        await peer.serve()
        return struct.unpack_from("<I", peer.received, 4)[0]

    async with fake(script) as (url, results):
        await (await asyncdb.connect(url, tls="prefer")).close()

    assert not results[0] & CLIENT.SSL
    assert not results[0] & CLIENT.MULTI_STATEMENTS
    assert not results[0] & CLIENT.LOCAL_FILES
    assert results[0] & CLIENT.FOUND_ROWS


@pytest.mark.parametrize(
    ("method", "local"),
    [
        ("mysql_old_password", True),
        ("mysql_old_password", False),
        ("mysql_clear_password", False),
        ("dialog", False),
    ],
)
@pytest.mark.parametrize("late", [False, True])
async def test_a_password_is_not_given_away(
    fake: Fake, method: str, local: bool, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server gets it by the oldest method, nor one elsewhere in clear text."""
    monkeypatch.setattr(login, "is_loopback", lambda _: local)

    async def script(peer: Peer) -> bytes:
        if not late:
            peer.send(greeting(plugin=method))
        else:
            peer.send(greeting())
            await peer.command()
            switch = b"\xfe" + method.encode() + b"\0" + b"saltsaltsaltsaltsalt\0"
            peer.send(packet(switch, 2))
        return await peer.everything()

    async with fake(script) as (url, results):
        with pytest.raises(asyncdb.AuthenticationFailed, match="not sent") as caught:
            await asyncdb.connect(url)

    assert b"s3cret" not in results[0]
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("switch", [b"\xfe", b"\xfemysql_clear_password"])
async def test_the_oldest_method_has_no_name(fake: Fake, switch: bytes) -> None:
    """A server that asks for another method, and names none, gets no password."""

    async def script(peer: Peer) -> bytes:
        peer.send(greeting())
        await peer.command()
        peer.received = b""
        peer.send(packet(switch, 2))
        return await peer.everything()

    async with fake(script) as (url, results):
        with pytest.raises(asyncdb.AuthenticationFailed, match="not sent"):
            await asyncdb.connect(url)

    assert results == [b""]


def _key() -> tuple[bytes, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public, key


@pytest.mark.parametrize("method", ["caching_sha2_password", "sha256_password"])
@pytest.mark.parametrize(
    "case", ["from this machine", "from another one", "from another one, given"]
)
async def test_a_key_off_the_wire_is_not_trusted(
    fake: Fake,
    method: str,
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond this machine a password is encrypted with a key one has, or not sent."""
    local, given = case == "from this machine", case.endswith("given")
    monkeypatch.setattr(login, "is_loopback", lambda _: local)
    public, _ = _key()
    file = tmp_path / "key.pem"
    file.write_bytes(public)

    async def script(peer: Peer) -> bytes:
        peer.send(greeting(plugin=method))
        await peer.command()
        sequence = 2
        if method == "caching_sha2_password":
            peer.send(packet(b"\1\4", 2))
            sequence = 4
        if not given and method == "caching_sha2_password":
            await peer.command()
        if not given or method == "sha256_password":
            peer.send(packet(b"\1" + public, sequence))
        return await peer.reader.readexactly(4 + 256)

    # sha256_password asks for a key in its first packet, even if it has one.
    refused = not local and (not given or method == "sha256_password")
    options = {"server_public_key": str(file)} if given else {}
    async with fake(script) as (url, results):
        with pytest.raises(asyncdb.ConnectionFailed) as caught:
            await asyncdb.connect(url, **options)

    assert refused == (type(caught.value) is asyncdb.AuthenticationFailed)
    assert refused != isinstance(results[0], bytes)  # the encrypted password


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (packet(error(1040), 0), asyncdb.TooManyConnections),
        (packet(b"\xff\x10\x04Too many", 0), asyncdb.TooManyConnections),
        (packet(error(1130), 0), asyncdb.AuthenticationFailed),
        (packet(b"\x0anonsense", 0), asyncdb.ConnectionFailed),
        (b"SSH-2.0-OpenSSH_9.2\r\n", asyncdb.ConnectionFailed),
        (b"", asyncdb.ConnectionFailed),
        (greeting(abilities=0x200), asyncdb.ConnectionFailed),
    ],
)
async def test_a_strange_greeting_is_a_failed_connection(
    fake: Fake, data: bytes, kind: type[asyncdb.Error]
) -> None:
    """Whatever answers at the port, the error is one of ours."""

    async def script(peer: Peer) -> None:
        peer.send(data)

    async with fake(script) as (url, _):
        with pytest.raises(kind):
            await asyncdb.connect(url, connect_timeout=2)


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
async def test_a_silent_server_is_left(fake: Fake, steps: int) -> None:
    """At whatever step a server falls silent, the time is kept and nothing is open."""

    async def script(peer: Peer) -> bytes:
        if steps > 0:
            peer.send(greeting())
            await peer.command()
        if steps > 1:
            peer.send(packet(ok(), 2))
            await peer.command()
        if steps > 2:
            peer.send(packets(ok()))
            await peer.command()
        return await peer.everything()

    async with fake(script) as (url, results):
        with pytest.raises(asyncdb.ConnectionFailed, match="connect_timeout"):
            await asyncdb.connect(url, connect_timeout=0.2)

    assert isinstance(results[0], bytes)  # the end was seen: the socket is closed


async def test_no_file_of_ours_is_sent(fake: Fake) -> None:
    """A server that asks for a local file gets the end of the connection."""

    async def script(peer: Peer) -> bytes:
        await peer.serve()
        await peer.command()
        peer.received = b""
        peer.send(packet(b"\xfb/etc/passwd", 1))
        return await peer.everything()

    async def no_kill(peer: Peer) -> None:
        peer.writer.close()

    async with fake(script, no_kill) as (url, results):
        db = await asyncdb.connect(url)
        with pytest.raises(asyncdb.NotSupportedError, match="LOCAL"):
            await db.execute("SELECT 1")
        assert db.is_closed

    assert b"" in results


async def test_a_kill_meets_the_right_server(fake: Fake) -> None:
    """Where another server answers at the address, nothing is killed there."""

    async def hangs(peer: Peer) -> bytes:
        await peer.serve(server="one:1:1")
        return await peer.everything()

    async def another(peer: Peer) -> bytes:
        await peer.log_in()
        await peer.command()
        peer.send(packets(*result(["a"], [[b"two:1:1"]])))
        return await peer.everything()

    async with fake(hangs, another) as (url, results):
        db = await asyncdb.connect(url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await db.execute("SELECT SLEEP(100)")
        assert db.is_closed

    assert not [sent for sent in results if b"KILL" in sent]
    assert any(b"@@server_id" in sent for sent in results)


async def ends_session(peer: Peer, is_gone: Callable[[], bool]) -> bytes:
    """Be the server to which KILL is sent; its session is there until it is gone."""
    await peer.log_in()
    await peer.command()
    peer.send(packets(*result(["a"], [[b"h:1:1"]])))
    while (await peer.command()).startswith(b"\x03KILL"):
        peer.send(packets(error(1094) if is_gone() else ok()))
    return peer.received  # it has said goodbye


async def test_a_cancelled_session_is_killed(fake: Fake) -> None:
    """The same server is told to end the session, until it knows it no more."""
    kills = 0

    async def hangs(peer: Peer) -> bytes:
        await peer.serve()
        return await peer.everything()

    async def same(peer: Peer) -> bytes:
        def is_gone() -> bool:
            nonlocal kills
            kills += 1
            return kills == 3

        return await ends_session(peer, is_gone)

    async with fake(hangs, same) as (url, results):
        db = await asyncdb.connect(url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await db.execute("SELECT SLEEP(100)")

    assert [3] == [n for n in (sent.count(b"KILL 7") for sent in results) if n]


async def test_a_rest_that_does_not_end_ends_the_session(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result left early whose rest nobody stops: its session is closed and killed."""
    monkeypatch.setattr(cursor, "LIMIT", 0.05)

    async def endless(peer: Peer) -> bytes:
        await peer.serve()
        await peer.command()
        peer.send(packets(*result(["a"], [[b"1"], [b"2"]])[:-1]))
        return await peer.everything()

    async def helper(peer: Peer) -> bytes:
        return await ends_session(peer, lambda: b"KILL 7" in peer.received)

    async with (
        fake(endless, helper, helper) as (url, results),
        asyncdb.connect(url) as db,
    ):
        async with db.stream("SELECT a FROM t", batch=1) as rows:
            async for row in rows:
                assert ("1",) == row
                break
        assert db.is_closed
        with pytest.raises(asyncdb.ConnectionClosed):
            await db.execute("SELECT 1")

    first, second = (sent for sent in results if b"KILL" in sent)
    assert b"KILL QUERY 7" in first
    assert b"KILL 7" in second


async def test_a_slot_is_free_when_its_session_is_gone(fake: Fake) -> None:
    """A pool opens no session in the place of one that the server still has."""
    asked, gone = asyncio.Event(), asyncio.Event()
    kills = 0

    async def hangs(peer: Peer) -> bytes:
        await peer.serve()
        await peer.command()
        asked.set()
        return await peer.everything()

    async def same(peer: Peer) -> bytes:
        def is_gone() -> bool:
            nonlocal kills
            kills += 1
            return gone.is_set()

        return await ends_session(peer, is_gone)

    async def anew(peer: Peer) -> bool:
        in_time = gone.is_set()
        await peer.serve()
        await peer.command()
        peer.send(packets(*result(["a"], [[b"5"]])))
        await peer.command()
        return in_time

    async with (
        fake(hangs, same, anew) as (url, results),
        asyncdb.create_pool(url, min_size=0, max_size=1) as pool,
    ):
        first = asyncio.create_task(pool.fetchval("SELECT SLEEP(100)"))
        await asked.wait()
        first.cancel()
        second = asyncio.create_task(pool.fetchval("SELECT 5"))
        await asyncio.wait([first])

        async def often_killed() -> bool:
            return kills > 3

        await eventually(often_killed)
        assert not second.done()
        gone.set()
        assert "5" == await second

    assert True in results


async def test_a_kill_that_hangs_does_not_hold_up_the_cancelled(fake: Fake) -> None:
    """A cancelled call returns at once, though the server takes no KILL."""

    async def hangs(peer: Peer) -> bytes:
        await peer.serve()
        return await peer.everything()

    async def silent(peer: Peer) -> bytes:
        return await peer.everything()

    async with fake(hangs, silent) as (url, _):
        db = await asyncdb.connect(url)
        task = asyncio.ensure_future(db.execute("SELECT SLEEP(100)"))
        await asyncio.sleep(0.1)
        task.cancel()
        begun = asyncio.get_running_loop().time()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert asyncio.get_running_loop().time() - begun < 1.0
        assert db.is_closed


async def test_an_answer_of_somebody_else_is_not_taken(fake: Fake) -> None:
    """A packet out of turn ends the connection, and no row of it is seen."""

    async def script(peer: Peer) -> None:
        await peer.serve()
        await peer.command()
        peer.send(packets(*result(["a"], [[b"1"]]), first=5))

    async def no_kill(peer: Peer) -> None:
        peer.writer.close()

    async with fake(script, no_kill) as (url, _):
        db = await asyncdb.connect(url)
        with pytest.raises(asyncdb.InternalError):
            await db.fetchall("SELECT 1")
        assert db.is_closed


async def test_a_farewell_after_an_answer_closes(fake: Fake) -> None:
    """The answer counts; the connection is closed when it is next looked at."""

    async def script(peer: Peer) -> None:
        await peer.serve()
        await peer.command()
        peer.send(packets(ok(3)) + packet(error(1053), 0))

    async with fake(script) as (url, _):
        db = await asyncdb.connect(url)
        assert 3 == (await db.execute("DELETE FROM t")).rowcount
        async with asyncio.timeout(5):
            while not db.is_closed:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0)
        with pytest.raises(asyncdb.ConnectionLost) as caught:
            await db.execute("SELECT 1")

    assert 1053 == caught.value.code


async def test_an_unanswered_commit_is_unknown(fake: Fake) -> None:
    """COMMIT was sent, the connection broke: nobody knows."""

    async def script(peer: Peer) -> None:
        await peer.serve()
        await peer.command()
        peer.send(packets(ok(0, 0, 3)))
        await peer.command()

    async with fake(script) as (url, _):
        db = await asyncdb.connect(url, pipeline=False)
        await db.begin()
        with pytest.raises(asyncdb.CommitUnknown):
            await db.commit()


async def test_a_first_statement_that_was_stopped_before_it_began(fake: Fake) -> None:
    """KILL QUERY came behind BEGIN: the server announces a result, and sends none."""

    async def script(peer: Peer) -> bytes:
        await peer.serve()
        for _ in range(3):  # it takes several; BEGIN and the statement; it takes one
            await peer.command()
        peer.send(packets(eof()) + packets(ok(status=MORE | 3)) + packets(eof(3)))
        await peer.command()  # how is the session?
        peer.send(packets(ok(status=3)))
        await peer.command()
        peer.send(packets(ok(status=2)))
        return await peer.everything()

    async with fake(script) as (url, results), asyncdb.connect(url) as db:
        with pytest.raises(asyncdb.QueryCanceled):
            async with db.transaction():
                await db.execute("UPDATE t SET a = 1")
        assert not db.in_transaction
        assert not db.is_closed

    assert b"START TRANSACTION;UPDATE t SET a = 1" in results[0]
    assert b"ROLLBACK" in results[0]


async def test_a_rollback_may_come_too_late(fake: Fake) -> None:
    """Galera refuses the ROLLBACK of what it has taken back: that is no error."""

    async def script(peer: Peer) -> bytes:
        await peer.serve()
        await peer.command()
        peer.send(packets(ok(0, 0, 3)))
        await peer.command()
        peer.send(packets(error(1213, state="40001")))
        await peer.command()
        peer.send(packets(ok(0, 0, 2)))
        return await peer.everything()

    async with (
        fake(script) as (url, results),
        asyncdb.connect(url, pipeline=False) as db,
    ):
        await db.begin()
        await db.rollback()
        assert not db.in_transaction
        assert not db.is_closed

    assert b"ROLLBACK" in results[0]


async def test_a_statement_too_long_is_not_sent(fake: Fake) -> None:
    """What is over the server's limit is refused here; the connection lives."""

    async def script(peer: Peer) -> bytes:
        await peer.serve(limit=1000)
        peer.received = b""
        await peer.command()
        peer.send(packets(ok()))
        return await peer.everything()

    async with fake(script) as (url, results), asyncdb.connect(url) as db:
        with pytest.raises(asyncdb.ResourceLimit, match="max_allowed_packet"):
            await db.execute("INSERT INTO t VALUES (?)", ["x" * 1000])
        await db.execute("DO 1")

    assert b"INSERT" not in results[0]
