"""Scripts with what only one engine has: bodies, delimiters, dumps, long ones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import asyncdb
from tests.plugins.databases import POSTGRESQLS, engines

MYSQLS = engines("mariadb", "mysql")


@engines("sqlite")
async def test_triggers_of_sqlite(db: asyncdb.Connection, table: str) -> None:
    """A trigger's body goes to SQLite whole, and PRAGMAs stand beside it."""
    await db.executescript(f"""
        PRAGMA user_version = 7;
        CREATE TABLE {table} (a INTEGER, [b;c] TEXT);
        CREATE TRIGGER {table}_t AFTER INSERT ON {table} WHEN new.a > 1 BEGIN
            UPDATE {table} SET a = CASE WHEN new.a > 5 THEN 5 ELSE new.a END
            WHERE a = new.a;
            DELETE FROM {table} WHERE [b;c] = 'no;';
        END;
        INSERT INTO {table} VALUES (9, 'yes'), (2, 'no;'), (1, 'x');
    """)

    assert [5, 1] == await db.fetchall(f"SELECT a FROM {table}", into=int)
    assert 7 == await db.fetchval("PRAGMA user_version")


@engines("sqlite")
async def test_a_dump_of_sqlite(db: asyncdb.Connection, table: str) -> None:
    """What `.dump` writes, with its own transaction, comes back."""
    await db.execute(f"CREATE TABLE {table} (a TEXT)")
    await db.execute(f"INSERT INTO {table} VALUES ('it''s; here')")
    dump = [
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;",
        f"DROP TABLE {table};",
        f'CREATE TABLE IF NOT EXISTS "{table}" (a TEXT);',
        f"INSERT INTO {table} VALUES('it''s; here');\nCOMMIT;",
    ]
    await db.executescript("\n".join(dump))

    assert ["it's; here"] == await db.fetchall(f"SELECT a FROM {table}", into=str)
    assert 0 == await db.fetchval("PRAGMA foreign_keys")  # the script's own doing


@engines("sqlite")
async def test_what_must_stand_alone(db: asyncdb.Connection, table: str) -> None:
    """VACUUM is refused in a transaction and runs without."""
    script = f"CREATE TABLE {table} (a INTEGER); VACUUM;"
    with pytest.raises(asyncdb.DatabaseError, match="statement 2 of 2"):
        await db.executescript(script)

    await db.executescript(script, transaction=False)
    assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")


@engines(*POSTGRESQLS)
async def test_functions_of_postgresql(db: asyncdb.Connection, table: str) -> None:
    """Dollar quotes, rules and standard bodies are one statement each."""
    await db.executescript(f"""
        CREATE TABLE {table} (a int);
        CREATE FUNCTION {table}_f() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN
            NEW.a := NEW.a + 1; /* ; */
            RETURN NEW;
        END; $body$;
        CREATE TRIGGER t BEFORE INSERT ON {table}
            FOR EACH ROW EXECUTE FUNCTION {table}_f();
        CREATE FUNCTION {table}_g(n int) RETURNS int LANGUAGE sql
            BEGIN ATOMIC SELECT CASE WHEN n > 1 THEN 1 END; SELECT n * 2; END;
        CREATE RULE r AS ON DELETE TO {table} DO INSTEAD (SELECT 1; SELECT 2);
        DO $$ BEGIN PERFORM 1; END $$;
        INSERT INTO {table} VALUES (1);
        DELETE FROM {table};
    """)

    assert 2 == await db.fetchval(f"SELECT a FROM {table}")
    assert 8 == await db.fetchval(f"SELECT {table}_g(4)")
    await db.executescript(
        f"DROP TABLE {table} CASCADE; DROP FUNCTION {table}_f, {table}_g"
    )
    await db.execute(f"CREATE TABLE {table} (a int)")  # for the fixture to drop


@engines(*POSTGRESQLS)
async def test_a_failing_script_of_postgresql(
    db: asyncdb.Connection, table: str
) -> None:
    """Tables made before the failure are gone, too."""
    with pytest.raises(asyncdb.UndefinedTable, match="statement 2 of 3, line 2"):
        await db.executescript(
            f"CREATE TABLE {table} (a int);\nSELECT * FROM {table}_no; SELECT 1"
        )
    with pytest.raises(asyncdb.UndefinedTable):
        await db.fetchall(f"SELECT * FROM {table}")
    await db.execute(f"CREATE TABLE {table} (a int)")  # for the fixture to drop


@MYSQLS
async def test_routines_of_mysql(db: asyncdb.Connection, table: str) -> None:
    """With DELIMITER lines or without them a body arrives whole."""
    await db.executescript(f"""
        CREATE TABLE {table} (a INT);
        CREATE PROCEDURE {table}_p(n INT) BEGIN
            DECLARE i INT DEFAULT 0;
            WHILE i < n DO
                IF i = 1 THEN INSERT INTO {table} VALUES (100);
                ELSEIF i = 2 THEN BEGIN END;
                ELSE INSERT INTO {table} VALUES (CASE WHEN i THEN i ELSE -1 END);
                END IF;
                SET i = i + 1;
            END WHILE;
        END;
        CALL {table}_p(4);
        DROP PROCEDURE {table}_p;
        DELIMITER //
        CREATE TRIGGER {table}_t BEFORE INSERT ON {table} FOR EACH ROW
        BEGIN SET NEW.a = NEW.a * 2; SET NEW.a = NEW.a + 1; END //
        DELIMITER ;
        INSERT INTO {table} VALUES (10); # done; really
    """)

    found = await db.fetchall(f"SELECT a FROM {table} ORDER BY a", into=int)
    assert [-1, 3, 21, 100] == found


@MYSQLS
async def test_dml_is_one_transaction_on_mysql(
    db: asyncdb.Connection, table: str
) -> None:
    """Without DDL a script is all or nothing; with it, what ran before stays."""
    await db.execute(f"CREATE TABLE {table} (a INT PRIMARY KEY)")
    dml = f"INSERT INTO {table} VALUES (1); INSERT INTO {table} VALUES (1)"
    with pytest.raises(asyncdb.UniqueViolation):
        await db.executescript(dml)
    assert [] == await db.fetchall(f"SELECT a FROM {table}")

    with pytest.raises(asyncdb.UniqueViolation):
        await db.executescript(
            f"ALTER TABLE {table} ADD b INT NULL FIRST; "
            + dml.replace("VALUES", "(a) VALUES")
        )
    assert [1] == await db.fetchall(f"SELECT a FROM {table}", into=int)
    assert not db.in_transaction


@engines("sqlite", *POSTGRESQLS, "mariadb", "mysql")
async def test_ten_thousand_statements(db: asyncdb.Connection, table: str) -> None:
    """A long script runs, and each result is there."""
    await db.execute(f"CREATE TABLE {table} (a INT)")
    script = "\n".join(f"INSERT INTO {table} VALUES ({n});" for n in range(10_000))
    cur = await db.executescript(script)
    count = 1
    while cur.nextset():
        count += cur.rowcount

    assert 10_000 == count == await db.fetchval(f"SELECT count(*) FROM {table}")


@engines("mariadb", "mysql", "mariadb+asyncmy", "mysql+asyncmy")
async def test_all_results_of_a_procedure(db: asyncdb.Connection, table: str) -> None:
    """Each SELECT of a procedure is a result, then come its counts, then the end."""
    await db.executescript(f"""
        CREATE TABLE {table} (id INT PRIMARY KEY, at TIMESTAMP NULL, name VARCHAR(9));
        CREATE PROCEDURE {table}_p(IN n INT, OUT total INT) BEGIN
            SELECT id, name FROM {table} ORDER BY id;
            SELECT at FROM {table} WHERE id = n;
            SELECT 1 WHERE 1 = 0;
            SELECT count(*) INTO total FROM {table};
            UPDATE {table} SET name = 'z' WHERE id <= n;
        END
    """)
    noon = datetime(2024, 2, 29, 12, tzinfo=UTC)
    rows = [[n, noon, f"n{n}"] for n in range(1, 4)]
    await db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
    try:
        cur = await db.execute(f"CALL {table}_p(?, @total)", [2])
        assert [(1, "n1"), (2, "n2"), (3, "n3")] == await cur.fetchall()
        assert cur.nextset()
        assert [noon] == await cur.fetchall(into=datetime)
        assert cur.nextset()
        assert (0, []) == (cur.rowcount, await cur.fetchall())
        assert cur.description is not None
        assert cur.nextset()
        assert cur.description is None
        assert cur.rowcount in (2, 3)  # MariaDB adds what SELECT ... INTO found
        assert cur.nextset() is None
        assert 3 == await db.fetchval("SELECT @total")

        async with db.stream(f"CALL {table}_p(1, @total)") as first:
            assert 3 == len([row async for row in first])
        assert 7 == await db.fetchval("SELECT 7")
    finally:
        await db.execute(f"DROP PROCEDURE {table}_p")


@engines("mariadb", "mysql", "mariadb+asyncmy", "mysql+asyncmy")
async def test_a_procedure_on_a_pool(database_url: str, table: str) -> None:
    """A pool's cursor keeps all results, the connection is back; errors are errors."""
    async with asyncdb.create_pool(database_url, max_size=1) as pool:
        await pool.executescript(f"""
            CREATE TABLE {table} (id INT);
            CREATE PROCEDURE {table}_p() BEGIN SELECT 1; SELECT repeat('x', 70000); END;
            CREATE PROCEDURE {table}_q() BEGIN SELECT 1; SELECT * FROM {table}_no; END
        """)
        try:
            cur = await pool.execute(f"CALL {table}_p()")
            assert 0 == pool.stats().in_use
            found = [await cur.fetchval()]
            while cur.nextset():
                found.append(await cur.fetchval() if cur.description else "end")
            assert [1, "x" * 70000, "end"] == found
            with pytest.raises(asyncdb.UndefinedTable):
                await pool.execute(f"CALL {table}_q()")
            assert 7 == await pool.fetchval("SELECT 7")
        finally:
            await pool.executescript(
                f"DROP PROCEDURE {table}_p; DROP PROCEDURE {table}_q"
            )
