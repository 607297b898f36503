"""aiomysql's driver on servers of our own: TLS, long packets, sockets, logins."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import asyncdb
from tests.plugins import binaries, servers
from tests.plugins.databases import ASYNCMY


def self_signed(name: str) -> tuple[str, str]:
    """A certificate for a host's name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    return public.decode(), secret.decode()


@pytest.fixture(scope="module", params=["mariadb", "mysql", *ASYNCMY])
def own(request: pytest.FixtureRequest) -> Iterator[servers.Server]:
    """A server with a certificate for `localhost`, and room for long packets."""
    engine = request.param.partition("+")[0]
    if binaries.find(engine) is None:
        pytest.skip(f"no {engine} of our own")
    certificate, key = self_signed("localhost")
    with servers.start(
        engine,
        files={"server.crt": certificate, "server.key": key},
        **{
            "ssl-cert": "{folder}/server.crt",
            "ssl-key": "{folder}/server.key",
            "max-allowed-packet": "64M",
        },
    ) as server:
        server.engine = request.param  # its URLs name the driver
        yield server


async def cipher(url: str, **options: Any) -> str:
    """The cipher of a connection, "" without TLS."""
    async with asyncdb.connect(url, **options) as db:
        row = await db.fetchone("SHOW STATUS LIKE 'Ssl_cipher'")
        assert row
        return str(row[1])


async def test_tls_means_what_it_says(own: servers.Server) -> None:
    """Each mode encrypts, and verifies what it promises."""
    trusted = {"tls_ca": str(own.folder / "server.crt")}
    named = own.url.replace("127.0.0.1", "localhost")

    assert "" == await cipher(own.url)
    assert "" == await cipher(own.url, tls="disable")
    assert await cipher(own.url, tls="prefer")
    assert await cipher(own.url, tls="require")
    assert await cipher(own.url, tls="verify-ca", **trusted)
    assert await cipher(named, tls="verify-full", **trusted)
    for url, options in (
        (own.url, {"tls": "verify-ca"}),
        (named, {"tls": "verify-full"}),
        (own.url, {"tls": "verify-full", **trusted}),
    ):
        with pytest.raises(asyncdb.ConnectionFailed, match="certificate"):
            await cipher(url, **options)


async def test_work_is_stopped_through_tls_too(own: servers.Server) -> None:
    """A KILL takes the same way as the session it ends; streams work through TLS."""
    async with asyncdb.connect(own.url, tls="require") as db:
        await db.execute("CREATE OR REPLACE VIEW three AS SELECT 1 AS n UNION SELECT 2")
        async with db.stream(
            "SELECT REPEAT('x', 1000) FROM "
            + ", ".join(f"three t{i}" for i in range(18))
        ) as rows:
            assert 1000 == len(await rows.fetchmany(1000))
        assert 1 == await db.fetchval("SELECT 1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await db.execute("SELECT SLEEP(30)")
        assert db.is_closed


@pytest.mark.parametrize("size", [(1 << 24) + i for i in range(-3, 3)])
async def test_values_around_sixteen_megabytes(own: servers.Server, size: int) -> None:
    """Statements and rows at the border of one packet go and come whole."""
    async with asyncdb.connect(own.url) as db:
        # The packet of a statement is its text and one byte more.
        text = f"SELECT '{'x' * (size - 10)}'"
        assert size == 1 + len(text)
        found = await db.fetchval(text)
        assert size - 10 == len(found)
        # That of a row is the text and four bytes more, or nine.
        for length in (size - 4, size - 9):
            found = await db.fetchval("SELECT REPEAT('y', ?)", [length])
            assert length == len(found)
        assert ("a", found, None) == await db.fetchone(
            "SELECT 'a', REPEAT('y', ?), NULL", [length]
        )
        async with db.stream("SELECT REPEAT('y', ?)", [length]) as rows:
            assert [(found,)] == await rows.fetchmany()


async def test_forty_megabytes_come_back(own: servers.Server) -> None:
    """A value of three packets is stored and read, buffered and in a stream."""
    async with asyncdb.connect(own.url) as db:
        value = random.randbytes(20 << 20)
        await db.execute("CREATE TABLE big (a LONGBLOB)")
        await db.execute("INSERT INTO big VALUES (?)", [value])
        assert value == await db.fetchval("SELECT a FROM big")
        sql = "SELECT 1, CONCAT(a, a) FROM big UNION ALL SELECT 2, a FROM big"
        async with db.stream(sql, batch=1) as rows:
            assert [(1, value + value)] == await rows.fetchmany()
            assert [(2, value)] == await rows.fetchmany()
            assert [] == await rows.fetchmany()
        async with db.stream(sql, batch=1) as rows:
            await rows.fetchmany()
        assert 1 == await db.fetchval("SELECT 1")


async def test_a_socket_serves_as_well(own: servers.Server) -> None:
    """A Unix socket is a way in, and KILL takes it too."""
    url = asyncdb.DatabaseURL(own.url).replace(hosts=[])
    async with asyncdb.connect(url, unix_socket=str(own.socket)) as db:
        assert 1 == await db.fetchval("SELECT 1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await db.execute("SELECT SLEEP(30)")
        assert db.is_closed


@pytest.mark.parametrize("password", ["", "secret", "é#/@:?%", "пароль 中🎉"])
async def test_any_password_logs_in(own: servers.Server, password: str) -> None:
    """Passwords are UTF-8, as the server's own client sends them."""
    async with asyncdb.connect(own.url) as db:
        await db.execute("DROP USER IF EXISTS visitor@'%'")
        await db.execute(f"CREATE USER visitor@'%' IDENTIFIED BY '{password}'")
    url = asyncdb.DatabaseURL(own.url).replace(
        user="visitor", password=password, database=None
    )
    for tls in ("disable", "require"):
        async with asyncdb.connect(url, tls=tls) as db:
            assert "visitor@%" == await db.fetchval("SELECT CURRENT_USER()")
    with pytest.raises(asyncdb.AuthenticationFailed) as caught:
        await asyncdb.connect(url.replace(password=password + "no"))
    assert 1045 == caught.value.code
    assert not password or password not in str(caught.value)


async def test_a_missing_database_is_a_failed_connection(own: servers.Server) -> None:
    """A database that is not there is said so, by code."""
    url = asyncdb.DatabaseURL(own.url).replace(database="missing")
    with pytest.raises(asyncdb.ConnectionFailed) as caught:
        await asyncdb.connect(url)

    assert 1049 == caught.value.code
