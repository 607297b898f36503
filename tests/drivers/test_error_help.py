"""What an error tells besides its name: where, in whose words, and what it keeps."""

from __future__ import annotations

import logging
import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from tests.plugins.databases import (
    ASYNCMY,
    ENGINES,
    POSTGRESQLS,
    SECOND_DRIVERS,
    SERVERS,
    engines,
)

SECRET = "s3cr3t-value"  # a value that no message may show
EVERYWHERE = engines(*ENGINES, *SECOND_DRIVERS)
ON_MYSQL = engines("mariadb", "mysql", *ASYNCMY)


async def failure(work: Any) -> asyncdb.DatabaseError:
    """Return the error that something ends with."""
    with pytest.raises(asyncdb.DatabaseError) as caught:
        await work
    assert SECRET not in f"{caught.value!s} {caught.value!r}"
    return caught.value


async def stream(db: asyncdb.Connection, sql: str, params: Any) -> None:
    """Read a stream to its end."""
    async with db.stream(sql, params) as rows:
        async for _ in rows:
            pass


# -- where in the user's text ----------------------------------------------------------


@EVERYWHERE
@pytest.mark.parametrize(
    "value",
    [SECRET, "FRO m", "' FRO m", "中" * 50, b"FRO m", 7],
    ids=["text", "the_same", "quoted", "long", "bytes", "number"],
)
async def test_a_syntax_error_says_where(db: asyncdb.Connection, value: Any) -> None:
    """By line, column and words of the user's text, whatever the values are."""
    sql = "SELECT *\n FRO m WHERE a = ? AND b = ?"
    where = 'at line 2, column 2, near "FRO m WHERE a = ? AND b = ?"'
    for work in (
        db.fetchall(sql, [value, SECRET]),
        db.executemany(sql, [[value, SECRET], [value, SECRET]]),
        stream(db, sql, [value, SECRET]),
        db.fetchall(f"\n{sql}".replace("?", ":a"), {"a": value}),
    ):
        error = await failure(work)
        assert type(error) is asyncdb.SQLSyntaxError
        named = error.sql != sql and error.sql is not None
        wanted = where.replace("line 2", "line 3").replace("?", ":a")
        assert (wanted if named else where) in str(error)

    assert 1 == await db.fetchval("SELECT 1")


@EVERYWHERE
async def test_behind_values(db: asyncdb.Connection) -> None:
    """Values before the place make what is sent longer, and the place no other."""
    sql = "SELECT CAST(:a AS CHAR(20)) AS a,\n 1 AS b FROM WHERE :b IN (:c)"
    params = {"a": SECRET * 9, "b": 1, "c": asyncdb.expand([1, 2, 3])}
    error = await failure(db.fetchall(sql, params))

    assert 'at line 2, column 14, near "WHERE :b IN (:c)"' in str(error)


@EVERYWHERE
async def test_at_the_end(db: asyncdb.Connection) -> None:
    """What is missing at the end is said to be missing there."""
    error = await failure(db.fetchall("SELECT (?", [SECRET]))

    assert "at the end of the text" in str(error)


@EVERYWHERE
async def test_at_a_value(db: asyncdb.Connection) -> None:
    """A value that cannot stand there is shown as the user's marker, or not at all."""
    sql = "SELECT 1 AS a b ?"
    error = await failure(db.fetchall(sql, [SECRET]))

    assert 'near "b ?"' in str(error)


@EVERYWHERE
async def test_a_string_in_the_text_is_not_quoted(db: asyncdb.Connection) -> None:
    """Strings that somebody wrote into the text may be secret, too."""
    error = await failure(db.fetchall(f"SELEC '{SECRET}', 1"))

    assert 'near "SELEC"' in str(error)


@ON_MYSQL
async def test_a_routine_s_text_is_not_the_user_s(
    db: asyncdb.Connection, table: str
) -> None:
    """What a procedure has put together of values is not quoted."""
    await db.execute(
        f"CREATE PROCEDURE {table} (x TEXT) BEGIN SET @q = concat('SELEC ', x);"
        " PREPARE s FROM @q; END"
    )
    try:
        for value in (SECRET, "", f"1 {'x' * 100} {SECRET}"):
            error = await failure(db.execute(f"CALL {table}(?)", [value]))
            assert type(error) is asyncdb.SQLSyntaxError
            assert "near" not in str(error)
            assert "at the end" not in str(error)
    finally:
        await db.execute(f"DROP PROCEDURE {table}")


@ON_MYSQL
async def test_many_rows_in_one(db: asyncdb.Connection, table: str) -> None:
    """The many rows of a bulk are one text to the server, and to the user are none."""
    sql = f"INSERT INTO {table} (a b) VALUES (?, ?)"
    rows = [[f"{SECRET} {n}", n] for n in range(300)]
    error = await failure(db.executemany(sql, rows))

    assert 'near "b) VALUES (?, ?)"' in str(error)


@engines(*POSTGRESQLS)
async def test_a_block_s_own_text(db: asyncdb.Connection) -> None:
    """What a block of PL/pgSQL has put together of values is not quoted."""
    await db.execute("SELECT set_config('my.value', ?, false)", [SECRET])
    error = await failure(
        db.execute(
            "DO $$ BEGIN EXECUTE 'SELEC ' || current_setting('my.value'); END $$"
        )
    )

    assert type(error) is asyncdb.SQLSyntaxError


@engines(*POSTGRESQLS)
async def test_names_have_a_place_too(db: asyncdb.Connection) -> None:
    """PostgreSQL tells the place of a name that does not exist, so it is told."""
    error = await failure(db.fetchall("SELECT ?::int,\n nope", [1]))

    assert type(error) is asyncdb.UndefinedColumn
    assert 'column "nope" does not exist, at line 2, column 2' in str(error)


@EVERYWHERE
async def test_several_statements(db: asyncdb.Connection) -> None:
    """One text with several names the verb that runs those."""
    for sql, params in [("SELECT 1; SELECT 2", None), ("SELECT ?; SELECT 2", [1])]:
        error = await failure(db.execute(sql, params))
        assert type(error) is asyncdb.MultipleStatements
        assert "executescript()" in str(error)


# -- the server's own words ------------------------------------------------------------


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All that is logged."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


@EVERYWHERE
async def test_the_server_s_words(
    db: asyncdb.Connection, table: str, logged: pytest.LogCaptureFixture
) -> None:
    """They are in `diag`, which nothing shows, and which no pickle takes along."""
    await db.execute(f"CREATE TABLE {table} (a VARCHAR(40) PRIMARY KEY)")
    insert = f"INSERT INTO {table} VALUES (?)"
    await db.execute(insert, [SECRET])
    error = await failure(db.execute(insert, [SECRET]))
    logging.getLogger("mine").error("failed: %s %r %r", error, error, error.diag)

    assert type(error) is asyncdb.UniqueViolation
    assert error.diag.message is not None
    words = f"{error.diag.message} {error.diag.detail}"
    assert (SECRET in words) == (db.dialect.name != "sqlite")
    assert SECRET not in logged.text
    back = pickle.loads(pickle.dumps(error))  # our own bytes
    assert asyncdb.Diagnostic() == back.diag
    assert str(error) == str(back)
    assert SECRET.encode() not in pickle.dumps(error)
    with pytest.raises(AttributeError):
        error.diag.message = "mine"  # type: ignore[misc]  # it is frozen


@engines(*POSTGRESQLS)
async def test_postgresql_hints(db: asyncdb.Connection) -> None:
    """DETAIL and HINT are there for those who ask."""
    error = await failure(db.fetchall("SELECT upper(1)"))

    assert error.diag.hint is not None
    assert "type casts" in error.diag.hint
    assert "type casts" not in str(error)


async def test_nobody_said_anything(db: asyncdb.Connection) -> None:
    """An error of ours has no words of anybody."""
    error = await failure(db.fetchall("SELECT ?", [object()]))

    assert asyncdb.Diagnostic() == error.diag


# -- what an application itself raises -------------------------------------------------

TEXT = "no more than 5\na day, it's 'said'"
_POSTGRESQL = """
    CREATE FUNCTION {f}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION '%', '{text}' USING ERRCODE = '{state}', HINT = 'come again';
    END $$
"""


@pytest_asyncio.fixture
async def guarded(
    db: asyncdb.Connection, table: str, request: pytest.FixtureRequest
) -> AsyncIterator[str]:
    """A table whose rows a trigger does not let go."""
    state = getattr(request, "param", "45000")
    text = TEXT.replace("'", "''")
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    await db.execute(f"INSERT INTO {table} VALUES (1)")
    head = f"CREATE TRIGGER {table}_tr BEFORE DELETE ON {table} FOR EACH ROW"
    if db.dialect.name == "postgresql":
        f = f"{table}_f"
        await db.execute(_POSTGRESQL.format(f=f, text=text, state=state))
        await db.execute(f"{head} EXECUTE FUNCTION {f}()")
    elif db.dialect.name == "sqlite":
        await db.execute(f"{head} BEGIN SELECT RAISE(ABORT, '{text}'); END")
    else:
        signal = f"SIGNAL SQLSTATE '{state}' SET MESSAGE_TEXT = '{text}'"
        await db.execute(f"{head} {signal}")
    yield table
    if db.dialect.name == "postgresql":
        await db.execute(f"DROP FUNCTION {table}_f CASCADE")


@EVERYWHERE
async def test_an_author_s_text_is_the_message(
    db: asyncdb.Connection, guarded: str
) -> None:
    """Whole, as it was written; and it is no constraint, nor anything to try again."""
    for work in (
        db.execute(f"DELETE FROM {guarded}"),
        db.executemany(f"DELETE FROM {guarded} WHERE a = ?", [[1], [2]]),
    ):
        error = await failure(work)
        assert type(error) is asyncdb.RaisedException
        assert TEXT == str(error) == error.diag.message
        assert not error.is_transient
        assert error.code is not None
    assert isinstance(error, asyncdb.OperationalError)
    assert 1 == await db.fetchval(f"SELECT count(*) FROM {guarded}")


@EVERYWHERE
async def test_it_fails_the_block(db: asyncdb.Connection, guarded: str) -> None:
    """After it only rollback is left of a block, as after any other error."""
    with pytest.raises(asyncdb.TransactionError, match="RaisedException"):
        async with db.transaction():
            await db.execute(f"INSERT INTO {guarded} VALUES (2)")
            await failure(db.execute(f"DELETE FROM {guarded}"))

    assert 1 == await db.fetchval(f"SELECT count(*) FROM {guarded}")


@engines(*SERVERS, *SECOND_DRIVERS)
@pytest.mark.parametrize(
    ("guarded", "kind"),
    [
        ("23514", asyncdb.CheckViolation),
        ("23505", asyncdb.UniqueViolation),
        ("42501", asyncdb.InsufficientPrivilege),
        ("40001", asyncdb.SerializationFailure),
        ("22012", asyncdb.DivisionByZero),
        ("U0001", asyncdb.RaisedException),
    ],
    indirect=["guarded"],
)
async def test_a_state_of_the_standard(
    db: asyncdb.Connection, guarded: str, kind: type[asyncdb.DatabaseError]
) -> None:
    """It has the class of that; the text, which may hold values, is in `diag`."""
    error = await failure(db.execute(f"DELETE FROM {guarded}"))

    assert type(error) is kind
    assert TEXT == error.diag.message
    assert (kind is asyncdb.RaisedException) == ("a day" in str(error))


@engines(*POSTGRESQLS)
async def test_more_than_a_text(db: asyncdb.Connection) -> None:
    """Names, DETAIL and HINT that an author gives are in their places."""
    error = await failure(
        db.execute(
            "DO $$ BEGIN RAISE EXCEPTION 'order % is closed', 5 USING HINT = 'reopen',"
            " DETAIL = 'since May', CONSTRAINT = 'open', TABLE = 'orders',"
            " COLUMN = 'state'; END $$"
        )
    )

    assert ("order 5 is closed", "P0001") == (str(error), error.sqlstate)
    assert ("since May", "reopen") == (error.diag.detail, error.diag.hint)
    assert ("open", "orders", ("state",)) == (
        error.constraint,
        error.table,
        error.columns,
    )


@engines(*POSTGRESQLS)
async def test_an_assertion(db: asyncdb.Connection) -> None:
    """ASSERT is a way to raise; what PL/pgSQL itself says of INTO is not."""
    error = await failure(db.execute("DO $$ BEGIN ASSERT false, 'never'; END $$"))
    assert (asyncdb.RaisedException, "never") == (type(error), str(error))

    error = await failure(
        db.execute(
            "DO $$ DECLARE a int; BEGIN SELECT 1 INTO STRICT a WHERE false; END $$"
        )
    )
    assert type(error) is asyncdb.ProgrammingError
    assert "query returned no rows" in str(error)


@engines("sqlite")
@pytest.mark.parametrize("how", ["ABORT", "FAIL", "ROLLBACK"])
async def test_sqlite_raises_in_three_ways(
    db: asyncdb.Connection, table: str, how: str
) -> None:
    """ROLLBACK has taken the transaction with it: the block is lost."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    await db.execute(
        f"CREATE TRIGGER {table}_tr BEFORE DELETE ON {table}"
        f" BEGIN SELECT RAISE({how}, 'no such savepoint'); END"
    )
    with pytest.raises(asyncdb.RaisedException) as caught:
        async with db.transaction():
            await db.execute(f"INSERT INTO {table} VALUES (1)")
            await db.execute(f"DELETE FROM {table}")

    assert "no such savepoint" == str(caught.value)
    assert not db.in_transaction
    assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")
