"""The whole round on a table of users, the same on every database.

The environment's DATABASE_URL says which; without it, a SQLite in memory.
"""

import asyncio
import os

import asyncdb

URL = os.environ.get("DATABASE_URL") or "sqlite://"
INSERT = "INSERT INTO quickstart_users (name, email) VALUES (?, ?)"


async def main() -> None:
    """Create, insert, read, update, delete, stream, roll back."""
    async with asyncdb.connect(URL) as db:
        await db.execute(
            f"CREATE TABLE quickstart_users (id {db.dialect.identity_column}, "
            "name VARCHAR(80) NOT NULL, email VARCHAR(80) NOT NULL UNIQUE)"
        )
        try:
            await play(db)
        finally:
            await db.execute("DROP TABLE quickstart_users")


async def play(db: asyncdb.Connection) -> None:
    """Use the table."""
    await db.execute(INSERT, ["Ann", "ann@example.com"])
    more = [(name, f"{name.lower()}@example.com") for name in ("Bob", "Cid", "Dee")]
    cur = await db.executemany(INSERT, more)
    print("inserted", 1 + cur.rowcount)

    sql = "SELECT id, name, email FROM quickstart_users WHERE name = :name"
    ann = await db.fetchone(sql, {"name": "Ann"})
    print("read", ann.name, ann["email"])

    update = "UPDATE quickstart_users SET name = ? WHERE id = ?"
    print("updated", (await db.execute(update, ["Anna", ann.id])).rowcount)
    delete = "DELETE FROM quickstart_users WHERE name IN (?, ?)"
    print("deleted", (await db.execute(delete, ["Cid", "Dee"])).rowcount)

    try:
        async with db.transaction():
            await db.execute(INSERT, ["Eve", "eve@example.com"])
            await db.execute(INSERT, ["Bob again", "bob@example.com"])
    except asyncdb.UniqueViolation as error:
        print("rolled back:", type(error).__name__)

    async with db.stream("SELECT name FROM quickstart_users ORDER BY id") as rows:
        print("left", [row.name async for row in rows])


if __name__ == "__main__":
    asyncio.run(main())
