"""URLs as the platforms give them, against servers with TLS on.

The certificate is for `localhost`, by an authority of ours, which stands for the
platform's. Each form keeps its own words; the host, the port and the log-in are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

import asyncdb
from tests.faults.test_tls import cipher, start
from tests.plugins import binaries, servers
from tests.plugins.certificates import Certificates
from tests.plugins.databases import SERVERS
from tests.plugins.servers import PASSWORD

MakeURL = Callable[..., str]


def _running(
    engine: str, certificates: Certificates, good: bool = True
) -> Iterator[servers.Server]:
    if binaries.find(engine) is None:
        pytest.skip(f"no {engine} of our own")
    own = certificates.good if good else None
    server = start(engine, own, certificates.authority)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def postgresql(certificates: Certificates) -> Iterator[servers.Server]:
    """PostgreSQL with TLS."""
    yield from _running("postgresql", certificates)


@pytest.fixture(scope="module", params=[e for e in SERVERS if e != "postgresql"])
def mysql(
    request: pytest.FixtureRequest, certificates: Certificates
) -> Iterator[servers.Server]:
    """MariaDB (and MySQL) with TLS."""
    yield from _running(request.param, certificates)


def url_of(server: servers.Server, form: str, certificates: Certificates) -> str:
    """Fill a platform's form: `{login}`, `{host}` with its port, `{ca}`, ..."""
    cert, key = certificates.client
    return form.format(
        login=f"{quote(server.user, safe='')}:{quote(server.password, safe='')}",
        host=f"localhost:{server.port}",
        db=server.database,
        ca=quote(certificates.ca),
        cert=quote(cert),
        key=quote(key),
    )


# Who gives it | the form | encrypted
POSTGRESQL = [
    ("fly", "postgres://{login}@{host}/{db}?sslmode=disable", False),
    ("heroku", "postgres://{login}@{host}/{db}?sslmode=require", True),
    ("node", "postgres://{login}@{host}/{db}?sslmode=no-verify", True),
    ("supabase", "postgresql://{login}@{host}/{db}?sslmode=require&supa=x.y", True),
    ("pooler", "postgresql://{login}@{host}/{db}?pgbouncer=true&sslmode=require", True),
    (
        "neon",
        (
            "postgresql://{login}@{host}/{db}?sslmode=require&channel_binding=require"
            "&sslrootcert={ca}"
        ),
        True,
    ),
    (
        "rds",
        "postgresql://{login}@{host}/{db}?sslmode=verify-full&sslrootcert={ca}",
        True,
    ),
    (
        "aiven",
        (
            "postgres://{login}@{host}/{db}?sslmode=verify-ca&sslrootcert={ca}"
            "&connect_timeout=5"
        ),
        True,
    ),
    (
        "azure",
        (
            "postgresql://{login}@{host}/{db}?sslmode=require&application_name=shop"
            "&target_session_attrs=any&gssencmode=disable"
        ),
        True,
    ),
    (
        "client certificate",
        (
            "postgresql://{login}@{host}/{db}?sslmode=verify-full&sslrootcert={ca}"
            "&sslcert={cert}&sslkey={key}"
        ),
        True,
    ),
    (
        "sqlalchemy",
        (
            "postgresql+asyncpg://{login}@{host}/{db}?ssl=require"
            "&prepared_statement_cache_size=0"
        ),
        True,
    ),
    (
        "jdbc",
        (
            "postgresql://{login}@{host}/{db}?ssl=true&sslrootcert={ca}"
            "&currentSchema=pg_catalog"
        ),
        True,
    ),
    ("ca alone", "postgresql://{login}@{host}/{db}?sslrootcert={ca}", True),
    ("prisma", "postgresql://{login}@{host}/{db}?schema=public&sslmode=prefer", True),
    (
        "libpq",
        (
            "postgres://{login}@{host}/{db}?sslmode=prefer&channel_binding=prefer"
            "&client_encoding=UTF8&options=-c%20search_path%3Dpg_catalog"
        ),
        True,
    ),
]
MYSQL = [
    ("railway", "mysql://{login}@{host}/{db}?ssl-mode=DISABLED", False),
    ("digitalocean", "mysql://{login}@{host}/{db}?ssl-mode=REQUIRED", True),
    (
        "aiven",
        "mysql://{login}@{host}/{db}?ssl-mode=VERIFY_CA&ssl-ca={ca}&charset=utf8mb4",
        True,
    ),
    (
        "rds",
        "mysql://{login}@{host}/{db}?ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}",
        True,
    ),
    ("azure", "mysql://{login}@{host}/{db}?ssl_mode=required", True),
    (
        "planetscale",
        'mysql://{login}@{host}/{db}?ssl={{"rejectUnauthorized":true}}&ssl_ca={ca}',
        True,
    ),
    (
        "planetscale, unverified",
        'mysql://{login}@{host}/{db}?ssl={{"rejectUnauthorized":false}}',
        True,
    ),
    ("prisma", "mysql://{login}@{host}/{db}?sslaccept=strict&sslca={ca}", True),
    (
        "tidb",
        (
            "mysql://{login}@{host}/{db}?ssl_ca={ca}&ssl_verify_cert=true"
            "&ssl_verify_identity=true"
        ),
        True,
    ),
    (
        "client certificate",
        (
            "mysql://{login}@{host}/{db}?ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}"
            "&ssl-cert={cert}&ssl-key={key}"
        ),
        True,
    ),
    ("sqlalchemy", "mysql+aiomysql://{login}@{host}/{db}?charset=utf8mb4", False),
    ("asyncmy", "mysql+asyncmy://{login}@{host}/{db}?ssl-mode=REQUIRED", True),
    ("preferred", "mariadb://{login}@{host}/{db}?ssl-mode=PREFERRED", True),
]


def _ids(forms: list[tuple[str, str, bool]]) -> list[str]:
    return [name for name, _, _ in forms]


@pytest.mark.parametrize(
    ("form", "encrypted"), [f[1:] for f in POSTGRESQL], ids=_ids(POSTGRESQL)
)
async def test_postgresql(
    postgresql: servers.Server, certificates: Certificates, form: str, encrypted: bool
) -> None:
    """Each form connects, encrypted as it says, and means what its giver means."""
    url = url_of(postgresql, form, certificates)
    async with asyncdb.connect(url) as db:
        assert encrypted == bool(await cipher(db))
        if "application_name" in form:
            assert "shop" == await db.fetchval("SHOW application_name")
        if "pg_catalog" in form:
            assert "pg_catalog" == await db.fetchval("SHOW search_path")
        if "schema=public" in form:
            assert '"public"' == await db.fetchval("SHOW search_path")
        if "sslcert" in form:
            sql = "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert "/CN=asyncdb" == await db.fetchval(sql)


@pytest.mark.parametrize(("form", "encrypted"), [f[1:] for f in MYSQL], ids=_ids(MYSQL))
async def test_mysql(
    mysql: servers.Server, certificates: Certificates, form: str, encrypted: bool
) -> None:
    """Each form connects, encrypted as it says."""
    if "asyncmy" in form:
        pytest.importorskip("asyncmy")
    async with asyncdb.connect(url_of(mysql, form, certificates)) as db:
        assert encrypted == bool(await cipher(db))


# The part of a URL behind ? that has the certificate checked.
CHECKING = {
    "postgresql": [
        "sslmode=verify-full",
        "sslmode=verify-ca",
        "sslmode=require&channel_binding=require",
        "channel_binding=require",
        "sslmode=disable&ssl=true",
        "ssl=true",
        "sslrootcert=system",
        "sslmode=require&sslrootcert=system",
        "sslmode=require&sslaccept=strict",
    ],
    "mysql": [
        "ssl-mode=VERIFY_CA",
        "ssl-mode=verify_identity",
        'ssl={"rejectUnauthorized":true}',
        "sslaccept=strict",
        "ssl_verify_cert=true",
        "ssl_check_hostname=true",
    ],
}


@pytest.mark.parametrize("query", CHECKING["postgresql"])
async def test_postgresql_checks(
    postgresql: servers.Server, certificates: Certificates, query: str
) -> None:
    """What says that the certificate is checked has it checked: ours is unknown."""
    url = url_of(postgresql, "postgres://{login}@{host}/{db}?", certificates)
    with pytest.raises(asyncdb.ConnectionFailed, match="not trusted") as caught:
        await asyncdb.connect(url + query)

    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("query", CHECKING["mysql"])
async def test_mysql_checks(
    mysql: servers.Server, certificates: Certificates, query: str
) -> None:
    """What says that the certificate is checked has it checked: ours is unknown."""
    url = url_of(mysql, "mysql://{login}@{host}/{db}?", certificates)
    with pytest.raises(asyncdb.ConnectionFailed, match="not trusted") as caught:
        await asyncdb.connect(url + query)

    assert PASSWORD not in str(caught.value)


async def uses_the_authority(
    server: servers.Server, certificates: Certificates, mode: str, ca: str
) -> None:
    """See the server taken by its own authority, and refused by somebody else's."""
    stranger = certificates.folder / "stranger.crt"
    stranger.write_text(certificates.stranger.certificate)
    form = f"{server.engine}://{{login}}@{{host}}/{{db}}?{mode}"
    url = url_of(server, form, certificates)
    async with asyncdb.connect(f"{url}&{ca}={quote(certificates.ca)}") as db:
        assert await cipher(db)
    async with asyncdb.connect(url, tls_ca=certificates.ca) as db:
        assert await cipher(db)
    for connecting in (
        asyncdb.connect(f"{url}&{ca}={quote(str(stranger))}"),
        asyncdb.connect(url, tls_ca=str(stranger)),
    ):
        with pytest.raises(asyncdb.ConnectionFailed, match="not trusted"):
            await connecting


async def test_postgresql_uses_a_named_authority(
    postgresql: servers.Server, certificates: Certificates
) -> None:
    """`sslmode=require` checks where an authority is named, as libpq's does."""
    await uses_the_authority(postgresql, certificates, "sslmode=require", "sslrootcert")


async def test_mysql_uses_a_named_authority(
    mysql: servers.Server, certificates: Certificates
) -> None:
    """`ssl-mode=REQUIRED` checks the certificate where an authority is named."""
    await uses_the_authority(mysql, certificates, "ssl-mode=REQUIRED", "ssl-ca")


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
@pytest.mark.parametrize("word", ["require", "verify-full"])
async def test_a_server_without_tls(
    certificates: Certificates, engine: str, word: str
) -> None:
    """Where the form asks for encryption and the server has none, nothing is sent."""
    for server in _running(engine, certificates, good=False):
        url = url_of(server, f"{engine}://{{login}}@{{host}}/{{db}}", certificates)
        with pytest.raises(asyncdb.ConnectionFailed, match="offers no TLS"):
            await asyncdb.connect(f"{url}?sslmode={word}")
        async with asyncdb.connect(f"{url}?sslmode=prefer") as db:
            assert not await cipher(db)
