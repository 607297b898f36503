"""No password and no bound value in a repr, a log line, an error or a traceback."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import traceback
from collections.abc import Iterator
from urllib.parse import quote, urlsplit, urlunsplit

import pytest

import asyncdb
from tests.plugins.databases import ENGINES_AND_FAKE, PSYCOPG, SERVERS, engines
from tests.plugins.proxy import MakeProxy
from tests.plugins.servers import PASSWORD

VALUE = "bound-s3cret-value"
LOGGERS = ("asyncdb", "asyncio", "aiosqlite", "asyncpg", "aiomysql", "pymysql", "")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that any logger says, at DEBUG, with tracebacks."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)r"))
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def told(error: BaseException) -> str:
    """Return all that an error says of itself and asyncdb's errors behind it."""
    lines = [str(error), repr(error), str(getattr(error, "sql", ""))]
    lines += getattr(error, "__notes__", [])
    if isinstance(error, asyncdb.Error) and isinstance(error.__cause__, asyncdb.Error):
        lines.append(told(error.__cause__))
    return "\n".join(lines)


def clean(text: str) -> None:
    """Assert that a text gives nothing away."""
    assert VALUE not in text
    assert PASSWORD not in text
    assert quote(PASSWORD, safe="") not in text
    assert VALUE.encode().hex() not in text.lower()


@engines(*ENGINES_AND_FAKE, *PSYCOPG)
async def test_values(database_url: str, table: str, logged: io.StringIO) -> None:
    """Values that were bound show nowhere, whether the statement ran or failed."""
    async with asyncdb.connect(database_url) as db:
        await db.execute(f"CREATE TABLE {table} (a VARCHAR(40) PRIMARY KEY)")
        try:
            insert = f"INSERT INTO {table} VALUES (?)"
            cursor = await db.execute(insert, [VALUE])
            reprs = [
                repr(x) for x in (db, db.url, cursor, db.transaction(), db.dialect)
            ]
            statements = [
                (insert, [VALUE]),
                (insert, [VALUE * 20]),
                ("SELECT * FROM no_such_table WHERE a = ?", [VALUE]),
                ("SELECT ? FROM", [VALUE]),
                (insert, [VALUE, VALUE]),
                (insert, [object()]),
                (insert, {"b": VALUE}),
                (f"SELECT CAST(? AS DATE) FROM {table}", [VALUE]),
            ]
            for sql, params in statements:
                try:
                    await db.execute(sql, params)
                except asyncdb.Error as error:
                    reprs.append(told(error))
                try:
                    await db.executemany(sql, [params, params])
                except asyncdb.Error as error:
                    reprs.append(told(error))
            task = asyncio.ensure_future(db.fetchall("SELECT ?", [VALUE]))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            clean("\n".join(reprs))
        finally:
            await db.close()
        if not database_url.startswith("fake"):
            async with asyncdb.connect(database_url) as other:
                await other.execute(f"DROP TABLE {table}")
    clean(logged.getvalue())


@engines(*SERVERS, *PSYCOPG)
async def test_passwords(
    database_url: str, make_proxy: MakeProxy, logged: io.StringIO
) -> None:
    """A password shows nowhere, whether the log-in worked, failed or was cut."""
    proxy = await make_proxy(database_url)
    texts = []
    async with asyncdb.connect(proxy.url) as db:
        texts += [repr(db), str(db.url), repr(db.url), repr(db._session.inner.__dict__)]
    parts = urlsplit(proxy.url)
    wrong = parts.netloc.replace("asyncdb:", f"asyncdb:{quote(VALUE)}", 1)
    urls = [
        urlunsplit(parts._replace(netloc=wrong)),
        urlunsplit(parts._replace(path="/no_such_database")),
        f"{proxy.url}?no_such_option=1",
        f"{proxy.url}?tls=sometimes",
        f"{proxy.url}?tls=require&connect_timeout=1",
        f"{proxy.url}#fragment",
        proxy.url.replace(quote(PASSWORD, safe=""), f"{VALUE}#{VALUE}"),
        proxy.url.replace(quote(PASSWORD, safe=""), f"{VALUE}/{VALUE}"),
        proxy.url.replace(quote(PASSWORD, safe=""), f"{VALUE}[{VALUE}"),
        proxy.url.replace(f":{parts.port}", f":{VALUE}"),
    ]
    for size in (1, 50, 100, 200):
        proxy.cut_after(size)
        with pytest.raises(asyncdb.Error) as caught:
            await asyncdb.connect(proxy.url)
        texts.append(told(caught.value))
    proxy.flow()
    for url in urls:
        try:
            async with asyncdb.connect(url):
                pass
        except asyncdb.Error as error:
            texts.append(told(error))
            texts += traceback.format_exception_only(error)
    await proxy.refuse()
    with pytest.raises(asyncdb.ConnectionFailed) as refused:
        await asyncdb.connect(proxy.url)
    texts += traceback.format_exception_only(refused.value)

    clean("\n".join(texts))
    clean(logged.getvalue())


@engines(*SERVERS, *PSYCOPG)
async def test_an_unclosed_connection(database_url: str) -> None:
    """The warning about a connection that nobody closed does not show its password."""
    db = await asyncdb.connect(database_url)
    with pytest.warns(ResourceWarning) as caught:
        del db
        gc.collect()
    await asyncio.sleep(0)

    clean("\n".join(str(warning.message) for warning in caught))
