"""One option, one meaning on every server; no password leaves without TLS."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

import asyncdb
from asyncdb.driver.tls import tls_mode
from asyncdb.options import ServerOptions
from tests.plugins import binaries, servers
from tests.plugins.certificates import Certificate, Certificates
from tests.plugins.databases import PSYCOPG, SERVERS
from tests.plugins.proxy import MakeProxy, Side
from tests.plugins.servers import PASSWORD

MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
CIPHER = {
    "postgresql": "SELECT coalesce(cipher, '') FROM pg_stat_ssl "
    "WHERE pid = pg_backend_pid()",
    "mysql": "SELECT variable_value FROM {}.session_status "
    "WHERE variable_name = 'Ssl_cipher'",
}


def start(engine: str, own: Certificate | None, ca: str) -> servers.Server:
    """Start a server with a certificate; a client's must be of `ca`'s."""
    if own is None:
        off: dict[str, dict[str, str]] = {
            "mariadb": {"ssl": "0"},
            "mysql": {"tls-version": ""},
        }
        return servers.start(engine, **off.get(engine, {}))
    files = {"server.crt": own.certificate, "server.key": own.key, "ca.crt": ca}
    names = ("ssl_cert_file", "ssl_key_file", "ssl_ca_file")
    extra: dict[str, str] = {"ssl": "on"}
    if engine != "postgresql":
        names, extra = ("ssl-cert", "ssl-key", "ssl-ca"), {}
    paths = ("{folder}/server.crt", "{folder}/server.key", "{folder}/ca.crt")
    return servers.start(
        engine, files=files, **dict(zip(names, paths, strict=True)), **extra
    )


@pytest.fixture(scope="module", params=(*SERVERS, *PSYCOPG))
def by_certificate(
    request: pytest.FixtureRequest, certificates: Certificates
) -> Iterator[Callable[[str], str]]:
    """A function: a certificate's name -> the URL of a server that has it."""
    engine, plus, driver = request.param.partition("+")
    if binaries.find(engine) is None:
        pytest.skip(f"no {engine} of our own")
    running: dict[str, servers.Server] = {}

    def url(name: str) -> str:
        if name not in running:
            own = None if name == "none" else getattr(certificates, name)
            running[name] = start(engine, own, certificates.authority)
        return running[name].url.replace("://", f"{plus}{driver}://", 1)

    yield url
    for server in running.values():
        server.stop()


async def cipher(db: asyncdb.Connection) -> str:
    """Return how the connection is encrypted; an empty text says not at all."""
    maria = db.dialect.flavor == "mariadb"
    schema = "information_schema" if maria else "performance_schema"
    return str(await db.fetchval(CIPHER[db.dialect.name].format(schema)))


# certificate of the server -> modes that connect, when the authority is known
CONNECT: dict[str, tuple[str, ...]] = {
    "good": MODES,
    "elsewhere": ("disable", "prefer", "require", "verify-ca"),
    "stranger": ("disable", "prefer", "require"),
    "none": ("disable", "prefer"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CONNECT)
async def test_modes(
    by_certificate: Callable[[str], str],
    certificates: Certificates,
    name: str,
    mode: Any,
) -> None:
    """Each mode takes the servers that it says it takes, on every engine."""
    connecting = asyncdb.connect(by_certificate(name), tls=mode, tls_ca=certificates.ca)
    if mode not in CONNECT[name]:
        with pytest.raises(asyncdb.ConnectionFailed) as caught:
            await connecting

        text = str(caught.value)
        assert "offers no TLS" in text if name == "none" else "not trusted" in text
        assert PASSWORD not in text
        return
    async with connecting as db:
        encrypted = bool(await cipher(db))

    assert encrypted == (mode != "disable" and name != "none")


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
async def test_an_authority_that_is_not_known(
    by_certificate: Callable[[str], str], mode: Any
) -> None:
    """Without tls_ca the system's authorities count, and ours is none of them."""
    with pytest.raises(asyncdb.ConnectionFailed, match="not trusted"):
        await asyncdb.connect(by_certificate("good"), tls=mode)


async def test_a_client_certificate(
    by_certificate: Callable[[str], str], certificates: Certificates
) -> None:
    """tls_cert and tls_key are shown to a server that asks for them."""
    cert, key = certificates.client
    options = {"tls": "verify-full", "tls_ca": certificates.ca}
    seen = {
        "postgresql": "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        "mysql": "SELECT 1",
    }
    async with asyncdb.connect(by_certificate("good"), **options) as db:
        engine = db.dialect.name
        if engine == "mysql":
            await db.execute("CREATE USER 'x'@'%' IDENTIFIED BY 'x' REQUIRE X509")
    url = by_certificate("good")
    if engine == "mysql":
        url = f"{url.partition('://')[0]}://x:x@{url.partition('@')[2].partition('/')[0]}/"
        with pytest.raises(asyncdb.AuthenticationFailed):
            await asyncdb.connect(url, **options)
    async with asyncdb.connect(url, **options, tls_cert=cert, tls_key=key) as db:
        found = await db.fetchval(seen[engine])

    assert found == ("/CN=asyncdb" if engine == "postgresql" else 1)


def strip(side: Side, data: bytes) -> bytes:
    """Take the offer of TLS away, as a man in the middle would."""
    if side == "server" and data == b"S":
        return b"N"  # PostgreSQL's answer to SSLRequest
    if side == "server" and data[3:5] == b"\x00\x0a":  # MySQL's greeting, protocol 10
        flags = data.index(b"\0", 5) + 1 + 4 + 8 + 1
        low = int.from_bytes(data[flags : flags + 2], "little") & ~0x0800
        return data[:flags] + low.to_bytes(2, "little") + data[flags + 2 :]
    return data


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_man_in_the_middle(
    by_certificate: Callable[[str], str],
    certificates: Certificates,
    make_proxy: MakeProxy,
    mode: Any,
) -> None:
    """Where TLS was asked for and is taken away, not a byte of the log-in leaves."""
    proxy = await make_proxy(by_certificate("good"), strip)
    with pytest.raises(asyncdb.ConnectionFailed, match="offers no TLS"):
        await asyncdb.connect(proxy.url, tls=mode, tls_ca=certificates.ca)

    ssl_request = bytes([0, 0, 0, 8, 4, 210, 22, 47])
    assert proxy.sent in (b"", ssl_request)


async def test_a_man_in_the_middle_of_prefer(
    by_certificate: Callable[[str], str], make_proxy: MakeProxy
) -> None:
    """`prefer` gives way, so it is not the default; the password stays safe."""
    proxy = await make_proxy(by_certificate("good"), strip)
    async with asyncdb.connect(proxy.url, tls="prefer") as db:
        assert not await cipher(db)

    assert PASSWORD.encode() not in proxy.sent


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        (None, "disable"),
        ("localhost", "disable"),
        ("127.0.0.1", "disable"),
        ("::1", "disable"),
        ("/run/postgresql", "disable"),
        ("db.example", "verify-full"),
        ("10.0.0.7", "verify-full"),
        ("localhost.example", "verify-full"),
    ],
)
def test_the_default(host: str | None, mode: str) -> None:
    """Without the option a host that is not this machine has to prove who it is."""
    assert mode == tls_mode(ServerOptions(), host)


# -- rogue servers ---------------------------------------------------------------------

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _rogue_postgresql(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.read(1000)  # the start-up packet
    writer.write(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))


async def _patient_postgresql(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """A proper beginning, a notice, and then the question, in small pieces."""
    await reader.read(1000)
    sasl = (10).to_bytes(4, "big") + b"SCRAM-SHA-256\0\0"
    writer.write(b"R" + (4 + len(sasl)).to_bytes(4, "big") + sasl)
    await reader.read(1000)
    notice = b"SNOTICE\0VNOTICE\0C00000\0Mhello\0\0"
    question = b"N" + (4 + len(notice)).to_bytes(4, "big") + notice
    question += b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big")
    for byte in question:
        writer.write(bytes([byte]))
        await writer.drain()


async def _rogue_mysql(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    greeting = (
        b"\x0a8.4.0\0\x01\0\0\0abcdefgh\0\xff\xf7\xff\x02\0\xff\xdf\x15"
        + bytes(10)
        + b"ijklmnopqrst\0mysql_native_password\0"
    )
    writer.write(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
    await reader.read(1000)
    switch = b"\xfemysql_clear_password\0"
    writer.write(len(switch).to_bytes(3, "little") + b"\x02" + switch)


def away() -> str:
    """An address of this machine as far as another one's: not the loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))  # sends nothing, but chooses an address
            address: str = asked.getsockname()[0]
        except OSError:
            address = "127.0.0.1"
    if address.startswith("127."):
        pytest.skip("this machine has no address but the loopback's")
    return address


# (libpq takes no notice before the log-in is over: it leaves the patient one.)
CURIOUS = pytest.mark.parametrize(
    ("scheme", "script"),
    [
        ("postgresql", _rogue_postgresql),
        ("postgresql", _patient_postgresql),
        ("postgresql+psycopg", _rogue_postgresql),
        ("mysql", _rogue_mysql),
        ("mysql+asyncmy", _rogue_mysql),
    ],
    ids=["postgresql", "postgresql-patient", "psycopg", "mysql", "mysql+asyncmy"],
)


class Curious:
    """A server that asks for the password in clear text, and keeps what it hears."""

    def __init__(self, scheme: str, script: Script, *, refuses_tls: bool) -> None:
        self.heard = bytearray()
        self.over = asyncio.Event()
        self._script = script
        self._refuses = refuses_tls and scheme.startswith("postgresql")

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one connection, until the client goes or has said its secret."""
        try:
            if self._refuses:
                self._refuses = False
                self.heard.extend(await reader.readexactly(8))
                writer.write(b"N")
                return
            await self._script(reader, writer)
            while b"very-secret" not in self.heard:
                data = await reader.read(1000)
                if not data:
                    break
                self.heard.extend(data)
            self.over.set()
        except OSError:
            self.over.set()
        finally:
            writer.close()


@CURIOUS
async def test_a_rogue_server(scheme: str, script: Script) -> None:
    """On another machine one that asks for the password in clear does not get it."""
    if driver := scheme.partition("+")[2]:
        pytest.importorskip(driver)
    rogue, host = Curious(scheme, script, refuses_tls=True), away()
    async with await asyncio.start_server(rogue.serve, host, 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"{scheme}://ann:very-secret@{host}:{port}/db"
        with pytest.raises(asyncdb.AuthenticationFailed, match="clear text") as caught:
            await asyncdb.connect(url, tls="prefer", connect_timeout=2)
        async with asyncio.timeout(2):
            await rogue.over.wait()

    assert b"very-secret" not in rogue.heard
    assert 'tls="disable"' in str(caught.value)


@CURIOUS
@pytest.mark.parametrize("where", ["loopback", "socket", "away"])
async def test_a_password_in_clear_text(
    scheme: str, script: Script, where: str
) -> None:
    """It is sent to this machine, and where somebody wrote that TLS is not wanted."""
    if driver := scheme.partition("+")[2]:
        pytest.importorskip(driver)
    server = Curious(scheme, script, refuses_tls=False)
    options: dict[str, Any] = {"connect_timeout": 2}
    if where == "socket":
        with tempfile.TemporaryDirectory() as folder:  # tmp_path may be too long
            path = f"{folder}/.s.PGSQL.5432"
            is_folder = scheme.startswith("postgresql")
            options["unix_socket"] = folder if is_folder else path
            async with await asyncio.start_unix_server(server.serve, path):
                await _tell(f"{scheme}://ann:very-secret@/db", options, server)
    else:
        host = "127.0.0.1" if where == "loopback" else away()
        if where == "away":
            options["tls"] = "disable"
        async with await asyncio.start_server(server.serve, host, 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            url = f"{scheme}://ann:very-secret@{host}:{port}/db"
            await _tell(url, options, server)

    assert b"very-secret" in server.heard


async def _tell(url: str, options: dict[str, Any], server: Curious) -> None:
    with pytest.raises(asyncdb.ConnectionFailed):  # it only wanted to hear
        await asyncdb.connect(url, **options)
    async with asyncio.timeout(2):
        await server.over.wait()
